//! The nouns a test speaks in: bots, people, chats, entities, kinds of files.
//!
//! Plain data only; the wire's own objects stay JSON inside the server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A bot account the server knows. Its `Debug` leaves the token's secret out.
#[derive(Clone)]
pub struct Bot {
    /// `<id>:<secret>`, as it stands in the URL.
    pub token: String,
    /// Without the `@`.
    pub username: String,
    /// Shown name.
    pub first_name: String,
    /// Privacy mode off. When false, a group only delivers commands, mentions of and replies to the bot.
    pub reads_all_group_messages: bool,
}

impl Bot {
    /// A bot with the given token; its id is the number before the colon, or 7000001 where there is none.
    #[must_use]
    pub fn new(token: &str, username: &str) -> Self {
        Self {
            token: token.to_owned(),
            username: username.to_owned(),
            first_name: "Test bot".to_owned(),
            reads_all_group_messages: true,
        }
    }

    /// The bot's user id.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.token
            .split(':')
            .next()
            .and_then(|id| id.parse().ok())
            .unwrap_or(7_000_001)
    }

    /// The `User` object as it appears in messages.
    pub(crate) fn user(&self) -> Value {
        json!({"id": self.id(), "is_bot": true, "first_name": self.first_name, "username": self.username})
    }

    /// The fuller `User` object that only `getMe` returns.
    pub(crate) fn me(&self) -> Value {
        json!({
            "id": self.id(), "is_bot": true, "first_name": self.first_name, "username": self.username,
            "can_join_groups": true,
            "can_read_all_group_messages": self.reads_all_group_messages,
            "supports_guest_queries": false,
            "supports_inline_queries": false,
            "can_connect_to_business": false,
            "has_main_web_app": false,
            "has_topics_enabled": false,
            "allows_users_to_create_topics": false,
            "can_manage_bots": false,
            "supports_join_request_queries": false,
        })
    }
}

impl std::fmt::Debug for Bot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bot")
            .field("id", &self.id())
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Someone who writes to the bot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// User id.
    pub id: i64,
    /// True for other people's bots.
    #[serde(default)]
    pub is_bot: bool,
    /// Shown name.
    #[serde(default = "unnamed")]
    pub first_name: String,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Without the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// IETF tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
}

fn unnamed() -> String {
    "Someone".to_owned()
}

impl Person {
    /// A person with a name and no user name.
    #[must_use]
    pub fn new(id: i64, first_name: &str) -> Self {
        Self {
            id,
            is_bot: false,
            first_name: first_name.to_owned(),
            last_name: None,
            username: None,
            language_code: Some("en".to_owned()),
        }
    }

    /// The same person with a user name.
    #[must_use]
    pub fn with_username(mut self, username: &str) -> Self {
        self.username = Some(username.to_owned());
        self
    }
}

/// A chat as the wire describes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// Positive for private chats, negative for groups, below -1000000000000 for supergroups and channels.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Title of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Without the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Name of the person of a private chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// A supergroup with topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_forum: Option<bool>,
}

/// Ids below this belong to supergroups and channels.
const SUPERGROUP_IDS: i64 = -1_000_000_000_000;

impl Place {
    /// The chat an id implies by its range.
    #[must_use]
    pub fn guess(id: i64) -> Self {
        let kind = match id {
            1.. => "private",
            ..=SUPERGROUP_IDS => "supergroup",
            _ => "group",
        };
        Self {
            id,
            kind: kind.to_owned(),
            title: (id < 0).then(|| format!("Group {id}")),
            username: None,
            first_name: None,
            is_forum: None,
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        self.kind == "private"
    }

    /// Supergroups and channels number their messages from one; all other chats share the account's counter.
    pub(crate) fn has_own_counter(&self) -> bool {
        matches!(self.kind.as_str(), "supergroup" | "channel")
    }

    pub(crate) fn wire(&self) -> Value {
        serde_json::to_value(self).expect("a struct of strings and numbers")
    }
}

/// A formatted or meaningful stretch of a text, counted in UTF-16 units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// `bold`, `italic`, `text_link` …
    #[serde(rename = "type")]
    pub kind: String,
    /// First unit.
    pub offset: i64,
    /// Number of units.
    pub length: i64,
    /// Target of a `text_link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The `User` of a `text_mention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Value>,
    /// Language of a `pre`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Id of a `custom_emoji`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_emoji_id: Option<String>,
}

impl Entity {
    /// An entity without extras.
    #[must_use]
    pub fn new(kind: &str, offset: i64, length: i64) -> Self {
        Self {
            kind: kind.to_owned(),
            offset,
            length,
            url: None,
            user: None,
            language: None,
            custom_emoji_id: None,
        }
    }

    /// The first unit after the entity.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.offset + self.length
    }
}

/// Which kind of file a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A picture, offered in several sizes.
    Photo,
    /// Any file.
    Document,
    /// Music.
    Audio,
    /// A film.
    Video,
    /// A spoken note.
    Voice,
}

impl FileKind {
    /// The parameter and message field that holds it.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Document => "document",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Voice => "voice",
        }
    }

    /// Reads the field's name.
    #[must_use]
    pub fn from_field(name: &str) -> Option<Self> {
        [
            Self::Photo,
            Self::Document,
            Self::Audio,
            Self::Video,
            Self::Voice,
        ]
        .into_iter()
        .find(|kind| kind.field() == name)
    }
}
