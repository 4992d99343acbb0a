//! From the log to a client's frame. Pure: values in, JSON text out. Markup leaves as a tree, never as HTML.

use crate::Visitor;
use crate::error::Complaint;
use crate::inbound;
use chatbox_connector_api::event::{Attachment, EventBody, Media};
use chatbox_connector_api::id::Seq;
use chatbox_connector_api::markup::{Markup, parse};
use chatbox_connector_api::{Line, Positions, Voice};
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How long a typing notice holds, in milliseconds, unless it is repeated.
const TYPING_MS: u32 = 6000;

/// What a server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerFrame<'a> {
    Welcome {
        you: You<'a>,
        head: Seq,
        positions: Shown,
        sync: Sync,
        lines: Vec<LineFields<'a>>,
        more: bool,
        limits: Bounds,
    },
    Line(LineFields<'a>),
    Lines {
        lines: Vec<LineFields<'a>>,
        more: bool,
    },
    Ack {
        client_id: &'a str,
        seq: Seq,
        duplicate: bool,
    },
    Positions(Shown),
    Typing {
        on: bool,
        for_ms: u32,
    },
    Draft {
        id: String,
        markup: &'a Markup,
    },
    DraftEnd {
        id: String,
    },
    Error {
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<f64>,
    },
    Pong,
}

#[derive(Serialize)]
struct You<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// What a client may rely on.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bounds {
    /// The longest text, in bytes.
    pub(crate) text_bytes: usize,
    /// The largest file, in bytes.
    pub(crate) upload_bytes: u64,
    /// The most files of one message.
    pub(crate) files: usize,
}

/// Whether a client keeps what it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sync {
    /// It starts anew: what follows replaces everything.
    Full,
    /// It goes on where it was.
    Resumed,
}

/// The agent's positions, as shown by ✓ and ✓✓.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Shown {
    handed: Seq,
    seen: Seq,
}

impl From<&Positions> for Shown {
    fn from(positions: &Positions) -> Self {
        Self {
            handed: positions.handed,
            seen: positions.seen,
        }
    }
}

#[derive(Serialize)]
struct LineFields<'a> {
    seq: Seq,
    at: i64,
    from: From_<'a>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Answered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    markup: Option<Markup>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    choices: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a [String]>,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum From_<'a> {
    Person {
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    Agent,
    System,
}

/// The line a message answers: as its client called it, or by its place.
#[derive(Serialize)]
#[serde(untagged)]
enum Answered<'a> {
    Own { client_id: &'a str },
    Other { seq: i64 },
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    mime: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
}

/// Everything a new socket is told first.
pub(crate) struct Welcome<'a> {
    /// Who the visitor is.
    pub(crate) visitor: &'a Visitor,
    /// How far everybody is.
    pub(crate) positions: &'a Positions,
    /// Whether the client keeps what it has.
    pub(crate) sync: Sync,
    /// The newest lines, or those missed.
    pub(crate) lines: &'a [Line],
    /// Whether there are older ones.
    pub(crate) more: bool,
    /// What the client may send.
    pub(crate) bounds: Bounds,
}

/// A `welcome` frame.
pub(crate) fn welcome(welcome: &Welcome<'_>) -> Utf8Bytes {
    let visitor = welcome.visitor;
    text(&ServerFrame::Welcome {
        you: You {
            id: visitor.id.as_str(),
            name: visitor.name.as_deref(),
        },
        head: welcome.positions.head,
        positions: welcome.positions.into(),
        sync: welcome.sync,
        lines: fields_of(visitor, welcome.lines),
        more: welcome.more,
        limits: welcome.bounds,
    })
}

/// A `line` frame.
pub(crate) fn line(visitor: &Visitor, line: &Line) -> Utf8Bytes {
    text(&ServerFrame::Line(fields(visitor, line)))
}

