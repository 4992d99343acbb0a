//! From a client's frame to what it means. Pure: text in, values out; nothing here knows a socket.

use crate::Visitor;
use crate::config::Limits;
use crate::error::Complaint;
use chatbox_connector_api::Line;
use chatbox_connector_api::event::{
    Action, Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender,
};
use chatbox_connector_api::id::{EventId, Handle, Millis, Seq};
use chatbox_connector_api::secret::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How deep a frame's JSON may nest. The protocol needs three.
const MAX_DEPTH: usize = 16;
/// The longest `client_id` and `device`, in bytes.
const MAX_NAME: usize = 64;
/// The commands of the house.
const COMMANDS: [&str; 5] = ["start", "stop", "new", "status", "link"];

/// What a client may say.
#[derive(Debug)]
pub(crate) enum ClientFrame {
    /// Who I am and what I have.
    Hello(Hello),
    /// Something to say.
    Message(Said),
    /// A person is writing.
    Typing,
    /// A person has read up to here.
    Seen(Seq),
    /// Older lines, please.
    History {
        /// Older than this, or the newest.
        before: Option<Seq>,
        /// How many.
        limit: u32,
    },
    /// Are you there?
    Ping,
}

/// The first frame.
#[derive(Debug)]
pub(crate) struct Hello {
    /// A one-use ticket.
    pub(crate) ticket: Secret,
    /// What the client has already.
    pub(crate) after: After,
    /// Tells one window from another.
    pub(crate) device: Option<String>,
}

/// Where a client wants to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// It has nothing.
    Nothing,
    /// It has everything up to here.
    Line(Seq),
    /// It says something that is no place.
    Garbage,
}

/// A message as its client wrote it, checked.
#[derive(Debug)]
pub(crate) struct Said {
    /// The client's name for it, unique per visitor.
    pub(crate) client_id: String,
    /// CommonMark, with `\n` line ends.
    pub(crate) text: String,
    /// Uploaded files by id.
    pub(crate) attachments: Vec<String>,
    /// The line it answers.
    pub(crate) reply_to: Option<Seq>,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: Option<Value>,
    client_id: Option<Value>,
}

#[derive(Deserialize)]
struct HelloFrame {
    ticket: Secret,
    #[serde(default)]
    after: Option<Value>,
    #[serde(default)]
    device: Option<String>,
}

#[derive(Deserialize)]
struct MessageFrame {
    client_id: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    attachments: Vec<String>,
    #[serde(default)]
    reply_to: Option<i64>,
}

#[derive(Deserialize)]
struct SeenFrame {
    seq: i64,
}

#[derive(Deserialize)]
struct HistoryFrame {
    #[serde(default)]
    before: Option<i64>,
    #[serde(default)]
    limit: Option<i64>,
}

/// Reads one frame.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<ClientFrame, Complaint> {
    if too_deep(text) {
        return Err(Complaint::new("invalid_json", "nested too deep"));
    }
    if !text.trim_start().starts_with('{') {
        return Err(Complaint::new(
            "invalid_json",
            "a frame is one JSON object with a `type`",
        ));
    }
    let envelope: Envelope = serde_json::from_str(text)
        .map_err(|error| Complaint::new("invalid_json", error.to_string()))?;
    let reference = match envelope.client_id {
        Some(Value::String(id)) if is_name(&id) => Some(id),
        _ => None,
    };
    let kind = match &envelope.r#type {
        Some(Value::String(kind)) => kind.as_str(),
        _ => "",
    };
    read_as(kind, text, limits).map_err(|complaint| complaint.about(reference))
}

fn read_as(kind: &str, text: &str, limits: &Limits) -> Result<ClientFrame, Complaint> {
    match kind {
        "hello" => Ok(ClientFrame::Hello(hello(fields(text)?))),
        "message" => said(fields(text)?, limits).map(ClientFrame::Message),
        "typing" => Ok(ClientFrame::Typing),
        "seen" => fields(text).map(|frame: SeenFrame| ClientFrame::Seen(Seq(frame.seq))),
        "history" => fields(text).map(|frame: HistoryFrame| ClientFrame::History {
            before: frame.before.map(Seq),
            limit: u32::try_from(frame.limit.unwrap_or(50).clamp(1, 100)).unwrap_or(50),
        }),
        "ping" => Ok(ClientFrame::Ping),
        _ => Err(Complaint::new(
            "unknown_type",
            "`type` is one of hello, message, typing, seen, history, ping",
        )),
    }
}

fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Complaint> {
    serde_json::from_str(text).map_err(|error| Complaint::new("invalid_frame", error.to_string()))
}

fn hello(frame: HelloFrame) -> Hello {
    let after = match frame.after {
        None | Some(Value::Null) => After::Nothing,
        Some(value) => match value.as_i64() {
            Some(seq) if seq >= 0 => After::Line(Seq(seq)),
            _ => After::Garbage,
        },
    };
    Hello {
        ticket: frame.ticket,
        after,
        device: frame.device.filter(|device| is_name(device)),
    }
}

