//! From the Bot API's JSON to events. Pure: no socket, no clock, no memory.
//!
//! Every update becomes at least one event. What this adapter has no word for, or cannot read, becomes
//! `Unsupported` with the platform's JSON beside it, so that nothing vanishes and nothing stops the stream.

mod command;
mod files;
mod place;
mod span;
mod unknown;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

pub(crate) use files::MAX_DOWNLOAD;

use chatbox_connector_api::event::{Action, ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_connector_api::id::{EventId, Handle, Millis};
use chatbox_connector_api::kit::quarantine::guarded;
use chatbox_connector_api::kit::repair::repair;
use place::{Where, message_id, person, speaker, us};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use wire::{CallbackQuery, Membership, Message, Reacted, Update, User};

/// One update, translated.
#[derive(Debug)]
pub(crate) struct Translated {
    /// Its number, by which it is confirmed; `None` if it has none that can be read.
    pub(crate) update_id: Option<i64>,
    /// What it says; never empty.
    pub(crate) events: Vec<Event>,
}

/// Translates one update. `now` is the time of things that have none.
pub(crate) fn translate(json: &str, me: &User, now: Millis) -> Translated {
    #[derive(Deserialize)]
    struct Head {
        update_id: i64,
    }
    let json = repair(json);
    let head: Option<Head> = serde_json::from_str(&json).ok();
    let update_id = head.map(|head| head.update_id);
    let raw = RawValue::from_string(json.clone().into_owned()).ok();
    let reader = Reader {
        me,
        now,
        update: update_name(update_id, &json),
        raw: raw.map(Arc::from),
        json: &json,
    };
    Translated {
        update_id,
        events: reader.kept(Reader::events),
    }
}

/// The name of what has no message to be named after. Without a number it is its own JSON that names it, so that a
/// repetition is still recognised.
fn update_name(id: Option<i64>, json: &str) -> EventId {
    EventId::new(match id {
        Some(id) => format!("u{id}"),
        None => {
            let mut hasher = DefaultHasher::new();
            json.hash(&mut hasher);
            format!("x{:016x}", hasher.finish())
        }
    })
}

/// What is the same for all events of one update.
struct Reader<'a> {
    me: &'a User,
    now: Millis,
    update: EventId,
    raw: Option<Arc<RawValue>>,
    json: &'a str,
}

