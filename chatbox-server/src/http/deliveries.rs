//! What was sent, what was not, and everything that is known of one message.

use super::Problem;
use super::ask::{Id, Query, limit};
use super::body::Json;
use super::connections::List;
use super::page;
use super::schema;
use crate::app::App;
use crate::auth::Caller;
use axum::extract::State;
use axum::http::StatusCode;
use chatbox_core::id::{DeliveryId, Millis};
use chatbox_core::store::{
    Admin, Delivery, DeliveryFilter, DeliveryState, Done, Outcome, TraceStep,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The most that one answer lists.
const MOST: u32 = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those in this state.
    #[serde(default)]
    #[param(schema_with = schema::state)]
    state: Option<DeliveryState>,
    /// Those that came to a bad end, whatever it is called.
    #[serde(default)]
    dead: bool,
    /// Only those to this mailbox's webhook.
    #[serde(default)]
    #[param(schema_with = schema::id)]
    mailbox: Option<String>,
    /// The `next_cursor` of the part before; the newest unless set.
    #[serde(default)]
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// What was sent, or could not be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    id: String,
    message_id: String,
    part: u32,
    connection: String,
    chat: i64,
    verb: &'static str,
    #[schema(schema_with = schema::state)]
    state: DeliveryState,
    attempts: u32,
    reason: Option<String>,
    at: i64,
    expires: i64,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: format!("dlv_{}", row.id),
            message_id: format!("msg_{}", row.seq),
            part: row.part,
            connection: row.lane.owner,
            chat: row.chat.0,
            verb: row.parcel.name(),
            state: row.state,
            attempts: row.attempts,
            reason: row.reason,
            at: row.at.0,
            expires: row.expires.0,
        }
    }
}

/// Deliveries, newest first.
#[utoipa::path(
    get,
    path = "/v1/deliveries",
    operation_id = "listDeliveries",
    tag = "deliveries",
    security(("token" = ["read"])),
    params(Which),
    responses((status = 200, description = "Deliveries, newest first", body = List<DeliveryView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let before = which.cursor.as_deref().map(page::number).transpose()?;
    let filter = DeliveryFilter {
        account: Some(caller.account.clone()),
        owner: match which.mailbox {
            Some(id) => Some(caller.any_mailbox(&app, &id).await?.id.as_str().to_owned()),
            None => None,
        },
        before: before.map(DeliveryId),
        states: match which.dead {
            true => DeliveryState::DEAD.to_vec(),
            false => which.state.into_iter().collect(),
        },
        limit: limit(which.limit, MOST)?,
    };
    let rows = app.chatbox.store().deliveries(&filter).await?;
    let full = rows.len() == filter.limit as usize;
    let last = rows.last().filter(|_| full);
    let next_cursor = last.map(|it| it.id.to_string());
    let items = rows.into_iter().map(DeliveryView::from).collect();
    Ok(Json(List { items, next_cursor }))
}

/// Sends one once more.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{id}/retry",
    operation_id = "retryDelivery",
    tag = "deliveries",
    security(("token" = ["write"])),
    params(("id" = String, Path, description = "The delivery")),
    responses((status = 202, description = "It will be sent once more")),
)]
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let delivery = caller.delivery(&app, &id).await?;
    app.chatbox.retry(delivery.id).await?;
    caller.noted(&app, "retry_delivery", id).await;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Purge {
    /// One only.
    #[serde(default)]
    #[param(schema_with = schema::id)]
    id: Option<String>,
    /// Made before, in milliseconds since 1970.
    #[serde(default)]
    before: Option<i64>,
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Purged {
    purged: u64,
}

/// Forgets those that failed, expired or are unknown.
#[utoipa::path(
    delete,
    path = "/v1/deliveries",
    operation_id = "purgeDeliveries",
    tag = "deliveries",
    security(("token" = ["write"])),
    params(Purge),
    responses((status = 200, description = "How many were forgotten", body = Purged)),
)]
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(purge): Query<Purge>,
) -> Result<Json<Purged>, Problem> {
    let delivery = match &purge.id {
        Some(id) => Some(DeliveryId(
            number(id, "dlv_").ok_or_else(|| Problem::not_found("delivery"))?,
        )),
        None => None,
    };
    let before = Millis(purge.before.unwrap_or(i64::MAX));
    match app
        .chatbox
        .admin(Admin::PurgeDeliveries {
            account: Some(caller.account.clone()),
            delivery,
            before,
        })
        .await?
    {
        Outcome::Done(Done::Changed { count }) if count > 0 || delivery.is_none() => {
            let target = purge.id.unwrap_or_else(|| "all".to_owned());
            caller.noted(&app, "purge_deliveries", target).await;
            Ok(Json(Purged { purged: count }))
        }
        _ => Err(Problem::not_found("failed, expired or unknown delivery")),
    }
}

/// Everything that is known of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Trace {
    message_id: String,
    steps: Vec<StepView>,
}

/// One thing that happened to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// `accepted`, `turn`, `reply`, `queued`, `delivered` …
    step: String,
    /// When, in milliseconds since 1970, where a row says so.
    at: Option<i64>,
    /// For people.
    detail: String,
}

impl From<TraceStep> for StepView {
    fn from(row: TraceStep) -> Self {
        Self {
            step: row.step,
            at: row.at.map(|at| at.0),
            detail: row.detail,
        }
    }
}

/// Everything the rows say about one message.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/trace",
    operation_id = "traceMessage",
    tag = "messages",
    security(("token" = ["read"])),
    params(("id" = String, Path, description = "The message")),
    responses((status = 200, description = "Everything that is known of it", body = Trace)),
)]
pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Trace>, Problem> {
    let seq = caller.message(&app, &id).await?.seq;
    let steps = app.chatbox.store().trace(seq).await?;
    Ok(Json(Trace {
        message_id: format!("msg_{seq}"),
        steps: steps.into_iter().map(Into::into).collect(),
    }))
}

/// The number in an id of ours, with or without its prefix.
pub(super) fn number(id: &str, prefix: &str) -> Option<i64> {
    let digits = id.strip_prefix(prefix).unwrap_or(id);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
