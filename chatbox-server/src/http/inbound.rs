//! The door of connector processes: one message in, answered once it is on disk.

use super::ask::Id;
use super::body::Json;
use super::schema;
use super::{Bearer, Problem};
use crate::app::App;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use base64::Engine;
use chatbox_core::Error;
use chatbox_core::connector::{BlobError, Fate};
use chatbox_core::event::{Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender};
use chatbox_core::id::{ConnectionId, MediaId, Millis};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest identifier, in bytes.
const ID: usize = 512;
/// The longest text, in bytes.
const TEXT: usize = 512 * 1024;
/// The largest number that every reader of JSON reads the same.
const LARGEST: u64 = (1 << 53) - 1;
/// How many files one message holds.
const FILES: usize = 20;

/// What a connector sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inbound {
    /// Unique within the connection: the same one again is a repetition.
    #[schema(min_length = 1, max_length = 512, pattern = r"\S")]
    event_id: String,
    /// `message`, `edit`, `delete` or `reaction`; anything else is kept as something that cannot be shown.
    #[serde(rename = "type", default = "message")]
    #[schema(min_length = 1, max_length = 512, pattern = r"\S")]
    kind: String,
    chat: InboundChat,
    sender: InboundSender,
    /// A `message` and an `edit` hold a text, a file or both.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    #[schema(max_items = 20)]
    attachments: Vec<InboundFile>,
    #[serde(default)]
    #[schema(max_length = 512)]
    reply_to: Option<String>,
    /// Which message an `edit`, a `delete` and a `reaction` are about.
    #[serde(default)]
    #[schema(max_length = 512)]
    target_message_id: Option<String>,
    #[serde(default)]
    #[schema(max_length = 512)]
    emoji: Option<String>,
    #[serde(default)]
    timestamp: Option<Timestamp>,
    /// Kept as it came.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    metadata: Option<Box<serde_json::value::RawValue>>,
}

fn message() -> String {
    "message".to_owned()
}

/// Where it was said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InboundChat {
    #[schema(min_length = 1, max_length = 512, pattern = r"\S")]
    handle: String,
    #[serde(default)]
    #[schema(max_length = 512)]
    name: Option<String>,
    #[serde(default = "dm")]
    #[schema(schema_with = schema::kind)]
    kind: ChatKind,
}

fn dm() -> ChatKind {
    ChatKind::Dm
}

/// Who said it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InboundSender {
    #[schema(min_length = 1, max_length = 512, pattern = r"\S")]
    id: String,
    #[serde(default)]
    #[schema(max_length = 512)]
    name: Option<String>,
    #[serde(default)]
    is_bot: bool,
}

/// A file that came along, in base64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InboundFile {
    filename: String,
    content_type: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    data_b64: Option<String>,
}

/// Seconds or milliseconds since 1970, or RFC 3339.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Timestamp {
    Number(f64),
    Text(String),
}

/// What a connector is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Received {
    message_id: String,
    duplicate: bool,
}

/// The connection in the address, whose token came along: known before a byte of the body is read.
pub(crate) struct Own(ConnectionId);

impl FromRequestParts<Arc<App>> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
        let Id(id) = Id::from_request_parts(parts, app).await?;
        if app.inbound_principal(&token).await?.as_deref() != Some(id.as_str()) {
            let detail = "this token is not this connection's";
            return Err(Problem::unauthorized(detail));
        }
        Ok(Self(ConnectionId::new(id)))
    }
}

