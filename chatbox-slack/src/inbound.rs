//! From Slack's JSON to events. Pure: no socket, no clock.
//!
//! What cannot be read becomes `Unsupported` where at least its conversation is known; what this adapter does not ask for is
//! nothing. Our own words and those of programs are nothing either, and what belongs to another workspace is dropped.

#[cfg(test)]
mod tests;
mod text;
mod wire;

pub(crate) use wire::{Callback, Channel, Dated, Frame, Message, Ts};

use crate::emoji;
use crate::history::Said;
use crate::outbound::message_name;
use chatbox_connector_api::event::{
    Action, Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender,
};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Millis};
use chatbox_connector_api::kit::claimed::{safe_mime, safe_name};
use chatbox_connector_api::kit::quarantine::guarded;
use chatbox_connector_api::kit::reactions::Reactions;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use wire::{Changed, Command, Kind, Member, Pressed, Reaction, Somewhere};

/// The house's commands; in a direct conversation `!word` is one, since Slack keeps `/word` to itself.
const HOUSE: [&str; 5] = ["start", "stop", "new", "status", "link"];
/// The kinds of messages that people write.
const SPOKEN: [&str; 3] = ["file_share", "thread_broadcast", "me_message"];

/// Who we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Me {
    pub(crate) user: String,
    pub(crate) team: String,
}

/// What is remembered from event to event.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) me: Me,
    /// Names and kinds of conversations.
    pub(crate) places: HashMap<String, (Option<String>, ChatKind)>,
    /// Names of people.
    pub(crate) people: HashMap<String, String>,
    pub(crate) reactions: Reactions<(String, String)>,
}

impl Reader {
    pub(crate) fn new(me: Me) -> Self {
        Self {
            me,
            places: HashMap::new(),
            people: HashMap::new(),
            reactions: Reactions::default(),
        }
    }

    /// What is in an envelope. A crash costs this one only: it is kept as something unsupported.
    pub(crate) fn read(&mut self, kind: &str, payload: &RawValue) -> Option<Event> {
        let read = || match kind {
            "events_api" => self.callback(payload),
            "interactive" => self.pressed(payload.get()),
            "slash_commands" => self.command(payload.get()),
            _ => Ok(None),
        };
        let why = match guarded(read) {
            Some(Ok(event)) => return event,
            Some(Err(error)) => error.to_string(),
            None => "the adapter crashed on it".to_owned(),
        };
        tracing::warn!(kind, why, "Slack said something that cannot be read");
        None
    }

    /// An event of the Events API, over whatever way it came.
    pub(crate) fn callback(&mut self, payload: &RawValue) -> serde_json::Result<Option<Event>> {
        let callback: Callback<'_> = serde_json::from_str(payload.get())?;
        let Some(data) = callback.event else {
            if callback.kind.as_deref() == Some("app_rate_limited") {
                tracing::warn!(
                    "more happens than Slack tells an app of (30,000 events an hour): events are missing"
                );
            }
            return Ok(None);
        };
        if !self.is_ours(&callback) {
            tracing::warn!("an event of another workspace was dropped");
            return Ok(None);
        }
        let name = callback.event_id.as_deref().unwrap_or_default();
        let event = match guarded(|| self.translate(data.get(), name)) {
            Some(Ok(event)) => event,
            Some(Err(error)) => self.unreadable(data.get(), name, &error.to_string()),
            None => self.unreadable(data.get(), name, "the adapter crashed on it"),
        };
        Ok(event.map(|event| Event {
            raw: Some(Arc::from(data.to_owned())),
            ..event
        }))
    }

    fn is_ours(&self, callback: &Callback<'_>) -> bool {
        let ours = |team: Option<&String>| team == Some(&self.me.team);
        let mut installed = callback.authorizations.iter();
        ours(callback.team_id.as_ref()) || installed.any(|it| ours(it.team_id.as_ref()))
    }

    fn translate(&mut self, json: &str, name: &str) -> serde_json::Result<Option<Event>> {
        let kind: Kind = serde_json::from_str(json)?;
        Ok(match (kind.kind.as_str(), kind.subtype.as_deref()) {
            ("message", Some("message_changed")) => self.changed(serde_json::from_str(json)?),
            ("message", Some("message_deleted")) => self.deleted(&serde_json::from_str(json)?),
            ("message" | "app_mention", _) => self.said(&serde_json::from_str(json)?, None),
            ("reaction_added", _) => self.reacted(&serde_json::from_str(json)?, name, true),
            ("reaction_removed", _) => self.reacted(&serde_json::from_str(json)?, name, false),
            ("member_joined_channel", _) => self.member(&serde_json::from_str(json)?, true),
            ("member_left_channel", _) => self.member(&serde_json::from_str(json)?, false),
            _ => None,
        })
    }

