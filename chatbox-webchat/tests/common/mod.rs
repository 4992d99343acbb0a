//! A small house in memory: real implementations of the public traits, enough to run the web chat on.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use async_trait::async_trait;
use axum::Router;
use axum::http::{HeaderMap, header};
use chatbox_connector_api::event::{Attachment, Content, EventBody, Media};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, MediaId, Millis, Seq};
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, AdapterState, Arrival, BlobError, Blobs, ByteStream,
    ChannelAdapter, Egress, Fate, Incoming, Line, News, Outbound, Positions, Revision, Secrets,
    Settings, StateError, Transcript, TranscriptError, Verb, Voice,
};
use chatbox_webchat::{Limits, Visitor, Visitors, Webchat};
use futures_util::StreamExt;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// All chats, in one log.
#[derive(Debug)]
pub struct Log {
    pub inner: Mutex<Inner>,
    pub news: broadcast::Sender<News>,
    pub read_delay: Mutex<Duration>,
}

#[derive(Debug, Default)]
pub struct Inner {
    pub lines: Vec<(Handle, Line)>,
    pub heads: HashMap<Handle, Seq>,
    pub agent: HashMap<Handle, Positions>,
    pub people: HashMap<(Handle, ExternalId), Seq>,
    pub marks: usize,
}

