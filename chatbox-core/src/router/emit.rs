//! What is to be said, as a row and the parts by which its platform is told.

use crate::connector;
use crate::event::{Content, EventBody};
use crate::house::{House, millis};
use crate::id::{ChatId, EventId, Seq};
use crate::link::Link;
use crate::plan;
use crate::store::{Author, Emit, PlannedPart};

/// What a row is to say, as an emit. Plans the parts by the link's capabilities.
///
/// # Errors
/// What the platform does not offer, before anything is stored.
pub(crate) fn compose(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    content: Content,
) -> connector::Result<Emit> {
    let parts = match link.is_native() {
        true => Vec::new(),
        false => plan::message(&content, &link.capabilities, &*link.dialect)?,
    };
    Ok(emit(
        house,
        link,
        chat,
        author,
        EventBody::Message(content),
        None,
        parts,
    ))
}

/// What a reply is to say whose beginning is a row already.
///
/// # Errors
/// As [`compose`].
pub(crate) fn complete(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    content: Content,
    begun: Seq,
) -> connector::Result<Emit> {
    let parts = plan::complete(&content, &link.capabilities, &*link.dialect)?;
    let target = EventId::new(begun.to_string());
    let body = EventBody::Edit { target, content };
    Ok(emit(house, link, chat, author, body, Some(begun), parts))
}

/// A reply whose beginning is a row already, and which is not to be.
pub(crate) fn take_back(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    begun: Seq,
) -> Emit {
    let parts = plan::take_back(&link.capabilities);
    let target = EventId::new(begun.to_string());
    let body = EventBody::Delete { target };
    emit(house, link, chat, author, body, Some(begun), parts)
}

/// What the house itself tells people in a chat.
pub(crate) fn notice(
    house: &House,
    link: &Link,
    chat: ChatId,
    text: &str,
) -> connector::Result<Emit> {
    compose(house, link, chat, Author::System, Content::text(text))
}

pub(super) fn emit(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    body: EventBody,
    target: Option<Seq>,
    parts: Vec<PlannedPart>,
) -> Emit {
    Emit {
        mailbox: link.mailbox.clone(),
        author,
        chat,
        body,
        target,
        parts,
        class: link.capabilities.delivery,
        ttl_ms: millis(house.tuning.reply_ttl),
        idem: None,
        under: None,
    }
}
