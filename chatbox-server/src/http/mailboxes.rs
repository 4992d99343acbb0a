//! Mailboxes, and the tokens by which agents come to them.

use super::Problem;
use super::connections::List;
use crate::app::App;
use crate::mcp;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chatbox_core::id::MailboxId;
use chatbox_core::store::Door;
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(crate) struct MailboxView {
    id: MailboxId,
    door: Door,
    mcp_url: String,
}

/// Every mailbox.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<List<MailboxView>>, Problem> {
    let mut views = Vec::new();
    for row in app.chatbox.store().mailboxes().await? {
        views.push(MailboxView {
            mcp_url: url(&app, &row.id).await,
            id: row.id,
            door: row.door,
        });
    }
    Ok(Json(views.into()))
}

/// A token, shown once.
#[derive(Debug, Serialize)]
pub(crate) struct TokenView {
    mailbox: MailboxId,
    mcp_url: String,
    mcp_token: String,
}

/// Gives a mailbox a token for its agent. The one before is refused from now on, and what it left open ends.
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TokenView>), Problem> {
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
    let view = TokenView {
        mcp_url: url(&app, &id).await,
        mcp_token: token.expose().to_owned(),
        mailbox: id,
    };
    Ok((StatusCode::CREATED, Json(view)))
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