/// A `lines` frame: history, oldest first.
pub(crate) fn lines(visitor: &Visitor, lines: &[Line], more: bool) -> Utf8Bytes {
    let lines = fields_of(visitor, lines);
    text(&ServerFrame::Lines { lines, more })
}

/// An `ack` frame: the message is on disk.
pub(crate) fn ack(client_id: &str, seq: Seq, duplicate: bool) -> Utf8Bytes {
    text(&ServerFrame::Ack {
        client_id,
        seq,
        duplicate,
    })
}

/// A `positions` frame.
pub(crate) fn positions(shown: Shown) -> Utf8Bytes {
    text(&ServerFrame::Positions(shown))
}

/// A `typing` frame.
pub(crate) fn typing() -> Utf8Bytes {
    text(&ServerFrame::Typing {
        on: true,
        for_ms: TYPING_MS,
    })
}

/// A `draft` frame. Its id is text: it may be larger than a script's numbers.
pub(crate) fn draft(id: i64, markup: &Markup) -> Utf8Bytes {
    let id = id.to_string();
    text(&ServerFrame::Draft { id, markup })
}

/// A `draft_end` frame: the next line takes the draft's place.
pub(crate) fn draft_end(id: i64) -> Utf8Bytes {
    text(&ServerFrame::DraftEnd { id: id.to_string() })
}

/// An `error` frame.
pub(crate) fn error(complaint: &Complaint) -> Utf8Bytes {
    text(&ServerFrame::Error {
        code: complaint.code,
        r#ref: complaint.reference.as_deref(),
        message: &complaint.message,
        retry_after: complaint.retry_after.map(|wait| wait.as_secs_f64()),
    })
}

/// A `pong` frame.
pub(crate) fn pong() -> Utf8Bytes {
    text(&ServerFrame::Pong)
}

fn text(frame: &ServerFrame<'_>) -> Utf8Bytes {
    serde_json::to_string(frame)
        .expect("strings, numbers and trees are JSON")
        .into()
}

fn fields_of<'a>(visitor: &Visitor, lines: &'a [Line]) -> Vec<LineFields<'a>> {
    lines.iter().map(|line| fields(visitor, line)).collect()
}

fn fields<'a>(visitor: &Visitor, line: &'a Line) -> LineFields<'a> {
    let mut fields = LineFields {
        seq: line.seq,
        at: line.at.0,
        from: voice(&line.from),
        kind: line.body.kind(),
        client_id: client_id(visitor, line),
        target: line.target,
        reply_to: answered(visitor, line),
        markup: None,
        attachments: Vec::new(),
        choices: &[],
        emoji: None,
    };
    match &line.body {
        EventBody::Message(content) | EventBody::Edit { content, .. } => {
            fields.markup = Some(parse(&content.text));
            fields.attachments = content.attachments.iter().map(file).collect();
            fields.choices = &content.choices;
        }
        EventBody::Action(action) => {
            let words = format!("/{} {}", action.name, action.argument);
            fields.markup = Some(chatbox_connector_api::markup::literal(words.trim_end()));
        }
        EventBody::Reaction { emoji, .. } => fields.emoji = Some(emoji),
        _ => {}
    }
    fields
}

/// The sender's own name for a line, so that their windows recognise what they sent.
fn client_id<'a>(visitor: &Visitor, line: &'a Line) -> Option<&'a str> {
    match &line.from {
        Voice::Person { id, .. } if *id == visitor.id => {}
        _ => return None,
    }
    line.event
        .as_ref()
        .and_then(|event| inbound::client_id(visitor, event))
}

/// What a message answers. A visitor's line is named by its client, every other by its place.
fn answered<'a>(visitor: &Visitor, line: &'a Line) -> Option<Answered<'a>> {
    let name = line.body.content()?.reply_to.as_ref()?;
    match inbound::client_id(visitor, name) {
        Some(client_id) => Some(Answered::Own { client_id }),
        None => Some(Answered::Other {
            seq: name.as_str().parse().ok()?,
        }),
    }
}

