//! The connection: one stream from its opening to its end.
//!
//! It owns the cursor's format and the order of events. An event is acknowledged once it is on disk. When Slack asks us to move to
//! another socket, that is opened first and the old one is listened to for a while, so that nothing is missed; any other
//! end ends the stream. What was said while nobody was connected is read from history, conversation by conversation; what is
//! said in one meanwhile waits for that, so that the order is kept.

mod fill;
mod place;
pub(crate) mod quiet;
mod socket;

pub(crate) use fill::name_of;
pub(crate) use place::{Memory, Place};

use crate::client::Client;
use crate::config::Config;
use crate::error::{lost, sent_away};
use crate::inbound::{Frame, Reader};
use chatbox_connector_api::event::{Event, EventBody};
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::{
    Arrival, Confirm, ErrorKind, Fate, Inbound, Incoming, LinkState, Result,
};
use fill::{Filling, Work};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, stream};
use serde_json::json;
use socket::{Sign, Socket};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until};

/// How many events may wait for history or a name before no more are read.
const MAX_HELD: usize = 1000;

/// How many people are asked for at once.
const MAX_NAMES: usize = 4;

/// What Slack wants to hear of an event: over which socket, and for which envelope.
#[derive(Clone, Debug)]
struct Ack {
    socket: u64,
    envelope: String,
    /// Whether who may not talk is told nothing, not even that it came: Slack shows that to them.
    silent: bool,
}

/// An event that was handed on, and its fate to come.
#[derive(Debug)]
struct Pending {
    id: EventId,
    place: Place,
    acks: Vec<Ack>,
    fate: oneshot::Receiver<Fate>,
}

/// An event that waits.
#[derive(Debug)]
struct Held {
    event: Event,
    acks: Vec<Ack>,
}

/// What an open connection needs.
struct Link {
    client: Arc<Client>,
    config: Arc<Config>,
    memory: Arc<Mutex<Memory>>,
    reader: Reader,
    /// Where we are.
    here: Place,
    socket: Socket,
    /// The socket's number.
    number: u64,
    /// The socket we were asked to leave, and until when it is listened to.
    old: Option<(Socket, Instant)>,
    moving: Option<BoxFuture<'static, Result<Socket>>>,
    must_move: bool,
    filling: Option<Filling>,
    works: FuturesUnordered<BoxFuture<'static, Work>>,
    /// People who are asked for, and people without a name.
    asked: HashSet<String>,
    nameless: HashSet<String>,
    /// So few are asked for at once.
    names: Arc<Semaphore>,
    held: VecDeque<Held>,
    /// Some of what was held is in hand, and not in `held` meanwhile.
    releasing: bool,
    ready: VecDeque<Result<Incoming>>,
    pending: VecDeque<Pending>,
    beat: Instant,
    life: Instant,
    closed: bool,
    /// At most one connection per adapter.
    _alone: OwnedSemaphorePermit,
}

/// What the opening has found out.
pub(crate) struct Opening {
    pub(crate) client: Arc<Client>,
    pub(crate) config: Arc<Config>,
    pub(crate) memory: Arc<Mutex<Memory>>,
    pub(crate) reader: Reader,
    pub(crate) place: Option<Place>,
    pub(crate) alone: OwnedSemaphorePermit,
}

