//! What agents are shown of chats and rows.

use chatbox_core::event::{Attachment, ChatKind, EventBody, Media};
use chatbox_core::id::{Millis, Seq};
use chatbox_core::store::{Author, Chat, LogRow, Overview};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

/// How much of a message is shown where the chat is not looked at, in characters.
const PREVIEW: usize = 80;

/// One chat of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub(super) struct ChatView {
    /// What to call it: `<platform>:<handle>`.
    pub(super) chat_id: String,
    /// Its title, where it has one. Written by others.
    pub(super) name: Option<String>,
    /// `dm`, `group`, `channel` or `thread`.
    pub(super) kind: String,
    /// Whether you look at it.
    pub(super) focal: bool,
    /// How many messages of others you have not read.
    pub(super) unread: u64,
    /// Whether you do not want to hear of it.
    pub(super) muted: bool,
    /// When its newest message came.
    pub(super) last_message_at: Option<String>,
    /// How its newest message begins. Written by others, or by you.
    pub(super) preview: Option<String>,
}

/// One message, or something else that happened.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
pub(super) struct RowView {
    /// What to call it: `msg_<number>`.
    pub(super) message_id: String,
    /// Where.
    pub(super) chat_id: String,
    /// `message`, `edit`, `delete`, `reaction`, `action`, `member`, `outcome` and others.
    pub(super) kind: String,
    /// Who, as they call themselves: shown, never to be trusted. `you` for your own, `chatbox` for this server.
    pub(super) from: String,
    /// When.
    pub(super) at: String,
    /// What is said; for an edit all it says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// Whether only the beginning of the text is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) shortened: bool,
    /// The emoji of a reaction; none where they were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) emoji: Option<Vec<String>>,
    /// The earlier message it is about or answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<String>,
    /// Its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<FileView>,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub(super) struct FileView {
    /// What to call it, once it is here: `msg_<number>.<number>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// Its media type.
    pub(super) mime: String,
    /// Its size in bytes, where it is known.
    pub(super) size: Option<u64>,
    /// Whether it is here; otherwise it is still to come, or will not.
    pub(super) ready: bool,
}

/// A chat's name.
pub(super) fn chat_id(chat: &Chat) -> String {
    chat.address().to_string()
}

/// A chat of the list.
pub(super) fn chat(overview: &Overview, focal: bool) -> ChatView {
    let last = overview.last.as_ref();
    ChatView {
        chat_id: chat_id(&overview.chat),
        name: overview.chat.name.clone(),
        kind: kind(overview.chat.kind),
        focal,
        unread: overview.unread,
        muted: overview.muted,
        last_message_at: last.map(|row| time(row.at).to_string()),
        preview: last.and_then(said).map(|text| preview(&text).0),
    }
}

fn kind(kind: ChatKind) -> String {
    let name = serde_json::to_value(kind);
    let name = name.ok().and_then(|it| it.as_str().map(str::to_owned));
    name.unwrap_or_default()
}

/// A row as it is read: whole.
pub(super) fn row(row: &LogRow, chat: &Chat) -> RowView {
    let content = row.body.content();
    let emoji = match &row.body {
        EventBody::Reaction { emoji, .. } => Some(emoji.clone()),
        _ => None,
    };
    RowView {
        message_id: format!("msg_{}", row.seq),
        chat_id: chat_id(chat),
        kind: row.body.kind().to_owned(),
        from: from(row, chat).into_owned(),
        at: time(row.at).to_string(),
        text: said(row).map(Cow::into_owned),
        shortened: false,
        emoji,
        about: about(row).map(|seq| format!("msg_{seq}")),
        files: content.map_or_else(Vec::new, |it| files(row, &it.attachments)),
    }
}

/// A row of a chat that is not looked at: only how it begins.
pub(super) fn notice(row: &LogRow, chat: &Chat) -> RowView {
    let whole = self::row(row, chat);
    let text = whole.text.as_deref().map(preview);
    let (text, shortened) = text.map_or((None, false), |(text, cut)| (Some(text), cut));
    RowView {
        text,
        shortened,
        ..whole
    }
}

/// The earlier row that a row is about.
pub(super) fn about(row: &LogRow) -> Option<Seq> {
    match row.body {
        EventBody::Outcome { of, .. } => Some(of),
        _ => row.target,
    }
}

/// Who a row is by.
pub(super) fn from<'a>(row: &'a LogRow, chat: &Chat) -> Cow<'a, str> {
    match &row.author {
        Author::Person {
            name: Some(name), ..
        } => name.into(),
        Author::Person { id, name: None } => id.as_str().into(),
        Author::Mailbox { id } if *id == chat.mailbox => "you".into(),
        Author::Mailbox { id } => id.as_str().into(),
        Author::System => "chatbox".into(),
    }
}

/// What a row says.
pub(super) fn said(row: &LogRow) -> Option<Cow<'_, str>> {
    let said = match &row.body {
        EventBody::Message(content) | EventBody::Edit { content, .. } => {
            content.text.as_str().into()
        }
        EventBody::Action(action) => format!("/{} {}", action.name, action.argument).into(),
        EventBody::Outcome { state, reason, .. } => format!("{state}: {reason}").into(),
        EventBody::Member { who, present } => {
            let name = who.name.as_deref().unwrap_or(who.id.as_str());
            let did = if *present { "came" } else { "went" };
            format!("{name} {did}").into()
        }
        EventBody::Delete { .. } => "[taken back]".into(),
        EventBody::Unsupported { what } => format!("[{what}]").into(),
        _ => return None,
    };
    Some(said)
}

fn files(row: &LogRow, files: &[Attachment]) -> Vec<FileView> {
    let files = files.iter().zip(1..);
    files.map(|(it, nth)| file(row, it, nth)).collect()
}

fn file(row: &LogRow, file: &Attachment, nth: usize) -> FileView {
    let ready = matches!(file.media, Media::Ready { .. });
    FileView {
        id: ready.then(|| format!("msg_{}.{nth}", row.seq)),
        name: file.name.clone(),
        mime: file.mime.clone(),
        size: file.size,
        ready,
    }
}

/// The beginning of a text on one line, and whether that is not all of it.
fn preview(text: &str) -> (String, bool) {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = words.chars().take(PREVIEW).collect();
    let shortened = cut.len() < words.len();
    if shortened {
        cut.push('…');
    }
    (cut, shortened)
}

/// A time as RFC 3339 has it.
pub(super) fn time(at: Millis) -> impl Display {
    let since = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview("a\n b"), ("a b".to_owned(), false));
        let (long, cut) = preview(&"é".repeat(PREVIEW + 1));
        assert!(cut && long.ends_with('…'));
        assert_eq!(long.chars().count(), PREVIEW + 1);
    }

    #[test]
    fn a_time_is_read_by_everybody() {
        let said = time(Millis(1_700_000_000_123)).to_string();
        assert_eq!(said, "2023-11-14T22:13:20.123Z");
    }
}