impl Log {
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            news: broadcast::channel(capacity).0,
            read_delay: Mutex::default(),
        })
    }

    pub fn append(
        &self,
        chat: &Handle,
        from: Voice,
        body: EventBody,
        event: Option<EventId>,
    ) -> Seq {
        let (line, prev) = self.commit(chat, from, body, event);
        let seq = line.seq;
        let chat = chat.clone();
        let line = Box::new(line);
        let _ = self.news.send(News::Line { chat, line, prev });
        seq
    }

    /// Appends without telling anyone.
    pub fn commit(
        &self,
        chat: &Handle,
        from: Voice,
        body: EventBody,
        event: Option<EventId>,
    ) -> (Line, Seq) {
        let mut inner = self.inner.lock().expect("no test panics inside");
        let seq = Seq(inner.lines.len() as i64 + 1);
        let line = Line {
            seq,
            at: now(),
            from,
            body,
            target: None,
            event,
        };
        inner.lines.push((chat.clone(), line.clone()));
        let prev = inner.heads.insert(chat.clone(), seq).unwrap_or_default();
        (line, prev)
    }

    pub fn agent_says(&self, chat: &Handle, text: &str) -> Seq {
        let body = EventBody::Message(Content::text(text));
        self.append(chat, Voice::Agent, body, None)
    }

    pub fn advance(&self, chat: &Handle, handed: Seq, seen: Seq) {
        let mut inner = self.inner.lock().expect("no test panics inside");
        let head = inner.heads.get(chat).copied().unwrap_or_default();
        let positions = Positions { handed, seen, head };
        inner.agent.insert(chat.clone(), positions.clone());
        let chat = chat.clone();
        let _ = self.news.send(News::Positions { chat, positions });
    }

    pub fn count(&self, chat: &Handle) -> usize {
        let inner = self.inner.lock().expect("no test panics inside");
        inner.lines.iter().filter(|(it, _)| it == chat).count()
    }

    pub fn seen_by(&self, chat: &Handle, person: &ExternalId) -> Option<Seq> {
        let inner = self.inner.lock().expect("no test panics inside");
        inner.people.get(&(chat.clone(), person.clone())).copied()
    }

    async fn dawdle(&self) {
        let delay = *self.read_delay.lock().expect("no test panics inside");
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

#[async_trait]
impl Transcript for Log {
    async fn since(
        &self,
        chat: &Handle,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        let lines = {
            let inner = self.inner.lock().expect("no test panics inside");
            let lines = inner.lines.iter();
            let lines = lines.filter(|(it, line)| it == chat && line.seq > after);
            lines
                .take(limit as usize)
                .map(|(_, line)| line.clone())
                .collect()
        };
        self.dawdle().await;
        Ok(lines)
    }

    async fn before(
        &self,
        chat: &Handle,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        let mut lines: Vec<Line> = {
            let inner = self.inner.lock().expect("no test panics inside");
            let lines = inner.lines.iter().rev();
            let lines =
                lines.filter(|(it, line)| it == chat && before.is_none_or(|b| line.seq < b));
            lines
                .take(limit as usize)
                .map(|(_, line)| line.clone())
                .collect()
        };
        lines.reverse();
        self.dawdle().await;
        Ok(lines)
    }

    async fn positions(&self, chat: &Handle) -> Result<Positions, TranscriptError> {
        let inner = self.inner.lock().expect("no test panics inside");
        let mut positions = inner.agent.get(chat).cloned().unwrap_or_default();
        positions.head = inner.heads.get(chat).copied().unwrap_or_default();
        Ok(positions)
    }

    async fn mark_seen(
        &self,
        chat: &Handle,
        person: &ExternalId,
        seen: Seq,
    ) -> Result<(), TranscriptError> {
        let mut inner = self.inner.lock().expect("no test panics inside");
        inner.marks += 1;
        if seen > inner.heads.get(chat).copied().unwrap_or_default() {
            return Err(TranscriptError::Future(seen));
        }
        let place = inner
            .people
            .entry((chat.clone(), person.clone()))
            .or_default();
        *place = (*place).max(seen);
        Ok(())
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }
}

/// Files in memory.
#[derive(Debug, Default)]
pub struct Files {
    pub files: Mutex<HashMap<String, (String, Vec<u8>)>>,
    next: AtomicU64,
}

#[async_trait]
impl Blobs for Files {
    async fn put(
        &self,
        name: &str,
        mime: &str,
        max: u64,
        mut bytes: ByteStream,
    ) -> Result<Attachment, BlobError> {
        let mut all = Vec::new();
        while let Some(chunk) = bytes.next().await {
            all.extend_from_slice(&chunk?);
            if all.len() as u64 > max {
                return Err(BlobError::TooLarge(max));
            }
        }
        let id = format!("md_{}", self.next.fetch_add(1, Ordering::Relaxed));
        let size = all.len() as u64;
        let mut files = self.files.lock().expect("no test panics inside");
        files.insert(id.clone(), (mime.to_owned(), all));
        Ok(Attachment {
            name: name.to_owned(),
            mime: mime.to_owned(),
            size: Some(size),
            media: Media::Ready { id: id.into() },
        })
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let files = self.files.lock().expect("no test panics inside");
        let found = files.get(id.as_str()).cloned();
        let (_, bytes) = found.ok_or_else(|| BlobError::NotFound(id.clone()))?;
        let size = bytes.len() as u64;
        let once = futures_util::stream::once(async { Ok(bytes.into()) });
        Ok((size, once.boxed()))
    }

    async fn remove(&self, id: &MediaId) -> Result<(), BlobError> {
        let mut files = self.files.lock().expect("no test panics inside");
        files.remove(id.as_str());
        Ok(())
    }
}

/// No memory at all: the web chat keeps none.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl AdapterState for Forgetful {
    async fn load(&self, _: &str) -> Result<Option<(Revision, Vec<u8>)>, StateError> {
        Ok(None)
    }
    async fn save(&self, _: &str, _: Revision, _: &[u8]) -> Result<bool, StateError> {
        Ok(false)
    }
}

/// Everyone may come in: the cookie `who` names them, a ticket is `<name>.<number>` and works once.
#[derive(Debug, Default)]
pub struct OpenDoor {
    used: Mutex<HashSet<String>>,
    next: AtomicU64,
}

