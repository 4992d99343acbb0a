//! From the service's words to ours. Pure.

use chatbox_connector_api::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Millis};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Who we are.
#[derive(Debug, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What happened, oldest first. Each thing is read by itself, so that one we cannot read holds up no other.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) events: Vec<Box<RawValue>>,
    /// The place of the last one, or the place asked for.
    pub(crate) upto: u64,
}

/// One message as the service writes it.
#[derive(Debug, Deserialize)]
struct Message {
    number: u64,
    id: String,
    room: Room,
    from: From,
    /// Milliseconds since 1970.
    time: i64,
    text: String,
    #[serde(default)]
    mentions_me: bool,
    reply_to: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Room {
    id: String,
    group: bool,
}

#[derive(Debug, Deserialize)]
struct From {
    id: String,
    name: Option<String>,
}

/// The event and its place, or why it cannot be read.
pub(crate) fn event(raw: Box<RawValue>) -> serde_json::Result<(u64, Event)> {
    let message: Message = serde_json::from_str(raw.get())?;
    let number = message.number;
    let event = Event {
        id: EventId::new(message.id),
        chat: Place {
            handle: Handle::new(message.room.id),
            kind: kind(message.room.group),
            name: None,
        },
        sender: Sender {
            id: ExternalId::new(message.from.id),
            name: message.from.name,
            is_bot: false,
        },
        at: Millis(message.time),
        body: EventBody::Message(Content {
            reply_to: message.reply_to.map(EventId::new),
            ..Content::text(message.text)
        }),
        addressed: !message.room.group || message.mentions_me,
        late: false,
        group: None,
        raw: Some(Arc::from(raw)),
    };
    Ok((number, event))
}

fn kind(group: bool) -> ChatKind {
    if group { ChatKind::Group } else { ChatKind::Dm }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> serde_json::Result<(u64, Event)> {
        event(RawValue::from_string(json.to_owned())?)
    }

    #[test]
    fn a_message_is_read() {
        let json = r#"{"number":7,"id":"m7","room":{"id":"r1","group":true},
            "from":{"id":"u1","name":"Ana"},"time":1,"text":"hi","reply_to":"m6","new_field":1}"#;
        let (number, event) = read(json).expect("a message");
        assert_eq!(
            (number, event.id.as_str(), event.addressed),
            (7, "m7", false)
        );
        let content = event.body.content().expect("a message has content");
        assert_eq!(content.reply_to, Some("m6".into()));
    }

    #[test]
    fn what_is_no_message_is_an_error_and_no_panic() {
        for json in ["{}", "7", r#"{"number":7,"kind":"earthquake"}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
