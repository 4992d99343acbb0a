//! Chats and what was said in them.

use super::Problem;
use super::ask::{Id, Query, limit};
use super::body::Json;
use super::connections::List;
use super::deliveries::number;
use super::schema;
use crate::app::App;
use crate::auth::Caller;
use axum::extract::State;
use axum::http::StatusCode;
use chatbox_core::event::ChatKind;
use chatbox_core::id::Seq;
use chatbox_core::store::{Author, LogRow, Mailbox, Overview, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The most that one answer lists.
const MOST: u32 = 500;

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowMany {
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A chat as its mailbox sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatView {
    /// Its id here.
    id: String,
    /// What agents call it: `<platform>:<handle>`.
    address: String,
    /// Its title. Written by others.
    name: Option<String>,
    #[schema(schema_with = schema::kind)]
    kind: ChatKind,
    /// Whether the mailbox looks at it.
    focal: bool,
    /// How many messages of others it has not seen.
    unread: u64,
    /// Whether it does not want to hear of it.
    muted: bool,
    /// Its newest message.
    last: Option<MessageView>,
}

/// Something that happened in a chat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageView {
    /// Its id.
    id: String,
    /// Its chat.
    chat: String,
    /// `message`, `edit`, `delete`, `reaction`, `action`, `member`, `outcome` and others.
    kind: &'static str,
    /// Who, as their platform names them; none for the server itself.
    from: Option<String>,
    /// How they call themselves: shown, never to be trusted.
    name: Option<String>,
    /// Whether it goes out to the chat rather than coming from it.
    out: bool,
    /// What it says; for a message its newest version.
    text: Option<String>,
    /// How many files it has.
    files: usize,
    /// The row it is about.
    about: Option<String>,
    /// When it was taken in, in milliseconds since 1970.
    at: i64,
}

impl ChatView {
    fn of(overview: Overview, mailbox: &Mailbox) -> Self {
        let Overview {
            chat,
            unread,
            muted,
            last,
        } = overview;
        Self {
            focal: mailbox.focus.chat == Some(chat.id),
            id: format!("cht_{}", chat.id),
            address: chat.address().to_string(),
            kind: chat.kind,
            name: chat.name,
            unread,
            muted,
            last: last.map(MessageView::from),
        }
    }
}

impl From<LogRow> for MessageView {
    fn from(row: LogRow) -> Self {
        let (from, name) = match &row.author {
            Author::Person { id, name } => (Some(id.to_string()), name.clone()),
            Author::Mailbox { id } => (Some(id.to_string()), None),
            Author::System => (None, None),
        };
        let content = row.body.content();
        Self {
            id: format!("msg_{}", row.seq),
            chat: format!("cht_{}", row.chat),
            kind: row.body.kind(),
            from,
            name,
            out: row.out,
            text: content.map(|content| content.text.clone()),
            files: content.map_or(0, |content| content.attachments.len()),
            about: row.target.map(|seq| format!("msg_{seq}")),
            at: row.at.0,
        }
    }
}

/// A mailbox's chats, the one with the newest row first.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{id}/chats",
    operation_id = "listChats",
    tag = "mailboxes",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The mailbox"), HowMany),
    responses((status = 200, description = "Its chats, the one with the newest row first", body = List<ChatView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Query(many): Query<HowMany>,
) -> Result<Json<List<ChatView>>, Problem> {
    let mailbox = caller.any_mailbox(&app, &id).await?;
    let many = limit(many.limit, MOST)?;
    let chats = app.chatbox.overview(&mailbox.id, many).await?;
    let views = chats.into_iter().map(|chat| ChatView::of(chat, &mailbox));
    Ok(Json(views.collect::<Vec<_>>().into()))
}

/// Words to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Words {
    /// What is found holds every one of these words.
    #[param(min_length = 1, pattern = r"^[^\x00]*\S[^\x00]*$")]
    words: String,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Messages of a mailbox that hold every word, newest first.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{id}/search",
    operation_id = "searchMessages",
    tag = "messages",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The mailbox"), Words),
    responses((status = 200, description = "What was found, newest first", body = List<MessageView>)),
)]
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Query(asked): Query<Words>,
) -> Result<Json<List<MessageView>>, Problem> {
    let mailbox = caller.any_mailbox(&app, &id).await?;
    if asked.words.trim().is_empty() {
        return Err(Problem::invalid("out_of_range", "words must hold a word"));
    }
    let limit = limit(asked.limit, MOST)?;
    let store = app.chatbox.store();
    let rows = store.search(&mailbox.id, &asked.words, limit).await?;
    let views = rows.into_iter().map(MessageView::from);
    Ok(Json(views.collect::<Vec<_>>().into()))
}

/// Which part of a chat.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Only rows before this message; the newest unless set.
    #[serde(default)]
    #[param(pattern = "^(msg_)?[0-9]{1,18}$")]
    before: Option<String>,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// What happened in a chat, oldest first; `next_cursor` is the `before` of the part before it.
#[utoipa::path(
    get,
    path = "/v1/chats/{id}/messages",
    operation_id = "readMessages",
    tag = "messages",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The chat"), Part),
    responses((status = 200, description = "What happened, oldest first", body = List<MessageView>)),
)]
pub(crate) async fn messages(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Query(part): Query<Part>,
) -> Result<Json<List<MessageView>>, Problem> {
    let chat = caller.chat(&app, &id).await?;
    let limit = limit(part.limit, MOST)?;
    let before = part.before.as_deref().map(|id| number(id, "msg_"));
    let before = match before {
        Some(None) => {
            return Err(Problem::invalid(
                "out_of_range",
                "before must name a message",
            ));
        }
        Some(Some(seq)) => Some(Seq(seq)),
        None => None,
    };
    let store = app.chatbox.store();
    let rows = store.history(Span::Chat(chat.id), before, limit).await?;
    let full = rows.len() == limit as usize;
    let oldest = rows.first().filter(|_| full);
    let next_cursor = oldest.map(|row| format!("msg_{}", row.seq));
    let items = rows.into_iter().map(MessageView::from).collect();
    Ok(Json(List { items, next_cursor }))
}

/// Whether a mailbox does not want to hear of a chat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Muting {
    /// `true`: what is said there is kept and counts as unread, and nothing is handed to the mailbox's webhook.
    muted: bool,
}

/// Mutes a chat, or the other way about.
#[utoipa::path(
    put,
    path = "/v1/chats/{id}/muted",
    operation_id = "muteChat",
    tag = "mailboxes",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The chat")),
    request_body = Muting,
    responses((status = 204, description = "So it is")),
)]
pub(crate) async fn mute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Json(Muting { muted }): Json<Muting>,
) -> Result<StatusCode, Problem> {
    let chat = caller.chat(&app, &id).await?;
    app.chatbox.mute(&chat.mailbox, chat.id, muted).await?;
    let action = if muted { "mute_chat" } else { "unmute_chat" };
    caller.noted(&app, action, id).await;
    Ok(StatusCode::NO_CONTENT)
}
