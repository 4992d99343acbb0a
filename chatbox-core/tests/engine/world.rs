//! Invented platforms and a scripted backend: real implementations of the public traits.

use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Confirm,
    Cursor, DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Leave, Manifest, Outbound,
    Parts, Receipt, Result, Secrets, Settings, TextLimit, Verb,
};
use chatbox_core::event::{Action, ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{ChatId, ConnectionId, Fence, Millis, Platform, SessionId};
use chatbox_core::markup::{self, Dialect, PlainDialect, Unit};
use chatbox_core::store::{
    Admin, Delivery, DeliveryFilter, Door, LaneKind, LaneScope, Layer, LogRow, MemoryStore,
    NewMailbox, Outcome, Span, Step, Store, StoreError,
};
use chatbox_core::{Chatbox, Connect, Options};
use futures_util::{StreamExt, stream};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

type Answer = std::result::Result<TurnOutcome, BackendError>;
type Reply = Arc<dyn Fn(&Turn) -> Answer + Send + Sync>;

/// A backend that does as it is told and remembers what it was given.
#[derive(Clone)]
pub(crate) struct Script(Arc<Told>);

struct Told {
    reply: Reply,
    takes: Duration,
    bomb: Option<&'static str>,
    first: Mutex<Vec<Answer>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    turns: usize,
    crashes: usize,
    context: Vec<String>,
    fences: Vec<Fence>,
    attempts: Vec<u32>,
    running: HashMap<SessionId, usize>,
    most: usize,
    most_in_one: usize,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    /// Says back what is new.
    pub(crate) fn echo() -> Self {
        Self::replying(|turn| {
            let texts = turn.new.iter().filter_map(|row| row.body.content());
            Ok(TurnOutcome::say(
                texts
                    .map(|content| content.text.as_str())
                    .collect::<Vec<_>>()
                    .join("\n"),
            ))
        })
    }

    pub(crate) fn replying(reply: impl Fn(&Turn) -> Answer + Send + Sync + 'static) -> Self {
        let (takes, first, seen) = (Duration::ZERO, Mutex::default(), Mutex::default());
        Self(Arc::new(Told {
            reply: Arc::new(reply),
            takes,
            bomb: None,
            first,
            seen,
        }))
    }

    fn but(self, change: impl FnOnce(&mut Told)) -> Self {
        let mut told = Arc::into_inner(self.0).expect("nobody uses it yet");
        change(&mut told);
        Self(Arc::new(told))
    }

    pub(crate) fn taking(self, takes: Duration) -> Self {
        self.but(|told| told.takes = takes)
    }

    pub(crate) fn crashing_on(self, bomb: &'static str) -> Self {
        self.but(|told| told.bomb = Some(bomb))
    }

    pub(crate) fn first(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.but(|told| told.first = Mutex::new(answers))
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn turns(&self) -> usize {
        self.seen().turns
    }

    pub(crate) fn crashes(&self) -> usize {
        self.seen().crashes
    }

    pub(crate) fn last_context(&self) -> Vec<String> {
        self.seen().context.clone()
    }

    pub(crate) fn fences(&self) -> Vec<Fence> {
        self.seen().fences.clone()
    }

    pub(crate) fn attempts(&self) -> Vec<u32> {
        self.seen().attempts.clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.seen().most
    }

    pub(crate) fn most_at_once_in_one_session(&self) -> usize {
        self.seen().most_in_one
    }
}

/// Leaves the session when dropped, however the turn ends.
struct Inside<'a>(&'a Script, SessionId);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.0.seen().running.get_mut(&self.1) {
            *running -= 1;
        }
    }
}

#[async_trait]
impl CognitiveBackend for Script {
    fn name(&self) -> String {
        "script".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Session
    }

    fn context_tokens(&self) -> u32 {
        1000
    }

