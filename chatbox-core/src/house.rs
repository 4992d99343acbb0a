//! What every room of the engine shares.

use crate::backend::CognitiveBackend;
use crate::connector::{AdapterError, Blobs};
use crate::id::{
    ChatId, ConnectionId, ExternalId, Fence, MailboxId, Millis, Platform, WorkerId, fresh,
};
use crate::link::{Link, locked};
use crate::places::Places;
use crate::push::{Endpoint, Passing};
use crate::rate::Rates;
use crate::room::Rooms;
use crate::seal::Seal;
use crate::store::{LaneKey, Offer, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The times and numbers an operator may change.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// A lane is held so long without a sign of life.
    pub lease: Duration,
    /// A turn may take so long.
    pub turn_timeout: Duration,
    /// So many turns run at once.
    pub turns: usize,
    /// So many chats of one connection are sent to at once.
    pub sends: usize,
    /// So many chats are handed to one mailbox at once.
    pub hands: usize,
    /// After so many hand-outs in a row that came to nothing a mailbox is paused.
    pub pause_after: u32,
    /// A reply that could not be sent for so long is not sent any more.
    pub reply_ttl: Duration,
    /// The first wait of an outbox retry; it doubles.
    pub retry_first: Duration,
    /// The longest wait of an outbox retry.
    pub retry_most: Duration,
    /// The first wait before a lost connection is opened again; it doubles.
    pub reopen_first: Duration,
    /// The longest wait before a lost connection is opened again.
    pub reopen_most: Duration,
    /// A refused credential is tried again after so long.
    pub refused: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            turn_timeout: Duration::from_secs(120),
            turns: 256,
            sends: 8,
            hands: 128,
            pause_after: 10,
            reply_ttl: Duration::from_secs(60 * 60),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(60),
            reopen_first: Duration::from_secs(1),
            reopen_most: Duration::from_secs(60),
            refused: Duration::from_secs(5 * 60),
        }
    }
}

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The platform.
    #[error("{0}")]
    Adapter(#[from] AdapterError),
    /// Nothing has this name.
    #[error("there is no {0}")]
    NotFound(String),
    /// It exists already.
    #[error("{0}")]
    Conflict(String),
    /// Another connection is this same account of the platform; two would take each other's messages.
    #[error(
        "the {platform} account {account} is in use by the connection {connection} of the mailbox {mailbox}"
    )]
    AccountInUse {
        /// Whose.
        platform: Platform,
        /// Who it is there.
        account: ExternalId,
        /// Which has it.
        connection: ConnectionId,
        /// In which mailbox.
        mailbox: MailboxId,
    },
    /// A backend answers the mailbox, and its turns have the chat they are about.
    #[error("a backend answers the mailbox {0}: each turn has its chat, and nothing to switch")]
    Unfocused(MailboxId),
    /// The turn in whose name it was to be done does not run any more: nothing was done.
    #[error("the turn is over")]
    TurnOver,
    /// The connection is not running.
    #[error("the connection {0} is not running")]
    NotRunning(ConnectionId),
}

/// What every room shares.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) tuning: Tuning,
    pub(crate) worker: WorkerId,
    /// Whether other processes may have the store open.
    pub(crate) shared: bool,
    pub(crate) rates: Rates,
    pub(crate) links: watch::Sender<HashMap<ConnectionId, Arc<Link>>>,
    pub(crate) backends: RwLock<HashMap<MailboxId, Arc<dyn CognitiveBackend>>>,
    /// Who answers a mailbox that has no backend of its own.
    pub(crate) backend: RwLock<Option<Arc<dyn CognitiveBackend>>>,
    pub(crate) endpoint: RwLock<Option<Arc<dyn Endpoint>>>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) passing: Arc<Passing>,
    pub(crate) places: Places,
    /// A turn lane may be due.
    pub(crate) turns_due: Notify,
    /// A hand-out may be due.
    pub(crate) hands_due: Arc<Notify>,
    /// No new work is begun.
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
    running: Mutex<HashMap<LaneKey, (Fence, CancellationToken)>>,
    notices: Mutex<HashMap<ChatId, Millis>>,
}

