//! What people do: say, change, take back, react, press, command.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::shape;
use super::socket;
use super::state::{File, Message, Pressed, State, World};

/// Something a person says.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// Where.
    pub channel: String,
    /// Who.
    pub from: String,
    /// What, in plain words: they are escaped as Slack's own programs do.
    pub text: String,
    /// What, in mrkdwn, in the place of plain words.
    pub mrkdwn: Option<String>,
    /// Whether the bot is mentioned, before everything else.
    pub mention: bool,
    /// The first message of the thread it is said in.
    pub thread: Option<String>,
    /// Files: name, media type, bytes.
    pub files: Vec<(String, String, Bytes)>,
    /// Whether a program says it.
    pub is_bot: bool,
}

impl World {
    /// Somebody says something; its timestamp.
    pub(crate) fn say(self: &Arc<Self>, say: Say) -> String {
        self.change(|state| {
            let ts = state.ts();
            let files = say.files.into_iter().map(|(name, mime, bytes)| File {
                id: format!("F{}", state.number()),
                name,
                mime,
                bytes,
            });
            let files = files.collect();
            let words = say.mrkdwn.unwrap_or_else(|| escape(&say.text));
            let text = match say.mention {
                true => format!("<@{}> {words}", self.options.bot),
                false => words,
            };
            let message = Message {
                channel: say.channel.clone(),
                ts: ts.clone(),
                is_bot: say.is_bot || say.from == self.options.bot,
                user: say.from,
                text,
                files,
                thread: say.thread,
                ..Message::default()
            };
            state
                .messages
                .insert((say.channel.clone(), ts.clone()), message);
            self.tell_of(state, &say.channel, &ts);
            ts
        })
    }

    /// The platform shows a message once more, under the same event.
    pub(crate) fn repeat(&self, channel: &str, ts: &str) {
        self.change(|state| {
            let about = (channel.to_owned(), ts.to_owned());
            let known = state
                .envelopes
                .iter_mut()
                .find(|it| it.message.as_ref() == Some(&about));
            // A new envelope with the old event, as after a lost acknowledgement.
            if let Some(id) = known.map(|it| it.id.clone()) {
                socket::send(state, &id, "timeout");
            }
        });
    }

    /// Tells of a message.
    pub(crate) fn tell_of(self: &Arc<Self>, state: &mut State, channel: &str, ts: &str) {
        let Some(message) = state.message(channel, ts) else {
            return;
        };
        let mut event = shape::message(&self.options, state, message, true);
        event["channel"] = json!(channel);
        event["event_ts"] = json!(ts);
        event["channel_type"] = json!(shape::channel_type(state.channels.get(channel)));
        let about = Some((channel.to_owned(), ts.to_owned()));
        self.event(state, &event, about);
    }

    /// Tells of anything.
    pub(crate) fn event(
        self: &Arc<Self>,
        state: &mut State,
        event: &Value,
        about: Option<(String, String)>,
    ) {
        let id = state.number();
        let payload = shape::callback(&self.options, id, event);
        socket::tell(self, state, "events_api", payload, about);
    }

    pub(crate) fn edit(self: &Arc<Self>, channel: &str, ts: &str, text: &str) {
        self.change(|state| {
            let now = state.ts();
            let Some(before) = state.message(channel, ts).cloned() else {
                return;
            };
            let key = (channel.to_owned(), ts.to_owned());
            let Some(message) = state.messages.get_mut(&key) else {
                return;
            };
            message.text = escape(text);
            message.edits += 1;
            message.edited = Some(now);
            self.tell_change(state, &before);
        });
    }

    /// Tells that a message is another now.
    pub(crate) fn tell_change(self: &Arc<Self>, state: &mut State, before: &Message) {
        let Some(after) = state.message(&before.channel, &before.ts) else {
            return;
        };
        let now = shape::message(&self.options, state, after, true);
        let was = shape::message(&self.options, state, before, true);
        let ts = state.ts();
        let kind = shape::channel_type(state.channels.get(&before.channel));
        let event = json!({
            "type": "message", "subtype": "message_changed", "message": now, "previous_message": was,
            "channel": before.channel, "hidden": true, "ts": ts, "event_ts": ts, "channel_type": kind,
        });
        self.event(state, &event, None);
    }

