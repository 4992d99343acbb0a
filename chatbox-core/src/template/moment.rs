//! What is rendered.

use super::event_type::EventType;
use super::show;
use crate::event::{ChatKind, EventBody};
use crate::id::{Address, Millis};
use crate::store::{Author, Chat, LogRow};
use crate::template::ChatLine;

/// One event, and how the mailbox stood when it came.
#[derive(Clone, Debug)]
pub struct Moment<'a> {
    /// Where it happened.
    pub chat: Address,
    /// The chat's title.
    pub chat_name: Option<&'a str>,
    /// The chat's kind.
    pub chat_kind: ChatKind,
    /// Who did it; nobody for what the house says.
    pub sender: Option<Who<'a>>,
    /// What happened.
    pub body: &'a EventBody,
    /// What the agent's tools and the API call the message: `msg_<number>`.
    pub message_id: String,
    /// What they call the message it answers or is about.
    pub reply_to: Option<String>,
    /// When.
    pub at: Millis,
    /// The mailbox's focal chat.
    pub focus: Option<Address>,
    /// How many messages of this chat are unread.
    pub unread: u64,
    /// The mailbox's chats, in the order they are to be listed.
    pub chats: &'a [ChatLine],
}

/// Somebody, as templates show them.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Stable, never a display name.
    pub id: &'a str,
    /// As they call themselves.
    pub name: Option<&'a str>,
}

impl Who<'_> {
    pub(super) fn shown(self) -> String {
        match self.name.map(|name| show::line(name, show::NAME)) {
            Some(name) if !name.is_empty() => name,
            _ => show::id(self.id),
        }
    }
}

impl<'a> Moment<'a> {
    /// A row of the log in its chat. The focus, what is unread and the list of chats are the caller's to add; so is
    /// what a message answers, which only its platform's key says.
    pub fn of_row(chat: &'a Chat, row: &'a LogRow) -> Self {
        let sender = match &row.author {
            Author::Person { id, name } => Some(Who {
                id: id.as_str(),
                name: name.as_deref(),
            }),
            Author::Mailbox { id } => Some(Who {
                id: id.as_str(),
                name: None,
            }),
            Author::System => None,
        };
        Self {
            chat: chat.address(),
            chat_name: chat.name.as_deref(),
            chat_kind: chat.kind,
            sender,
            body: &row.body,
            message_id: format!("msg_{}", row.seq),
            reply_to: row.target.map(|target| format!("msg_{target}")),
            at: row.at,
            focus: None,
            unread: 0,
            chats: &[],
        }
    }

    /// Whether the mailbox looks at this chat.
    pub fn is_focal(&self) -> bool {
        self.focus.as_ref() == Some(&self.chat)
    }

    /// What kind of event it is.
    pub fn event_type(&self) -> EventType {
        EventType::of(self.body)
    }

    pub(super) fn chat_id(&self) -> String {
        show::id(&self.chat.to_string())
    }

    pub(super) fn focal_chat_id(&self) -> String {
        let focus = self.focus.as_ref();
        focus.map_or_else(String::new, |chat| show::id(&chat.to_string()))
    }
}