    /// A message from a conversation's past. One that cannot be read, or on which we crash, is kept as something unsupported.
    pub(crate) fn late(&mut self, channel: &str, said: &Said) -> Option<Event> {
        let read = said.message.as_ref();
        let event = read.and_then(|message| guarded(|| self.said(message, Some(channel))));
        let event = match event {
            Some(event) => event?,
            None => self.lost(channel, &said.dated),
        };
        Some(Event {
            late: true,
            raw: Some(Arc::from(said.json.clone())),
            ..event
        })
    }

    /// A message of which no more is known than where it stands.
    fn lost(&self, channel: &str, dated: &Dated) -> Event {
        let body = EventBody::Unsupported {
            what: "message that cannot be read".to_owned(),
        };
        let answered = dated.thread_ts.as_ref().filter(|ts| **ts != dated.ts);
        let place = self.place(channel, None, answered);
        let id = message_name(channel, &dated.ts.0);
        bare(id, place, self.sender("unknown"), dated.ts.millis(), body)
    }

    pub(crate) fn know(&mut self, channel: &Channel) {
        let kind = match channel.is_im {
            true => ChatKind::Dm,
            false => ChatKind::Group,
        };
        let name = channel.name.clone().filter(|_| !channel.is_im);
        self.places.insert(channel.id.clone(), (name, kind));
    }

    /// A conversation, or the thread in one where several people speak.
    fn place(&self, channel: &str, kind: Option<&str>, thread: Option<&Ts>) -> Place {
        let known = self.places.get(channel);
        let name = known.and_then(|(name, _)| name.clone());
        let direct = match (kind, known) {
            (Some(kind), _) => kind == "im",
            (None, Some((_, kind))) => *kind == ChatKind::Dm,
            // Slack names direct conversations so.
            (None, None) => channel.starts_with('D'),
        };
        match (direct, thread) {
            (true, _) => Place {
                handle: Handle::new(channel),
                kind: ChatKind::Dm,
                name: None,
            },
            (false, None) => Place {
                handle: Handle::new(channel),
                kind: ChatKind::Group,
                name,
            },
            (false, Some(thread)) => Place {
                handle: Handle::new(format!("{channel}/{}", thread.0)),
                kind: ChatKind::Thread,
                name,
            },
        }
    }

    fn sender(&self, id: &str) -> Sender {
        Sender {
            id: ExternalId::new(id),
            name: self.people.get(id).cloned(),
            is_bot: false,
        }
    }

    /// Whether it is neither ours nor a program's.
    fn is_persons(&self, message: &Message) -> bool {
        let program = message.bot_id.is_some() || message.subtype.as_deref() == Some("bot_message");
        !program && message.user.as_ref() != Some(&self.me.user)
    }

    fn said(&mut self, message: &Message, home: Option<&str>) -> Option<Event> {
        if !self.is_persons(message) {
            return None;
        }
        let channel = message.channel.as_deref().or(home)?;
        let subtype = message.subtype.as_deref();
        let id = message_name(channel, &message.ts.0);
        let answered = message.thread_ts.as_ref().filter(|ts| **ts != message.ts);
        let place = self.place(channel, message.channel_type.as_deref(), answered);
        let content = self.content(channel, message);
        let spoken = subtype.is_none_or(|it| SPOKEN.contains(&it)) && message.user.is_some();
        let body = match content.filter(|_| spoken) {
            Some(content) => match house_word(&content, place.kind) {
                Some(action) => EventBody::Action(action),
                None => EventBody::Message(content),
            },
            None if subtype == Some("tombstone") => return None,
            None => EventBody::Unsupported {
                what: subtype.map_or_else(
                    || "message without words or files".to_owned(),
                    |subtype| format!("message of the kind {subtype}"),
                ),
            },
        };
        let user = message.user.as_deref().unwrap_or("unknown");
        let sender = self.sender(user);
        let mut event = bare(id, place, sender, message.ts.millis(), body);
        event.addressed = matches!(event.body, EventBody::Message(_) | EventBody::Action(_))
            && self.is_meant(&event, message);
        Some(event)
    }

    fn is_meant(&self, event: &Event, message: &Message) -> bool {
        let text = message.text.as_deref().unwrap_or_default();
        event.chat.kind == ChatKind::Dm
            || text::mentions(text, &self.me.user)
            || message.parent_user_id.as_ref() == Some(&self.me.user)
    }

