//! What waits for one socket: bounded, coalesced, and without an allocation while nothing waits.
//!
//! Lines beyond the bound are forgotten and read from the log instead. Of drafts, typing notices and positions only the
//! newest waits. Nobody who puts something here ever waits for the socket.

use crate::Visitor;
use crate::error::Closing;
use crate::outbound::Shown;
use chatbox_connector_api::Fate;
use chatbox_connector_api::id::{Handle, Seq};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The most bytes of lines waiting for one socket.
const WAITING_BYTES: usize = 512 * 1024;

/// One socket's place in the hub.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Whose it is.
    pub(crate) visitor: Visitor,
    /// The chat it follows.
    pub(crate) chat: Handle,
    /// Which window it is.
    pub(crate) device: Option<String>,
    most: usize,
    waiting: Mutex<Waiting>,
    bell: Notify,
}

/// What waits. Taken as a whole.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Lines in the order of the log.
    pub(crate) lines: VecDeque<Told>,
    /// Lines were forgotten: read the log.
    pub(crate) behind: bool,
    /// How far the agent is.
    pub(crate) positions: Option<Shown>,
    /// Whether the agent writes.
    pub(crate) typing: bool,
    /// The reply as far as it has grown.
    pub(crate) draft: Option<(i64, Utf8Bytes)>,
    /// What became of messages sent here.
    pub(crate) fates: Vec<(String, Outcome)>,
    /// The socket must end.
    pub(crate) closing: Option<Closing>,
    bytes: usize,
}

/// A line, written once for all sockets of its chat.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its place.
    pub(crate) seq: Seq,
    /// The place of the chat's line before it.
    pub(crate) prev: Seq,
    /// Its frame.
    pub(crate) frame: Utf8Bytes,
    /// The draft it replaces.
    pub(crate) ends: Option<i64>,
}

/// What became of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The house said so.
    Known(Fate),
    /// The house let go of it without a word: it is not safe there.
    Lost,
}

impl Seat {
    pub(crate) fn new(
        visitor: Visitor,
        chat: Handle,
        device: Option<String>,
        most: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            visitor,
            chat,
            device,
            most,
            waiting: Mutex::default(),
            bell: Notify::new(),
        })
    }

    /// A line was committed.
    pub(crate) fn tell(&self, told: &Told) {
        self.put(|waiting| {
            waiting.draft = None;
            waiting.typing = false;
            if waiting.behind {
                return;
            }
            waiting.bytes += told.frame.len();
            if waiting.lines.len() >= self.most || waiting.bytes > WAITING_BYTES {
                waiting.forget();
            } else {
                waiting.lines.push_back(told.clone());
            }
        });
    }

    /// News was missed.
    pub(crate) fn lag(&self) {
        self.put(Waiting::forget);
    }

    /// The agent's positions moved.
    pub(crate) fn moved(&self, shown: Shown) {
        self.put(|waiting| waiting.positions = Some(shown));
    }

    /// The agent writes.
    pub(crate) fn typing(&self) {
        self.put(|waiting| waiting.typing = true);
    }

    /// The agent's reply has grown.
    pub(crate) fn draft(&self, id: i64, frame: Utf8Bytes) {
        self.put(|waiting| waiting.draft = Some((id, frame)));
    }

    /// What became of a message sent through this socket.
    pub(crate) fn settle(&self, client_id: String, outcome: Outcome) {
        self.put(|waiting| waiting.fates.push((client_id, outcome)));
    }

    /// The socket must end. The first reason stands.
    pub(crate) fn close(&self, closing: Closing) {
        self.put(|waiting| {
            waiting.closing.get_or_insert(closing);
        });
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Waiting {
        mem::take(&mut *self.lock())
    }

    /// Waits until there is something to take, or again.
    pub(crate) async fn called(&self) {
        self.bell.notified().await;
    }

    /// Makes the next [`Self::called`] return at once.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    fn put(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.lock());
        self.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn forget(&mut self) {
        self.lines = VecDeque::new();
        self.bytes = 0;
        self.behind = true;
    }
}
