//! The OpenAI-compatible wire: `/v1/chat/completions` and `/v1/models`.

use serde_json::{Value, json};

use super::record::Request;
use super::stream::Speech;

/// Seconds since 1970 told in every answer; fixed, so that answers compare equal.
const CREATED: u64 = 1_700_000_000;

pub(crate) struct OpenAi {
    /// The client asked for a last chunk with usage.
    pub(crate) usage: bool,
}

fn id(request: &Request) -> String {
    format!("chatcmpl-{:08}", request.seq)
}

fn chunk(request: &Request, choices: Value, usage: Value) -> String {
    let mut body = json!({
        "id": id(request), "object": "chat.completion.chunk", "created": CREATED, "model": request.model,
        "system_fingerprint": "fp_fake", "choices": choices,
    });
    if !usage.is_null() {
        body["usage"] = usage;
    }
    format!("data: {body}\n\n")
}

fn choice(delta: Value, reason: Value) -> Value {
    json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}])
}

fn usage(request: &Request, tokens: usize) -> Value {
    let asked = request.prompt_size();
    json!({"prompt_tokens": asked, "completion_tokens": tokens, "total_tokens": asked + tokens})
}

fn reason(cut_short: bool) -> &'static str {
    if cut_short { "length" } else { "stop" }
}

impl Speech for OpenAi {
    fn begin(&self, request: &Request) -> String {
        let delta = json!({"role": "assistant", "content": "", "refusal": null});
        chunk(request, choice(delta, Value::Null), Value::Null)
    }

    fn token(&self, request: &Request, token: &str) -> String {
        let delta = json!({"content": token});
        chunk(request, choice(delta, Value::Null), Value::Null)
    }

    fn end(&self, request: &Request, tokens: usize, cut_short: bool) -> String {
        let mut end = chunk(
            request,
            choice(json!({}), reason(cut_short).into()),
            Value::Null,
        );
        if self.usage {
            end += &chunk(request, json!([]), usage(request, tokens));
        }
        end + "data: [DONE]\n\n"
    }

    fn error(&self, _: &Request) -> String {
        format!("data: {}\n\n", error(500))
    }

    fn wrong(&self) -> String {
        "data: {\"choices\": [{\"delta\": \n\n".to_owned()
    }
}

/// The answer in one piece.
pub(crate) fn whole(request: &Request, text: &str, tokens: usize, cut_short: bool) -> Value {
    let message = json!({"role": "assistant", "content": text, "refusal": null, "annotations": []});
    json!({
        "id": id(request), "object": "chat.completion", "created": CREATED, "model": request.model,
        "system_fingerprint": "fp_fake",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(cut_short)}],
        "usage": usage(request, tokens),
    })
}

/// The error body of a status.
pub(crate) fn error(status: u16) -> Value {
    let (kind, code, message) = match status {
        400 => ("invalid_request_error", Value::Null, "Bad request"),
        401 => (
            "invalid_request_error",
            "invalid_api_key".into(),
            "Incorrect API key provided.",
        ),
        404 => (
            "invalid_request_error",
            "model_not_found".into(),
            "The model does not exist or you do not have access to it.",
        ),
        429 => (
            "requests",
            "rate_limit_exceeded".into(),
            "Rate limit reached for requests",
        ),
        _ => (
            "server_error",
            Value::Null,
            "The server had an error while processing your request.",
        ),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The list of models.
pub(crate) fn models(names: &[String]) -> Value {
    let model = |name: &String| json!({"id": name, "object": "model", "created": CREATED, "owned_by": "fake"});
    let data: Vec<Value> = names.iter().map(model).collect();
    json!({"object": "list", "data": data})
}
