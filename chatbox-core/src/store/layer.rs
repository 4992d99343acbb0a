//! A store upon a store: it has its own way of committing and reads what the one beneath it reads.

use super::{
    Attention, Backlog, Chat, Connection, Delivery, DeliveryFilter, Depth, Hints, KeyUse, LaneKey,
    LaneKind, LogRow, Mailbox, News, Noted, Outcome, Overview, Pending, PendingMedia, Position,
    Record, RecordKind, Remembered, Sealed, SealedPlace, Span, StateBox, Step, Store, StoreError,
    Subscription, Token, TraceStep, Under,
};
use crate::connector::Revision;
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq,
};
use async_trait::async_trait;
use std::fmt::Debug;

/// What changes, counts or delays commits on their way to another store. Every layer is a [`Store`].
#[async_trait]
pub trait Layer: Debug + Send + Sync + 'static {
    /// The store beneath, which answers every read.
    fn beneath(&self) -> &dyn Store;

    /// As [`Store::commit`].
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError>;

    /// As [`Store::hints`].
    fn hints(&self) -> Option<Hints> {
        self.beneath().hints()
    }
}

#[async_trait]
impl<L: Layer> Store for L {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        Layer::commit(self, steps).await
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        self.beneath().now().await
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.beneath().mailboxes().await
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError> {
        self.beneath().mailbox(id).await
    }

    async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError> {
        self.beneath().attention(id).await
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.beneath().connections().await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.beneath().connection(id).await
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        self.beneath().chat(id).await
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        self.beneath().chat_of(connection, handle).await
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        self.beneath().chats(mailbox, limit).await
    }

    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError> {
        self.beneath().overview(mailbox, limit).await
    }

    async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError> {
        self.beneath().records(kind, account).await
    }

    async fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError> {
        self.beneath().record(kind, id).await
    }

    async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.beneath().subscriptions(account).await
    }

    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError> {
        self.beneath().remembered(key).await
    }

    async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        self.beneath().notes(account, before, limit).await
    }

    async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.beneath().keys().await
    }

    async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        self.beneath().sealed(but, after, limit).await
    }

    async fn runs(&self, turn: &Under) -> Result<bool, StoreError> {
        self.beneath().runs(turn).await
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        self.beneath().pending(lane).await
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.beneath().history(of, before, limit).await
    }

    async fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> Result<News, StoreError> {
        self.beneath().news(mailbox, after, limit).await
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.beneath().since(chat, after, limit).await
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        self.beneath().row(seq).await
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        self.beneath().seq_of(connection, event).await
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        self.beneath().names_of(seq).await
    }

    async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError> {
        self.beneath().said(key).await
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        self.beneath().positions(chat).await
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.beneath().queued(lane, limit).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        self.beneath().deliveries(filter).await
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        self.beneath().trace(seq).await
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        self.beneath().pending_media(connection).await
    }

    async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError> {
        self.beneath().next_due(kind, owners).await
    }

    fn hints(&self) -> Option<Hints> {
        Layer::hints(self)
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        self.beneath().token(prefix).await
    }

    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        self.beneath().tokens(start).await
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        self.beneath().state(connection, key).await
    }

    async fn outbox_depth(&self) -> Result<Depth, StoreError> {
        self.beneath().outbox_depth().await
    }

    async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError> {
        self.beneath().backlog(owner).await
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.beneath().search(mailbox, words, limit).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.beneath().delivery(id).await
    }
}
