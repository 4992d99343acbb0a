//! Connections and who may talk on them.

use super::Problem;
use super::ask::Id;
use super::body::Json;
use crate::app::App;
use axum::extract::State;
use axum::http::StatusCode;
use chatbox_core::Health;
use chatbox_core::id::{ConnectionId, Platform};
use chatbox_core::secret::Secret;
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
    responses((status = 200, description = "Every connection", body = List<ConnectionView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
) -> Result<Json<List<ConnectionView>>, Problem> {
    let running = app.chatbox.links();
    let rows = app.chatbox.store().connections().await?;
    let views = rows.into_iter().map(|row| ConnectionView {
        health: running
            .iter()
            .find(|link| link.id == row.id)
            .map(|link| link.health()),
        owner: row.policy.owner.map(|owner| owner.to_string()),
        allowed: row.policy.allow.len(),
        open_to_everyone: row.policy.everyone,
        account: row.ident.to_string(),
        id: row.id,
        platform: row.platform,
    });
    Ok(Json(views.collect::<Vec<_>>().into()))
}

/// What to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    #[schema(value_type = String)]
    platform: Platform,
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
}

/// Verifies, saves and starts a connection.
#[utoipa::path(
    post,
    path = "/v1/connections",
    operation_id = "addConnection",
    tag = "connections",
    security(("token" = ["admin"])),
    request_body = NewConnection,
    responses((status = 201, description = "It was verified, is saved and runs", body = AddedView)),
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Json(new): Json<NewConnection>,
) -> Result<(StatusCode, Json<AddedView>), Problem> {
    let added = if new.platform.as_str() == crate::app::FEED {
        let name = new.name.unwrap_or_default();
        app.add_feed(&name).await?
    } else {
        app.add_channel(&new.platform, new.secrets, new.settings)
            .await?
    };
    Ok((StatusCode::CREATED, Json(added)))
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
pub(crate) async fn remove(State(app): State<Arc<App>>, Id(id): Id) -> Result<StatusCode, Problem> {
    app.chatbox.remove(&ConnectionId::new(id)).await?;
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
    Id(id): Id,
) -> Result<Json<Probed>, Problem> {
    let identity = app.chatbox.probe(&ConnectionId::new(id)).await?;
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
) -> Result<Json<List<RequestView>>, Problem> {
    let now = app.chatbox.store().now().await?;
    let mut views = Vec::new();
    for row in app.chatbox.store().connections().await? {
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
    Id(request): Id,
) -> Result<StatusCode, Problem> {
    app.chatbox.approve(&request).await?;
    Ok(StatusCode::NO_CONTENT)
}