impl Reader<'_> {
    /// What a translation comes to. A crash costs this update only.
    fn kept(&self, translate: impl FnOnce(&Self) -> Vec<Event>) -> Vec<Event> {
        guarded(|| translate(self)).unwrap_or_else(|| vec![self.unknown()])
    }

    fn events(&self) -> Vec<Event> {
        let update: Update = serde_json::from_str(self.json).unwrap_or_default();
        if let Some(message) = update.message.or(update.channel_post) {
            self.said(&message)
        } else if let Some(message) = update.edited_message.or(update.edited_channel_post) {
            vec![self.edited(&message)]
        } else if let Some(query) = update.callback_query {
            vec![self.pressed(&query)]
        } else if let Some(reacted) = update.message_reaction {
            vec![self.reacted(&reacted)]
        } else if let Some(membership) = update.my_chat_member {
            vec![self.membership(&membership)]
        } else {
            vec![self.unknown()]
        }
    }

    fn event(&self, id: EventId, place: Place, sender: Sender, at: i64, body: EventBody) -> Event {
        let at = if at > 0 {
            Millis(at.saturating_mul(1000))
        } else {
            self.now
        };
        Event {
            id,
            chat: place,
            sender,
            at,
            body,
            addressed: false,
            late: false,
            group: None,
            raw: self.raw.clone(),
        }
    }

    /// A new message: somebody came, somebody went, the chat moved, or something was said.
    fn said(&self, message: &Message) -> Vec<Event> {
        let Some(sender) = speaker(message) else {
            return vec![self.senderless(message)];
        };
        let gone = message.left_chat_member.iter().map(|who| (who, false));
        let came = message.new_chat_members.iter().map(|who| (who, true));
        let members: Vec<(&User, bool)> = came.chain(gone).collect();
        if !members.is_empty() {
            return self.members(message, &sender, &members);
        }
        let id = message_id(&message.chat, message.message_id);
        let body = match message.migrate_to_chat_id {
            Some(to) => EventBody::Moved {
                to: Handle::new(to.to_string()),
            },
            None => self.body(message),
        };
        let counts = matches!(body, EventBody::Message(_) | EventBody::Action(_));
        let mut event = self.event(id, message.place(), sender, message.date, body);
        event.addressed = counts && self.addressed(message);
        event.group = message.media_group_id.clone();
        vec![event]
    }

    fn body(&self, message: &Message) -> EventBody {
        if let Some(action) = command::action(message, self.me) {
            return EventBody::Action(action);
        }
        match content(message) {
            Some(content) => EventBody::Message(content),
            None => EventBody::Unsupported {
                what: unknown::kind_of_message(self.json),
            },
        }
    }

    fn addressed(&self, message: &Message) -> bool {
        message.place().kind == ChatKind::Dm
            || command::is_for(message, self.me)
            || command::mentions(message, self.me)
            || answered(message).is_some_and(|replied| {
                let from = replied.from.as_ref();
                from.is_some_and(|from| from.id == self.me.id)
            })
    }

    /// One event for each; the update may name several.
    fn members(&self, message: &Message, sender: &Sender, members: &[(&User, bool)]) -> Vec<Event> {
        let base = message_id(&message.chat, message.message_id);
        let event = |(nth, (who, present)): (usize, &(&User, bool))| {
            let id = match nth {
                0 => base.clone(),
                _ => EventId::new(format!("{base}.{nth}")),
            };
            let body = EventBody::Member {
                who: person(who),
                present: *present,
            };
            self.event(id, message.place(), sender.clone(), message.date, body)
        };
        members.iter().enumerate().map(event).collect()
    }

    fn edited(&self, message: &Message) -> Event {
        let Some(sender) = speaker(message) else {
            return self.senderless(message);
        };
        let target = message_id(&message.chat, message.message_id);
        let body = match content(message) {
            Some(content) => EventBody::Edit { target, content },
            None => EventBody::Unsupported {
                what: unknown::kind_of_message(self.json),
            },
        };
        let at = message.edit_date.unwrap_or(message.date);
        let mut event = self.event(self.update.clone(), message.place(), sender, at, body);
        event.addressed = self.addressed(message);
        event.group = message.media_group_id.clone();
        event
    }

    fn pressed(&self, query: &CallbackQuery) -> Event {
        let place = match &query.message {
            Some(message) => message.place(),
            // The button of a message sent through us elsewhere: its presser is all we know.
            None => place::dm(&query.from),
        };
        let under = query.message.as_ref();
        let body = EventBody::Action(Action {
            name: query.data.clone().unwrap_or_default(),
            argument: String::new(),
            token: Some(query.id.clone()),
            target: under.map(|message| message_id(&message.chat, message.message_id)),
        });
        let id = self.update.clone();
        let mut event = self.event(id, place, person(&query.from), 0, body);
        event.addressed = true;
        event
    }

    fn reacted(&self, reacted: &Reacted) -> Event {
        let sender = match (&reacted.user, &reacted.actor_chat) {
            (Some(user), _) => person(user),
            (None, Some(chat)) => place::chat_as_sender(chat),
            (None, None) => place::nobody(),
        };
        let name = |reaction: &wire::ReactionType| match reaction.kind.as_str() {
            "emoji" => reaction.emoji.clone(),
            "custom_emoji" => {
                let id = reaction.custom_emoji_id.as_ref()?;
                Some(format!("custom_emoji:{id}"))
            }
            other => Some(other.to_owned()),
        };
        let body = EventBody::Reaction {
            target: message_id(&reacted.chat, reacted.message_id),
            emoji: reacted.new_reaction.iter().filter_map(name).collect(),
        };
        let place = reacted.chat.place();
        self.event(self.update.clone(), place, sender, reacted.date, body)
    }

    fn membership(&self, membership: &Membership) -> Event {
        let standing = &membership.new_chat_member;
        let present = match standing.status.as_str() {
            "creator" | "administrator" | "member" => true,
            "restricted" => standing.is_member,
            _ => false,
        };
        let body = EventBody::Member {
            who: us(&standing.user, self.me),
            present,
        };
        let sender = person(&membership.from);
        let place = membership.chat.place();
        self.event(self.update.clone(), place, sender, membership.date, body)
    }

    /// A message that names nobody is kept and starts nothing.
    fn senderless(&self, message: &Message) -> Event {
        let body = EventBody::Unsupported {
            what: "message without a sender".to_owned(),
        };
        let id = message_id(&message.chat, message.message_id);
        self.event(id, message.place(), place::nobody(), message.date, body)
    }

    fn unknown(&self) -> Event {
        let found = unknown::Found::in_update(self.json);
        let body = EventBody::Unsupported { what: found.what };
        let place = found.place.unwrap_or_else(place::nowhere);
        let sender = found.sender.unwrap_or_else(place::nobody);
        self.event(self.update.clone(), place, sender, 0, body)
    }
}

/// What a message says, if it says anything in text or files.
fn content(message: &Message) -> Option<Content> {
    let text = message.words();
    let content = Content {
        text: span::commonmark(text.text, text.entities),
        attachments: files::attachments(message),
        reply_to: answered(message).map(|replied| {
            let chat = replied.chat.as_ref().unwrap_or(&message.chat);
            message_id(chat, replied.message_id)
        }),
        choices: Vec::new(),
    };
    let silent = content.text.is_empty() && content.attachments.is_empty();
    (!silent).then_some(content)
}

/// The message this one answers. In a topic, what answers nothing is marked as answering the topic's first message.
fn answered(message: &Message) -> Option<&wire::Replied> {
    let replied = message.reply_to_message.as_ref()?;
    let topic = message.is_topic_message.unwrap_or(false)
        && message.message_thread_id == Some(replied.message_id);
    (!topic).then_some(replied)
}
