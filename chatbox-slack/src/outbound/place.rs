//! Handles and message names, read back into Slack's conversations and timestamps.

use crate::inbound::Ts;
use chatbox_connector_api::id::{EventId, Handle};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};

/// Where something is said: a conversation, and the thread in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    pub(crate) channel: String,
    pub(crate) thread: Option<Ts>,
}

/// A message by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) channel: String,
    pub(crate) ts: Ts,
}

/// A message's name: `<conversation>/<timestamp>`.
pub(crate) fn message_name(channel: &str, ts: &str) -> EventId {
    EventId::new(format!("{channel}/{ts}"))
}

impl Spot {
    /// `<conversation>`, or `<conversation>/<timestamp of a thread's first message>`.
    pub(crate) fn of(handle: &Handle) -> Result<Self> {
        let missing = || missing(format!("`{handle}` is not a Slack conversation"));
        let (channel, thread) = match handle.as_str().split_once('/') {
            Some((channel, ts)) => (channel, Some(Ts::of(ts).ok_or_else(missing)?)),
            None => (handle.as_str(), None),
        };
        match is_channel(channel) {
            true => Ok(Self {
                channel: channel.to_owned(),
                thread,
            }),
            false => Err(missing()),
        }
    }
}

impl Target {
    /// `<conversation>/<timestamp>`.
    pub(crate) fn of(id: &EventId) -> Result<Self> {
        let parts = id.as_str().split_once('/').and_then(|(channel, ts)| {
            let ts = Ts::of(ts)?;
            is_channel(channel).then(|| Self {
                channel: channel.to_owned(),
                ts,
            })
        });
        parts.ok_or_else(|| missing(format!("`{id}` is not a Slack message")))
    }
}

fn is_channel(text: &str) -> bool {
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric());
    word && text.len() > 1 && text.starts_with(['C', 'D', 'G'])
}

fn missing(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::NotFound, sentence)
}
