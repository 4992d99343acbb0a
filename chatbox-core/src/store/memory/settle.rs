//! Deciding about deliveries, under their lane's fence.

use super::world::{NewRow, World};
use crate::connector::Receipt;
use crate::id::{DeliveryId, Millis};
use crate::store::{DeliveryState, Done, LaneKey, NOT_IN_TIME, Outcome, Parcel, Settle, Settled};

impl World {
    pub(super) fn settle(&mut self, settle: Settle, now: Millis) -> Outcome {
        if !self.is_held(&settle.lane, settle.fence) {
            return Outcome::Fenced;
        }
        if settle
            .delivery
            .is_some_and(|id| !self.is_open(&settle.lane, id))
        {
            return Outcome::Stale;
        }
        if let Some(id) = settle.delivery {
            self.decide(id, &settle.to, now);
            self.settle_hand_out(id, &settle.to, settle.pause_after);
        }
        let back_at = match (&settle.delivery, &settle.to) {
            (_, Settled::Retry { after_ms, .. } | Settled::Release { after_ms }) => {
                Some(Millis(now.0 + after_ms))
            }
            (None, _) => Some(now),
            (Some(_), _) => None,
        };
        let more = self.give_back_out(&settle.lane, back_at);
        let paused = self.is_paused(&settle.lane);
        Outcome::Done(Done::Settled { more, paused })
    }

    /// Whether the delivery is one of the lane's and not settled.
    fn is_open(&self, lane: &LaneKey, id: DeliveryId) -> bool {
        let mut unsettled = self.unsettled();
        unsettled.any(|sent| sent.delivery.id == id && sent.delivery.lane == *lane)
    }

    fn decide(&mut self, id: DeliveryId, to: &Settled, now: Millis) {
        match to {
            Settled::Release { .. } => {}
            Settled::Custody => self.change(id, DeliveryState::Custody, None, None, now),
            Settled::Delivered { receipt } => {
                self.change(id, DeliveryState::Delivered, Some(receipt), None, now);
            }
            Settled::Retry { reason, .. } => {
                self.change(id, DeliveryState::Queued, None, Some(reason), now);
                if let Some(sent) = self.outbox.get_mut(&id) {
                    sent.delivery.attempts += 1;
                }
            }
            Settled::Failed { reason } => self.lose(id, DeliveryState::Failed, reason, now),
            Settled::Unknown { reason } => self.lose(id, DeliveryState::Unknown, reason, now),
            Settled::Expired => self.lose(id, DeliveryState::Expired, NOT_IN_TIME, now),
        }
    }

    /// It did not arrive, as far as anybody knows: the chat is told, if it was to arrive there.
    fn lose(&mut self, id: DeliveryId, state: DeliveryState, reason: &str, now: Millis) {
        self.change(id, state, None, Some(reason), now);
        let delivery = &self.outbox[&id].delivery;
        if let Parcel::Hand { .. } = delivery.parcel {
            return;
        }
        let row = NewRow::outcome(delivery.chat, delivery.seq, state.as_str(), reason);
        self.append(row, now);
    }

    pub(super) fn change(
        &mut self,
        id: DeliveryId,
        state: DeliveryState,
        receipt: Option<&Receipt>,
        reason: Option<&str>,
        now: Millis,
    ) {
        if let Some(sent) = self.outbox.get_mut(&id) {
            sent.since = now;
            sent.delivery.state = state;
            sent.delivery.receipt = receipt.cloned();
            sent.delivery.reason = reason.map(str::to_owned);
        }
    }

    /// The lane rests when nothing is left in it, sleeps if it is given back, and is kept otherwise.
    fn give_back_out(&mut self, key: &LaneKey, back_at: Option<Millis>) -> bool {
        let left = self.has_unsettled(key);
        let lane = self.lane_mut(key);
        match (left, back_at) {
            (false, _) => lane.rest(),
            (true, Some(due)) => lane.sleep_until(due),
            (true, None) => return true,
        }
        false
    }
}
