//! Tokens of the API: made and shown once, listed, revoked.

use super::Problem;
use super::ask::Id;
use super::body::{Json, whole};
use super::connections::List;
use super::once::{Repeatable, done};
use super::setup;
use crate::app::App;
use crate::auth::{Caller, Made, OWNER, Scope, draft_api};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chatbox_core::store::{Admin, Token};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest life that can be asked for, in seconds: ten years.
const LONGEST: u64 = 10 * 365 * 24 * 60 * 60;

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// Who will use it, for people: 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    name: String,
    /// What it may do.
    scope: Scope,
    /// After how many seconds it ends; never unless set.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 315360000)]
    expires_in: Option<u64>,
}

/// A token as made: shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeView {
    /// Its findable part, by which it is revoked.
    id: String,
    /// Who uses it.
    name: String,
    /// What it may do.
    scope: Scope,
    /// The token itself. It is not stored and cannot be shown again.
    #[schema(format = Password)]
    token: String,
}

impl MadeView {
    fn new(made: Made, name: &str, scope: Scope) -> Self {
        Self {
            id: made.prefix,
            name: name.to_owned(),
            scope,
            token: made.whole.expose().to_owned(),
        }
    }
}

/// A token as listed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// Its findable part.
    id: String,
    /// Who uses it.
    name: String,
    /// What it may do; nothing once it is revoked.
    scope: Option<Scope>,
    /// Until when, in milliseconds since 1970.
    until: Option<i64>,
    /// Whether it was revoked.
    revoked: bool,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        let scope = Scope::of(&token);
        Self {
            id: token.prefix,
            name: token.principal,
            scope,
            until: token.until.map(|until| until.0),
            revoked: scope.is_none(),
        }
    }
}

/// Makes the owner's key to the API, once.
#[utoipa::path(
    post,
    path = "/v1/bootstrap",
    operation_id = "bootstrap",
    tag = "tokens",
    security(("operator" = [])),
    responses((status = 201, description = "The owner's key, shown this once", body = MadeView)),
)]
pub(crate) async fn bootstrap(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<(StatusCode, Json<MadeView>), Problem> {
    let Some(made) = app.auth.bootstrap().await? else {
        let detail = "the owner's key was made before, and cannot be shown again";
        let hint = "make another with `chatbox tokens create NAME --scope admin`";
        let status = StatusCode::CONFLICT;
        return Err(Problem::new(status, "already_bootstrapped", detail, hint));
    };
    caller.noted(&app, "bootstrap", made.prefix.as_str()).await;
    let view = MadeView::new(made, OWNER, Scope::Admin);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Makes a token.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    operation_id = "createToken",
    tag = "tokens",
    security(("token" = ["admin"])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = NewToken,
    responses((status = 201, description = "The token, shown this once", body = MadeView)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: new, asked }: Repeatable<NewToken>,
) -> Result<Response, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (1..=64).contains(&new.name.len()) && new.name.bytes().all(plain);
    if !fits {
        let detail = "`name` must have 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`";
        return Err(Problem::invalid("invalid_name", detail));
    }
    if [OWNER, super::accounts::OWNER, "operator"].contains(&new.name.as_str()) {
        let (detail, hint) = ("this is the owner's own name", "take another");
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "name_taken",
            detail,
            hint,
        ));
    }
    if new
        .expires_in
        .is_some_and(|it| !(1..=LONGEST).contains(&it))
    {
        let detail = format!("`expires_in` must be 1 to {LONGEST} seconds");
        return Err(Problem::invalid("out_of_range", detail));
    }
    let life = new.expires_in.map(Duration::from_secs);
    let (made, token) = draft_api(&caller.account, &new.name, new.scope, life);
    let note = caller.note("create_token", made.prefix.as_str());
    let view = MadeView::new(made, &new.name, new.scope);
    let all = vec![Admin::PutToken(token), note];
    let answer = done(&app, asked, all, StatusCode::CREATED, &view).await?;
    answer.map_err(|_| setup::changed())
}

/// Lists tokens, without the tokens themselves.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    security(("token" = ["admin"])),
    responses((status = 200, description = "Every token, revoked ones too", body = List<TokenView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<List<TokenView>>, Problem> {
    let tokens = app.auth.tokens(&caller.account).await?.into_iter();
    Ok(Json(tokens.map(Into::into).collect::<Vec<_>>().into()))
}

/// Revokes a token: the next request with it is refused.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    operation_id = "revokeToken",
    tag = "tokens",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The token's findable part")),
    responses((status = 204, description = "It is refused from now on")),
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    match app.auth.revoke(&caller.account, &id).await? {
        true => {
            caller.noted(&app, "revoke_token", id).await;
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(Problem::not_found("token")),
    }
}
