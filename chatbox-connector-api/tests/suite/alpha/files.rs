//! Files, in both directions.

use super::Alpha;
use async_trait::async_trait;
use bytes::Bytes;
use chatbox_connector_api::conformance::File;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::{AdapterError, ByteStream, ErrorKind, MediaSource, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::fmt;

impl Alpha {
    pub(super) fn pending(&self, file: &File) -> Attachment {
        let lost = self.is("loses the names of files it receives");
        Attachment {
            name: if lost {
                "file".to_owned()
            } else {
                file.name.clone()
            },
            mime: file.mime.clone(),
            size: None,
            media: Media::Pending {
                source: match (self.twist, String::from_utf8_lossy(&file.bytes)) {
                    ("writes its token into where files are", at) => format!("{}/{at}", self.token),
                    (_, at) => at.into_owned(),
                },
            },
        }
    }

    fn changed(&self, bytes: Bytes, corrupts: &str, cuts: &str) -> Bytes {
        let mut bytes = bytes.to_vec();
        if self.is(corrupts)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        if self.is(cuts) {
            bytes.truncate(bytes.len() / 2);
        }
        bytes.into()
    }

    pub(super) async fn file(&self, attachment: &Attachment) -> Result<File> {
        let gone = |why: &dyn fmt::Display| {
            AdapterError::new(ErrorKind::Invalid, format!("a file cannot be read: {why}"))
        };
        let Media::Ready { id } = &attachment.media else {
            return Err(gone(&"it is not here"));
        };
        let (_, bytes) = self.blobs.open(id).await.map_err(|error| gone(&error))?;
        let pieces: Vec<Bytes> = bytes.try_collect().await.map_err(|error| gone(&error))?;
        let lost = self.is("loses the names of files")
            || self.is("loses names that are not ASCII") && !attachment.name.is_ascii();
        Ok(File {
            name: if lost {
                "file".to_owned()
            } else {
                attachment.name.clone()
            },
            mime: attachment.mime.clone(),
            bytes: self.changed(pieces.concat().into(), "corrupts files", "cuts files"),
        })
    }
}

#[async_trait]
impl MediaSource for Alpha {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let source = source.rsplit('/').next().unwrap_or(source);
        let fetched = self.platform.fetch(&self.token, source).await;
        if fetched.is_err() && self.is("prints its token when a file does not come") {
            let why = format!("GET /{}/{source} failed", self.token);
            return Err(AdapterError::new(ErrorKind::NotFound, why));
        }
        if fetched.is_err() && self.is("waits for ever for a file that is gone") {
            std::future::pending::<()>().await;
        }
        let file = fetched.map_err(|failure| self.error(&failure))?;
        let bytes = self.changed(
            file.bytes,
            "corrupts files it receives",
            "cuts files it receives",
        );
        Ok(stream::iter([Ok(bytes)]).boxed())
    }
}
