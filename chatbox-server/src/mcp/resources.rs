//! Resources: what `list_chats` and `read_messages` give, under an address, for clients that read and watch addresses.
//! Looking at one changes nothing, what is unread and what a switch shows again included.

use super::desk::Desk;
use super::refusal::Refusal;
use super::tools;
use super::uri::{self, Resource};
use super::view;
use chatbox_core::store::Overview;
use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult,
    Resource as Listed, ResourceContents, ResourceTemplate,
};
use serde_json::json;

/// What every resource is.
const JSON: &str = "application/json";
/// So many chats are listed, those with the newest rows first; the others are there under their addresses as well.
const LISTED: u32 = 200;

/// The resources there are.
pub(super) async fn list(desk: &Desk) -> Result<ListResourcesResult, Refusal> {
    desk.admits().await?;
    let all = Listed::new(uri::chats(desk.mailbox()), "chats")
        .with_title("Chats")
        .with_description("The chats of this mailbox, as list_chats gives them.")
        .with_mime_type(JSON);
    let chats = desk.overview(LISTED).await?;
    let chats = chats.iter().filter(|chat| !chat.muted);
    let each = chats.map(|chat| listed(desk, chat));
    let all = std::iter::once(all).chain(each).collect();
    Ok(ListResourcesResult::with_all_items(all))
}

fn listed(desk: &Desk, overview: &Overview) -> Listed {
    let id = view::chat_id(&overview.chat);
    let title = overview.chat.name.clone();
    Listed::new(uri::chat(desk.mailbox(), &id), id.clone())
        .with_title(title.unwrap_or(id))
        .with_description("The newest messages of this chat, as read_messages gives them.")
        .with_mime_type(JSON)
}

/// How the address of any chat is made.
pub(super) fn templates(desk: &Desk) -> ListResourceTemplatesResult {
    let chat = ResourceTemplate::new(uri::template(desk.mailbox()), "chat")
        .with_title("A chat")
        .with_description("The newest messages of a chat, as read_messages gives them.")
        .with_mime_type(JSON);
    ListResourceTemplatesResult::with_all_items(vec![chat])
}

/// What a resource says.
pub(super) async fn read(desk: &Desk, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let text = async {
        desk.admits().await?;
        match Resource::parse(uri, desk.mailbox()) {
            Some(Resource::Chats) => tools::chats(desk).await,
            Some(Resource::Chat(name)) => tools::messages(desk, name).await,
            None => Err(unknown()),
        }
    };
    let text = text.await.map_err(|refusal| refused(uri, &refusal))?;
    let contents = ResourceContents::text(text, uri).with_mime_type(JSON);
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Watches a resource from now on, over the older wire.
pub(super) async fn subscribe(desk: &Desk, uri: &str) -> Result<(), ErrorData> {
    let watched = async {
        may_watch(desk)?;
        let resource = Resource::parse(uri, desk.mailbox()).ok_or_else(unknown)?;
        if let Resource::Chat(name) = &resource {
            desk.chat(name).await?;
        }
        desk.watch(uri, resource == Resource::Chats).await
    };
    watched.await.map_err(|refusal| refused(uri, &refusal))
}

/// Watches it no more. One that was not watched is not watched.
pub(super) async fn unsubscribe(desk: &Desk, uri: &str) -> Result<(), ErrorData> {
    let watched = async {
        may_watch(desk)?;
        desk.unwatch(uri).await
    };
    watched.await.map_err(|refusal| refused(uri, &refusal))
}

fn may_watch(desk: &Desk) -> Result<(), Refusal> {
    match desk.in_turn() {
        true => Err(tools::not_in_a_turn()),
        false => Ok(()),
    }
}

fn unknown() -> Refusal {
    Refusal::new(
        "resource_not_found",
        "this mailbox has no such resource",
        "resources/list and resources/templates/list name those there are.",
    )
}

/// A refusal as the protocol says it: what is not there, what cannot be now, and what is not to be.
fn refused(uri: &str, refusal: &Refusal) -> ErrorData {
    let says = refusal.to_string();
    match refusal.code {
        "resource_not_found" | "chat_not_found" | "chat_archived" | "invalid_chat_id" => {
            ErrorData::resource_not_found(says, Some(json!({ "uri": uri })))
        }
        "not_in_a_turn" | "turn_over" | "too_many_watched" => {
            ErrorData::invalid_request(says, None)
        }
        _ => ErrorData::internal_error(says, None),
    }
}
