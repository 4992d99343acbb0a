//! The store on one SQLite file, for one process.
//!
//! One task writes; a few connections read. What a step does is written in SQL, in the files beside this one: a batch of
//! steps is one command to the database. Decides nothing that a step does not say.

mod backup;
mod batch;
mod encode;
mod open;
mod read;
mod search;
mod tokens;
mod writer;

use async_trait::async_trait;
use chatbox_core::connector::Revision;
use chatbox_core::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq,
};
use chatbox_core::store::{
    Attention, Backlog, Chat, Connection, Delivery, DeliveryFilter, Depth, Hints, KeyUse, LaneKey,
    LaneKind, LogRow, Mailbox, News, Noted, Outcome, Overview, Pending, PendingMedia, Position,
    Record, RecordKind, Remembered, Sealed, SealedPlace, Span, StateBox, Step, Store, StoreError,
    Subscription, Token, TraceStep, Under,
};
use read::Reader;
use std::path::Path;
use std::time::Duration;
use tokens::Tokens;
use writer::Writer;

pub use backup::{Restored, Saved};
pub use open::SCHEMA;

/// How a file is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Connections that read.
    pub readers: u32,
    /// How long to wait for a lock that a tool beside us holds.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            readers: 4,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// The log in one SQLite file. Clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Writer,
    reader: Reader,
    tokens: Tokens,
}

impl SqliteStore {
    /// Opens the file, made with its folder if it is not there, and ends the leases that a process before us held.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with a code: `already_running`, `not_a_database`, `not_writable`, `schema_too_new`,
    /// `sqlite_too_old`, `weak_durability`. Nothing has been written then.
    pub async fn open(path: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let opened = open::open(path, &options).await?;
        let tokens = Tokens::default();
        Ok(Self {
            writer: Writer::start(opened.writing, opened.lock, tokens.clone()),
            reader: Reader::new(opened.reading),
            tokens,
        })
    }

    /// Which keys the sealed values of a file name, before it is opened: the file stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with a code: `already_running`, `not_a_database`, `not_writable`, `schema_too_new`.
    pub async fn keys_before(path: &Path) -> Result<Vec<KeyUse>, StoreError> {
        open::keys(path).await
    }

    /// Writes everything committed so far into a new file, which its owner alone can read, and checks it. Whoever has
    /// the database open goes on meanwhile. Nothing is left of a backup that failed.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with a code: `exists`, `io_error`, `damaged`.
    pub async fn save(database: &Path, to: &Path) -> Result<Saved, StoreError> {
        backup::save(database, to).await
    }

    /// Puts a backup in the place of a database that nobody has open, and what was there aside. What the backup was
    /// about to do is not done: see [`crate::Doubtful`].
    ///
    /// # Errors
    /// [`StoreError::Refused`] with a code: `already_running`, `not_a_database`, `not_a_backup`, `schema_too_new`,
    /// `damaged`, `io_error`. The database is as it was then.
    pub async fn restore(backup: &Path, database: &Path) -> Result<Restored, StoreError> {
        backup::restore(backup, database).await
    }

    /// Gives up what a database was about to do when it was saved: for one that was put in its place by hand.
    ///
    /// # Errors
    /// [`StoreError::Refused`] as [`Self::open`] does.
    pub async fn settle_restored(database: &Path) -> Result<crate::Doubtful, StoreError> {
        Self::open(database, SqliteOptions::default())
            .await?
            .close()
            .await;
        let _lock = open::take(database)?;
        backup::settle(database).await
    }

    /// Commits what is queued, closes the file and gives it up to the next process. Everything after is
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        self.writer.commit(&steps).await
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        self.reader.now().await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.reader.mailboxes(None).await
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError> {
        Ok(self.reader.mailboxes(Some(id)).await?.pop())
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.reader.connections(None).await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        Ok(self.reader.connections(Some(id)).await?.pop())
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.reader.chat(id).await
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        self.reader.chat_of(connection, handle).await
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        self.reader.chats(mailbox, limit).await
    }

    async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError> {
        self.reader.attention(id).await
    }

    async fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> Result<News, StoreError> {
        self.reader.news(mailbox, after, limit).await
    }

    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError> {
        self.reader.overview(mailbox, limit).await
    }

    async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError> {
        self.reader.records(kind, account).await
    }

    async fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError> {
        self.reader.record(kind, id).await
    }

    async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.reader.subscriptions(account).await
    }

    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError> {
        self.reader.remembered(key).await
    }

    async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        self.reader.notes(account, before, limit).await
    }

    async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.reader.keys().await
    }

    async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        self.reader.sealed(but, after, limit).await
    }

    async fn runs(&self, turn: &Under) -> Result<bool, StoreError> {
        self.reader.runs(turn).await
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        self.reader.pending(lane).await
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.reader.history(of, before, limit).await
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.reader.since(chat, after, limit).await
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        self.reader.row(seq).await
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        self.reader.seq_of(connection, event).await
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        self.reader.names_of(seq).await
    }

    async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError> {
        self.reader.said(key).await
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        self.reader.positions(chat).await
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.reader.queued(lane, limit).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.reader.deliveries(filter).await
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        self.reader.trace(seq).await
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        self.reader.pending_media(connection).await
    }

    async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError> {
        self.reader.next_due(kind, owners).await
    }

    fn hints(&self) -> Option<Hints> {
        None
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        let begun = match self.tokens.known(prefix) {
            Ok(token) => return Ok(Some(token)),
            Err(begun) => begun,
        };
        let token = self.reader.token(prefix).await?;
        if let Some(token) = &token {
            self.tokens.read(token, begun);
        }
        Ok(token)
    }

    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        self.reader.tokens(start).await
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        self.reader.state(connection, key).await
    }

    async fn outbox_depth(&self) -> Result<Depth, StoreError> {
        self.reader.outbox_depth().await
    }

    async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError> {
        self.reader.backlog(owner).await
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        if self.reader.unindexed().await? {
            self.writer.index().await?;
        }
        self.reader.search(mailbox, words, limit).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.reader.delivery(id).await
    }
}
