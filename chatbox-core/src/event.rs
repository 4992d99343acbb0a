//! What arrives: the one shape every platform's news is translated into.

use crate::id::{EventId, ExternalId, Handle, MediaId, Millis, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// How many people a chat is made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChatKind {
    /// One person and the agent.
    Dm,
    /// Several people.
    Group,
    /// One speaks, many read.
    Channel,
    /// A side conversation of another chat.
    Thread,
}

/// Where something happened, as the platform names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The conversation.
    pub handle: Handle,
    /// Its kind.
    pub kind: ChatKind,
    /// Its title, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who did it, as the platform names them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sender {
    /// The platform's stable identifier.
    pub id: ExternalId,
    /// A display name: shown, never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the platform says this is a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bot: bool,
}

/// One thing that happened on a platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The platform's key for it. A second event with this key is a repetition. A message's key is also its name:
    /// later edits, deletions, reactions and replies refer to it.
    pub id: EventId,
    /// Where.
    pub chat: Place,
    /// Who.
    pub sender: Sender,
    /// When, by the platform's clock.
    pub at: Millis,
    /// What.
    pub body: EventBody,
    /// Whether the agent is meant: always in a one-to-one chat; by mention, reply or command elsewhere.
    pub addressed: bool,
    /// Whether it was fetched from history after a gap rather than received live.
    #[serde(default)]
    pub late: bool,
    /// What belongs together, such as the pictures of one album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The platform's own JSON, read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Arc<RawValue>>,
}

/// The kinds of news.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// Something was said.
    Message(Content),
    /// A message now reads otherwise.
    Edit {
        /// The message.
        target: EventId,
        /// All it says now.
        content: Content,
    },
    /// A message was taken back.
    Delete {
        /// The message.
        target: EventId,
    },
    /// Somebody's reactions to a message, all of them; none means they were removed.
    Reaction {
        /// The message.
        target: EventId,
        /// The emoji, or a platform's name for its own.
        emoji: Vec<String>,
    },
    /// A button or command: answered at once, outside the lane.
    Action(Action),
    /// Somebody has read up to a message.
    Receipt {
        /// The newest message read.
        target: EventId,
    },
    /// Somebody came or went.
    Member {
        /// Whom it concerns.
        who: Sender,
        /// Whether they are in the chat now.
        present: bool,
    },
    /// The chat goes on under another handle.
    Moved {
        /// The new handle.
        to: Handle,
    },
    /// Something this adapter has no word for; kept so that nothing vanishes.
    Unsupported {
        /// The platform's name for it.
        what: String,
    },
    /// What became of an earlier row. Made by the house, never by a platform; never starts a turn.
    Outcome {
        /// The row.
        of: Seq,
        /// A delivery state, or `dead_letter` for a message that no turn could answer.
        state: String,
        /// Why, for people.
        reason: String,
    },
}

impl EventBody {
    /// The short name stored with the log row.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Edit { .. } => "edit",
            Self::Delete { .. } => "delete",
            Self::Reaction { .. } => "reaction",
            Self::Action(_) => "action",
            Self::Receipt { .. } => "receipt",
            Self::Member { .. } => "member",
            Self::Moved { .. } => "moved",
            Self::Unsupported { .. } => "unsupported",
            Self::Outcome { .. } => "outcome",
        }
    }

    /// The earlier message it is about.
    pub fn target(&self) -> Option<&EventId> {
        match self {
            Self::Edit { target, .. }
            | Self::Delete { target }
            | Self::Reaction { target, .. }
            | Self::Receipt { target } => Some(target),
            Self::Action(action) => action.target.as_ref(),
            _ => None,
        }
    }

    /// What is said, for messages and edits.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Message(content) | Self::Edit { content, .. } => Some(content),
            _ => None,
        }
    }
}

/// A pressed button or a typed command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// The command's name without its slash, or the button's value.
    pub name: String,
    /// What followed it.
    #[serde(default)]
    pub argument: String,
    /// What the platform wants back in the answer, if it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The message whose button was pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<EventId>,
}

/// What is said: CommonMark text and files.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    /// CommonMark.
    #[serde(default)]
    pub text: String,
    /// Files, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The message this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<EventId>,
    /// What may be answered, one line each: buttons below the text where the platform has them. Pressing one is an
    /// [`Action`] on this message, named by the choice's number, from 1. The text says them too, for everybody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

impl Content {
    /// Text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// A name to show, already free of paths and control characters.
    pub name: String,
    /// The media type found in the bytes or claimed by the sender.
    pub mime: String,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where the bytes are.
    pub media: Media,
}

/// How far a file has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Media {
    /// Stored here.
    Ready {
        /// Its name in the blob store.
        id: MediaId,
    },
    /// Still with the platform.
    Pending {
        /// What the adapter's media fetcher understands: never a path of this machine.
        source: String,
    },
    /// It will not come; the text was delivered without it.
    Failed {
        /// Why, for people.
        reason: String,
    },
}
