//! From the gateway's JSON to events. Pure: no socket, no clock.
//!
//! What cannot be read becomes `Unsupported` where at least its channel is known; what this adapter does not ask for is
//! nothing. Our own words and those of programs are nothing either.

/// A word for the house, where two speak.
fn command(message: &Message, content: &Content) -> Option<Action> {
    let rest = content
        .text
        .strip_prefix('/')
        .filter(|_| message.guild_id.is_none())?;
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = word.to_ascii_lowercase();
    HOUSE.contains(&name.as_str()).then(|| Action {
        name,
        argument: argument.trim().to_owned(),
        token: None,
        target: None,
    })
}

#[cfg(test)]
mod tests;
mod wire;

pub(crate) use wire::{Channel, Guild, Id, Message, Ready};

use crate::history::Past;
use crate::outbound::message_name;
use chatbox_connector_api::event::{
    Action, Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender,
};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Millis};
use chatbox_connector_api::kit::claimed::{safe_mime, safe_name};
use chatbox_connector_api::kit::quarantine::guarded;
use chatbox_connector_api::kit::reactions::Reactions;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use wire::{Deleted, Interaction, Reaction, User};

/// Discord's time begins here, in milliseconds since 1970.
const EPOCH: i64 = 1_420_070_400_000;
/// The house's commands; in a one-to-one chat `/word` is one.
const HOUSE: [&str; 5] = ["start", "stop", "new", "status", "link"];
/// Messages people write: plain, replies, commands' answers, thread starters.
const SPOKEN: [u8; 2] = [0, 19];

/// What is remembered from dispatch to dispatch.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Our own number.
    pub(crate) me: u64,
    pub(crate) allowed_guilds: Option<BTreeSet<u64>>,
    /// Names and kinds of the guilds' channels.
    pub(crate) places: HashMap<u64, (Option<String>, ChatKind)>,
    pub(crate) reactions: Reactions<(u64, u64)>,
}

impl Reader {
    pub(crate) fn new(me: u64, allowed_guilds: Option<BTreeSet<u64>>) -> Self {
        Self {
            me,
            allowed_guilds,
            places: HashMap::new(),
            reactions: Reactions::default(),
        }
    }

    /// What a dispatch says. `name` is its own, for what has no better one. A crash costs this dispatch only: it is kept
    /// as something unsupported.
    pub(crate) fn read(&mut self, kind: &str, data: &RawValue, name: &str) -> Option<Event> {
        let read = |reader: &mut Self| reader.translate(kind, data.get(), name);
        self.kept((kind, data, name), None, read)
    }

    /// A message from the past, with its guild, which history does not name. A crash costs it only.
    pub(crate) fn late(&mut self, past: &Past) -> Option<Event> {
        let name = format!("{}/{}", past.channel, past.id);
        let read = |reader: &mut Self| {
            let message: Message = serde_json::from_str(past.json.get())?;
            Ok(reader.said(&message.within(past.guild)))
        };
        let what = ("MESSAGE_CREATE", &*past.json, &*name);
        let event = self.kept(what, past.guild, read)?;
        Some(Event {
            late: true,
            ..event
        })
    }

