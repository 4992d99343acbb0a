//! The log and everything committed with it: what a store must do, and the store in memory that is its model.
//!
//! Reads are by noun, writes by [`Step`]. Thinking happens outside on what was read; inside a step there are
//! comparisons only, so a step that was decided on old news is answered [`Outcome::Stale`] and decided again.

mod hint;
mod layer;
mod memory;
mod record;
mod row;
mod sealed;
mod service;
mod step;
mod trace;
mod words;

pub use hint::{Hint, Hints, Whither};
pub use layer::Layer;
pub use memory::MemoryStore;
pub use record::{Note, Noted, Record, RecordKind, Remembered};
pub use row::{
    Attention, Author, Backlog, Chat, Connection, Delivery, DeliveryFilter, DeliveryState, Depth,
    Door, LogRow, Mailbox, News, Overview, Parcel, Pending, PendingMedia, Position, SecretBox,
    Span, Standing, StateBox, Token, TraceStep,
};
pub use sealed::{KeyUse, NoPlace, Sealed, SealedOf, SealedPlace};
pub use service::{EVENT_TTL_MS, EVENTS_WAITING, ServiceEvent, ServiceKind, Subscription};
pub use step::{
    Accept, Accepted, Ack, Admin, Appended, Claim, Claimed, Commit, Done, Emit, Hand, Handing,
    LaneKey, LaneKind, LaneScope, MediaStep, NewConnection, NewMailbox, NewRecord, Offer, Once,
    Outcome, PATIENCE, PlannedPart, Renew, Settle, Settled, Skip, Step, Switch, TurnEnd, Under,
    Wake,
};

pub use trace::{Sent, Story, TurnRow};
pub use words::holds_every_word;

use crate::connector::Revision;
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq,
};
use async_trait::async_trait;
use std::fmt::Debug;

/// How long a lane waits for files that are still with their platform, in milliseconds.
pub const MEDIA_WAIT_MS: i64 = 30_000;
/// Why deliveries of a removed connection fail.
pub const CONNECTION_REMOVED: &str = "connection removed";
/// Why a delivery expired.
pub const NOT_IN_TIME: &str = "not sent in time";
/// The state of a message that no turn could answer, in its outcome row.
pub const DEAD_LETTER: &str = "dead_letter";

/// The durable heart. One implementation in memory, one on SQLite, one on PostgreSQL; one suite compares them.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Commits steps and answers each in its place, after everything is on disk.
    ///
    /// Each step is all or nothing by itself; steps of one call, and of other callers, may share a transaction. Steps
    /// of one kind keep their order; do not let a step of one call depend on one of another kind in the same call.
    ///
    /// # Errors
    /// The whole call failed and nothing of it is known to be committed.
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError>;

    /// The store's clock: the one that leases and retries go by.
    async fn now(&self) -> Result<Millis, StoreError>;

    /// Every mailbox.
    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError>;

    /// One mailbox.
    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError>;

    /// One mailbox, and the chat it looks at.
    async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError>;

    /// Every active connection.
    async fn connections(&self) -> Result<Vec<Connection>, StoreError>;

    /// One active connection.
    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError>;

    /// One chat.
    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError>;

    /// A connection's chat by its handle.
    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError>;

    /// A mailbox's chats, the one with the newest row first.
    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError>;

    /// A mailbox's chats as it sees them, the one with the newest row first.
    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError>;

    /// Records of one kind, an account's or everybody's, by their ids.
    async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError>;

    /// One record.
    async fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError>;

    /// Who is told what happens, in an account or anywhere.
    async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// What is remembered under a key.
    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError>;

    /// Who did what in an account, newest first: before a note, or the newest.
    async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError>;

    /// Which keys the sealed values name, in the order of their ids.
    async fn keys(&self) -> Result<Vec<KeyUse>, StoreError>;

    /// Sealed values that name another key than this one, in the order of their places: after a place, or from the first.
    async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError>;

    /// Whether a turn still runs: its lane is held under its fence, and the lease is not over.
    async fn runs(&self, turn: &Under) -> Result<bool, StoreError>;

    /// What a claimed turn lane has to answer now: the chat with the oldest pending waking row, and its rows.
    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError>;

    /// Rows of a chat or session, oldest first: those before `before`, or the newest.
    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError>;

    /// What others did in a mailbox's chats after `after`, and what became of what was sent: at most `limit` rows.
    async fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> Result<News, StoreError>;

    /// Rows of a chat after `after`, oldest first.
    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError>;

    /// One row.
    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError>;

    /// The row a connection's event became, or that a delivered send with this receipt came from.
    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError>;

    /// What a row is called on its platform: its event id, or the receipts of its parts, in order, and of those messages
    /// that its newest change needed besides.
    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError>;

    /// The row that something said under this key became; nothing where nothing was.
    async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError>;

    /// Readers' positions in a chat.
    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError>;

    /// A claimed out lane's rows that are not settled, oldest first.
    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Deliveries for people, newest first.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError>;

    /// Everything the rows say about one message, in order.
    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError>;

    /// Files that are still with their platform.
    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError>;

    /// When the next lane of this kind and of one of these owners, or of anybody, is due, if any sleeps with work or holds a lease.
    async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError>;

    /// What other processes committed, as they tell of it from now on; `None` where no other process can have this store
    /// open. A hint may be lost: what counts is what is read.
    fn hints(&self) -> Option<Hints>;

    /// A stored credential by its findable prefix.
    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError>;

    /// Stored credentials whose findable prefix starts like this, in its order.
    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError>;

    /// A value of an adapter's own memory.
    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError>;

    /// Rows not settled, by any connection.
    async fn outbox_depth(&self) -> Result<Depth, StoreError>;

    /// Rows not settled of one owner: a mailbox, a subscription or a connection. All of them are counted.
    async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError>;

    /// Messages of a mailbox that hold every word, newest first.
    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError>;

    /// The delivery, if it exists.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;
}

/// A store that cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be opened, and what to do.
    #[error("{what}; {fix}")]
    Refused {
        /// A stable short name, such as `already_running`.
        code: &'static str,
        /// What is wrong.
        what: String,
        /// What to do.
        fix: String,
    },
    /// The database failed. What was asked may be tried again.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
