//! What is handed to a mailbox's own endpoint.

use super::world::World;
use crate::connector::DeliveryClass;
use crate::id::{ChatId, DeliveryId, MailboxId, Millis, Seq};
use crate::store::{
    Accept, Chat, Claimed, Delivery, DeliveryState, Door, Handing, LaneKey, LaneKind, Parcel, Sent,
    ServiceEvent, ServiceKind, Settled, Standing,
};

impl World {
    /// A mailbox that is pushed is handed the row, unless it does not want to hear of the chat: what is written, and the
    /// lane if it was taken for it.
    pub(super) fn hand_out(
        &mut self,
        accept: &Accept,
        chat: &Chat,
        seq: Seq,
        now: Millis,
    ) -> Option<(Handing, Option<Claimed>)> {
        let mailbox = self.mailboxes.get(&chat.mailbox);
        let pushed = mailbox.filter(|it| it.door == Door::Push);
        let member = (chat.id, chat.mailbox.as_str().to_owned());
        let muted = self.members.get(&member).is_some_and(|it| it.muted);
        let (Some(mailbox), Some(hand), false) = (pushed, &accept.hand, muted) else {
            return None;
        };
        let lane = LaneKey::hand(&mailbox.id, chat.id);
        let focal = mailbox.focus.chat == Some(chat.id);
        self.delivered += 1;
        let id = DeliveryId(self.delivered);
        let delivery = Delivery {
            id,
            seq,
            part: 0,
            lane: lane.clone(),
            chat: chat.id,
            class: DeliveryClass::Idempotent,
            parcel: Parcel::Hand { focal },
            state: DeliveryState::Queued,
            attempts: 0,
            expires: Millis(now.0 + hand.within_ms),
            receipt: None,
            reason: None,
            at: now,
        };
        let handing = Handing {
            delivery: id,
            focal,
            after: self.last_open(&lane),
        };
        let since = now;
        self.outbox.insert(id, Sent { delivery, since });
        let is_paused = self.is_paused(&lane);
        let found = self.lane_mut(&lane);
        found.wake(id.0, now);
        let is_free = found.holder.is_none() && found.due <= now && !is_paused;
        let offer = hand.offer.as_ref().filter(|_| is_free);
        let claimed = offer.map(|offer| self.take(lane, offer, now));
        Some((handing, claimed))
    }

    /// The last delivery of a lane that is not decided yet.
    fn last_open(&self, lane: &LaneKey) -> Option<DeliveryId> {
        let mut sent = self.outbox.iter().rev();
        let open = sent.find(|(_, sent)| {
            let state = sent.delivery.state;
            sent.delivery.lane == *lane
                && matches!(state, DeliveryState::Queued | DeliveryState::Custody)
        });
        open.map(|(id, _)| *id)
    }

    /// What was said in a chat that the mailbox now reads itself need not be announced any more.
    pub(super) fn supersede_notices(&mut self, chat: ChatId, mailbox: &MailboxId, now: Millis) {
        let lane = LaneKey::hand(mailbox, chat);
        let notice = Parcel::Hand { focal: false };
        self.supersede(now, |it| {
            it.lane == lane && it.parcel == notice && it.state == DeliveryState::Queued
        });
    }

    /// Who is not pushed any more is handed nothing.
    pub(super) fn end_push(&mut self, owner: &str, now: Millis) {
        let theirs = |key: &LaneKey| key.kind == LaneKind::Push && key.owner == owner;
        self.supersede(now, |it| {
            let open = matches!(it.state, DeliveryState::Queued | DeliveryState::Custody);
            open && theirs(&it.lane)
        });
        for (key, lane) in &mut self.lanes {
            if theirs(key) {
                lane.fence.0 += i64::from(lane.holder.is_some());
                lane.rest();
            }
        }
    }

    fn supersede(&mut self, now: Millis, which: impl Fn(&Delivery) -> bool) {
        for sent in self.outbox.values_mut().filter(|it| which(&it.delivery)) {
            sent.since = now;
            sent.delivery.state = DeliveryState::Superseded;
        }
    }

    /// What a hand-out that was decided means for whom it is handed to: how far a mailbox was handed over to, and whether
    /// it goes on.
    pub(super) fn settle_hand_out(
        &mut self,
        id: DeliveryId,
        to: &Settled,
        pause_after: Option<u32>,
        now: Millis,
    ) {
        let delivery = &self.outbox[&id].delivery;
        let (chat, seq) = (delivery.chat, delivery.seq);
        let ended = match to {
            Settled::Delivered { .. } => Some(true),
            Settled::Failed { .. } | Settled::Unknown { .. } | Settled::Expired => Some(false),
            Settled::Custody | Settled::Retry { .. } | Settled::Release { .. } => None,
        };
        if let Some(subscription) = self.subscriptions.get_mut(&delivery.lane.owner) {
            count(
                &mut subscription.fails,
                &mut subscription.standing,
                ended,
                pause_after,
            );
            return;
        }
        let Some(id) = self.mailbox_of(&delivery.lane) else {
            return;
        };
        if ended.is_some() {
            let reader = (chat, id.as_str().to_owned());
            let member = self.members.entry(reader).or_default();
            member.handed = member.handed.max(seq);
        }
        let mailbox = self.mailboxes.get_mut(&id);
        let mailbox = mailbox.expect("it was found above");
        let before = mailbox.standing;
        count(
            &mut mailbox.fails,
            &mut mailbox.standing,
            ended,
            pause_after,
        );
        if mailbox.standing != before {
            let paused = ServiceEvent::new(ServiceKind::MailboxPaused, id);
            self.happen(&paused, Seq::ZERO, now);
        }
    }

    /// The mailbox to whose endpoint this lane hands.
    pub(super) fn mailbox_of(&self, lane: &LaneKey) -> Option<MailboxId> {
        let id = MailboxId::new(lane.owner.clone());
        let theirs = *lane == LaneKey::hand(&id, chat_of(lane));
        (theirs && self.mailboxes.contains_key(&id)).then_some(id)
    }

    pub(super) fn is_paused(&self, lane: &LaneKey) -> bool {
        if lane.kind != LaneKind::Push {
            return false;
        }
        let subscription = self.subscriptions.get(&lane.owner).map(|it| it.standing);
        let mailbox = self.mailbox_of(lane).map(|id| self.mailboxes[&id].standing);
        let standing = subscription.or(mailbox);
        standing.is_some_and(|it| it != Standing::Active)
    }
}

/// One more that was handed over, or one more that was not: enough of those pause.
fn count(
    fails: &mut u32,
    standing: &mut Standing,
    delivered: Option<bool>,
    pause_after: Option<u32>,
) {
    *fails = match delivered {
        Some(true) => 0,
        Some(false) => *fails + 1,
        None => *fails,
    };
    if pause_after.is_some_and(|most| *fails >= most) && *standing == Standing::Active {
        *standing = Standing::Paused;
    }
}

/// The chat of an out lane.
fn chat_of(lane: &LaneKey) -> ChatId {
    let id = lane.key.strip_prefix("chat/").unwrap_or_default();
    ChatId(id.parse().unwrap_or_default())
}
