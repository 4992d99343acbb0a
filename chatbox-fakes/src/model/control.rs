//! The same control over HTTP, for processes that cannot call Rust.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State as AppState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::script::{ModelFault, Script};
use super::state::Shared;

type Asked = HashMap<String, String>;

/// Fields of a script and of its fault.
const FIELDS: &[&str] = &[
    "after",
    "fault",
    "first_ms",
    "hold_after",
    "hold_each",
    "html",
    "pace_ms",
    "reply",
    "retry_after",
    "status",
];

/// `POST /_control/<act>`.
pub(crate) async fn act(
    AppState(shared): AppState<Arc<Shared>>,
    Path(act): Path<String>,
    body: Option<Json<Value>>,
) -> Response {
    let body = body.map_or(Value::Null, |Json(value)| value);
    match perform(&shared, &act, body) {
        Ok(()) => Json(Value::Null).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response(),
    }
}

fn perform(shared: &Shared, act: &str, body: Value) -> Result<(), String> {
    match act {
        "script" => {
            let count = body.get("count").and_then(Value::as_u64).unwrap_or(1);
            let script = read(body)?;
            (0..count).for_each(|_| shared.queue(script.clone()));
        }
        "standing" => shared.stand(read(body)?),
        "clear" => shared.clear(),
        "release" => {
            let tokens = body.get("tokens").and_then(Value::as_u64).unwrap_or(1);
            shared.release(usize::try_from(tokens).unwrap_or(usize::MAX));
        }
        "open" => {
            let open = body.get("open").and_then(Value::as_bool);
            shared.release_all(open.unwrap_or(true));
        }
        other => return Err(format!("no act named {other}")),
    }
    Ok(())
}

/// Reads a script strictly: a mistyped field must not turn a fault into a good answer.
fn read(mut body: Value) -> Result<Script, String> {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("count");
        if let Some(unknown) = fields
            .keys()
            .find(|field| !FIELDS.contains(&field.as_str()))
        {
            return Err(format!("a script has no field {unknown}"));
        }
    }
    let wrong = |error: serde_json::Error| error.to_string();
    if !body["fault"].is_null() {
        serde_json::from_value::<ModelFault>(body.clone()).map_err(wrong)?;
    }
    serde_json::from_value(body).map_err(wrong)
}

/// `GET /_control/<what>`.
pub(crate) async fn show(
    AppState(shared): AppState<Arc<Shared>>,
    Path(what): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let number = |field: &str| -> Option<u64> { asked.get(field)?.parse().ok() };
    let at_least = number("at_least").unwrap_or(0);
    let within = Duration::from_millis(number("wait_ms").unwrap_or(0));
    let deadline = tokio::time::Instant::now() + within;
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        let mut requests = shared.requests();
        match what.as_str() {
            "requests" => {}
            "held" => requests.retain(|request| request.held),
            _ => return (StatusCode::NOT_FOUND, "nothing of that name").into_response(),
        }
        let late = tokio::time::Instant::now() >= deadline;
        if requests.len() as u64 >= at_least || late {
            return Json(requests).into_response();
        }
        // A late list is given as it is; the caller sees that it is short.
        let _ = tokio::time::timeout_at(deadline, changes.changed()).await;
    }
}
