//! Handles and message names, read back into the platform's numbers.

use chatbox_connector_api::id::{EventId, Handle};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use teloxide_core::types::{ChatId, MessageId, Recipient, ThreadId};

/// Where to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) chat: ChatId,
    pub(super) thread: Option<ThreadId>,
}

/// A message by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) chat: ChatId,
    pub(super) message: MessageId,
}

impl Place {
    /// `<chat>` or `<chat>/<topic>`.
    pub(super) fn of(handle: &Handle) -> Result<Self> {
        let (chat, thread) = match handle.as_str().split_once('/') {
            Some((chat, thread)) => (chat, Some(thread.parse())),
            None => (handle.as_str(), None),
        };
        match (chat.parse(), thread.transpose()) {
            (Ok(chat), Ok(thread)) => Ok(Self {
                chat: ChatId(chat),
                thread: thread.map(|thread| ThreadId(MessageId(thread))),
            }),
            _ => Err(missing(format!("`{handle}` is not a Telegram chat"))),
        }
    }

    pub(super) fn recipient(self) -> Recipient {
        Recipient::Id(self.chat)
    }

    /// People have positive numbers, groups and channels negative ones.
    pub(super) fn is_private(self) -> bool {
        self.chat.0 > 0
    }
}

impl Target {
    /// `<chat>/<message>`.
    pub(super) fn of(id: &EventId) -> Result<Self> {
        let numbers = id.as_str().split_once('/').and_then(|(chat, message)| {
            Some(Self {
                chat: ChatId(chat.parse().ok()?),
                message: MessageId(message.parse().ok()?),
            })
        });
        numbers.ok_or_else(|| missing(format!("`{id}` is not a Telegram message")))
    }

    pub(super) fn recipient(self) -> Recipient {
        Recipient::Id(self.chat)
    }
}

fn missing(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::NotFound, sentence)
}
