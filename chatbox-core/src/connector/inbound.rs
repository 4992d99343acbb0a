//! What an open adapter yields.

use super::Result;
use crate::event::Event;
use crate::id::{Millis, Seq};
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A place in a platform's stream. Only the adapter that made it reads it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// An open connection, as a stream.
pub type Inbound = BoxStream<'static, Result<Incoming>>;

/// One thing an open connection yields.
#[derive(Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is an event; a box would cost more than it saves"
)]
pub enum Incoming {
    /// Something happened.
    Event(Arrival),
    /// The platform answered on this very connection. The only source of health.
    Alive,
    /// The state of the link changed. A connection that showed life and ends behind `Degraded` was lost to silence: it is shown
    /// as degraded while it is opened again.
    Link(LinkState),
    /// Events may be missing from this time on and cannot be fetched.
    Gap {
        /// The last time we are sure of.
        since: Millis,
    },
}

/// An event with what the platform wants back.
#[derive(Debug)]
pub struct Arrival {
    /// What happened.
    pub event: Event,
    /// Where to resume once this event is committed.
    pub cursor: Option<Cursor>,
    /// Told when it is committed, refused or recognised as a repetition: never before.
    pub confirm: Option<Confirm>,
    /// Whether the sender can be asked to come again later. Otherwise a person who is too fast waits for the turn.
    pub may_wait: bool,
}

impl Arrival {
    /// An event whose platform wants nothing back.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            cursor: None,
            confirm: None,
            may_wait: false,
        }
    }
}

/// Tells the platform what became of an event. Dropped unused when the event is not safe with us.
pub struct Confirm(Box<dyn FnOnce(Fate) + Send>);

/// What became of an event. Every fate but `Later` means: do not send it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is on disk, as this row.
    Stored(Seq),
    /// It was on disk before, as this row.
    Duplicate(Seq),
    /// It does not come in. The word is for metrics; a stranger is told nothing.
    Refused(&'static str),
    /// Too fast: not taken; send it again after this long. Only where the adapter's arrivals ask for it.
    Later(Duration),
}

impl Confirm {
    /// What to do once the event's fate is certain. Must not block.
    pub fn new(then: impl FnOnce(Fate) + Send + 'static) -> Self {
        Self(Box::new(then))
    }

    /// The fate is certain.
    pub fn confirm(self, fate: Fate) {
        (self.0)(fate);
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirm")
    }
}

/// How a connection stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkState {
    /// On the way.
    Connecting,
    /// Heard from lately.
    Connected,
    /// Open, but silent for too long or told to wait.
    Degraded {
        /// Why, for people.
        reason: String,
    },
    /// Lost; will be tried again.
    Down {
        /// Why, for people.
        reason: String,
    },
    /// Another node reads it.
    Elsewhere,
    /// Only the operator can help.
    NeedsAttention {
        /// Why, and what to do.
        reason: String,
    },
}
