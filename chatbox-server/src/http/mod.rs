//! Every door of the server, on one listener, behind one guard.

mod accounts;
mod ask;
mod backup;
mod body;
mod caller;
mod chats;
mod connections;
mod credentials;
mod deliveries;
mod finish;
mod guard;
mod health;
mod hooks;
mod inbound;
mod listen;
mod login;
mod mailboxes;
mod media;
mod once;
mod openapi;
mod page;
mod problem;
mod rights;
mod schema;
mod setup;
mod slow;
mod subscriptions;
mod tokens;
mod vault;
mod viewer;
mod wire;
mod words;

pub use connections::AddedView;
pub use guard::Names;
pub(crate) use listen::duration;
pub use listen::{Limits, listen};
pub(crate) use once::PURPOSE as REPLY;
pub use problem::Problem;

use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use chatbox_core::secret::Secret;
use rights::Rights;
use std::sync::Arc;

/// The largest body of an ordinary request, in bytes.
const BODY: usize = 1024 * 1024;

/// The largest body of a login, which anybody may send, in bytes.
const LOGIN: usize = 4096;

/// The whole server as a service.
pub fn router(app: Arc<App>, names: Names, pages: Router) -> Router {
    let (api, document) = openapi::doors().split_for_parts();
    let document: Arc<str> = openapi::document(document).into();
    let rights = Arc::new(Rights::of(&document));
    let api = api
        .route_layer(from_fn(finish::layer))
        .route_layer(from_fn_with_state((app.clone(), rights), rights::check));
    let asked = api.clone().with_state(app.clone());
    let asked = asked.layer(from_fn(words::layer));
    let agents = crate::mcp::routes(app.clone(), asked, names.public());
    let router = Router::new()
        .route(
            "/openapi.json",
            get(async move || openapi::answer(&document)),
        )
        .route(
            "/login",
            post(login::log_in).layer(DefaultBodyLimit::max(LOGIN)),
        )
        .route("/media/{id}", get(media::show))
        .route("/hooks/{connection}", post(hooks::take))
        .route("/health", get(health::summary))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/operator/backup", post(backup::make))
        .merge(api)
        .with_state(app)
        .layer(DefaultBodyLimit::max(BODY))
        .merge(viewer::routes())
        .merge(pages)
        .merge(agents);
    guarded(router, names)
}

/// Doors behind the guard of the whole server: foreign hosts and pages are refused for every path and method, and every
/// error has words.
pub fn guarded(doors: Router, names: Names) -> Router {
    doors
        .fallback(words::not_found)
        .method_not_allowed_fallback(words::not_allowed)
        .layer(from_fn(words::layer))
        .layer(from_fn_with_state(Arc::new(names), guard::check))
}

/// The request's bearer token.
fn bearer(headers: &HeaderMap) -> Result<Secret, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Problem::unauthorized("no credential was sent"));
    };
    if values.next().is_some() {
        let hint = "send one Authorization header";
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "duplicate_header",
            "there are two credentials",
            hint,
        ));
    }
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    match token {
        Some(token) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(Problem::unauthorized(
            "the credential is not a bearer token",
        )),
    }
}

/// A bearer token, required.
pub(crate) struct Bearer(pub(crate) Secret);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        bearer(&parts.headers).map(Self)
    }
}
