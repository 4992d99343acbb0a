//! Turns, files and waiting, for tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use async_trait::async_trait;
use chatbox_core::backend::{Growing, Turn};
use chatbox_core::connector::{BlobError, Blobs, ByteStream};
use chatbox_core::event::{Attachment, ChatKind, Content, EventBody, Media};
use chatbox_core::id::{ChatId, EventId, Fence, MediaId, Millis, Seq, SessionId};
use chatbox_core::store::{Author, Chat, LogRow};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;

/// Long enough for a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// A turn between two about these messages.
pub fn turn(new: &[&str]) -> Turn {
    let new: Vec<LogRow> = (10..)
        .zip(new)
        .map(|(seq, text)| said(seq, Content::text(*text)))
        .collect();
    Turn {
        mailbox: "agent".into(),
        chat: Chat {
            id: ChatId(1),
            connection: "c".into(),
            mailbox: "agent".into(),
            platform: "alpha".into(),
            handle: "7".into(),
            kind: ChatKind::Dm,
            name: None,
            session: SessionId(1),
            head: Seq(99),
        },
        upto: new.last().map_or(Seq::ZERO, |row| row.seq),
        context: Vec::new(),
        new,
        fence: Fence(1),
        attempt: 1,
        token: chatbox_core::secret::Secret::new("turn_of_a_test"),
        cancelled: Default::default(),
        blobs: None,
    }
}

/// A person's message.
pub fn said(seq: i64, content: Content) -> LogRow {
    LogRow {
        seq: Seq(seq),
        chat: ChatId(1),
        author: Author::Person {
            id: "7".into(),
            name: Some("Ann".to_owned()),
        },
        out: false,
        body: EventBody::Message(content),
        event: Some(EventId::new(seq.to_string())),
        target: None,
        late: false,
        wakes: true,
        at: Millis(seq),
    }
}

/// The agent's own message.
pub fn answered(seq: i64, text: &str) -> LogRow {
    let author = Author::Mailbox { id: "agent".into() };
    LogRow {
        author,
        out: true,
        event: None,
        ..said(seq, Content::text(text))
    }
}

/// A stored file.
pub fn file(id: &str, mime: &str) -> Attachment {
    let media = Media::Ready { id: id.into() };
    Attachment {
        name: format!("{id}.png"),
        mime: mime.to_owned(),
        size: None,
        media,
    }
}

/// Waits until the growing reply is `wanted`.
pub async fn until_shown(shown: &mut watch::Receiver<Growing>, wanted: &str) {
    let seen = tokio::time::timeout(SOON, shown.wait_for(|growing| growing.text == wanted)).await;
    assert!(matches!(seen, Ok(Ok(_))), "`{wanted}` is not shown");
}

/// Files in memory.
#[derive(Debug, Default)]
pub struct Files(pub HashMap<MediaId, Vec<u8>>);

#[async_trait]
impl Blobs for Files {
    async fn put(
        &self,
        _: &str,
        _: &str,
        max: u64,
        _: ByteStream,
    ) -> Result<Attachment, BlobError> {
        Err(BlobError::TooLarge(max))
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let bytes = self
            .0
            .get(id)
            .ok_or_else(|| BlobError::NotFound(id.clone()))?
            .clone();
        let size = bytes.len() as u64;
        Ok((
            size,
            Box::pin(futures_util::stream::iter([Ok(bytes.into())])),
        ))
    }

    async fn remove(&self, id: &MediaId) -> Result<(), BlobError> {
        Err(BlobError::NotFound(id.clone()))
    }
}
