//! Files of a mailbox: those it has, and those its agent brings along.

use super::Desk;
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use bytes::Bytes;
use chatbox_core::connector::{BlobError, Limits};
use chatbox_core::event::{Attachment, Content, Media};
use chatbox_core::id::Seq;
use chatbox_core::store::Chat;
use chatbox_core::{Error, Say};
use futures_util::{StreamExt, stream};

/// A file that came along with a call.
#[derive(Debug)]
pub(in crate::mcp) struct Brought {
    pub(in crate::mcp) name: String,
    pub(in crate::mcp) mime: String,
    pub(in crate::mcp) bytes: Bytes,
}

/// A file of a message that is not said yet.
#[derive(Debug)]
pub(in crate::mcp) enum Enclosed {
    /// It is here already.
    Here(Attachment),
    /// It came along.
    Brought(Brought),
}

impl Desk {
    /// What files the platform of a chat takes.
    pub(in crate::mcp) fn takes_files(&self, chat: &Chat) -> Result<Limits, Refusal> {
        let links = self.app.chatbox.links();
        let link = links.into_iter().find(|link| link.id == chat.connection);
        let link = link.ok_or_else(|| Error::NotRunning(chat.connection.clone()))?;
        link.capabilities.media.ok_or_else(|| {
            Refusal::new(
                "unsupported",
                "this chat's platform takes no files; nothing was sent",
                "Call send_message without files and say it in words instead.",
            )
        })
    }

    /// A file of a message of this mailbox.
    pub(in crate::mcp) async fn file(&self, name: &Name) -> Result<Attachment, Refusal> {
        let (seq, nth) = name.file()?;
        let (row, _) = self.message(seq).await?;
        let file = row.body.content().and_then(|it| it.attachments.get(nth));
        match file {
            Some(file) if matches!(file.media, Media::Ready { .. }) => Ok(file.clone()),
            Some(_) => Err(Refusal::new(
                "file_not_ready",
                "that file is not here: it is still to come, or will not",
                "Call read_messages to see whether it is ready, and send it then.",
            )),
            None => Err(Refusal::new(
                "file_not_found",
                "that message has no such file",
                "Call read_messages and copy the id of one of its files.",
            )),
        }
    }

    /// Says something with these files, in their order. Those that came along are stored first, and taken back where
    /// nothing is said.
    pub(in crate::mcp) async fn send(
        &self,
        chat: &Chat,
        mut content: Content,
        files: Vec<Enclosed>,
    ) -> Result<Seq, Refusal> {
        let mut kept = Vec::new();
        for file in files {
            let file = match file {
                Enclosed::Here(file) => file,
                Enclosed::Brought(brought) => match self.keep(brought).await {
                    Ok(file) => {
                        kept.push(file.clone());
                        file
                    }
                    Err(refusal) => {
                        self.forget(&kept).await;
                        return Err(refusal);
                    }
                },
            };
            content.attachments.push(file);
        }
        let said = self.emit(chat, Say::Message(content)).await;
        // A store that failed may have it all the same.
        if matches!(&said, Err(error) if !matches!(error, Error::Store(_))) {
            self.forget(&kept).await;
        }
        Ok(said?)
    }

    async fn keep(&self, file: Brought) -> Result<Attachment, Refusal> {
        let Brought { name, mime, bytes } = file;
        let most = bytes.len() as u64;
        let bytes = stream::once(async move { Ok(bytes) }).boxed();
        let kept = self
            .app
            .chatbox
            .blobs()
            .put(&name, &mime, most, bytes)
            .await;
        kept.map_err(|error| {
            tracing::error!(%error, "a file could not be stored");
            if let BlobError::NoRoom(_) = error {
                let says = "there is no room for the file; nothing was sent";
                return Refusal::new("no_room", says, "Send the message without the file.");
            }
            let says = "the file cannot be stored now; nothing was sent";
            Refusal::new("try_later", says, "Make the same call again in a moment.")
        })
    }

    async fn forget(&self, files: &[Attachment]) {
        for file in files {
            if let Media::Ready { id } = &file.media
                && let Err(error) = self.app.chatbox.blobs().remove(id).await
            {
                tracing::warn!(%error, file = %id, "a file that no message names could not be removed");
            }
        }
    }
}