/// Takes one message in.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/messages",
    operation_id = "postMessage",
    tag = "messages",
    security(("connection" = [])),
    params(("id" = String, Path, description = "The connection")),
    request_body = Inbound,
    responses((status = 200, description = "It is on disk, or was before", body = Received)),
)]
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    Own(connection): Own,
    Json(inbound): Json<Inbound>,
) -> Result<Json<Received>, Problem> {
    let event = translate(&app, inbound).await?;
    let files = kept(&event);
    let fate = app.chatbox.receive(&connection, event).await;
    // After any other error the message may be there all the same.
    if matches!(
        fate,
        Ok(Fate::Duplicate(_) | Fate::Refused(_) | Fate::Later(_)) | Err(Error::NotRunning(_))
    ) {
        forget(&app, files).await;
    }
    match fate {
        Ok(Fate::Stored(seq)) => Ok(Json(Received {
            message_id: format!("msg_{seq}"),
            duplicate: false,
        })),
        Ok(Fate::Duplicate(seq)) => Ok(Json(Received {
            message_id: format!("msg_{seq}"),
            duplicate: true,
        })),
        Ok(Fate::Refused(reason)) => {
            let detail = format!("the sender may not talk here: {reason}");
            Err(Problem::invalid("denied_by_policy", detail))
        }
        Ok(Fate::Later(wait)) => {
            let hint = "send it again after that time";
            let detail = "this sender is too fast; nothing was stored";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail, hint);
            Err(problem.retry_after(wait.as_secs() + 1))
        }
        Err(Error::NotRunning(_)) => {
            let hint = "add it again with `chatbox channels add`";
            Err(Problem::new(
                StatusCode::NOT_FOUND,
                "archived",
                "this connection was removed",
                hint,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

async fn translate(app: &App, inbound: Inbound) -> Result<Event, Problem> {
    check(&inbound)?;
    let at = inbound
        .timestamp
        .as_ref()
        .map_or_else(|| Ok(now()), millis)?;
    let target = || {
        let target = inbound
            .target_message_id
            .as_deref()
            .filter(|target| !target.is_empty());
        target
            .map(Into::into)
            .ok_or_else(|| Problem::invalid("invalid_field", "target_message_id is missing"))
    };
    let body = match inbound.kind.as_str() {
        "message" => EventBody::Message(content(app, &inbound).await?),
        "edit" => EventBody::Edit {
            target: target()?,
            content: content(app, &inbound).await?,
        },
        "delete" => EventBody::Delete { target: target()? },
        "reaction" => EventBody::Reaction {
            target: target()?,
            emoji: inbound.emoji.clone().into_iter().collect(),
        },
        other => EventBody::Unsupported {
            what: other.to_owned(),
        },
    };
    Ok(Event {
        id: inbound.event_id.into(),
        chat: Place {
            handle: inbound.chat.handle.into(),
            kind: inbound.chat.kind,
            name: inbound.chat.name,
        },
        sender: Sender {
            id: inbound.sender.id.into(),
            name: inbound.sender.name,
            is_bot: inbound.sender.is_bot,
        },
        at,
        body,
        addressed: true,
        late: false,
        group: None,
        raw: inbound.metadata.map(Into::into),
    })
}

fn check(inbound: &Inbound) -> Result<(), Problem> {
    let ids = [
        ("event_id", &inbound.event_id),
        ("chat.handle", &inbound.chat.handle),
        ("sender.id", &inbound.sender.id),
        ("type", &inbound.kind),
    ];
    for (name, value) in ids {
        if value.trim().is_empty() || value.len() > ID {
            return Err(Problem::invalid(
                "invalid_field",
                format!("{name} must have 1 to {ID} bytes"),
            ));
        }
    }
    let names = [
        &inbound.chat.name,
        &inbound.sender.name,
        &inbound.reply_to,
        &inbound.emoji,
        &inbound.target_message_id,
    ];
    if names.into_iter().flatten().any(|name| name.len() > ID) {
        let detail = format!("a name, an emoji and a message's id have at most {ID} bytes");
        return Err(Problem::invalid("invalid_field", detail));
    }
    if inbound.text.as_ref().is_some_and(|text| text.len() > TEXT) {
        let detail = format!("the text is longer than {TEXT} bytes");
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "text_too_long",
            detail,
            "send it in pieces",
        ));
    }
    if inbound
        .attachments
        .iter()
        .any(|file| file.size.is_some_and(|size| size > LARGEST))
    {
        let detail = format!("a file's size must be 0 to {LARGEST}");
        return Err(Problem::invalid("out_of_range", detail));
    }
    if inbound.attachments.len() > FILES {
        return Err(Problem::invalid(
            "too_many_files",
            format!("a message holds at most {FILES} files"),
        ));
    }
    let empty = inbound
        .text
        .as_ref()
        .is_none_or(|text| text.trim().is_empty())
        && inbound.attachments.is_empty();
    if empty && matches!(inbound.kind.as_str(), "message" | "edit") {
        return Err(Problem::invalid(
            "empty_message",
            "there is neither text nor a file",
        ));
    }
    Ok(())
}

async fn content(app: &App, inbound: &Inbound) -> Result<Content, Problem> {
    // All are read before the first is stored.
    let files = inbound.attachments.iter().map(decoded);
    let files: Vec<Option<Bytes>> = files.collect::<Result<_, _>>()?;
    let mut attachments = Vec::new();
    for (file, bytes) in inbound.attachments.iter().zip(files) {
        attachments.push(keep(app, file, bytes).await?);
    }
    Ok(Content {
        text: inbound.text.clone().unwrap_or_default(),
        attachments,
        reply_to: inbound.reply_to.clone().map(Into::into),
        choices: Vec::new(),
    })
}

fn decoded(file: &InboundFile) -> Result<Option<Bytes>, Problem> {
    let Some(data) = &file.data_b64 else {
        return Ok(None);
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(data);
    let bytes = bytes.map_err(|_| Problem::invalid("invalid_field", "data_b64 is not base64"))?;
    Ok(Some(bytes.into()))
}

/// The files that were stored for an event.
fn kept(event: &Event) -> Vec<MediaId> {
    let files = event.body.content().map(|content| &content.attachments);
    let files = files.into_iter().flatten();
    files
        .filter_map(|file| match &file.media {
            Media::Ready { id } => Some(id.clone()),
            _ => None,
        })
        .collect()
}

/// Takes back the files of a message that was not taken in.
async fn forget(app: &App, files: Vec<MediaId>) {
    for file in files {
        if let Err(error) = app.chatbox.blobs().remove(&file).await {
            tracing::warn!(%error, %file, "a file that no message names could not be removed");
        }
    }
}

/// A file sent along is stored; one that would have to be fetched is named and not fetched.
async fn keep(app: &App, file: &InboundFile, bytes: Option<Bytes>) -> Result<Attachment, Problem> {
    let Some(bytes) = bytes else {
        let reason = match file.url {
            Some(_) => "files are taken as data_b64, not fetched from addresses",
            None => "no bytes were sent",
        };
        let (name, mime) = (
            crate::media::display_name(&file.filename),
            file.content_type.clone(),
        );
        return Ok(Attachment {
            name,
            mime,
            size: file.size,
            media: Media::Failed {
                reason: reason.to_owned(),
            },
        });
    };
    let stream = futures_util::stream::once(async move { Ok(bytes) }).boxed();
    let kept = app
        .chatbox
        .blobs()
        .put(&file.filename, &file.content_type, u64::MAX, stream)
        .await;
    kept.map_err(|error| {
        tracing::error!(%error, "a file could not be stored");
        if let BlobError::NoRoom(_) = error {
            return Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no_room",
                "there is no room for the file",
                "nothing was stored; send the message without it, or raise `media_bytes` under [limits]",
            );
        }
        let hint = "nothing was stored; try again in a moment";
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "try_later",
            "the file could not be stored",
            hint,
        )
        .retry_after(1)
    })
}

fn now() -> Millis {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Seconds below the year 5138, milliseconds above; text as RFC 3339.
fn millis(timestamp: &Timestamp) -> Result<Millis, Problem> {
    let invalid = || {
        let detail =
            "timestamp must be seconds or milliseconds since 1970, or RFC 3339 with a zone";
        Problem::invalid("invalid_timestamp", detail)
    };
    match timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        Timestamp::Number(number) if (0.0..1e15).contains(number) => {
            let millis = if *number < 1e11 {
                number * 1000.0
            } else {
                *number
            };
            Ok(Millis(millis as i64))
        }
        Timestamp::Number(_) => Err(invalid()),
        Timestamp::Text(text) => {
            let time = humantime::parse_rfc3339(text).map_err(|_| invalid())?;
            let since = time
                .duration_since(std::time::SystemTime::UNIX_EPOCH)
                .map_err(|_| invalid())?;
            Ok(Millis(
                i64::try_from(since.as_millis()).map_err(|_| invalid())?,
            ))
        }
    }
}
