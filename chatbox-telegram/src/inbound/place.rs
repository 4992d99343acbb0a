//! Chats and people as the house names them.

use super::wire::{Chat, Entity, Message, User};
use chatbox_connector_api::event::{ChatKind, Place, Sender};
use chatbox_connector_api::id::{EventId, Handle};

/// The handle and sender of what names none.
const UNKNOWN: &str = "unknown";

/// A message's name: stable, and the same however we hear of it.
pub(super) fn message_id(chat: &Chat, message: i64) -> EventId {
    EventId::new(format!("{}/{message}", chat.id))
}

/// Something that happens somewhere.
pub(super) trait Where {
    /// Where.
    fn place(&self) -> Place;
}

impl Where for Chat {
    fn place(&self) -> Place {
        let kind = match self.kind.as_str() {
            "private" => ChatKind::Dm,
            "channel" => ChatKind::Channel,
            "group" | "supergroup" => ChatKind::Group,
            // Kinds of chat yet to come: only people have positive numbers.
            _ if self.id > 0 => ChatKind::Dm,
            _ => ChatKind::Group,
        };
        Place {
            handle: Handle::new(self.id.to_string()),
            kind,
            name: self.name(),
        }
    }
}

impl Where for Message {
    fn place(&self) -> Place {
        let place = self.chat.place();
        let topic = self
            .message_thread_id
            .filter(|_| self.is_topic_message.unwrap_or(false));
        match topic {
            None => place,
            // A topic of a one-to-one chat is still between the two.
            Some(thread) => Place {
                handle: Handle::new(format!("{}/{thread}", place.handle)),
                kind: match place.kind {
                    ChatKind::Dm => ChatKind::Dm,
                    _ => ChatKind::Thread,
                },
                ..place
            },
        }
    }
}

impl Chat {
    fn name(&self) -> Option<String> {
        let person = || full_name(self.first_name.as_deref()?, self.last_name.as_deref());
        self.title.clone().or_else(person)
    }
}

/// The text of a message, wherever it stands.
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    pub(super) entities: &'a [Entity],
}

impl Message {
    pub(super) fn words(&self) -> Words<'_> {
        match (&self.text, &self.caption) {
            (Some(text), _) => Words {
                text,
                entities: &self.entities,
            },
            (None, Some(caption)) => Words {
                text: caption,
                entities: &self.caption_entities,
            },
            (None, None) => Words {
                text: "",
                entities: &[],
            },
        }
    }
}

fn full_name(first: &str, last: Option<&str>) -> Option<String> {
    let name = [first, last.unwrap_or("")].join(" ").trim().to_owned();
    (!name.is_empty()).then_some(name)
}

/// A person or a bot.
pub(super) fn person(user: &User) -> Sender {
    let name = full_name(&user.first_name, user.last_name.as_deref());
    Sender {
        id: user.id.to_string().into(),
        name: name.or_else(|| user.username.clone()),
        is_bot: user.is_bot,
    }
}

/// Whom a change of membership concerns: ourselves, by the name we know us under.
pub(super) fn us(user: &User, me: &User) -> Sender {
    person(if user.id == me.id { me } else { user })
}

/// A chat that speaks for itself: a channel, or a group's hidden administrator.
pub(super) fn chat_as_sender(chat: &Chat) -> Sender {
    Sender {
        id: chat.id.to_string().into(),
        name: chat.name(),
        is_bot: false,
    }
}

/// Who said it. A message sent in a chat's name also carries a stand-in user, shared by everybody who does so: nobody
/// may be let in by that one.
pub(super) fn speaker(message: &Message) -> Option<Sender> {
    match (&message.sender_chat, &message.from) {
        (Some(chat), _) => Some(chat_as_sender(chat)),
        (None, Some(user)) => Some(person(user)),
        (None, None) => None,
    }
}

/// The one-to-one chat with a person.
pub(super) fn dm(user: &User) -> Place {
    Place {
        handle: Handle::new(user.id.to_string()),
        kind: ChatKind::Dm,
        name: person(user).name,
    }
}

/// The sender of what names none.
pub(super) fn nobody() -> Sender {
    Sender {
        id: UNKNOWN.into(),
        name: None,
        is_bot: false,
    }
}

/// The chat of what names none.
pub(super) fn nowhere() -> Place {
    Place {
        handle: Handle::new(UNKNOWN),
        kind: ChatKind::Channel,
        name: None,
    }
}
