//! Whether everything works, for machines and people.

use super::body::Json;
use super::{Problem, bearer};
use crate::app::App;
use crate::auth::Caller;
use crate::doctor::{Report, examine};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::Health;
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    status: &'static str,
    version: &'static str,
    uptime: u64,
    db: &'static str,
    backend: String,
    connections: Vec<ConnectionHealth>,
}

#[derive(Debug, Serialize)]
struct ConnectionHealth {
    platform: String,
    #[serde(flatten)]
    health: Health,
}

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok"
}

/// The store answers too.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.chatbox.store().now().await {
        Ok(_) => "ok".into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// How everything stands.
pub(crate) async fn summary(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    open_or_operator(&app, &headers)?;
    let db = app.chatbox.store().now().await.is_ok();
    let connections = app.chatbox.links().into_iter();
    let connections = connections.map(|link| ConnectionHealth {
        platform: link.platform.to_string(),
        health: link.health(),
    });
    let summary = Summary {
        status: if db { "ok" } else { "unavailable" },
        version: env!("CARGO_PKG_VERSION"),
        uptime: app.started.elapsed().as_secs(),
        db: if db { "ok" } else { "unavailable" },
        backend: app.backend.clone(),
        connections: connections.collect(),
    };
    let status = if db {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, Json(summary)).into_response())
}

/// Counters, as Prometheus reads them.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    open_or_operator(&app, &headers)?;
    crate::gauges::look(app.chatbox.store().as_ref()).await?;
    let text = app
        .metrics
        .as_ref()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response())
}

/// What is wrong, and how to mend it.
#[utoipa::path(
    get,
    path = "/v1/doctor",
    operation_id = "doctor",
    tag = "server",
    security(("token" = ["read"])),
    responses((status = 200, description = "Everything that was found", body = Report)),
)]
pub(crate) async fn doctor(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Report>, Problem> {
    caller.at_home("the doctor looks at the whole server")?;
    Ok(Json(examine(&app).await))
}

/// Open where only this machine can ask; the operator's elsewhere.
fn open_or_operator(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if app.is_loopback {
        return Ok(());
    }
    let token = bearer(headers)?;
    app.auth
        .is_operator(&token)
        .then_some(())
        .ok_or_else(|| Problem::unauthorized("the operator's token is another"))
}
