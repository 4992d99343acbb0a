//! Mailboxes, and the tokens by which agents come to them.

use super::Problem;
use super::ask::Id;
use super::body::Json;
use super::connections::List;
use crate::app::App;
use crate::mcp;
use axum::extract::State;
use axum::http::StatusCode;
use chatbox_core::id::MailboxId;
use chatbox_core::store::{Door, Standing};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A mailbox.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailboxView {
    /// Its id.
    #[schema(value_type = String)]
    id: MailboxId,
    /// How it is answered: `run` by a backend here, `push` by a webhook, `pull` by an agent that comes.
    #[schema(value_type = String)]
    door: Door,
    /// `paused` where hand-outs to its webhook wait until somebody goes on with them, else `active`.
    #[schema(value_type = String)]
    standing: Standing,
    /// How many hand-outs to its webhook failed in a row.
    fails: u32,
    /// Where its agent comes to.
    mcp_url: String,
}

/// Every mailbox.
#[utoipa::path(
    get,
    path = "/v1/mailboxes",
    operation_id = "listMailboxes",
    tag = "mailboxes",
    security(("token" = ["read"])),
    responses((status = 200, description = "Every mailbox", body = List<MailboxView>)),
)]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<List<MailboxView>>, Problem> {
    let mut views = Vec::new();
    for row in app.chatbox.store().mailboxes().await? {
        views.push(MailboxView {
            mcp_url: url(&app, &row.id).await,
            id: row.id,
            door: row.door,
            standing: row.standing,
            fails: row.fails,
        });
    }
    Ok(Json(views.into()))
}

/// A token, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpTokenView {
    /// Whose agent may come with it.
    #[schema(value_type = String)]
    mailbox: MailboxId,
    /// Where to.
    mcp_url: String,
    /// The token itself. It is not stored and cannot be shown again.
    #[schema(format = Password)]
    mcp_token: String,
}

/// Gives a mailbox a token for its agent. The one before is refused from now on, and what it left open ends.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{id}/mcp-token",
    operation_id = "replaceMcpToken",
    tag = "mailboxes",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 201, description = "The one before is refused from now on", body = McpTokenView)),
)]
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<(StatusCode, Json<McpTokenView>), Problem> {
    let id = MailboxId::new(id);
    let rows = app.chatbox.store().mailboxes().await?;
    if !rows.iter().any(|row| row.id == id) {
        return Err(Problem::not_found("mailbox"));
    }
    let token = app
        .auth
        .replace(mcp::prefix(&id), id.as_str(), mcp::SCOPE, None)
        .await?;
    app.streams.end(&id);
    let view = McpTokenView {
        mcp_url: url(&app, &id).await,
        mcp_token: token.expose().to_owned(),
        mailbox: id,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Goes on handing out to a mailbox that was paused: what waits comes first, in order.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{id}/unpause",
    operation_id = "unpauseMailbox",
    tag = "mailboxes",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The mailbox")),
    responses((status = 204, description = "What waits is handed out")),
)]
pub(crate) async fn unpause(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let id = MailboxId::new(id);
    app.chatbox.set_standing(&id, Standing::Active).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn url(app: &App, id: &MailboxId) -> String {
    let base = app.base.read().await;
    let mut url = base.clone();
    // A base that takes no path is none of ours; the address is then only less useful.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["mcp", id.as_str()]);
    }
    url.to_string()
}
