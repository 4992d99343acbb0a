//! Connections and who may talk on them.

use super::Problem;
use super::ask::{Id, Query};
use super::body::Json;
use super::once::{Repeatable, done};
use super::page::Page;
use super::{schema, setup};
use crate::app::{App, MAILBOX};
use crate::auth::Caller;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chatbox_core::connector::AdapterFactory;
use chatbox_core::id::{ConnectionId, MailboxId, Platform};
use chatbox_core::secret::Secret;
use chatbox_core::store::Connection;
use chatbox_core::{Health, Link};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A list, as every list of this server is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}

/// A connection and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    #[schema(value_type = String)]
    id: ConnectionId,
    /// Its mailbox.
    #[schema(value_type = String)]
    mailbox: MailboxId,
    #[schema(value_type = String)]
    platform: Platform,
    account: String,
    owner: Option<String>,
    allowed: usize,
    open_to_everyone: bool,
    #[schema(value_type = Option<Object>)]
    health: Option<Health>,
}

/// Every connection and how it stands.
#[utoipa::path(
    get,
    path = "/v1/connections",
    operation_id = "listConnections",
    tag = "connections",
    security(("token" = ["read"])),
    params(Page),
    responses((status = 200, description = "Every connection", body = List<ConnectionView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<ConnectionView>>, Problem> {
    let rows = caller.connections(&app).await?;
    let page = page.of(rows, |it| it.id.as_str())?;
    let running = app.chatbox.links();
    let items = page.items.into_iter();
    Ok(Json(List {
        items: items.map(|row| view(&running, row)).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// One connection and how it stands.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    operation_id = "readConnection",
    tag = "connections",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = ConnectionView)),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<ConnectionView>, Problem> {
    let row = caller.connection(&app, &id).await?;
    Ok(Json(view(&app.chatbox.links(), row)))
}

fn view(running: &[Arc<Link>], row: Connection) -> ConnectionView {
    ConnectionView {
        health: running
            .iter()
            .find(|link| link.id == row.id)
            .map(|link| link.health()),
        owner: row.policy.owner.map(|owner| owner.to_string()),
        allowed: row.policy.allow.len(),
        open_to_everyone: row.policy.everyone,
        account: row.ident.to_string(),
        mailbox: row.mailbox,
        id: row.id,
        platform: row.platform,
    }
}

/// What to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    #[schema(schema_with = schema::platform)]
    platform: Platform,
    /// The mailbox it belongs to; `main` unless set.
    #[serde(default)]
    mailbox: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// A connection as added.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedView {
    #[schema(value_type = String)]
    pub(crate) id: ConnectionId,
    #[schema(value_type = String)]
    pub(crate) platform: Platform,
    pub(crate) account: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pairing_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pairing_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inbound_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inbound_url: Option<String>,
    /// The address to give to its platform, where that posts what happens to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hook_url: Option<String>,
}

/// Verifies, saves and starts a connection.
#[utoipa::path(
    post,
    path = "/v1/connections",
    operation_id = "addConnection",
    tag = "connections",
    security(("token" = ["admin"])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]+$", description = "The same request with the same key is done once")),
    request_body = NewConnection,
    responses((status = 201, description = "It was verified and is saved; its token is shown this once", body = AddedView)),
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Repeatable { body: new, asked }: Repeatable<NewConnection>,
) -> Result<Response, Problem> {
    let mailbox = new.mailbox.as_deref().unwrap_or(MAILBOX);
    let mailbox = caller.mailbox(&app, mailbox).await?.id;
    own_address(&caller, &new)?;
    own_program(&app, &caller, &new.platform)?;
    let addition = if new.platform.as_str() == crate::app::FEED {
        let name = new.name.unwrap_or_default();
        app.feed(&mailbox, &name).await?
    } else {
        let channel = app.channel(&mailbox, &new.platform, new.secrets, new.settings);
        channel
            .await
            .map_err(|problem| not_named(&caller, problem))?
    };
    setup::room_for(&app, &caller, &addition.view.id).await?;
    let mut all = addition.saves();
    all.push(caller.note("add_connection", addition.view.id.as_str()));
    match done(&app, asked, all, StatusCode::CREATED, &addition.view).await? {
        Ok(answer) => {
            app.start_added(addition).await;
            Ok(answer)
        }
        Err(undone) => {
            let problem = app.not_added(&addition, &undone).await;
            Err(not_named(&caller, problem))
        }
    }
}

/// An address may lead to the operator's own network: only the operator's account names one.
fn own_address(caller: &Caller, new: &NewConnection) -> Result<(), Problem> {
    let names_one = new.platform.as_str() == crate::app::CONNECTOR
        || ["api_base", "url", "mcp_url"]
            .iter()
            .any(|name| new.settings.contains_key(*name));
    match names_one {
        true => caller.at_home("an address of a platform or a connector is the operator's to name"),
        false => Ok(()),
    }
}

/// A platform that asks for no secret is reached through a program beside this one, as whoever that program speaks for.
fn own_program(app: &App, caller: &Caller, platform: &Platform) -> Result<(), Problem> {
    let open = |factory: Arc<dyn AdapterFactory>| factory.manifest().secrets.is_empty();
    match app.platforms.get(platform).is_some_and(open) {
        true => caller.at_home("an account that a program of this machine holds is the operator's"),
        false => Ok(()),
    }
}

/// Whose a platform's account is besides, is not for another account to know.
fn not_named(caller: &Caller, mut problem: Problem) -> Problem {
    if problem.code == "account_in_use" && caller.at_home("").is_err() {
        problem.detail = "this account of the platform is in use".to_owned();
    }
    problem
}

/// Archives a connection.
#[utoipa::path(
    delete,
    path = "/v1/connections/{id}",
    operation_id = "removeConnection",
    tag = "connections",
    security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The connection")),
    responses((status = 204, description = "It is archived; its history stays")),
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let connection = caller.connection(&app, &id).await?;
    app.chatbox.remove(&connection.id).await?;
    caller.noted(&app, "remove_connection", id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Who a platform says we are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Probed {
    account: String,
    name: String,
    notes: Vec<String>,
}

/// Asks a connection's platform who we are, now.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/probe",
    operation_id = "probeConnection",
    tag = "connections",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The connection")),
    responses((status = 200, description = "Who the platform says we are", body = Probed)),
)]
pub(crate) async fn probe(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Probed>, Problem> {
    let connection = caller.connection(&app, &id).await?;
    let identity = app.chatbox.probe(&connection.id).await?;
    Ok(Json(Probed {
        account: identity.id.to_string(),
        name: identity.name,
        notes: identity.notes,
    }))
}

/// A stranger who wrote and waits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestView {
    id: String,
    #[schema(value_type = String)]
    connection: ConnectionId,
    #[schema(value_type = String)]
    platform: Platform,
    from: String,
    name: Option<String>,
    /// In milliseconds since 1970.
    until: i64,
}

/// Strangers who wrote and wait.
#[utoipa::path(
    get,
    path = "/v1/pairing",
    operation_id = "listPairingRequests",
    tag = "connections",
    security(("token" = ["read"])),
    responses((status = 200, description = "Strangers who wrote and wait", body = List<RequestView>)),
)]
pub(crate) async fn requests(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<List<RequestView>>, Problem> {
    let now = app.chatbox.store().now().await?;
    let mut views = Vec::new();
    for row in caller.connections(&app).await? {
        for request in row
            .policy
            .requests
            .into_iter()
            .filter(|request| request.until > now)
        {
            views.push(RequestView {
                id: request.id,
                connection: row.id.clone(),
                platform: row.platform.clone(),
                from: request.from.to_string(),
                name: request.name,
                until: request.until.0,
            });
        }
    }
    Ok(Json(views.into()))
}

/// Lets one of them talk.
#[utoipa::path(
    post,
    path = "/v1/pairing/{request}/approve",
    operation_id = "approvePairing",
    tag = "connections",
    security(("token" = ["admin"])),
    params(("request" = String, Path, description = "The request")),
    responses((status = 204, description = "That person may talk")),
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(request): Id,
) -> Result<StatusCode, Problem> {
    let theirs = caller.connections(&app).await?;
    let mut requests = theirs.iter().flat_map(|row| &row.policy.requests);
    if !requests.any(|it| it.id == request) {
        return Err(Problem::not_found("pairing request"));
    }
    app.chatbox.approve(&request).await?;
    caller.noted(&app, "approve_pairing", request).await;
    Ok(StatusCode::NO_CONTENT)
}