impl OpenDoor {
    pub fn ticket_for(&self, name: &str) -> String {
        format!("{name}.{}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}

fn visitor(name: &str) -> Visitor {
    Visitor {
        id: name.into(),
        name: Some(name.to_owned()),
    }
}

#[async_trait]
impl Visitors for OpenDoor {
    async fn redeem(&self, ticket: &str) -> Option<Visitor> {
        let (name, _) = ticket.split_once('.')?;
        let mut used = self.used.lock().expect("no test panics inside");
        used.insert(ticket.to_owned()).then(|| visitor(name))
    }

    async fn ticket(&self, headers: &HeaderMap) -> Option<String> {
        let known = self.known(headers).await?;
        Some(self.ticket_for(known.id.as_str()))
    }

    async fn known(&self, headers: &HeaderMap) -> Option<Visitor> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let mut cookies = cookies.split(';').map(str::trim);
        cookies.find_map(|it| it.strip_prefix("who=")).map(visitor)
    }
}

/// What the house does with an arrival instead of storing it.
pub type Verdict = Box<dyn Fn(&Arrival) -> Option<Fate> + Send + Sync>;

/// The house, running.
pub struct House {
    pub log: Arc<Log>,
    pub files: Arc<Files>,
    pub door: Arc<OpenDoor>,
    pub webchat: Webchat,
    pub adapter: Arc<dyn ChannelAdapter>,
    /// Arrivals are let go of without a word.
    pub careless: Arc<AtomicBool>,
    pub verdict: Arc<Mutex<Option<Verdict>>>,
    router: Mutex<Option<JoinHandle<()>>>,
}

impl House {
    pub async fn new(limits: Limits, settings: &str) -> Arc<Self> {
        Self::with_log(limits, settings, Log::new(1024)).await
    }

    pub async fn with_log(limits: Limits, settings: &str, log: Arc<Log>) -> Arc<Self> {
        let (files, door) = (Arc::new(Files::default()), Arc::new(OpenDoor::default()));
        let webchat = Webchat::with_limits(door.clone(), limits);
        let context = AdapterContext {
            connection: "cn_web".into(),
            egress: Egress::Public,
            state: Arc::new(Forgetful),
            blobs: files.clone(),
            transcript: log.clone(),
        };
        let settings = Settings::from_json(settings).expect("the settings are JSON");
        let parts = webchat.build(context, settings, Secrets::default()).await;
        let house = Arc::new(Self {
            log,
            files,
            door,
            webchat,
            adapter: parts.expect("the adapter can be built").adapter,
            careless: Arc::default(),
            verdict: Arc::default(),
            router: Mutex::default(),
        });
        house.open().await;
        house
    }

    /// Opens the adapter and takes in what arrives.
    pub async fn open(self: &Arc<Self>) {
        let mut stream = self.adapter.open(None).await.expect("it opens");
        let house = self.clone();
        let task = tokio::spawn(async move {
            while let Some(item) = stream.next().await {
                if let Ok(Incoming::Event(arrival)) = item {
                    house.take(arrival);
                }
            }
        });
        *self.router.lock().expect("no test panics inside") = Some(task);
    }

    /// Closes the adapter.
    pub async fn close(&self) {
        let task = self.router.lock().expect("no test panics inside").take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    fn take(&self, mut arrival: Arrival) {
        if self.careless.load(Ordering::Relaxed) {
            return;
        }
        let confirm = arrival.confirm.take().expect("a socket waits for it");
        let decided = {
            let verdict = self.verdict.lock().expect("no test panics inside");
            verdict.as_ref().and_then(|verdict| verdict(&arrival))
        };
        confirm.confirm(decided.unwrap_or_else(|| self.store(arrival)));
    }

    fn store(&self, arrival: Arrival) -> Fate {
        let event = arrival.event;
        let known = {
            let inner = self.log.inner.lock().expect("no test panics inside");
            let mut lines = inner.lines.iter();
            lines
                .find(|(_, line)| line.event.as_ref() == Some(&event.id))
                .map(|(_, line)| line.seq)
        };
        if let Some(seq) = known {
            return Fate::Duplicate(seq);
        }
        let from = Voice::Person {
            id: event.sender.id,
            name: event.sender.name,
        };
        let chat = event.chat.handle;
        Fate::Stored(self.log.append(&chat, from, event.body, Some(event.id)))
    }

    /// Shows something that is never stored.
    pub async fn show(&self, chat: &Handle, verb: Verb) {
        let out = Outbound {
            id: None,
            chat: chat.clone(),
            verb,
        };
        self.adapter.perform(&out).await.expect("it is ephemeral");
    }
}

/// Serves a router on a free port.
pub async fn serve(router: Router) -> SocketAddr {
    serve_at(router, "127.0.0.1:0").await
}

/// Serves a router.
pub async fn serve_at(router: Router, address: &str) -> SocketAddr {
    use axum::serve::ListenerExt;
    let listener = tokio::net::TcpListener::bind(address).await;
    let listener = listener.expect("the address is free");
    let address = listener.local_addr().expect("it is bound");
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Millis(since.map_or(0, |since| since.as_millis() as i64))
}
