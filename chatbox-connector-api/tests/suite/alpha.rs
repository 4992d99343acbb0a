//! A correct adapter for the small platform: resumes by place, cannot tell what became of a lost answer unless it may
//! ask. With a twist it is one that is wrong in one way.

use crate::platform::{CAPTION, Draft, Failure, Heard, LIMIT, Line, Platform, Update, What};
use crate::vendor::{handle, person, room};
use async_trait::async_trait;
use bytes::Bytes;
use chatbox_connector_api::conformance::{File, Room, Who};
use chatbox_connector_api::event::{
    Action, Attachment, ChatKind, Content, Event, EventBody, Media, Place, Sender,
};
use chatbox_connector_api::id::{DeliveryId, EventId, Millis};
use chatbox_connector_api::markup::{Block, Dialect, Markup, PlainDialect, Unit, plain};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Blobs, ByteStream, Capabilities,
    ChannelAdapter, Confirm, Cursor, DeliveryClass, ErrorKind, Fate, Identity, Inbound, Incoming,
    Limits, Manifest, MediaSource, OutMessage, Outbound, Parts, Receipt, Reconcile, Result,
    SecretSpec, Secrets, Settings, TextLimit, Verb,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

#[derive(Debug)]
pub(crate) struct AlphaFactory {
    pub(crate) platform: Arc<Platform>,
    pub(crate) twist: &'static str,
    /// Whether it leaves a note on what it sends, and asks for it when in doubt.
    pub(crate) asks: bool,
}

#[async_trait]
impl AdapterFactory for AlphaFactory {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: "alpha".into(),
            title: "Alpha".to_owned(),
            secrets: vec![SecretSpec {
                name: "token".to_owned(),
                title: "The account's token".to_owned(),
                env: "ALPHA_TOKEN".to_owned(),
            }],
            settings: Vec::new(),
            guide: vec!["Make an account.".to_owned()],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        let counts_wrong = self.twist == "counts characters where the platform counts units";
        let unit = if counts_wrong {
            Unit::Scalar
        } else {
            Unit::Utf16
        };
        Arc::new(PlainDialect::new(unit))
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let alpha = Arc::new(Alpha {
            platform: self.platform.clone(),
            twist: self.twist,
            asks: self.asks,
            token: secrets.require("token")?.expose().to_owned(),
            blobs: context.blobs,
            memory: Arc::default(),
        });
        let asks = self.asks && !alpha.is("never asks");
        Ok(Parts {
            media: Some(alpha.clone()),
            reconcile: asks.then(|| alpha.clone() as Arc<dyn Reconcile>),
            ..Parts::new(alpha)
        })
    }
}

#[derive(Clone)]
struct Alpha {
    platform: Arc<Platform>,
    twist: &'static str,
    asks: bool,
    token: String,
    blobs: Arc<dyn Blobs>,
    memory: Arc<Memory>,
}

/// What only some twists remember.
#[derive(Default)]
struct Memory {
    highest: AtomicUsize,
    sends: AtomicUsize,
    broken: AtomicBool,
    swallows: AtomicBool,
    heard: Mutex<BTreeMap<String, String>>,
    spoken: Mutex<BTreeSet<String>>,
    last_words: Mutex<Option<(Room, Draft)>>,
    last_room: Mutex<Option<Room>>,
    queue: Mutex<Vec<(Room, Draft)>>,
    fate: tokio::sync::Mutex<Option<mpsc::UnboundedReceiver<Fate>>>,
}

impl fmt::Debug for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Alpha");
        if self.is("prints its token") {
            shown.field("token", &self.token);
        }
        shown.finish_non_exhaustive()
    }
}

impl Alpha {
    fn is(&self, twist: &str) -> bool {
        self.twist == twist
    }

    /// What a failed request means.
    fn error(&self, failure: &Failure) -> AdapterError {
        if self.is("logs its token") {
            tracing::warn!(token = self.token, ?failure, "a request failed");
        }
        if matches!(failure, Failure::RateLimited(_)) {
            self.memory.swallows.store(true, Ordering::SeqCst);
        }
        let kind = match failure {
            Failure::Unauthorized if self.is("takes a refused credential for an outage") => {
                ErrorKind::Unavailable
            }
            Failure::Unauthorized if self.is("takes a refused credential for a bad request") => {
                ErrorKind::Invalid
            }
            Failure::Unauthorized => ErrorKind::Unauthorized,
            Failure::RateLimited(_) if self.is("drops on a rate limit") => ErrorKind::Invalid,
            Failure::RateLimited(_) => ErrorKind::RateLimited,
            Failure::ServerError if self.is("takes a failing platform for a refusal") => {
                ErrorKind::Invalid
            }
            Failure::Lost if self.is("resends when the answer is lost") => ErrorKind::Unavailable,
            Failure::ServerError | Failure::Lost => ErrorKind::Ambiguous,
            Failure::Refused if self.is("tries a refused send again") => ErrorKind::Unavailable,
            Failure::Refused => ErrorKind::Invalid,
            Failure::NotFound => ErrorKind::NotFound,
            Failure::Unreachable if self.is("gives up when nothing left") => ErrorKind::Invalid,
            Failure::Unreachable if self.is("doubts what never left") => ErrorKind::Ambiguous,
            Failure::Unreachable => ErrorKind::Unavailable,
        };
        let mut error = AdapterError::new(kind, format!("alpha: {failure:?}"));
        if self.is("prints its token in errors") {
            error = AdapterError::new(
                error.kind().clone(),
                format!("GET /{}/send failed", self.token),
            );
        }
        if self.is("prints its token in the cause of errors") {
            error = error.with_source(format!("GET /{}/send", self.token));
        }
        match failure {
            Failure::RateLimited(_) if self.is("forgets how long to wait") => error,
            Failure::RateLimited(wait) if self.is("waits too short") => error.after(*wait / 2),
            Failure::RateLimited(_) if self.is("waits not at all") => error.after(Duration::ZERO),
            Failure::RateLimited(wait) => error.after(*wait),
            _ => error,
        }
    }
}

