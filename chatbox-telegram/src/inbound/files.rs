//! The files of a message, as references to be fetched later. No byte is moved here.

use super::wire::{File, Message};
use chatbox_connector_api::event::{Attachment, Media};

/// The largest file the platform hands out to bots.
pub(crate) const MAX_DOWNLOAD: u64 = 20 * 1024 * 1024;
/// The longest name we keep, in characters.
const MAX_NAME: usize = 120;

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

/// The last part of a path without control, direction and other invisible characters.
fn safe_name(claimed: &str, fallback: &str) -> String {
    let last = claimed.rsplit(['/', '\\']).next().unwrap_or("");
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    let clean: String = last.chars().filter(|&c| !hidden(c)).collect();
    let clean = clean.trim().trim_start_matches('.');
    if clean.is_empty() {
        return fallback.to_owned();
    }
    shorten(clean)
}

/// Cuts the stem, not the ending.
fn shorten(name: &str) -> String {
    let length = name.chars().count();
    if length <= MAX_NAME {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.chars().count() <= 12 {
        ending
    } else {
        ""
    };
    let stem = MAX_NAME - ending.chars().count();
    name.chars().take(stem).chain(ending.chars()).collect()
}

fn safe_mime(claimed: &str, fallback: &str) -> String {
    let word = |part: &str| {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.len() <= 64 && part.bytes().all(letter)
    };
    match claimed.split_once('/') {
        Some((kind, sub)) if word(kind) && word(sub) => claimed.to_ascii_lowercase(),
        _ => fallback.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_paths_and_tricks() {
        for (claimed, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("a\u{202E}gnp.exe", "agnp.exe"),
            ("a\u{0}b\n.txt", "ab.txt"),
            (".bashrc", "bashrc"),
            ("..", "file"),
            ("", "file"),
        ] {
            assert_eq!(safe_name(claimed, "file"), kept);
        }
        let long = format!("{}.pdf", "ä".repeat(5000));
        let kept = safe_name(&long, "file");
        assert_eq!(kept.chars().count(), MAX_NAME);
        assert!(kept.ends_with(".pdf"));
    }

    #[test]
    fn a_media_type_is_a_media_type() {
        assert_eq!(safe_mime("Image/PNG", "x/y"), "image/png");
        for bad in ["", "png", "a/b/c", "text/html; charset=x", "text/\n"] {
            assert_eq!(safe_mime(bad, "x/y"), "x/y");
        }
    }
}