fn said(frame: MessageFrame, limits: &Limits) -> Result<Said, Complaint> {
    if !is_name(&frame.client_id) {
        let rule = "`client_id` is 1 to 64 of letters, digits, `-` and `_`";
        return Err(Complaint::new("invalid_client_id", rule));
    }
    if frame.text.len() > limits.text_bytes {
        let rule = format!("a message holds at most {} bytes", limits.text_bytes);
        return Err(Complaint::new("too_long", rule));
    }
    if frame.attachments.len() > limits.files_per_message {
        let rule = format!("at most {} files a message", limits.files_per_message);
        return Err(Complaint::new("too_many_attachments", rule));
    }
    let text = frame.text.replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().any(is_control) {
        let rule = "the text holds a control character";
        return Err(Complaint::new("control_character", rule));
    }
    if is_blank(&text) && frame.attachments.is_empty() {
        return Err(Complaint::new("empty_message", "there is nothing to send"));
    }
    Ok(Said {
        client_id: frame.client_id,
        text,
        attachments: frame.attachments,
        reply_to: frame.reply_to.map(Seq),
    })
}

/// Whether the client's own name for something is one we carry.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// White space, and what takes no space at all.
fn is_blank(text: &str) -> bool {
    let unseen = |c| matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}');
    text.chars().all(|c| c.is_whitespace() || unseen(c))
}

/// Whether brackets outside strings nest deeper than any frame needs. Looks at bytes only, so that a hostile text is
/// refused before anything is built from it.
fn too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// The key of a visitor's message: a repetition of the same `client_id` is the same event.
pub(crate) fn event_id(visitor: &Visitor, client_id: &str) -> EventId {
    EventId::new(format!("{}/{client_id}", visitor.id))
}

/// The `client_id` in an event's key, for the visitor who chose it.
pub(crate) fn client_id<'a>(visitor: &Visitor, event: &'a EventId) -> Option<&'a str> {
    let rest = event.as_str().strip_prefix(visitor.id.as_str())?;
    rest.strip_prefix('/')
}

/// What a line is called when it is answered: as its client called it, or by its place.
pub(crate) fn name_of(line: &Line) -> EventId {
    let place = || EventId::new(line.seq.to_string());
    line.event.clone().unwrap_or_else(place)
}

/// A visitor's one chat.
pub(crate) fn chat_of(visitor: &Visitor) -> Handle {
    Handle::new(visitor.id.as_str())
}