    /// A change of words. Slack also tells of previews, replies and pins this way; those change none.
    fn changed(&mut self, changed: Changed) -> Option<Event> {
        let (now, before) = (changed.message?, changed.previous_message);
        let (channel, kind) = (changed.channel.as_str(), changed.channel_type.as_deref());
        if now.subtype.as_deref() == Some("tombstone") {
            return self.gone(channel, kind, &now.ts, &changed.event_ts, before.as_ref());
        }
        let when = now.edited.as_ref()?;
        let unchanged = before.is_some_and(|before| before.edited.as_ref() == Some(when));
        if unchanged || !self.is_persons(&now) {
            return None;
        }
        let target = message_name(channel, &now.ts.0);
        let id = EventId::new(format!("e{target}@{}", when.ts.0));
        let content = self.content(channel, &now)?;
        let answered = now.thread_ts.as_ref().filter(|ts| **ts != now.ts);
        let place = self.place(channel, kind, answered);
        let body = EventBody::Edit { target, content };
        let sender = self.sender(now.user.as_deref()?);
        let mut event = bare(id, place, sender, when.ts.millis(), body);
        event.addressed = self.is_meant(&event, &now);
        Some(event)
    }

    fn deleted(&self, deleted: &Changed) -> Option<Event> {
        let before = deleted.previous_message.as_ref();
        let ts = deleted.deleted_ts.as_ref();
        let ts = ts.or_else(|| before.map(|it| &it.ts))?;
        let kind = deleted.channel_type.as_deref();
        self.gone(&deleted.channel, kind, ts, &deleted.event_ts, before)
    }

    /// Slack does not say by whom: who said it takes it back.
    fn gone(
        &self,
        channel: &str,
        kind: Option<&str>,
        ts: &Ts,
        at: &Ts,
        before: Option<&Message>,
    ) -> Option<Event> {
        if before.is_some_and(|it| !self.is_persons(it)) {
            return None;
        }
        let target = message_name(channel, &ts.0);
        let id = EventId::new(format!("d{target}"));
        let answered = before.and_then(|it| it.thread_ts.as_ref());
        let place = self.place(channel, kind, answered.filter(|it| *it != ts));
        let user = before.and_then(|it| it.user.as_deref());
        let sender = self.sender(user.unwrap_or("unknown"));
        Some(bare(
            id,
            place,
            sender,
            at.millis(),
            EventBody::Delete { target },
        ))
    }

    fn reacted(&mut self, reaction: &Reaction, name: &str, added: bool) -> Option<Event> {
        if reaction.user == self.me.user {
            return None;
        }
        let (channel, ts) = (reaction.item.channel.as_ref()?, reaction.item.ts.as_ref()?);
        let target = message_name(channel, &ts.0);
        let key = (reaction.user.clone(), target.as_str().to_owned());
        let emoji = emoji::sign(&reaction.reaction);
        let emoji = self.reactions.change(key, emoji, added);
        let id = match name.is_empty() {
            true => format!(
                "r{}:{}:{}",
                reaction.user, reaction.reaction, reaction.event_ts.0
            ),
            false => format!("r{name}"),
        };
        let place = self.place(channel, None, None);
        let sender = self.sender(&reaction.user);
        let body = EventBody::Reaction { target, emoji };
        let at = reaction.event_ts.millis();
        Some(bare(EventId::new(id), place, sender, at, body))
    }

    fn member(&self, member: &Member, present: bool) -> Option<Event> {
        if member.user == self.me.user {
            return None;
        }
        let who = self.sender(&member.user);
        let (user, channel, ts) = (&member.user, &member.channel, &member.event_ts);
        let id = EventId::new(format!("p{channel}/{user}@{}", ts.0));
        let body = EventBody::Member {
            who: who.clone(),
            present,
        };
        let place = self.place(channel, None, None);
        Some(bare(id, place, who, ts.millis(), body))
    }

    /// A button, as JSON.
    pub(crate) fn pressed(&self, json: &str) -> serde_json::Result<Option<Event>> {
        let pressed: Pressed = serde_json::from_str(json)?;
        let foreign = pressed
            .team
            .as_ref()
            .is_some_and(|it| it.id != self.me.team);
        if pressed.kind != "block_actions" || foreign {
            return Ok(None);
        }
        Ok(self.button(&pressed))
    }

    fn button(&self, pressed: &Pressed) -> Option<Event> {
        let button = pressed.actions.first()?;
        let chosen = button.selected_option.as_ref();
        let chosen = chosen.and_then(|it| it.value.clone());
        let value = button.value.clone().or(chosen);
        let name = value.or_else(|| button.action_id.clone())?;
        let channel = pressed.channel.as_ref()?;
        let under = pressed.message.as_ref();
        let thread = under.and_then(|it| it.thread_ts.as_ref().filter(|ts| **ts != it.ts));
        let at = button.action_ts.as_ref()?;
        let trigger = pressed.trigger_id.as_deref().unwrap_or(&at.0);
        let id = EventId::new(format!("b{trigger}"));
        let body = EventBody::Action(Action {
            name,
            argument: String::new(),
            token: Some(pressed.response_url.clone().unwrap_or_default()),
            target: under.map(|message| message_name(&channel.id, &message.ts.0)),
        });
        let place = self.place(&channel.id, None, thread);
        let mut sender = self.sender(&pressed.user.id);
        sender.name = sender.name.or_else(|| pressed.user.name.clone());
        let mut event = bare(id, place, sender, at.millis(), body);
        event.addressed = true;
        Some(event)
    }

