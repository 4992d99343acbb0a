//! The few fields of the Bot API that we read, as it sends them.
//!
//! Reading is forgiving on purpose: a part that has changed shape is left out rather than taking the text beside it
//! along. (teloxide's types refuse a whole message for one entity they do not know.) Nothing here decides anything.

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Somebody.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) is_bot: bool,
    #[serde(default)]
    pub(crate) first_name: String,
    #[serde(default)]
    pub(crate) last_name: Option<String>,
    #[serde(default)]
    pub(crate) username: Option<String>,
    /// Only of ourselves.
    #[serde(default)]
    pub(crate) can_join_groups: Option<bool>,
    /// Only of ourselves: privacy mode is off.
    #[serde(default)]
    pub(crate) can_read_all_group_messages: Option<bool>,
}

/// A conversation.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) first_name: Option<String>,
    #[serde(default)]
    pub(crate) last_name: Option<String>,
}

/// A stretch of text that means more than its letters. Counted in UTF-16 units.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    #[serde(default)]
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) language: Option<String>,
}

/// Any kind of file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub(crate) struct File {
    pub(crate) file_id: String,
    #[serde(default)]
    pub(crate) file_size: Option<u64>,
    #[serde(default)]
    pub(crate) file_name: Option<String>,
    #[serde(default)]
    pub(crate) mime_type: Option<String>,
    /// Pictures only.
    #[serde(default)]
    pub(crate) width: u64,
    /// Pictures only.
    #[serde(default)]
    pub(crate) height: u64,
    /// Stickers only.
    #[serde(default)]
    pub(crate) is_animated: bool,
    /// Stickers only.
    #[serde(default)]
    pub(crate) is_video: bool,
}

/// The message a message answers, as much as we need of it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Replied {
    pub(crate) message_id: i64,
    #[serde(default)]
    pub(crate) from: Option<User>,
    #[serde(default)]
    pub(crate) chat: Option<Chat>,
}

/// A message of any kind.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: i64,
    pub(crate) chat: Chat,
    #[serde(default)]
    pub(crate) date: i64,
    #[serde(default)]
    pub(crate) edit_date: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) from: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) sender_chat: Option<Chat>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) message_thread_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) is_topic_message: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) reply_to_message: Option<Replied>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) media_group_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
    #[serde(default, deserialize_with = "each")]
    pub(crate) entities: Vec<Entity>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) caption: Option<String>,
    #[serde(default, deserialize_with = "each")]
    pub(crate) caption_entities: Vec<Entity>,
    #[serde(default, deserialize_with = "each")]
    pub(crate) photo: Vec<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) animation: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) document: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) audio: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) voice: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) video: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) video_note: Option<File>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) sticker: Option<File>,
    #[serde(default, deserialize_with = "each")]
    pub(crate) new_chat_members: Vec<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) left_chat_member: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) migrate_to_chat_id: Option<i64>,
}

/// A pressed button.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct CallbackQuery {
    pub(crate) id: String,
    pub(crate) from: User,
    #[serde(default)]
    pub(crate) data: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) message: Option<Message>,
}

/// One reaction.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct ReactionType {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) emoji: Option<String>,
    #[serde(default)]
    pub(crate) custom_emoji_id: Option<String>,
}

/// Somebody's reactions to a message have changed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Reacted {
    pub(crate) chat: Chat,
    pub(crate) message_id: i64,
    #[serde(default)]
    pub(crate) date: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) user: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) actor_chat: Option<Chat>,
    #[serde(default, deserialize_with = "each")]
    pub(crate) new_reaction: Vec<ReactionType>,
}

/// How somebody belongs to a chat.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Standing {
    pub(crate) status: String,
    pub(crate) user: User,
    #[serde(default)]
    pub(crate) is_member: bool,
}

/// How we belong to a chat has changed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Membership {
    pub(crate) chat: Chat,
    pub(crate) from: User,
    #[serde(default)]
    pub(crate) date: i64,
    pub(crate) new_chat_member: Standing,
}

/// One update; at most one of the fields is there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub(crate) struct Update {
    #[serde(default)]
    pub(crate) message: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) channel_post: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) edited_message: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) edited_channel_post: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) callback_query: Option<Box<CallbackQuery>>,
    #[serde(default)]
    pub(crate) message_reaction: Option<Box<Reacted>>,
    #[serde(default)]
    pub(crate) my_chat_member: Option<Box<Membership>>,
}

/// The kinds of update we ask for: exactly those [`Update`] reads.
pub(crate) const ALLOWED_UPDATES: [&str; 7] = [
    "message",
    "channel_post",
    "edited_message",
    "edited_channel_post",
    "callback_query",
    "message_reaction",
    "my_chat_member",
];

/// A value, or nothing where it is not what we know.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// The values of a list that are what we know.
fn each<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let values: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let read = values.iter().map(|value| serde_json::from_str(value.get()));
    Ok(read.filter_map(std::result::Result::ok).collect())
}
