//! The listening connection, as a stream.
//!
//! Over lines it subscribes first, since a subscription dies with its connection, and then asks every now and then, on this
//! very connection, which accounts there are: the answer is the sign of life, and tells when ours is gone. Over HTTP the
//! events are the subscription and the daemon's own comments the sign of life. It reconnects never: whatever ends the
//! connection ends the stream. Nothing is read before the house asks for more, and what was read is handed on at once.
//!
//! The daemon takes no acknowledgement and forgets what it has handed over. Whoever stops in order ends the subscription first and
//! reads on until the daemon says that it has; over HTTP there is no such question.

use crate::client::{Client, Lines, MAX_LINE, Said, text};
use crate::config::Config;
use crate::error::{Effect, Failure};
use crate::inbound::{Source, translate};
use crate::link::{Link, Seen};
use bytes::BytesMut;
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{AdapterError, Arrival, ErrorKind, Inbound, Incoming, Result};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The id of the request that subscribes; later ones are signs of life.
const SUBSCRIBE: u64 = 1;
/// How long the rest of a long text may take: what it belongs to waits for it.
const WHOLE_TEXT: Duration = Duration::from_secs(5);

/// Whose messages.
#[derive(Serialize)]
struct Whose<'a> {
    account: &'a str,
}

/// An account of the daemon.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    /// Its number.
    pub(crate) number: String,
}

/// Which subscription.
#[derive(Serialize)]
struct Which {
    subscription: i64,
}

/// Nothing to say.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// Where the daemon's words come from.
#[derive(Debug)]
enum Feed {
    Lines(Lines),
    Events(Events),
}

/// Something heard.
enum Heard {
    /// A line of JSON-RPC.
    Line(String),
    /// What a notification carries.
    Event(String),
    /// A sign of life.
    Life,
}

#[derive(Debug)]
struct Listener {
    client: Arc<Client>,
    config: Arc<Config>,
    account: String,
    feed: Feed,
    ready: VecDeque<Result<Incoming>>,
    /// When a sign of life is asked for next; `None` while one is awaited.
    ask: Option<Instant>,
    /// The id of the last request.
    last: u64,
    /// Tells when nothing more is to be handed over.
    leave: Arc<Notify>,
    leaving: bool,
    /// What there is to end, once the daemon has said so.
    subscription: Option<i64>,
    /// The request that ends it.
    farewell: Option<u64>,
    closed: bool,
    /// At most one listener per adapter.
    _alone: OwnedSemaphorePermit,
}

