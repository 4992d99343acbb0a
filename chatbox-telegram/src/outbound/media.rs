//! Files on their way out: one as what it is, several as one album.
//!
//! Whatever happens, one thing to say is one request: half of it could not be taken back. Files that fit no common
//! album are therefore sent as documents, together.

use super::place::Place;
use super::request::{Request, Upload};
use super::text::{Formatted, MAX_CAPTION};
use crate::error::Effect;
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serde_json::{Map, Value, json};
use teloxide_core::types::ReplyParameters;

/// The largest file bots may send.
pub(crate) const MAX_UPLOAD: u64 = 50 * 1024 * 1024;
/// The most files of one album.
pub(crate) const MAX_ALBUM: usize = 10;
/// The largest picture that is shown as one.
const MAX_PHOTO: u64 = 10 * 1024 * 1024;

/// How a file is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    Photo,
    Video,
    Audio,
    Animation,
    Document,
}

impl Shown {
    fn of(file: &Attachment) -> Self {
        let small = file.size.is_none_or(|size| size <= MAX_PHOTO);
        match file.mime.as_str() {
            "image/jpeg" | "image/png" | "image/webp" if small => Self::Photo,
            "image/gif" => Self::Animation,
            "video/mp4" => Self::Video,
            "audio/mpeg" | "audio/mp4" | "audio/x-m4a" | "audio/mp3" => Self::Audio,
            _ => Self::Document,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Animation => "animation",
            Self::Document => "document",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Photo => "sendPhoto",
            Self::Video => "sendVideo",
            Self::Audio => "sendAudio",
            Self::Animation => "sendAnimation",
            Self::Document => "sendDocument",
        }
    }
}

/// The request that sends files with their caption.
pub(super) fn send(
    place: Place,
    files: &[Attachment],
    caption: &Formatted,
    reply: Option<&ReplyParameters>,
) -> Result<Request> {
    if caption.units > MAX_CAPTION {
        let units = caption.units;
        return Err(invalid(format!(
            "a text of {units} is longer than a caption's {MAX_CAPTION}; send it apart from the files"
        )));
    }
    if files.len() > MAX_ALBUM {
        return Err(invalid(format!("an album holds {MAX_ALBUM} files")));
    }
    let mut fields = Map::new();
    fields.insert("chat_id".to_owned(), json!(place.chat.0));
    if let Some(thread) = place.thread {
        fields.insert("message_thread_id".to_owned(), json!(thread.0.0));
    }
    if let Some(reply) = reply {
        fields.insert("reply_parameters".to_owned(), json!(reply));
    }
    match files {
        [file] => single(file, caption, fields),
        files => album(files, caption, fields),
    }
}

fn single(
    file: &Attachment,
    caption: &Formatted,
    mut fields: Map<String, Value>,
) -> Result<Request> {
    let shown = Shown::of(file);
    add_caption(&mut fields, caption);
    Ok(Request {
        files: vec![upload(file, shown.name().to_owned())?],
        ..Request::new(shown.method(), &fields, Effect::Once)
    })
}

fn album(
    files: &[Attachment],
    caption: &Formatted,
    mut fields: Map<String, Value>,
) -> Result<Request> {
    let shown = common(files);
    let mut uploads = Vec::with_capacity(files.len());
    let mut media = Vec::with_capacity(files.len());
    for (nth, file) in files.iter().enumerate() {
        let part = format!("file{nth}");
        let mut item = Map::new();
        item.insert("type".to_owned(), json!(shown[nth].name()));
        item.insert("media".to_owned(), json!(format!("attach://{part}")));
        if nth == 0 {
            add_caption(&mut item, caption);
        }
        media.push(Value::Object(item));
        uploads.push(upload(file, part)?);
    }
    fields.insert("media".to_owned(), Value::Array(media));
    Ok(Request {
        files: uploads,
        ..Request::new("sendMediaGroup", &fields, Effect::Once)
    })
}

/// How each file of an album is shown: pictures and films mix, music keeps to itself, all else goes as documents.
fn common(files: &[Attachment]) -> Vec<Shown> {
    let shown: Vec<Shown> = files.iter().map(Shown::of).collect();
    let visual = shown
        .iter()
        .all(|s| matches!(s, Shown::Photo | Shown::Video));
    let music = shown.iter().all(|s| *s == Shown::Audio);
    if visual || music {
        return shown;
    }
    vec![Shown::Document; files.len()]
}

fn add_caption(fields: &mut Map<String, Value>, caption: &Formatted) {
    if caption.text.trim().is_empty() {
        return;
    }
    fields.insert("caption".to_owned(), json!(caption.text));
    if !caption.entities.is_empty() {
        fields.insert("caption_entities".to_owned(), json!(caption.entities));
    }
}

fn upload(file: &Attachment, part: String) -> Result<Upload> {
    let Media::Ready { id } = &file.media else {
        return Err(invalid(format!(
            "the file `{}` is not stored here",
            file.name
        )));
    };
    Ok(Upload {
        part,
        id: id.clone(),
        name: file.name.clone(),
        mime: file.mime.clone(),
    })
}

fn invalid(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}
