//! From the daemon's JSON to events. Pure: no socket, no clock, no memory.
//!
//! Own devices' messages, "is writing" and delivery receipts are no events. What this adapter has no word for, or cannot
//! read, becomes `Unsupported` with the daemon's JSON beside it, so that nothing vanishes and nothing stops the stream.

mod files;
mod place;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod wire;

pub(crate) use files::{MAX_FILE, Source};
pub(crate) use place::{Place, message as message_name, target};

use chatbox_connector_api::event::{self, Action, ChatKind, Content, Event, EventBody, Sender};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Millis};
use chatbox_connector_api::kit::quarantine::guarded;
use chatbox_connector_api::kit::repair::repair;
use serde_json::value::RawValue;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use wire::{DataMessage, Envelope, Notified};

/// Who or where, when nobody is named.
const UNKNOWN: &str = "unknown";
/// The commands the house answers itself. Any other is a message like all others.
const HOUSE: [&str; 5] = ["start", "stop", "new", "status", "link"];

/// One notification, translated.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    /// What it says; nothing for what is shown and forgotten.
    pub(crate) events: Vec<Event>,
    /// The file that holds the whole of a long text: with it, [`translate`] says all.
    pub(crate) whole: Option<Source>,
}

/// Translates the parameters of one `receive`, in either of its two shapes. `now` is the time of things that have none;
/// `full` the whole of a long text.
pub(crate) fn translate(
    params: &str,
    account: &str,
    now: Millis,
    full: Option<&str>,
) -> Translated {
    let json = repair(params);
    let Some((envelope, to)) = envelope(&json) else {
        return Translated::of(unreadable(&json, "notification", now));
    };
    // A daemon with several accounts tells each subscriber of its own; over HTTP, of those it asked for.
    if to.is_some_and(|to| to != account) {
        return Translated::default();
    }
    let Ok(read) = serde_json::from_str::<Envelope>(envelope.get()) else {
        return Translated::of(unreadable(envelope.get(), "envelope", now));
    };
    let reader = Reader {
        account,
        now,
        envelope: &read,
        raw: Some(Arc::from(envelope.to_owned())),
        full,
    };
    reader.kept(Reader::read)
}

/// The envelope and whose it is: for a subscription both are one level down.
fn envelope(json: &str) -> Option<(&RawValue, Option<String>)> {
    let outer: Notified<'_> = serde_json::from_str(json).ok()?;
    let inner = match outer.result {
        Some(result) => serde_json::from_str(result.get()).ok()?,
        None => outer,
    };
    Some((inner.envelope?, inner.account))
}

/// Something that cannot be read is kept, from nobody, and starts nothing. Its own JSON names it.
fn unreadable(json: &str, what: &str, now: Millis) -> Event {
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    Event {
        id: EventId::new(format!("x{:016x}", hasher.finish())),
        chat: event::Place {
            handle: Handle::new(UNKNOWN),
            kind: ChatKind::Channel,
            name: None,
        },
        sender: Sender {
            id: ExternalId::new(UNKNOWN),
            name: None,
            is_bot: false,
        },
        at: now,
        body: EventBody::Unsupported {
            what: format!("{what} that cannot be read"),
        },
        addressed: false,
        late: false,
        group: None,
        raw: RawValue::from_string(json.to_owned()).ok().map(Arc::from),
    }
}

impl Translated {
    fn of(event: Event) -> Self {
        Self {
            events: vec![event],
            whole: None,
        }
    }
}

/// What is the same for all of one envelope.
struct Reader<'a> {
    account: &'a str,
    now: Millis,
    envelope: &'a Envelope,
    raw: Option<Arc<RawValue>>,
    full: Option<&'a str>,
}