    /// A command, as JSON.
    pub(crate) fn command(&self, json: &str) -> serde_json::Result<Option<Event>> {
        let given: Command = serde_json::from_str(json)?;
        if given.team_id.as_ref().is_some_and(|it| *it != self.me.team) {
            return Ok(None);
        }
        let name = given.command.trim_start_matches('/').to_ascii_lowercase();
        // The house answers its own with a message; who asked anything else is answered where they asked.
        let token = given
            .response_url
            .filter(|_| !HOUSE.contains(&name.as_str()));
        let body = EventBody::Action(Action {
            name,
            argument: given.text.unwrap_or_default().trim().to_owned(),
            token,
            target: None,
        });
        let id = EventId::new(format!("c{}", given.trigger_id));
        let place = self.place(&given.channel_id, None, None);
        let mut sender = self.sender(&given.user_id);
        sender.name = sender.name.or(given.user_name);
        let mut event = bare(id, place, sender, now(), body);
        event.addressed = true;
        Ok(Some(event))
    }

    /// What a message says, if it says anything.
    fn content(&self, channel: &str, message: &Message) -> Option<Content> {
        let name = |id: &str| self.people.get(id).cloned();
        let text = message.text.as_deref().unwrap_or_default();
        let answered = message.thread_ts.as_ref().filter(|ts| **ts != message.ts);
        let attachments = message.files.iter().map(attachment);
        let content = Content {
            text: text::read(text, &self.me.user, &name),
            attachments: attachments.collect(),
            reply_to: answered.map(|ts| message_name(channel, &ts.0)),
            choices: Vec::new(),
        };
        let silent = content.text.trim().is_empty() && content.attachments.is_empty();
        (!silent).then_some(content)
    }

    /// Something we cannot read, kept where it happened. Without a place it is only said in the program's own log.
    fn unreadable(&self, json: &str, name: &str, why: &str) -> Option<Event> {
        tracing::warn!(why, "Slack said something that cannot be read");
        let found: Somewhere = serde_json::from_str(json).ok()?;
        let kind: Kind = serde_json::from_str(json).ok()?;
        let body = EventBody::Unsupported {
            what: format!("{} that cannot be read", kind.kind),
        };
        let place = self.place(
            &found.channel,
            found.channel_type.as_deref(),
            found.thread_ts.as_ref(),
        );
        let at = found.event_ts.map_or_else(now, |ts| ts.millis());
        let spoken = kind.subtype.is_none_or(|it| SPOKEN.contains(&it.as_str()));
        let spoken = spoken && kind.kind == "message";
        // A message is named as its conversation's past names it.
        let id = match found.ts.filter(|_| spoken) {
            Some(ts) => message_name(&found.channel, &ts.0),
            None => EventId::new(format!("x{name}")),
        };
        Some(bare(id, place, self.sender("unknown"), at, body))
    }
}

fn bare(id: EventId, chat: Place, sender: Sender, at: i64, body: EventBody) -> Event {
    Event {
        id,
        chat,
        sender,
        at: Millis(at),
        body,
        addressed: false,
        late: false,
        group: None,
        raw: None,
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A word for the house, where two speak.
fn house_word(content: &Content, kind: ChatKind) -> Option<Action> {
    let text = content.text.trim_start();
    let rest = text
        .strip_prefix(['!', '/'])
        .filter(|_| kind == ChatKind::Dm)?;
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = word.to_ascii_lowercase();
    HOUSE.contains(&name.as_str()).then(|| Action {
        name,
        argument: argument.trim().to_owned(),
        token: None,
        target: None,
    })
}

fn attachment(file: &wire::File) -> Attachment {
    let name = file.name.as_deref().or(file.title.as_deref());
    let source = file.url_private_download.clone();
    let media = match source.or_else(|| file.url_private.clone()) {
        Some(source) => Media::Pending { source },
        None => Media::Failed {
            reason: "Slack does not say where it is".to_owned(),
        },
    };
    Attachment {
        name: safe_name(name.unwrap_or_default(), "file"),
        mime: safe_mime(
            file.mimetype.as_deref().unwrap_or_default(),
            "application/octet-stream",
        ),
        size: file.size,
        media,
    }
}
