//! What a template can name.

use super::chat_list::chat_list;
use super::error::{Fault, nearest};
use super::event_type::EventType;
use super::moment::Moment;
use super::{show, words};
use crate::event::EventBody;
use std::borrow::Cow;

/// One thing that differs from event to event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Placeholder {
    /// The chat's address: what `switch_chat` takes.
    ChatId,
    /// The chat's title, or its address where it has none.
    ChatName,
    /// `dm`, `group`, `channel` or `thread`.
    ChatKind,
    /// The platform.
    Connector,
    /// Who it is by, as the platform names them.
    SenderId,
    /// Who it is by, as they call themselves; the id where they do not.
    SenderName,
    /// What was said, or what happened where nothing was.
    Text,
    /// The beginning of the same, on one line.
    Preview,
    /// When, RFC 3339 in UTC.
    Timestamp,
    /// The message's own id.
    MessageId,
    /// The message it answers or is about.
    ReplyTo,
    /// The files that came with it.
    Attachments,
    /// The emoji of a reaction.
    Emoji,
    /// What kind of event it is.
    EventType,
    /// How many messages of this chat are unread.
    UnreadCount,
    /// The focal chat's address.
    FocalChatId,
    /// The chats with what is unread in them.
    ChatList,
}

impl Placeholder {
    /// Every one.
    pub const ALL: [Self; 17] = [
        Self::ChatId,
        Self::ChatName,
        Self::ChatKind,
        Self::Connector,
        Self::SenderId,
        Self::SenderName,
        Self::Text,
        Self::Preview,
        Self::Timestamp,
        Self::MessageId,
        Self::ReplyTo,
        Self::Attachments,
        Self::Emoji,
        Self::EventType,
        Self::UnreadCount,
        Self::FocalChatId,
        Self::ChatList,
    ];

    /// Its name, without the `$`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatId => "CHAT_ID",
            Self::ChatName => "CHAT_NAME",
            Self::ChatKind => "CHAT_KIND",
            Self::Connector => "CONNECTOR",
            Self::SenderId => "SENDER_ID",
            Self::SenderName => "SENDER_NAME",
            Self::Text => "TEXT",
            Self::Preview => "PREVIEW",
            Self::Timestamp => "TIMESTAMP",
            Self::MessageId => "MESSAGE_ID",
            Self::ReplyTo => "REPLY_TO",
            Self::Attachments => "ATTACHMENTS",
            Self::Emoji => "EMOJI",
            Self::EventType => "EVENT_TYPE",
            Self::UnreadCount => "UNREAD_COUNT",
            Self::FocalChatId => "FOCAL_CHAT_ID",
            Self::ChatList => "CHAT_LIST",
        }
    }

    /// The one with this name, without the `$`.
    pub(super) fn named(name: &str) -> Result<Self, Fault> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| Fault::UnknownPlaceholder {
            name: format!("${}", show::line(name, 40)),
            meant: nearest(name, Self::ALL.map(|it| it.name().to_owned()))
                .map(|meant| format!("${meant}")),
        })
    }

    /// What it stands for. Everything but the text, the files and the list is one line, whatever a platform sent.
    pub(super) fn value<'a>(self, moment: &Moment<'a>) -> Cow<'a, str> {
        match self {
            Self::ChatId => moment.chat_id().into(),
            Self::ChatName => match moment.chat_name {
                Some(name) => show::line(name, show::NAME).into(),
                None => moment.chat_id().into(),
            },
            Self::ChatKind => words::kind(moment.chat_kind).into(),
            Self::Connector => show::id(moment.chat.platform.as_str()).into(),
            Self::SenderId => moment
                .sender
                .map_or(Cow::Borrowed(""), |it| show::id(it.id).into()),
            Self::SenderName => moment
                .sender
                .map_or(words::HOUSE.into(), |it| it.shown().into()),
            Self::Text => show::cut(words::text(moment.body)),
            Self::Preview => words::preview(moment.body).into(),
            Self::Timestamp => show::rfc3339(moment.at).into(),
            Self::MessageId => show::id(&moment.message_id).into(),
            Self::ReplyTo => moment
                .reply_to
                .as_deref()
                .map(show::id)
                .unwrap_or_default()
                .into(),
            Self::Attachments => words::files(moment.body).into(),
            Self::Emoji => match moment.body {
                EventBody::Reaction { emoji, .. } => words::emoji(emoji).into(),
                _ => "".into(),
            },
            Self::EventType => EventType::of(moment.body).as_str().into(),
            Self::UnreadCount => moment.unread.to_string().into(),
            Self::FocalChatId => moment.focal_chat_id().into(),
            Self::ChatList => chat_list(moment.chats).into(),
        }
    }
}
