//! Files sent and received, in one folder, named by ids of our own. No path from outside ever gets here.

use async_trait::async_trait;
use bytes::Bytes;
use chatbox_core::connector::{BlobError, Blobs, ByteStream};
use chatbox_core::event::{Attachment, Media};
use chatbox_core::id::{MediaId, fresh};
use futures_util::StreamExt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;

/// How much of a file is looked at to find its type.
const SNIFF: usize = 8192;
/// The longest name that is kept, in characters.
const NAME: usize = 120;

/// What a file is called behind its name until it is whole.
const DRAFT: &str = "part";

/// A folder of files.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The most bytes that they may take together.
    most: u64,
    /// The bytes they take, counted when the first is added.
    used: OnceCell<AtomicU64>,
}

/// Room that is taken for a file that is being written. It is given back, and what is written goes, when this is dropped
/// before the file is kept: whoever waited for it may have gone.
struct Room<'a> {
    used: &'a AtomicU64,
    most: u64,
    taken: u64,
    draft: Option<PathBuf>,
}

impl Room<'_> {
    fn take(&mut self, bytes: u64) -> Result<(), BlobError> {
        self.taken += bytes;
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        match before + bytes > self.most {
            true => Err(BlobError::NoRoom(self.most)),
            false => Ok(()),
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            self.used.fetch_sub(self.taken, Ordering::Relaxed);
            let _ = std::fs::remove_file(draft);
        }
    }
}

impl Folder {
    /// The folder, which must exist, for files of so many bytes together.
    pub fn new(path: PathBuf, most: u64) -> Self {
        let used = OnceCell::new();
        Self { path, most, used }
    }

    async fn used(&self) -> io::Result<&AtomicU64> {
        let count = async || {
            let mut entries = fs::read_dir(&self.path).await?;
            let mut used = 0;
            while let Some(entry) = entries.next_entry().await? {
                // Nobody goes on with what an earlier process was writing.
                match entry.path().extension().is_some_and(|it| it == DRAFT) {
                    true => fs::remove_file(entry.path()).await?,
                    false => used += entry.metadata().await.map_or(0, |it| it.len()),
                }
            }
            Ok(AtomicU64::new(used))
        };
        self.used.get_or_try_init(count).await
    }

    fn path(&self, id: &MediaId) -> Option<PathBuf> {
        let ours = id.as_str().starts_with("file_")
            && id
                .as_str()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        ours.then(|| self.path.join(id.as_str()))
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
        let path = self.path.join(id.as_str());
        let draft = path.with_extension(DRAFT);
        let mut room = Room {
            used: self.used().await?,
            most: self.most,
            taken: 0,
            draft: Some(draft.clone()),
        };
        let (size, head) = write(&draft, max, &mut room, &mut bytes).await?;
        fs::rename(&draft, &path).await?;
        room.draft = None;
        // A message that names it may be on disk a moment later: its own name must be there by then.
        fs::File::open(&self.path).await?.sync_all().await?;
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
        let used = self.used().await?;
        let size = fs::metadata(&path).await.map_or(0, |it| it.len());
        match fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Err(_) => {}
            Ok(()) => drop(used.fetch_sub(size, Ordering::Relaxed)),
        }
        Ok(())
    }
}

/// Writes the stream to the end; its length, and its head for a look at its type.
async fn write(
    path: &std::path::Path,
    max: u64,
    room: &mut Room<'_>,
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
        room.take(piece.len() as u64)?;
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
        let blobs = Folder::new(folder.path().to_owned(), u64::MAX);
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

    #[tokio::test]
    async fn files_together_take_no_more_than_they_may() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let stream = |len| {
            let bytes = Bytes::from(vec![7; len]);
            futures_util::stream::once(async { Ok(bytes) }).boxed()
        };
        let put = async |blobs: &Folder, len| blobs.put("a", "", u64::MAX, stream(len)).await;
        let id = |kept: Attachment| match kept.media {
            Media::Ready { id } => id,
            other => panic!("it is {other:?}"),
        };
        let blobs = Folder::new(folder.path().to_owned(), 100);
        let first = id(put(&blobs, 60).await.expect("there is room"));
        let refused = put(&blobs, 41).await;
        assert!(
            matches!(refused, Err(BlobError::NoRoom(100))),
            "{refused:?}"
        );
        put(&blobs, 40)
            .await
            .expect("what was refused takes nothing");
        // Who goes away in the middle leaves nothing.
        let begun = Bytes::from(vec![7; 10]);
        let never = futures_util::stream::once(async { Ok(begun) });
        let never = never.chain(futures_util::stream::pending()).boxed();
        let soon = std::time::Duration::from_millis(50);
        blobs.remove(&first).await.expect("it is there");
        let left = tokio::time::timeout(soon, blobs.put("a", "", u64::MAX, never)).await;
        assert!(left.is_err(), "it waits");
        let first = id(put(&blobs, 60).await.expect("there is room again"));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("it reads").count(),
            2
        );
        // What is there already counts, what was never whole does not, and what is removed does not any more.
        std::fs::write(folder.path().join("file_x.part"), "half").expect("it writes");
        let blobs = Folder::new(folder.path().to_owned(), 100);
        assert!(matches!(put(&blobs, 1).await, Err(BlobError::NoRoom(_))));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("it reads").count(),
            2
        );
        blobs.remove(&first).await.expect("it is there");
        blobs.remove(&first).await.expect("it need not be there");
        put(&blobs, 60).await.expect("there is room again");
        assert!(matches!(put(&blobs, 1).await, Err(BlobError::NoRoom(_))));
    }
}
