//! One live connection: what is known of it in this process. Others read; `supervise` and `router` write.

use crate::admit::Policy;
use crate::connector::{Capabilities, DeliveryClass, LinkState, News, Parts, Revision};
use crate::id::{ConnectionId, ExternalId, Handle, MailboxId, Platform};
use crate::markup::Dialect;
use crate::meters;
use crate::store::{Connection, SecretBox};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many news a slow socket may fall behind before it must read the log.
const NEWS: usize = 1024;
/// How many files of one connection are fetched at once.
const FETCHES: usize = 4;

/// One live connection.
#[derive(Debug)]
pub struct Link {
    /// Its id.
    pub id: ConnectionId,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The network.
    pub platform: Platform,
    /// Who it is on the network.
    pub own: ExternalId,
    /// What its adapter can do.
    pub capabilities: Capabilities,
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) parts: Parts,
    pub(crate) news: broadcast::Sender<News>,
    pub(crate) due: Notify,
    /// So many of its files are fetched at once.
    pub(crate) fetches: Semaphore,
    /// Nobody may be reading it any more.
    pub(crate) vacant: Notify,
    pub(crate) stop: CancellationToken,
    made_of: (ExternalId, String, Option<SecretBox>),
    policy: Mutex<(Arc<Policy>, Revision)>,
    health: watch::Sender<Health>,
    pause: Mutex<Option<Instant>>,
    rests: Mutex<HashMap<Handle, Instant>>,
    begins: Mutex<Option<Instant>>,
}

/// How a connection stands, for people and checks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Health {
    /// The link.
    #[serde(flatten)]
    pub state: LinkState,
    /// When the platform last showed life on it, in seconds since 1970.
    pub alive_at: Option<u64>,
    /// When a message last came in, in seconds since 1970.
    pub message_at: Option<u64>,
    /// How often it was lost since the start.
    pub losses: u64,
}

impl Link {
    pub(crate) fn new(
        row: &Connection,
        parts: Parts,
        dialect: Arc<dyn Dialect>,
        news: broadcast::Sender<News>,
        stop: CancellationToken,
    ) -> Self {
        meters::connected(&row.platform);
        let health = Health {
            state: LinkState::Connecting,
            alive_at: None,
            message_at: None,
            losses: 0,
        };
        Self {
            id: row.id.clone(),
            mailbox: row.mailbox.clone(),
            platform: row.platform.clone(),
            own: row.ident.clone(),
            capabilities: parts.adapter.capabilities(),
            dialect,
            parts,
            news,
            due: Notify::new(),
            fetches: Semaphore::new(FETCHES),
            vacant: Notify::new(),
            made_of: (row.ident.clone(), row.settings.clone(), row.secret.clone()),
            stop,
            policy: Mutex::new((Arc::new(row.policy.clone()), row.policy_rev)),
            health: watch::Sender::new(health),
            pause: Mutex::new(None),
            rests: Mutex::default(),
            begins: Mutex::default(),
        }
    }

    pub(crate) fn news_channel() -> broadcast::Sender<News> {
        broadcast::Sender::new(NEWS)
    }

    /// Whether the append is the delivery.
    pub fn is_native(&self) -> bool {
        self.capabilities.delivery == DeliveryClass::Native
    }

    /// Whether its platform may post to an address of ours.
    pub fn takes_posts(&self) -> bool {
        self.parts.ingress.is_some()
    }

    /// Whether one process at a time may read it.
    pub(crate) fn is_exclusive(&self) -> bool {
        !self.is_native() && !self.capabilities.passive
    }

    /// Whether it was made of this row, or of the same account, settings and secrets.
    /// `same` says whether two sealed secrets hold the same.
    pub(crate) fn is_made_of(
        &self,
        row: &Connection,
        same: impl FnOnce(&Option<SecretBox>, &Option<SecretBox>) -> bool,
    ) -> bool {
        let (ident, settings, secret) = &self.made_of;
        (ident, settings) == (&row.ident, &row.settings) && same(secret, &row.secret)
    }

    /// How it stands now.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Tells of every change of health.
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(crate) fn policy(&self) -> (Arc<Policy>, Revision) {
        locked(&self.policy).clone()
    }

    pub(crate) fn set_policy(&self, policy: Policy, rev: Revision) {
        *locked(&self.policy) = (Arc::new(policy), rev);
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.health.borrow().state, LinkState::Connected)
    }

    pub(crate) fn set_state(&self, state: LinkState) {
        let was_up = self.is_up();
        self.health.send_if_modified(|health| {
            if matches!(state, LinkState::Down { .. })
                && !matches!(health.state, LinkState::Down { .. })
            {
                health.losses += 1;
            }
            let changed = health.state != state;
            health.state = state;
            changed
        });
        match (was_up, self.is_up()) {
            (false, true) => {
                meters::connection_up(&self.platform, 1.0);
                self.due.notify_one();
            }
            (true, false) => meters::connection_up(&self.platform, -1.0),
            _ => {}
        }
    }

    /// The platform showed life on this very connection.
    pub(crate) fn alive(&self, with_message: bool) {
        self.set_state(LinkState::Connected);
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        self.health.send_if_modified(|health| {
            health.alive_at = Some(now);
            if with_message {
                health.message_at = Some(now);
            }
            false
        });
    }

    /// Nothing is sent on this connection for so long: its platform said so.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut pause = locked(&self.pause);
        *pause = Some(pause.map_or(until, |earlier| earlier.max(until)));
    }

    /// Whether a reply may begin now as a message that grows: each is completed by a change, and of those a platform may
    /// allow few.
    pub(crate) fn may_begin(&self) -> bool {
        let Some(most) = self.capabilities.grow.and_then(|limits| limits.max_count) else {
            return true;
        };
        let mut begins = locked(&self.begins);
        let now = Instant::now();
        let may = begins.is_none_or(|next| next <= now);
        if may {
            let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
            *begins = Some(now + Duration::from_secs(60) / most);
        }
        may
    }

    /// The platform asked to be left alone about one chat.
    pub(crate) fn rest(&self, chat: &Handle, wait: Duration) {
        let now = Instant::now();
        let mut rests = locked(&self.rests);
        rests.retain(|_, until| *until > now);
        let until = rests.entry(chat.clone()).or_insert(now);
        *until = (*until).max(now + wait);
    }

    /// Until when, if it still is to be.
    pub(crate) fn rests_until(&self, chat: &Handle) -> Option<Instant> {
        let until = locked(&self.rests).get(chat).copied();
        until.filter(|until| *until > Instant::now())
    }

    pub(crate) fn paused_until(&self) -> Option<Instant> {
        locked(&self.pause).filter(|until| *until > Instant::now())
    }
}

/// A lock that outlives a panic elsewhere: what it guards is replaced whole, never left half-written.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.is_up() {
            meters::connection_up(&self.platform, -1.0);
        }
        meters::connections(&self.platform, -1.0);
    }
}
