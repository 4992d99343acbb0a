//! Who sits where: the open adapter on one side, every socket on the other.
//!
//! The hub holds no message. It hands arrivals to the house, and tells each chat's seats what the house reports.

use crate::Visitors;
use crate::config::{Config, Limits};
use crate::error::Closing;
use crate::outbound;
use crate::seat::{Seat, Told};
use crate::upload::Uploads;
use chatbox_connector_api::event::EventBody;
use chatbox_connector_api::id::{ExternalId, Handle, Seq};
use chatbox_connector_api::markup::Markup;
use chatbox_connector_api::{Arrival, Blobs, Line, News, Positions, Transcript, Voice};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How much longer than a goodbye a shut-down waits.
const GRACE: Duration = Duration::from_millis(500);
/// How long a socket waits for an adapter that is about to open.
const OPENING: Duration = Duration::from_secs(2);

/// Shared by the routes, the sockets and the adapter.
pub(crate) struct Hub {
    /// Who may come in.
    pub(crate) visitors: Arc<dyn Visitors>,
    /// The bounds of every socket.
    pub(crate) limits: Limits,
    /// Files on their way into a message.
    pub(crate) uploads: Uploads,
    /// Places for uploads at once.
    pub(crate) uploading: Semaphore,
    /// Every socket's task.
    pub(crate) tasks: TaskTracker,
    house: watch::Sender<Option<Arc<House>>>,
    chats: Mutex<Chats>,
}

type Chats = HashMap<Handle, Chat>;

/// What an open adapter stands for.
#[derive(Debug)]
pub(crate) struct House {
    /// The log.
    pub(crate) log: Arc<dyn Transcript>,
    /// The files.
    pub(crate) blobs: Arc<dyn Blobs>,
    /// The connection's settings.
    pub(crate) config: Config,
    /// Where arrivals go.
    pub(crate) door: mpsc::Sender<Arrival>,
    /// Cancelled when the adapter is taken down.
    pub(crate) gone: CancellationToken,
}

#[derive(Debug, Default)]
struct Chat {
    seats: Vec<Arc<Seat>>,
    draft: Option<(i64, Utf8Bytes)>,
    ended: Option<i64>,
}

