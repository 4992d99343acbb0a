//! What someone can say or share, as a test writes it down.
//!
//! Plain data with builders; [`Account`](super::Account) performs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::types::{Entity, FileKind};

/// Words someone writes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Where.
    pub chat: i64,
    /// Who.
    pub from: i64,
    /// The words.
    pub text: String,
    /// Entities; `None` finds mentions, commands, tags and addresses as the platform does.
    #[serde(default)]
    pub entities: Option<Vec<Entity>>,
    /// Message answered.
    #[serde(default)]
    pub reply_to: Option<i64>,
    /// Topic.
    #[serde(default)]
    pub thread: Option<i64>,
    /// Seconds before now at which it was written.
    #[serde(default)]
    pub age: u64,
    /// Further fields of the message (`forward_origin`, `sticker`, `via_bot` …), put in as they are.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

impl Say {
    /// Words in a chat.
    #[must_use]
    pub fn new(chat: i64, from: i64, text: &str) -> Self {
        Self {
            chat,
            from,
            text: text.to_owned(),
            entities: None,
            reply_to: None,
            thread: None,
            age: 0,
            extra: Map::new(),
        }
    }

    /// As an answer to a message of the chat.
    #[must_use]
    pub fn replying_to(mut self, message: i64) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// With these entities and no found ones.
    #[must_use]
    pub fn with_entities(mut self, entities: Vec<Entity>) -> Self {
        self.entities = Some(entities);
        self
    }
}

/// A file someone sends.
#[derive(Debug, Clone, Deserialize)]
pub struct Share {
    /// Kind of message it makes.
    pub kind: FileKind,
    /// File name.
    #[serde(default)]
    pub name: Option<String>,
    /// Media type.
    #[serde(default)]
    pub mime: Option<String>,
    /// The bytes; base64 in JSON.
    #[serde(default, deserialize_with = "from_base64")]
    pub data: Bytes,
    /// Size told on the wire where it differs from the bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// Words beside it.
    #[serde(default)]
    pub caption: Option<String>,
    /// The album it belongs to, where the parts of one come call by call.
    #[serde(default)]
    pub group: Option<String>,
}

impl Share {
    /// A file without a caption.
    #[must_use]
    pub fn new(kind: FileKind, name: &str, mime: &str, data: impl Into<Bytes>) -> Self {
        Self {
            kind,
            name: Some(name.to_owned()),
            mime: Some(mime.to_owned()),
            data: data.into(),
            size: None,
            caption: None,
            group: None,
        }
    }

    /// With words beside it.
    #[must_use]
    pub fn with_caption(mut self, caption: &str) -> Self {
        self.caption = Some(caption.to_owned());
        self
    }

    /// As a part of an album whose other parts come by calls of their own.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }
}

fn from_base64<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
    Ok(bytes.into())
}
