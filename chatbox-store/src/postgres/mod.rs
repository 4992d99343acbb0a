//! The store on PostgreSQL. Deciding happens in one server-side function; here are the way to it, the reads, and
//! what a server must be before its word is taken.
//!
//! Many processes may share one database: appends are serialised by its head row, lanes are taken by whoever comes
//! first, and every time is the server's.

mod decode;
mod neighbours;
mod open;
mod read;
mod readers;
mod records;
mod sealed;
mod trace;
mod wire;
mod writer;

use crate::restored::Doubtful;
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
use neighbours::Neighbours;
use readers::Readers;
use std::time::Duration;
use writer::Writer;

pub use open::VERSION;

/// A server that does not answer for so long is not there any more. What it was asked to commit may be done or not, as when
/// it goes away in the middle.
const SILENCE: Duration = Duration::from_secs(15);

/// A store on PostgreSQL 15 or newer, in the database's schema `chatbox`.
///
/// Dropping it closes its connections once what was handed to it is committed.
#[derive(Debug)]
pub struct PostgresStore {
    readers: Readers,
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
            readers: Readers::new(options.clone()),
            writer: Writer::start(options, neighbours.teller()),
            neighbours,
        })
    }

    /// Which keys the sealed values of a database name, before it is opened: nothing is written.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn keys_before(url: &str) -> Result<Vec<KeyUse>, StoreError> {
        open::keys(&open::options(url)?).await
    }

    /// Gives up what a database was about to do when it was dumped: to be asked for once, after loading a dump and
    /// before anybody opens it, since it may have been done in between.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn settle_restored(url: &str) -> Result<Doubtful, StoreError> {
        let options = open::options(url)?;
        open::prepare(&options).await?;
        open::settle(&options).await
    }
}

fn silent() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut))
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
        let pool = self.readers.pool();
        self.readers.answer(read::now(&pool)).await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::mailboxes(&pool, None)).await
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError> {
        let pool = self.readers.pool();
        let found = self.readers.answer(read::mailboxes(&pool, Some(id)));
        Ok(found.await?.pop())
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::connections(&pool, None)).await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let pool = self.readers.pool();
        let found = self.readers.answer(read::connections(&pool, Some(id)));
        Ok(found.await?.pop())
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::chat(&pool, id)).await
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::chat_of(&pool, connection, handle))
            .await
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::chats(&pool, mailbox, limit))
            .await
    }

    async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::attention(&pool, id)).await
    }

    async fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> Result<News, StoreError> {
        let pool = self.readers.pool();
        let found = read::news(&pool, mailbox, after, limit);
        self.readers.answer(found).await
    }

    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::overview(&pool, mailbox, limit))
            .await
    }

    async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError> {
        let pool = self.readers.pool();
        let found = records::all(&pool, kind, account, None);
        self.readers.answer(found).await
    }

    async fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError> {
        let pool = self.readers.pool();
        let found = records::all(&pool, kind, None, Some(id));
        Ok(self.readers.answer(found).await?.pop())
    }

    async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        let pool = self.readers.pool();
        let found = records::subscriptions(&pool, account);
        self.readers.answer(found).await
    }

    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(records::remembered(&pool, key)).await
    }

    async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let pool = self.readers.pool();
        let found = records::notes(&pool, account, before, limit);
        self.readers.answer(found).await
    }

    async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(sealed::keys(&pool)).await
    }

    async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        let pool = self.readers.pool();
        let found = sealed::sealed(&pool, but, after, limit);
        self.readers.answer(found).await
    }

    async fn runs(&self, turn: &Under) -> Result<bool, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(sealed::runs(&pool, turn)).await
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::pending(&pool, lane)).await
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::history(&pool, of, before, limit))
            .await
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::since(&pool, chat, after, limit))
            .await
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::row(&pool, seq)).await
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::seq_of(&pool, connection, event))
            .await
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::names_of(&pool, seq)).await
    }

    async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::said(&pool, key)).await
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::positions(&pool, chat)).await
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::queued(&pool, lane, limit)).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::deliveries(&pool, filter)).await
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(trace::trace(&pool, seq)).await
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::pending_media(&pool, connection))
            .await
    }

    async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::next_due(&pool, kind, owners))
            .await
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.neighbours.hints())
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::token(&pool, prefix)).await
    }

    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::tokens(&pool, start)).await
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::state(&pool, connection, key))
            .await
    }

    async fn outbox_depth(&self) -> Result<Depth, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::outbox_depth(&pool)).await
    }

    async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::backlog(&pool, owner)).await
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let pool = self.readers.pool();
        self.readers
            .answer(read::search(&pool, mailbox, words, limit))
            .await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let pool = self.readers.pool();
        self.readers.answer(read::delivery(&pool, id)).await
    }
}
