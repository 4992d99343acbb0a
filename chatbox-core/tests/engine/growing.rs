//! Replies that grow by edits, on a platform whose messages can be changed at will.

use super::SOON;
use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Limits, Manifest, Outbound, Parts,
    Receipt, Result, Secrets, Settings, TextLimit, Verb,
};
use chatbox_core::event::{Action, ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{Millis, Platform};
use chatbox_core::markup::{self, Dialect, PlainDialect, Unit};
use chatbox_core::store::{Author, LaneScope, MemoryStore, Span, Store};
use chatbox_core::{Chatbox, Connect, Options, Say};
use futures_util::{StreamExt, stream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The longest message.
const MOST: usize = 40;
/// How often one may be changed.
const PACE: Duration = Duration::from_secs(1);
/// The time between two words of a reply.
const WORD: Duration = Duration::from_millis(400);

/// A board of messages that can be changed and taken away.
#[derive(Clone, Debug, Default)]
struct Board(Arc<Mutex<Messages>>);

#[derive(Debug, Default)]
struct Messages {
    incoming: Option<mpsc::UnboundedSender<Result<Incoming>>>,
    said: usize,
    there: Vec<(usize, String)>,
    /// What was asked of it, in order.
    asked: Vec<&'static str>,
    /// Every text a message ever had.
    seen: Vec<String>,
    /// These are answered before anything is done.
    refusals: Vec<AdapterError>,
    takes: Duration,
    /// How many replies a minute may begin so.
    begins: Option<usize>,
}

impl Board {
    fn texts(&self) -> Vec<String> {
        let messages = self.0.lock().expect("whole");
        messages
            .there
            .iter()
            .map(|(_, text)| text.clone())
            .collect()
    }

    fn asked(&self) -> Vec<&'static str> {
        self.0.lock().expect("whole").asked.clone()
    }

    fn seen(&self) -> Vec<String> {
        self.0.lock().expect("whole").seen.clone()
    }

    /// Somebody takes the newest message away.
    fn lose(&self) {
        self.0.lock().expect("whole").there.pop();
    }

    /// What is asked next is answered so; how much was asked before.
    fn refuse(&self, error: AdapterError) -> usize {
        let mut messages = self.0.lock().expect("whole");
        messages.refusals.push(error);
        messages.asked.len()
    }

    fn slow_down(&self, takes: Duration) {
        self.0.lock().expect("whole").takes = takes;
    }

    async fn hear(&self, body: EventBody) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
        let id = {
            let mut messages = self.0.lock().expect("whole");
            messages.said += 1;
            format!("heard{}", messages.said)
        };
        let event = Event {
            id: id.as_str().into(),
            chat: Place {
                handle: "ana".into(),
                kind: ChatKind::Dm,
                name: None,
            },
            sender: Sender {
                id: "ana".into(),
                name: None,
                is_bot: false,
            },
            at: Millis(at),
            body,
            addressed: true,
            late: false,
            group: None,
            raw: None,
        };
        loop {
            let sender = self.0.lock().expect("whole").incoming.clone();
            if let Some(sender) = sender.filter(|it| !it.is_closed()) {
                let arrival = Incoming::Event(Arrival::new(event));
                return sender.send(Ok(arrival)).expect("somebody reads");
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[async_trait]
impl AdapterFactory for Board {
    fn manifest(&self) -> Manifest {
        Manifest {
            title: "a board".to_owned(),
            platform: "board".into(),
            secrets: vec![],
            settings: vec![],
            guide: vec![],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(&self, _: AdapterContext, _: Settings, _: Secrets) -> Result<Parts> {
        Ok(Parts::new(Arc::new(self.clone())))
    }
}

#[async_trait]
impl ChannelAdapter for Board {
    fn platform(&self) -> Platform {
        "board".into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: MOST,
            unit: Unit::Scalar,
        };
        let mut can = Capabilities::new(DeliveryClass::Idempotent, text);
        can.edit = Some(Limits::default());
        can.delete = Some(Limits::default());
        can.grow = Some(Limits {
            pace: Some(PACE),
            max_count: self.0.lock().expect("whole").begins,
            ..Limits::default()
        });
        can
    }

    async fn probe(&self) -> Result<Identity> {
        Ok(Identity {
            id: "board".into(),
            name: "board".to_owned(),
            link: None,
            notes: vec![],
        })
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.lock().expect("whole").incoming = Some(sender);
        let items = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        Ok(stream::once(async { Ok(Incoming::Alive) })
            .chain(items)
            .boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let takes = self.0.lock().expect("whole").takes;
        sleep(takes).await;
        let mut messages = self.0.lock().expect("whole");
        messages.asked.push(out.verb.name());
        if let Some(refusal) = messages.refusals.pop() {
            return Err(refusal);
        }
        let gone = || AdapterError::new(ErrorKind::NotFound, "there is no such message");
        let place = |messages: &Messages, target: &str| {
            let at = messages
                .there
                .iter()
                .position(|(id, _)| target == id.to_string());
            at.ok_or_else(gone)
        };
        let message = match &out.verb {
            Verb::Send(message) => {
                let id = messages.asked.len();
                let text = markup::plain(&message.markup);
                messages.seen.push(text.clone());
                messages.there.push((id, text));
                Some(id.to_string().as_str().into())
            }
            Verb::Edit { target, message } => {
                let at = place(&messages, target.as_str())?;
                let text = markup::plain(&message.markup);
                messages.seen.push(text.clone());
                messages.there[at].1 = text;
                None
            }
            Verb::Delete { target } => {
                let at = place(&messages, target.as_str())?;
                messages.there.remove(at);
                None
            }
            _ => return Err(AdapterError::new(ErrorKind::Unsupported, "no")),
        };
        let degraded = None;
        Ok(Receipt { message, degraded })
    }
}

type End = std::result::Result<TurnOutcome, BackendError>;

/// Says a text word by word, and ends as it is told.
#[derive(Clone)]
struct Writer {
    words: &'static str,
    /// How its attempts end, the last one first; after that with what was said.
    ends: Arc<Mutex<Vec<End>>>,
    /// So many attempts crash.
    crashes: u32,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

#[async_trait]
impl CognitiveBackend for Writer {
    fn name(&self) -> String {
        "writer".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Chat
    }

    fn context_tokens(&self) -> u32 {
        0
    }

    async fn turn(&self, turn: Turn, reply: ReplySink) -> End {
        for word in self.words.split_inclusive(' ') {
            reply.push(word);
            sleep(WORD).await;
        }
        assert!(
            turn.attempt > self.crashes,
            "the backend crashes, as this test asks"
        );
        let end = self.ends.lock().expect("whole").pop();
        end.unwrap_or_else(|| Ok(TurnOutcome::say(self.words)))
    }
}

fn writer(words: &'static str) -> Writer {
    Writer {
        words,
        ends: Arc::default(),
        crashes: 0,
    }
}

struct Room {
    board: Board,
    store: Arc<MemoryStore>,
    chatbox: Chatbox,
}

impl Room {
    async fn new(writer: Writer) -> Self {
        Self::over(Board::default(), Arc::default(), writer).await
    }

    async fn over(board: Board, store: Arc<MemoryStore>, writer: Writer) -> Self {
        let options = Options {
            store: store.clone(),
            ..Options::new(MemoryStore::new())
        };
        let chatbox = Chatbox::start(options);
        let backend = Some(Arc::new(writer) as Arc<dyn CognitiveBackend>);
        chatbox.mailbox("main", backend).await.expect("it is kept");
        let connect = Connect::new(board.clone(), "main");
        chatbox.connect(connect).await.expect("there is room");
        Self {
            board,
            store,
            chatbox,
        }
    }

    async fn hear(&self, text: &str) {
        let said = EventBody::Message(Content::text(text));
        self.board.hear(said).await;
    }

    async fn stop(&self) {
        let action = Action {
            name: "stop".into(),
            argument: String::new(),
            token: None,
            target: None,
        };
        self.board.hear(EventBody::Action(action)).await;
    }

    /// What the agent's messages say by the log, as they were changed.
    async fn log(&self) -> Vec<String> {
        let chats = self.store.chats(&"main".into(), 1).await.expect("it reads");
        let rows = self.store.history(Span::Chat(chats[0].id), None, 1000);
        let rows = rows.await.expect("it reads");
        let ours = rows.iter().filter(|row| row.out);
        let texts = ours.filter_map(|row| match &row.body {
            EventBody::Message(content) => Some(content.text.clone()),
            _ => None,
        });
        texts.collect()
    }
}

const REPLY: &str = "one two three four five six seven";

#[tokio::test(start_paused = true)]
async fn a_reply_grows_in_one_message_and_ends_with_its_whole_text() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
    let seen = room.board.seen();
    assert!(seen.len() > 2, "it was seen growing: {seen:?}");
    let grows = |pair: &[String]| pair[1].starts_with(&pair[0]);
    assert!(seen.windows(2).all(grows), "{seen:?}");
    let edits = room
        .board
        .asked()
        .iter()
        .filter(|it| **it == "edit")
        .count();
    assert!(edits <= 4, "at its pace: {:?}", room.board.asked());
    assert_eq!(room.log().await, [REPLY]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_there_at_once_is_one_message() {
    let room = Room::new(writer("yes")).await;
    room.hear("go").await;
    sleep(SOON).await;
    assert_eq!(room.board.asked(), ["send"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_goes_on_in_the_message_that_was_begun() {
    let crashes = Writer {
        crashes: 1,
        ..writer(REPLY)
    };
    let room = Room::new(crashes).await;
    room.hear("go").await;
    sleep(SOON + SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
    let sends = room
        .board
        .asked()
        .iter()
        .filter(|it| **it == "send")
        .count();
    assert_eq!(sends, 1, "{:?}", room.board.asked());
}

#[tokio::test(start_paused = true)]
async fn what_no_attempt_could_end_is_taken_back() {
    let crashes = Writer {
        crashes: 100,
        ..writer(REPLY)
    };
    let room = Room::new(crashes).await;
    room.hear("go").await;
    sleep(Duration::from_secs(60)).await;
    assert!(!room.board.seen().is_empty());
    assert_eq!(room.board.texts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_before_a_restart_is_completed_after_it() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(room.board.texts().len(), 1);
    assert!(room.chatbox.drain(SOON).await, "everything let go");
    // This one has its answer at once, and still does not say it twice.
    let next = Room::over(room.board.clone(), room.store.clone(), writer("all of it")).await;
    sleep(SOON).await;
    assert_eq!(next.board.texts(), ["all of it"]);
    assert_eq!(next.log().await, ["all of it"]);
}

/// What the agent said before stands among what is pending once that is read from the store.
#[tokio::test(start_paused = true)]
async fn a_later_reply_is_completed_after_a_restart_too() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(SOON + SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
    room.hear("go on").await;
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(room.board.texts().len(), 2);
    assert!(room.chatbox.drain(SOON).await, "everything let go");
    let next = Room::over(room.board.clone(), room.store.clone(), writer("all of it")).await;
    sleep(SOON).await;
    assert_eq!(next.board.texts(), [REPLY, "all of it"]);
}

#[tokio::test(start_paused = true)]
async fn what_outgrows_a_message_goes_on_in_the_next() {
    let long = "the first sentence fills one message. the second one follows in another message";
    let room = Room::new(writer(long)).await;
    room.hear("go").await;
    sleep(SOON + SOON).await;
    let texts = room.board.texts();
    assert!(texts.len() > 1, "{texts:?}");
    assert!(texts.iter().all(|text| text.len() <= MOST), "{texts:?}");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&texts.join(" ")), words(long));
    let again = room.board.asked();
    let last = again.iter().rposition(|it| *it == "edit").expect("it grew");
    let sends: Vec<_> = again[last..].iter().filter(|it| **it == "send").collect();
    assert_eq!(
        sends.len(),
        texts.len() - 1,
        "what is full is left alone: {again:?}"
    );
    // Whoever takes it back takes back all of it.
    let chats = room.store.chats(&"main".into(), 1).await.expect("it reads");
    let rows = room.store.history(Span::Chat(chats[0].id), None, 10);
    let rows = rows.await.expect("it reads");
    let target = rows.iter().find(|row| row.out).expect("it was said").seq;
    let author = Author::Mailbox { id: "main".into() };
    let said = room
        .chatbox
        .say(chats[0].id, author, Say::Delete { target });
    said.await.expect("it is the agent's own");
    sleep(SOON).await;
    assert_eq!(room.board.texts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_says_so_below_what_it_had_said() {
    let failed = writer(REPLY);
    failed
        .ends
        .lock()
        .expect("whole")
        .push(Err(BackendError::Refused("no".to_owned())));
    let room = Room::new(failed).await;
    room.hear("go").await;
    sleep(SOON).await;
    let text = room.board.texts().join(" ");
    let (said, notice) = text.split_at(REPLY.len());
    assert_eq!(said, REPLY);
    assert!(notice.contains("can't answer that"), "{notice}");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_stopped_keeps_what_it_had_said() {
    let room = Room::new(writer(REPLY)).await;
    for ends in ["Stopped.", ""] {
        room.hear("go").await;
        sleep(Duration::from_millis(1500)).await;
        room.stop().await;
        sleep(SOON).await;
        let texts = room.board.texts();
        let last = texts.last().expect("it was kept");
        assert!(last.starts_with("one two"), "{texts:?}");
        // That it was is said once in a while.
        assert!(last.ends_with(ends), "{texts:?}");
    }
    assert_eq!(room.board.texts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_says_nothing_in_the_end_takes_back_what_it_began() {
    let silent = writer(REPLY);
    silent
        .ends
        .lock()
        .expect("whole")
        .push(Ok(TurnOutcome::default()));
    let room = Room::new(silent).await;
    room.hear("go").await;
    sleep(SOON).await;
    assert!(!room.board.seen().is_empty());
    assert_eq!(room.board.texts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_beginning_was_taken_away_is_said_anew() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(Duration::from_millis(2500)).await;
    room.board.lose();
    sleep(SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_may_not_be_changed_any_more_is_said_anew() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(Duration::from_millis(1500)).await;
    // What grows is not changed any more after the first, so that the second meets the end.
    let closed = || AdapterError::new(ErrorKind::Forbidden, "nobody may change it any more");
    room.board.0.lock().expect("whole").refusals = vec![closed(), closed()];
    sleep(SOON + SOON).await;
    let texts = room.board.texts();
    assert_eq!(texts.last().map(String::as_str), Some(REPLY), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn limits_cost_what_grows_and_never_the_end() {
    let room = Room::new(writer(REPLY)).await;
    room.hear("go").await;
    sleep(Duration::from_millis(1500)).await;
    let wait = Duration::from_secs(5);
    let slow = AdapterError::new(ErrorKind::RateLimited, "slow down").after(wait);
    let asked = room.board.refuse(slow);
    sleep(SOON).await;
    assert_eq!(room.board.asked().len(), asked + 1, "not before it may");
    sleep(SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_takes_long_does_not_come_after_the_last_one() {
    let room = Room::new(writer(REPLY)).await;
    room.board.slow_down(Duration::from_millis(700));
    room.hear("go").await;
    sleep(SOON + SOON).await;
    assert_eq!(room.board.texts(), [REPLY]);
    assert_eq!(room.board.seen().last().map(String::as_str), Some(REPLY));
}

/// The platform does not answer before the turn is over: what was begun has no name when the end is planned.
#[tokio::test(start_paused = true)]
async fn a_reply_is_completed_though_its_beginning_is_still_on_its_way() {
    let room = Room::new(writer("one two three ")).await;
    room.board.slow_down(Duration::from_secs(3));
    room.hear("go").await;
    sleep(SOON + SOON).await;
    assert_eq!(room.board.asked(), ["send", "edit"]);
    assert_eq!(room.board.texts(), ["one two three"]);
}

#[tokio::test(start_paused = true)]
async fn where_few_changes_are_allowed_few_replies_grow() {
    let board = Board::default();
    board.0.lock().expect("whole").begins = Some(1);
    let room = Room::over(board, Arc::default(), writer(REPLY)).await;
    for grew in [true, false] {
        let before = room.board.asked().len();
        room.hear("go").await;
        sleep(SOON).await;
        let asked = room.board.asked().split_off(before);
        assert_eq!(asked.contains(&"edit"), grew, "{asked:?}");
    }
    assert_eq!(room.board.texts(), [REPLY, REPLY]);
    sleep(Duration::from_secs(60)).await;
    let before = room.board.asked().len();
    room.hear("go").await;
    sleep(SOON).await;
    assert!(room.board.asked().split_off(before).contains(&"edit"));
}
