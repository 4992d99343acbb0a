//! How single values are written.

use chatbox_core::event::{Attachment, EventBody, Media};
use chatbox_core::store::Author;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// Text that the server compares or shows: without the zero character.
pub(in crate::postgres) fn clean(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Text that is cleaned when it is written.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&clean(self.0))
    }
}

/// A value as JSON text within the JSON: the server keeps it and does not look inside.
pub(super) struct Document<'a, T>(pub(super) &'a T);

impl<T: Serialize> Serialize for Document<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

/// Who a row is by, in columns.
#[derive(Serialize)]
pub(super) struct By<'a> {
    by: &'static str,
    author: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_name: Option<Text<'a>>,
}

impl<'a> From<&'a Author> for By<'a> {
    fn from(author: &'a Author) -> Self {
        let (by, author, name) = match author {
            Author::Person { id, name } => ("person", id.as_str(), name.as_deref()),
            Author::Mailbox { id } => ("mailbox", id.as_str(), None),
            Author::System => ("system", "", None),
        };
        Self {
            by,
            author: Text(author),
            author_name: name.map(Text),
        }
    }
}

/// Where a file is, in columns.
#[derive(Serialize)]
pub(super) struct Place<'a> {
    state: &'static str,
    place: Document<'a, Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Text<'a>>,
}

impl<'a> From<&'a Media> for Place<'a> {
    fn from(media: &'a Media) -> Self {
        let (state, source) = match media {
            Media::Ready { .. } => ("ready", None),
            Media::Pending { source } => ("pending", Some(Text(source))),
            _ => ("failed", None),
        };
        Self {
            state,
            place: Document(media),
            source,
        }
    }
}

/// A file of a body.
#[derive(Serialize)]
pub(super) struct File<'a> {
    name: Text<'a>,
    mime: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(flatten)]
    place: Place<'a>,
}

/// The files of a body, if it has any.
pub(super) fn files(body: &EventBody) -> Option<Vec<File<'_>>> {
    let files = &body.content()?.attachments;
    (!files.is_empty()).then(|| files.iter().map(file).collect())
}

fn file(file: &Attachment) -> File<'_> {
    File {
        name: Text(&file.name),
        mime: Text(&file.mime),
        size: file.size,
        place: Place::from(&file.media),
    }
}
