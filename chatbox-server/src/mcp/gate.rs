//! Who may come in, and what is asked at all: before the protocol's library sees a request.

use super::Endpoint;
use super::body::Wants;
use super::desk::Desk;
use super::server::Server;
use super::streams::{Place, Since};
use super::{stream, wire};
use crate::http::{Bearer, Problem};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::RunningTurn;
use chatbox_core::admit::hash;
use chatbox_core::id::{MailboxId, fresh};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Attention, Standing};
use std::sync::Arc;

/// What an agent's token allows.
pub(crate) const SCOPE: &str = "mcp";

/// The findable part of a mailbox's token. It follows from the mailbox, so there is one token at a time: the next takes
/// the place of the one before.
pub(crate) fn prefix(mailbox: &MailboxId) -> String {
    format!("mcp_{}", &hash(mailbox.as_str())[..20])
}

/// What the older wire calls a session. Its clients open their stream only where they were given one. Nothing is kept
/// under it and nobody looks at it: whoever has the token is the mailbox's agent.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Who was let in.
struct Guest {
    /// Whose agent it is, and how that mailbox stands.
    attention: Attention,
    /// What they showed.
    shown: Secret,
    /// When they were let in.
    since: Since,
    /// The turn it names, if it is a turn's. Whether that still runs is told in the answer, so that its process can be told
    /// what to do.
    turn: Option<RunningTurn>,
}

/// Answers one request.
pub(super) async fn answer(
    State(endpoint): State<Endpoint>,
    Path(mailbox): Path<String>,
    bearer: Result<Bearer, Problem>,
    request: Request,
) -> Response {
    let guest = match admitted(&endpoint, MailboxId::new(mailbox), bearer).await {
        Ok(guest) => guest,
        Err(refused) => return refused.into_response(),
    };
    match *request.method() {
        Method::POST => spoken(endpoint, guest, request).await,
        Method::GET => heard(endpoint, guest, request.headers()).await,
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET, POST")],
        )
            .into_response(),
    }
}

/// Lets somebody in whose token is the mailbox's, or a turn's of it.
async fn admitted(
    endpoint: &Endpoint,
    mailbox: MailboxId,
    bearer: Result<Bearer, Problem>,
) -> Result<Guest, Problem> {
    let Bearer(token) = bearer?;
    let since = endpoint.app.streams.now();
    let turn = endpoint.app.chatbox.turn(&mailbox, &token);
    if turn.is_none() {
        let principal = endpoint.app.auth.principal(&token, SCOPE).await?;
        // A mailbox that does not exist has no token, and is refused in the same words.
        if principal.as_deref() != Some(mailbox.as_str()) {
            return Err(Problem::unauthorized("this token is not this mailbox's"));
        }
    }
    let attention = endpoint.app.chatbox.store().attention(&mailbox).await?;
    let attention = attention.filter(|it| it.mailbox.standing != Standing::Archived);
    let attention = attention.ok_or_else(|| Problem::not_found("mailbox"))?;
    Ok(Guest {
        attention,
        shown: token,
        since,
        turn,
    })
}

/// Lets somebody in again whose token may have been replaced since: a message may take long to come.
async fn still(endpoint: &Endpoint, guest: Guest) -> Result<Guest, Problem> {
    match guest.since == endpoint.app.streams.now() {
        true => Ok(guest),
        false => {
            admitted(
                endpoint,
                guest.attention.mailbox.id,
                Ok(Bearer(guest.shown)),
            )
            .await
        }
    }
}

/// Answers a message.
async fn spoken(endpoint: Endpoint, guest: Guest, request: Request) -> Response {
    let (request, wants) = match wire::checked(request).await {
        Ok(checked) => checked,
        Err(refused) => return refused,
    };
    let guest = match still(&endpoint, guest).await {
        Ok(guest) => guest,
        Err(refused) => return refused.into_response(),
    };
    // A turn waits for nothing: what comes while it runs is the next one's.
    let stays = wants == Wants::Stream && guest.turn.is_none();
    let place = match stays.then(|| place(&endpoint, &guest)).transpose() {
        Ok(place) => place.map(Arc::new),
        Err(crowded) => return crowded.into_response(),
    };
    let hears = wants == Wants::Greeting && guest.turn.is_none();
    let end = place.as_ref().map(|place| place.end.clone());
    let desk = Desk::new(
        endpoint.app,
        guest.attention,
        guest.turn,
        end.unwrap_or_default(),
    );
    let server = Server::new(desk, place);
    let mut answer = wire::served(server, endpoint.config, request).await;
    if hears && answer.status().is_success() {
        let session = HeaderValue::try_from(fresh("session"));
        let session = session.expect("letters and digits make a header");
        answer.headers_mut().insert(SESSION, session);
    }
    answer
}

/// Answers with the older wire's stream.
async fn heard(endpoint: Endpoint, guest: Guest, headers: &HeaderMap) -> Response {
    let after = match stream::asked(headers) {
        Ok(after) if guest.turn.is_none() => after,
        Ok(_) | Err(StatusCode::METHOD_NOT_ALLOWED) => {
            let post = [(header::ALLOW, "POST")];
            return (StatusCode::METHOD_NOT_ALLOWED, post).into_response();
        }
        Err(status) => return status.into_response(),
    };
    match place(&endpoint, &guest) {
        Ok(place) => {
            let desk = Desk::new(endpoint.app, guest.attention, None, place.end.clone());
            stream::open(desk, place, after).await
        }
        Err(crowded) => crowded.into_response(),
    }
}

/// A place among the mailbox's open answers.
fn place(endpoint: &Endpoint, guest: &Guest) -> Result<Place, Problem> {
    let token = hash(guest.shown.expose());
    let (streams, mailbox) = (&endpoint.app.streams, &guest.attention.mailbox.id);
    streams
        .place(mailbox, &token, guest.since)
        .ok_or_else(too_many)
}

fn too_many() -> Problem {
    let detail = format!(
        "this mailbox has {} open answers already",
        super::streams::MOST
    );
    let hint = "end one of them, or wait until one ends";
    let status = StatusCode::TOO_MANY_REQUESTS;
    Problem::new(status, "too_many_streams", detail, hint).retry_after(1)
}
