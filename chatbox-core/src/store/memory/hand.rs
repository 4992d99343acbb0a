//! What is handed to a mailbox's own endpoint.

use super::world::World;
use crate::connector::DeliveryClass;
use crate::id::{ChatId, DeliveryId, MailboxId, Millis, Seq};
use crate::store::{
    Accept, Chat, Delivery, DeliveryState, Door, LaneKey, Mailbox, Parcel, Sent, Settled, Standing,
};

impl World {
    /// A mailbox that is pushed is handed the row, unless it does not want to hear of the chat.
    pub(super) fn hand_out(&mut self, accept: &Accept, chat: &Chat, seq: Seq, now: Millis) {
        let mailbox = self.mailboxes.get(&chat.mailbox);
        let pushed = mailbox.filter(|it| it.door == Door::Push);
        let member = (chat.id, chat.mailbox.as_str().to_owned());
        let muted = self.members.get(&member).is_some_and(|it| it.muted);
        let (Some(mailbox), Some(ms), false) = (pushed, accept.hand_ms, muted) else {
            return;
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
            expires: Millis(now.0 + ms),
            receipt: None,
            reason: None,
            at: now,
        };
        let since = now;
        self.outbox.insert(id, Sent { delivery, since });
        self.lane_mut(&lane).wake(id.0, now);
    }

    /// What was said in a chat that the mailbox now reads itself need not be announced any more.
    pub(super) fn supersede_notices(&mut self, chat: ChatId, mailbox: &MailboxId, now: Millis) {
        let lane = LaneKey::hand(mailbox, chat);
        let notice = Parcel::Hand { focal: false };
        self.supersede(now, |it| {
            it.lane == lane && it.parcel == notice && it.state == DeliveryState::Queued
        });
    }

    /// A mailbox that is not pushed any more is handed nothing.
    pub(super) fn end_hand_outs(&mut self, mailbox: &Mailbox, now: Millis) {
        let owner = mailbox.id.as_str();
        let theirs = |key: &LaneKey| *key == LaneKey::hand(&mailbox.id, chat_of(key));
        self.supersede(now, |it| {
            let open = matches!(it.state, DeliveryState::Queued | DeliveryState::Custody);
            open && it.lane.owner == owner && theirs(&it.lane)
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

    /// What a hand-out that was decided means for its mailbox: how far it was handed over, and whether it goes on.
    pub(super) fn settle_hand_out(
        &mut self,
        id: DeliveryId,
        to: &Settled,
        pause_after: Option<u32>,
    ) {
        let delivery = &self.outbox[&id].delivery;
        let (chat, seq) = (delivery.chat, delivery.seq);
        let Some(mailbox) = self.mailbox_of(&delivery.lane) else {
            return;
        };
        let ended = match to {
            Settled::Delivered { .. } => Some(true),
            Settled::Failed { .. } | Settled::Unknown { .. } | Settled::Expired => Some(false),
            Settled::Custody | Settled::Retry { .. } | Settled::Release { .. } => None,
        };
        if ended.is_some() {
            let reader = (chat, mailbox.as_str().to_owned());
            let member = self.members.entry(reader).or_default();
            member.handed = member.handed.max(seq);
        }
        let mailbox = self.mailboxes.get_mut(&mailbox);
        let mailbox = mailbox.expect("it was found above");
        mailbox.fails = match ended {
            Some(true) => 0,
            Some(false) => mailbox.fails + 1,
            None => mailbox.fails,
        };
        if pause_after.is_some_and(|most| mailbox.fails >= most) {
            mailbox.standing = Standing::Paused;
        }
    }

    /// The mailbox to whose endpoint this lane hands.
    pub(super) fn mailbox_of(&self, lane: &LaneKey) -> Option<MailboxId> {
        let id = MailboxId::new(lane.owner.clone());
        let theirs = *lane == LaneKey::hand(&id, chat_of(lane));
        (theirs && self.mailboxes.contains_key(&id)).then_some(id)
    }

    pub(super) fn is_paused(&self, lane: &LaneKey) -> bool {
        let mailbox = self.mailbox_of(lane);
        mailbox.is_some_and(|id| self.mailboxes[&id].standing == Standing::Paused)
    }
}

/// The chat of an out lane.
fn chat_of(lane: &LaneKey) -> ChatId {
    let id = lane.key.strip_prefix("chat/").unwrap_or_default();
    ChatId(id.parse().unwrap_or_default())
}
