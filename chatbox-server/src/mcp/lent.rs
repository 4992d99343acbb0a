//! Tools that the connector of the chat looked at lends: listed and called as they are, under its platform's name.

use super::desk::Desk;
use super::lender::Lender;
use super::refusal::Refusal;
use super::tools::platform;
use super::view;
use chatbox_core::id::ConnectionId;
use chatbox_core::store::{Chat, Connection};
use rmcp::model::{CallToolRequestParams, CallToolResult, ErrorData, RequestMetaObject, Tool};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a list is believed, and a failure to get one.
const BELIEVED: Duration = Duration::from_secs(10);
/// How long a list may take: nobody's tools wait longer for a connector's.
const LIST: Duration = Duration::from_secs(3);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(15);
/// Fields of a request that the protocol itself reads; those of our own request stand in their place.
const PROTOCOL: [&str; 2] = ["progressToken", "io.modelcontextprotocol/"];

/// What connectors lent lately, so that looking often asks seldom.
#[derive(Debug, Default)]
pub struct Lent(Mutex<HashMap<ConnectionId, Known>>);

#[derive(Debug)]
struct Known {
    since: Instant,
    /// For which settings.
    rev: String,
    tools: Vec<Tool>,
}

impl Lent {
    fn all(&self) -> MutexGuard<'_, HashMap<ConnectionId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest list of a connection, and whether it is still believed.
    fn known(&self, row: &Connection) -> Option<(Vec<Tool>, bool)> {
        let all = self.all();
        let known = all.get(&row.id).filter(|it| it.rev == row.settings)?;
        Some((known.tools.clone(), known.since.elapsed() < BELIEVED))
    }

    fn put(&self, row: &Connection, tools: Vec<Tool>) {
        let known = Known {
            since: Instant::now(),
            rev: row.settings.clone(),
            tools,
        };
        self.all().insert(row.id.clone(), known);
    }
}

/// Who lends tools in the chat that is looked at.
struct Here {
    chat: Chat,
    row: Connection,
    lender: Lender,
}

async fn here(desk: &Desk) -> Result<Option<Here>, Refusal> {
    let Some(chat) = desk.focal().await? else {
        return Ok(None);
    };
    let Some(row) = desk.connection(&chat.connection).await? else {
        return Ok(None);
    };
    let lender = desk.app().lender(&row)?;
    Ok(lender.map(|lender| Here { chat, row, lender }))
}

/// The tools that are lent here and now. None where the connector does not answer: that is its own affair.
pub(super) async fn tools(desk: &Desk) -> Result<Vec<Tool>, Refusal> {
    let Some(Here { row, lender, .. }) = here(desk).await? else {
        return Ok(Vec::new());
    };
    let lent = &desk.app().lent;
    if let Some((tools, true)) = lent.known(&row) {
        return Ok(tools);
    }
    let listed = timeout(LIST, lender.tools()).await;
    let tools = match listed {
        Ok(Ok(tools)) => tools,
        Ok(Err(error)) => {
            tracing::warn!(connection = %row.id, %error, "a connector's tools cannot be listed");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!(connection = %row.id, "a connector's tools were not listed in time");
            Vec::new()
        }
    };
    let (own, other): (Vec<Tool>, Vec<Tool>) = tools
        .into_iter()
        .partition(|tool| lender.may_lend(&tool.name));
    for tool in other {
        tracing::warn!(connection = %row.id, tool = %tool.name, "a connector's tool has a name it may not have");
    }
    lent.put(&row, own.clone());
    Ok(own)
}

/// The tools that were lent here when they were listed last, without asking.
pub(super) async fn known(desk: &Desk) -> Result<Vec<Tool>, Refusal> {
    let here = here(desk).await?;
    let known = here.and_then(|here| desk.app().lent.known(&here.row));
    Ok(known.map_or_else(Vec::new, |(tools, _)| tools))
}

/// Calls a tool that is lent in the chat looked at. What comes back is the connector's own: a result, or an error of the
/// protocol. None where there is no such tool.
pub(super) async fn call(
    desk: &Desk,
    mut call: CallToolRequestParams,
    meta: &RequestMetaObject,
) -> Result<Option<Result<CallToolResult, ErrorData>>, Refusal> {
    let Some((prefix, _)) = call.name.split_once('_') else {
        return Ok(None);
    };
    let Some(Here { chat, row, lender }) = here(desk)
        .await?
        .filter(|it| it.lender.may_lend(&call.name))
    else {
        return match desk.lends(prefix).await? {
            true => Err(platform::elsewhere(prefix)),
            false => Ok(None),
        };
    };
    desk.settle().await?;
    call.meta = Some(about(&chat, &row, meta));
    match timeout(CALL, lender.call(call)).await {
        Ok(Ok(outcome)) => Ok(Some(outcome)),
        Ok(Err(error)) => {
            tracing::warn!(connection = %row.id, %error, "a connector's tool cannot be called");
            Err(unavailable("cannot be reached"))
        }
        Err(_) => Err(unavailable("did not answer in 15 seconds")),
    }
}

/// What the agent said of its call, and where it looks while it calls.
fn about(chat: &Chat, row: &Connection, meta: &RequestMetaObject) -> RequestMetaObject {
    let mut about = RequestMetaObject::default();
    for (key, value) in meta.iter().filter(|(key, _)| !is_protocols(key)) {
        about.insert(key.clone(), value.clone());
    }
    for (key, value) in [
        ("chatbox/chat_id", view::chat_id(chat)),
        ("chatbox/chat_handle", chat.handle.to_string()),
        ("chatbox/connection_id", row.id.to_string()),
    ] {
        about.insert(key.to_owned(), value.into());
    }
    about
}

fn is_protocols(key: &str) -> bool {
    PROTOCOL.iter().any(|own| key.starts_with(own))
}

fn unavailable(what: &str) -> Refusal {
    Refusal::new(
        "connector_unavailable",
        format!("the connector that has this tool {what}; it may or may not have been done"),
        "Call read_messages to see what was done, or send_message to say it instead.",
    )
}
