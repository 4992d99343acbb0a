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

/// A list, as every list of this server is answered.
#[derive(Debug, Serialize)]
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

#[derive(Debug, Serialize)]
pub(crate) struct ConnectionView {
    id: ConnectionId,
    platform: Platform,
    account: String,
    owner: Option<String>,
    allowed: usize,
    open_to_everyone: bool,
    health: Option<Health>,
}

/// Every connection and how it stands.
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConnection {
    platform: Platform,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// A connection as added.
#[derive(Debug, Serialize)]
pub struct AddedView {
    pub(crate) id: ConnectionId,
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
pub(crate) async fn remove(State(app): State<Arc<App>>, Id(id): Id) -> Result<StatusCode, Problem> {
    app.chatbox.remove(&ConnectionId::new(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize)]
pub(crate) struct Probed {
    account: String,
    name: String,
    notes: Vec<String>,
}

/// Asks a connection's platform who we are, now.
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

#[derive(Debug, Serialize)]
pub(crate) struct RequestView {
    id: String,
    connection: ConnectionId,
    platform: Platform,
    from: String,
    name: Option<String>,
    until: i64,
}

/// Strangers who wrote and wait.
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
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Id(request): Id,
) -> Result<StatusCode, Problem> {
    app.chatbox.approve(&request).await?;
    Ok(StatusCode::NO_CONTENT)
}