#[async_trait]
impl ChannelAdapter for Alpha {
    fn platform(&self) -> chatbox_connector_api::id::Platform {
        "alpha".into()
    }

    fn capabilities(&self) -> Capabilities {
        let limit = |max| TextLimit {
            max,
            unit: Unit::Utf16,
        };
        let most = match self.twist {
            "claims a longer text than the wire's" => LIMIT + 100,
            _ => LIMIT,
        };
        let class = match self.asks {
            true => DeliveryClass::Reconcilable,
            false => DeliveryClass::Ambiguous,
        };
        let mut can = Capabilities::new(class, limit(most));
        let any = Some(Limits::default());
        can.caption = Some(limit(match self.twist {
            "claims a longer caption than the wire's" => LIMIT,
            _ => CAPTION,
        }));
        can.reply = any;
        can.edit = any;
        can.delete = any;
        can.react = any;
        can.media = Some(Limits {
            max_count: Some(10),
            ..Limits::default()
        });
        can.media_in = can.media;
        can.typing = any;
        can.draft = Some(Limits {
            pace: Some(Duration::from_millis(50)),
            ..Limits::default()
        });
        can.heartbeat = Some(Duration::from_millis(300));
        can.answer = any;
        can.mark_read = any;
        match self.twist {
            "answers Ok to a deletion it does not claim" => can.delete = None,
            "answers Ok to a button it does not claim" => can.answer = None,
            "answers Ok to a mark it does not claim" | "calls the unsupported invalid" => {
                can.mark_read = None;
            }
            _ => {}
        }
        can
    }

    async fn probe(&self) -> Result<Identity> {
        let asked = match self.platform.who(&self.token).await {
            Err(_) if self.is("proves nothing") => Ok(Who::US),
            asked => asked,
        };
        let who = asked.map_err(|failure| self.error(&failure))?;
        let id = if self.is("is somebody else each time") {
            chatbox_connector_api::id::ExternalId::new(chatbox_connector_api::id::code(6))
        } else {
            person(who)
        };
        Ok(Identity {
            id,
            name: "alpha".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let stored = resume
            .and_then(|cursor| cursor.0.split('?').next()?.parse().ok())
            .unwrap_or(0);
        let head = self.platform.head();
        let first = self.memory.highest.load(Ordering::SeqCst) == 0;
        self.repeat_itself(first).await;
        let after = match self.twist {
            "forgets its cursor" => 0,
            "goes one too far" if stored > 0 => stored + 1,
            "goes one back" => usize::saturating_sub(stored, 1),
            "begins with what is new" => head,
            "begins with what is new after a loss" if !first => head,
            "keeps a place of its own" => stored.max(self.memory.highest.load(Ordering::SeqCst)),
            _ => stored,
        };
        if self.is("shows life before it heard any") {
            let this = self.clone();
            let late = stream::once(async move { this.lines(after).await }).try_flatten();
            return Ok(stream::once(async { Ok(Incoming::Alive) })
                .chain(late)
                .boxed());
        }
        self.lines(after).await
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let done = self.act(out).await;
        done.map_err(|error| error.unwrap_or_else(|failure| self.error(&failure)))
            .map(|message| Receipt {
                message: message.map(EventId::new),
                degraded: None,
            })
    }
}

/// A ready error, or a failure still to be named.
type Undone = std::result::Result<AdapterError, Failure>;

fn failed(failure: Failure) -> Undone {
    Err(failure)
}

// ---- what comes in

impl Alpha {
    /// Says its last words once more, when it listens again.
    async fn repeat_itself(&self, first: bool) {
        let last = self.memory.last_words.lock().expect("whole").take();
        if let Some((room, draft)) = last.filter(|_| !first) {
            let _ = self.platform.send(&self.token, room, draft).await;
        }
    }

    async fn lines(&self, after: usize) -> Result<Inbound> {
        let line = self.platform.listen(&self.token, Some(after)).await;
        let line = line.map_err(|failure| self.error(&failure))?;
        if self.is("leaves its old connections open") {
            let extra = self.platform.listen(&self.token, Some(after)).await;
            Box::leak(Box::new(extra));
        }
        if self.is("listens on after it was stopped") {
            return Ok(self.pumped(line));
        }
        let state = (self.clone(), line, VecDeque::new());
        let items = stream::unfold(state, |(this, mut line, mut ready)| async move {
            while ready.is_empty() {
                this.hear(&mut line, &mut ready).await;
            }
            ready.pop_front().map(|item| (item, (this, line, ready)))
        });
        Ok(items.boxed())
    }

    fn pumped(&self, mut line: Line) -> Inbound {
        let (sender, receiver) = mpsc::unbounded_channel();
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let mut ready = VecDeque::new();
                this.hear(&mut line, &mut ready).await;
                let lost = ready.iter().any(std::result::Result::is_err);
                ready.into_iter().for_each(|item| drop(sender.send(item)));
                if lost {
                    return;
                }
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        })
        .boxed()
    }

