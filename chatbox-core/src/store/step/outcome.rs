//! What became of a step.

use super::LaneKey;
use crate::focus::Focus;
use crate::id::{ChatId, DeliveryId, Fence, Millis, Seq, SessionId};
use serde::{Deserialize, Serialize};

/// What became of a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Committed.
    Done(Done),
    /// It had been committed before; nothing was written.
    Duplicate {
        /// The row it became then, where there is one.
        seq: Option<Seq>,
    },
    /// The lane or connection has another holder; nothing was written.
    Fenced,
    /// Decided on old news; nothing was written. Read and decide again.
    Stale,
}

/// What a committed step made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// Nothing to tell.
    Nothing,
    /// An event became a row.
    Accepted(Accepted),
    /// Lanes were taken.
    Claimed {
        /// Which, oldest due first.
        lanes: Vec<Claimed>,
    },
    /// Rows were appended.
    Appended {
        /// One per emit.
        rows: Vec<Appended>,
        /// Whether the lane was given back with work left in it.
        more: bool,
    },
    /// A delivery was settled.
    Settled {
        /// Whether the lane is still ours with rows in it.
        more: bool,
        /// Whether the lane's mailbox, if it is a mailbox's, is paused.
        paused: bool,
    },
    /// A mailbox looks there from now on.
    Switched {
        /// Where it looks.
        focus: Focus,
        /// Whether it looked elsewhere before.
        moved: bool,
    },
    /// So many things were changed.
    Changed {
        /// How many.
        count: u64,
    },
}

/// An accepted event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Its row.
    pub seq: Seq,
    /// The chat's newest row before this one, zero for none: a reader who has that one misses nothing.
    pub prev: Seq,
    /// Its chat.
    pub chat: ChatId,
    /// The chat's session.
    pub session: SessionId,
    /// The chat's title, as it is kept: the event need not tell it.
    pub name: Option<String>,
    /// When it was committed.
    pub at: Millis,
    /// Whether the chat was unknown before.
    pub new_chat: bool,
    /// The lane, if one was offered to and taken: a turn lane or a push lane, by the mailbox's door.
    pub claimed: Option<Claimed>,
    /// Whether a turn lane was taken for this row alone: nobody had anything to answer in it, and since what was handed
    /// over nothing else came into the chat. Who holds it need not look for what is pending.
    pub alone: bool,
    /// The row's hand-out, where its mailbox is pushed and wants to hear of the chat.
    pub handing: Option<Handing>,
}

/// A row's hand-out, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handing {
    /// Which.
    pub delivery: DeliveryId,
    /// Whether the mailbox looked at the chat when the row came in.
    pub focal: bool,
    /// The last one before it in its lane that is not decided yet: with none it is the next to be handed out.
    pub after: Option<DeliveryId>,
}

/// A lane taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Which.
    pub lane: LaneKey,
    /// The new fence.
    pub fence: Fence,
    /// How many attempts since its last success, this one included.
    pub attempts: u32,
}

/// A row appended by an emit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// The chat's newest row before this one, zero for none: a reader who has that one misses nothing.
    pub prev: Seq,
    /// Its chat.
    pub chat: ChatId,
    /// When.
    pub at: Millis,
}
