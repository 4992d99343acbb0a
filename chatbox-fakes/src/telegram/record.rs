//! The nouns of the record: what the bot sent, set, drafted and called, and the totals.
//!
//! Plain data, read by tests through [`Account`](super::Account).

use serde::Serialize;
use serde_json::{Map, Value};

use super::types::{Entity, FileKind};

/// A message the bot sent, as it stands now.
#[derive(Debug, Clone, Serialize)]
pub struct BotMessage {
    /// Chat it stands in.
    pub chat_id: i64,
    /// Its id in that chat.
    pub message_id: i64,
    /// Current text or caption.
    pub text: String,
    /// Current entities of the text or caption, as normalised by the server.
    pub entities: Vec<Entity>,
    /// What kind of file it carries.
    pub media: Option<FileKind>,
    /// The full-size file, readable with [`Account::file`](super::Account::file).
    pub file_id: Option<String>,
    /// Shared by the parts of an album.
    pub media_group_id: Option<String>,
    /// The message it answers.
    pub reply_to: Option<i64>,
    /// Topic.
    pub thread: Option<i64>,
    /// The bot asked for no link preview.
    pub preview_off: bool,
    /// Inline keyboard, as sent.
    pub reply_markup: Option<Value>,
    /// Texts before each edit, oldest first.
    pub earlier: Vec<String>,
    /// Deleted by the bot.
    pub deleted: bool,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// The whole message as the wire shows it.
    pub wire: Map<String, Value>,
}

/// A reaction the bot set (an empty list takes it away).
#[derive(Debug, Clone, Serialize)]
pub struct Reaction {
    /// Chat of the message.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// Emoji now standing.
    pub emoji: Vec<String>,
}

/// A growing draft the bot showed.
#[derive(Debug, Clone, Serialize)]
pub struct Draft {
    /// Private chat it was shown in.
    pub chat_id: i64,
    /// Drafts with one id replace each other.
    pub draft_id: i64,
    /// Text at that moment.
    pub text: String,
    /// Entities at that moment.
    pub entities: Vec<Entity>,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// One call the bot made with a valid token.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Counts from 0 over all calls of the bot.
    pub seq: u64,
    /// Canonical method name, or as sent where unknown.
    pub method: String,
    /// Decoded parameters; an uploaded file stands as `{"upload": {name, mime, size}}`.
    pub params: Map<String, Value>,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// Milliseconds since the server started at which the answer was decided.
    pub done_ms: Option<u64>,
    /// HTTP status decided; `None` while running, or when no answer is ever sent.
    pub status: Option<u16>,
    /// `description` of a refusal.
    pub error: Option<String>,
    /// The fault that was played on it.
    pub fault: Option<String>,
    /// Whether the method's effect took place.
    pub applied: bool,
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Counters {
    /// `getUpdates` calls.
    pub get_updates: u64,
    /// `getUpdates` calls that ended with 409.
    pub conflicts: u64,
    /// Calls of any method.
    pub calls: u64,
    /// Requests with an unknown token.
    pub unauthorized: u64,
    /// File downloads served.
    pub downloads: u64,
    /// Calls made before the end of a flood wait.
    pub early_calls: u64,
    /// Most `getUpdates` calls open at one moment.
    pub most_polls_open: u64,
    /// `getUpdates` calls open now.
    pub polls_open: u64,
}

/// What came of something a person did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Said {
    /// Id of the update, `None` when the bot does not get one (not in `allowed_updates`, or privacy mode).
    pub update_id: Option<i64>,
    /// The message concerned.
    pub message_id: i64,
}
