//! Requests with files: a form whose parts stream out of the blob store, never whole in memory.

use crate::client::Client;
use crate::error::Failure;
use crate::outbound::{MAX_UPLOAD, Request};
use chatbox_connector_api::{BlobError, Blobs, ByteStream};
use futures_util::StreamExt;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The slowest upload we wait for, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// Why our own side of an upload broke, if it did.
#[derive(Clone, Debug, Default)]
struct Broken(Arc<Mutex<Option<String>>>);

impl Broken {
    fn note(&self, why: &std::io::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sends a request, with its files if it has any.
pub(crate) async fn send(
    client: &Client,
    blobs: &dyn Blobs,
    request: &Request,
    timeout: Duration,
) -> Result<Box<RawValue>, Failure> {
    if request.files.is_empty() {
        let fields = &request.fields;
        return client
            .post(&request.method, timeout, |post| post.json(fields))
            .await;
    }
    let broken = Broken::default();
    let (form, size) = form(blobs, request, &broken).await?;
    let timeout = timeout + Duration::from_secs(size / SLOWEST);
    let answer = client
        .post(&request.method, timeout, |post| post.multipart(form))
        .await;
    match (answer, broken.take()) {
        // The platform saw the beginning of a form and acts on whole ones only.
        (Err(_), Some(why)) => Err(Failure::Unreadable(why)),
        (answer, _) => answer,
    }
}

/// The form and the size of its files.
async fn form(
    blobs: &dyn Blobs,
    request: &Request,
    broken: &Broken,
) -> Result<(Form, u64), Failure> {
    let mut form = Form::new();
    for (name, value) in &request.fields {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        form = form.text(name.clone(), text);
    }
    let mut total = 0;
    for file in &request.files {
        let (size, bytes) = blobs.open(&file.id).await.map_err(unreadable)?;
        if size > MAX_UPLOAD {
            let name = &file.name;
            return Err(Failure::Invalid(format!(
                "`{name}` has {size} bytes; bots may send {MAX_UPLOAD}"
            )));
        }
        let body = Body::wrap_stream(watched(bytes, broken.clone()));
        let part = Part::stream_with_length(body, size).file_name(file.name.clone());
        let part = part
            .mime_str(&file.mime)
            .map_err(|_| Failure::Invalid(format!("`{}` is not a media type", file.mime)))?;
        form = form.part(file.part.clone(), part);
        total += size;
    }
    Ok((form, total))
}

/// The same bytes; remembers when they cannot be read.
fn watched(bytes: ByteStream, broken: Broken) -> ByteStream {
    bytes
        .inspect(move |piece| {
            if let Err(why) = piece {
                broken.note(why);
            }
        })
        .boxed()
}

fn unreadable(error: BlobError) -> Failure {
    match error {
        BlobError::Io(why) => Failure::Unreadable(why.to_string()),
        gone => Failure::Invalid(gone.to_string()),
    }
}
