//! A message with files: a form whose parts stream out of the blob store, never whole in memory.

use crate::outbound::MAX_UPLOAD;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::{AdapterError, BlobError, Blobs, ErrorKind, Result};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use std::time::Duration;

/// The slowest upload we wait for, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// The form, and how much longer than usual it may take.
pub(crate) async fn form(
    blobs: &dyn Blobs,
    payload: String,
    files: &[Attachment],
) -> Result<(Form, Duration)> {
    let (mut form, mut total) = (Form::new().text("payload_json", payload), 0);
    for (nth, file) in files.iter().enumerate() {
        let Media::Ready { id } = &file.media else {
            return Err(invalid(format!("`{}` is not here yet", file.name)));
        };
        let (size, bytes) = blobs.open(id).await.map_err(unreadable)?;
        if size > MAX_UPLOAD {
            return Err(invalid(format!(
                "`{}` has {size} bytes; bots may send {MAX_UPLOAD}",
                file.name
            )));
        }
        let part =
            Part::stream_with_length(Body::wrap_stream(bytes), size).file_name(file.name.clone());
        let part = part.mime_str(&file.mime);
        let part = part.map_err(|_| invalid(format!("`{}` is not a media type", file.mime)))?;
        form = form.part(format!("files[{nth}]"), part);
        total += size;
    }
    Ok((form, Duration::from_secs(total / SLOWEST)))
}

fn invalid(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}

fn unreadable(error: BlobError) -> AdapterError {
    let kind = match error {
        BlobError::Io(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    };
    AdapterError::new(kind, format!("a file of ours could not be read: {error}"))
}
