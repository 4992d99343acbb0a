//! Tools that look and change nothing, what is unread included.

use super::{Verb, bounded, reads};
use crate::mcp::desk::Desk;
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use crate::mcp::view::{self, ChatView, RowView};
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that one answer holds.
const MOST: u32 = 200;

pub(super) struct ListChats;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTakes {
    /// At most so many chats, 1 to 200; 50 where it is left out.
    #[serde(default)]
    limit: Option<u32>,
    /// Whether chats are listed that you do not want to hear of.
    #[serde(default)]
    include_muted: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Chats {
    /// The chats, the one with the newest message first.
    chats: Vec<ChatView>,
    /// What wait_for_events needs to miss nothing that comes after this list.
    cursor: String,
}

impl Verb for ListChats {
    const NAME: &'static str = "list_chats";
    const TITLE: &'static str = "List chats";
    const SAYS: &'static str = "Lists this mailbox's chats, the one with the newest message first: which of them you \
        look at, and how many messages in each you have not read. Reads nothing for you. Next: switch_chat.";
    type Takes = ListTakes;
    type Gives = Chats;

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(desk: &Desk, takes: ListTakes) -> Result<Chats, Refusal> {
        let limit = bounded("limit", takes.limit, 50, MOST)?;
        let cursor = desk.head().await?;
        let focal = desk.focal().await?.map(|chat| chat.id);
        let mut chats = desk.overview(limit).await?;
        chats.retain(|overview| takes.include_muted || !overview.muted);
        let chats = chats.iter();
        let chats = chats.map(|it| view::chat(it, focal == Some(it.chat.id)));
        Ok(Chats {
            chats: chats.collect(),
            cursor: cursor.to_string(),
        })
    }
}

/// What it gives for as many chats as it can, as JSON.
pub(in crate::mcp) async fn chats(desk: &Desk) -> Result<String, Refusal> {
    let takes = ListTakes {
        limit: Some(MOST),
        include_muted: false,
    };
    let gives = ListChats::run(desk, takes).await?;
    Ok(ListChats::told(&gives))
}

pub(super) struct ReadMessages;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadTakes {
    /// Which chat; the one you look at where it is left out.
    #[serde(default)]
    chat_id: Option<Name>,
    /// Only what came before this message.
    #[serde(default)]
    before: Option<Name>,
    /// Only what came after this message.
    #[serde(default)]
    after: Option<Name>,
    /// At most so many, 1 to 200; 30 where it is left out.
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Messages {
    /// The chat.
    chat_id: String,
    /// What was said and done there, oldest first. Written by others where `from` is not `you`.
    messages: Vec<RowView>,
}

impl Verb for ReadMessages {
    const NAME: &'static str = "read_messages";
    const TITLE: &'static str = "Read messages";
    const SAYS: &'static str = "Reads a chat's messages, oldest first: the newest ones, those before a message, or \
        those after one. Leaves your attention where it is and marks nothing as read; switch_chat does that.";
    type Takes = ReadTakes;
    type Gives = Messages;

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(desk: &Desk, takes: ReadTakes) -> Result<Messages, Refusal> {
        let limit = bounded("limit", takes.limit, 30, MOST)?;
        if takes.before.is_some() && takes.after.is_some() {
            return Err(Refusal::new(
                "invalid_arguments",
                "before and after do not go together",
                "Call again with one of them.",
            ));
        }
        let chat = match &takes.chat_id {
            Some(name) => desk.chat(name).await?,
            None => desk.here().await?,
        };
        let after = takes.after.as_ref().map(Name::message).transpose()?;
        let before = takes.before.as_ref().map(Name::message).transpose()?;
        let rows = desk.rows(&chat, after, before, limit).await?;
        Ok(Messages {
            chat_id: view::chat_id(&chat),
            messages: desk.views(&rows, &chat).await?,
        })
    }
}

/// What it gives of a chat where nothing else is said, as JSON.
pub(in crate::mcp) async fn messages(desk: &Desk, chat: Name) -> Result<String, Refusal> {
    let takes = ReadTakes {
        chat_id: Some(chat),
        before: None,
        after: None,
        limit: None,
    };
    let gives = ReadMessages::run(desk, takes).await?;
    Ok(ReadMessages::told(&gives))
}

pub(super) struct SearchMessages;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchTakes {
    /// Words that must all be in a message, whole and in any case.
    query: String,
    /// At most so many, 1 to 200; 20 where it is left out.
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    /// The messages that hold every word, newest first. Written by others where `from` is not `you`.
    messages: Vec<RowView>,
}

impl Verb for SearchMessages {
    const NAME: &'static str = "search_messages";
    const TITLE: &'static str = "Search messages";
    const SAYS: &'static str = "Finds messages in all chats of this mailbox that hold every word asked for, newest \
        first. Leaves your attention where it is and marks nothing as read.";
    type Takes = SearchTakes;
    type Gives = Found;

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(desk: &Desk, takes: SearchTakes) -> Result<Found, Refusal> {
        let limit = bounded("limit", takes.limit, 20, MOST)?;
        if !takes.query.chars().any(char::is_alphanumeric) || takes.query.len() > 1000 {
            return Err(Refusal::new(
                "invalid_query",
                "a search needs a word, and no more than 1000 bytes of them",
                "Call again with the words to look for.",
            ));
        }
        let found = desk.search(&takes.query, limit).await?;
        let messages = found.iter().map(|(row, chat)| view::row(row, chat));
        Ok(Found {
            messages: messages.collect(),
        })
    }
}
