//! Saying something, deciding what became of it, and moving where readers are.

use super::LaneKey;
use crate::connector::{DeliveryClass, Receipt, Verb};
use crate::event::{Content, EventBody, Media};
use crate::id::{ChatId, DeliveryId, Fence, MailboxId, Seq};
use crate::store::row::Author;
use serde::{Deserialize, Serialize};

/// Says something: one log row, and one outbox row per part where a platform must be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Emit {
    /// The mailbox in whose name.
    pub mailbox: MailboxId,
    /// Who says it.
    pub author: Author,
    /// Where.
    pub chat: ChatId,
    /// What: a message, edit, deletion or reaction.
    pub body: EventBody,
    /// The row it is about.
    pub target: Option<Seq>,
    /// The parts to send; none where the append is the delivery.
    pub parts: Vec<PlannedPart>,
    /// How certain a send is.
    pub class: DeliveryClass,
    /// Parts not sent within this many milliseconds expire.
    pub ttl_ms: i64,
    /// A key under which the same emit is recognised.
    pub idem: Option<String>,
    /// The turn that says it before it ends, if one does: where it does not run any more, `Fenced`. What a turn says by
    /// ending is under the fence of its [`Commit`](super::Commit), and this is not looked at.
    pub under: Option<Under>,
}

impl Emit {
    /// What is said, where it is a message or an edit.
    pub fn content(&self) -> Option<&Content> {
        self.body.content()
    }
}

/// A turn, as what is done in its name before it ends says it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Under {
    /// Its lane.
    pub lane: LaneKey,
    /// Its fence.
    pub fence: Fence,
}

/// One part of what is said, ready for the adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedPart {
    /// What to do.
    pub verb: Verb,
}

/// Decides about one delivery under its lane's fence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settle {
    /// The out lane.
    pub lane: LaneKey,
    /// The holder's fence; another is `Fenced` and nothing is written.
    pub fence: Fence,
    /// Which delivery; `None` only gives the lane back.
    pub delivery: Option<DeliveryId>,
    /// What became of it.
    pub to: Settled,
    /// Of a hand-out: its mailbox is paused if as many as this came to nothing in a row, this one included; 0 pauses it
    /// whatever became of this one.
    pub pause_after: Option<u32>,
    /// Nobody waits for it: it may be kept for a moment, to be committed with what somebody waits for.
    #[serde(default)]
    pub may_wait: bool,
}

/// What becomes of a delivery. Every one but `Custody` and `Retry` is final, except that `Retry` and `Release` also
/// give the lane back; the others keep it while rows wait in it, and give it back after the last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Settled {
    /// About to be handed to the platform: from here on a crash leaves doubt.
    Custody,
    /// The platform has it.
    Delivered {
        /// What the platform calls it.
        receipt: Receipt,
    },
    /// Certainly not done; again later. Counts an attempt.
    Retry {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// It will never work.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody knows.
    Unknown {
        /// Why.
        reason: String,
    },
    /// Too late.
    Expired,
    /// Nothing happened; the lane sleeps and becomes due again. Costs no attempt.
    Release {
        /// Milliseconds from the commit.
        after_ms: i64,
    },
}

/// Decides about one file of one row; once none is pending the chat's lane is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MediaStep {
    /// The row.
    pub seq: Seq,
    /// The file's place among the row's attachments.
    pub index: u32,
    /// Where it is now.
    pub media: Media,
    /// Its name as kept.
    pub name: Option<String>,
    /// Its type as found in the bytes.
    pub mime: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// What the lane goes on waiting for after the last file, in milliseconds: an album's other pictures.
    #[serde(default)]
    pub wait_ms: i64,
}

/// Moves a reader's position forward; back is done without effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The chat.
    pub chat: ChatId,
    /// A mailbox id or a principal's name.
    pub reader: String,
    /// The newest row seen; beyond the chat's head is `Stale`.
    pub seen: Seq,
}

/// Moves a mailbox's focus and consumes what the new chat holds so far. `Stale` where the mailbox has no such chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Switch {
    /// Whose.
    pub mailbox: MailboxId,
    /// Where to, or nowhere.
    pub to: Option<ChatId>,
}
