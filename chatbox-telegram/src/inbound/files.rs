//! The files of a message, as references to be fetched later. No byte is moved here.

use super::wire::{File, Message};
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::kit::claimed::{safe_mime, safe_name};

/// The largest file the platform hands out to bots.
pub(crate) const MAX_DOWNLOAD: u64 = 20 * 1024 * 1024;

/// What a kind of file is called and taken for when the sender says nothing.
struct Fallback {
    name: &'static str,
    mime: &'static str,
}

/// All files of a message that can be fetched as files.
pub(super) fn attachments(message: &Message) -> Vec<Attachment> {
    let found = [
        (largest(&message.photo), "photo.jpg", "image/jpeg"),
        (message.animation.as_ref(), "animation.mp4", "video/mp4"),
        // An animation is repeated as a document for old clients.
        (
            message
                .document
                .as_ref()
                .filter(|_| message.animation.is_none()),
            "file",
            "application/octet-stream",
        ),
        (message.audio.as_ref(), "audio.mp3", "audio/mpeg"),
        (message.voice.as_ref(), "voice.ogg", "audio/ogg"),
        (message.video.as_ref(), "video.mp4", "video/mp4"),
        (message.video_note.as_ref(), "video-note.mp4", "video/mp4"),
        (
            message
                .sticker
                .as_ref()
                .filter(|s| !s.is_animated && !s.is_video),
            "sticker.webp",
            "image/webp",
        ),
    ];
    found
        .into_iter()
        .filter_map(|(file, name, mime)| Some(attachment(file?, &Fallback { name, mime })))
        .collect()
}

fn largest(sizes: &[File]) -> Option<&File> {
    sizes.iter().max_by_key(|size| size.width * size.height)
}

fn attachment(file: &File, fallback: &Fallback) -> Attachment {
    let media = match file.file_size {
        Some(size) if size > MAX_DOWNLOAD => Media::Failed {
            reason: format!(
                "Telegram gives bots files up to {MAX_DOWNLOAD} bytes; this one has {size}"
            ),
        },
        _ => Media::Pending {
            source: file.file_id.clone(),
        },
    };
    Attachment {
        name: safe_name(file.file_name.as_deref().unwrap_or(""), fallback.name),
        mime: safe_mime(file.mime_type.as_deref().unwrap_or(""), fallback.mime),
        size: file.file_size,
        media,
    }
}