    async fn turn(&self, turn: Turn, _reply: ReplySink) -> Answer {
        let texts = |rows: &[LogRow]| -> Vec<String> {
            let said = rows
                .iter()
                .filter(|row| !row.out && matches!(row.body, EventBody::Message(_)));
            said.filter_map(|row| row.body.content())
                .map(|content| content.text.clone())
                .collect()
        };
        {
            let mut seen = self.seen();
            seen.turns += 1;
            seen.fences.push(turn.fence);
            seen.attempts.push(turn.attempt);
            seen.context = texts(&turn.context);
            *seen.running.entry(turn.chat.session).or_default() += 1;
            seen.most = seen.most.max(seen.running.values().sum());
            seen.most_in_one = seen
                .most_in_one
                .max(seen.running.values().copied().max().unwrap_or(0));
        }
        let _inside = Inside(self, turn.chat.session);
        if self
            .0
            .bomb
            .is_some_and(|bomb| texts(&turn.new).iter().any(|text| text == bomb))
        {
            self.seen().crashes += 1;
            panic!("the bomb went off, as this test asks");
        }
        let next = self
            .0
            .first
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop();
        if let Some(answer) = next {
            return answer;
        }
        tokio::time::sleep(self.0.takes).await;
        (self.0.reply)(&turn)
    }
}

/// A platform that exists only here.
#[derive(Clone, Debug)]
pub(crate) struct Invented(Arc<Wire>);

#[derive(Debug)]
struct Wire {
    platform: Platform,
    incoming: Mutex<Option<mpsc::UnboundedSender<Result<Incoming>>>>,
    sent: Mutex<Vec<(String, String)>>,
    failures: Mutex<Vec<AdapterError>>,
    loss: Mutex<Option<String>>,
    takes: Mutex<Duration>,
    closed: AtomicBool,
    hangs_up: AtomicBool,
    late: Mutex<Vec<Event>>,
    leaves: AtomicBool,
    crashes: Arc<AtomicBool>,
    opened: AtomicUsize,
    said: AtomicUsize,
    confirmed: Arc<AtomicUsize>,
}

pub(crate) fn alpha() -> Invented {
    Invented::named("alpha")
}

pub(crate) fn beta() -> Invented {
    Invented::named("beta")
}