    pub(crate) fn delete(self: &Arc<Self>, channel: &str, ts: &str) {
        self.change(|state| self.forget(state, channel, ts));
    }

    /// Takes a message away and tells of it.
    pub(crate) fn forget(self: &Arc<Self>, state: &mut State, channel: &str, ts: &str) {
        let Some(before) = state.message(channel, ts) else {
            return;
        };
        let was = shape::message(&self.options, state, before, true);
        let key = (channel.to_owned(), ts.to_owned());
        if let Some(message) = state.messages.get_mut(&key) {
            message.deleted = true;
        }
        let now = state.ts();
        let kind = shape::channel_type(state.channels.get(channel));
        let event = json!({
            "type": "message", "subtype": "message_deleted", "previous_message": was, "channel": channel,
            "hidden": true, "deleted_ts": ts, "ts": now, "event_ts": now, "channel_type": kind,
        });
        self.event(state, &event, None);
    }

    /// Somebody's reaction, on or off. Whether it changed anything.
    pub(crate) fn react(
        self: &Arc<Self>,
        state: &mut State,
        (channel, ts): (&str, &str),
        from: &str,
        name: &str,
        add: bool,
    ) -> bool {
        let now = state.ts();
        let Some(message) = state.messages.get_mut(&(channel.to_owned(), ts.to_owned())) else {
            return false;
        };
        let people = message.reactions.entry(name.to_owned()).or_default();
        let changed = match add {
            true => people.insert(from.to_owned()),
            false => people.remove(from),
        };
        message.reactions.retain(|_, people| !people.is_empty());
        let author = message.user.clone();
        if changed {
            let kind = if add {
                "reaction_added"
            } else {
                "reaction_removed"
            };
            let event = json!({
                "type": kind, "user": from, "reaction": name, "item_user": author, "event_ts": now,
                "item": {"type": "message", "channel": channel, "ts": ts},
            });
            self.event(state, &event, None);
        }
        changed
    }

    /// Somebody presses a button below a message.
    pub(crate) fn press(self: &Arc<Self>, channel: &str, from: &str, ts: &str, button: &str) {
        self.change(|state| {
            let trigger = format!("trigger{}", state.number());
            let now = state.ts();
            let shown = match state.message(channel, ts) {
                Some(message) => shape::message(&self.options, state, message, false),
                None => Value::Null,
            };
            let (team, name) = (&self.options.team, state.name_of(from));
            let payload = json!({
                "type": "block_actions", "user": {"id": from, "username": name, "name": name, "team_id": team},
                "api_app_id": self.options.app, "token": "verification", "trigger_id": trigger,
                "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false},
                "team": {"id": team, "domain": "test"}, "enterprise": null, "is_enterprise_install": false,
                "channel": {"id": channel, "name": "directmessage"}, "message": shown,
                "state": {"values": {}}, "response_url": format!("{}/actions/{team}/1/{trigger}", state.public),
                "actions": [{
                    "action_id": "button", "block_id": "b1", "type": "button", "value": button, "action_ts": now,
                    "text": {"type": "plain_text", "text": button, "emoji": true},
                }],
            });
            Self::wait_for(state, &trigger, button);
            socket::tell(self, state, "interactive", payload, None);
        });
    }

    /// Somebody gives a command.
    pub(crate) fn command(self: &Arc<Self>, channel: &str, from: &str, word: &str, text: &str) {
        self.change(|state| {
            let trigger = format!("trigger{}", state.number());
            let team = &self.options.team;
            let payload = json!({
                "token": "verification", "team_id": team, "team_domain": "test", "channel_id": channel,
                "channel_name": "directmessage", "user_id": from, "user_name": state.name_of(from),
                "command": word, "text": text, "api_app_id": self.options.app, "is_enterprise_install": "false",
                "response_url": format!("{}/commands/{team}/1/{trigger}", state.public), "trigger_id": trigger,
            });
            Self::wait_for(state, &trigger, word);
            socket::tell(self, state, "slash_commands", payload, None);
        });
    }

    fn wait_for(state: &mut State, trigger: &str, button: &str) {
        state.pressed.push(Pressed {
            id: trigger.to_owned(),
            button: button.to_owned(),
            ..Pressed::default()
        });
    }
}

/// Words as Slack's own programs send them.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A text without its percent signs.
pub(crate) fn unescape(text: &str) -> String {
    let text = text.replace('+', " ");
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
