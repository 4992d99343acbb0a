//! The door for what platforms post to an address of ours: read by the connection's adapter, answered once it is on disk.
//!
//! There is no token: the platform's own proof, which the adapter looks at, is the only way in. Whoever has none learns nothing
//! of which connections there are.

use super::Problem;
use super::ask::Id;
use crate::app::App;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::connector::{Posted, Refusal, Unread};
use chatbox_core::id::ConnectionId;
use chatbox_core::{Answer, Error};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The connection in the address, where one runs that takes posts, and a place among those that are read at once: both
/// before a byte of the body is read.
pub(super) struct Posting(ConnectionId, OwnedSemaphorePermit);

impl FromRequestParts<Arc<App>> for Posting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let id = Id::from_request_parts(parts, app).await;
        let id = id.map(|Id(id)| ConnectionId::new(id)).ok();
        let id = id.filter(|id| app.chatbox.takes_posts(id));
        let id = id.ok_or_else(nobody)?;
        let place = Arc::clone(&app.posts).try_acquire_owned();
        place.map(|place| Self(id, place)).map_err(|_| busy())
    }
}

/// Takes one request in.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    Posting(connection, _place): Posting,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let headers = headers.iter().map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), value)
    });
    let posted = Posted::new(headers.collect(), body);
    match app.chatbox.posted(&connection, &posted).await {
        Ok(Answer::Taken) => Ok(StatusCode::OK.into_response()),
        Ok(Answer::Challenge(word)) => Ok(proof(word)),
        Ok(Answer::Refused(refusal)) => Ok(refused(refusal)),
        Ok(_) => {
            let hint = "the owner of this server says who may talk";
            let status = StatusCode::FORBIDDEN;
            Err(Problem::new(status, "refused", "it is not taken", hint))
        }
        Err(Error::NotRunning(_)) => Err(nobody()),
        Err(error) => Err(error.into()),
    }
}

fn proof(word: String) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let as_it_is = HeaderValue::from_static("nosniff");
    let headers = [
        (header::CONTENT_TYPE, plain),
        (header::X_CONTENT_TYPE_OPTIONS, as_it_is),
    ];
    (headers, word).into_response()
}

fn refused(refusal: Refusal) -> Response {
    let (status, hint) = match refusal.reason {
        Unread::Unsigned | Unread::Stale => (
            StatusCode::UNAUTHORIZED,
            "only the platform posts here, and signs what it posts",
        ),
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "send less at once"),
        Unread::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "nothing was stored; send it again in a moment",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "only what the platform itself says is taken here",
        ),
    };
    let problem = Problem::new(status, refusal.reason.as_str(), refusal.detail, hint);
    match status {
        StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(1).into_response(),
        StatusCode::UNAUTHORIZED => {
            let mut response = problem.into_response();
            // No bearer token helps.
            let by_signature = HeaderValue::from_static("Signature");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, by_signature);
            response
        }
        _ => problem.into_response(),
    }
}

fn busy() -> Problem {
    let hint = "nothing was stored; send it again in a moment";
    let detail = "too much is posted at once";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try_later", detail, hint).retry_after(1)
}

/// No such connection, or none that takes posts: which of them is nobody's business.
fn nobody() -> Problem {
    let hint = "copy the address as `chatbox channels add` showed it";
    let detail = "nobody is posted to here";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail, hint)
}