/// Connects, and listens from just after the place.
pub(crate) async fn open(opening: Opening) -> Result<Inbound> {
    let Opening {
        client,
        config,
        memory,
        mut reader,
        place,
        alone,
    } = opening;
    let socket = socket::connect(&client, &config).await?;
    reader.people = lock(&memory).people.clone();
    let filling = place.clone().map(Filling::since);
    let now = Instant::now();
    let mut link = Link {
        here: place.unwrap_or_else(|| Place::now(&reader.me.user)),
        beat: now + config.heartbeat / 2,
        life: now,
        client,
        config,
        memory,
        reader,
        socket,
        number: 0,
        old: None,
        moving: None,
        must_move: false,
        filling,
        works: FuturesUnordered::new(),
        asked: HashSet::new(),
        nameless: HashSet::new(),
        names: Arc::new(Semaphore::new(MAX_NAMES)),
        held: VecDeque::new(),
        releasing: false,
        ready: VecDeque::new(),
        pending: VecDeque::new(),
        closed: false,
        _alone: alone,
    };
    link.ready
        .push_back(Ok(Incoming::Link(LinkState::Connected)));
    link.all_safe();
    link.list();
    Ok(stream::unfold(link, |mut link| async move {
        let next = link.next().await?;
        Some((next, link))
    })
    .boxed())
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens first.
enum News {
    Fate(Option<Fate>),
    Moved(Result<Socket>),
    Worked(Work),
    Frame(u64, Result<Sign>),
    /// The old socket is not listened to any more.
    Left,
    Beat,
}

impl Link {
    async fn next(&mut self) -> Option<Result<Incoming>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.closed {
                return None;
            }
            if let Err(error) = self.step().await {
                self.closed = true;
                self.ready.push_back(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        match self.news().await {
            News::Fate(Some(fate)) if !matches!(fate, Fate::Later(_)) => self.settled(&fate).await,
            News::Fate(_) => Err(lost("an event was not stored; it is looked for again")),
            News::Moved(moved) => {
                self.move_to(moved?);
                Ok(())
            }
            News::Worked(work) => self.worked(work).await,
            News::Frame(number, Err(error)) => match number == self.number {
                true => Err(error),
                false => {
                    self.leave();
                    Ok(())
                }
            },
            News::Frame(number, Ok(sign)) => self.hear(number, sign).await,
            News::Left => {
                self.leave();
                Ok(())
            }
            News::Beat => self.show_life().await,
        }
    }

    async fn news(&mut self) -> News {
        let Self {
            pending,
            moving,
            works,
            old,
            socket,
            number,
            beat,
            held,
            ..
        } = self;
        let fate = async {
            match pending.front_mut() {
                Some(first) => (&mut first.fate).await.ok(),
                None => std::future::pending().await,
            }
        };
        let moved = async {
            match moving {
                Some(moving) => moving.await,
                None => std::future::pending().await,
            }
        };
        let left = async {
            let Some((socket, until)) = old else {
                return std::future::pending().await;
            };
            tokio::select! {
                sign = socket.next() => News::Frame(number.wrapping_sub(1), sign),
                () = sleep_until(*until) => News::Left,
            }
        };
        let room = held.len() < MAX_HELD;
        // Life is looked for last: whoever was not asked for long has signs of it waiting.
        tokio::select! {
            biased;
            fate = fate => News::Fate(fate),
            moved = moved => News::Moved(moved),
            Some(work) = works.next() => News::Worked(work),
            news = left => news,
            sign = socket.next(), if room => News::Frame(*number, sign),
            () = sleep_until(*beat) => News::Beat,
        }
    }

    async fn show_life(&mut self) -> Result<()> {
        let silent = self.life.elapsed();
        if silent > self.config.heartbeat && self.held.len() < MAX_HELD {
            let silence = "nothing is heard from Slack";
            let reason = silence.to_owned();
            let link = LinkState::Degraded { reason };
            self.ready.push_back(Ok(Incoming::Link(link)));
            return Err(lost(silence));
        }
        self.beat = Instant::now() + self.config.heartbeat / 2;
        self.socket.ping().await
    }

    async fn hear(&mut self, number: u64, sign: Sign) -> Result<()> {
        if number == self.number {
            self.life = Instant::now();
        }
        self.ready.push_back(Ok(Incoming::Alive));
        let Sign::Text(text) = sign else {
            return Ok(());
        };
        let text = chatbox_connector_api::kit::repair::repair(&text);
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else {
            tracing::warn!("Slack said something that is not its protocol");
            return Ok(());
        };
        let kind = frame.kind.as_deref().unwrap_or_default();
        if kind == "disconnect" {
            let reason = frame.reason.as_deref().unwrap_or_default();
            return self.asked_to_leave(number, reason);
        }
        let Some(envelope) = frame.envelope_id.clone() else {
            return Ok(());
        };
        let ack = Ack {
            socket: number,
            envelope,
            silent: kind == "interactive",
        };
        let event = frame.payload.and_then(|it| self.reader.read(kind, it));
        match event {
            Some(event) => self.take(event, vec![ack]).await,
            None => self.acknowledge(&ack).await,
        }
    }

    /// Slack ends every socket now and then, and says so before. The next one is opened while this one still works.
    fn asked_to_leave(&mut self, number: u64, reason: &str) -> Result<()> {
        if !matches!(reason, "warning" | "refresh_requested") {
            return Err(sent_away(reason));
        }
        if number == self.number && self.moving.is_none() {
            self.must_move = true;
            self.begin_to_move();
        }
        Ok(())
    }

    /// Never more than two sockets at once: where an older one is still listened to, that is left first.
    fn begin_to_move(&mut self) {
        if self.old.is_some() || !std::mem::take(&mut self.must_move) {
            return;
        }
        let (client, config) = (self.client.clone(), self.config.clone());
        self.moving = Some(Box::pin(
            async move { socket::connect(&client, &config).await },
        ));
    }

    fn leave(&mut self) {
        self.old = None;
        self.begin_to_move();
    }

    fn move_to(&mut self, socket: Socket) {
        self.moving = None;
        let old = std::mem::replace(&mut self.socket, socket);
        self.number += 1;
        self.old = Some((old, Instant::now() + self.config.leave));
        self.life = Instant::now();
    }

    /// Says that an envelope is safe, over the socket it came through. Where that is gone, Slack asks again.
    async fn acknowledge(&mut self, ack: &Ack) -> Result<()> {
        let said = json!({"envelope_id": ack.envelope});
        if ack.socket == self.number {
            return self.socket.send(&said).await;
        }
        let left = ack.socket.wrapping_add(1) == self.number;
        let old = self.old.as_mut().filter(|_| left);
        let lost = match old {
            Some((socket, _)) => socket.send(&said).await.is_err(),
            None => false,
        };
        if lost {
            self.leave();
        }
        Ok(())
    }

    /// The oldest event's fate is certain.
    async fn settled(&mut self, fate: &Fate) -> Result<()> {
        let Some(done) = self.pending.pop_front() else {
            return Ok(());
        };
        {
            let mut memory = lock(&self.memory);
            memory.keep(done.id);
            memory.place = Some(done.place);
        }
        self.all_safe();
        let refused = matches!(fate, Fate::Refused(_));
        for ack in &done.acks {
            if !(refused && ack.silent) {
                self.acknowledge(ack).await?;
            }
        }
        Ok(())
    }

    /// Where nothing is in doubt, all that was told is safe.
    fn all_safe(&self) {
        if self.pending.is_empty() {
            lock(&self.memory).place = Some(self.here.clone());
        }
    }

    /// An event: handed on, held, or known already, in which case Slack hears what the first of them comes to.
    async fn take(&mut self, event: Event, acks: Vec<Ack>) -> Result<()> {
        if let Some(first) = self.pending.iter_mut().find(|it| it.id == event.id) {
            first.acks.extend(acks);
            return Ok(());
        }
        if let Some(first) = self.held.iter_mut().find(|it| it.event.id == event.id) {
            first.acks.extend(acks);
            return Ok(());
        }
        let safe = lock(&self.memory).is_safe(&event.id);
        if safe {
            for ack in &acks {
                self.acknowledge(ack).await?;
            }
            return Ok(());
        }
        match self.must_wait(&event) {
            true => self.held.push_back(Held { event, acks }),
            false => self.arrive(event, acks),
        }
        Ok(())
    }

    fn arrive(&mut self, mut event: Event, acks: Vec<Ack>) {
        let person = event.sender.id.as_str();
        if let Some(name) = self.reader.people.get(person) {
            event.sender.name = Some(name.clone());
        }
        let said = matches!(
            event.body,
            EventBody::Message(_) | EventBody::Action(_) | EventBody::Unsupported { .. }
        );
        // A message is named by its conversation and its timestamp.
        let ts = event.id.as_str().split_once('/').map(|(_, ts)| ts);
        let ts = ts.filter(|ts| said && crate::inbound::Ts::of(ts).is_some());
        if let Some(ts) = ts {
            self.here.met(event.chat.handle.as_str(), ts);
        }
        // What is not handed on yet lies behind the floor, and must not come to lie before it.
        if self.filling.is_none() && self.held.is_empty() && !self.releasing {
            self.here.trim();
        }
        let place = self.here.clone();
        let cursor = place.cursor();
        let (tell, fate) = oneshot::channel();
        self.pending.push_back(Pending {
            id: event.id.clone(),
            place,
            acks,
            fate,
        });
        let arrival = Arrival {
            cursor: Some(cursor),
            // The stream may be gone by then; the cursor says the same.
            confirm: Some(Confirm::new(move |fate| drop(tell.send(fate)))),
            ..Arrival::new(event)
        };
        self.ready.push_back(Ok(Incoming::Event(arrival)));
    }

    /// Whether an error is about one conversation and not about the connection.
    fn is_local(kind: &ErrorKind) -> bool {
        matches!(kind, ErrorKind::NotFound | ErrorKind::Forbidden)
    }
}
