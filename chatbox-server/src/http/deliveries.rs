//! What was sent, what was not, and everything that is known of one message.

use super::Problem;
use super::connections::List;
use crate::app::App;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chatbox_core::id::{DeliveryId, Millis, Seq};
use chatbox_core::store::{
    Admin, Delivery, DeliveryFilter, DeliveryState, Done, Outcome, TraceStep,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most that one answer lists.
const MOST: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    state: Option<DeliveryState>,
    /// Those that came to a bad end, whatever it is called.
    #[serde(default)]
    dead: bool,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeliveryView {
    id: String,
    message_id: String,
    part: u32,
    connection: String,
    chat: i64,
    verb: &'static str,
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
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let limit = which.limit.unwrap_or(100);
    if limit == 0 || limit > MOST {
        return Err(Problem::invalid(
            "out_of_range",
            format!("limit must be 1 to {MOST}"),
        ));
    }
    let filter = DeliveryFilter {
        states: match which.dead {
            true => DeliveryState::DEAD.to_vec(),
            false => which.state.into_iter().collect(),
        },
        limit,
    };
    let rows = app.chatbox.store().deliveries(&filter).await?;
    Ok(Json(
        rows.into_iter()
            .map(DeliveryView::from)
            .collect::<Vec<_>>()
            .into(),
    ))
}

/// Sends one once more.
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = number(&id, "dlv_").ok_or_else(|| Problem::not_found("delivery"))?;
    app.chatbox.retry(DeliveryId(id)).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    before: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Purged {
    purged: u64,
}

/// Forgets those that failed, expired or are unknown.
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
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
        .admin(Admin::PurgeDeliveries { delivery, before })
        .await?
    {
        Outcome::Done(Done::Changed { count }) if count > 0 || delivery.is_none() => {
            Ok(Json(Purged { purged: count }))
        }
        _ => Err(Problem::not_found("failed, expired or unknown delivery")),
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    message_id: String,
    steps: Vec<TraceStep>,
}

/// Everything the rows say about one message.
pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Trace>, Problem> {
    let seq = number(&id, "msg_").ok_or_else(|| Problem::not_found("message"))?;
    let steps = app.chatbox.store().trace(Seq(seq)).await?;
    if steps.is_empty() {
        return Err(Problem::not_found("message"));
    }
    Ok(Json(Trace {
        message_id: format!("msg_{seq}"),
        steps,
    }))
}

/// The number in an id of ours, with or without its prefix.
fn number(id: &str, prefix: &str) -> Option<i64> {
    let digits = id.strip_prefix(prefix).unwrap_or(id);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
