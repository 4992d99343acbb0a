//! Discord's shapes, as far as they are read. What is not needed is not asked for, so that its absence stops nothing.

use serde::{Deserialize, Deserializer};

/// A number as Discord writes it: in quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Id(pub(crate) u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        match text.parse() {
            Ok(0) | Err(_) => Err(serde::de::Error::custom("not a number of Discord's")),
            Ok(id) => Ok(Self(id)),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: Id,
    #[serde(default)]
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) bot: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Id,
    #[serde(rename = "type", default)]
    pub(crate) kind: u8,
    pub(crate) channel_id: Id,
    #[serde(default)]
    pub(crate) guild_id: Option<Id>,
    pub(crate) author: User,
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) edited_timestamp: Option<String>,
    #[serde(default)]
    pub(crate) mentions: Vec<User>,
    #[serde(default)]
    pub(crate) attachments: Vec<File>,
    #[serde(default)]
    pub(crate) webhook_id: Option<Id>,
    #[serde(default)]
    pub(crate) message_reference: Option<Reference>,
    #[serde(default)]
    pub(crate) referenced_message: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) reactions: Vec<Counted>,
}

impl Message {
    /// The same message with its guild, which requests do not name.
    pub(crate) fn within(self, guild: Option<u64>) -> Self {
        Self {
            guild_id: guild.map(Id),
            ..self
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) size: Option<u64>,
    pub(crate) url: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    #[serde(default)]
    pub(crate) message_id: Option<Id>,
    #[serde(default)]
    pub(crate) channel_id: Option<Id>,
}

/// A reaction on a message, by all.
#[derive(Debug, Deserialize)]
pub(crate) struct Counted {
    pub(crate) emoji: Emoji,
    #[serde(default)]
    pub(crate) me: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Emoji {
    #[serde(default)]
    pub(crate) id: Option<Id>,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

impl Emoji {
    /// As requests name it, and as the house does.
    pub(crate) fn key(&self) -> Option<String> {
        match (&self.name, self.id) {
            (name, Some(id)) => Some(format!("{}:{}", name.as_deref().unwrap_or("emoji"), id.0)),
            (name, None) => name.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Deleted {
    pub(super) id: Id,
    pub(super) channel_id: Id,
    #[serde(default)]
    pub(super) guild_id: Option<Id>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) user: User,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reaction {
    pub(super) user_id: Id,
    pub(super) channel_id: Id,
    pub(super) message_id: Id,
    #[serde(default)]
    pub(super) guild_id: Option<Id>,
    #[serde(default)]
    pub(super) member: Option<Member>,
    pub(super) emoji: Emoji,
}

#[derive(Debug, Deserialize)]
pub(super) struct Interaction {
    pub(super) id: Id,
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) token: String,
    #[serde(default)]
    pub(super) channel_id: Option<Id>,
    #[serde(default)]
    pub(super) guild_id: Option<Id>,
    #[serde(default)]
    pub(super) member: Option<Member>,
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) data: Pressed,
    #[serde(default)]
    pub(super) message: Option<Named>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Pressed {
    #[serde(default)]
    pub(super) custom_id: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// What a login is answered with.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) session_id: String,
    pub(crate) resume_gateway_url: String,
    #[serde(default)]
    pub(crate) guilds: Vec<Named>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: Id,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Guild {
    pub(crate) id: Id,
    /// Whether it is out of order, and nothing of it is told.
    #[serde(default)]
    pub(crate) unavailable: bool,
    #[serde(default)]
    pub(crate) channels: Vec<Channel>,
    #[serde(default)]
    pub(crate) threads: Vec<Channel>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: Id,
    #[serde(rename = "type", default)]
    pub(crate) kind: u8,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) last_message_id: Option<Id>,
}
