//! Files on their way into a message: streamed to the house, then kept by name for the visitor who sent them.

use crate::error::Refusal;
use crate::hub::{House, Hub};
use crate::{Visitor, outbound};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::id::ExternalId;
use chatbox_connector_api::{BlobError, ByteStream};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a stalled upload is waited for.
const STALLED: Duration = Duration::from_secs(30);
/// How long an uploaded file may wait for its message.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The most uploaded files kept for one visitor; the oldest goes first.
const KEPT_PER_VISITOR: usize = 64;
/// The longest file name, in characters.
const MAX_NAME: usize = 120;

/// Uploaded files by visitor. In memory only: after a restart a client uploads again.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<HashMap<ExternalId, VecDeque<(Instant, Attachment)>>>);

impl Uploads {
    fn keep(&self, visitor: &ExternalId, file: Attachment) {
        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for files in kept.values_mut() {
            files.retain(|(since, _)| now.duration_since(*since) < KEPT);
        }
        kept.retain(|_, files| !files.is_empty());
        let files = kept.entry(visitor.clone()).or_default();
        if files.len() >= KEPT_PER_VISITOR {
            files.pop_front();
        }
        files.push_back((now, file));
    }

    /// A file this visitor uploaded.
    pub(crate) fn find(&self, visitor: &ExternalId, id: &str) -> Option<Attachment> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is =
            |file: &Attachment| matches!(&file.media, Media::Ready { id: it } if it.as_str() == id);
        let mut files = kept.get(visitor)?.iter();
        files
            .find(|(_, file)| is(file))
            .map(|(_, file)| file.clone())
    }

    /// Forgets a visitor's files that no message holds yet.
    pub(crate) fn forget(&self, visitor: &ExternalId) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(visitor);
    }
}

/// What an upload says about its file.
#[derive(Deserialize)]
pub(crate) struct Claimed {
    #[serde(default)]
    name: String,
}

/// `POST /chat/media?name=…`: the body is the file.
pub(crate) async fn upload(
    State(hub): State<Arc<Hub>>,
    Query(claimed): Query<Claimed>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let house = hub.house_soon().await.ok_or_else(Refusal::not_ready)?;
    let visitor = hub.visitors.known(&headers).await;
    let visitor = visitor.ok_or_else(Refusal::not_known)?;
    let _place = hub.uploading.try_acquire().map_err(|_| {
        let detail = "Too many files are coming in. Try again in a moment.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    })?;
    let file = store(&house, &claimed.name, &headers, body).await?;
    let answer = outbound::uploaded(&file);
    announce(&hub, &visitor, file);
    let json = HeaderValue::from_static("application/json");
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, json)], answer).into_response())
}

fn announce(hub: &Hub, visitor: &Visitor, file: Attachment) {
    tracing::debug!(bytes = file.size, "a file was uploaded");
    hub.uploads.keep(&visitor.id, file);
}

async fn store(
    house: &House,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Attachment, Refusal> {
    let max = house.config.max_upload_bytes;
    if announced(headers).is_some_and(|bytes| bytes > max) {
        return Err(too_large(max));
    }
    let mime = headers.get(header::CONTENT_TYPE);
    let mime = mime.and_then(|mime| mime.to_str().ok());
    let mime = mime.unwrap_or("application/octet-stream");
    let bytes = unstalled(body);
    match house.blobs.put(&plain_name(name), mime, max, bytes).await {
        Ok(file) => Ok(file),
        Err(BlobError::TooLarge(max)) => Err(too_large(max)),
        Err(error) => {
            tracing::warn!(%error, "an upload failed");
            let detail = "The file could not be stored. Try again.";
            Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_stored",
                detail,
            ))
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large(max: u64) -> Refusal {
    let detail = format!("A file may have at most {max} bytes.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// The body's bytes; an error once nothing came for a while.
fn unstalled(body: Body) -> ByteStream {
    let chunks = body.into_data_stream();
    stream::unfold(Some(chunks), async |chunks| {
        let mut chunks = chunks?;
        match timeout(STALLED, chunks.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok::<Bytes, io::Error>(chunk), Some(chunks))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Err(_) => Some((Err(io::ErrorKind::TimedOut.into()), None)),
        }
    })
    .boxed()
}

/// A name to show: the last part of a path, without control characters or what reverses the reading direction.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = last
        .chars()
        .filter(|&c| !hidden(c))
        .take(MAX_NAME)
        .collect();
    let name = name.trim().trim_start_matches('.').trim();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for (claimed, kept) in [
            ("photo.png", "photo.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.txt", "y.txt"),
            ("a\u{202E}gpj.exe", "agpj.exe"),
            ("a\nb\0c", "abc"),
            ("..", "file"),
            ("", "file"),
            (".hidden", "hidden"),
        ] {
            assert_eq!(plain_name(claimed), kept, "{claimed:?}");
        }
        assert_eq!(plain_name(&"é".repeat(500)).chars().count(), MAX_NAME);
    }

    #[test]
    fn a_file_is_found_by_its_visitor_only() {
        let uploads = Uploads::default();
        let file = |id: &str| Attachment {
            name: "x".to_owned(),
            mime: "text/plain".to_owned(),
            size: None,
            media: Media::Ready { id: id.into() },
        };
        uploads.keep(&"ann".into(), file("f1"));
        assert!(uploads.find(&"ann".into(), "f1").is_some());
        assert!(uploads.find(&"bob".into(), "f1").is_none());
        for nth in 0..KEPT_PER_VISITOR {
            uploads.keep(&"ann".into(), file(&format!("g{nth}")));
        }
        assert!(uploads.find(&"ann".into(), "f1").is_none());
    }
}
