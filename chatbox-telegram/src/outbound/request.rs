//! One request to the Bot API as a value: what will be sent, before anything is.

use crate::error::Effect;
use chatbox_connector_api::id::MediaId;
use serde::Serialize;
use serde_json::{Map, Value};
use teloxide_core::requests::Payload;

/// One call of one method.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Request {
    /// The method's name.
    pub(crate) method: String,
    /// Its fields.
    pub(crate) fields: Map<String, Value>,
    /// Files sent along; without any the request is JSON.
    pub(crate) files: Vec<Upload>,
    /// What doing it twice would do.
    pub(crate) effect: Effect,
    /// What will be lost on the way, for people.
    pub(crate) lost: Option<String>,
}

/// A file of ours sent along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Upload {
    /// The form's part.
    pub(crate) part: String,
    /// Our file.
    pub(crate) id: MediaId,
    /// What it is called there.
    pub(crate) name: String,
    /// What it is.
    pub(crate) mime: String,
}

impl Request {
    /// A request in teloxide's words, whose methods are named in another case.
    pub(crate) fn typed<P: Payload + Serialize>(payload: &P, effect: Effect) -> Self {
        let (first, rest) = P::NAME.split_at(1);
        Self::new(
            format!("{}{rest}", first.to_ascii_lowercase()),
            payload,
            effect,
        )
    }

    /// A request of any method.
    pub(crate) fn new(method: impl Into<String>, body: &impl Serialize, effect: Effect) -> Self {
        let Ok(Value::Object(fields)) = serde_json::to_value(body) else {
            unreachable!("every payload is a struct of plain values");
        };
        Self {
            method: method.into(),
            fields,
            files: Vec::new(),
            effect,
            lost: None,
        }
    }

    /// The same without any formatting, if it has any.
    pub(crate) fn without_entities(&self) -> Option<Self> {
        let mut bare = self.clone();
        let mut found = false;
        for name in ["entities", "caption_entities"] {
            found |= bare.fields.remove(name).is_some();
        }
        if let Some(Value::Array(media)) = bare.fields.get_mut("media") {
            for item in media.iter_mut().filter_map(Value::as_object_mut) {
                found |= item.remove("caption_entities").is_some();
            }
        }
        found.then(|| bare.losing("Telegram refused the formatting; sent as plain text"))
    }

    /// The same picture as a file, if it is one picture.
    pub(crate) fn photo_as_document(&self) -> Option<Self> {
        if self.method != "sendPhoto" {
            return None;
        }
        let mut bare = self.clone();
        bare.method = "sendDocument".to_owned();
        for file in &mut bare.files {
            file.part = "document".to_owned();
        }
        Some(bare.losing("Telegram refused the picture as a photo; sent as a file"))
    }

    /// The same edit, of a caption instead of a text.
    pub(crate) fn text_as_caption(&self) -> Option<Self> {
        if self.method != "editMessageText" {
            return None;
        }
        let mut other = self.clone();
        other.method = "editMessageCaption".to_owned();
        other.fields.remove("link_preview_options");
        for (from, to) in [("text", "caption"), ("entities", "caption_entities")] {
            if let Some(value) = other.fields.remove(from) {
                other.fields.insert(to.to_owned(), value);
            }
        }
        Some(other)
    }

    /// Remembers what is lost.
    #[must_use]
    pub(crate) fn losing(mut self, what: &str) -> Self {
        self.lost = Some(match self.lost.take() {
            Some(before) => format!("{before}; {what}"),
            None => what.to_owned(),
        });
        self
    }
}
