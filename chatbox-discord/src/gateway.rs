//! The gateway: one websocket, from its opening to its end, as a stream.
//!
//! It owns the cursor's format. It reconnects never: whatever ends the connection ends the stream, and the next one
//! resumes the session behind the last event that is on disk. That is also what a heartbeat says we have, so that the
//! platform is never told of more than is safe. Only when a session is refused is a new one begun, and then what was said
//! meanwhile is read from the channels' history, before any cursor moves again.

mod place;
mod socket;

pub(crate) use place::{Memory, Place};

use crate::client::Client;
use crate::config::Config;
use crate::error;
use crate::history;
use crate::inbound::{Channel, Guild, Reader, Ready};
use chatbox_connector_api::event::{ChatKind, Event, EventBody};
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{
    AdapterError, Arrival, Confirm, ErrorKind, Fate, Inbound, Incoming, LinkState, Result,
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use socket::Socket;
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
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

/// An event's number, the place behind it, and its fate to come.
#[derive(Debug)]
struct Pending {
    place: Option<Place>,
    seq: u64,
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
    /// From which message on history is read in these guilds, before cursors move again.
    filling: Option<(u64, BTreeSet<u64>)>,
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
        filling: None,
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
        }
    }

    async fn news(&mut self) -> News {
        let Self {
            pending,
            beat,
            socket,
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
            frame = socket.next() => News::Frame(frame),
        }
    }

    /// The oldest event is safe.
    fn settled(&mut self) {
        if let Some(place) = self.pending.pop_front().and_then(|done| done.place) {
            lock(&self.memory).place = Some(place);
        }
        self.all_safe();
    }

    /// Where nothing is in doubt, all that was told is safe.
    fn all_safe(&self) {
        if self.pending.is_empty() && self.filling.is_none() && !self.here.session.is_empty() {
            lock(&self.memory).place = Some(self.here.clone());
        }
    }

    async fn beat(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.answered) {
            return Err(lost("Discord did not answer a heartbeat"));
        }
        self.show_life().await
    }

    /// Says up to where everything is safe with us.
    async fn show_life(&mut self) -> Result<()> {
        let first = self.pending.front();
        let safe = first.map_or(self.here.seq, |first| first.seq.saturating_sub(1));
        self.beat = Instant::now() + self.pause;
        let safe = (safe > 0).then_some(safe);
        self.socket.send(&json!({"op": 1, "d": safe})).await
    }

    async fn hear(&mut self, text: &str) -> Result<()> {
        let Ok(payload) = serde_json::from_str::<Payload<'_>>(text) else {
            tracing::warn!("Discord's gateway said something that is not its protocol");
            return Ok(());
        };
        match payload.op {
            0 => self.dispatched(&payload).await,
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

    async fn dispatched(&mut self, payload: &Payload<'_>) -> Result<()> {
        let (Some(seq), Some(kind), Some(data)) = (payload.s, payload.t.as_deref(), payload.d)
        else {
            return Ok(());
        };
        self.here.seq = self.here.seq.max(seq);
        match kind {
            "READY" => self.began(data).await?,
            "RESUMED" => {
                lock(&self.memory).resumes = 0;
                self.ready
                    .push_back(Ok(Incoming::Link(LinkState::Connected)));
            }
            "GUILD_CREATE" => self.guild(data).await?,
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                if let Ok(channel) = serde_json::from_str::<Channel>(data.get()) {
                    self.reader.know(&channel);
                }
            }
            _ => {
                let name = format!("{}.{seq}", self.here.session);
                if let Some(event) = self.reader.read(kind, data, &name) {
                    self.arrive(event);
                }
            }
        }
        self.all_safe();
        self.ready.push_back(Ok(Incoming::Alive));
        Ok(())
    }

    /// A new session. What was said since the last known message is read, first in the direct messages.
    async fn began(&mut self, data: &RawValue) -> Result<()> {
        let ready: Ready = serde_json::from_str(data.get())
            .map_err(|_| lost("Discord's greeting cannot be read"))?;
        self.here.session = ready.session_id;
        self.here.url = ready.resume_gateway_url;
        lock(&self.memory).resumes = 0;
        self.ready
            .push_back(Ok(Incoming::Link(LinkState::Connected)));
        if self.here.last == 0 {
            return Ok(());
        }
        let floor = self.here.last;
        self.filling = Some((floor, ready.guilds.iter().map(|guild| guild.id.0).collect()));
        for channel in self.here.dms.clone() {
            self.fill(channel, None, floor).await?;
        }
        if self.here.dms.len() >= place::MAX_DMS {
            self.gap(floor);
        }
        self.filled(0);
        Ok(())
    }

    async fn guild(&mut self, data: &RawValue) -> Result<()> {
        let Ok(guild) = serde_json::from_str::<Guild>(data.get()) else {
            return Ok(());
        };
        let id = guild.id;
        let floor = match &self.filling {
            Some((floor, guilds)) if guilds.contains(&id.0) => Some(*floor),
            _ => None,
        };
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.reader.know(channel);
            let news =
                floor.filter(|floor| channel.last_message_id.is_some_and(|last| last.0 > *floor));
            if let Some(floor) = news {
                self.fill(channel.id.0, Some(id.0), floor).await?;
            }
        }
        self.filled(id.0);
        Ok(())
    }

    /// Cursors move again once every guild was looked at.
    fn filled(&mut self, guild: u64) {
        self.filling
            .as_mut()
            .map(|(_, guilds)| guilds.remove(&guild));
        self.filling.take_if(|(_, guilds)| guilds.is_empty());
    }

    async fn fill(&mut self, channel: u64, guild: Option<u64>, after: u64) -> Result<()> {
        let past = history::after(&self.client, channel, guild, after).await;
        let (messages, whole) = match past {
            Ok(past) => past,
            // A channel that is gone or closed to us has nothing for us.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for message in &messages {
            if let Some(event) = self.reader.late(message) {
                self.arrive(event);
            }
        }
        if !whole {
            self.gap(messages.last().map_or(after, |last| last.id));
        }
        Ok(())
    }

    fn gap(&mut self, after: u64) {
        let since = Millis(i64::try_from(after >> 22).unwrap_or(0) + 1_420_070_400_000);
        self.ready.push_back(Ok(Incoming::Gap { since }));
    }

    fn arrive(&mut self, event: Event) {
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
        let place = self.filling.is_none().then(|| self.here.clone());
        let (tell, fate) = oneshot::channel();
        self.pending.push_back(Pending {
            place: place.clone(),
            seq: self.here.seq,
            fate,
        });
        let arrival = Arrival {
            cursor: place.map(|place| place.cursor()),
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
