//! Somebody at a window: a client that keeps to the protocol. Says everything until it is acknowledged, reads the log,
//! comes back when it is cut off, and objects when the log it is shown has a gap or a repetition.

use crate::client::PATIENCE;
use crate::common::OpenDoor;
use chatbox_connector_api::markup::{Markup, plain};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::AbortOnDropHandle;

/// What lies between all windows and the house.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Road {
    /// Nothing gets through.
    pub(crate) closed: bool,
    /// How often everything open was cut.
    pub(crate) cuts: u64,
    /// Everything is cut whenever a window is shown something that is not kept.
    pub(crate) brittle: bool,
}

/// What one window saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Every line, in the order it came.
    pub(crate) lines: Vec<Value>,
    /// The client's names of messages whose fate is certain.
    pub(crate) settled: Vec<String>,
    /// How often "is writing" was shown.
    pub(crate) typing: usize,
    /// Drafts, as text.
    pub(crate) drafts: Vec<String>,
    /// What the protocol forbids.
    pub(crate) objections: Vec<String>,
}

impl Seen {
    fn top(&self) -> i64 {
        self.lines.last().map_or(0, place)
    }

    /// The place of the line with this name.
    pub(crate) fn place_of(&self, client_id: &str) -> Option<i64> {
        let line = self
            .lines
            .iter()
            .find(|line| line["client_id"] == client_id);
        line.map(place)
    }

    fn line(&mut self, line: Value) {
        if place(&line) <= self.top() {
            self.objections.push(format!("{line} after {}", self.top()));
        }
        self.lines.push(line);
    }
}

fn place(line: &Value) -> i64 {
    line["seq"].as_i64().expect("a line has a place")
}

/// A tree as text.
pub(crate) fn text(markup: &Value) -> String {
    let markup: Markup = serde_json::from_value(markup.clone()).expect("it is a tree");
    plain(&markup)
}

/// An open window.
#[derive(Debug)]
pub(crate) struct Browser {
    seen: Arc<Mutex<Seen>>,
    orders: mpsc::UnboundedSender<Order>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
enum Order {
    /// A message, until it is acknowledged.
    Say(String, Value),
    /// Words, once.
    Send(String),
}

impl Browser {
    pub(crate) fn open(
        address: SocketAddr,
        who: String,
        door: Arc<OpenDoor>,
        road: watch::Receiver<Road>,
    ) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (orders, ordered) = mpsc::unbounded_channel();
        let window = Window {
            address,
            who,
            door,
            road,
            ordered,
            unsettled: VecDeque::new(),
            seen: seen.clone(),
        };
        Self {
            seen,
            orders,
            _task: AbortOnDropHandle::new(tokio::spawn(window.live())),
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics while holding it")
    }

    pub(crate) fn say(&self, client_id: &str, frame: Value) {
        let _ = self.orders.send(Order::Say(client_id.to_owned(), frame));
    }

