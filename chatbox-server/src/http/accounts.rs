//! Accounts: tenants that know nothing of each other. The operator makes them.

use super::Problem;
use super::ask::Query;
use super::body::Json;
use super::connections::List;
use super::once::{Repeatable, done};
use super::page::Numbered;
use super::setup::{changed, name_taken};
use crate::app::App;
use crate::auth::{Caller, HOME, Scope, draft_api};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chatbox_core::id::AccountId;
use chatbox_core::store::{Admin, Note, Noted, Outcome};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who owns an account, as its first key is called.
pub(super) const OWNER: &str = "account-owner";

/// An account to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Its id: 1 to 32 of a-z, 0-9 and -.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9-]+$")]
    id: String,
}

/// An account as made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountMade {
    id: String,
    /// A key to everything in the account. It is not stored and cannot be shown again.
    #[schema(format = Password)]
    api_key: String,
}

/// Makes an account, and a key to it.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    operation_id = "createAccount",
    tag = "accounts",
    security(("operator" = [])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = NewAccount,
    responses((status = 201, description = "It is there; its key is shown this once", body = AccountMade)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: new, asked }: Repeatable<NewAccount>,
) -> Result<Response, Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&new.id.len()) || !new.id.bytes().all(plain) {
        let detail = "`id` must have 1 to 32 of a-z, 0-9 and -";
        return Err(Problem::invalid("invalid_name", detail));
    }
    let account = AccountId::new(new.id.clone());
    let known = app.auth.tokens(&account).await?;
    if new.id == HOME || !known.is_empty() {
        return Err(name_taken());
    }
    let (made, token) = draft_api(&account, OWNER, Scope::Admin, None);
    let opened = Note {
        account,
        by: caller.by(),
        action: "create_account".to_owned(),
        target: new.id.clone(),
    };
    let all = vec![
        Admin::PutToken(token),
        Admin::Note(opened),
        caller.note("create_account", new.id.as_str()),
    ];
    let view = AccountMade {
        id: new.id,
        api_key: made.whole.expose().to_owned(),
    };
    match done(&app, asked, all, StatusCode::CREATED, &view).await? {
        Ok(answer) => Ok(answer),
        Err(Outcome::Duplicate { .. }) => Err(name_taken()),
        Err(_) => Err(changed()),
    }
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoteView {
    id: i64,
    /// When, in milliseconds since 1970.
    at: i64,
    /// Who: the name of the token that was used.
    by: String,
    /// What, such as `create_mailbox`.
    action: String,
    /// To what.
    target: String,
}

impl From<Noted> for NoteView {
    fn from(noted: Noted) -> Self {
        Self {
            id: noted.id,
            at: noted.at.0,
            by: noted.note.by,
            action: noted.note.action,
            target: noted.note.target,
        }
    }
}

/// What somebody looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Looked {
    /// At what: 1 to 64 of a-z and _.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z_]+$")]
    action: String,
}

/// Writes down what somebody looked at, for clients whose every step is to be seen.
#[utoipa::path(
    post,
    path = "/v1/audit",
    operation_id = "noteAudit",
    tag = "accounts",
    security(("token" = ["read"])),
    request_body = Looked,
    responses((status = 204, description = "It is written down")),
)]
pub(crate) async fn looked(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(Looked { action }): Json<Looked>,
) -> Result<StatusCode, Problem> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if !(1..=64).contains(&action.len()) || !action.bytes().all(plain) {
        let detail = "`action` must have 1 to 64 of a-z and _";
        return Err(Problem::invalid("invalid_field", detail));
    }
    let action = format!("looked:{action}");
    app.chatbox.admin(caller.note(&action, "")).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who changed what in the account, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "listAudit",
    tag = "accounts",
    security(("token" = ["admin"])),
    params(Numbered),
    responses((status = 200, description = "What was done, newest first", body = List<NoteView>)),
)]
pub(crate) async fn audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Numbered>,
) -> Result<Json<List<NoteView>>, Problem> {
    let (before, limit) = page.part()?;
    let store = app.chatbox.store();
    let notes = store.notes(&caller.account, before, limit).await?;
    let full = notes.len() == limit as usize;
    let last = notes.last().filter(|_| full);
    let next_cursor = last.map(|it| it.id.to_string());
    let items = notes.into_iter().map(NoteView::from).collect();
    Ok(Json(List { items, next_cursor }))
}
