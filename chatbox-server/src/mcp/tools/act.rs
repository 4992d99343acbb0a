//! Acting on messages of the chat that is looked at.

use super::say::{Done, sayable};
use super::{Verb, adds};
use crate::mcp::desk::Desk;
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use chatbox_core::Say;
use chatbox_core::event::Content;
use chatbox_core::store::{Chat, LogRow};
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest emoji, in bytes: some are made of many.
const EMOJI: usize = 128;

pub(super) struct React;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReactTakes {
    /// The message.
    message_id: Name,
    /// One emoji; null takes your reaction back.
    #[serde(default)]
    emoji: Option<String>,
}

impl Verb for React {
    const NAME: &'static str = "react";
    const TITLE: &'static str = "React to a message";
    const SAYS: &'static str = "Sets your reaction to a message of the chat you look at, in place of any earlier one; \
        null takes it back. Not every platform has reactions, and some have only certain emoji.";
    type Takes = ReactTakes;
    type Gives = Done;

    fn hints() -> ToolAnnotations {
        adds().idempotent(true)
    }

    async fn run(desk: &Desk, takes: ReactTakes) -> Result<Done, Refusal> {
        let empty = |emoji: &String| emoji.trim().is_empty() || emoji.len() > EMOJI;
        if takes.emoji.as_ref().is_some_and(empty) {
            let next = "Call again with one emoji, or with null.";
            return Err(Refusal::new("invalid_emoji", "that is not an emoji", next));
        }
        let (row, chat) = desk.message_here(&takes.message_id).await?;
        let say = Say::React {
            target: row.seq,
            emoji: takes.emoji.into_iter().collect(),
        };
        Ok(Done::new(desk.say(&chat, say).await?, &chat))
    }
}

pub(super) struct EditMessage;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditTakes {
    /// A message of your own.
    message_id: Name,
    /// All it is to say from now on, in CommonMark.
    text: String,
}

impl Verb for EditMessage {
    const NAME: &'static str = "edit_message";
    const TITLE: &'static str = "Edit a message";
    const SAYS: &'static str = "Changes a message you sent in the chat you look at, so that it says something else. \
        Not every platform allows it.";
    type Takes = EditTakes;
    type Gives = Done;

    fn hints() -> ToolAnnotations {
        adds().destructive(true).idempotent(true)
    }

    async fn run(desk: &Desk, takes: EditTakes) -> Result<Done, Refusal> {
        sayable(&takes.text)?;
        let (row, chat) = own(desk, &takes.message_id).await?;
        let say = Say::Edit {
            target: row.seq,
            content: Content::text(takes.text),
        };
        Ok(Done::new(desk.say(&chat, say).await?, &chat))
    }
}

pub(super) struct DeleteMessage;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteTakes {
    /// A message of your own.
    message_id: Name,
}

impl Verb for DeleteMessage {
    const NAME: &'static str = "delete_message";
    const TITLE: &'static str = "Delete a message";
    const SAYS: &'static str = "Takes back a message you sent in the chat you look at. Not every platform allows it, \
        and people may have read it.";
    type Takes = DeleteTakes;
    type Gives = Done;

    fn hints() -> ToolAnnotations {
        adds().destructive(true).idempotent(true)
    }

    async fn run(desk: &Desk, takes: DeleteTakes) -> Result<Done, Refusal> {
        let (row, chat) = own(desk, &takes.message_id).await?;
        let say = Say::Delete { target: row.seq };
        Ok(Done::new(desk.say(&chat, say).await?, &chat))
    }
}

async fn own(desk: &Desk, name: &Name) -> Result<(LogRow, Chat), Refusal> {
    let (row, chat) = desk.message_here(name).await?;
    if desk.is_own(&row) {
        return Ok((row, chat));
    }
    Err(Refusal::new(
        "not_your_message",
        "you can change and take back only what you said",
        "Call read_messages and use a message_id that is from you.",
    ))
}
