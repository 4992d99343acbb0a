//! The gateway: one websocket, from its opening to its end, as a stream.
//!
//! It owns the cursor's format. It reconnects never: whatever ends the connection ends the stream, and the next one
//! resumes the session behind the last event that is on disk. That is also what a heartbeat says we have, so that the
//! platform is never told of more than is safe. Only when a session is refused is a new one begun, and then what was said
//! meanwhile is read from the channels' history, beside the socket and before any cursor moves again.

mod fill;
mod past;
mod place;
mod socket;

pub(crate) use place::{Memory, Place};

use crate::client::Client;
use crate::config::Config;
use crate::error;
use crate::inbound::{Channel, Reader};
use chatbox_connector_api::event::{ChatKind, Event, EventBody};
use chatbox_connector_api::kit::repair::repair;
use chatbox_connector_api::{
    AdapterError, Arrival, Confirm, ErrorKind, Fate, Inbound, Incoming, LinkState, Result,
};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use past::{Held, Work};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use socket::Socket;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use url::Url;

/// Guilds, their messages and reactions, direct messages and theirs.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13;
/// The text of guild messages: Discord grants it in the developer portal.
const MESSAGE_CONTENT: u64 = 1 << 15;
/// So many resumptions may fail before a new session is begun.
const MAX_RESUMES: u32 = 3;

/// One payload.
#[derive(Deserialize)]
struct Payload<'a> {
    op: u8,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
    #[serde(default)]
    s: Option<u64>,
    #[serde(borrow, default)]
    t: Option<Cow<'a, str>>,
}

/// An event that was handed on, the place behind it, and its fate to come.
#[derive(Debug)]
struct Pending {
    place: Place,
    seq: u64,
    /// The channel and the message, where it was read from the past.
    past: Option<(u64, u64)>,
    fate: oneshot::Receiver<Fate>,
}

/// What an open connection needs.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: Arc<Client>,
    config: Arc<Config>,
    memory: Arc<Mutex<Memory>>,
    socket: Socket,
    reader: Reader,
    /// Where we are; the session is empty until there is one.
    here: Place,
    works: FuturesUnordered<BoxFuture<'static, Work>>,
    /// What waits for its channel's past.
    held: VecDeque<Held>,
    /// Whether a session is to be resumed.
    resume: bool,
    ready: VecDeque<Result<Incoming>>,
    pending: VecDeque<Pending>,
    beat: Instant,
    pause: Duration,
    answered: bool,
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
        reader,
        place,
        alone,
    } = opening;
    let me = reader.me;
    let tired = lock(&memory).resumes >= MAX_RESUMES;
    let resume = !tired
        && place
            .as_ref()
            .is_some_and(|place| !place.session.is_empty());
    let here = place.unwrap_or_else(|| Place::new(me));
    if let Some(fill) = &mut lock(&memory).fill {
        fill.read_again();
    }
    let url = address(&client, &config, &here, resume).await?;
    let dialled = timeout(config.request, socket::dial(&url, config.egress)).await;
    let socket = dialled.map_err(|_| lost("Discord's gateway does not answer"))??;
    let gateway = Gateway {
        beat: Instant::now() + config.request,
        pause: config.request,
        client,
        config,
        memory,
        socket,
        reader,
        here,
        works: FuturesUnordered::new(),
        held: VecDeque::new(),
        resume,
        ready: VecDeque::new(),
        pending: VecDeque::new(),
        answered: true,
        closed: false,
        _alone: alone,
    };
    Ok(stream::unfold(gateway, |mut gateway| async move {
        let next = gateway.next().await?;
        Some((next, gateway))
    })
    .boxed())
}

