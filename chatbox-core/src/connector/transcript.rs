//! What a native platform shows: the log of its own chats, and news of it as it happens.

use crate::event::EventBody;
use crate::id::{EventId, ExternalId, Handle, Millis, Seq};
use async_trait::async_trait;
use std::fmt::Debug;
use tokio::sync::broadcast;

/// One connection's chats, read from the log. For native platforms, where the append is the delivery.
#[async_trait]
pub trait Transcript: Debug + Send + Sync + 'static {
    /// Lines after a place, oldest first.
    async fn since(
        &self,
        chat: &Handle,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError>;
    /// Lines before a place, or the newest, oldest first.
    async fn before(
        &self,
        chat: &Handle,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError>;
    /// How far everybody is.
    async fn positions(&self, chat: &Handle) -> Result<Positions, TranscriptError>;
    /// A person has read up to here. Further than the newest line is an error, back is done without effect.
    async fn mark_seen(
        &self,
        chat: &Handle,
        person: &ExternalId,
        seen: Seq,
    ) -> Result<(), TranscriptError>;
    /// News from now on. Bounded: who is slow is told so and reads `since` instead.
    fn news(&self) -> broadcast::Receiver<News>;
}

/// One line of a chat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its place in the log.
    pub seq: Seq,
    /// When it was committed.
    pub at: Millis,
    /// Who.
    pub from: Voice,
    /// What.
    pub body: EventBody,
    /// The line it is about.
    pub target: Option<Seq>,
    /// What the sender's client called it.
    pub event: Option<EventId>,
}

/// Who speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Voice {
    /// A person on this platform.
    Person {
        /// Their identifier.
        id: ExternalId,
        /// Their name.
        name: Option<String>,
    },
    /// The agent.
    Agent,
    /// The house.
    System,
}

/// How far the readers of a chat are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Positions {
    /// The agent's door has committed up to here (✓).
    pub handed: Seq,
    /// The agent has seen up to here (✓✓).
    pub seen: Seq,
    /// The newest line.
    pub head: Seq,
}

impl Default for Seq {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Something new in one of the connection's chats.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum News {
    /// A line was committed.
    Line {
        /// Where.
        chat: Handle,
        /// The line.
        line: Box<Line>,
        /// The chat's newest line before it. Who has that one misses nothing; who has not reads `since`.
        prev: Seq,
    },
    /// The agent's positions moved.
    Positions {
        /// Where.
        chat: Handle,
        /// How far they are now.
        positions: Positions,
    },
    /// Something was committed that is not told here: whoever follows the chat reads `since`.
    Missed {
        /// Where; anywhere if it is not known.
        chat: Option<Handle>,
    },
}

/// The log cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// A place beyond the newest line.
    #[error("there is no line {0} yet")]
    Future(Seq),
    /// The store failed.
    #[error("the log cannot be read: {0}")]
    Failed(String),
}