/// The event a message becomes.
pub(crate) fn event(
    visitor: &Visitor,
    said: Said,
    attachments: Vec<Attachment>,
    reply_to: Option<EventId>,
    at: Millis,
) -> Event {
    Event {
        id: event_id(visitor, &said.client_id),
        chat: Place {
            handle: chat_of(visitor),
            kind: ChatKind::Dm,
            name: visitor.name.clone(),
        },
        sender: Sender {
            id: visitor.id.clone(),
            name: visitor.name.clone(),
            is_bot: false,
        },
        at,
        body: body(said.text, attachments, reply_to),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

fn body(text: String, attachments: Vec<Attachment>, reply_to: Option<EventId>) -> EventBody {
    if attachments.is_empty()
        && let Some(action) = command(&text)
    {
        return EventBody::Action(action);
    }
    EventBody::Message(Content {
        text,
        attachments,
        reply_to,
        choices: Vec::new(),
    })
}

/// `/name argument` with one of the house's own names. What else begins with a slash is meant for the agent.
fn command(text: &str) -> Option<Action> {
    let rest = text.trim().strip_prefix('/')?;
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    COMMANDS.contains(&name).then(|| Action {
        name: name.to_owned(),
        argument: argument.trim().to_owned(),
        token: None,
        target: None,
    })
}

/// What a message says, as a number: the same for a repetition, another for another message under the same name.
pub(crate) fn fingerprint(body: &EventBody) -> u64 {
    let mut hash = DefaultHasher::new();
    match body {
        EventBody::Message(content) => {
            content.text.hash(&mut hash);
            for file in &content.attachments {
                if let Media::Ready { id } = &file.media {
                    id.hash(&mut hash);
                }
            }
        }
        EventBody::Action(action) => (&action.name, &action.argument).hash(&mut hash),
        other => other.kind().hash(&mut hash),
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        match read(text, &Limits::default()) {
            Ok(frame) => panic!("{text} was read as {frame:?}"),
            Err(complaint) => complaint.code,
        }
    }

    fn visitor() -> Visitor {
        Visitor {
            id: "ann".into(),
            name: Some("Ann".to_owned()),
        }
    }

    fn body_of(text: &str) -> EventBody {
        body(text.to_owned(), Vec::new(), None)
    }

    #[test]
    fn what_is_not_an_object_is_not_a_frame() {
        let deep = format!(r#"{{"type":"ping","x":{}}}"#, "[".repeat(1000));
        let closed = format!(
            r#"{{"type":"ping","x":{}{}}}"#,
            "[".repeat(1000),
            "]".repeat(1000)
        );
        for text in [
            "",
            "null",
            "7",
            "[]",
            "[{}]",
            "{",
            "{\"type\":",
            &deep,
            &closed,
        ] {
            assert_eq!(code(text), "invalid_json", "{text}");
        }
        assert_eq!(code(r#"{"type":"ping","type":"ping"}"#), "invalid_json");
    }

    #[test]
    fn a_type_is_one_of_ours() {
        for text in [
            "{}",
            r#"{"type":7}"#,
            r#"{"type":null}"#,
            r#"{"type":"__proto__"}"#,
            r#"{"type":"PING"}"#,
        ] {
            assert_eq!(code(text), "unknown_type", "{text}");
        }
    }

    #[test]
    fn a_message_must_say_something_readable() {
        let long = format!(
            r#"{{"type":"message","client_id":"a","text":"{}"}}"#,
            "x".repeat(200_001)
        );
        for (text, expected) in [
            (r#"{"type":"message","client_id":"a"}"#, "empty_message"),
            (
                r#"{"type":"message","client_id":"a","text":" \n\t\u200b"}"#,
                "empty_message",
            ),
            (
                r#"{"type":"message","client_id":"a","text":"a\u0000b"}"#,
                "control_character",
            ),
            (
                r#"{"type":"message","client_id":"a","text":"a\u001bb"}"#,
                "control_character",
            ),
            (
                r#"{"type":"message","client_id":"a","text":"\ud800"}"#,
                "invalid_frame",
            ),
            (
                r#"{"type":"message","client_id":"a","text":7}"#,
                "invalid_frame",
            ),
            (r#"{"type":"message","text":"hi"}"#, "invalid_frame"),
            (
                r#"{"type":"message","client_id":"","text":"hi"}"#,
                "invalid_client_id",
            ),
            (
                r#"{"type":"message","client_id":"a/b","text":"hi"}"#,
                "invalid_client_id",
            ),
            (long.as_str(), "too_long"),
        ] {
            assert_eq!(code(text), expected, "{}", &text[..60.min(text.len())]);
        }
    }

    #[test]
    fn a_complaint_names_the_message() {
        let text = r#"{"type":"message","client_id":"m-1","text":""}"#;
        let complaint = read(text, &Limits::default()).expect_err("it is empty");
        assert_eq!(complaint.reference.as_deref(), Some("m-1"));
    }

    #[test]
    fn a_place_in_the_log_is_a_number() {
        let after = |after: &str| {
            let text = format!(r#"{{"type":"hello","ticket":"t","after":{after}}}"#);
            match read(&text, &Limits::default()) {
                Ok(ClientFrame::Hello(hello)) => hello.after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after("null"), After::Nothing);
        assert_eq!(after("7"), After::Line(Seq(7)));
        for garbage in ["-1", "1.5", "\"7\"", "[]", "1e300", "18446744073709551615"] {
            assert_eq!(after(garbage), After::Garbage, "{garbage}");
        }
    }

    #[test]
    fn a_ticket_does_not_print() {
        let text = r#"{"type":"hello","ticket":"s3cret"}"#;
        let frame = read(text, &Limits::default()).expect("it is a hello");
        assert!(!format!("{frame:?}").contains("s3cret"));
    }

    #[test]
    fn a_command_is_one_of_the_houses() {
        let action = |name: &str, argument: &str| {
            EventBody::Action(Action {
                name: name.to_owned(),
                argument: argument.to_owned(),
                token: None,
                target: None,
            })
        };
        assert_eq!(body_of("/stop"), action("stop", ""));
        assert_eq!(body_of(" /link  abc def \n"), action("link", "abc def"));
        for text in [
            "/usr/bin/env",
            "/",
            "// no",
            "/Stop",
            "see /stop",
            "/compact",
        ] {
            assert_eq!(body_of(text), EventBody::Message(Content::text(text)));
        }
    }

    #[test]
    fn the_same_words_have_the_same_fingerprint() {
        assert_eq!(fingerprint(&body_of("hi")), fingerprint(&body_of("hi")));
        assert_ne!(fingerprint(&body_of("hi")), fingerprint(&body_of("ho")));
        assert_ne!(
            fingerprint(&body_of("/stop")),
            fingerprint(&body_of("/new"))
        );
    }

    #[test]
    fn a_client_id_comes_back_to_its_visitor_only() {
        let ann = visitor();
        let event = event_id(&ann, "m-1");
        assert_eq!(client_id(&ann, &event), Some("m-1"));
        let annabel = Visitor {
            id: "annabel".into(),
            name: None,
        };
        assert_eq!(client_id(&ann, &event_id(&annabel, "m-1")), None);
    }
}
