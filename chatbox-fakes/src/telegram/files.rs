//! Files by id: what bots and people uploaded, byte for byte.
//!
//! Unlike the real platform nothing is re-encoded, so a test can compare bytes. Owns sizes, names and the small
//! preview of a photo; knows nothing of messages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::types::FileKind;
use super::wire::Refusal;

/// Largest file a bot may download, in bytes.
const MAX_DOWNLOAD: u64 = 20 * 1024 * 1024;
/// Largest photo a bot may upload, in bytes.
const MAX_PHOTO: usize = 10 * 1024 * 1024;
/// Longest edge of a photo's preview, in pixels.
const PREVIEW_EDGE: u32 = 90;
/// A picture of one pixel; stands for every preview, so that reading the wrong size shows.
const PREVIEW: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A stored file.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    /// Size told on the wire; larger than the bytes only where a test pretends.
    pub(crate) size: u64,
    unique: String,
}

/// A file about to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) kind: FileKind,
    pub(crate) name: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) pretend_size: Option<u64>,
}

/// All files of a bot.
#[derive(Debug, Default)]
pub(crate) struct Files {
    by_id: BTreeMap<String, StoredFile>,
    /// The media object of each full-size file, to send it again by id.
    media: BTreeMap<String, (FileKind, Value)>,
    next: u64,
}

impl Files {
    pub(crate) fn get(&self, file_id: &str) -> Option<&StoredFile> {
        self.by_id.get(file_id)
    }

    pub(crate) fn at_path(&self, path: &str) -> Option<&StoredFile> {
        self.by_id.values().find(|file| file.path == path)
    }

    /// The media object of a file sent before.
    pub(crate) fn media(&self, kind: FileKind, file_id: &str) -> Option<Value> {
        let (stored, value) = self.media.get(file_id)?;
        (*stored == kind).then(|| value.clone())
    }

    /// Stores a file and returns what its message field holds.
    ///
    /// # Errors
    /// 400 for an empty file, and for a photo that is no picture or too large.
    pub(crate) fn add(&mut self, new: NewFile) -> Result<Value, Refusal> {
        if new.bytes.is_empty() && new.pretend_size.is_none() {
            return Err(Refusal::bad("file must be non-empty"));
        }
        let kind = new.kind;
        let (media, full_id) = match kind {
            FileKind::Photo => self.add_photo(&new)?,
            _ => self.add_other(&new),
        };
        self.media.insert(full_id, (kind, media.clone()));
        Ok(media)
    }

    fn add_photo(&mut self, new: &NewFile) -> Result<(Value, String), Refusal> {
        if new.bytes.len() > MAX_PHOTO {
            let size = new.bytes.len();
            return Err(Refusal::bad(format_args!(
                "file of size {size} bytes is too big for a photo"
            )));
        }
        let Some((width, height)) = dimensions(&new.bytes) else {
            return Err(Refusal::bad("IMAGE_PROCESS_FAILED"));
        };
        if width + height > 10_000 {
            return Err(Refusal::bad("PHOTO_INVALID_DIMENSIONS"));
        }
        let mut sizes = Vec::new();
        if width.max(height) > PREVIEW_EDGE {
            let bytes = STANDARD.decode(PREVIEW).expect("a constant in base64");
            let (id, file) = self.store("photos", "jpg", bytes.into(), None);
            sizes.push(photo_size(&id, &file, PREVIEW_EDGE, PREVIEW_EDGE));
        }
        let (id, file) = self.store("photos", "jpg", new.bytes.clone(), new.pretend_size);
        sizes.push(photo_size(&id, &file, width, height));
        Ok((sizes.into(), id))
    }

    fn add_other(&mut self, new: &NewFile) -> (Value, String) {
        let folder = format!("{}s", new.kind.field());
        let name = new.name.as_deref().unwrap_or_default();
        let suffix = name.rsplit_once('.').map_or("bin", |(_, suffix)| suffix);
        let (id, file) = self.store(&folder, suffix, new.bytes.clone(), new.pretend_size);
        let mime = new.mime.as_deref().unwrap_or("application/octet-stream");
        let mut media = json!({
            "file_id": id, "file_unique_id": file.unique, "file_size": file.size, "mime_type": mime,
        });
        if new.kind != FileKind::Voice {
            media["file_name"] = new.name.clone().into();
        }
        if matches!(
            new.kind,
            FileKind::Audio | FileKind::Video | FileKind::Voice
        ) {
            media["duration"] = 1.into();
        }
        if new.kind == FileKind::Video {
            media["width"] = 320.into();
            media["height"] = 240.into();
        }
        if let Some(fields) = media.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        (media, id)
    }

    fn store(
        &mut self,
        folder: &str,
        suffix: &str,
        bytes: Bytes,
        size: Option<u64>,
    ) -> (String, StoredFile) {
        let number = self.next;
        self.next += 1;
        let plain = |c: char| c.is_ascii_alphanumeric();
        let suffix: String = suffix.chars().filter(|c| plain(*c)).take(8).collect();
        let file = StoredFile {
            path: format!("{folder}/file_{number}.{suffix}"),
            size: size.unwrap_or(bytes.len() as u64),
            bytes,
            unique: format!("AQAD{number:06}"),
        };
        let id = format!("AgACAgIAAxkBAAF-{number:06}");
        self.by_id.insert(id.clone(), file.clone());
        (id, file)
    }
}

impl StoredFile {
    /// The `File` object of `getFile`.
    ///
    /// # Errors
    /// 400 for a file above the download limit.
    pub(crate) fn wire(&self, file_id: &str) -> Result<Value, Refusal> {
        if self.size > MAX_DOWNLOAD {
            return Err(Refusal::bad("file is too big"));
        }
        Ok(json!({
            "file_id": file_id, "file_unique_id": self.unique, "file_size": self.size, "file_path": self.path,
        }))
    }
}

fn photo_size(id: &str, file: &StoredFile, width: u32, height: u32) -> Value {
    json!({
        "file_id": id, "file_unique_id": file.unique, "width": width, "height": height, "file_size": file.size,
    })
}

/// Width and height of a PNG, GIF or JPEG; `None` where it is none of them.
fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((big_endian(bytes, 16, 4)?, big_endian(bytes, 20, 4)?));
    }
    if bytes.starts_with(b"GIF8") {
        let side =
            |at: usize| Some(u32::from(*bytes.get(at + 1)?) << 8 | u32::from(*bytes.get(at)?));
        return Some((side(6)?, side(8)?));
    }
    if !bytes.starts_with(b"\xff\xd8") {
        return None;
    }
    jpeg_frame(bytes)
}

fn jpeg_frame(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            return Some((big_endian(bytes, at + 7, 2)?, big_endian(bytes, at + 5, 2)?));
        }
        let length = usize::try_from(big_endian(bytes, at + 2, 2)?).ok()?;
        at += 2 + length;
    }
}

fn big_endian(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let part = bytes.get(at..at + length)?;
    Some(part.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}
