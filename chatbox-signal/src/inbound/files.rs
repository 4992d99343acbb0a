//! The files of a message, as references to be fetched later. No byte is moved here.

use super::wire::File;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::id::Handle;
use chatbox_connector_api::kit::claimed::{safe_mime, safe_name};

/// The largest file that goes through the daemon's lines, where it is one piece of base64. Signal itself takes more.
pub(crate) const MAX_FILE: u64 = 25 * 1024 * 1024;
/// The type of the file that holds a text too long for its message.
const LONG_TEXT: &str = "text/x-signal-plain";
/// The longest text that clients write, in bytes.
pub(crate) const MAX_LONG_TEXT: u64 = 64 * 1024;
/// The most files of one message that are listed.
const MAX_FILES: usize = 32;

/// A file that the daemon holds: an id of its own making, never a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    /// The conversation it came in.
    pub(crate) chat: String,
    /// The daemon's name for it.
    pub(crate) id: String,
}

impl Source {
    fn written(&self) -> String {
        format!("{} {}", self.chat, self.id)
    }

    /// Reads back what [`attachments`] wrote.
    pub(crate) fn read(source: &str) -> Option<Self> {
        let (chat, id) = source.split_once(' ')?;
        is_id(id).then(|| Self {
            chat: chat.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// The daemon keeps files in a folder under these names: one that leads elsewhere is none.
fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=200).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with('.')
}

/// The files of a message, and the one that holds its whole text. Once the text is there (`joined`), that one is no file.
pub(super) fn attachments(
    files: &[File],
    chat: &Handle,
    joined: bool,
) -> (Vec<Attachment>, Option<Source>) {
    let (texts, files): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| file.content_type.as_deref() == Some(LONG_TEXT));
    let source = |file: &File| {
        let id = file.id.clone().filter(|id| is_id(id))?;
        let chat = chat.as_str().to_owned();
        Some(Source { chat, id })
    };
    let small = |file: &&&File| file.size.is_none_or(|size| size <= MAX_LONG_TEXT);
    let whole = texts.iter().find(small).and_then(|file| source(file));
    // A text that cannot be fetched is still listed as the file it is.
    let kept = texts.into_iter().filter(|_| !joined);
    let listed = files.into_iter().chain(kept).take(MAX_FILES);
    let attachments = listed.map(|file| attachment(file, source(file)));
    (attachments.collect(), whole)
}

fn attachment(file: &File, source: Option<Source>) -> Attachment {
    let failed = |reason: &str| Media::Failed {
        reason: reason.to_owned(),
    };
    let media = match source {
        _ if file.size.is_some_and(|size| size > MAX_FILE) => {
            failed("it is larger than the 26214400 bytes that are fetched")
        }
        Some(source) => Media::Pending {
            source: source.written(),
        },
        None => failed("signal-cli names no file"),
    };
    Attachment {
        name: safe_name(file.filename.as_deref().unwrap_or(""), "file"),
        mime: safe_mime(
            file.content_type.as_deref().unwrap_or(""),
            "application/octet-stream",
        ),
        size: file.size,
        media,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_never_a_path() {
        for bad in ["../x", "a/b", ".hidden", "", "a b"] {
            assert_eq!(Source::read(&format!("+4912345 {bad}")), None, "{bad}");
        }
        let good = Source::read("+4912345 8fQ-_x.jpg").expect("a source");
        assert_eq!(good.written(), "+4912345 8fQ-_x.jpg");
    }
}
