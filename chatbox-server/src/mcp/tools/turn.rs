//! Turning to another chat.

use super::{Verb, adds};
use crate::mcp::desk::Desk;
use crate::mcp::names::Target;
use crate::mcp::recap::recap;
use crate::mcp::refusal::Refusal;
use crate::mcp::view;
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) struct SwitchChat;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Takes {
    /// The chat to look at, from list_chats; null to look at none.
    chat_id: Target,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Switched {
    /// The chat you look at now.
    focal_chat_id: Option<String>,
    /// Whether you looked elsewhere before.
    moved: bool,
    /// What you had not read there and some of what was said before. Lines that begin with `> ` were written by others.
    recap: String,
}

impl Verb for SwitchChat {
    const NAME: &'static str = "switch_chat";
    const TITLE: &'static str = "Switch chat";
    const SAYS: &'static str = "Moves your attention to a chat and gives a recap of it: everything you have not read \
        there, which counts as read from now on, and some of what was said before. null looks at no chat. Everything \
        you send goes to the chat you look at. Next: send_message.";
    type Takes = Takes;
    type Gives = Switched;

    fn hints() -> ToolAnnotations {
        adds().idempotent(true)
    }

    async fn run(desk: &Desk, takes: Takes) -> Result<Switched, Refusal> {
        let Some(name) = takes.chat_id.0 else {
            let switched = desk.switch(None).await?;
            return Ok(Switched {
                focal_chat_id: None,
                moved: switched.moved,
                recap: "You look at no chat now. Nothing was marked as read.\n".to_owned(),
            });
        };
        let chat = desk.chat(&name).await?;
        let switched = desk.switch(Some(&chat)).await?;
        let id = view::chat_id(&chat);
        let recap = match switched.focus.recap {
            Some(_) => recap(&chat, switched.older, switched.unread),
            None => format!("You look at {id:?} already.\n"),
        };
        Ok(Switched {
            focal_chat_id: Some(id),
            moved: switched.moved,
            recap,
        })
    }

    fn told(switched: &Switched) -> String {
        switched.recap.clone()
    }
}
