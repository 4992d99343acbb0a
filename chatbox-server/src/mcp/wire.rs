//! What every door of the protocol has in common: what is a message at all, and the library that answers one.

use super::body::{self, Wants};
use crate::http::{Bearer, Problem};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use chatbox_core::admit::hash;
use chatbox_core::secret::Secret;
use rmcp::ServerHandler;
use rmcp::model::JsonRpcError;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::sync::Arc;

/// The largest message, in bytes.
pub(super) const BODY: usize = 4 * 1024 * 1024;

/// A door at `path` for a handler of one's own, opened by this token: the wire of the agents' doors, and their checks. To
/// be put behind the server's guard as they are.
pub fn door<H>(path: &str, token: &Secret, handler: H) -> Router
where
    H: ServerHandler + Clone + Sync,
{
    let (config, key) = (super::config(None), hash(token.expose()));
    let answer = async move |bearer: Result<Bearer, Problem>, request: Request| {
        // Hashes are compared, so that how long it takes tells nothing of the token.
        match bearer {
            Err(refused) => return refused.into_response(),
            Ok(Bearer(shown)) if hash(shown.expose()) != key => {
                return Problem::unauthorized("this token is not this door's").into_response();
            }
            Ok(_) => {}
        }
        match checked(request).await {
            Ok((request, _)) => served(handler, config, request).await,
            Err(refused) => refused,
        }
    };
    Router::new().route(path, any(answer))
}

/// The request as it goes on, once its size and its shape are right.
pub(super) async fn checked(request: Request) -> Result<(Request, Wants), Response> {
    let (parts, body) = request.into_parts();
    let body = read(body).await.map_err(IntoResponse::into_response)?;
    let wants = match is_json(&parts.headers) {
        true => body::check(&body).map_err(in_its_own_words)?,
        // The library says what it takes.
        false => Wants::Answer,
    };
    Ok((Request::from_parts(parts, Body::from(body)), wants))
}

/// Lets the library answer, without a session.
pub(super) async fn served<H>(
    handler: H,
    config: StreamableHttpServerConfig,
    request: Request,
) -> Response
where
    H: ServerHandler + Clone + Sync,
{
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, config);
    service.handle(request).await.map(Body::new)
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, BODY).await.map_err(|_| {
        let detail = format!("a message has at most {BODY} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Problem::new(status, "body_too_large", detail, "send less at once")
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn in_its_own_words(error: JsonRpcError) -> Response {
    let body = serde_json::to_vec(&error).expect("an error is JSON");
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::BAD_REQUEST, kind, body).into_response()
}