/// Where to connect. What cannot be asked for is an error: nobody is sent to Discord who named another server.
async fn address(client: &Client, config: &Config, here: &Place, resume: bool) -> Result<Url> {
    #[derive(Deserialize)]
    struct Found {
        url: String,
        #[serde(default)]
        session_start_limit: Logins,
    }
    #[derive(Deserialize, Default)]
    struct Logins {
        remaining: Option<u32>,
        #[serde(default)]
        reset_after: u64,
    }
    let unusable = |_| lost("Discord names a gateway that is no address");
    let again = Url::parse(&here.url).ok().filter(|_| resume);
    if let Some(url) = again.clone().filter(|_| config.is_public()) {
        let discords = url
            .host_str()
            .is_some_and(|host| host.ends_with(".discord.gg"));
        if discords && url.scheme() == "wss" {
            return Ok(url);
        }
    }
    let found: Found = client.get(serenity::http::Route::GatewayBot, &[]).await?;
    let url = Url::parse(&found.url).map_err(unusable)?;
    if let Some(again) = again.filter(|again| again.host() == url.host()) {
        return Ok(again);
    }
    let limit = found.session_start_limit;
    if limit.remaining == Some(0) && !resume {
        let sentence = "no login is left for this bot today: something starts it again and again";
        let wait = Duration::from_millis(limit.reset_after);
        return Err(AdapterError::new(ErrorKind::RateLimited, sentence).after(wait));
    }
    Ok(url)
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost(sentence: &str) -> AdapterError {
    AdapterError::new(ErrorKind::Unavailable, sentence)
}

/// What happens first.
enum News {
    Fate(Option<Fate>),
    Beat,
    Frame(Result<String>),
    Worked(Work),
}

impl Gateway {
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
            News::Fate(Some(fate)) if !matches!(fate, Fate::Later(_)) => {
                self.settled();
                Ok(())
            }
            News::Fate(_) => Err(lost(
                "an event was not stored; Discord is asked for it again",
            )),
            News::Beat => self.beat().await,
            News::Frame(frame) => self.hear(&frame?).await,
            News::Worked(work) => self.worked(work),
        }
    }

    async fn news(&mut self) -> News {
        let room = self.has_room();
        let Self {
            pending,
            beat,
            socket,
            works,
            ..
        } = self;
        let fate = async {
            match pending.front_mut() {
                Some(first) => (&mut first.fate).await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            fate = fate => News::Fate(fate),
            () = sleep_until(*beat) => News::Beat,
            frame = socket.next(), if room => News::Frame(frame),
            Some(work) = works.next() => News::Worked(work),
        }
    }

    /// The oldest event is safe.
    fn settled(&mut self) {
        if let Some(done) = self.pending.pop_front() {
            if let Some((channel, message)) = done.past {
                self.with_fill(|fill| fill.stored(channel, message));
            }
            lock(&self.memory).place = Some(done.place);
        }
        self.all_safe();
    }

    /// Where nothing is in doubt, all that was told is safe.
    fn all_safe(&mut self) {
        if !self.pending.is_empty() || self.here.session.is_empty() {
            return;
        }
        let read = !self.is_filling() && self.held.is_empty();
        let place = self.place();
        let mut memory = lock(&self.memory);
        memory.place = Some(place);
        memory.fill.take_if(|_| read);
    }

    /// Where we are: before whatever waits.
    fn place(&self) -> Place {
        let mut place = self.here.clone();
        if let Some(first) = self.held.front() {
            place.seq = place.seq.min(first.seq.saturating_sub(1));
        }
        place
    }

    async fn beat(&mut self) -> Result<()> {
        // Where nothing is listened to, no answer is heard either.
        if self.has_room() && !std::mem::take(&mut self.answered) {
            // Whoever was not asked for long has signs of life waiting.
            return match self.socket.next().now_or_never() {
                Some(frame) => self.hear(&frame?).await,
                None => {
                    let silence = "Discord did not answer a heartbeat";
                    let reason = silence.to_owned();
                    let link = LinkState::Degraded { reason };
                    self.ready.push_back(Ok(Incoming::Link(link)));
                    Err(lost(silence))
                }
            };
        }
        self.show_life().await
    }

    /// Says up to where everything is safe with us.
    async fn show_life(&mut self) -> Result<()> {
        let pending = self.pending.iter().map(|it| it.seq.saturating_sub(1));
        let safe = pending.min().unwrap_or(u64::MAX).min(self.place().seq);
        self.beat = Instant::now() + self.pause;
        let safe = (safe > 0).then_some(safe);
        self.socket.send(&json!({"op": 1, "d": safe})).await
    }

    async fn hear(&mut self, text: &str) -> Result<()> {
        let text = repair(text);
        let Ok(payload) = serde_json::from_str::<Payload<'_>>(&text) else {
            tracing::warn!("Discord's gateway said something that is not its protocol");
            return Ok(());
        };
        match payload.op {
            0 => self.dispatched(&payload),
            1 => self.show_life().await,
            7 => Err(lost("Discord asks us to connect anew")),
            9 => {
                self.refused(payload.d.is_some_and(|it| it.get() == "true"))
                    .await
            }
            10 => self.hello(payload.d).await,
            11 => {
                self.answered = true;
                self.ready.push_back(Ok(Incoming::Alive));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn hello(&mut self, data: Option<&RawValue>) -> Result<()> {
        #[derive(Deserialize)]
        struct Hello {
            heartbeat_interval: u64,
        }
        let hello = data.and_then(|data| serde_json::from_str::<Hello>(data.get()).ok());
        let asked = hello.map_or(self.config.heartbeat, |it| {
            Duration::from_millis(it.heartbeat_interval.max(1))
        });
        self.pause = asked.min(self.config.heartbeat);
        self.beat = Instant::now() + self.pause / 2;
        match self.resume {
            true => self.ask_to_resume().await,
            false => self.log_in().await,
        }
    }

    async fn ask_to_resume(&mut self) -> Result<()> {
        lock(&self.memory).resumes += 1;
        let Place { session, seq, .. } = &self.here;
        let token = self.config.token.expose();
        let resume = json!({"op": 6, "d": {"token": token, "session_id": session, "seq": seq}});
        self.socket.send(&resume).await
    }

    async fn log_in(&mut self) -> Result<()> {
        let content = if self.config.message_content {
            MESSAGE_CONTENT
        } else {
            0
        };
        self.here.session.clear();
        self.here.seq = 0;
        let login = json!({"op": 2, "d": {
            "token": self.config.token.expose(), "intents": INTENTS | content, "compress": false,
            "properties": {"os": std::env::consts::OS, "browser": "chatbox", "device": "chatbox"},
        }});
        self.socket.send(&login).await
    }

    /// The session is not taken. One that may be taken later is asked for again by the next connection.
    async fn refused(&mut self, later: bool) -> Result<()> {
        if later {
            return Err(lost("Discord does not take the session up yet"));
        }
        if !std::mem::take(&mut self.resume) {
            return Err(lost("Discord refuses a new session"));
        }
        // Discord wants a moment between a refusal and a login.
        sleep(self.config.identify_wait).await;
        self.log_in().await
    }

    fn dispatched(&mut self, payload: &Payload<'_>) -> Result<()> {
        let (Some(seq), Some(kind), Some(data)) = (payload.s, payload.t.as_deref(), payload.d)
        else {
            return Ok(());
        };
        self.here.seq = self.here.seq.max(seq);
        match kind {
            "READY" => self.began(data)?,
            "RESUMED" => self.connected(),
            "GUILD_CREATE" => self.guild(data),
            "GUILD_DELETE" => self.left_guild(data),
            "CHANNEL_DELETE" | "THREAD_DELETE" => self.left_channel(data),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                if let Ok(channel) = serde_json::from_str::<Channel>(data.get()) {
                    self.reader.know(&channel);
                }
            }
            _ => {
                let name = format!("{}.{seq}", self.here.session);
                if let Some(event) = self.reader.read(kind, data, &name) {
                    self.take(kind, data, event);
                }
            }
        }
        self.all_safe();
        self.ready.push_back(Ok(Incoming::Alive));
        Ok(())
    }

    fn arrive(&mut self, event: Event, past: Option<(u64, u64)>) {
        let said = matches!(
            event.body,
            EventBody::Message(_) | EventBody::Action(_) | EventBody::Unsupported { .. }
        );
        let number = event
            .id
            .as_str()
            .rsplit_once('/')
            .and_then(|(_, id)| id.parse().ok());
        self.here.last = self.here.last.max(number.filter(|_| said).unwrap_or(0));
        if event.chat.kind == ChatKind::Dm {
            self.here.met(event.chat.handle.as_str());
        }
        // What is not handed on yet lies behind every cursor.
        let told = !self.is_filling() && self.held.is_empty();
        let place = self.place();
        let cursor = told.then(|| place.cursor());
        let (tell, fate) = oneshot::channel();
        self.pending.push_back(Pending {
            seq: place.seq,
            place,
            past,
            fate,
        });
        let arrival = Arrival {
            cursor,
            // The stream may be gone by then; the cursor says the same.
            confirm: Some(Confirm::new(move |fate| drop(tell.send(fate)))),
            ..Arrival::new(event)
        };
        self.ready.push_back(Ok(Incoming::Event(arrival)));
    }
}

/// An end of the connection, as the socket saw it.
pub(crate) fn ended(code: Option<u16>) -> AdapterError {
    error::closed(code)
}
