//! Logging in: a one-time code becomes a cookie that pages cannot read and other sites cannot send.

use super::Problem;
use super::body::Json;
use crate::app::App;
use crate::auth::Caller;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What the login page sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    code: String,
}

/// Spends a code for a cookie.
pub(crate) async fn log_in(
    State(app): State<Arc<App>>,
    Json(login): Json<Login>,
) -> Result<impl IntoResponse, Problem> {
    if !app.auth.spend_code(&login.code) {
        let detail = "this code was used, is too old, or never was";
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "login_refused",
            detail,
            "run `chatbox login-link`",
        ));
    }
    let token = app.auth.log_in().await?;
    let secure = if app.is_public_https() {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}",
        crate::app::COOKIE,
        token.expose()
    );
    let headers: [(HeaderName, String); 1] = [(header::SET_COOKIE, cookie)];
    Ok((StatusCode::NO_CONTENT, headers))
}

/// A fresh login link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Link {
    url: String,
    /// In seconds.
    expires_in: u64,
}

/// Makes a fresh login link.
#[utoipa::path(
    post,
    path = "/v1/login-links",
    operation_id = "createLoginLink",
    tag = "server",
    security(("token" = ["admin"])),
    responses((status = 200, description = "A link that logs the owner in, once", body = Link)),
)]
pub(crate) async fn link(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Link>, Problem> {
    caller.at_home("the owner logs in, and nobody else")?;
    caller.noted(&app, "create_login_link", "owner").await;
    Ok(Json(Link {
        url: app.login_link(),
        expires_in: crate::auth::CODE_LIFE.as_secs(),
    }))
}