    pub(crate) fn send(&self, words: impl Into<String>) {
        let _ = self.orders.send(Order::Send(words.into()));
    }
}

struct Window {
    address: SocketAddr,
    who: String,
    door: Arc<OpenDoor>,
    road: watch::Receiver<Road>,
    ordered: mpsc::UnboundedReceiver<Order>,
    unsettled: VecDeque<Unsettled>,
    seen: Arc<Mutex<Seen>>,
}

/// A message whose fate is not known.
struct Unsettled {
    client_id: String,
    frame: Value,
    /// When it is said again.
    again: Option<Instant>,
}

type Wire = WebSocketStream<TcpStream>;

/// The socket is over.
struct Over;

impl Window {
    async fn live(mut self) {
        loop {
            if self.road.wait_for(|road| !road.closed).await.is_err() {
                return;
            }
            if let Ok(mut wire) = self.connect().await {
                let _ = self.talk(&mut wire).await;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn connect(&self) -> Result<Wire, Over> {
        let tcp = TcpStream::connect(self.address).await;
        let tcp = tcp.map_err(|_| Over)?;
        let url = format!("ws://{}/chat/ws", self.address);
        let upgraded = timeout(PATIENCE, tokio_tungstenite::client_async(url, tcp)).await;
        let (wire, _) = upgraded.map_err(|_| Over)?.map_err(|_| Over)?;
        Ok(wire)
    }

    async fn talk(&mut self, wire: &mut Wire) -> Result<(), Over> {
        let (ticket, top) = (self.door.ticket_for(&self.who), self.seen().top());
        let after = (top > 0).then_some(top);
        let hello = json!({"type": "hello", "ticket": ticket, "after": after});
        send(wire, &hello.to_string()).await?;
        let mut greeted = false;
        loop {
            let next = self.unsettled.iter().filter_map(|it| it.again).min();
            tokio::select! {
                // What is said after the road was closed is not on the way.
                biased;
                _ = self.road.changed() => return Err(Over),
                message = wire.next() => match message {
                    Some(Ok(Message::Text(frame))) => {
                        let frame = serde_json::from_str(&frame).expect("a frame is JSON");
                        greeted |= self.hear(frame, wire).await?;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Over),
                },
                order = self.ordered.recv(), if greeted => self.obey(order.ok_or(Over)?, wire).await?,
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    self.say_again(wire).await?;
                }
            }
        }
    }

    async fn obey(&mut self, order: Order, wire: &mut Wire) -> Result<(), Over> {
        match order {
            Order::Send(words) => send(wire, &words).await,
            Order::Say(client_id, frame) => {
                let words = frame.to_string();
                self.unsettled.push_back(Unsettled {
                    client_id,
                    frame,
                    again: None,
                });
                send(wire, &words).await
            }
        }
    }

    async fn say_again(&mut self, wire: &mut Wire) -> Result<(), Over> {
        let now = Instant::now();
        for message in &mut self.unsettled {
            if message.again.is_some_and(|again| again <= now) {
                message.again = None;
                send(wire, &message.frame.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Whether it was the welcome.
    async fn hear(&mut self, frame: Value, wire: &mut Wire) -> Result<bool, Over> {
        match frame["type"].as_str().expect("a frame has a type") {
            "welcome" => {
                self.welcome(&frame);
                for message in &mut self.unsettled {
                    message.again = None;
                    send(wire, &message.frame.to_string()).await?;
                }
                return Ok(true);
            }
            "line" => self.seen().line(frame),
            "ack" => self.settle(&frame["client_id"]),
            "error" => self.refused(&frame),
            "typing" => {
                self.seen().typing += 1;
                self.endure()?;
            }
            "draft" => {
                self.seen().drafts.push(text(&frame["markup"]));
                self.endure()?;
            }
            _ => {}
        }
        Ok(false)
    }

    fn endure(&self) -> Result<(), Over> {
        match self.road.borrow().brittle {
            true => Err(Over),
            false => Ok(()),
        }
    }

    fn welcome(&mut self, frame: &Value) {
        let mut seen = self.seen();
        if frame["sync"] == "full" && seen.top() > 0 {
            seen.objections.push("it starts anew".to_owned());
        }
        for line in frame["lines"].as_array().expect("a welcome has lines") {
            seen.line(line.clone());
        }
    }

    fn settle(&mut self, client_id: &Value) {
        self.unsettled.retain(|it| it.client_id != *client_id);
        let client_id = client_id.as_str().expect("a name is text");
        self.seen().settled.push(client_id.to_owned());
    }

    fn refused(&mut self, frame: &Value) {
        let about = self.unsettled.iter_mut();
        let about = about.into_iter().find(|it| frame["ref"] == it.client_id);
        match (frame["code"].as_str().unwrap_or_default(), about) {
            ("refused", Some(_)) => self.settle(&frame["ref"]),
            ("rate_limited" | "busy" | "unavailable", Some(message)) => {
                let wait = frame["retry_after"].as_f64().expect("it says when to come");
                message.again = Some(Instant::now() + Duration::from_secs_f64(wait));
            }
            // What was said again on purpose and was safe already, and what cannot be read.
            (
                "rate_limited" | "busy" | "unavailable" | "refused" | "invalid_json"
                | "unknown_type" | "invalid_frame",
                None,
            ) => {}
            _ => self.seen().objections.push(frame.to_string()),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics while holding it")
    }
}

async fn send(wire: &mut Wire, words: &str) -> Result<(), Over> {
    wire.send(Message::text(words)).await.map_err(|_| Over)
}