fn voice(voice: &Voice) -> From_<'_> {
    match voice {
        Voice::Person { id, name } => From_::Person {
            id: id.as_str(),
            name: name.as_deref(),
        },
        Voice::Agent => From_::Agent,
        _ => From_::System,
    }
}

fn file(attachment: &Attachment) -> File<'_> {
    let (id, failed) = match &attachment.media {
        Media::Ready { id } => (Some(id.as_str()), None),
        Media::Failed { reason } => (None, Some(reason.as_str())),
        _ => (None, None),
    };
    File {
        name: &attachment.name,
        mime: &attachment.mime,
        size: attachment.size,
        id,
        url: id.and_then(media_url),
        failed,
    }
}

/// Where the house serves a file.
fn media_url(id: &str) -> Option<String> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && !id.starts_with('.') && id.bytes().all(safe)).then(|| format!("/media/{id}"))
}

/// What an upload answers: the attachment as it will be shown.
pub(crate) fn uploaded(attachment: &Attachment) -> String {
    serde_json::to_string(&file(attachment)).expect("strings and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::event::Content;
    use chatbox_connector_api::id::Millis;
    use serde_json::{Value, json};

    fn ann() -> Visitor {
        Visitor {
            id: "ann".into(),
            name: None,
        }
    }

    fn said(from: Voice, body: EventBody) -> Line {
        Line {
            seq: Seq(7),
            at: Millis(1000),
            from,
            body,
            target: None,
            event: Some("ann/m-1".into()),
        }
    }

    fn person() -> Voice {
        Voice::Person {
            id: "ann".into(),
            name: None,
        }
    }

    fn json_of(text: &Utf8Bytes) -> Value {
        serde_json::from_str(text).expect("a frame is JSON")
    }

    #[test]
    fn a_line_carries_a_tree_and_its_senders_name_for_it() {
        let body = EventBody::Message(Content::text("hi"));
        let frame = json_of(&line(&ann(), &said(person(), body)));
        assert_eq!(frame["type"], "line");
        assert_eq!(frame["seq"], 7);
        assert_eq!(frame["client_id"], "m-1");
        assert_eq!(frame["from"], json!({"role": "person", "id": "ann"}));
        assert_eq!(frame["kind"], "message");
        let tree = serde_json::to_value(parse("hi")).expect("a tree is JSON");
        assert_eq!(frame["markup"], tree);
    }

    #[test]
    fn a_reply_says_what_it_answers() {
        let reply = |name: &str| {
            let content = Content {
                reply_to: Some(name.into()),
                ..Content::text("yes")
            };
            let body = EventBody::Message(content);
            json_of(&line(&ann(), &said(Voice::Agent, body)))["reply_to"].clone()
        };
        assert_eq!(reply("ann/m-1"), json!({"client_id": "m-1"}));
        assert_eq!(reply("42"), json!({"seq": 42}));
        assert_eq!(reply("bob/m-1"), Value::Null);
    }

    #[test]
    fn nobody_elses_line_carries_a_client_id() {
        let body = EventBody::Message(Content::text("hi"));
        let frame = json_of(&line(&ann(), &said(Voice::Agent, body)));
        assert!(frame.get("client_id").is_none());
    }

    #[test]
    fn only_a_plain_id_becomes_an_address() {
        assert_eq!(media_url("md_7k").as_deref(), Some("/media/md_7k"));
        for id in ["", "../x", "a/b", "a?b", ".."] {
            assert_eq!(media_url(id), None, "{id}");
        }
    }

    #[test]
    fn a_wait_is_in_seconds() {
        let wait = std::time::Duration::from_millis(1500);
        let complaint = Complaint::new("rate_limited", "slower").after(wait);
        let frame = json_of(&error(&complaint.about(Some("m-1".to_owned()))));
        assert_eq!(frame["retry_after"], 1.5);
        assert_eq!(frame["ref"], "m-1");
    }
}
