//! Files on their way out: brought by the server, read by the adapter, forgotten once the message that names them was
//! answered.

use crate::event::{Attachment, Media};
use crate::id::MediaId;
use crate::{BlobError, Blobs, ByteStream, Outbound, Verb};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a file is kept whose message never comes.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How much is kept at once, in bytes.
const MOST: usize = 256 * 1024 * 1024;

/// Files in memory.
#[derive(Default)]
pub(super) struct Spool(Mutex<HashMap<MediaId, (Instant, Bytes)>>);

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").finish_non_exhaustive()
    }
}

impl Spool {
    /// Keeps a file, if there is room.
    pub(super) fn keep(&self, id: MediaId, bytes: Bytes) -> bool {
        let mut files = self.files();
        files.retain(|_, (since, _)| since.elapsed() < KEPT);
        let held: usize = files.values().map(|(_, bytes)| bytes.len()).sum();
        let fits = held + bytes.len() <= MOST;
        if fits {
            files.insert(id, (Instant::now(), bytes));
        }
        fits
    }

    /// Forgets the files of a message that was answered. Another attempt brings them again.
    pub(super) fn forget(&self, out: &Outbound) {
        let (Verb::Send(message) | Verb::Edit { message, .. }) = &out.verb else {
            return;
        };
        for file in &message.attachments {
            if let Media::Ready { id } = &file.media {
                self.files().remove(id);
            }
        }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<MediaId, (Instant, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for Spool {
    async fn put(
        &self,
        _name: &str,
        _mime: &str,
        _max: u64,
        _bytes: ByteStream,
    ) -> Result<Attachment, BlobError> {
        let what = "the server keeps files; a hosted adapter names a source it can fetch";
        Err(BlobError::Io(io::Error::new(
            io::ErrorKind::Unsupported,
            what,
        )))
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let found = self.files().get(id).map(|(_, bytes)| bytes.clone());
        let bytes = found.ok_or_else(|| BlobError::NotFound(id.clone()))?;
        let size = bytes.len() as u64;
        Ok((size, stream::once(async { Ok(bytes) }).boxed()))
    }

    async fn remove(&self, id: &MediaId) -> Result<(), BlobError> {
        self.files().remove(id);
        Ok(())
    }
}
