//! Requests in, answers out: keys, scripts, statuses. What a wire's bytes look like is its own module's business.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State as AppState};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::record::{Request, Wire};
use super::script::{ModelFault, Script};
use super::state::Shared;
use super::stream::Answer;
use super::{anthropic, ollama, openai};
use crate::http::Line;

type App = AppState<Arc<Shared>>;

pub(crate) async fn openai(
    app: App,
    line: ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    chat(Wire::OpenAi, app, line, headers, body).await
}

pub(crate) async fn anthropic(
    app: App,
    line: ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    chat(Wire::Anthropic, app, line, headers, body).await
}

pub(crate) async fn ollama(
    app: App,
    line: ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    chat(Wire::Ollama, app, line, headers, body).await
}

pub(crate) async fn models(AppState(shared): App, headers: HeaderMap) -> Response {
    if !shared.authorized(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(openai::error(401))).into_response();
    }
    // Two wires share this path; only one has the header.
    if headers.contains_key("anthropic-version") {
        return Json(anthropic::models(&shared.models)).into_response();
    }
    Json(openai::models(&shared.models)).into_response()
}

pub(crate) async fn tags(AppState(shared): App) -> Response {
    Json(ollama::tags(&shared.models)).into_response()
}

pub(crate) async fn version() -> Json<Value> {
    Json(json!({"version": "0.12.0"}))
}

async fn chat(
    wire: Wire,
    AppState(shared): App,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return failure(wire, 400, 0);
    };
    let (seq, request, script) = match shared.take(wire, &body, &headers) {
        Ok(taken) => taken,
        Err(seq) => {
            shared.update(seq, |request| request.status = Some(401));
            return failure(wire, 401, seq as u64);
        }
    };
    if let Some(why) = complaint(wire, &request, &body, &headers) {
        shared.update(seq, |request| request.status = Some(400));
        return bad_request(wire, why, request.seq);
    }
    if let Some(refusal) = refuse(wire, &request, &script).await {
        let status = refusal.status().as_u16();
        shared.update(seq, |request| request.status = Some(status));
        return refusal;
    }
    shared.update(seq, |request| request.status = Some(200));
    let answer = Answer {
        shared,
        seq,
        request,
        script,
        line,
    };
    if answer.request.stream {
        streamed(wire, answer, &body)
    } else {
        whole(wire, &answer).await
    }
}

/// What is wrong with the request itself.
fn complaint(
    wire: Wire,
    request: &Request,
    body: &Value,
    headers: &HeaderMap,
) -> Option<&'static str> {
    if request.model.is_empty() {
        return Some("model is required");
    }
    if request.messages.is_empty() {
        return Some("messages: at least one message is required");
    }
    match wire {
        Wire::Anthropic => anthropic::missing(body, headers),
        Wire::OpenAi | Wire::Ollama => None,
    }
}

/// Plays a fault that comes before any answer.
async fn refuse(wire: Wire, request: &Request, script: &Script) -> Option<Response> {
    match script.fault.as_ref()? {
        ModelFault::Never => std::future::pending().await,
        ModelFault::WrongShape => Some(Json(json!({"unexpected": true})).into_response()),
        ModelFault::WrongJson { .. } if !request.stream => {
            Some(([(CONTENT_TYPE, "application/json")], "{\"id\": \"x\", ").into_response())
        }
        ModelFault::Error { .. } if !request.stream => Some(failure(wire, 500, request.seq)),
        ModelFault::Status {
            status,
            retry_after,
            html,
        } => {
            let mut refusal = if *html {
                page(*status)
            } else {
                failure(wire, *status, request.seq)
            };
            if let Some(seconds) = retry_after {
                let value = HeaderValue::from(*seconds);
                refusal.headers_mut().insert(RETRY_AFTER, value);
            }
            Some(refusal)
        }
        _ => None,
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn failure(wire: Wire, status: u16, seq: u64) -> Response {
    let body = match wire {
        Wire::OpenAi => openai::error(status),
        Wire::Anthropic => anthropic::error(status, seq),
        Wire::Ollama => ollama::error(status),
    };
    (code(status), Json(body)).into_response()
}

fn bad_request(wire: Wire, why: &str, seq: u64) -> Response {
    let mut body = match wire {
        Wire::OpenAi => openai::error(400),
        Wire::Anthropic => anthropic::error(400, seq),
        Wire::Ollama => json!({"error": why}),
    };
    if wire != Wire::Ollama {
        body["error"]["message"] = why.into();
    }
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn page(status: u16) -> Response {
    let html = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    (code(status), [(CONTENT_TYPE, "text/html")], html).into_response()
}

fn streamed(wire: Wire, answer: Answer, body: &Value) -> Response {
    let (content_type, body) = match wire {
        Wire::OpenAi => {
            let usage = body["stream_options"]["include_usage"] == true;
            ("text/event-stream", answer.body(openai::OpenAi { usage }))
        }
        Wire::Anthropic => (
            "text/event-stream; charset=utf-8",
            answer.body(anthropic::Anthropic),
        ),
        Wire::Ollama => ("application/x-ndjson", answer.body(ollama::Ollama)),
    };
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

async fn whole(wire: Wire, answer: &Answer) -> Response {
    let Some((text, tokens, cut_short)) = answer.whole().await else {
        return failure(wire, 500, answer.request.seq);
    };
    let request = &answer.request;
    let body = match wire {
        Wire::OpenAi => openai::whole(request, &text, tokens, cut_short),
        Wire::Anthropic => anthropic::whole(request, &text, tokens, cut_short),
        Wire::Ollama => ollama::whole(request, &text, tokens, cut_short),
    };
    Json(body).into_response()
}
