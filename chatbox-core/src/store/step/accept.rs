//! Taking events in.

use crate::connector::{Cursor, Revision};
use crate::event::Event;
use crate::id::{ConnectionId, Fence, WorkerId};
use serde::{Deserialize, Serialize};

/// Takes an admitted event in: log row, chat, members, positions, lane or none by the mailbox's door, and cursor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accept {
    /// Where it came from.
    pub connection: ConnectionId,
    /// The policy it was admitted under; another is `Stale`.
    pub policy_rev: Revision,
    /// Of a connection that one node at a time reads: under which fence it was read. Another is `Fenced`. The arrivals of
    /// one call were read under the same.
    pub fence: Option<Fence>,
    /// What happened.
    pub event: Event,
    /// Whether and when it starts a turn.
    pub wake: Wake,
    /// Where to resume afterwards.
    pub cursor: Option<Cursor>,
    /// Claims the turn lane it wakes, if that lane sleeps and is due.
    pub offer: Option<Offer>,
    /// A mailbox that is pushed is handed the row; with none it is not.
    pub hand: Option<Hand>,
}

/// How a mailbox that is pushed is handed a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hand {
    /// Within so many milliseconds.
    pub within_ms: i64,
    /// Claims the push lane it wakes, if that lane sleeps and is due, and the mailbox is not paused.
    pub offer: Option<Offer>,
}

/// Whether and when an event starts a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "wake", rename_all = "snake_case")]
pub enum Wake {
    /// It is context for later.
    Never,
    /// The lane becomes due after this many milliseconds.
    After {
        /// Milliseconds from the commit.
        ms: i64,
    },
}

impl Wake {
    /// At once.
    pub const NOW: Self = Self::After { ms: 0 };
}

/// Who would take a lane, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The worker.
    pub worker: WorkerId,
    /// The lease in milliseconds.
    pub lease_ms: i64,
}

/// Moves a connection's cursor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Skip {
    /// Whose.
    pub connection: ConnectionId,
    /// Where to.
    pub cursor: Cursor,
    /// As of an accept.
    pub fence: Option<Fence>,
}
