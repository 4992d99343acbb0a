//! Files in memory, for examples and tests. A server keeps them on disk.

use crate::connector::{BlobError, Blobs, ByteStream};
use crate::event::{Attachment, Media};
use crate::id::{MediaId, fresh};
use crate::link::locked;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::Mutex;

/// Files that are forgotten when dropped.
#[derive(Debug, Default)]
pub struct MemoryBlobs(Mutex<HashMap<MediaId, Bytes>>);

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(
        &self,
        name: &str,
        mime: &str,
        max: u64,
        mut bytes: ByteStream,
    ) -> Result<Attachment, BlobError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = bytes.next().await {
            whole.extend_from_slice(&piece?);
            if whole.len() as u64 > max {
                return Err(BlobError::TooLarge(max));
            }
        }
        let id = MediaId::new(fresh("file"));
        let size = Some(whole.len() as u64);
        locked(&self.0).insert(id.clone(), whole.freeze());
        Ok(Attachment {
            name: name.to_owned(),
            mime: mime.to_owned(),
            size,
            media: Media::Ready { id },
        })
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let bytes = locked(&self.0)
            .get(id)
            .cloned()
            .ok_or_else(|| BlobError::NotFound(id.clone()))?;
        let size = bytes.len() as u64;
        Ok((
            size,
            futures_util::stream::once(async { Ok(bytes) }).boxed(),
        ))
    }

    async fn remove(&self, id: &MediaId) -> Result<(), BlobError> {
        locked(&self.0).remove(id);
        Ok(())
    }
}