    /// Waits for the next thing on the line and translates it.
    async fn hear(&self, line: &mut Line, ready: &mut VecDeque<Result<Incoming>>) {
        self.stall().await;
        let next = match self.twist {
            "shows life by its own clock" => timeout(Duration::from_millis(100), line.next())
                .await
                .unwrap_or(Ok(Heard::Beat)),
            _ => line.next().await,
        };
        let count = self.memory.sends.fetch_add(1, Ordering::SeqCst);
        match next {
            Ok(Heard::Beat) if self.is("never shows life") => {}
            Ok(Heard::Beat) if self.is("seldom shows life") && count % 10 != 9 => {}
            Ok(Heard::Beat) => ready.push_back(Ok(Incoming::Alive)),
            Ok(Heard::Update(update)) => self.updates(*update, line, ready).await,
            Err(Failure::Lost) if self.is("does not notice a cut") => {
                sleep(Duration::from_millis(100)).await;
                ready.push_back(Ok(Incoming::Alive));
            }
            Err(Failure::Lost) if self.hides_outages() => {
                sleep(Duration::from_millis(30)).await;
                ready.push_back(Ok(Incoming::Alive));
                if let Ok(fresh) = self
                    .platform
                    .listen(
                        &self.token,
                        Some(self.memory.highest.load(Ordering::SeqCst)),
                    )
                    .await
                {
                    *line = fresh;
                    self.send_queue().await;
                }
            }
            Err(failure) => ready.push_back(Err(self.error(&failure))),
        }
    }

    fn hides_outages(&self) -> bool {
        ["hides an outage", "keeps a queue of its own"].contains(&self.twist)
    }

    /// One update and, for twists about order, those right behind it.
    async fn updates(
        &self,
        first: Update,
        line: &mut Line,
        ready: &mut VecDeque<Result<Incoming>>,
    ) {
        let mut batch = vec![first];
        if ["hands on the newest first", "swaps neighbours"].contains(&self.twist) {
            while let Ok(Ok(Heard::Update(next))) =
                timeout(Duration::from_millis(30), line.next()).await
            {
                batch.push(*next);
            }
        }
        let batch_end = batch.last().map_or(0, |update| update.number);
        match self.twist {
            "hands on the newest first" => batch.reverse(),
            "swaps neighbours" => batch.chunks_mut(2).for_each(<[Update]>::reverse),
            _ => {}
        }
        for update in batch {
            self.memory
                .highest
                .fetch_max(update.number, Ordering::SeqCst);
            self.update(update, batch_end, ready).await;
        }
    }

    async fn update(&self, update: Update, place: usize, ready: &mut VecDeque<Result<Incoming>>) {
        if self.is("swallows an event when it is limited")
            && update.sender != Who::US
            && self.memory.swallows.swap(false, Ordering::SeqCst)
        {
            return;
        }
        let garbage = matches!(update.what, What::Garbage);
        if garbage {
            match self.twist {
                "breaks at garbage" => {
                    return ready.push_back(Err(AdapterError::new(
                        ErrorKind::Malformed,
                        "what is this?",
                    )));
                }
                "waits for ever at garbage" => std::future::pending::<()>().await,
                "loses what follows garbage" => self.memory.broken.store(true, Ordering::SeqCst),
                _ => {}
            }
        } else if self.is("loses what follows garbage")
            && self.memory.broken.swap(false, Ordering::SeqCst)
        {
            return;
        }
        *self.memory.last_room.lock().expect("whole") = Some(update.room);
        self.meddle(&update);
        let Some(event) = self.event(&update) else {
            return;
        };
        if self.is("says everything twice") {
            let again = Event {
                id: EventId::new(format!("{}-again", event.id)),
                ..event.clone()
            };
            ready.push_back(Ok(Incoming::Event(Arrival::new(again))));
        }
        let (confirm, fates) = self.confirm(&update);
        let arrival = Arrival {
            cursor: Some(Cursor(match self.twist {
                "goes back with its places" => place.saturating_sub(1).to_string(),
                "writes its token into its place" => format!("{place}?{}", self.token),
                _ => place.to_string(),
            })),
            confirm: Some(confirm),
            ..Arrival::new(event)
        };
        ready.push_back(Ok(Incoming::Event(arrival)));
        if self.is("waits until a message is stored") && update.sender != Who::US {
            *self.memory.fate.lock().await = Some(fates);
        }
    }