impl House {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        seal: Arc<dyn Seal>,
        tuning: Tuning,
    ) -> Self {
        let hands_due = Arc::new(Notify::new());
        Self {
            shared: store.hints().is_some(),
            store,
            blobs,
            seal,
            tuning,
            worker: WorkerId::new(fresh("worker")),
            rates: Rates::default(),
            links: watch::Sender::default(),
            backends: RwLock::default(),
            backend: RwLock::default(),
            endpoint: RwLock::default(),
            rooms: Rooms::new(hands_due.clone()),
            passing: Arc::default(),
            places: Places::default(),
            turns_due: Notify::new(),
            hands_due,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            running: Mutex::default(),
            notices: Mutex::default(),
        }
    }

    pub(crate) fn link(&self, id: &ConnectionId) -> Option<Arc<Link>> {
        self.links.borrow().get(id).cloned()
    }

    pub(crate) fn running(&self, id: &ConnectionId) -> Result<Arc<Link>, Error> {
        self.link(id).ok_or_else(|| Error::NotRunning(id.clone()))
    }

    /// A connection that runs, or begins to within `patience`.
    pub(crate) async fn link_soon(
        &self,
        id: &ConnectionId,
        patience: Duration,
    ) -> Option<Arc<Link>> {
        let mut links = self.links.subscribe();
        let begins = timeout(patience, links.wait_for(|links| links.contains_key(id))).await;
        begins.ok()?.ok()?.get(id).cloned()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.borrow().values().cloned().collect()
    }

    pub(crate) fn backend(&self, mailbox: &MailboxId) -> Option<Arc<dyn CognitiveBackend>> {
        let own = read(&self.backends).get(mailbox).cloned();
        own.or_else(|| read(&self.backend).clone())
    }

    /// The mailboxes that are answered here; `None` where all are.
    pub(crate) fn answered(&self) -> Option<Vec<MailboxId>> {
        match *read(&self.backend) {
            Some(_) => None,
            None => Some(read(&self.backends).keys().cloned().collect()),
        }
    }

    /// Where hand-outs go from here.
    pub(crate) fn endpoint(&self) -> Option<Arc<dyn Endpoint>> {
        read(&self.endpoint).clone()
    }

    /// Whether arrivals of a mailbox may be taken for a turn at once.
    pub(crate) fn answers(&self, mailbox: &MailboxId) -> bool {
        !self.closing.is_cancelled() && self.backend(mailbox).is_some()
    }

    pub(crate) fn offer(&self) -> Offer {
        Offer {
            worker: self.worker.clone(),
            lease_ms: millis(self.tuning.lease),
        }
    }

    /// Remembers how to stop the turn of a lane.
    pub(crate) fn turn_began(&self, lane: &LaneKey, fence: Fence, stop: CancellationToken) {
        locked(&self.running).insert(lane.clone(), (fence, stop));
    }

    pub(crate) fn turn_ended(&self, lane: &LaneKey, fence: Fence) {
        let mut running = locked(&self.running);
        if running
            .get(lane)
            .is_some_and(|(current, _)| *current == fence)
        {
            running.remove(lane);
        }
    }

    /// Stops the turn of a lane; whether one ran.
    pub(crate) fn stop_turn(&self, lane: &LaneKey) -> bool {
        let running = locked(&self.running).get(lane).cloned();
        running.inspect(|(_, stop)| stop.cancel()).is_some()
    }

    /// Whether a chat may be told about a failure now; it may not again for `cooldown_ms`.
    pub(crate) fn may_notify(&self, chat: ChatId, cooldown_ms: i64) -> bool {
        let now = wall_clock();
        let mut notices = locked(&self.notices);
        notices.retain(|_, at| now.0 - at.0 < cooldown_ms);
        match notices.entry(chat) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(now);
                true
            }
        }
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Ten thousand years: what takes longer takes for ever, and the store can still add it to a time.
const FOREVER: Duration = Duration::from_secs(10_000 * 365 * 24 * 60 * 60);

/// Milliseconds, as the store counts them.
pub(crate) fn millis(duration: Duration) -> i64 {
    duration.min(FOREVER).as_millis() as i64
}

/// This machine's clock: for the age of events and pairing codes. Leases and retries go by the store's.
pub(crate) fn wall_clock() -> Millis {
    Millis(millis(
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_ever_can_be_counted_from_now() {
        let now = wall_clock().0;
        assert!(now.checked_add(millis(Duration::MAX)).is_some());
    }
}