/// Subscribes and listens.
pub(crate) async fn listen(
    client: Arc<Client>,
    config: Arc<Config>,
    account: String,
    leave: Arc<Notify>,
    alone: OwnedSemaphorePermit,
) -> std::result::Result<Inbound, Failure> {
    let mut ready = VecDeque::new();
    let feed = if client.is_http() {
        let response = client.events(&account).await?;
        ready.push_back(Ok(Incoming::Alive));
        Feed::Events(Events::new(response))
    } else {
        let mut lines = client.lines().await?;
        let account = &account;
        lines
            .say(text(SUBSCRIBE, "subscribeReceive", &Whose { account })?)
            .await?;
        Feed::Lines(lines)
    };
    let listener = Listener {
        client,
        config,
        account,
        feed,
        ready,
        ask: None,
        last: SUBSCRIBE,
        leave,
        leaving: false,
        subscription: None,
        farewell: None,
        closed: false,
        _alone: alone,
    };
    let stream = stream::unfold(listener, |mut listener| async move {
        let next = listener.next().await?;
        Some((next, listener))
    });
    Ok(stream.boxed())
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Incoming>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.closed {
                return None;
            }
            if let Err(error) = self.round().await {
                self.closed = true;
                self.ready.push_back(Err(error));
            }
        }
    }

    /// Hears one thing, or asks for a sign of life.
    async fn round(&mut self) -> Result<()> {
        let failed = |failure: Failure| failure.into_error(Effect::Repeatable);
        let ask = self.ask;
        let heard = tokio::select! {
            () = self.leave.notified() => {
                self.leaving = true;
                return self.say_farewell().await.map_err(failed);
            }
            heard = self.feed.next() => heard.map_err(failed)?,
            () = sleep_until(ask.unwrap_or_else(Instant::now)), if ask.is_some() => {
                self.ask = None;
                return self.ask_for_life().await.map_err(failed);
            }
        };
        match heard {
            Heard::Line(line) => self.line(&line).await,
            Heard::Event(params) => {
                self.received(&params).await;
                Ok(())
            }
            Heard::Life => {
                self.ready.push_back(Ok(Incoming::Alive));
                Ok(())
            }
        }
    }

    async fn ask_for_life(&mut self) -> std::result::Result<(), Failure> {
        let Feed::Lines(lines) = &mut self.feed else {
            return Ok(());
        };
        self.last += 1;
        lines
            .say(text(self.last, "listAccounts", &Nothing {})?)
            .await
    }

    /// Ends the subscription, once there is one.
    async fn say_farewell(&mut self) -> std::result::Result<(), Failure> {
        let Feed::Lines(lines) = &mut self.feed else {
            self.closed = true;
            return Ok(());
        };
        if let (true, Some(subscription)) = (self.leaving, self.subscription.take()) {
            self.last += 1;
            self.ask = None;
            self.farewell = Some(self.last);
            let which = Which { subscription };
            let farewell = text(self.last, "unsubscribeReceive", &which)?;
            lines.say(farewell).await?;
        }
        Ok(())
    }

    async fn line(&mut self, line: &str) -> Result<()> {
        let Some(said) = Said::read(line) else {
            tracing::warn!(target: "chatbox_signal::listen", bytes = line.len(), "a line that is no JSON-RPC was passed over");
            return Ok(());
        };
        match (said.id, &said.method, said.params) {
            (Some(id), _, _) => {
                self.answered(id, said)?;
                let failed = |failure: Failure| failure.into_error(Effect::Repeatable);
                self.say_farewell().await.map_err(failed)
            }
            (None, Some(method), Some(params)) if method == "receive" => {
                let params = params.get().to_owned();
                self.received(&params).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An answer is the sign of life, and says whether our account is still there.
    fn answered(&mut self, id: u64, said: Said<'_>) -> Result<()> {
        if id != self.last {
            return Ok(());
        }
        // Whatever it says: what was handed over came before.
        if self.farewell == Some(id) {
            self.closed = true;
            return Ok(());
        }
        let gone = || {
            let account = self.account.clone();
            let link = Link::Ready { account };
            link.after(Seen::NoAccount).refusal()
        };
        let error = |failure: Failure| match failure.is_no_account() {
            true => gone(),
            false => failure.into_error(Effect::Repeatable),
        };
        if id == SUBSCRIBE {
            let subscription: std::result::Result<i64, _> = said.answer("subscribeReceive");
            self.subscription = Some(subscription.map_err(error)?);
        } else {
            let accounts = said.answer::<Vec<Account>>("listAccounts").map_err(error)?;
            if !accounts.iter().any(|it| it.number == self.account) {
                return Err(gone());
            }
        }
        self.ask = Some(Instant::now() + self.config.beat);
        self.ready.push_back(Ok(Incoming::Alive));
        Ok(())
    }

    async fn received(&mut self, params: &str) {
        let mut read = translate(params, &self.account, now(), None);
        if let Some(source) = &read.whole
            && let Some(full) = whole(&self.client, &self.account, source).await
        {
            read = translate(params, &self.account, now(), Some(&full));
        }
        let arrivals = read.events.into_iter().map(Arrival::new);
        self.ready
            .extend(arrivals.map(|it| Ok(Incoming::Event(it))));
        // What is shown and forgotten shows life all the same.
        self.ready.push_back(Ok(Incoming::Alive));
    }
}

/// The whole of a long text; without it the text is what came, and the rest a file.
async fn whole(client: &Client, account: &str, source: &Source) -> Option<String> {
    match fetch(client, account, source, WHOLE_TEXT).await {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            tracing::warn!(target: "chatbox_signal::listen", %error, "the rest of a long text did not come");
            None
        }
    }
}

impl Feed {
    async fn next(&mut self) -> std::result::Result<Heard, Failure> {
        match self {
            Self::Lines(lines) => lines.next().await.map(Heard::Line),
            Self::Events(events) => events.next().await,
        }
    }
}

/// Server-sent events, as the daemon writes them.
#[derive(Debug)]
struct Events {
    response: reqwest::Response,
    buffer: BytesMut,
    data: String,
}

impl Events {
    fn new(response: reqwest::Response) -> Self {
        Self {
            response,
            buffer: BytesMut::new(),
            data: String::new(),
        }
    }

    /// The next event or comment. Waiting for it may be given up at any time.
    async fn next(&mut self) -> std::result::Result<Heard, Failure> {
        loop {
            while let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(end + 1);
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                if line.is_empty() && !self.data.is_empty() {
                    return Ok(Heard::Event(std::mem::take(&mut self.data)));
                }
                if line.starts_with(':') {
                    return Ok(Heard::Life);
                }
                if let Some(data) = line.strip_prefix("data:") {
                    self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
                }
            }
            let piece = self.response.chunk().await;
            let piece = piece.map_err(|error| Failure::Lost(error.without_url().to_string()))?;
            let piece = piece.ok_or_else(|| Failure::Lost("the events have ended".to_owned()))?;
            if self.buffer.len() + self.data.len() + piece.len() > MAX_LINE {
                return Err(Failure::Garbled("an event without an end".to_owned()));
            }
            self.buffer.extend_from_slice(&piece);
        }
    }
}

/// A file's bytes, through the daemon: it never tells a path, and we ask for none.
pub(crate) async fn fetch(
    client: &Client,
    account: &str,
    source: &Source,
    most: Duration,
) -> Result<Vec<u8>> {
    use base64::Engine as _;
    #[derive(Serialize)]
    struct Wanted<'a> {
        account: &'a str,
        id: &'a str,
        #[serde(flatten)]
        chat: crate::inbound::Place,
    }
    #[derive(Deserialize)]
    struct Bytes {
        data: Box<RawValue>,
    }
    let place = crate::inbound::Place::of(&source.chat);
    let gone = || AdapterError::new(ErrorKind::NotFound, "this file came in no Signal chat");
    let wanted = Wanted {
        account,
        id: &source.id,
        chat: place.ok_or_else(gone)?,
    };
    let answer: std::result::Result<Bytes, _> = client.call("getAttachment", &wanted, most).await;
    let answer = answer.map_err(|failure| failure.into_error(Effect::Repeatable))?;
    let base64 = answer.data.get().trim_matches('"');
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
    bytes.map_err(|error| {
        AdapterError::new(
            ErrorKind::Malformed,
            format!("the file makes no sense: {error}"),
        )
    })
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Millis(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}
