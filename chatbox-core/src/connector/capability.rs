//! What an adapter can do, as data. A claim is what is tested; what is absent cannot be done.

use crate::markup::Unit;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What becomes of a send whose answer was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryClass {
    /// The append is the delivery; there is no outbox.
    Native,
    /// The platform recognises a repetition by our key: send again.
    Idempotent,
    /// The platform can be asked whether it has it: look, then decide.
    Reconcilable,
    /// Nobody can tell: shown as `unknown`, never sent again unasked.
    Ambiguous,
}

/// How much text one message holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TextLimit {
    /// The most, in `unit`.
    pub max: usize,
    /// What the platform counts.
    pub unit: Unit,
}

/// The bounds of one ability. `None` means the platform states none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Limits {
    /// The oldest message it may be applied to.
    #[serde(with = "millis", rename = "max_age_ms", default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// The largest file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most at once: files of a message, emoji of a reaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<usize>,
    /// The shortest time between two, per chat.
    #[serde(with = "millis", rename = "pace_ms", default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Duration>,
}

/// What an adapter can do. Start from [`Capabilities::new`] and claim one ability at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// How certain a send is.
    pub delivery: DeliveryClass,
    /// How much text a message holds.
    pub text: TextLimit,
    /// How much text a file's caption holds; `None` sends text and files apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<TextLimit>,
    /// Answers a particular message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Limits>,
    /// Changes its own message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit: Option<Limits>,
    /// Takes its own message back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<Limits>,
    /// Sets its reactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub react: Option<Limits>,
    /// Sends files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Limits>,
    /// Receives files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_in: Option<Limits>,
    /// Shows buttons below a text, at most so many at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Limits>,
    /// Answers a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Limits>,
    /// Marks what it read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_read: Option<Limits>,
    /// Shows that it is writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing: Option<Limits>,
    /// Shows a reply while it grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Limits>,
    /// Shows a reply while it grows where there are no drafts: its beginning is a message, which is changed at this pace
    /// until it says the whole. Only where it can edit, and where an edit neither rings nor runs out. At most
    /// `max_count` replies a minute begin so; others are said when they are whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grow: Option<Limits>,
    /// An open stream shows life at least so often; silence for twice as long is a loss. `None` for streams that may
    /// be silent for ever.
    #[serde(with = "millis", rename = "heartbeat_ms", default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Duration>,
    /// Nothing is read from the platform: events are brought here. Any number of processes may have it open; of others, as
    /// two readers would take each other's events, one at a time.
    #[serde(default)]
    pub passive: bool,
}

/// Times as whole milliseconds, which every language reads.
mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "serde hands it over so")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        time.map(millis).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let millis = Option::<u64>::deserialize(from)?;
        Ok(millis.map(Duration::from_millis))
    }
}

impl Capabilities {
    /// Plain text and nothing else.
    pub fn new(delivery: DeliveryClass, text: TextLimit) -> Self {
        Self {
            delivery,
            text,
            caption: None,
            reply: None,
            edit: None,
            delete: None,
            react: None,
            media: None,
            media_in: None,
            buttons: None,
            answer: None,
            mark_read: None,
            typing: None,
            draft: None,
            grow: None,
            heartbeat: None,
            passive: false,
        }
    }
}
