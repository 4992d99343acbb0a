//! The kinds of events a template can be written for.

use crate::event::EventBody;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What happened, in the words of templates and webhooks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventType {
    /// Something was said.
    Message,
    /// Something was said and a file came with it, or a file alone.
    Attachment,
    /// A message now reads otherwise.
    Edit,
    /// Somebody's reactions to a message.
    Reaction,
    /// A message was taken back.
    Delete,
    /// Somebody came.
    MemberJoin,
    /// Somebody went.
    MemberLeave,
    /// Anything else.
    System,
}

impl EventType {
    /// Those with a template of their own: all but plain messages.
    pub const WITH_TEMPLATE: [Self; 7] = [
        Self::Edit,
        Self::Reaction,
        Self::Delete,
        Self::MemberJoin,
        Self::MemberLeave,
        Self::Attachment,
        Self::System,
    ];

    /// What an event is.
    pub fn of(body: &EventBody) -> Self {
        match body {
            EventBody::Message(content) if content.attachments.is_empty() => Self::Message,
            EventBody::Message(_) => Self::Attachment,
            EventBody::Edit { .. } => Self::Edit,
            EventBody::Reaction { .. } => Self::Reaction,
            EventBody::Delete { .. } => Self::Delete,
            EventBody::Member { present: true, .. } => Self::MemberJoin,
            EventBody::Member { present: false, .. } => Self::MemberLeave,
            EventBody::Action(_)
            | EventBody::Receipt { .. }
            | EventBody::Moved { .. }
            | EventBody::Unsupported { .. }
            | EventBody::Outcome { .. } => Self::System,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Attachment => "attachment",
            Self::Edit => "edit",
            Self::Reaction => "reaction",
            Self::Delete => "delete",
            Self::MemberJoin => "member_join",
            Self::MemberLeave => "member_leave",
            Self::System => "system",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
