//! What answers a mailbox whose door is `run`: a backend runs one bounded turn at a time.

use crate::event::Content;
use crate::id::{Fence, MailboxId, Seq};
use crate::secret::Secret;
use crate::store::{Chat, LaneScope, LogRow};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An agent, as the house sees it.
///
/// ```
/// use async_trait::async_trait;
/// use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
/// use chatbox_core::store::LaneScope;
///
/// #[derive(Debug)]
/// struct Shout;
///
/// #[async_trait]
/// impl CognitiveBackend for Shout {
///     fn name(&self) -> String {
///         "shout".to_owned()
///     }
///
///     fn lane(&self) -> LaneScope {
///         LaneScope::Chat
///     }
///
///     fn context_tokens(&self) -> u32 {
///         0
///     }
///
///     async fn turn(&self, turn: Turn, _reply: ReplySink) -> Result<TurnOutcome, BackendError> {
///         let said = turn.new.iter().filter_map(|row| row.body.content());
///         let said: Vec<_> = said.map(|said| said.text.as_str().to_uppercase()).collect();
///         Ok(TurnOutcome::say(said.join("\n")))
///     }
/// }
/// ```
#[async_trait]
pub trait CognitiveBackend: Debug + Send + Sync + 'static {
    /// A short name for the start line and checks.
    fn name(&self) -> String;

    /// How much of a mailbox waits while one turn runs.
    fn lane(&self) -> LaneScope;

    /// How many tokens of the past it wants to be told, the new messages included. 0 for none of the past.
    fn context_tokens(&self) -> u32;

    /// Runs one turn. What it returns is committed together with the turn; what it streams into `reply` is shown on the
    /// way and forgotten. Must end soon after `turn.cancelled` fires; nothing it returns then is used.
    ///
    /// # Errors
    /// The person gets one polite notice, or the turn is tried again, as the error says.
    async fn turn(&self, turn: Turn, reply: ReplySink) -> Result<TurnOutcome, BackendError>;
}

/// What one turn is about.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Whose turn.
    pub mailbox: MailboxId,
    /// The origin: unaddressed replies go here and nowhere else.
    pub chat: Chat,
    /// What is new, oldest first, never empty.
    pub new: Vec<LogRow>,
    /// What was said before, oldest first, within the context's budget.
    pub context: Vec<LogRow>,
    /// The newest row this turn answers.
    pub upto: Seq,
    /// The lane's fence. A stale one may write nothing.
    pub fence: Fence,
    /// 1 for the first try.
    pub attempt: u32,
    /// What a process that this turn runs shows at its mailbox's door, `/mcp/{mailbox}`, to act in the turn's name. It is
    /// refused from the moment the turn is over, and whatever it does is refused with it. As good as the house's seal:
    /// where nothing is sealed, anybody can make one.
    pub token: Secret,
    /// Fires on lease loss, on drain and at the turn's time limit.
    pub cancelled: CancellationToken,
    /// Reads the files that the rows name.
    pub blobs: Option<Arc<dyn crate::connector::Blobs>>,
}

/// What a turn says when it ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TurnOutcome {
    /// Replies to the origin, in order. None is a turn that had nothing to say.
    pub replies: Vec<Content>,
    /// Tokens read and written, as far as known.
    pub tokens: u32,
}

impl TurnOutcome {
    /// One text.
    pub fn say(text: impl Into<String>) -> Self {
        Self {
            replies: vec![Content::text(text)],
            tokens: 0,
        }
    }
}

/// Where a reply is shown while it grows. Cheap to clone; never blocks; loses nothing that matters.
#[derive(Clone, Debug)]
pub struct ReplySink {
    sender: Option<tokio::sync::watch::Sender<Growing>>,
}

/// A reply as far as it has grown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Growing {
    /// The text so far. Empty while the backend only thinks.
    pub text: String,
}

impl ReplySink {
    /// A sink, and where to watch the reply grow. The watcher sees the newest state; states in between may be skipped.
    pub fn channel() -> (Self, tokio::sync::watch::Receiver<Growing>) {
        let (sender, receiver) = tokio::sync::watch::channel(Growing::default());
        (
            Self {
                sender: Some(sender),
            },
            receiver,
        )
    }

    /// A sink nobody watches.
    pub fn nowhere() -> Self {
        Self { sender: None }
    }

    /// Adds to the reply.
    pub fn push(&self, piece: &str) {
        if let Some(sender) = &self.sender {
            sender.send_modify(|growing| growing.text.push_str(piece));
        }
    }
}

/// Why a turn failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It will fail again: a wrong key, a refused request. The person gets a notice.
    #[error("{0}")]
    Refused(String),
    /// It may work later: busy, restarting, a cut connection. The person gets a notice.
    #[error("{message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// When it may work, if the backend says so.
        retry_after: Option<Duration>,
    },
    /// The turn was cancelled: lease loss or drain. Nobody is told; the turn runs again.
    #[error("the turn was cancelled")]
    Cancelled,
    /// The turn took longer than it may. The person gets a notice.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

/// A backend that is one function from what was said to what is answered. Knows nothing of the past.
#[derive(Clone, Copy)]
pub struct Answer<F>(pub F);

impl<F> Debug for Answer<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

#[async_trait]
impl<F> CognitiveBackend for Answer<F>
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    fn name(&self) -> String {
        "answer".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Chat
    }

    fn context_tokens(&self) -> u32 {
        0
    }

    async fn turn(&self, turn: Turn, _reply: ReplySink) -> Result<TurnOutcome, BackendError> {
        let said = turn
            .new
            .iter()
            .filter_map(|row| row.body.content())
            .map(|said| said.text.as_str());
        Ok(TurnOutcome::say((self.0)(
            &said.collect::<Vec<_>>().join("\n"),
        )))
    }
}
