//! Deciding about deliveries, under their lane's fence.

use super::world::{NewRow, World};
use crate::connector::Receipt;
use crate::id::{AccountId, ConnectionId, DeliveryId, MailboxId, Millis};
use crate::store::{
    DeliveryState, Done, LaneKey, NOT_IN_TIME, Outcome, Parcel, Sent, ServiceEvent, ServiceKind,
    Settle, Settled,
};

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
            self.settle_hand_out(id, &settle.to, settle.pause_after, now);
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
        let (chat, seq) = (delivery.chat, delivery.seq);
        match delivery.parcel {
            // Who is not told of an event is not told that they were not.
            Parcel::Event { .. } => return,
            Parcel::Hand { .. } => {}
            Parcel::Perform(_) => {
                let row = NewRow::outcome(chat, seq, state.as_str(), reason);
                self.append(row, now);
            }
        }
        let Some(mailbox) = self.chat(chat).map(|it| it.mailbox.clone()) else {
            return;
        };
        let failed = ServiceEvent {
            chat: Some(chat),
            delivery: Some(id),
            reason: Some(reason.to_owned()),
            ..ServiceEvent::new(ServiceKind::DeliveryFailed, mailbox)
        };
        self.happen(&failed, seq, now);
    }

    /// Whose a delivery is.
    pub(super) fn account_of(&self, sent: &Sent) -> Option<&AccountId> {
        let owner = &sent.delivery.lane.owner;
        let mailbox = MailboxId::new(owner.clone());
        let connection = ConnectionId::new(owner.clone());
        let connection = self.connections.get(&connection);
        let mailbox = connection.map_or(mailbox, |it| it.connection.mailbox.clone());
        let mailbox = self.mailboxes.get(&mailbox).map(|it| &it.account);
        mailbox.or_else(|| self.subscriptions.get(owner).map(|it| &it.account))
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
