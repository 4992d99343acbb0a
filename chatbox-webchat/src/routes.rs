//! The HTTP side: the upgrade, tickets, uploads and the page. Host and Origin were checked before a request gets here.

use crate::assets;
use crate::error::Refusal;
use crate::hub::Hub;
use crate::{socket, upload};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The one version of the protocol.
const PROTOCOL: &str = "chatbox.v1";
/// Words in a query that look like a credential.
const CREDENTIALS: [&str; 10] = [
    "token",
    "ticket",
    "access_token",
    "auth",
    "authorization",
    "key",
    "api_key",
    "secret",
    "code",
    "password",
];

pub(crate) fn routes(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/", get(assets::page))
        .route("/chat", get(assets::page))
        .route("/chat/", get(assets::page))
        .route("/chat/assets/{name}", get(assets::asset))
        .route("/chat/ws", get(open))
        .route("/chat/ticket", post(ticket))
        .route("/chat/media", post(upload::upload))
        .with_state(hub)
}

/// `POST /chat/ticket`: a logged-in browser gets what its socket says first.
async fn ticket(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let ticket = hub.visitors.ticket(&headers).await;
    let ticket = ticket.ok_or_else(Refusal::not_known)?;
    let body = serde_json::json!({ "ticket": ticket }).to_string();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

/// `GET /chat/ws`: from a request to a socket.
async fn open(State(hub): State<Arc<Hub>>, request: Request) -> Result<Response, Refusal> {
    no_credential_in(request.uri().query().unwrap_or_default())?;
    let accept = accept(request.headers())?;
    let protocol = protocol(request.headers())?;
    let house = hub.house_soon().await.ok_or_else(Refusal::not_ready)?;
    let upgrade = hyper::upgrade::on(request);
    let tasks = hub.tasks.clone();
    tasks.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => socket::serve(hub, house, upgraded).await,
            Err(error) => tracing::debug!(%error, "a socket was gone before it began"),
        }
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// A credential in an address ends up in logs and histories: it is refused, not used.
fn no_credential_in(query: &str) -> Result<(), Refusal> {
    let name = |pair: &str| {
        pair.split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let is_credential = |name: &str| {
        CREDENTIALS.contains(&name) || name.contains("token") || name.contains("secret")
    };
    if query.split('&').any(|pair| is_credential(&name(pair))) {
        let detail = "A credential does not belong in an address. Send it in the first frame.";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "token_in_url",
            detail,
        ));
    }
    Ok(())
}

/// Checks the handshake and answers its key.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let bad = |detail| Refusal::new(StatusCode::BAD_REQUEST, "bad_handshake", detail);
    if !lists(headers, &header::CONNECTION, "upgrade")
        || !lists(headers, &header::UPGRADE, "websocket")
    {
        return Err(bad("This address speaks WebSocket only."));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let detail = "Only version 13 of WebSocket is spoken here.";
        return Err(Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            "bad_version",
            detail,
        ));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key
        .filter(|key| key.len() == 24)
        .ok_or_else(|| bad("There is no key."))?;
    let accept = derive_accept_key(key.as_bytes());
    Ok(HeaderValue::try_from(accept).expect("base64 is a header value"))
}

/// The protocol spoken: ours, or none where none is offered.
fn protocol(headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    let offered = headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    if lists(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return Ok(Some(HeaderValue::from_static(PROTOCOL)));
    }
    if offered {
        let detail = format!("The one protocol spoken here is `{PROTOCOL}`.");
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "no_common_version",
            detail,
        ));
    }
    Ok(None)
}

fn lists(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|it| it.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_the_address_is_refused() {
        for query in [
            "token=x",
            "a=b&ticket=x",
            "ACCESS_TOKEN=x",
            "agent_secret=x",
            "key",
        ] {
            assert!(no_credential_in(query).is_err(), "{query}");
        }
        for query in ["", "v=1", "lang=en&theme=dark"] {
            assert!(no_credential_in(query).is_ok(), "{query}");
        }
    }
}