    /// Tells the platform that everything up to here is safe.
    fn confirm(&self, update: &Update) -> (Confirm, mpsc::UnboundedReceiver<Fate>) {
        let (this, update) = (self.clone(), update.clone());
        let number = update.number;
        match self.twist {
            "tells the platform at once" => self.platform.ack(1..=number),
            "tells the platform what it lets go of" => {
                let letting_go = LettingGo(self.platform.clone(), number);
                let confirm = Confirm::new(move |_| drop(letting_go));
                return (confirm, mpsc::unbounded_channel().1);
            }
            "tells the platform after a while" => {
                let platform = self.platform.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(60)).await;
                    platform.ack(1..=number);
                });
            }
            _ => {}
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let confirm = Confirm::new(move |fate| {
            let _ = sender.send(fate.clone());
            let stored = matches!(fate, Fate::Stored(_));
            match this.twist {
                "never tells the platform" => return,
                "tells the platform only what was stored" if !stored => return,
                "tells the platform only what was stored" => return this.platform.ack([number]),
                "answers strangers" if !stored && update.sender != Who::US => {
                    let draft = Draft {
                        text: "I do not know you.".to_owned(),
                        ..Draft::default()
                    };
                    let this = this.clone();
                    tokio::spawn(async move {
                        this.platform.send(&this.token, update.room, draft).await
                    });
                }
                _ => {}
            }
            this.platform.ack(1..=number);
        });
        (confirm, receiver)
    }

    /// Marks and answers unasked, where that is the twist.
    fn meddle(&self, update: &Update) {
        let this = self.clone();
        match &update.what {
            What::Message(_) if self.is("marks what it hears") => {
                self.platform.state().marks.push(update.key.clone());
            }
            What::Press { token, .. } if self.is("answers buttons unasked") => {
                let press = token.clone();
                tokio::spawn(async move { this.platform.answer(&this.token, &press, "").await });
            }
            _ => {}
        }
    }

    /// Does nothing more until the last message was stored.
    async fn stall(&self) {
        let Some(mut fates) = self.memory.fate.lock().await.take() else {
            return;
        };
        while let Some(fate) = fates.recv().await {
            if matches!(fate, Fate::Stored(_) | Fate::Duplicate(_)) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// The update as an event: the pure half.
    fn event(&self, update: &Update) -> Option<Event> {
        let body = self.body(update)?;
        let own = update.sender == Who::US;
        let sender = match (self.twist, update.room) {
            ("names people in groups otherwise", Room::Group(group)) if !own => {
                format!("g{group}-{}", update.sender.0).into()
            }
            ("takes its own words for its partner's", Room::Dm(who)) if own => person(who),
            ("takes its other devices for people", _) if own => "a-device".into(),
            ("takes the chat for the sender", room) => handle(room).as_str().into(),
            _ => person(update.sender),
        };
        let group = matches!(update.room, Room::Group(_));
        let place = match (self.twist, update.room) {
            ("mixes up chats", Room::Dm(Who(who))) => handle(Room::Dm(Who(who ^ 3))),
            _ => handle(update.room),
        };
        let meant = match &update.what {
            What::Message(said) => !group || said.addressed,
            _ => !group,
        };
        let addressed = match self.twist {
            "thinks that everything is meant for it" => true,
            "thinks that nothing is meant for it" => false,
            "hears no mention" => !group,
            _ => meant,
        };
        let one_to_one = !group || self.is("takes a group for two");
        let album = match &update.what {
            What::Message(said) => said.album.clone(),
            _ => None,
        };
        let id = match self.twist {
            "names messages by when they came" => format!("n{}", update.number),
            "names all changes of a message alike" => match &update.what {
                What::Edit { target, .. } | What::Reaction { target, .. } => {
                    format!("{target}-changed")
                }
                _ => update.key.clone(),
            },
            "names messages at random" => chatbox_connector_api::id::code(12),
            "names messages too shortly" => format!(
                "{}",
                update.key.len() * 100 + update.key.bytes().map(usize::from).sum::<usize>() % 100
            ),
            _ => update.key.clone(),
        };
        Some(Event {
            id: EventId::new(id),
            chat: Place {
                handle: place,
                kind: if one_to_one {
                    ChatKind::Dm
                } else {
                    ChatKind::Group
                },
                name: None,
            },
            sender: Sender {
                id: sender,
                name: None,
                is_bot: own && self.twist.is_empty(),
            },
            at: Millis(if self.is("dates messages in seconds") {
                update.at / 1000
            } else {
                update.at
            }),
            body,
            addressed,
            late: false,
            group: match self.twist {
                "sees no albums" => None,
                "sees an album in each picture" => album.map(|_| update.key.clone()),
                _ => album,
            },
            raw: None,
        })
    }

    fn body(&self, update: &Update) -> Option<EventBody> {
        let wrong = |target: &str| {
            // The newest message instead of the one that is meant.
            let state = self.platform.state();
            let messages = state
                .updates
                .iter()
                .filter(|it| matches!(it.what, What::Message(_)));
            messages
                .map(|it| it.key.clone())
                .next_back()
                .unwrap_or_else(|| target.to_owned())
        };
        let target_of = |target: &String, twist: &str| {
            EventId::new(if self.is(twist) {
                wrong(target)
            } else {
                target.clone()
            })
        };
        Some(match &update.what {
            What::Message(said) => {
                if said.files_gone && self.is("drops messages whose files are gone") {
                    return None;
                }
                let known = self
                    .memory
                    .heard
                    .lock()
                    .expect("whole")
                    .insert(update.key.clone(), said.text.clone());
                let before = self.memory.heard.lock().expect("whole");
                let before = before
                    .iter()
                    .any(|(key, text)| *key != update.key && *text == said.text);
                if before && known.is_none() && self.is("takes equal words for a repetition") {
                    return None;
                }
                assert!(
                    said.text.is_ascii() || !self.is("panics at what is not ASCII"),
                    "the twist"
                );
                let files = match self.twist {
                    "takes only the first of several files" => 1,
                    _ => usize::MAX,
                };
                let files = said.files.iter().take(files);
                let own = |name: &String| {
                    let state = self.platform.state();
                    state.sent.iter().any(|sent| sent.id == *name)
                };
                EventBody::Message(Content {
                    text: match self.twist {
                        "cuts what it receives" => said.text.chars().take(400).collect(),
                        "joins lines that it receives" => said.text.replace('\n', " "),
                        "loses what is beyond the basic plane" => {
                            said.text.chars().filter(|it| *it < '\u{10000}').collect()
                        }
                        _ => said.text.clone(),
                    },
                    attachments: files.map(|file| self.pending(file)).collect(),
                    reply_to: match self.twist {
                        "does not see what a reply answers" => None,
                        "does not know its own words" => {
                            let other = said.reply_to.clone().filter(|name| !own(name));
                            other.map(EventId::new)
                        }
                        "takes a reply for one to itself" if said.reply_to.is_some() => {
                            Some(EventId::new(update.key.clone()))
                        }
                        _ => said.reply_to.clone().map(EventId::new),
                    },
                })
            }
            What::Edit { text, .. } if self.is("takes an edit for a message") => {
                EventBody::Message(Content::text(text))
            }
            What::Edit { target, text } => EventBody::Edit {
                target: target_of(target, "takes an edit for one of the newest"),
                content: Content::text(text),
            },
            What::Delete { .. } if self.is("does not hear deletions") => return None,
            What::Delete { target } => EventBody::Delete {
                target: target_of(target, "takes a deletion for one of the newest"),
            },
            What::Reaction { emoji, .. } if self.is("takes a reaction for a message") => {
                EventBody::Message(Content::text(emoji))
            }
            What::Reaction { target, emoji } => EventBody::Reaction {
                target: target_of(target, "takes a reaction for one to the newest"),
                emoji: vec![emoji.clone()],
            },
            What::Press { button, .. } if self.is("takes a button for a message") => {
                EventBody::Message(Content::text(button))
            }
            What::Press { button, token } => EventBody::Action(Action {
                name: button.clone(),
                argument: String::new(),
                token: (!self.is("forgets where answers go")).then(|| token.clone()),
            }),
            What::Garbage => EventBody::Unsupported {
                what: "garbage".to_owned(),
            },
        })
    }

    fn pending(&self, file: &File) -> Attachment {
        let lost = self.is("loses the names of files it receives");
        Attachment {
            name: if lost {
                "file".to_owned()
            } else {
                file.name.clone()
            },
            mime: file.mime.clone(),
            size: None,
            media: Media::Pending {
                source: match (self.twist, String::from_utf8_lossy(&file.bytes)) {
                    ("writes its token into where files are", at) => format!("{}/{at}", self.token),
                    (_, at) => at.into_owned(),
                },
            },
        }
    }
}

#[async_trait]
impl MediaSource for Alpha {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let source = source.rsplit('/').next().unwrap_or(source);
        let fetched = self.platform.fetch(&self.token, source).await;
        if fetched.is_err() && self.is("prints its token when a file does not come") {
            let why = format!("GET /{}/{source} failed", self.token);
            return Err(AdapterError::new(ErrorKind::NotFound, why));
        }
        if fetched.is_err() && self.is("waits for ever for a file that is gone") {
            std::future::pending::<()>().await;
        }
        let file = fetched.map_err(|failure| self.error(&failure))?;
        let bytes = self.changed(
            file.bytes,
            "corrupts files it receives",
            "cuts files it receives",
        );
        Ok(stream::iter([Ok(bytes)]).boxed())
    }
}

