//! Files sent and received, in one folder, named by ids of our own. No path from outside ever gets here.

use async_trait::async_trait;
use bytes::Bytes;
use chatbox_core::connector::{BlobError, Blobs, ByteStream};
use chatbox_core::event::{Attachment, Media};
use chatbox_core::id::{MediaId, fresh};
use futures_util::StreamExt;
use std::io;
use std::path::PathBuf;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

/// How much of a file is looked at to find its type.
const SNIFF: usize = 8192;
/// The longest name that is kept, in characters.
const NAME: usize = 120;

/// A folder of files.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder, which must exist.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn path(&self, id: &MediaId) -> Option<PathBuf> {
        let ours = id.as_str().starts_with("file_")
            && id
                .as_str()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        ours.then(|| self.0.join(id.as_str()))
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn put(
        &self,
        name: &str,
        mime: &str,
        max: u64,
        mut bytes: ByteStream,
    ) -> Result<Attachment, BlobError> {
        let id = MediaId::new(fresh("file"));
        let path = self.0.join(id.as_str());
        let draft = path.with_extension("part");
        let written = write(&draft, max, &mut bytes).await;
        let (size, head) = match written {
            Ok(written) => written,
            Err(error) => {
                let _ = fs::remove_file(&draft).await;
                return Err(error);
            }
        };
        fs::rename(&draft, &path).await?;
        // A message that names it may be on disk a moment later: its own name must be there by then.
        fs::File::open(&self.0).await?.sync_all().await?;
        let mime = sniff(&head, mime);
        Ok(Attachment {
            name: display_name(name),
            mime,
            size: Some(size),
            media: Media::Ready { id },
        })
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let missing = || BlobError::NotFound(id.clone());
        let path = self.path(id).ok_or_else(missing)?;
        let file = match fs::File::open(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            file => file?,
        };
        let size = file.metadata().await?.len();
        Ok((size, ReaderStream::new(file.take(size)).boxed()))
    }

    async fn remove(&self, id: &MediaId) -> Result<(), BlobError> {
        let Some(path) = self.path(id) else {
            return Ok(());
        };
        match fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Writes the stream to the end; its length, and its head for a look at its type.
async fn write(
    path: &std::path::Path,
    max: u64,
    bytes: &mut ByteStream,
) -> Result<(u64, Vec<u8>), BlobError> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await?;
    let mut size = 0;
    let mut head = Vec::new();
    while let Some(piece) = bytes.next().await {
        let piece: Bytes = piece?;
        size += piece.len() as u64;
        if size > max {
            return Err(BlobError::TooLarge(max));
        }
        let missing = SNIFF.saturating_sub(head.len()).min(piece.len());
        head.extend_from_slice(&piece[..missing]);
        file.write_all(&piece).await?;
    }
    file.sync_all().await?;
    Ok((size, head))
}

/// The type the bytes show; the claimed one only where they show none and it is harmless.
fn sniff(head: &[u8], claimed: &str) -> String {
    if let Some(found) = infer::get(head) {
        return found.mime_type().to_owned();
    }
    let harmless = ["text/plain", "text/csv", "application/json"];
    let claimed = claimed.split(';').next().unwrap_or_default().trim();
    let text = std::str::from_utf8(head).is_ok() && !head.contains(&0);
    match harmless.iter().find(|harmless| **harmless == claimed) {
        Some(harmless) if text => (*harmless).to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}

/// A name to show: no folders, no control or direction characters, not too long.
pub fn display_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let clean: String = last.chars().filter(visible).take(NAME).collect();
    match clean.trim().trim_start_matches('.') {
        "" => "file".to_owned(),
        clean => clean.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lie_or_climb() {
        for (given, shown) in [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\a.txt", "a.txt"),
            ("a\u{202e}gnp.exe", "agnp.exe"),
            ("", "file"),
            ("...", "file"),
        ] {
            assert_eq!(display_name(given), shown);
        }
        assert_eq!(display_name(&"x".repeat(4096)).len(), NAME);
    }

    #[test]
    fn the_bytes_say_what_a_file_is() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n....", "text/html"), "image/png");
        assert_eq!(sniff(b"<html><script>", "image/png"), "text/html");
        assert_eq!(
            sniff(b"plain words", "text/plain; charset=utf-8"),
            "text/plain"
        );
        assert_eq!(
            sniff(b"\x00\x01\x02", "text/plain"),
            "application/octet-stream"
        );
    }

    #[tokio::test]
    async fn bytes_come_back_equal_and_nothing_else_opens() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let blobs = Folder::new(folder.path().to_owned());
        let bytes = Bytes::from(vec![7; 100_000]);
        let stream = |bytes: Bytes| futures_util::stream::once(async { Ok(bytes) }).boxed();
        let kept = blobs
            .put("a.bin", "", 100_000, stream(bytes.clone()))
            .await
            .expect("it fits");
        let Media::Ready { id } = kept.media else {
            panic!("it is not ready")
        };
        let (size, mut back) = blobs.open(&id).await.expect("it is there");
        let mut whole = Vec::new();
        while let Some(piece) = back.next().await {
            whole.extend_from_slice(&piece.expect("it reads"));
        }
        assert_eq!((size, whole), (100_000, bytes.to_vec()));
        let too_large = blobs.put("a.bin", "", 99_999, stream(bytes)).await;
        assert!(matches!(too_large, Err(BlobError::TooLarge(99_999))));
        for id in ["../x", "file_../x", "file_a/b", "nope"] {
            assert!(
                matches!(blobs.open(&id.into()).await, Err(BlobError::NotFound(_))),
                "{id}"
            );
        }
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("it reads").count(),
            1,
            "a half file was left"
        );
    }
}
