//! What an adapter is asked to do.

use crate::event::Attachment;
use crate::id::{DeliveryId, EventId, Handle};
use crate::markup::Markup;
use serde::{Deserialize, Serialize};

/// One thing to do on a platform.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outbound {
    /// The same for every attempt: the key for platforms that recognise repetitions. `None` for what is never stored.
    #[serde(default)]
    pub id: Option<DeliveryId>,
    /// Where.
    pub chat: Handle,
    /// What.
    pub verb: Verb,
}

/// The things an adapter can be asked to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verb {
    /// Says something new.
    Send(OutMessage),
    /// Says it differently.
    Edit {
        /// Our message.
        target: EventId,
        /// All it says now.
        message: OutMessage,
    },
    /// Takes it back.
    Delete {
        /// Our message.
        target: EventId,
    },
    /// Sets our reactions; none removes them.
    React {
        /// Anybody's message.
        target: EventId,
        /// The emoji.
        emoji: Vec<String>,
    },
    /// Answers a button.
    Answer {
        /// The action's token.
        token: String,
        /// A short text to show; empty shows nothing.
        text: String,
    },
    /// Shows how far we have read.
    MarkRead {
        /// The newest message read.
        target: EventId,
    },
    /// Shows that a reply is being written. Fades by itself. Never stored.
    Typing,
    /// Shows a reply as far as it has grown. Never stored; the whole text follows as a `Send`.
    Draft {
        /// The same for all pieces of one reply, never zero.
        id: i64,
        /// All of it so far.
        markup: Markup,
    },
}

impl Verb {
    /// The verb's name, as stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::Edit { .. } => "edit",
            Self::Delete { .. } => "delete",
            Self::React { .. } => "react",
            Self::Answer { .. } => "answer",
            Self::MarkRead { .. } => "mark_read",
            Self::Typing => "typing",
            Self::Draft { .. } => "draft",
        }
    }

    /// Whether it is shown and forgotten rather than stored and settled.
    pub fn is_ephemeral(&self) -> bool {
        matches!(self, Self::Typing | Self::Draft { .. })
    }
}

/// What to say: one part, already within the platform's limit.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct OutMessage {
    /// The text.
    pub markup: Markup,
    /// Files, each `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<EventId>,
    /// Buttons below the text, in order. A press comes in as an action on this message, named by the button's number,
    /// from 1. A label too long for the platform is shown shortened: the text says it whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// What the platform answered.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The new message's name, by which it can be edited, deleted or answered.
    #[serde(default)]
    pub message: Option<EventId>,
    /// It arrived, but not as asked: what was lost, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}