    /// What a translation comes to, or that it could not be made.
    fn kept(
        &mut self,
        (kind, data, name): (&str, &RawValue, &str),
        guild: Option<u64>,
        translate: impl FnOnce(&mut Self) -> serde_json::Result<Option<Event>>,
    ) -> Option<Event> {
        let event = match guarded(|| translate(self)) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                self.unreadable((kind, data.get(), name), guild, &error.to_string())
            }
            None => self.unreadable((kind, data.get(), name), guild, "the adapter crashed on it"),
        };
        event.map(|event| Event {
            raw: Some(Arc::from(data.to_owned())),
            ..event
        })
    }

    fn translate(
        &mut self,
        kind: &str,
        json: &str,
        name: &str,
    ) -> serde_json::Result<Option<Event>> {
        Ok(match kind {
            "MESSAGE_CREATE" => self.said(&serde_json::from_str(json)?),
            "MESSAGE_UPDATE" => self.edited(&serde_json::from_str(json)?),
            "MESSAGE_DELETE" => self.deleted(&serde_json::from_str(json)?),
            "MESSAGE_REACTION_ADD" => self.reacted(&serde_json::from_str(json)?, name, true),
            "MESSAGE_REACTION_REMOVE" => self.reacted(&serde_json::from_str(json)?, name, false),
            "INTERACTION_CREATE" => self.pressed(&serde_json::from_str(json)?),
            _ => None,
        })
    }

    pub(crate) fn know(&mut self, channel: &Channel) {
        let kind = match channel.kind {
            10..=12 => ChatKind::Thread,
            5 => ChatKind::Channel,
            _ => ChatKind::Group,
        };
        self.places
            .insert(channel.id.0, (channel.name.clone(), kind));
    }

    fn is_let_in(&self, guild: Option<wire::Id>) -> bool {
        match (guild, &self.allowed_guilds) {
            (Some(guild), Some(allowed)) => allowed.contains(&guild.0),
            _ => true,
        }
    }

    fn place(&self, channel: u64, guild: Option<wire::Id>) -> Place {
        let known = self.places.get(&channel).cloned();
        let (name, kind) = match guild {
            None => (None, ChatKind::Dm),
            Some(_) => known.unwrap_or((None, ChatKind::Group)),
        };
        Place {
            handle: Handle::new(channel.to_string()),
            kind,
            name,
        }
    }

    /// Whether it is a person's.
    fn is_persons(&self, author: &User, webhook: bool) -> bool {
        author.id.0 != self.me && !author.bot && !webhook
    }

    fn said(&self, message: &Message) -> Option<Event> {
        let webhook = message.webhook_id.is_some();
        if !self.is_persons(&message.author, webhook) || !self.is_let_in(message.guild_id) {
            return None;
        }
        let id = message_name(message.channel_id.0, message.id.0);
        let content = content(message);
        let body = match (SPOKEN.contains(&message.kind), content) {
            (true, Some(content)) => match command(message, &content) {
                Some(action) => EventBody::Action(action),
                None => EventBody::Message(content),
            },
            (true, None) => EventBody::Unsupported {
                what: "message without words or files".to_owned(),
            },
            (false, _) => EventBody::Unsupported {
                what: format!("message of type {}", message.kind),
            },
        };
        let mut event = self.event(id, message, body);
        event.addressed = matches!(event.body, EventBody::Message(_) | EventBody::Action(_))
            && self.is_meant(message);
        Some(event)
    }

    fn event(&self, id: EventId, message: &Message, body: EventBody) -> Event {
        Event {
            id,
            chat: self.place(message.channel_id.0, message.guild_id),
            sender: sender(&message.author),
            at: time_of(message.id.0),
            body,
            addressed: false,
            late: false,
            group: None,
            raw: None,
        }
    }

    fn is_meant(&self, message: &Message) -> bool {
        let me = |user: &User| user.id.0 == self.me;
        message.guild_id.is_none()
            || message.mentions.iter().any(me)
            || message
                .referenced_message
                .as_ref()
                .is_some_and(|it| me(&it.author))
    }

    /// A change of words. Discord also tells of previews and pins this way; those change none.
    fn edited(&self, message: &Message) -> Option<Event> {
        let when = message.edited_timestamp.as_ref()?;
        if !self.is_persons(&message.author, message.webhook_id.is_some())
            || !self.is_let_in(message.guild_id)
        {
            return None;
        }
        let target = message_name(message.channel_id.0, message.id.0);
        let id = EventId::new(format!("e{target}@{when}"));
        let body = EventBody::Edit {
            target,
            content: content(message)?,
        };
        let mut event = self.event(id, message, body);
        event.addressed = self.is_meant(message);
        Some(event)
    }

    fn deleted(&self, deleted: &Deleted) -> Option<Event> {
        if !self.is_let_in(deleted.guild_id) {
            return None;
        }
        let target = message_name(deleted.channel_id.0, deleted.id.0);
        // Discord does not say by whom.
        Some(self.bare(
            EventId::new(format!("d{target}")),
            deleted.channel_id.0,
            deleted.guild_id,
            deleted.id.0,
            nobody(),
            EventBody::Delete { target },
        ))
    }

    fn reacted(&mut self, reaction: &Reaction, name: &str, added: bool) -> Option<Event> {
        if reaction.user_id.0 == self.me || !self.is_let_in(reaction.guild_id) {
            return None;
        }
        let emoji = match (&reaction.emoji.name, reaction.emoji.id) {
            (name, Some(id)) => format!("{}:{}", name.as_deref().unwrap_or("emoji"), id.0),
            (Some(name), None) => name.clone(),
            (None, None) => return None,
        };
        let target = message_name(reaction.channel_id.0, reaction.message_id.0);
        let emoji =
            self.reactions
                .change((reaction.message_id.0, reaction.user_id.0), emoji, added);
        let member = reaction.member.as_ref().map(|member| &member.user);
        let sender = member.map_or_else(
            || Sender {
                id: ExternalId::new(reaction.user_id.0.to_string()),
                name: None,
                is_bot: false,
            },
            sender,
        );
        let body = EventBody::Reaction { target, emoji };
        let id = EventId::new(format!("r{name}"));
        Some(self.bare(
            id,
            reaction.channel_id.0,
            reaction.guild_id,
            0,
            sender,
            body,
        ))
    }

    fn pressed(&self, pressed: &Interaction) -> Option<Event> {
        let user = pressed
            .member
            .as_ref()
            .map(|member| &member.user)
            .or(pressed.user.as_ref())?;
        if !self.is_let_in(pressed.guild_id) {
            return None;
        }
        let name = pressed
            .data
            .custom_id
            .clone()
            .or_else(|| pressed.data.name.clone())?;
        let token = Some(format!(
            "{}/{}/{}",
            pressed.kind, pressed.id.0, pressed.token
        ));
        let channel = pressed.channel_id?.0;
        let under = pressed.message.as_ref();
        let body = EventBody::Action(Action {
            name,
            argument: String::new(),
            token,
            target: under.map(|message| message_name(channel, message.id.0)),
        });
        let id = EventId::new(format!("i{}", pressed.id.0));
        let mut event = self.bare(
            id,
            channel,
            pressed.guild_id,
            pressed.id.0,
            sender(user),
            body,
        );
        event.addressed = true;
        Some(event)
    }

    fn bare(
        &self,
        id: EventId,
        channel: u64,
        guild: Option<wire::Id>,
        at: u64,
        sender: Sender,
        body: EventBody,
    ) -> Event {
        let at = match at {
            0 => Millis(now()),
            at => time_of(at),
        };
        let chat = self.place(channel, guild);
        Event {
            id,
            chat,
            sender,
            at,
            body,
            addressed: false,
            late: false,
            group: None,
            raw: None,
        }
    }

    /// Something we cannot read, kept where it happened. Without a place it is only said in the program's own log.
    fn unreadable(
        &self,
        (kind, json, name): (&str, &str, &str),
        guild: Option<u64>,
        why: &str,
    ) -> Option<Event> {
        #[derive(Deserialize)]
        struct Found {
            channel_id: wire::Id,
            #[serde(default)]
            guild_id: Option<wire::Id>,
        }
        tracing::warn!(kind, why, "Discord said something that cannot be read");
        let found: Found = serde_json::from_str(json).ok()?;
        let body = EventBody::Unsupported {
            what: format!("{kind} that cannot be read"),
        };
        let id = EventId::new(format!("x{name}"));
        let guild = found.guild_id.or(guild.map(wire::Id));
        Some(self.bare(id, found.channel_id.0, guild, 0, nobody(), body))
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// When a number was given.
fn time_of(id: u64) -> Millis {
    Millis(i64::try_from(id >> 22).unwrap_or(0) + EPOCH)
}

fn sender(user: &User) -> Sender {
    let name = user.global_name.clone().or_else(|| user.username.clone());
    Sender {
        id: ExternalId::new(user.id.0.to_string()),
        name,
        is_bot: user.bot,
    }
}

fn nobody() -> Sender {
    Sender {
        id: ExternalId::new("0"),
        name: None,
        is_bot: false,
    }
}

/// What a message says. Discord's markup is close enough to CommonMark to stand as it is.
fn content(message: &Message) -> Option<Content> {
    let attachments = message.attachments.iter().map(|file| Attachment {
        name: safe_name(&file.filename, "file"),
        mime: safe_mime(
            file.content_type.as_deref().unwrap_or_default(),
            "application/octet-stream",
        ),
        size: file.size,
        media: Media::Pending {
            source: file.url.clone(),
        },
    });
    let reply = message
        .message_reference
        .as_ref()
        .filter(|_| message.kind == 19);
    let content = Content {
        text: message.content.clone(),
        attachments: attachments.collect(),
        reply_to: reply.and_then(|to| Some(message_name(to.channel_id?.0, to.message_id?.0))),
        choices: Vec::new(),
    };
    let silent = content.text.is_empty() && content.attachments.is_empty();
    (!silent).then_some(content)
}