impl Reader<'_> {
    /// What a translation comes to. A crash costs this envelope only.
    fn kept(&self, translate: impl FnOnce(&Self) -> Translated) -> Translated {
        guarded(|| translate(self)).unwrap_or_else(|| {
            let raw = self.raw.as_ref().map_or("", |raw| raw.get());
            Translated::of(unreadable(raw, "envelope", self.now))
        })
    }

    fn read(&self) -> Translated {
        let it = self.envelope;
        // What we said on another device of ours, and what we see of it there, is not said to us.
        if it.sync_message.is_some() || it.typing_message.is_some() {
            return Translated::default();
        }
        let sender = place::person(
            self.account,
            it.source_number.as_deref(),
            it.source_uuid.as_deref(),
            it.source.as_deref(),
        );
        let Some(sender) = sender else {
            let raw = self.raw.as_ref().map_or("", |raw| raw.get());
            return Translated::of(unreadable(raw, "message without a sender", self.now));
        };
        if sender == self.account {
            return Translated::default();
        }
        if let Some(message) = &it.data_message {
            self.said(&sender, message)
        } else if let Some(edit) = &it.edit_message {
            self.edited(&sender, edit)
        } else if let Some(receipt) = &it.receipt_message {
            self.receipt(&sender, receipt)
        } else {
            let what = match (&it.call_message, &it.story_message) {
                (Some(_), _) => "call",
                (_, Some(_)) => "story",
                _ => "envelope",
            };
            Translated::of(self.event(&sender, None, "u", unsupported(what)))
        }
    }

    fn said(&self, sender: &str, message: &DataMessage) -> Translated {
        let event = |tag: &str, body| Translated::of(self.event(sender, Some(message), tag, body));
        if let Some(reaction) = &message.reaction {
            let (number, uuid) = (&reaction.target_author_number, &reaction.target_author_uuid);
            let of = self.person(number, uuid, &reaction.target_author);
            let target = place::message(&of, reaction.target_sent_timestamp);
            let emoji = match reaction.is_remove {
                true => Vec::new(),
                false => vec![reaction.emoji.clone()],
            };
            return event("r", EventBody::Reaction { target, emoji });
        }
        if let Some(delete) = &message.remote_delete {
            let target = place::message(sender, delete.timestamp);
            return event("d", EventBody::Delete { target });
        }
        let (content, whole) = self.content(message);
        let Some(content) = content else {
            return event("", unsupported(what(message)));
        };
        let body = match message
            .group_info
            .is_none()
            .then(|| command(&content))
            .flatten()
        {
            Some(action) => EventBody::Action(action),
            None => EventBody::Message(content),
        };
        Translated {
            whole,
            ..event("", body)
        }
    }

    fn edited(&self, sender: &str, edit: &wire::EditMessage) -> Translated {
        let message = &edit.data_message;
        let (content, whole) = self.content(message);
        let body = match content {
            Some(content) => EventBody::Edit {
                target: place::message(sender, edit.target_sent_timestamp),
                content,
            },
            None => unsupported(what(message)),
        };
        Translated {
            whole,
            ..Translated::of(self.event(sender, Some(message), "e", body))
        }
    }

    /// That something arrived says nothing of anybody having read it.
    fn receipt(&self, sender: &str, receipt: &wire::ReceiptMessage) -> Translated {
        let newest = receipt.timestamps.iter().copied().max();
        let Some(newest) = newest.filter(|_| receipt.is_read || receipt.is_viewed) else {
            return Translated::default();
        };
        let target = place::message(self.account, newest);
        Translated::of(self.event(sender, None, "s", EventBody::Receipt { target }))
    }

    fn person(
        &self,
        number: &Option<String>,
        uuid: &Option<String>,
        any: &Option<String>,
    ) -> String {
        let named = place::person(
            self.account,
            number.as_deref(),
            uuid.as_deref(),
            any.as_deref(),
        );
        named.unwrap_or_else(|| UNKNOWN.to_owned())
    }

    fn content(&self, message: &DataMessage) -> (Option<Content>, Option<Source>) {
        let handle = self.handle(message);
        let files =
            handle.map(|it| files::attachments(&message.attachments, &it, self.full.is_some()));
        let (attachments, whole) = files.unwrap_or_default();
        let content = Content {
            text: text::commonmark(message, self.full),
            attachments,
            reply_to: message.quote.as_ref().map(|quote| {
                let author = self.person(&quote.author_number, &quote.author_uuid, &quote.author);
                place::message(&author, quote.id)
            }),
            choices: Vec::new(),
        };
        let silent = content.text.is_empty() && content.attachments.is_empty();
        ((!silent).then_some(content), whole)
    }

    fn handle(&self, message: &DataMessage) -> Option<Handle> {
        match &message.group_info {
            Some(group) => place::group(&group.group_id),
            None => {
                let it = self.envelope;
                let number = it.source_number.as_deref();
                let uuid = it.source_uuid.as_deref();
                place::person(self.account, number, uuid, it.source.as_deref()).map(Handle::new)
            }
        }
    }

    /// An event. A message is named by its author and time, as Signal does, whichever device it was written on; anything
    /// else by the device as well, for its name is only its key.
    fn event(
        &self,
        sender: &str,
        message: Option<&DataMessage>,
        tag: &str,
        body: EventBody,
    ) -> Event {
        let it = self.envelope;
        let time = match (it.timestamp, message) {
            (0, Some(message)) => message.timestamp,
            (time, _) => time,
        };
        let id = match tag {
            "" => place::message(sender, time),
            tag => EventId::new(format!(
                "{sender}.{}/{time}{tag}",
                it.source_device.unwrap_or(0)
            )),
        };
        let group = message.and_then(|message| message.group_info.as_ref());
        let said = matches!(
            body,
            EventBody::Message(_) | EventBody::Action(_) | EventBody::Edit { .. }
        );
        let addressed = said && message.is_some_and(|message| self.addressed(message));
        Event {
            id,
            chat: self.place(sender, group),
            sender: Sender {
                id: ExternalId::new(sender),
                name: it.source_name.clone().filter(|name| !name.is_empty()),
                is_bot: false,
            },
            at: if time > 0 { Millis(time) } else { self.now },
            body,
            addressed,
            late: false,
            group: None,
            raw: self.raw.clone(),
        }
    }

    fn place(&self, sender: &str, group: Option<&wire::GroupInfo>) -> event::Place {
        match group {
            Some(group) => event::Place {
                handle: place::group(&group.group_id).unwrap_or_else(|| Handle::new(UNKNOWN)),
                kind: ChatKind::Group,
                name: group.group_name.clone().filter(|name| !name.is_empty()),
            },
            None => event::Place {
                handle: Handle::new(sender),
                kind: ChatKind::Dm,
                name: self
                    .envelope
                    .source_name
                    .clone()
                    .filter(|name| !name.is_empty()),
            },
        }
    }

    fn addressed(&self, message: &DataMessage) -> bool {
        let mentions = || message.mentions.iter();
        message.group_info.is_none()
            || mentions().any(|it| self.person(&it.number, &it.uuid, &None) == self.account)
            || message.quote.as_ref().is_some_and(|it| {
                self.person(&it.author_number, &it.author_uuid, &it.author) == self.account
            })
    }
}

fn unsupported(what: &str) -> EventBody {
    EventBody::Unsupported {
        what: what.to_owned(),
    }
}

/// What a message is that says nothing in text or files.
fn what(message: &DataMessage) -> &'static str {
    let group = message
        .group_info
        .as_ref()
        .and_then(|it| it.kind.as_deref());
    if message.sticker.is_some() {
        "sticker"
    } else if message.contacts.is_some() {
        "contact"
    } else if message.payment.is_some() {
        "payment"
    } else if message.poll_create.is_some() {
        "poll"
    } else if message.is_expiration_update == Some(true) {
        "disappearing messages"
    } else if group == Some("UPDATE") {
        "group update"
    } else {
        "empty message"
    }
}

/// The house's command in a message to us alone.
fn command(content: &Content) -> Option<Action> {
    let rest = content.text.strip_prefix('/')?;
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.to_ascii_lowercase();
    HOUSE.contains(&name.as_str()).then(|| Action {
        name,
        argument: argument.trim().to_owned(),
        token: None,
        target: None,
    })
}