// ---- what goes out

impl Alpha {
    fn changed(&self, bytes: Bytes, corrupts: &str, cuts: &str) -> Bytes {
        let mut bytes = bytes.to_vec();
        if self.is(corrupts)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        if self.is(cuts) {
            bytes.truncate(bytes.len() / 2);
        }
        bytes.into()
    }

    async fn act(&self, out: &Outbound) -> std::result::Result<Option<String>, Undone> {
        let nowhere = || failed(Failure::NotFound);
        let room = room(&out.chat).ok_or_else(nowhere)?;
        match &out.verb {
            Verb::Send(message) => self.say(room, out.id, message).await.map(Some),
            Verb::Answer { token, text } if self.capabilities().answer.is_some() => {
                self.answer(token, text).await
            }
            Verb::MarkRead { target } if self.capabilities().mark_read.is_some() => {
                self.mark(target).await
            }
            Verb::Edit { target, message } => self.edit(room, target, message).await,
            Verb::Delete { target } => self.delete(target).await,
            Verb::React { target, emoji } => self.react(target, emoji).await,
            Verb::Typing => self.show(room, None).await,
            Verb::Draft { markup, .. } => self.show(room, Some(self.text(markup))).await,
            verb => self.unclaimed(verb),
        }
    }

    fn unclaimed(&self, verb: &Verb) -> std::result::Result<Option<String>, Undone> {
        let kind = match (self.twist, verb) {
            ("answers Ok to a button it does not claim", Verb::Answer { .. })
            | ("answers Ok to a mark it does not claim", Verb::MarkRead { .. }) => return Ok(None),
            ("calls the unsupported invalid", _) => ErrorKind::Invalid,
            _ => ErrorKind::Unsupported,
        };
        Err(Ok(AdapterError::new(
            kind,
            format!("alpha has no `{}`", verb.name()),
        )))
    }

