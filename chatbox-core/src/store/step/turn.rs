//! Ending a turn.

use super::{Emit, LaneKey};
use crate::id::{ChatId, Fence, Seq};
use serde::{Deserialize, Serialize};

/// Ends a turn: the chat's pending rows are handed over, its replies appended and queued, the lane released.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// Which lane.
    pub lane: LaneKey,
    /// The holder's fence; another is `Fenced` and nothing is written.
    pub fence: Fence,
    /// The turn's origin.
    pub chat: ChatId,
    /// The newest row the turn saw.
    pub upto: Seq,
    /// How it ended.
    pub end: TurnEnd,
    /// What it says, in order.
    pub emits: Vec<Emit>,
}

/// How a turn ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum TurnEnd {
    /// It did its work.
    Done {
        /// Tokens read and written, as far as the backend knows.
        tokens: u32,
    },
    /// The backend failed for good; a notice may be among the emits.
    Failed {
        /// Why.
        reason: String,
    },
    /// To be tried again after this many milliseconds: nothing is handed over, nothing said, the attempt counts.
    Again {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// Cut off by the house, not by what is pending: as `Again`, but the claim is no attempt.
    Released {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// Too many attempts: the oldest pending row alone becomes a dead letter.
    Poisoned {
        /// Why.
        reason: String,
    },
}

impl TurnEnd {
    /// When the lane is due again, if what is pending is left for another turn: milliseconds from the commit.
    pub fn puts_off(&self) -> Option<i64> {
        match self {
            Self::Again { after_ms, .. } | Self::Released { after_ms, .. } => Some(*after_ms),
            Self::Done { .. } | Self::Failed { .. } | Self::Poisoned { .. } => None,
        }
    }
}
