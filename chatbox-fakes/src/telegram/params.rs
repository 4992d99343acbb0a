//! The parameters of a call, whichever way they came.
//!
//! Owns the four ways (query, form, multipart, JSON) and the type of each field. Decides nothing about what a method
//! means.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};

use super::wire::Refusal;

/// Largest request read into memory; the platform's limit for an upload and room for the other fields.
const MAX_BODY: usize = MAX_UPLOAD + 1024 * 1024;
/// Largest file a bot may upload, in bytes.
pub(crate) const MAX_UPLOAD: usize = 50 * 1024 * 1024;

/// Fields that hold JSON even where the body is a form.
const JSON_FIELDS: &[&str] = &[
    "allowed_updates",
    "caption_entities",
    "commands",
    "entities",
    "link_preview_options",
    "media",
    "message_ids",
    "reaction",
    "reply_markup",
    "reply_parameters",
    "scope",
];
/// Fields that hold whole numbers.
const INT_FIELDS: &[&str] = &[
    "chat_id",
    "draft_id",
    "duration",
    "height",
    "limit",
    "message_id",
    "message_thread_id",
    "offset",
    "reply_to_message_id",
    "timeout",
    "width",
];

/// A file that came with a call.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) name: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) bytes: Bytes,
}

/// Decoded parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pub(crate) fields: Map<String, Value>,
    pub(crate) uploads: BTreeMap<String, Upload>,
}

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The parameters for the record, with each upload described instead of carried.
    pub(crate) fn recorded(&self) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        for (name, upload) in &self.uploads {
            let about =
                json!({"name": upload.name, "mime": upload.mime, "size": upload.bytes.len()});
            fields.insert(name.clone(), json!({"upload": about}));
        }
        fields
    }

    /// Gives every field its type, whichever body it came in.
    fn typed(mut self) -> Result<Self, Refusal> {
        for (name, value) in &mut self.fields {
            let Value::String(text) = &*value else {
                continue;
            };
            if JSON_FIELDS.contains(&name.as_str()) {
                *value = parse_json_field(name, text)?;
            } else if INT_FIELDS.contains(&name.as_str())
                && let Ok(number) = text.trim().parse::<i64>()
            {
                *value = number.into();
            }
        }
        Ok(self)
    }
}

fn parse_json_field(name: &str, text: &str) -> Result<Value, Refusal> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text)
        .map_err(|_| Refusal::bad(format_args!("can't parse {name} JSON object")))
}

/// Reads the parameters of a call from its query and body.
///
/// # Errors
/// 413 for a body or file above the platform's limit, 400 for one that cannot be decoded.
pub(crate) async fn decode(request: Request) -> Result<Params, Refusal> {
    let (head, body) = request.into_parts();
    let mut params = from_pairs(head.uri.query().unwrap_or_default().as_bytes());
    let bytes = read_limited(body).await?;
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if bytes.is_empty() {
        return params.typed();
    }
    let more = if content_type.starts_with("application/json") {
        from_json(&bytes)?
    } else if content_type.starts_with("multipart/form-data") {
        from_multipart(Request::from_parts(head, Body::from(bytes))).await?
    } else {
        from_pairs(&bytes)
    };
    params.fields.extend(more.fields);
    params.uploads = more.uploads;
    params.typed()
}

/// Reads `name=value&…`, as it stands in queries and forms.
fn from_pairs(form: &[u8]) -> Params {
    let pairs = form.split(|byte| *byte == b'&').filter(|p| !p.is_empty());
    let fields = pairs.map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
        let value = value.strip_prefix(b"=").unwrap_or_default();
        (unescape(name), Value::String(unescape(value)))
    });
    Params {
        fields: fields.collect(),
        uploads: BTreeMap::new(),
    }
}

/// Undoes percent escapes and `+` for blanks; what is not an escape stays as it is.
pub(crate) fn unescape(escaped: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = tail;
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_json(bytes: &[u8]) -> Result<Params, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(Params {
            fields,
            uploads: BTreeMap::new(),
        }),
        Ok(_) | Err(_) => Err(Refusal::bad("can't parse JSON object")),
    }
}

/// Reads the whole body, but keeps only what the limit allows: a client that is refused while it still writes
/// would see a broken pipe instead of the 413.
async fn read_limited(mut body: Body) -> Result<Bytes, Refusal> {
    let mut kept = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad("request body was cut"))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        seen += data.len();
        if seen <= MAX_BODY {
            kept.extend_from_slice(data);
        }
    }
    if seen > MAX_BODY {
        return Err(Refusal::new(413, "Request Entity Too Large"));
    }
    Ok(kept.freeze())
}

async fn from_multipart(request: Request) -> Result<Params, Refusal> {
    let unreadable = |_| Refusal::bad("can't parse multipart body");
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::bad("can't parse multipart body"))?;
    let mut params = Params::default();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        let file_name = part.file_name().map(str::to_owned);
        let mime = part.content_type().map(str::to_owned);
        let bytes = part.bytes().await.map_err(unreadable)?;
        if file_name.is_none() {
            let text = String::from_utf8(bytes.into())
                .map_err(|_| Refusal::bad("strings must be encoded in UTF-8"))?;
            params.fields.insert(name, Value::String(text));
            continue;
        }
        if bytes.len() > MAX_UPLOAD {
            return Err(Refusal::new(413, "Request Entity Too Large"));
        }
        let upload = Upload {
            name: file_name,
            mime,
            bytes,
        };
        params.uploads.insert(name, upload);
    }
    Ok(params)
}
