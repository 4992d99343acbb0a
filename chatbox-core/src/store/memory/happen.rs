//! Service events, and who is told of them.

use super::admin::changed;
use super::world::World;
use crate::connector::DeliveryClass;
use crate::id::{AccountId, ChatId, ConnectionId, DeliveryId, Millis, Seq};
use crate::store::{
    Delivery, DeliveryState, EVENT_TTL_MS, EVENTS_WAITING, LaneKey, Outcome, Parcel, Sent,
    ServiceEvent, ServiceKind, Standing, Subscription,
};

impl World {
    /// Everybody in the mailbox's account who wants to know is told, unless too much waits for them.
    pub(super) fn happen(&mut self, event: &ServiceEvent, seq: Seq, now: Millis) {
        let Some(account) = self
            .mailboxes
            .get(&event.mailbox)
            .map(|it| it.account.clone())
        else {
            return;
        };
        let wants = |it: &&Subscription| it.account == account && it.events.contains(&event.kind);
        let told = self.subscriptions.values().filter(wants);
        let told: Vec<String> = told.map(|it| it.id.clone()).collect();
        for id in told {
            let lane = LaneKey::events(&id);
            let waiting = self.unsettled().filter(|sent| sent.delivery.lane == lane);
            if waiting.count() >= EVENTS_WAITING as usize {
                if let Some(subscription) = self.subscriptions.get_mut(&id) {
                    subscription.dropped += 1;
                }
                continue;
            }
            self.tell(lane, event.clone(), seq, now);
        }
    }

    fn tell(&mut self, lane: LaneKey, event: ServiceEvent, seq: Seq, now: Millis) {
        self.delivered += 1;
        let id = DeliveryId(self.delivered);
        let delivery = Delivery {
            id,
            seq,
            part: 0,
            lane: lane.clone(),
            chat: event.chat.unwrap_or(ChatId(0)),
            class: DeliveryClass::Idempotent,
            parcel: Parcel::Event { event },
            state: DeliveryState::Queued,
            attempts: 0,
            expires: Millis(now.0 + EVENT_TTL_MS),
            receipt: None,
            reason: None,
            at: now,
        };
        let since = now;
        self.outbox.insert(id, Sent { delivery, since });
        self.lane_mut(&lane).wake(id.0, now);
    }

    pub(super) fn subscribe(
        &mut self,
        account: AccountId,
        id: String,
        events: Vec<ServiceKind>,
        now: Millis,
    ) -> Outcome {
        let known = self.subscriptions.get_mut(&id);
        match known {
            Some(known) if known.account != account => return Outcome::Stale,
            Some(known) => known.events = events,
            None => {
                let subscription = Subscription {
                    id: id.clone(),
                    account,
                    events,
                    standing: Standing::Active,
                    fails: 0,
                    dropped: 0,
                    at: now,
                };
                self.subscriptions.insert(id, subscription);
            }
        }
        changed(1)
    }

    pub(super) fn unsubscribe(&mut self, account: &AccountId, id: &str, now: Millis) -> Outcome {
        let known = self.subscriptions.get(id);
        if known.is_none_or(|it| it.account != *account) {
            return Outcome::Stale;
        }
        self.subscriptions.remove(id);
        self.end_push(id, now);
        changed(1)
    }

    pub(super) fn report_link(
        &mut self,
        id: &ConnectionId,
        up: bool,
        reason: Option<String>,
        now: Millis,
    ) -> Outcome {
        let Some(connection) = self.active(id) else {
            return Outcome::Stale;
        };
        let kind = match up {
            true => ServiceKind::ConnectionUp,
            false => ServiceKind::ConnectionDown,
        };
        let event = ServiceEvent {
            connection: Some(id.clone()),
            reason,
            ..ServiceEvent::new(kind, connection.mailbox.clone())
        };
        self.happen(&event, Seq::ZERO, now);
        changed(1)
    }
}
