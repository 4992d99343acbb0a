//! Files: each goes where Slack says, streaming out of the blob store, and then all are said to be complete at once.

use crate::client::Client;
use crate::outbound::{MAX_UPLOAD, Spot, slack_ts};
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::kit::status::Idempotent;
use chatbox_connector_api::{AdapterError, BlobError, Blobs, ErrorKind, Result};
use reqwest::Body;
use serde::Deserialize;
use slack_morphism::api::{SlackApiFilesComplete, SlackApiFilesCompleteUploadExternalRequest};
use slack_morphism::prelude::{SlackChannelId, SlackFileId};
use std::time::Duration;

/// The slowest upload we wait for, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// Sends files, with words before them if there are any. Only the last request can be seen by anybody.
pub(crate) async fn send(
    client: &Client,
    blobs: &dyn Blobs,
    spot: &Spot,
    files: &[Attachment],
    words: Option<String>,
) -> Result<()> {
    let mut done = Vec::new();
    for file in files {
        done.push(put(client, blobs, file).await?);
    }
    let request = SlackApiFilesCompleteUploadExternalRequest {
        channel_id: Some(SlackChannelId(spot.channel.clone())),
        initial_comment: words,
        thread_ts: spot.thread.as_ref().map(slack_ts),
        ..SlackApiFilesCompleteUploadExternalRequest::new(done)
    };
    let method = "files.completeUploadExternal";
    client.tell(method, &request, Idempotent::No).await?;
    Ok(())
}

async fn put(
    client: &Client,
    blobs: &dyn Blobs,
    file: &Attachment,
) -> Result<SlackApiFilesComplete> {
    #[derive(Deserialize)]
    struct Place {
        upload_url: String,
        file_id: String,
    }
    let Media::Ready { id } = &file.media else {
        return Err(invalid(format!("`{}` is not here yet", file.name)));
    };
    let (size, bytes) = blobs.open(id).await.map_err(unreadable)?;
    if size > MAX_UPLOAD {
        let sentence = format!("`{}` has {size} bytes; Slack takes {MAX_UPLOAD}", file.name);
        return Err(invalid(sentence));
    }
    if size == 0 {
        return Err(invalid(format!(
            "`{}` is empty; Slack takes no empty files",
            file.name
        )));
    }
    let with = [
        ("filename", file.name.clone()),
        ("length", size.to_string()),
    ];
    let place: Place = client.ask("files.getUploadURLExternal", &with).await?;
    let more = Duration::from_secs(size / SLOWEST);
    let bytes = Body::wrap_stream(bytes);
    client.put(&place.upload_url, size, bytes, more).await?;
    let done = SlackApiFilesComplete::new(SlackFileId(place.file_id));
    Ok(done.with_title(file.name.clone()))
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
