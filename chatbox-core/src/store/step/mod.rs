//! The closed set of writes.
//!
//! A step serialises to JSON with its kind under `step`; stores may hand that JSON to their engine as it is.

mod accept;
mod admin;
mod lane;
mod outcome;
mod say;
mod turn;

pub use accept::{Accept, Hand, Offer, Skip, Wake};
pub use admin::{Admin, NewConnection, NewMailbox, NewRecord, Once};
pub use lane::{Claim, LaneKey, LaneKind, LaneScope, Renew};
pub use outcome::{Accepted, Appended, Claimed, Done, Handing, Outcome};
pub use say::{Ack, Emit, MediaStep, PlannedPart, Settle, Settled, Switch, Under};
pub use turn::{Commit, TurnEnd};

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One write: what to change, and what it was decided on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Takes an admitted event in.
    Accept(Box<Accept>),
    /// Moves a connection's cursor past an event that was refused.
    Skip(Skip),
    /// Takes lanes that are due.
    Claim(Claim),
    /// Keeps a lane.
    Renew(Renew),
    /// Ends a turn.
    Commit(Box<Commit>),
    /// Says something outside a turn.
    Emit(Box<Emit>),
    /// Decides about a delivery.
    Settle(Box<Settle>),
    /// Decides about a file.
    Media(MediaStep),
    /// Moves a reader's position forward.
    Ack(Ack),
    /// Moves a mailbox's focus.
    Switch(Switch),
    /// Changes who and what exists.
    Admin(Box<Admin>),
    /// Changes who and what exists, all of it or nothing: answered with how many things changed, or as the first one that
    /// could not be done.
    Together {
        /// In this order.
        all: Vec<Admin>,
    },
}

impl Step {
    /// Whether nobody waits for it. A store may keep it for as long as [`PATIENCE`], to commit it with what comes next.
    pub fn may_wait(&self) -> bool {
        matches!(self, Self::Settle(settle) if settle.may_wait)
    }
}

/// How long a store keeps what nobody waits for. Until then a crash undoes it, as it does a moment earlier in any case.
pub const PATIENCE: Duration = Duration::from_millis(2);
