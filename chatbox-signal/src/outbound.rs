//! From what the house wants said to calls of the daemon. Pure: no socket, no clock, no memory.
//!
//! Each verb is exactly one call, so that one answer settles it. No call asks for a link preview.

#[cfg(test)]
mod tests;
mod text;

pub(crate) use text::{MAX_TEXT, SignalDialect};

use crate::error::Effect;
use crate::inbound::{Place, target};
use chatbox_connector_api::event::{Attachment, Media};
use chatbox_connector_api::id::{EventId, Handle, MediaId};
use chatbox_connector_api::{AdapterError, ErrorKind, OutMessage, Outbound, Result, Verb};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use text::{Formatted, format};

/// The most files of one message.
pub(crate) const MAX_FILES: usize = 32;

/// A call, but for the bytes of its files.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) params: Params,
    /// Files yet to be read, in order.
    pub(crate) files: Vec<File>,
    pub(crate) effect: Effect,
    /// What is lost on the way, for people.
    pub(crate) lost: Option<String>,
}

/// A file to be sent: by its id in the house's store, never by a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct File {
    pub(crate) id: MediaId,
    /// What stands before the bytes.
    pub(crate) head: String,
}

/// The parameters of every method we call. What is empty is left out.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    pub(crate) account: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) recipient: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) text_style: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quote_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quote_author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edit_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) emoji: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) remove: bool,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
}

/// The call that does it, as this account.
///
/// # Errors
/// `NotFound` for a chat or message that cannot be Signal's, `Invalid` for what no call can say, `Unsupported`.
pub(crate) fn request(out: &Outbound, account: &str) -> Result<Request> {
    let mut params = Params {
        account: account.to_owned(),
        ..Params::default()
    };
    match &out.verb {
        Verb::Send(message) => {
            params.to(&out.chat)?;
            send(params, message)
        }
        Verb::Edit { target, message } => {
            params.to(&out.chat)?;
            params.edit_timestamp = Some(ours(target, account)?);
            let mut request = send(params, message)?;
            request.effect = Effect::Repeatable;
            if !request.files.is_empty() {
                request.files.clear();
                request.lost = Some("an edit changes the text, not the files".to_owned());
            }
            Ok(request)
        }
        Verb::Delete { target } => {
            params.to(&out.chat)?;
            params.target_timestamp = Some(ours(target, account)?);
            Ok(Request::new("remoteDelete", params, Effect::Repeatable))
        }
        Verb::React { target, emoji } => {
            params.to(&out.chat)?;
            let (author, timestamp) = named(target)?;
            params.target_author = Some(author);
            params.target_timestamp = Some(timestamp);
            params.remove = emoji.is_empty();
            // A person has one reaction to a message: which one is taken away goes without saying, but not without a word.
            params.emoji = Some(emoji.first().map_or("👍", String::as_str).to_owned());
            Ok(Request::new("sendReaction", params, Effect::Repeatable))
        }
        Verb::MarkRead { target } => {
            // Told to whoever wrote it, in groups as well.
            let (author, timestamp) = named(target)?;
            params.recipient = vec![author];
            params.target_timestamp = Some(timestamp);
            params.kind = Some("read");
            Ok(Request::new("sendReceipt", params, Effect::Repeatable))
        }
        Verb::Typing => {
            params.to(&out.chat)?;
            Ok(Request::new("sendTyping", params, Effect::Repeatable))
        }
        other => {
            let sentence = format!("Signal has no `{}`", other.name());
            Err(AdapterError::new(ErrorKind::Unsupported, sentence))
        }
    }
}

impl Request {
    fn new(method: &'static str, params: Params, effect: Effect) -> Self {
        Self {
            method,
            params,
            files: Vec::new(),
            effect,
            lost: None,
        }
    }
}

impl Params {
    fn to(&mut self, chat: &Handle) -> Result<()> {
        match Place::of(chat.as_str()) {
            Some(Place::Recipient(person)) => self.recipient = vec![person],
            Some(Place::GroupId(group)) => self.group_id = Some(group),
            None => return Err(missing(format!("`{chat}` is not a Signal chat"))),
        }
        Ok(())
    }
}

fn send(mut params: Params, message: &OutMessage) -> Result<Request> {
    let formatted = format(&message.markup);
    check_text(&formatted, message)?;
    if message.attachments.len() > MAX_FILES {
        return Err(invalid(format!("a message holds {MAX_FILES} files")));
    }
    params.text_style = formatted.ranges.iter().map(text::Range::written).collect();
    params.message = Some(formatted.text);
    let mut lost = None;
    match message.reply_to.as_ref().map(target) {
        Some(Some((author, timestamp))) => {
            params.quote_author = Some(author);
            params.quote_timestamp = Some(timestamp);
        }
        Some(None) => lost = Some("the message it answers is not Signal's".to_owned()),
        None => {}
    }
    let files: Result<Vec<File>> = message.attachments.iter().map(file).collect();
    Ok(Request {
        files: files?,
        lost,
        ..Request::new("send", params, Effect::Once)
    })
}

fn check_text(formatted: &Formatted, message: &OutMessage) -> Result<()> {
    let bytes = formatted.text.len();
    if bytes > MAX_TEXT {
        let sentence = format!("a text of {bytes} bytes is longer than a message's {MAX_TEXT}");
        return Err(invalid(sentence));
    }
    if formatted.text.trim().is_empty() && message.attachments.is_empty() {
        return Err(invalid("Signal takes no empty text"));
    }
    Ok(())
}

/// A data URI without its data. Whatever the name says is only letters there.
fn file(file: &Attachment) -> Result<File> {
    let Media::Ready { id } = &file.media else {
        return Err(invalid(format!(
            "the file `{}` is not stored here",
            file.name
        )));
    };
    let mime =
        chatbox_connector_api::kit::claimed::safe_mime(&file.mime, "application/octet-stream");
    let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    Ok(File {
        id: id.clone(),
        head: format!("data:{mime};filename={name};base64,"),
    })
}

fn named(id: &EventId) -> Result<(String, i64)> {
    target(id).ok_or_else(|| missing(format!("`{id}` is not a Signal message")))
}

/// The time of a message of ours.
fn ours(id: &EventId, account: &str) -> Result<i64> {
    match named(id)? {
        (author, timestamp) if author == account => Ok(timestamp),
        _ => Err(missing(format!("`{id}` is not a message of this account"))),
    }
}

fn missing(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::NotFound, sentence)
}

fn invalid(sentence: impl Into<String>) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}