    fn text(&self, markup: &Markup) -> String {
        if let Some(change) = self.changes_code() {
            let mut markup = markup.clone();
            for block in &mut markup.0 {
                if let Block::Code { text, .. } = block {
                    *text = change(text);
                }
            }
            return plain(&markup);
        }
        let drops: Option<fn(&Block) -> bool> = match self.twist {
            "drops lists" => Some(|block| matches!(block, Block::List { .. })),
            "drops quotes" => Some(|block| matches!(block, Block::Quote(_))),
            "drops tables" => Some(|block| matches!(block, Block::Table { .. })),
            "drops headings" => Some(|block| matches!(block, Block::Heading { .. })),
            _ => None,
        };
        if let Some(drops) = drops {
            let blocks = markup.0.iter().filter(|block| !drops(block));
            return plain(&Markup(blocks.cloned().collect()));
        }
        match self.twist {
            "runs paragraphs together" => return plain(markup).replace('\n', ""),
            "takes words for markup" => return plain(markup).replace(['_', '*'], ""),
            _ => {}
        }
        if self.is("drops code") {
            let blocks = markup
                .0
                .iter()
                .filter(|block| !matches!(block, Block::Code { .. }));
            return plain(&Markup(blocks.cloned().collect()));
        }
        plain(markup)
    }

    fn changes_code(&self) -> Option<fn(&str) -> String> {
        match self.twist {
            "joins the lines of code" => Some(|code| code.replace('\n', " ")),
            "takes the indentation from code" => Some(|code| {
                let lines: Vec<_> = code.lines().map(str::trim_start).collect();
                lines.join("\n")
            }),
            "takes empty lines from code" => Some(|code| {
                let lines: Vec<_> = code.lines().filter(|line| !line.is_empty()).collect();
                lines.join("\n")
            }),
            _ => None,
        }
    }

    async fn draft(&self, message: &OutMessage) -> std::result::Result<Draft, Undone> {
        let mut files = Vec::new();
        for attachment in &message.attachments {
            files.push(self.file(attachment).await.map_err(Ok)?);
        }
        if self.is("reverses files") {
            files.reverse();
        }
        if self.is("drops the second file") {
            files.truncate(1);
        }
        let mut text = self.text(&message.markup);
        if self.is("cuts long texts") {
            text = text.chars().take(1000).collect();
        }
        let reply_to = message
            .reply_to
            .as_ref()
            .map(|name| name.as_str().to_owned());
        let newest = || {
            let state = self.platform.state();
            let people = state
                .updates
                .iter()
                .filter(|update| update.sender != Who::US);
            people.map(|update| update.key.clone()).next_back()
        };
        Ok(Draft {
            text,
            files,
            reply_to: match self.twist {
                "ignores what it replies to" => None,
                "replies to everything" => reply_to.or_else(newest),
                "replies to the first" => reply_to.map(|_| "m1".to_owned()),
                _ => reply_to,
            },
            preview: self.is("leaves previews on")
                || self.is("leaves previews on in replies") && message.reply_to.is_some(),
            ..Draft::default()
        })
    }

    async fn file(&self, attachment: &Attachment) -> Result<File> {
        let gone = |why: &dyn fmt::Display| {
            AdapterError::new(ErrorKind::Invalid, format!("a file cannot be read: {why}"))
        };
        let Media::Ready { id } = &attachment.media else {
            return Err(gone(&"it is not here"));
        };
        let (_, bytes) = self.blobs.open(id).await.map_err(|error| gone(&error))?;
        let pieces: Vec<Bytes> = bytes.try_collect().await.map_err(|error| gone(&error))?;
        let lost = self.is("loses the names of files")
            || self.is("loses names that are not ASCII") && !attachment.name.is_ascii();
        Ok(File {
            name: if lost {
                "file".to_owned()
            } else {
                attachment.name.clone()
            },
            mime: attachment.mime.clone(),
            bytes: self.changed(pieces.concat().into(), "corrupts files", "cuts files"),
        })
    }

