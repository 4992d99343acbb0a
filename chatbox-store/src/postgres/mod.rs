//! The store on PostgreSQL. Deciding happens in one server-side function; here are the way to it, the reads, and
//! what a server must be before its word is taken.
//!
//! Many processes may share one database: appends are serialised by its head row, lanes are taken by whoever comes
//! first, and every time is the server's.

mod decode;
mod neighbours;
mod open;
mod read;
mod trace;
mod wire;
mod writer;

use async_trait::async_trait;
use chatbox_core::connector::Revision;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq};
use chatbox_core::store::{
    Chat, Connection, Delivery, DeliveryFilter, Hints, LaneKey, LaneKind, LogRow, Mailbox, Outcome,
    Overview, Pending, PendingMedia, Position, Span, StateBox, Step, Store, StoreError, Token,
    TraceStep,
};
use neighbours::Neighbours;
use sqlx::PgPool;
use writer::Writer;

/// A store on PostgreSQL 15 or newer, in the database's schema `chatbox`.
///
/// Dropping it closes its connections once what was handed to it is committed.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    writer: Writer,
    neighbours: Neighbours,
}

impl PostgresStore {
    /// Connects, checks that the server keeps what it was told, and brings the tables to this version.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with code `bad_url`, `server_too_old`, `not_durable` or `schema_too_new` says what to
    /// change; [`StoreError::Failed`] that the server cannot be reached.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = open::options(url)?;
        open::prepare(&options).await?;
        let neighbours = Neighbours::start(options.clone());
        Ok(Self {
            pool: open::pool(options.clone()),
            writer: Writer::start(options, neighbours.teller()),
            neighbours,
        })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolClosed => StoreError::Closed,
        error => StoreError::Failed(error.to_string()),
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        self.writer.commit(steps).await
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        read::now(&self.pool).await.map_err(failed)
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        read::mailboxes(&self.pool, None).await.map_err(failed)
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError> {
        let found = read::mailboxes(&self.pool, Some(id)).await;
        Ok(found.map_err(failed)?.pop())
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        read::connections(&self.pool, None).await.map_err(failed)
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let found = read::connections(&self.pool, Some(id)).await;
        Ok(found.map_err(failed)?.pop())
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        read::chat(&self.pool, id).await.map_err(failed)
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        let found = read::chat_of(&self.pool, connection, handle).await;
        found.map_err(failed)
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        let found = read::chats(&self.pool, mailbox, limit).await;
        found.map_err(failed)
    }

    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError> {
        let chats = read::overview(&self.pool, mailbox, limit).await;
        chats.map_err(failed)
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        read::pending(&self.pool, lane).await.map_err(failed)
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let found = read::history(&self.pool, of, before, limit).await;
        found.map_err(failed)
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        let found = read::since(&self.pool, chat, after, limit).await;
        found.map_err(failed)
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        read::row(&self.pool, seq).await.map_err(failed)
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        let found = read::seq_of(&self.pool, connection, event).await;
        found.map_err(failed)
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        read::names_of(&self.pool, seq).await.map_err(failed)
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        read::positions(&self.pool, chat).await.map_err(failed)
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let found = read::queued(&self.pool, lane, limit).await;
        found.map_err(failed)
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        read::deliveries(&self.pool, filter).await.map_err(failed)
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        trace::trace(&self.pool, seq).await.map_err(failed)
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        let found = read::pending_media(&self.pool, connection).await;
        found.map_err(failed)
    }

    async fn next_due(
        &self,
        kind: LaneKind,
        owners: &[String],
    ) -> Result<Option<Millis>, StoreError> {
        let due = read::next_due(&self.pool, kind, owners).await;
        due.map_err(failed)
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.neighbours.hints())
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        read::token(&self.pool, prefix).await.map_err(failed)
    }

    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        read::tokens(&self.pool, start).await.map_err(failed)
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        let found = read::state(&self.pool, connection, key).await;
        found.map_err(failed)
    }

    async fn outbox_depth(&self) -> Result<u64, StoreError> {
        read::outbox_depth(&self.pool).await.map_err(failed)
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let found = read::search(&self.pool, mailbox, words, limit).await;
        found.map_err(failed)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        read::delivery(&self.pool, id).await.map_err(failed)
    }
}
