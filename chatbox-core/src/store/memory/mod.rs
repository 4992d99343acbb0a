//! The store in memory: every step and read in plain code. It is the model the engines are compared with.
//!
//! What a lane waits for: it is due when its quiet time, its back-off or its wait for files is over, whichever is
//! last. A message that arrives while a turn runs counts for the next turn, with its own waits.

mod accept;
mod admin;
mod emit;
mod focus;
mod hand;
mod happen;
mod lane;
mod read;
mod records;
mod sealed;
mod settle;
mod turn;
mod world;

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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use world::World;

/// A store that forgets when dropped.
///
/// Its clock is tokio's, counted from when it was made: where tokio's time is paused, so is the store's.
#[derive(Debug)]
pub struct MemoryStore {
    world: Mutex<World>,
    started: Instant,
    started_at: Millis,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |it| it.as_millis() as i64);
        Self {
            world: Mutex::default(),
            started: Instant::now(),
            started_at: Millis(millis),
        }
    }

    fn clock(&self) -> Millis {
        Millis(self.started_at.0 + self.started.elapsed().as_millis() as i64)
    }

    /// Steps check everything before they write anything, so a panic in one leaves the tables whole.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    fn step(&mut self, step: Step, now: Millis) -> Outcome {
        match step {
            Step::Accept(accept) => self.accept(*accept, now),
            Step::Skip(skip) => self.skip(skip),
            Step::Claim(claim) => self.claim(&claim, now),
            Step::Renew(renew) => self.renew(&renew, now),
            Step::Commit(commit) => self.commit_turn(*commit, now),
            Step::Emit(emit) => self.emit(*emit, now),
            Step::Settle(settle) => self.settle(*settle, now),
            Step::Media(media) => self.media(media, now),
            Step::Ack(ack) => self.ack(ack),
            Step::Switch(switch) => self.switch(&switch, now),
            Step::Admin(admin) => self.admin(*admin, now),
            Step::Together { all } => self.together(all, now),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let now = self.clock();
        let mut world = self.world();
        let outcomes = steps.into_iter().map(|step| world.step(step, now));
        Ok(outcomes.collect())
    }

    async fn now(&self) -> Result<Millis, StoreError> {
        Ok(self.clock())
    }

    async fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        Ok(self.world().mailboxes.values().cloned().collect())
    }

    async fn mailbox(&self, id: &MailboxId) -> Result<Option<Mailbox>, StoreError> {
        Ok(self.world().mailboxes.get(id).cloned())
    }

    async fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        let world = self.world();
        let active = world.connections.values().filter(|it| it.active);
        Ok(active.map(|it| it.connection.clone()).collect())
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        Ok(self.world().active(id).cloned())
    }

    async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        Ok(self.world().chat(id).cloned())
    }

    async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        Ok(self.world().chat_of(connection, handle).cloned())
    }

    async fn chats(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>, StoreError> {
        let world = self.world();
        let theirs = world.chats.iter().filter(|it| it.mailbox == *mailbox);
        let mut chats: Vec<Chat> = theirs.cloned().collect();
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.head));
        chats.truncate(limit as usize);
        Ok(chats)
    }

    async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError> {
        Ok(self.world().attention(id))
    }

    async fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> Result<News, StoreError> {
        Ok(self.world().news(mailbox, after, limit))
    }

    async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, StoreError> {
        Ok(self.world().overview(mailbox, limit))
    }

    async fn records(
        &self,
        kind: RecordKind,
        account: Option<&AccountId>,
    ) -> Result<Vec<Record>, StoreError> {
        let world = self.world();
        let theirs = |it: &&Record| it.kind == kind && account.is_none_or(|one| it.account == *one);
        Ok(world.records.values().filter(theirs).cloned().collect())
    }

    async fn record(&self, kind: RecordKind, id: &str) -> Result<Option<Record>, StoreError> {
        let place = (kind, id.to_owned());
        Ok(self.world().records.get(&place).cloned())
    }

    async fn subscriptions(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        let world = self.world();
        let theirs = |it: &&Subscription| account.is_none_or(|one| it.account == *one);
        let all = world.subscriptions.values().filter(theirs);
        Ok(all.cloned().collect())
    }

    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError> {
        let now = self.clock();
        let world = self.world();
        let found = world.remembered.get(key).filter(|(_, until)| *until > now);
        Ok(found.map(|(reply, _)| reply.clone()))
    }

    async fn notes(
        &self,
        account: &AccountId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let world = self.world();
        let theirs =
            |it: &&Noted| it.note.account == *account && before.is_none_or(|before| it.id < before);
        let newest = world.notes.iter().rev().filter(theirs);
        Ok(newest.take(limit as usize).cloned().collect())
    }

    async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        Ok(self.world().keys())
    }

    async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        let mut found = self.world().sealed();
        found.retain(|it| after.is_none_or(|after| it.place > *after));
        found.retain(|it| it.value().is_some_and(|value| value.key != but));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn runs(&self, turn: &Under) -> Result<bool, StoreError> {
        let now = self.clock();
        Ok(self.world().runs(turn, now))
    }

    async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        Ok(self.world().pending(lane))
    }

    async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let world = self.world();
        let newest_first = world.rows(of).rev();
        let older = newest_first.filter(|row| before.is_none_or(|before| row.seq < before));
        let mut rows: Vec<LogRow> = older.take(limit as usize).collect();
        rows.reverse();
        Ok(rows)
    }

    async fn since(&self, chat: ChatId, after: Seq, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        let world = self.world();
        let newer = world.rows(Span::Chat(chat)).filter(|row| row.seq > after);
        Ok(newer.take(limit as usize).collect())
    }

    async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        let world = self.world();
        Ok(world.entry(seq).map(|entry| world.view(entry)))
    }

    async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        Ok(self.world().seq_of(connection, event))
    }

    async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        Ok(self.world().names_of(seq))
    }

    async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError> {
        Ok(self.world().idem.get(key).copied())
    }

    async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        Ok(self.world().positions(chat))
    }

    async fn queued(&self, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.world().queued(lane, limit))
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.world().deliveries(filter))
    }

    async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        Ok(self.world().trace(seq))
    }

    async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        Ok(self.world().pending_media(connection))
    }

    async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError> {
        Ok(self.world().next_due(kind, owners))
    }

    fn hints(&self) -> Option<Hints> {
        None
    }

    async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        Ok(self.world().tokens.get(prefix).cloned())
    }

    async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        let world = self.world();
        let found = world.tokens.values();
        let found = found.filter(|token| token.prefix.starts_with(start));
        Ok(found.cloned().collect())
    }

    async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        let place = (connection.clone(), key.to_owned());
        Ok(self.world().states.get(&place).cloned())
    }

    async fn outbox_depth(&self) -> Result<Depth, StoreError> {
        Ok(self.world().depth())
    }

    async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError> {
        Ok(self.world().backlog(owner))
    }

    async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        Ok(self.world().search(mailbox, words, limit))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let world = self.world();
        Ok(world.outbox.get(&id).map(|sent| sent.delivery.clone()))
    }
}