    async fn say(
        &self,
        room: Room,
        id: Option<DeliveryId>,
        message: &OutMessage,
    ) -> std::result::Result<String, Undone> {
        let mut draft = self.draft(message).await?;
        draft.note = id.filter(|_| self.asks).map(|id| id.0);
        if self.is("says its last words again after a cut") {
            *self.memory.last_words.lock().expect("whole") = Some((room, draft.clone()));
        }
        let spoken = &self.memory.spoken;
        if !spoken.lock().expect("whole").insert(draft.text.clone())
            && self.is("says nothing twice")
        {
            return Ok("said before".to_owned());
        }
        if self.is("cuts where it likes")
            && let Some(at) = draft.text.find('\u{200D}')
        {
            let rest = Draft {
                text: draft.text.split_off(at),
                ..Draft::default()
            };
            self.post(room, draft).await?;
            return self.post(room, rest).await;
        }
        if self.is("breaks after a failed draft")
            && self.memory.broken.swap(false, Ordering::SeqCst)
        {
            return Err(failed(Failure::Refused));
        }
        let room = match self.twist {
            "answers in the chat that spoke last" => {
                self.memory.last_room.lock().expect("whole").unwrap_or(room)
            }
            "answers everybody in one chat" => Room::Dm(Who(1)),
            "answers every group in the first" if matches!(room, Room::Group(_)) => Room::Group(1),
            _ => room,
        };
        if ["sends in its own time", "sends when it likes"].contains(&self.twist) {
            let (this, nth) = (
                self.clone(),
                self.memory.queue.lock().expect("whole").len() as u64,
            );
            self.memory
                .queue
                .lock()
                .expect("whole")
                .push((room, draft.clone()));
            let wait = if self.is("sends in its own time") {
                200 - (nth * 20).min(200)
            } else {
                nth % 2 * 150
            };
            tokio::spawn(async move {
                sleep(Duration::from_millis(wait)).await;
                this.platform.send(&this.token, room, draft).await
            });
            return Ok(format!("later-{nth}"));
        }
        if self.is("answers elsewhere as well") {
            let _ = self
                .platform
                .send(&self.token, Room::Dm(Who(2)), draft.clone())
                .await;
        }
        self.post(room, draft).await
    }

    /// The one request, and what twists make of its failure.
    async fn post(&self, room: Room, draft: Draft) -> std::result::Result<String, Undone> {
        let sent = self.platform.send(&self.token, room, draft.clone()).await;
        match (self.twist, &sent) {
            ("waits for ever for an answer", Err(Failure::Lost)) => std::future::pending().await,
            ("asks until it is answered", Err(Failure::Lost)) => loop {
                let again = self.platform.send(&self.token, room, draft.clone()).await;
                if again != Err(Failure::Lost) {
                    return again.map_err(failed);
                }
            },
            ("waits out a limit by itself", Err(Failure::RateLimited(wait))) => {
                sleep(*wait).await;
                self.platform
                    .send(&self.token, room, draft)
                    .await
                    .map_err(failed)
            }
            (
                "tries again by itself",
                Err(Failure::Lost | Failure::Unreachable | Failure::ServerError),
            ) => self
                .platform
                .send(&self.token, room, draft)
                .await
                .map_err(failed),
            ("takes a limit for success", Err(Failure::RateLimited(_)))
            | ("takes a lost answer for success", Err(Failure::Lost))
            | ("takes an unreachable platform for success", Err(Failure::Unreachable))
            | ("takes a failing platform for success", Err(Failure::ServerError))
            | ("takes a refusal for success", Err(Failure::Refused))
            | ("takes a refused credential for success", Err(Failure::Unauthorized)) => {
                Ok("none".to_owned())
            }
            ("keeps a queue of its own", Err(Failure::Unreachable)) => {
                self.memory.queue.lock().expect("whole").push((room, draft));
                Ok("queued".to_owned())
            }
            _ => sent.map_err(failed),
        }
    }

    async fn send_queue(&self) {
        let queue = std::mem::take(&mut *self.memory.queue.lock().expect("whole"));
        for (room, draft) in queue {
            let _ = self.platform.send(&self.token, room, draft).await;
        }
    }

    fn newest(&self) -> String {
        let state = self.platform.state();
        state
            .sent
            .last()
            .map_or_else(String::new, |sent| sent.id.clone())
    }

    async fn edit(
        &self,
        room: Room,
        target: &EventId,
        message: &OutMessage,
    ) -> std::result::Result<Option<String>, Undone> {
        let draft = self.draft(message).await?;
        if self.is("edits by sending anew") {
            return self
                .platform
                .send(&self.token, room, draft)
                .await
                .map(Some)
                .map_err(failed);
        }
        if self.is("does not edit") {
            return Ok(Some(target.as_str().to_owned()));
        }
        let target = if self.is("edits the newest") {
            self.newest()
        } else {
            target.as_str().to_owned()
        };
        let preview = self.is("leaves previews on in edits") || self.is("leaves previews on");
        let edited = self
            .platform
            .edit(&self.token, &target, draft.text, preview)
            .await;
        match (self.twist, &edited) {
            ("takes a refused change for done", Err(Failure::Refused))
            | ("takes a limited change for done", Err(Failure::RateLimited(_))) => {
                return Ok(Some(target));
            }
            ("gives up a change", Err(Failure::RateLimited(_) | Failure::Unreachable)) => {
                return Err(failed(Failure::Refused));
            }
            _ => {}
        }
        edited.map(|()| Some(target)).map_err(failed)
    }

