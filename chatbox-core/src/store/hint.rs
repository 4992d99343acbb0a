//! What one process tells the others of a commit: enough to look at once, never what to find.

use super::step::{Admin, Done, LaneKind, Outcome, Settle, Settled, Step, Wake};
use crate::id::ChatId;
use std::collections::BTreeSet;
use tokio::sync::broadcast;

/// Hints as they come. Whoever falls behind is told so, and looks at everything.
pub type Hints = broadcast::Receiver<Hint>;

/// What is worth a look. A hint too many costs a read; one that is lost costs the time until somebody looks anyway.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hint {
    /// A turn lane may be due.
    pub turns: bool,
    /// A row may wait to be sent or handed out.
    pub sends: bool,
    /// A connection may be free to be read.
    pub links: bool,
    /// Who and what exists may have changed.
    pub house: bool,
    /// These chats have rows that were not there before.
    pub chats: Whither,
}

/// Which chats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whither {
    /// These.
    Some(BTreeSet<ChatId>),
    /// Any.
    Any,
}

impl Default for Whither {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Whither {
    fn add(&mut self, chat: ChatId) {
        if let Self::Some(chats) = self {
            chats.insert(chat);
        }
    }

    fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Some(mine), Self::Some(theirs)) => mine.extend(theirs),
            _ => *self = Self::Any,
        }
    }
}

impl Hint {
    /// Everything is worth a look: nobody knows what was missed.
    pub fn everything() -> Self {
        Self {
            turns: true,
            sends: true,
            links: true,
            house: true,
            chats: Whither::Any,
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This and that.
    pub fn merge(&mut self, other: Self) {
        self.turns |= other.turns;
        self.sends |= other.sends;
        self.links |= other.links;
        self.house |= other.house;
        self.chats.merge(other.chats);
    }

    /// Takes a committed step in.
    pub fn note(&mut self, step: &Step, outcome: &Outcome) {
        let Outcome::Done(done) = outcome else {
            return;
        };
        match (step, done) {
            (Step::Accept(accept), Done::Accepted(accepted)) => {
                self.chats.add(accepted.chat);
                let is_left = accepted.claimed.is_none();
                self.turns |= is_left && accept.wake != Wake::Never;
                self.sends |= is_left && accepted.handing.is_some() || accepted.new_chat;
            }
            (_, Done::Appended { rows, more }) => {
                rows.iter().for_each(|row| self.chats.add(row.chat));
                if let Step::Commit(commit) = step {
                    self.chats.add(commit.chat);
                }
                self.turns |= more;
                self.sends |= !rows.is_empty();
            }
            (Step::Switch(switch), _) => switch.to.into_iter().for_each(|to| self.chats.add(to)),
            (Step::Settle(settle), _) => self.note_settled(settle),
            (Step::Media(_), _) => self.turns = true,
            (Step::Renew(renew), _) => {
                self.links |= renew.lane.kind == LaneKind::Link && renew.lease_ms < 0;
            }
            (Step::Admin(admin), _) => self.note_admin(admin),
            (Step::Together { all }, _) => all.iter().for_each(|admin| self.note_admin(admin)),
            _ => {}
        }
    }

    /// The chat of a delivery that came to nothing was told so.
    fn note_settled(&mut self, settle: &Settle) {
        let lost = matches!(
            settle.to,
            Settled::Failed { .. } | Settled::Unknown { .. } | Settled::Expired
        );
        let chat = settle.lane.key.strip_prefix("chat/");
        if let Some(Ok(chat)) = chat.filter(|_| lost).map(str::parse) {
            self.chats.add(ChatId(chat));
        }
    }

    fn note_admin(&mut self, admin: &Admin) {
        match admin {
            Admin::PutState { .. }
            | Admin::SettleFocus { .. }
            | Admin::PurgeDeliveries { .. }
            | Admin::Once(_)
            | Admin::Reseal { .. }
            | Admin::Note(_) => {}
            Admin::RetryDelivery { .. } | Admin::ReportLink { .. } => self.sends = true,
            _ => {
                self.house = true;
                self.turns = true;
                self.sends = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::id::{DeliveryId, Fence, Millis, Seq, SessionId};
    use crate::store::{Accept, Accepted, Handing, LaneKey, Renew};

    fn said() -> Event {
        let event = serde_json::json!({
            "id": "e", "chat": { "handle": "c", "kind": "dm" }, "sender": { "id": "a" }, "at": 0,
            "body": { "kind": "message", "text": "x" }, "addressed": true
        });
        serde_json::from_value(event).expect("an event")
    }

    fn noted(step: Step, done: Done) -> Hint {
        let mut hint = Hint::default();
        hint.note(&step, &Outcome::Done(done));
        hint
    }

    #[test]
    fn a_connection_that_is_given_back_is_told_and_one_that_is_kept_is_not() {
        let lane = LaneKey::link(&"c".into());
        let back = Renew::give_back(lane.clone(), Fence(1));
        assert!(noted(Step::Renew(back), Done::Nothing).links);
        let lease_ms = 1;
        let kept = Renew {
            lane,
            fence: Fence(1),
            lease_ms,
        };
        assert!(noted(Step::Renew(kept), Done::Nothing).is_empty());
    }

    #[test]
    fn who_has_nothing_to_run_or_to_send_is_only_told_of_the_chat() {
        let accept = |wake, handing| {
            let accept = Accept {
                connection: "c".into(),
                policy_rev: 1,
                fence: None,
                event: said(),
                wake,
                cursor: None,
                offer: None,
                hand: None,
            };
            let accepted = Accepted {
                seq: Seq(1),
                prev: Seq(0),
                chat: ChatId(3),
                session: SessionId(1),
                name: None,
                at: Millis(0),
                new_chat: false,
                claimed: None,
                alone: false,
                handing,
            };
            noted(Step::Accept(Box::new(accept)), Done::Accepted(accepted))
        };
        let kept = accept(Wake::Never, None);
        assert!(!kept.turns && !kept.sends && !kept.is_empty());
        assert!(accept(Wake::NOW, None).turns);
        let handing = Handing {
            delivery: DeliveryId(1),
            focal: false,
            after: None,
        };
        assert!(accept(Wake::Never, Some(handing)).sends);
    }

    #[test]
    fn what_was_not_done_is_not_told() {
        let mut hint = Hint::default();
        let removed = Admin::RemoveToken {
            prefix: "t".to_owned(),
        };
        let step = Step::Admin(Box::new(removed));
        hint.note(&step, &Outcome::Stale);
        assert!(hint.is_empty());
        hint.note(&step, &Outcome::Done(Done::Changed { count: 1 }));
        assert!(hint.house && !hint.links);
    }

    #[test]
    fn any_chat_and_some_are_any() {
        let mut some = Hint::default();
        some.chats.add(ChatId(3));
        let mut any = Hint::everything();
        any.merge(some.clone());
        assert_eq!(any, Hint::everything());
        some.merge(Hint::everything());
        assert_eq!(some, Hint::everything());
    }
}
