//! What a native platform sees of the log: the chats of its own connection and nothing else.

use crate::connector::{Line, News, Positions, Transcript, TranscriptError, Voice};
use crate::id::{ConnectionId, ExternalId, Handle, MailboxId, Seq};
use crate::store::{Ack, Author, Chat, LogRow, Outcome, Span, Step, Store, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::broadcast;

/// One connection's view of the store.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) connection: ConnectionId,
    pub(crate) mailbox: MailboxId,
    pub(crate) news: broadcast::Sender<News>,
}

#[async_trait]
impl Transcript for Window {
    async fn since(
        &self,
        chat: &Handle,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        let Some(chat) = self.chat(chat).await? else {
            return Ok(Vec::new());
        };
        let rows = self.store.since(chat.id, after, limit).await?;
        Ok(rows.into_iter().map(line).collect())
    }

    async fn before(
        &self,
        chat: &Handle,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        let Some(chat) = self.chat(chat).await? else {
            return Ok(Vec::new());
        };
        let rows = self
            .store
            .history(Span::Chat(chat.id), before, limit)
            .await?;
        Ok(rows.into_iter().map(line).collect())
    }

    async fn positions(&self, chat: &Handle) -> Result<Positions, TranscriptError> {
        let Some(chat) = self.chat(chat).await? else {
            return Ok(Positions::default());
        };
        let all = self.store.positions(chat.id).await?;
        let agent = all
            .into_iter()
            .find(|position| position.reader == self.mailbox.as_str());
        let (handed, seen) =
            agent.map_or((Seq::ZERO, Seq::ZERO), |agent| (agent.handed, agent.seen));
        Ok(Positions {
            handed,
            seen,
            head: chat.head,
        })
    }

    async fn mark_seen(
        &self,
        chat: &Handle,
        person: &ExternalId,
        seen: Seq,
    ) -> Result<(), TranscriptError> {
        let Some(chat) = self.chat(chat).await? else {
            return Err(TranscriptError::Future(seen));
        };
        let reader = format!("{}:{person}", chat.platform);
        let ack = Step::Ack(Ack {
            chat: chat.id,
            reader,
            seen,
        });
        match self.store.commit(vec![ack]).await?.first() {
            Some(Outcome::Stale) => Err(TranscriptError::Future(seen)),
            _ => Ok(()),
        }
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }
}

impl Window {
    async fn chat(&self, handle: &Handle) -> Result<Option<Chat>, StoreError> {
        self.store.chat_of(&self.connection, handle).await
    }
}

impl From<StoreError> for TranscriptError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A row as its chat sees it.
pub(crate) fn line(row: LogRow) -> Line {
    let from = match row.author {
        Author::Person { id, name } => Voice::Person { id, name },
        Author::Mailbox { .. } => Voice::Agent,
        Author::System => Voice::System,
    };
    Line {
        seq: row.seq,
        at: row.at,
        from,
        body: row.body,
        target: row.target,
        event: row.event,
    }
}
