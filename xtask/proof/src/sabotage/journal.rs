//! A store that writes its steps into the write-ahead log of a database and does not wait for the disk
//! (`synchronous=OFF`). What it answers from stands in memory.

use async_trait::async_trait;
use chatbox_core::connector::Revision;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq};
use chatbox_core::store::{
    Chat, Connection, Delivery, DeliveryFilter, LaneKey, LaneKind, LogRow, Mailbox, MemoryStore,
    Outcome, Pending, PendingMedia, Position, Span, StateBox, Step, Store, StoreError, Token,
    TraceStep,
};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use std::path::Path;
use tokio::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Journal {
    memory: MemoryStore,
    file: Mutex<SqliteConnection>,
}

impl Journal {
    pub(crate) async fn open(path: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let mut file = options.connect().await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS journal (step TEXT NOT NULL)")
            .execute(&mut file)
            .await?;
        Ok(Self {
            memory: MemoryStore::new(),
            file: Mutex::new(file),
        })
    }
}

#[async_trait]
impl Store for Journal {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
        let text = serde_json::to_string(&steps).map_err(|error| failed(&error))?;
        let outcomes = self.memory.commit(steps).await?;
        let mut file = self.file.lock().await;
        let written = sqlx::query("INSERT INTO journal VALUES (?)")
            .bind(text)
            .execute(&mut *file)
            .await;
        written.map_err(|error| failed(&error))?;
        Ok(outcomes)
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        self.memory.now().await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.memory.mailboxes().await
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.memory.connections().await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.memory.connection(id).await
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.memory.chat(id).await
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        self.memory.chat_of(connection, handle).await
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        self.memory.chats(mailbox, limit).await
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        self.memory.pending(lane).await
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.memory.history(of, before, limit).await
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.memory.since(chat, after, limit).await
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        self.memory.row(seq).await
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        self.memory.seq_of(connection, event).await
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        self.memory.names_of(seq).await
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        self.memory.positions(chat).await
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.memory.queued(lane, limit).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.memory.deliveries(filter).await
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        self.memory.trace(seq).await
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        self.memory.pending_media(connection).await
    }

    async fn next_due(&self, kind: LaneKind) -> Result<Option<Millis>, StoreError> {
        self.memory.next_due(kind).await
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        self.memory.token(prefix).await
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        self.memory.state(connection, key).await
    }

    async fn outbox_depth(&self) -> Result<u64, StoreError> {
        self.memory.outbox_depth().await
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.memory.search(mailbox, words, limit).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.memory.delivery(id).await
    }
}
