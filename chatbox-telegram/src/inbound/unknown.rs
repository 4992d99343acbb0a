//! Updates and messages without a word of ours: what they are called, and what can still be told of them.

use super::place::{Where, chat_as_sender, person};
use super::wire::{Chat, User};
use chatbox_connector_api::event::{Place, Sender};
use serde_json::{Map, Value};

/// The parts of a message that are about it rather than in it.
const ENVELOPE: [&str; 27] = [
    "message_id",
    "message_thread_id",
    "direct_messages_topic",
    "from",
    "sender_chat",
    "sender_boost_count",
    "sender_business_bot",
    "sender_tag",
    "date",
    "business_connection_id",
    "chat",
    "forward_origin",
    "is_topic_message",
    "is_automatic_forward",
    "reply_to_message",
    "external_reply",
    "quote",
    "reply_to_story",
    "via_bot",
    "edit_date",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "media_group_id",
    "author_signature",
    "paid_star_count",
    "reply_markup",
];

/// What could be told of an update.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) what: String,
    pub(super) place: Option<Place>,
    pub(super) sender: Option<Sender>,
}

impl Found {
    /// Looks for a chat and somebody in an update of unknown shape.
    pub(super) fn in_update(json: &str) -> Self {
        let Some((what, body)) = payload(json) else {
            return Self {
                what: "update".to_owned(),
                place: None,
                sender: None,
            };
        };
        let inside = |name: &str| body.get(name).or_else(|| body.get("message")?.get(name));
        let chat = inside("chat").and_then(read::<Chat>);
        let user = ["from", "user"]
            .iter()
            .find_map(|name| inside(name).and_then(read::<User>));
        let actor = inside("sender_chat").and_then(read::<Chat>);
        Self {
            what,
            place: chat.map(|chat| chat.place()),
            sender: user
                .map(|user| person(&user))
                .or_else(|| actor.map(|chat| chat_as_sender(&chat))),
        }
    }
}

/// The platform's name for what a message holds.
pub(super) fn kind_of_message(json: &str) -> String {
    let Some((_, Value::Object(message))) = payload(json) else {
        return "message".to_owned();
    };
    let inside = |name: &&String| !ENVELOPE.contains(&name.as_str());
    let names: Vec<&String> = message.keys().filter(inside).collect();
    // A venue repeats its location and an animation its document, for old clients.
    let richest = |name: &&&String| matches!(name.as_str(), "venue" | "game" | "paid_media");
    let what = names.iter().find(richest).or(names.first());
    what.map_or_else(|| "message".to_owned(), |name| (*name).clone())
}

/// The one field of an update beside its number.
fn payload(json: &str) -> Option<(String, Value)> {
    let update: Map<String, Value> = serde_json::from_str(json).ok()?;
    update.into_iter().find(|(name, _)| name != "update_id")
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
