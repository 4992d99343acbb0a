//! Many pushed mailboxes in one engine, in this process: each has one connection and one chat, and an endpoint that takes
//! what it is handed, or hangs.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use chatbox_core::connector::Fate;
use chatbox_core::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{ConnectionId, EventId, Millis};
use chatbox_core::loopback::Loopback;
use chatbox_core::push::{Endpoint, HandOut, Handed, Item};
use chatbox_core::{Chatbox, Connect, Options};
use chatbox_store::{SqliteOptions, SqliteStore};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};

use crate::stats::Times;

/// How long an endpoint hangs that does.
const HANGS: Duration = Duration::from_secs(15);
/// How long a message may take before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

type Arrived = (EventId, Instant);

/// What takes the mailboxes' messages.
#[derive(Debug)]
struct Doors {
    /// Whether the first mailbox's hangs.
    first_hangs: bool,
    tell: mpsc::UnboundedSender<Arrived>,
}

#[async_trait]
impl Endpoint for Doors {
    async fn hand(&self, hand_out: &HandOut) -> Handed {
        let Item::Row { mailbox, row, .. } = &hand_out.item else {
            return Handed::Delivered;
        };
        if self.first_hangs && mailbox.as_str() == "box-0" {
            sleep(HANGS).await;
            let (after, reason) = (Duration::from_secs(5), "it hangs".to_owned());
            return Handed::Retry { after, reason };
        }
        if let Some(event) = row.event.clone() {
            // Whoever measures may be done.
            let _ = self.tell.send((event, Instant::now()));
        }
        Handed::Delivered
    }
}

/// All of them. The first one is never measured.
#[derive(Debug)]
pub struct Town {
    chatbox: Chatbox,
    connections: Vec<ConnectionId>,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    said: usize,
}

impl Town {
    /// So many mailboxes on a fresh database; the first one's endpoint hangs if asked to.
    ///
    /// # Errors
    /// The store.
    pub async fn found(database: &Path, mailboxes: usize, first_hangs: bool) -> Result<Self> {
        let store = SqliteStore::open(database, SqliteOptions::default()).await?;
        let chatbox = Chatbox::start(Options::new(store));
        let (tell, arrived) = mpsc::unbounded_channel();
        chatbox.push_through(Arc::new(Doors { first_hangs, tell }));
        let mut connections = Vec::new();
        for n in 0..mailboxes {
            let id = format!("box-{n}");
            let mailbox = chatbox.pushed_mailbox(id).await?;
            let (platform, _) = Loopback::new(&format!("p{n}"));
            let connection = chatbox.connect(Connect::new(platform, mailbox)).await?;
            connections.push(connection);
        }
        Ok(Self {
            chatbox,
            connections,
            arrived,
            said: 0,
        })
    }

    /// Messages at even distances to all but the first mailbox, in turn; each twentieth goes to the first one as well. How
    /// long each took from before it was taken in until it was handed out.
    ///
    /// # Errors
    /// One is refused, lost, or handed out twice.
    pub async fn measure(&mut self, count: usize, every: Duration) -> Result<Times> {
        let began = tokio::time::Instant::now();
        let mut asked = HashMap::new();
        for nth in 0..count {
            sleep_until(began + every * u32::try_from(nth)?).await;
            if nth % 20 == 0 {
                self.say(0).await?;
            }
            let to = 1 + nth % (self.connections.len() - 1);
            let at = Instant::now();
            asked.insert(self.say(to).await?, at);
        }
        let mut times = Vec::new();
        while times.len() < count {
            let arrived = timeout(LOST, self.arrived.recv()).await;
            let arrived = arrived.with_context(|| format!("{} of {count} came", times.len()))?;
            let (event, at) = arrived.context("the doors are closed")?;
            if let Some(asked) = asked.remove(&event) {
                times.push(at.duration_since(asked));
            } else {
                ensure!(event.as_str().starts_with("0-"), "{event} came twice");
            }
        }
        Ok(Times::new(times))
    }

    async fn say(&mut self, to: usize) -> Result<EventId> {
        let id = EventId::new(format!("{to}-{}", self.said));
        self.said += 1;
        let event = Event {
            id: id.clone(),
            chat: Place {
                handle: "chat".into(),
                kind: ChatKind::Dm,
                name: None,
            },
            sender: Sender {
                // How fast one person may talk is not what is measured.
                id: format!("person-{}", self.said).into(),
                name: None,
                is_bot: false,
            },
            at: now(),
            body: EventBody::Message(Content::text("lorem ipsum dolor ".repeat(16))),
            addressed: true,
            late: false,
            group: None,
            raw: None,
        };
        let fate = self.chatbox.receive(&self.connections[to], event).await?;
        ensure!(matches!(fate, Fate::Stored(_)), "{id} was {fate:?}");
        Ok(id)
    }

    /// Lets everybody go.
    pub async fn close(self) {
        self.chatbox.drain(Duration::from_secs(1)).await;
    }
}

/// What is too old is handed to nobody.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Millis(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX))
}
