//! Who may come in, and what is a message at all: before the protocol's library sees a request.

use super::Endpoint;
use super::body::Wants;
use super::desk::Desk;
use super::server::Server;
use super::streams::Place;
use super::wire;
use crate::http::{Bearer, Problem};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chatbox_core::RunningTurn;
use chatbox_core::id::MailboxId;
use chatbox_core::store::Standing;
use std::sync::Arc;

/// What an agent's token allows.
pub(crate) const SCOPE: &str = "mcp";

/// The findable part of a mailbox's token. It follows from the mailbox, so there is one token at a time: the next takes
/// the place of the one before.
pub(crate) fn prefix(mailbox: &MailboxId) -> String {
    let hash = chatbox_core::admit::hash(mailbox.as_str());
    format!("mcp_{}", &hash[..20])
}

/// Answers one request.
pub(super) async fn answer(
    State(endpoint): State<Endpoint>,
    Path(mailbox): Path<String>,
    bearer: Result<Bearer, Problem>,
    request: Request,
) -> Response {
    let mailbox = MailboxId::new(mailbox);
    let (request, wants, token, turn) = match admitted(&endpoint, &mailbox, bearer, request).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let place = match wants {
        Wants::Answer => None,
        // A turn waits for nothing: what comes while it runs is the next one's.
        Wants::Stream if turn.is_some() => None,
        Wants::Stream => match endpoint.app.streams.place(&mailbox, &token) {
            Some(place) => Some(Arc::new(place)),
            None => return too_many().into_response(),
        },
    };
    serve(endpoint, mailbox, turn, place, request).await
}

/// The request as it goes on, once its token, its size and its shape are right; with the token's hash, and the turn it
/// names if it is a turn's. Whether that still runs is told in the answer, so that its process can be told what to do.
async fn admitted(
    endpoint: &Endpoint,
    mailbox: &MailboxId,
    bearer: Result<Bearer, Problem>,
    request: Request,
) -> Result<(Request, Wants, String, Option<RunningTurn>), Response> {
    let Bearer(token) = bearer.map_err(IntoResponse::into_response)?;
    let turn = endpoint.app.chatbox.turn(mailbox, &token);
    if turn.is_none() {
        let principal = endpoint.app.auth.principal(&token, SCOPE).await;
        let principal = principal.map_err(|error| Problem::from(error).into_response())?;
        // A mailbox that does not exist has no token, and is refused in the same words.
        if principal.as_deref() != Some(mailbox.as_str()) {
            return Err(Problem::unauthorized("this token is not this mailbox's").into_response());
        }
    }
    let row = endpoint.app.chatbox.store().mailbox(mailbox).await;
    let row = row.map_err(|error| Problem::from(error).into_response())?;
    if row.is_none_or(|it| it.standing == Standing::Archived) {
        return Err(Problem::not_found("mailbox").into_response());
    }
    let (request, wants) = wire::checked(request).await?;
    let token = chatbox_core::admit::hash(token.expose());
    Ok((request, wants, token, turn))
}

async fn serve(
    endpoint: Endpoint,
    mailbox: MailboxId,
    turn: Option<RunningTurn>,
    place: Option<Arc<Place>>,
    request: Request,
) -> Response {
    let end = place.as_ref().map(|place| place.end.clone());
    let desk = Desk::new(endpoint.app, mailbox, turn, end.unwrap_or_default());
    let server = Server::new(desk, place);
    wire::served(server, endpoint.config, request).await
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
