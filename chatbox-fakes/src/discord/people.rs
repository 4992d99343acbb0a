//! What people do: say, change, take back, react, press.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shape;
use super::state::{Kind, Message, Pressed, State, Upload, World};

/// Something a person says.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// Where.
    pub channel: u64,
    /// Who.
    pub from: u64,
    /// What, in Discord's markup.
    pub text: String,
    /// Who is mentioned.
    pub mentions: Vec<u64>,
    /// The message it answers.
    pub reply_to: Option<u64>,
    /// Files: name, media type, bytes.
    pub files: Vec<(String, String, bytes::Bytes)>,
    /// Whether a webhook says it.
    pub webhook: bool,
}

impl World {
    /// Somebody says something; its number.
    pub(crate) fn say(&self, say: Say) -> u64 {
        self.change(|state| {
            let id = state.number();
            let files = say.files.into_iter().map(|(name, mime, bytes)| {
                let id = state.number();
                Upload {
                    id,
                    name,
                    mime,
                    bytes,
                }
            });
            let files = files.collect();
            let message = Message {
                id,
                channel: say.channel,
                author: say.from,
                content: say.text,
                files,
                reply_to: say.reply_to,
                mentions: say.mentions,
                flags: 0,
                components: Vec::new(),
                nonce: None,
                allowed_mentions: None,
                edits: 0,
                deleted: false,
                reactions: BTreeMap::new(),
                webhook: say.webhook,
            };
            state.messages.insert(id, message);
            self.tell(state, "MESSAGE_CREATE", id);
            id
        })
    }

    /// The platform shows a message once more.
    pub(crate) fn repeat(&self, id: u64) {
        self.change(|state| self.tell(state, "MESSAGE_CREATE", id));
    }

    pub(crate) fn edit(&self, id: u64, text: &str) {
        self.change(|state| {
            let Some(message) = state.messages.get_mut(&id) else {
                return;
            };
            message.content = text.to_owned();
            message.edits += 1;
            self.tell(state, "MESSAGE_UPDATE", id);
        });
    }

    pub(crate) fn press(&self, channel: u64, from: u64, message: u64, button: &str) -> u64 {
        self.change(|state| {
            let id = state.number();
            let person = shape::user(&self.options, state, from);
            let shown = match state.messages.get(&message) {
                Some(message) => shape::message(&self.options, state, message),
                None => Value::Null,
            };
            let bot = self.options.bot.to_string();
            let mut told = json!({
                "id": id.to_string(), "application_id": bot, "type": 3, "version": 1, "token": format!("interaction{id}"),
                "channel_id": channel.to_string(), "message": shown, "locale": "en-US", "entitlements": [],
                "data": {"custom_id": button, "component_type": 2, "id": 1}, "attachment_size_limit": 10_485_760,
            });
            match state.channels.get(&channel).and_then(|kind| kind.guild()) {
                Some(guild) => {
                    told["guild_id"] = json!(guild.to_string());
                    told["member"] = json!({"user": person, "roles": [], "permissions": "0"});
                }
                None => told["user"] = person,
            }
            state.pressed.push(Pressed { id, button: button.to_owned(), answers: Vec::new() });
            state.dispatch("INTERACTION_CREATE", &told);
            id
        })
    }

    /// Tells of a message, and remembers by which dispatch.
    fn tell(&self, state: &mut State, kind: &str, id: u64) {
        let Some(message) = state.messages.get(&id) else {
            return;
        };
        let guild = state
            .channels
            .get(&message.channel)
            .and_then(|it| it.guild());
        if guild.is_some_and(|guild| state.outages.contains_key(&guild)) {
            return;
        }
        let told = shape::told(&self.options, state, message);
        let names: Vec<String> = state.sessions.keys().cloned().collect();
        for name in names {
            let Some(session) = state.sessions.get_mut(&name) else {
                continue;
            };
            let mut shown = told.clone();
            let hidden = shown.get("guild_id").is_some() && session.intents & (1 << 15) == 0;
            if hidden && !message_concerns(&shown, self.options.bot) {
                shown["content"] = json!("");
            }
            let seq = session.dispatch(kind, &shown);
            state.told.push((id, name, seq));
        }
    }
}

fn message_concerns(shown: &Value, bot: u64) -> bool {
    let bot = bot.to_string();
    let mentions = shown["mentions"].as_array().into_iter().flatten();
    let mut ids = mentions.map(|it| &it["id"]).chain([&shown["author"]["id"]]);
    ids.any(|id| id.as_str() == Some(&bot))
}

/// Takes a message away and tells of it.
pub(crate) fn forget(state: &mut State, id: u64) {
    let Some(message) = state.messages.get_mut(&id) else {
        return;
    };
    message.deleted = true;
    let channel = message.channel;
    let mut told = json!({"id": id.to_string(), "channel_id": channel.to_string()});
    if let Some(guild) = state.channels.get(&channel).and_then(|kind| kind.guild()) {
        told["guild_id"] = json!(guild.to_string());
    }
    state.dispatch("MESSAGE_DELETE", &told);
}

/// Somebody's reaction, on or off.
pub(crate) fn set_reaction(state: &mut State, id: u64, from: u64, emoji: &str, add: bool) {
    let Some(message) = state.messages.get_mut(&id) else {
        return;
    };
    let people = message.reactions.entry(emoji.to_owned()).or_default();
    let changed = if add {
        people.insert(from)
    } else {
        people.remove(&from)
    };
    message.reactions.retain(|_, people| !people.is_empty());
    if !changed {
        return;
    }
    let (channel, author) = (message.channel, message.author);
    let mut told = json!({
        "user_id": from.to_string(), "channel_id": channel.to_string(), "message_id": id.to_string(),
        "message_author_id": author.to_string(), "emoji": {"id": null, "name": emoji}, "burst": false, "type": 0,
    });
    if let Some(guild) = state.channels.get(&channel).and_then(|kind| kind.guild()) {
        told["guild_id"] = json!(guild.to_string());
    }
    let kind = if add {
        "MESSAGE_REACTION_ADD"
    } else {
        "MESSAGE_REACTION_REMOVE"
    };
    state.dispatch(kind, &told);
}

/// The channel of a person's direct messages.
pub(crate) fn dm_of(person: u64) -> u64 {
    person + 1_000_000_000
}

impl State {
    /// Makes a channel known.
    pub(crate) fn open(&mut self, id: u64, kind: Kind) {
        self.channels.insert(id, kind);
    }
}

/// A text without its percent signs.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
