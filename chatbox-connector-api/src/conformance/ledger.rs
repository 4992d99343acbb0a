//! The store in the suite: the one in memory, which can be made to hesitate or to fail, and counts.

use async_trait::async_trait;
use chatbox_core::connector::Revision;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq};
use chatbox_core::store::{
    Chat, Connection, Delivery, DeliveryFilter, LaneKey, LaneKind, LogRow, Mailbox, MemoryStore,
    Outcome, Pending, PendingMedia, Position, Span, StateBox, Step, Store, StoreError, Token,
    TraceStep,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A store whose commits of arrivals can be held up and made to fail. Cloned, it is the same store.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    inner: Arc<MemoryStore>,
    failures: Arc<AtomicUsize>,
    repetitions: Arc<AtomicUsize>,
    held: watch::Sender<bool>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(MemoryStore::new()),
            failures: Arc::default(),
            repetitions: Arc::default(),
            held: watch::Sender::new(false),
        }
    }

    /// The next so many commits of arrivals fail.
    pub(crate) fn fail(&self, commits: usize) {
        self.failures.store(commits, Ordering::SeqCst);
    }

    /// How many commits are still to fail.
    pub(crate) fn failures_left(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// Commits of arrivals wait from now on, or go on.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How many arrivals were recognised as repetitions.
    pub(crate) fn repetitions(&self) -> usize {
        self.repetitions.load(Ordering::SeqCst)
    }

    async fn commit_arrivals(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        // A sender that is gone takes the whole world with it.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        let one_less = |left: usize| left.checked_sub(1);
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if failing.is_ok() {
            return Err(StoreError::Failed("the disk is full".to_owned()));
        }
        let outcomes = self.inner.commit(steps).await?;
        let again = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Duplicate { .. }));
        self.repetitions.fetch_add(again.count(), Ordering::SeqCst);
        Ok(outcomes)
    }
}

#[async_trait]
impl Store for Ledger {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let arrives = |step: &Step| matches!(step, Step::Accept(_) | Step::Skip(_));
        match steps.iter().any(arrives) {
            true => self.commit_arrivals(steps).await,
            false => self.inner.commit(steps).await,
        }
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        self.inner.now().await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.inner.mailboxes().await
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.inner.connections().await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.inner.connection(id).await
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.inner.chat(id).await
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        self.inner.chat_of(connection, handle).await
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        self.inner.chats(mailbox, limit).await
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        self.inner.pending(lane).await
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.inner.history(of, before, limit).await
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.inner.since(chat, after, limit).await
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        self.inner.row(seq).await
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        self.inner.seq_of(connection, event).await
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        self.inner.names_of(seq).await
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        self.inner.positions(chat).await
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.inner.queued(lane, limit).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.inner.deliveries(filter).await
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        self.inner.trace(seq).await
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        self.inner.pending_media(connection).await
    }

    async fn next_due(&self, kind: LaneKind) -> Result<Option<Millis>, StoreError> {
        self.inner.next_due(kind).await
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        self.inner.token(prefix).await
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        self.inner.state(connection, key).await
    }

    async fn outbox_depth(&self) -> Result<u64, StoreError> {
        self.inner.outbox_depth().await
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.inner.search(mailbox, words, limit).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.inner.delivery(id).await
    }
}
