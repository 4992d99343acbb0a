//! The requests, each under its path. Whoever does not show the token learns nothing, not even which paths there are.

use super::Host;
use super::answer::{failed, json};
use crate::id::MediaId;
use crate::secret::Secret;
use crate::wire::{Asked, Confirmed, Fetch, Found, LONGEST, Open, ROOT};
use crate::{AdapterError, ErrorKind, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// The largest file that is taken where the adapter states no limit, in bytes.
const FILE: usize = 64 * 1024 * 1024;

pub(super) fn router(host: Host) -> Router {
    let at = |path: &str| format!("{ROOT}{path}");
    Router::new()
        .route(ROOT, get(about))
        .route(&at("/probe"), post(probe))
        .route(&at("/open"), post(open))
        .route(&at("/confirm"), post(confirm))
        .route(&at("/perform"), post(perform))
        .route(&at("/look_up"), post(look_up))
        .route(&at("/media"), post(media))
        .layer(DefaultBodyLimit::max(LONGEST))
        .route(&at("/files/{id}"), put(file))
        .fallback(nowhere)
        .layer(from_fn_with_state(host.clone(), token))
        .with_state(host)
}

async fn token(State(host): State<Host>, request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some_and(|shown| shown == host.0.token) {
        return next.run(request).await;
    }
    let text = "this is not the connector's token";
    failed(&AdapterError::new(ErrorKind::Unauthorized, text))
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = line.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    bearer.then(|| Secret::new(token.trim()))
}

async fn nowhere() -> Response {
    failed(&AdapterError::new(
        ErrorKind::NotFound,
        "the connector has no such path",
    ))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!("the request cannot be read: {error}");
        AdapterError::new(ErrorKind::Invalid, text)
    })
}

fn answer(done: Result<impl serde::Serialize>) -> Response {
    match done {
        Ok(body) => json(StatusCode::OK, &body),
        Err(error) => failed(&error),
    }
}

async fn about(State(host): State<Host>) -> Response {
    json(StatusCode::OK, &host.0.about)
}

async fn probe(State(host): State<Host>) -> Response {
    answer(host.probe().await)
}

async fn open(State(host): State<Host>, body: Bytes) -> Response {
    let begun = async {
        let Open { cursor } = read(&body)?;
        host.0.streams.end();
        host.0.parts.adapter.open(cursor).await
    };
    match begun.await {
        Ok(inbound) => {
            let lines = [(header::CONTENT_TYPE, "application/x-ndjson")];
            (lines, host.0.streams.begin(inbound)).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn confirm(State(host): State<Host>, body: Bytes) -> Response {
    match read::<Confirmed>(&body) {
        Ok(confirmed) => {
            host.0.streams.confirm(confirmed);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn perform(State(host): State<Host>, body: Bytes) -> Response {
    match read::<Asked>(&body) {
        Ok(asked) => answer(host.perform(asked).await),
        Err(error) => failed(&error),
    }
}

async fn look_up(State(host): State<Host>, body: Bytes) -> Response {
    let looked = async {
        let asked: Asked = read(&body)?;
        let reconcile = host.0.parts.reconcile.as_ref();
        let reconcile = reconcile.ok_or_else(|| unsupported("look_up"))?;
        let receipt = reconcile.look_up(&asked.into()).await?;
        Ok(Found { receipt })
    };
    answer(looked.await)
}

async fn media(State(host): State<Host>, body: Bytes) -> Response {
    let fetched = async {
        let Fetch { source } = read(&body)?;
        let media = host.0.parts.media.as_ref();
        let media = media.ok_or_else(|| unsupported("media"))?;
        media.fetch(&source).await
    };
    match fetched.await {
        Ok(bytes) => Body::from_stream(bytes).into_response(),
        Err(error) => failed(&error),
    }
}

async fn file(State(host): State<Host>, Path(id): Path<String>, body: Body) -> Response {
    let limits = host.0.about.capabilities.media;
    let most = limits.and_then(|limits| limits.max_bytes);
    let most = most.and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(FILE);
    let kept = async {
        let bytes = to_bytes(body, most).await.map_err(|_| {
            let text = format!("the file was cut off, or is longer than {most} bytes");
            AdapterError::new(ErrorKind::Invalid, text)
        })?;
        match host.0.spool.keep(MediaId::new(id), bytes) {
            true => Ok(()),
            false => Err(AdapterError::new(
                ErrorKind::Unavailable,
                "there is no room for another file now",
            )),
        }
    };
    match kept.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

fn unsupported(what: &str) -> AdapterError {
    let text = format!("this connector has no `{what}`");
    AdapterError::new(ErrorKind::Unsupported, text)
}