impl Hub {
    pub(crate) fn new(visitors: Arc<dyn Visitors>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            uploading: Semaphore::new(limits.uploads),
            uploads: Uploads::default(),
            tasks: TaskTracker::new(),
            house: watch::Sender::default(),
            chats: Mutex::default(),
            visitors,
            limits,
        })
    }

    /// The adapter is open. An older one, if any, is taken down.
    pub(crate) fn settle_in(&self, house: Arc<House>) {
        if let Some(old) = self.house.send_replace(Some(house)) {
            old.gone.cancel();
        }
    }

    /// The adapter is closed: its sockets end and may come again.
    pub(crate) fn move_out(&self, house: &Arc<House>) {
        house.gone.cancel();
        self.house.send_if_modified(|open| {
            let ours = open.as_ref().is_some_and(|open| Arc::ptr_eq(open, house));
            if ours {
                *open = None;
            }
            ours
        });
    }

    /// Takes the adapter down and waits for the sockets to end.
    pub(crate) async fn shut(&self) {
        if let Some(house) = self.house() {
            self.move_out(&house);
        }
        self.tasks.close();
        let all_gone = self.tasks.wait();
        let longest = self.limits.linger + GRACE;
        if timeout(longest, all_gone).await.is_err() {
            tracing::debug!(left = self.tasks.len(), "some sockets did not say goodbye");
        }
        self.tasks.reopen();
    }

    /// The open adapter, if there is one.
    fn house(&self) -> Option<Arc<House>> {
        self.house.borrow().clone()
    }

    /// The open adapter, or the one that opens within a moment: people come as soon as they are told where.
    pub(crate) async fn house_soon(&self) -> Option<Arc<House>> {
        let mut house = self.house.subscribe();
        let opened = timeout(OPENING, house.wait_for(Option::is_some));
        opened.await.ok()?.ok()?.clone()
    }

    /// Takes a seat. A device takes the place of its own older socket.
    pub(crate) fn enter(&self, seat: &Arc<Seat>) -> Result<(), Closing> {
        let mut chats = self.lock();
        let chat = chats.entry(seat.chat.clone()).or_default();
        if seat.device.is_some()
            && let Some(nth) = chat.seats.iter().position(|s| s.device == seat.device)
        {
            chat.seats.swap_remove(nth).close(Closing::Replaced);
        }
        if chat.seats.len() >= self.limits.sockets_per_visitor {
            return Err(Closing::TooMany);
        }
        if let Some((id, frame)) = &chat.draft {
            seat.draft(*id, frame.clone());
        }
        chat.seats.push(seat.clone());
        Ok(())
    }

    /// Leaves a seat.
    pub(crate) fn leave(&self, seat: &Arc<Seat>) {
        let mut chats = self.lock();
        if let Some(chat) = chats.get_mut(&seat.chat) {
            chat.seats.retain(|other| !Arc::ptr_eq(other, seat));
            if chat.seats.is_empty() {
                chats.remove(&seat.chat);
            }
        }
    }

    /// Ends every socket of a visitor whose login has ended.
    pub(crate) fn expel(&self, visitor: &ExternalId) {
        let handle = Handle::new(visitor.as_str());
        if let Some(chat) = self.lock().get(&handle) {
            chat.seats.iter().for_each(|s| s.close(Closing::NotKnown));
        }
        self.uploads.forget(visitor);
    }

    /// How many sockets have said hello.
    pub(crate) fn seated(&self) -> usize {
        self.lock().values().map(|chat| chat.seats.len()).sum()
    }

    /// The agent writes.
    pub(crate) fn typing(&self, handle: &Handle) {
        if let Some(chat) = self.lock().get(handle) {
            chat.seats.iter().for_each(|seat| seat.typing());
        }
    }

    /// The agent's reply has grown. A piece that comes after the whole is dropped.
    pub(crate) fn draft(&self, handle: &Handle, id: i64, markup: &Markup) {
        if !self.lock().contains_key(handle) {
            return;
        }
        let frame = outbound::draft(id, markup);
        let mut chats = self.lock();
        let Some(chat) = chats.get_mut(handle) else {
            return;
        };
        if chat.ended == Some(id) {
            return;
        }
        chat.draft = Some((id, frame.clone()));
        chat.seats
            .iter()
            .for_each(|seat| seat.draft(id, frame.clone()));
    }

    /// Passes the house's news on until there is none.
    pub(crate) async fn pass_on(&self, mut news: broadcast::Receiver<News>) {
        loop {
            match news.recv().await {
                Ok(News::Line { chat, line, prev }) => self.line(&chat, &line, prev),
                Ok(News::Positions { chat, positions }) => self.moved(&chat, &positions),
                Ok(News::Missed { chat: Some(chat) }) => self.lag_in(&chat),
                Ok(News::Missed { chat: None }) => self.lag(),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "news was missed; sockets read the log");
                    self.lag();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn line(&self, handle: &Handle, line: &Line, prev: Seq) {
        let Some(visitor) = self.visitor_of(handle) else {
            return;
        };
        let frame = outbound::line(&visitor, line);
        let mut chats = self.lock();
        let Some(chat) = chats.get_mut(handle) else {
            return;
        };
        let said = matches!(line.body, EventBody::Message(_));
        let ours = said && !matches!(line.from, Voice::Person { .. });
        let ends = if ours { chat.draft.take() } else { None };
        if let Some((id, _)) = ends {
            chat.ended = Some(id);
        }
        let told = Told {
            seq: line.seq,
            prev,
            frame,
            ends: ends.map(|(id, _)| id),
        };
        chat.seats.iter().for_each(|seat| seat.tell(&told));
    }

    fn visitor_of(&self, handle: &Handle) -> Option<crate::Visitor> {
        let chats = self.lock();
        let seat = chats.get(handle)?.seats.first()?;
        Some(seat.visitor.clone())
    }

    fn moved(&self, handle: &Handle, positions: &Positions) {
        if let Some(chat) = self.lock().get(handle) {
            chat.seats
                .iter()
                .for_each(|seat| seat.moved(positions.into()));
        }
    }

    fn lag_in(&self, handle: &Handle) {
        if let Some(chat) = self.lock().get(handle) {
            chat.seats.iter().for_each(|seat| seat.lag());
        }
    }

    fn lag(&self) {
        let chats = self.lock();
        let seats = chats.values().flat_map(|chat| &chat.seats);
        seats.for_each(|seat| seat.lag());
    }

    fn lock(&self) -> MutexGuard<'_, Chats> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("seated", &self.seated())
            .finish_non_exhaustive()
    }
}
