//! What a server and a connector process say to each other: the contract's own types, as JSON over HTTP.
//!
//! The server asks, the connector answers. `docs/CONNECTOR_CONTRACT.md` is this module for people who write no Rust.

use crate::event::Event;
use crate::id::{DeliveryId, Handle, Millis, Seq};
use crate::kit::retry_after::LONGEST as LONGEST_WAIT;
use crate::{
    AdapterError, Capabilities, Cursor, ErrorKind, Fate, Identity, LinkState, Manifest, Outbound,
    Receipt, Scope, Verb,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// Where the protocol's paths begin.
pub const ROOT: &str = "/connector/v1";
/// The longest request, answer and line, in bytes. Files have their own limits.
pub const LONGEST: usize = 1024 * 1024;
/// How often a connector ends a line on an open stream, be it an empty one.
pub const BEAT: Duration = Duration::from_secs(10);
/// A stream without a line for so long is lost.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How long an answer may take.
pub const ANSWER: Duration = Duration::from_secs(30);
/// How long a file may take.
pub const FILE: Duration = Duration::from_secs(5 * 60);

/// What a connector process says of itself. It stays the same for as long as the process runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The platform. Its secrets and settings are the connector's own affair.
    pub manifest: Manifest,
    /// The most it can do. Text is measured without markup.
    pub capabilities: Capabilities,
    /// How its events come.
    #[serde(default)]
    pub inbound: Way,
    /// What it can do beyond the five methods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
}

/// How a connector's events come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As lines of an answer that stays open.
    #[default]
    Stream,
    /// By POST to the connection's own address; nothing is opened.
    Post,
}

/// An optional request that a connector answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skill {
    /// `media`: hands over files that people sent.
    Media,
    /// `look_up`: says what became of a send in doubt.
    LookUp,
    /// Knows a link that carries a pairing code.
    Pairing,
}

/// The answer to `probe`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Probed {
    /// Who the connector is on its platform.
    #[serde(flatten)]
    pub identity: Identity,
    /// A link that makes its opener the owner, with `{code}` where the pairing code goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing_link: Option<String>,
}

/// The request `open`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Open {
    /// The newest place that was committed; none for a connection that never had one.
    pub cursor: Option<Cursor>,
}

/// One line of an open stream. Lines of other types are passed over, and so are fields that are not known.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Line {
    /// `opened`, `event`, `alive`, `link`, `gap` or `error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `opened`: the stream's name, in which confirmations are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// `event`: its number in this stream, if the connector wants to hear what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// `event`: what happened, an [`Event`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<RawValue>>,
    /// `event`: where to resume once it is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// `event`: whether the sender can be asked to come again later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_wait: bool,
    /// `link`: how the platform's connection stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkState>,
    /// `gap`: the last time of which the connector is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// `error`: why this was the last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Flaw>,
}

impl Line {
    /// A line with nothing but its type.
    pub fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    /// The event of an `event` line.
    ///
    /// # Errors
    /// What cannot be read, for the connector's author.
    pub fn event(&self) -> Result<Event, String> {
        let event = self.event.as_ref().ok_or("the line has no event")?;
        serde_json::from_str(event.get()).map_err(|error| error.to_string())
    }
}

/// The request `confirm`: what became of events, in the order of its deciding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Confirmed {
    /// The stream they came in.
    pub stream: String,
    /// Each with its number.
    pub fates: Vec<Told>,
}

/// What became of one event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Its number.
    pub n: u64,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Ending,
}

/// A [`Fate`] on the wire.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Ending {
    /// It is on disk.
    Stored {
        /// As this row.
        seq: Seq,
    },
    /// It was on disk before.
    Duplicate {
        /// As this row.
        seq: Seq,
    },
    /// It does not come in, and must not be sent again.
    Refused {
        /// One word, or what could not be read. Not for strangers.
        reason: String,
    },
    /// Not taken: send it again.
    Later {
        /// After so long.
        after_ms: u64,
    },
}

impl From<Fate> for Ending {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Stored(seq) => Self::Stored { seq },
            Fate::Duplicate(seq) => Self::Duplicate { seq },
            Fate::Refused(reason) => Self::Refused {
                reason: reason.to_owned(),
            },
            Fate::Later(wait) => Self::Later {
                after_ms: millis(wait),
            },
        }
    }
}

impl From<Ending> for Fate {
    fn from(told: Ending) -> Self {
        match told {
            Ending::Stored { seq } => Self::Stored(seq),
            Ending::Duplicate { seq } => Self::Duplicate(seq),
            Ending::Refused { .. } => Self::Refused("refused"),
            Ending::Later { after_ms } => Self::Later(Duration::from_millis(after_ms)),
        }
    }
}

