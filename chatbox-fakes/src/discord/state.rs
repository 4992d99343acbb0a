//! What the server knows: channels, people, messages, sessions, and what was asked of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::Options;
use super::faults::Faults;

/// Discord's time begins here, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of this person and the bot.
    Dm(u64),
    /// Of this guild.
    Text(u64),
    /// Of this guild, below this channel.
    Thread(u64, u64),
}

impl Kind {
    /// The guild it is in.
    pub(crate) fn guild(self) -> Option<u64> {
        match self {
            Self::Dm(_) => None,
            Self::Text(guild) | Self::Thread(guild, _) => Some(guild),
        }
    }
}

/// A file of a message.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// A message as it is now.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub id: u64,
    /// Its channel.
    pub channel: u64,
    /// Who said it.
    pub author: u64,
    /// What it says, in Discord's markup.
    pub content: String,
    /// Its files.
    pub files: Vec<Upload>,
    /// The message it answers.
    pub reply_to: Option<u64>,
    /// Who is mentioned.
    pub mentions: Vec<u64>,
    /// Message flags; 4 is "no previews".
    pub flags: u64,
    /// The sender's key.
    pub nonce: Option<Value>,
    /// Who may be called by it, as the sender wrote it.
    pub allowed_mentions: Option<Value>,
    /// The rows of buttons below it.
    pub components: Vec<Value>,
    /// How often it was changed.
    pub edits: u32,
    /// Whether it was taken back.
    pub deleted: bool,
    /// People by emoji.
    pub reactions: BTreeMap<String, BTreeSet<u64>>,
    /// Who else is to be told, as if by a webhook.
    pub webhook: bool,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its path below `/api/v10`.
    pub path: String,
    /// Its JSON, where it has one.
    pub body: Value,
    /// What was answered; 0 where nothing was.
    pub status: u16,
}

/// What goes to a client.
#[derive(Debug)]
pub(crate) enum Out {
    Text(String),
    Close(u16, &'static str),
}

/// One login, across connections.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) seq: u64,
    pub(crate) log: Vec<(u64, String)>,
    /// The connection's number and its way.
    pub(crate) line: Option<(u64, mpsc::UnboundedSender<Out>)>,
    /// The last number the client says it has.
    pub(crate) acked: u64,
    pub(crate) intents: u64,
}

impl Session {
    pub(crate) fn dispatch(&mut self, kind: &str, data: &Value) -> u64 {
        self.seq += 1;
        let text = json!({"op": 0, "t": kind, "s": self.seq, "d": data}).to_string();
        if let Some((_, line)) = &self.line {
            // A client that is gone reads it when it resumes.
            let _ = line.send(Out::Text(text.clone()));
        }
        self.log.push((self.seq, text));
        self.seq
    }
}

/// What whoever logs in hears of a guild that is out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// That it is.
    Told,
    /// Nothing.
    Hushed,
}

/// A button that somebody pressed.
#[derive(Debug, Clone, Default)]
pub struct Pressed {
    /// The interaction's number.
    pub id: u64,
    /// The button's value.
    pub button: String,
    /// The bodies of all answers.
    pub answers: Vec<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) channels: BTreeMap<u64, Kind>,
    pub(crate) names: BTreeMap<u64, String>,
    pub(crate) outages: BTreeMap<u64, Outage>,
    pub(crate) messages: BTreeMap<u64, Message>,
    pub(crate) nonces: HashMap<(u64, String), u64>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) typing: Vec<u64>,
    pub(crate) pressed: Vec<Pressed>,
    /// The dispatch that told of a message, by session.
    pub(crate) told: Vec<(u64, String, u64)>,
    pub(crate) revoked: bool,
    pub(crate) silent: bool,
    /// What the next logins are closed with.
    pub(crate) refuse_login: Option<(u16, &'static str)>,
    pub(crate) sockets: usize,
    pub(crate) identifies: u32,
    pub(crate) resumes: u32,
    /// Where clients find files; our own address if nothing else was said.
    pub(crate) public: String,
    newest: u64,
}

impl State {
    /// A number later than all before it.
    pub(crate) fn number(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(0));
        self.newest = (self.newest + 1).max(now.saturating_sub(EPOCH_MS) << 22);
        self.newest
    }

    /// Tells everybody who is logged in.
    pub(crate) fn dispatch(&mut self, kind: &str, data: &Value) {
        for session in self.sessions.values_mut() {
            session.dispatch(kind, data);
        }
    }

    pub(crate) fn name_of(&self, person: u64) -> String {
        let named = self.names.get(&person).cloned();
        named.unwrap_or_else(|| format!("person{person}"))
    }
}

/// All of it, and news of changes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    state: Mutex<State>,
    changed: Notify,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        done
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something to see.
    pub(crate) async fn until<T>(
        &self,
        most: Duration,
        look: impl Fn(&State) -> Option<T>,
    ) -> Option<T> {
        let seen = async {
            loop {
                let news = self.changed.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(seen) = self.look(&look) {
                    return seen;
                }
                news.await;
            }
        };
        tokio::time::timeout(most, seen).await.ok()
    }
}

/// When a number was given, in milliseconds since 1970.
pub(crate) fn time_of(id: u64) -> u64 {
    (id >> 22) + EPOCH_MS
}
