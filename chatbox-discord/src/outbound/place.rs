//! Handles and message names, read back into Discord's numbers.

use chatbox_connector_api::id::{EventId, Handle};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serenity::model::id::{ChannelId, MessageId};

/// A message by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) channel: ChannelId,
    pub(crate) message: MessageId,
}

/// The channel of a chat.
pub(crate) fn channel(handle: &Handle) -> Result<ChannelId> {
    let missing = || missing(format!("`{handle}` is not a Discord channel"));
    number(handle.as_str())
        .map(ChannelId::new)
        .ok_or_else(missing)
}

/// A message's name: `<channel>/<message>`.
pub(crate) fn message_name(channel: u64, message: u64) -> EventId {
    EventId::new(format!("{channel}/{message}"))
}

impl Target {
    /// `<channel>/<message>`.
    pub(crate) fn of(id: &EventId) -> Result<Self> {
        let numbers = id.as_str().split_once('/').and_then(|(channel, message)| {
            Some(Self {
                channel: ChannelId::new(number(channel)?),
                message: MessageId::new(number(message)?),
            })
        });
        numbers.ok_or_else(|| missing(format!("`{id}` is not a Discord message")))
    }
}

/// Discord's numbers are never 0, and serenity panics at one.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number != 0)
}

fn missing(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::NotFound, sentence)
}
