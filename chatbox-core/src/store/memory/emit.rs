//! Saying something: a row, and deliveries where a platform must be told.

use super::world::{NewRow, World};
use crate::id::{ChatId, DeliveryId, Millis, Seq};
use crate::store::{
    Appended, CONNECTION_REMOVED, Delivery, DeliveryState, Done, Emit, LaneKey, Outcome, Parcel,
    PlannedPart, Sent, Under,
};

impl World {
    pub(super) fn emit(&mut self, emit: Emit, now: Millis) -> Outcome {
        let turn = match &emit.under {
            Some(under) if !self.may_say(under, &emit, now) => return Outcome::Fenced,
            Some(under) => self.turn_under(&under.lane, under.fence),
            None => None,
        };
        if let Some(seq) = self.said_before(&emit) {
            return Outcome::Duplicate { seq: Some(seq) };
        }
        if !self.can_say(&emit) {
            return Outcome::Stale;
        }
        let row = self.say(emit, turn, now);
        Outcome::Done(Done::Appended {
            rows: vec![row],
            more: false,
        })
    }

    /// Whether the turn that says it runs, and is one of the mailbox's.
    fn may_say(&self, under: &Under, emit: &Emit, now: Millis) -> bool {
        under.lane.owner == emit.mailbox.as_str() && self.runs(under, now)
    }

    fn said_before(&self, emit: &Emit) -> Option<Seq> {
        emit.idem
            .as_ref()
            .and_then(|key| self.idem.get(key))
            .copied()
    }

    /// Whether the chat is one of the mailbox's and the row it is about exists.
    pub(super) fn can_say(&self, emit: &Emit) -> bool {
        let chat = self.chat(emit.chat);
        chat.is_some_and(|chat| chat.mailbox == emit.mailbox)
            && emit.target.is_none_or(|seq| self.entry(seq).is_some())
    }

    /// Says it, or tells the row it became when it was said before.
    pub(super) fn say(&mut self, emit: Emit, turn: Option<usize>, now: Millis) -> Appended {
        if let Some(seq) = self.said_before(&emit) {
            let row = &self.entry(seq).expect("what was said is a row").row;
            return Appended {
                seq,
                prev: Seq::ZERO,
                chat: row.chat,
                at: row.at,
            };
        }
        let chat = emit.chat;
        let row = NewRow {
            chat,
            author: emit.author.clone(),
            out: true,
            body: emit.body.clone(),
            event: None,
            target: emit.target,
            late: false,
            wakes: false,
            turn,
        };
        let prev = self.chat(chat).map_or(Seq::ZERO, |chat| chat.head);
        let seq = self.append(row, now);
        if let Some(key) = &emit.idem {
            self.idem.insert(key.clone(), seq);
        }
        self.enqueue(&emit, seq, now);
        Appended {
            seq,
            prev,
            chat,
            at: now,
        }
    }

    /// One delivery per part. Where nobody can send any more they fail at once.
    fn enqueue(&mut self, emit: &Emit, seq: Seq, now: Millis) {
        let connection = &self.chat(emit.chat).expect("a checked chat").connection;
        let lane = LaneKey::out(connection, emit.chat);
        let active = self.active(connection).is_some();
        for (part, planned) in (0..).zip(&emit.parts) {
            self.delivered += 1;
            let id = DeliveryId(self.delivered);
            let delivery = Delivery {
                id,
                part,
                ..delivery_of(emit, planned, &lane, emit.chat, seq, active, now)
            };
            let sent = Sent {
                delivery,
                since: now,
            };
            self.outbox.insert(id, sent);
            if active {
                self.lane_mut(&lane).wake(id.0, now);
            }
        }
    }
}

fn delivery_of(
    emit: &Emit,
    planned: &PlannedPart,
    lane: &LaneKey,
    chat: ChatId,
    seq: Seq,
    active: bool,
    now: Millis,
) -> Delivery {
    let (state, reason) = match active {
        true => (DeliveryState::Queued, None),
        false => (DeliveryState::Failed, Some(CONNECTION_REMOVED.to_owned())),
    };
    Delivery {
        id: DeliveryId(0),
        seq,
        part: 0,
        lane: lane.clone(),
        chat,
        class: emit.class,
        parcel: Parcel::Perform(planned.verb.clone()),
        state,
        attempts: 0,
        expires: Millis(now.0 + emit.ttl_ms),
        receipt: None,
        reason,
        at: now,
    }
}