impl Invented {
    /// From now on nobody can connect to it.
    pub(crate) fn refuse_to_open(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// From now on it ends every connection after a second, or no longer does.
    pub(crate) fn hang_up(&self, hangs_up: bool) {
        self.0.hangs_up.store(hangs_up, Ordering::SeqCst);
    }

    /// Whoever is told to leave hears these texts of Ana's first, after which the connection ends; without any it stays.
    pub(crate) fn hand_over_late(&self, texts: &[&str]) {
        let late = texts
            .iter()
            .map(|text| event("ana", EventBody::Message(Content::text(*text)), text));
        *self.0.late.lock().expect("whole") = late.collect();
        self.0.leaves.store(true, Ordering::SeqCst);
    }

    /// How often it was connected to.
    pub(crate) fn opened(&self) -> usize {
        self.0.opened.load(Ordering::SeqCst)
    }

    /// What was sent over it.
    pub(crate) fn sent(&self) -> Vec<(String, String)> {
        self.0.sent.lock().expect("whole").clone()
    }

    fn named(name: &str) -> Self {
        Self(Arc::new(Wire {
            platform: name.into(),
            incoming: Mutex::default(),
            sent: Mutex::default(),
            failures: Mutex::default(),
            loss: Mutex::default(),
            takes: Mutex::default(),
            closed: AtomicBool::new(false),
            hangs_up: AtomicBool::new(false),
            late: Mutex::default(),
            leaves: AtomicBool::new(false),
            crashes: Arc::default(),
            opened: AtomicUsize::new(0),
            said: AtomicUsize::new(0),
            confirmed: Arc::default(),
        }))
    }
}

#[async_trait]
impl AdapterFactory for Invented {
    fn manifest(&self) -> Manifest {
        let platform = self.0.platform.clone();
        Manifest {
            title: platform.to_string(),
            platform,
            secrets: vec![],
            settings: vec![],
            guide: vec![],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(
        &self,
        _context: AdapterContext,
        _settings: Settings,
        _secrets: Secrets,
    ) -> Result<Parts> {
        let leaves = self.0.leaves.load(Ordering::SeqCst);
        Ok(Parts {
            leave: leaves.then(|| Arc::new(self.clone()) as Arc<dyn Leave>),
            ..Parts::new(Arc::new(self.clone()))
        })
    }
}

impl Leave for Invented {
    fn leave(&self) {
        let late = std::mem::take(&mut *self.0.late.lock().expect("whole"));
        let mut incoming = self.0.incoming.lock().expect("whole");
        for event in &late {
            let sender = incoming.as_ref().expect("it is open");
            let arrival = Arrival::new(event.clone());
            let _ = sender.send(Ok(Incoming::Event(arrival)));
        }
        if !late.is_empty() {
            *incoming = None;
        }
    }
}

#[async_trait]
impl ChannelAdapter for Invented {
    fn platform(&self) -> Platform {
        self.0.platform.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            DeliveryClass::Ambiguous,
            TextLimit {
                max: 4000,
                unit: Unit::Scalar,
            },
        )
    }

    async fn probe(&self) -> Result<Identity> {
        let name = self.0.platform.to_string();
        Ok(Identity {
            id: name.as_str().into(),
            name,
            link: None,
            notes: vec![],
        })
    }

    async fn open(&self, _resume: Option<Cursor>) -> Result<Inbound> {
        if self.0.closed.load(Ordering::SeqCst) {
            return Err(AdapterError::new(ErrorKind::Unavailable, "closed"));
        }
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.0.incoming.lock().expect("whole") = Some(sender);
        let crashes = self.0.crashes.clone();
        let items = stream::unfold(receiver, move |mut receiver| {
            let crashes = crashes.clone();
            async move {
                let item = receiver.recv().await?;
                assert!(
                    !crashes.swap(false, Ordering::SeqCst),
                    "the adapter crashes, as this test asks"
                );
                Some((item, receiver))
            }
        });
        let hangs_up = self.0.hangs_up.load(Ordering::SeqCst);
        let end = async move {
            match hangs_up {
                true => tokio::time::sleep(Duration::from_secs(1)).await,
                false => std::future::pending().await,
            }
        };
        Ok(stream::once(async { Ok(Incoming::Alive) })
            .chain(items)
            .take_until(Box::pin(end))
            .boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        if let Some(error) = self.0.failures.lock().expect("whole").pop() {
            return Err(error);
        }
        let Verb::Send(message) = &out.verb else {
            return Err(AdapterError::new(ErrorKind::Unsupported, "sends only"));
        };
        let takes = *self.0.takes.lock().expect("whole");
        tokio::time::sleep(takes).await;
        self.0
            .sent
            .lock()
            .expect("whole")
            .push((out.chat.to_string(), markup::plain(&message.markup)));
        Ok(Receipt {
            message: None,
            degraded: self.0.loss.lock().expect("whole").take(),
        })
    }
}

/// A connected platform, as its people see it.
pub(crate) struct Town {
    pub(crate) id: ConnectionId,
    wire: Arc<Wire>,
}

impl Town {
    pub(crate) fn sent(&self) -> Vec<(String, String)> {
        self.wire.sent.lock().expect("whole").clone()
    }

    pub(crate) fn event(&self, person: &str, text: &str) -> Event {
        let number = self.wire.said.fetch_add(1, Ordering::SeqCst);
        event(
            person,
            EventBody::Message(Content::text(text)),
            &format!("auto{number}"),
        )
    }

    pub(crate) async fn say(&self, person: &str, text: &str) {
        self.push(self.event(person, text)).await;
    }

    pub(crate) async fn say_as(&self, person: &str, text: &str, id: &str) {
        self.wire.said.fetch_add(1, Ordering::SeqCst);
        self.push(event(person, EventBody::Message(Content::text(text)), id))
            .await;
    }

    pub(crate) async fn take_back(&self, person: &str, id: &str) {
        let number = self.wire.said.fetch_add(1, Ordering::SeqCst);
        let body = EventBody::Delete { target: id.into() };
        self.push(event(person, body, &format!("auto{number}")))
            .await;
    }

    pub(crate) async fn command(&self, person: &str, name: &str) {
        let number = self.wire.said.fetch_add(1, Ordering::SeqCst);
        let action = Action {
            name: name.into(),
            argument: String::new(),
            token: None,
            target: None,
        };
        self.push(event(
            person,
            EventBody::Action(action),
            &format!("auto{number}"),
        ))
        .await;
    }

    async fn push(&self, event: Event) {
        let confirmed = self.wire.confirmed.clone();
        let confirm = Confirm::new(move |_| {
            confirmed.fetch_add(1, Ordering::SeqCst);
        });
        let arrival = Arrival {
            confirm: Some(confirm),
            ..Arrival::new(event)
        };
        self.wait_open().await;
        let sender = self.wire.incoming.lock().expect("whole").clone();
        sender
            .expect("it is open")
            .send(Ok(Incoming::Event(arrival)))
            .expect("somebody reads");
    }

    pub(crate) async fn wait_open(&self) {
        while self
            .wire
            .incoming
            .lock()
            .expect("whole")
            .as_ref()
            .is_none_or(mpsc::UnboundedSender::is_closed)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Whether somebody reads.
    pub(crate) fn is_open(&self) -> bool {
        let incoming = self.wire.incoming.lock().expect("whole");
        incoming.as_ref().is_some_and(|it| !it.is_closed())
    }

    /// How many senders know what became of what they said.
    pub(crate) fn confirmed(&self) -> usize {
        self.wire.confirmed.load(Ordering::SeqCst)
    }

    pub(crate) async fn all_confirmed(&self) {
        while self.wire.confirmed.load(Ordering::SeqCst) < self.wire.said.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn fail_next_send(&self, error: AdapterError) {
        self.wire.failures.lock().expect("whole").push(error);
    }

    /// Every send takes so long from now on.
    pub(crate) fn slow_down(&self, takes: Duration) {
        *self.wire.takes.lock().expect("whole") = takes;
    }

    pub(crate) fn lose_with_next_send(&self, what: &str) {
        *self.wire.loss.lock().expect("whole") = Some(what.to_owned());
    }

    /// The adapter crashes on what comes next.
    pub(crate) fn crash_on_the_next(&self) {
        self.wire.crashes.store(true, Ordering::SeqCst);
    }

    pub(crate) fn break_off(&self, error: AdapterError) {
        if let Some(sender) = self.wire.incoming.lock().expect("whole").take() {
            let _ = sender.send(Err(error));
        }
    }

    pub(crate) fn refuse_to_open(&self) {
        self.wire.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open_again(&self) {
        self.wire.closed.store(false, Ordering::SeqCst);
    }
}

fn event(person: &str, body: EventBody, id: &str) -> Event {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Event {
        id: id.into(),
        chat: Place {
            handle: person.into(),
            kind: ChatKind::Dm,
            name: None,
        },
        sender: Sender {
            id: person.into(),
            name: None,
            is_bot: false,
        },
        at: Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        body,
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

/// An engine, its store and its script.
pub(crate) struct World {
    pub(crate) chatbox: Chatbox,
    pub(crate) script: Script,
    pub(crate) store: Arc<dyn Store>,
}

/// The store in memory, and how often somebody tried to take a turn lane.
#[derive(Debug)]
pub(crate) struct Counted {
    memory: MemoryStore,
    claims: AtomicUsize,
}

impl Counted {
    pub(crate) fn new() -> Self {
        Self {
            memory: MemoryStore::new(),
            claims: AtomicUsize::new(0),
        }
    }

    pub(crate) fn claims(&self) -> usize {
        self.claims.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Layer for Counted {
    fn beneath(&self) -> &dyn Store {
        &self.memory
    }

    async fn commit(&self, steps: Vec<Step>) -> std::result::Result<Vec<Outcome>, StoreError> {
        let claims = |step: &&Step| matches!(step, Step::Claim(it) if it.kind == LaneKind::Turn);
        let count = steps.iter().filter(claims).count();
        self.claims.fetch_add(count, Ordering::SeqCst);
        self.memory.commit(steps).await
    }
}

/// The store in memory, a second away: what is committed is told a second later.
#[derive(Debug)]
pub(crate) struct Far(pub(crate) MemoryStore);

#[async_trait]
impl Layer for Far {
    fn beneath(&self) -> &dyn Store {
        &self.0
    }

    async fn commit(&self, steps: Vec<Step>) -> std::result::Result<Vec<Outcome>, StoreError> {
        let outcomes = self.0.commit(steps).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        outcomes
    }
}

impl World {
    pub(crate) async fn new(script: Script) -> Self {
        Self::over(Arc::new(MemoryStore::new()), script).await
    }

    pub(crate) async fn over(store: Arc<dyn Store>, script: Script) -> Self {
        let options = Options {
            store: store.clone(),
            ..Options::new(MemoryStore::new())
        };
        let chatbox = Chatbox::start(options);
        chatbox
            .mailbox("main", Some(Arc::new(script.clone())))
            .await
            .expect("the store works");
        Self {
            chatbox,
            script,
            store,
        }
    }

    pub(crate) async fn connect(&self, platform: Invented) -> Town {
        self.connect_to("main", platform).await
    }

    pub(crate) async fn connect_to(&self, mailbox: &str, platform: Invented) -> Town {
        let town = self.attach(mailbox, platform).await;
        town.wait_open().await;
        town
    }

    /// Starts a connection, whether or not its platform can be reached.
    pub(crate) async fn attach(&self, mailbox: &str, platform: Invented) -> Town {
        let wire = platform.0.clone();
        let connect = Connect::new(platform, mailbox);
        let id = self.chatbox.connect(connect).await.expect("there is room");
        Town { id, wire }
    }

    /// Makes sure that a mailbox exists that is answered, but not here.
    pub(crate) async fn mailbox_answered_elsewhere(&self, id: &str) {
        let put = Admin::PutMailbox(NewMailbox {
            account: "main".into(),
            id: id.into(),
            name: id.to_owned(),
            door: Door::Run,
            scope: LaneScope::Session,
        });
        self.chatbox.admin(put).await.expect("the store works");
    }

    pub(crate) async fn rows(&self, person: &str) -> Vec<LogRow> {
        let chats = self
            .store
            .chats(&"main".into(), 100)
            .await
            .expect("it reads");
        let chat = chats
            .iter()
            .find(|chat| chat.handle.as_str() == person)
            .expect("they wrote");
        self.rows_of(chat.id).await
    }

    pub(crate) async fn rows_of(&self, chat: ChatId) -> Vec<LogRow> {
        self.store
            .history(Span::Chat(chat), None, 100_000)
            .await
            .expect("it reads")
    }

    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            states: Vec::new(),
            limit: 100,
            ..DeliveryFilter::default()
        };
        self.store.deliveries(&filter).await.expect("it reads")
    }
}

/// Shuffles by a random seed and tells it. `SEED` repeats one.
pub(crate) fn shuffle(items: &mut [usize]) -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    let mut state = seed;
    for at in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap_or(0) % (at + 1);
        items.swap(at, other);
    }
    seed
}