/// The request `perform`, and the request `look_up`: an [`Outbound`], and its text for platforms without markup.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The same for every attempt; none for what is never stored.
    #[serde(default)]
    pub id: Option<DeliveryId>,
    /// Where.
    pub chat: Handle,
    /// What.
    pub verb: Verb,
    /// All it says, without markup: what the limit was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl From<&Outbound> for Asked {
    fn from(out: &Outbound) -> Self {
        let markup = match &out.verb {
            Verb::Send(message) | Verb::Edit { message, .. } => Some(&message.markup),
            Verb::Draft { markup, .. } => Some(markup),
            _ => None,
        };
        Self {
            id: out.id,
            chat: out.chat.clone(),
            verb: out.verb.clone(),
            text: markup.map(crate::markup::plain),
        }
    }
}

impl From<Asked> for Outbound {
    fn from(asked: Asked) -> Self {
        Self {
            id: asked.id,
            chat: asked.chat,
            verb: asked.verb,
        }
    }
}

/// The answer to `look_up`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The receipt if the platform has it; none if it certainly has not.
    pub receipt: Option<Receipt>,
}

/// The request `media`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fetch {
    /// What the event named as the file's source.
    pub source: String,
}

/// The body of every answer that is no success.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Failed {
    /// What went wrong.
    pub error: Flaw,
}

/// An [`AdapterError`] on the wire: its verdict is the same on both sides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Flaw {
    /// Why; for `moved`, where to.
    #[serde(flatten)]
    pub kind: ErrorKind,
    /// A sentence for people, without any secret.
    pub message: String,
    /// How long the platform asks us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How far a limit reaches.
    #[serde(default)]
    pub scope: Scope,
}

impl From<&AdapterError> for Flaw {
    fn from(error: &AdapterError) -> Self {
        Self {
            kind: error.kind().clone(),
            message: error.to_string(),
            retry_after_ms: error.retry_after().map(millis),
            scope: error.scope(),
        }
    }
}

impl Flaw {
    /// The error it was. No `From`: one that is only there with a feature would change what `?` means elsewhere.
    pub fn into_error(self) -> AdapterError {
        let error = AdapterError::new(self.kind, self.message).with_scope(self.scope);
        match self.retry_after_ms {
            Some(wait) => error.after(Duration::from_millis(wait).min(LONGEST_WAIT)),
            None => error,
        }
    }
}

/// Rounded up: never a moment too early.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_same_verdict_on_the_other_side() {
        let kinds = [
            ErrorKind::Unsupported,
            ErrorKind::Invalid,
            ErrorKind::NotFound,
            ErrorKind::Forbidden,
            ErrorKind::Unauthorized,
            ErrorKind::RateLimited,
            ErrorKind::Unavailable,
            ErrorKind::Ambiguous,
            ErrorKind::Conflict,
            ErrorKind::Moved("elsewhere".into()),
            ErrorKind::Malformed,
        ];
        for kind in kinds {
            let error = AdapterError::new(kind, "why")
                .after(Duration::from_micros(1_500))
                .with_scope(Scope::Connection);
            let json = serde_json::to_string(&Flaw::from(&error)).expect("an error is JSON");
            let flaw: Flaw = serde_json::from_str(&json).expect(&json);
            let read = flaw.into_error();
            assert_eq!(read.kind(), error.kind(), "{json}");
            assert_eq!(read.scope(), error.scope(), "{json}");
            assert_eq!(read.to_string(), "why", "{json}");
            let wait = Some(Duration::from_millis(2));
            assert_eq!(read.retry_after(), wait, "{json}");
        }
    }

    #[test]
    fn a_fate_is_the_same_on_the_other_side() {
        let later = Fate::Later(Duration::from_millis(1_200));
        for fate in [Fate::Stored(Seq(7)), Fate::Duplicate(Seq(8)), later] {
            let told = Told {
                n: 3,
                fate: fate.clone().into(),
            };
            let json = serde_json::to_string(&told).expect("a fate is JSON");
            let read: Told = serde_json::from_str(&json).expect(&json);
            assert_eq!((read.n, Fate::from(read.fate)), (3, fate), "{json}");
        }
    }

    #[test]
    fn the_least_a_connector_says_of_itself_is_enough() {
        let least = r#"{"manifest": {"platform": "irc", "title": "IRC"},
            "capabilities": {"delivery": "ambiguous", "text": {"max": 400, "unit": "utf8"},
            "reply": {}, "heartbeat_ms": 30000}}"#;
        let about: About = serde_json::from_str(least).expect("it is enough");
        assert_eq!(about.inbound, Way::Stream);
        assert!(about.capabilities.reply.is_some() && about.capabilities.edit.is_none());
        let beat = Some(Duration::from_secs(30));
        assert_eq!(about.capabilities.heartbeat, beat);
    }
}
