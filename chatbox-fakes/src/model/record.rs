//! What clients asked, read the same way from all three wires.
//!
//! Owns the reading of messages and images. Never keeps the value of a credential.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

/// Which wire a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// `/v1/chat/completions`.
    OpenAi,
    /// `/v1/messages`.
    Anthropic,
    /// `/api/chat`.
    Ollama,
}

/// A picture in a message.
#[derive(Debug, Clone, Serialize)]
pub struct Image {
    /// Media type, empty where the wire has none.
    pub media_type: String,
    /// Base64 of the bytes; an address where the client sent one.
    pub data: String,
    /// Number of bytes, 0 for an address.
    pub size: usize,
}

/// One message of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Turn {
    /// `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// All its text, parts joined by a line break.
    pub text: String,
    /// Its pictures.
    pub images: Vec<Image>,
}

/// One request and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// Counts from 0.
    pub seq: u64,
    /// The wire.
    pub wire: Wire,
    /// Model asked for.
    pub model: String,
    /// System prompt, wherever the wire puts it.
    pub system: String,
    /// The messages but system ones.
    pub messages: Vec<Turn>,
    /// Asked to be streamed.
    pub stream: bool,
    /// Most tokens asked for.
    pub max_tokens: Option<u64>,
    /// Names of the headers; values are not kept.
    pub headers: Vec<String>,
    /// A credential was there (and right, where one is demanded).
    pub authorized: bool,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// Tokens handed to the connection so far.
    pub tokens_sent: usize,
    /// Waits at the gate now.
    pub held: bool,
    /// HTTP status, `None` while there is no answer.
    pub status: Option<u16>,
    /// The answer went out to its end.
    pub finished: bool,
    /// The client went away before the end.
    pub abandoned: bool,
}

impl Request {
    pub(crate) fn read(wire: Wire, body: &Value, headers: &HeaderMap) -> Self {
        let mut messages: Vec<Turn> = list(&body["messages"]).iter().map(turn).collect();
        let mut system: Vec<String> = match &body["system"] {
            Value::Null => Vec::new(),
            given => vec![text_of(given)],
        };
        let roles = ["system", "developer"];
        let given = messages
            .iter()
            .filter(|turn| roles.contains(&turn.role.as_str()));
        system.extend(given.map(|turn| turn.text.clone()));
        messages.retain(|turn| !roles.contains(&turn.role.as_str()));
        let limits = ["max_tokens", "max_completion_tokens"];
        let limit = limits.iter().find_map(|field| body[*field].as_u64());
        let mut names: Vec<String> = headers
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self {
            seq: 0,
            wire,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            system: system.join("\n"),
            messages,
            stream: body["stream"].as_bool().unwrap_or(wire == Wire::Ollama),
            max_tokens: limit.or_else(|| body["options"]["num_predict"].as_u64()),
            headers: names,
            authorized: true,
            at_ms: 0,
            tokens_sent: 0,
            held: false,
            status: None,
            finished: false,
            abandoned: false,
        }
    }

    /// The last text of the person.
    #[must_use]
    pub fn last_words(&self) -> &str {
        let last = self.messages.iter().rev().find(|turn| turn.role == "user");
        last.map_or("", |turn| turn.text.as_str())
    }

    /// The number of words asked, standing for tokens.
    pub(crate) fn prompt_size(&self) -> usize {
        let all = self.messages.iter().map(|turn| turn.text.as_str());
        all.chain([self.system.as_str()])
            .map(|text| text.split_whitespace().count())
            .sum()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn turn(message: &Value) -> Turn {
    let content = &message["content"];
    let mut images: Vec<Image> = list(content).iter().filter_map(image).collect();
    let bare = list(&message["images"]).iter().filter_map(Value::as_str);
    images.extend(bare.map(|data| from_base64(String::new(), data)));
    Turn {
        role: message["role"].as_str().unwrap_or_default().to_owned(),
        text: text_of(content),
        images,
    }
}

/// A string, or the text parts of a list.
fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = list(content).iter();
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}

fn image(part: &Value) -> Option<Image> {
    match part["type"].as_str()? {
        "image_url" => {
            let url = part["image_url"]["url"].as_str()?;
            Some(from_url(url))
        }
        "image" if part["source"]["type"] == "base64" => {
            let media_type = part["source"]["media_type"].as_str()?;
            Some(from_base64(
                media_type.to_owned(),
                part["source"]["data"].as_str()?,
            ))
        }
        "image" => Some(from_url(part["source"]["url"].as_str()?)),
        _ => None,
    }
}

fn from_url(url: &str) -> Image {
    let inline = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((media_type, data)) => from_base64(media_type.to_owned(), data),
        None => Image {
            media_type: String::new(),
            data: url.to_owned(),
            size: 0,
        },
    }
}

fn from_base64(media_type: String, data: &str) -> Image {
    Image {
        media_type,
        data: data.to_owned(),
        size: STANDARD.decode(data).map_or(0, |bytes| bytes.len()),
    }
}
