//! The Anthropic wire: `/v1/messages`.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::record::Request;
use super::stream::Speech;

pub(crate) struct Anthropic;

fn event(name: &str, mut data: Value) -> String {
    data["type"] = name.into();
    format!("event: {name}\ndata: {data}\n\n")
}

fn reason(cut_short: bool) -> &'static str {
    if cut_short { "max_tokens" } else { "end_turn" }
}

fn message(request: &Request, content: Value, reason: Value, tokens: usize) -> Value {
    json!({
        "id": format!("msg_{:024}", request.seq), "type": "message", "role": "assistant", "model": request.model,
        "content": content, "stop_reason": reason, "stop_sequence": null,
        "usage": {
            "input_tokens": request.prompt_size(), "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": tokens,
        },
    })
}

impl Speech for Anthropic {
    fn begin(&self, request: &Request) -> String {
        let message = message(request, json!([]), Value::Null, 1);
        let start = event("message_start", json!({"message": message}));
        let block = json!({"index": 0, "content_block": {"type": "text", "text": ""}});
        start + &event("content_block_start", block) + &event("ping", json!({}))
    }

    fn token(&self, _: &Request, token: &str) -> String {
        let delta = json!({"type": "text_delta", "text": token});
        event("content_block_delta", json!({"index": 0, "delta": delta}))
    }

    fn end(&self, _: &Request, tokens: usize, cut_short: bool) -> String {
        let delta = json!({"stop_reason": reason(cut_short), "stop_sequence": null});
        let usage = json!({"output_tokens": tokens});
        event("content_block_stop", json!({"index": 0}))
            + &event("message_delta", json!({"delta": delta, "usage": usage}))
            + &event("message_stop", json!({}))
    }

    fn error(&self, request: &Request) -> String {
        event("error", error(529, request.seq))
    }

    fn wrong(&self) -> String {
        "event: content_block_delta\ndata: {\"type\": \"content_block_delta\", \"delta\n\n"
            .to_owned()
    }
}

/// The answer in one piece.
pub(crate) fn whole(request: &Request, text: &str, tokens: usize, cut_short: bool) -> Value {
    let content = if text.is_empty() {
        json!([])
    } else {
        json!([{"type": "text", "text": text}])
    };
    message(request, content, reason(cut_short).into(), tokens)
}

/// The error body of a status.
pub(crate) fn error(status: u16, seq: u64) -> Value {
    let (kind, message) = match status {
        400 => ("invalid_request_error", "Invalid request"),
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Not allowed"),
        404 => ("not_found_error", "model not found"),
        429 => (
            "rate_limit_error",
            "Number of requests has exceeded your rate limit",
        ),
        503 | 529 => ("overloaded_error", "Overloaded"),
        _ => ("api_error", "Internal server error"),
    };
    json!({
        "type": "error", "error": {"type": kind, "message": message},
        "request_id": format!("req_{seq:024}"),
    })
}

/// What this wire demands and the others do not.
pub(crate) fn missing(body: &Value, headers: &HeaderMap) -> Option<&'static str> {
    if !headers.contains_key("anthropic-version") {
        return Some("anthropic-version: header is required");
    }
    if body["max_tokens"].as_u64().is_none_or(|most| most == 0) {
        return Some("max_tokens: Field required");
    }
    let roles = body["messages"].as_array().into_iter().flatten();
    let mut roles = roles.map(|message| message["role"].as_str().unwrap_or_default());
    if roles.any(|role| !matches!(role, "user" | "assistant")) {
        return Some("messages: Unexpected role");
    }
    None
}

/// The list of models.
pub(crate) fn models(names: &[String]) -> Value {
    let model = |name: &String| {
        json!({
            "type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z",
        })
    };
    let data: Vec<Value> = names.iter().map(model).collect();
    json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
}