    async fn delete(&self, target: &EventId) -> std::result::Result<Option<String>, Undone> {
        if self.is("does not delete") || self.is("answers Ok to a deletion it does not claim") {
            return Ok(None);
        }
        let target = if self.is("deletes the newest") {
            self.newest()
        } else {
            target.as_str().to_owned()
        };
        let deleted = self.platform.delete(&self.token, &target).await;
        deleted.map(|()| None).map_err(failed)
    }

    async fn react(
        &self,
        target: &EventId,
        emoji: &[String],
    ) -> std::result::Result<Option<String>, Undone> {
        if self.is("does not react") || (self.is("never stops reacting") && emoji.is_empty()) {
            return Ok(None);
        }
        let target = if self.is("reacts to the first") {
            "m1"
        } else {
            target.as_str()
        };
        let reacted = self
            .platform
            .react(&self.token, target, emoji.to_vec())
            .await;
        reacted.map(|()| None).map_err(failed)
    }

    async fn answer(&self, press: &str, text: &str) -> std::result::Result<Option<String>, Undone> {
        let newest = || format!("p{}", self.platform.state().presses.len() - 1);
        let (press, text) = match self.twist {
            "answers no button" => return Ok(None),
            "answers the newest button" => (newest(), text),
            "answers buttons without words" => (press.to_owned(), ""),
            "answers buttons late" => {
                let (this, press, text) = (self.clone(), press.to_owned(), text.to_owned());
                tokio::spawn(async move {
                    sleep(Duration::from_secs(5)).await;
                    this.platform.answer(&this.token, &press, &text).await
                });
                return Ok(None);
            }
            "answers every button twice" => {
                let _ = self.platform.answer(&self.token, press, text).await;
                (press.to_owned(), text)
            }
            _ => (press.to_owned(), text),
        };
        let answered = self.platform.answer(&self.token, &press, text).await;
        answered.map(|()| None).map_err(failed)
    }

    async fn mark(&self, target: &EventId) -> std::result::Result<Option<String>, Undone> {
        let newest = || {
            let state = self.platform.state();
            let newest = state.updates.last();
            newest.map_or_else(String::new, |update| update.key.clone())
        };
        let target = match self.twist {
            "marks nothing" => return Ok(None),
            "marks the newest" => newest(),
            _ => target.as_str().to_owned(),
        };
        let marked = self.platform.mark(&self.token, &target).await;
        marked.map(|()| None).map_err(failed)
    }

    async fn show(
        &self,
        room: Room,
        draft: Option<String>,
    ) -> std::result::Result<Option<String>, Undone> {
        let room = match self.twist {
            "shows that it writes to somebody else" => Room::Dm(Who(2)),
            _ => room,
        };
        let says = match (self.twist, &draft) {
            ("says its drafts", Some(text)) => Some(text.clone()),
            ("says that it is writing", None) => Some("…".to_owned()),
            ("shows nothing", _) => return Ok(None),
            ("shows something else", Some(_)) => {
                let odd = Some("thinking about it".to_owned());
                return self
                    .platform
                    .show(&self.token, room, odd)
                    .await
                    .map(|()| None)
                    .map_err(failed);
            }
            _ => None,
        };
        if let Some(text) = says {
            let draft = Draft {
                text,
                ..Draft::default()
            };
            return self
                .platform
                .send(&self.token, room, draft)
                .await
                .map(Some)
                .map_err(failed);
        }
        let shown = self.platform.show(&self.token, room, draft.clone()).await;
        if shown.is_err() {
            self.memory.broken.store(true, Ordering::SeqCst);
            if self.is("says what it cannot show") {
                let draft = Draft {
                    text: draft.unwrap_or_default(),
                    ..Draft::default()
                };
                let _ = self.platform.send(&self.token, room, draft).await;
            }
        }
        shown.map(|()| None).map_err(failed)
    }
}

// ---- what became of it

/// Tells the platform that a message is safe as soon as nobody holds it any more.
struct LettingGo(Arc<Platform>, usize);

impl Drop for LettingGo {
    fn drop(&mut self) {
        self.0.ack(1..=self.1);
    }
}

#[async_trait]
impl Reconcile for Alpha {
    async fn look_up(&self, out: &Outbound) -> Result<Option<Receipt>> {
        let note = out.id.map_or(0, |id| id.0);
        let found = self.platform.find_note(&self.token, note).await;
        let found = found.map_err(|failure| self.error(&failure))?;
        let first = || {
            let state = self.platform.state();
            state.sent.first().map(|sent| sent.id.clone())
        };
        let found = match self.twist {
            "says that nothing arrived" => None,
            "says that everything arrived" => Some(found.unwrap_or_default()),
            "finds the first message" => found.and_then(|_| first()),
            "cannot say what arrived" => {
                return Err(AdapterError::new(ErrorKind::Unavailable, "who knows?"));
            }
            _ => found,
        };
        let nameless = self.is("finds a message without its name");
        Ok(found.map(|name| Receipt {
            message: (!nameless).then(|| EventId::new(name)),
            degraded: None,
        }))
    }
}
