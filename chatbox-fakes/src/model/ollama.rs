//! The Ollama wire: `/api/chat`, `/api/tags`, `/api/version`.

use serde_json::{Value, json};

use super::record::Request;
use super::stream::Speech;

const CREATED: &str = "2026-01-01T00:00:00.000000000Z";

pub(crate) struct Ollama;

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn part(request: &Request, text: &str, done: bool) -> Value {
    json!({
        "model": request.model, "created_at": CREATED,
        "message": {"role": "assistant", "content": text}, "done": done,
    })
}

fn last(request: &Request, text: &str, tokens: usize, cut_short: bool) -> Value {
    let mut body = part(request, text, true);
    body["done_reason"] = if cut_short { "length" } else { "stop" }.into();
    body["total_duration"] = 5_000_000.into();
    body["load_duration"] = 1_000_000.into();
    body["prompt_eval_count"] = request.prompt_size().into();
    body["prompt_eval_duration"] = 1_000_000.into();
    body["eval_count"] = tokens.into();
    body["eval_duration"] = 3_000_000.into();
    body
}

impl Speech for Ollama {
    fn begin(&self, _: &Request) -> String {
        String::new()
    }

    fn token(&self, request: &Request, token: &str) -> String {
        line(&part(request, token, false))
    }

    fn end(&self, request: &Request, tokens: usize, cut_short: bool) -> String {
        line(&last(request, "", tokens, cut_short))
    }

    fn error(&self, _: &Request) -> String {
        line(&error(500))
    }

    fn wrong(&self) -> String {
        "{\"model\": \"x\", \"mess\n".to_owned()
    }
}

/// The answer in one piece.
pub(crate) fn whole(request: &Request, text: &str, tokens: usize, cut_short: bool) -> Value {
    last(request, text, tokens, cut_short)
}

/// The error body of a status.
pub(crate) fn error(status: u16) -> Value {
    let message = match status {
        400 => "invalid request",
        401 => "unauthorized",
        404 => "model not found, try pulling it first",
        429 => "too many requests",
        503 => "server busy, please try again.  maximum pending requests exceeded",
        _ => "an error was encountered while running the model",
    };
    json!({"error": message})
}

/// The list of models.
pub(crate) fn tags(names: &[String]) -> Value {
    let model = |name: &String| {
        json!({
            "name": name, "model": name, "modified_at": CREATED, "size": 1_000_000_000_u64,
            "digest": format!("{:064x}", name.len()),
            "details": {
                "parent_model": "", "format": "gguf", "family": "fake", "families": ["fake"],
                "parameter_size": "1B", "quantization_level": "Q4_0",
            },
        })
    };
    let models: Vec<Value> = names.iter().map(model).collect();
    json!({"models": models})
}
