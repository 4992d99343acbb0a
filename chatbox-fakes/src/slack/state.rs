//! What the server knows: conversations, people, messages, sockets, envelopes, and what was asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use super::Options;
use super::faults::Faults;

/// What a conversation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Of this person and the bot.
    Im(String),
    /// For everybody in the workspace, by name.
    Channel(String),
    /// For its members, by name.
    Private(String),
}

/// A file of a message.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// A message as it is now.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its conversation.
    pub channel: String,
    /// Its timestamp, which names it within the conversation.
    pub ts: String,
    /// Who said it.
    pub user: String,
    /// Whether a program said it.
    pub is_bot: bool,
    /// Its text, in mrkdwn.
    pub text: String,
    /// Its blocks, as they were given.
    pub blocks: Vec<Value>,
    /// Its files.
    pub files: Vec<File>,
    /// The first message of the thread it is in.
    pub thread: Option<String>,
    /// Whether links and media would be unfurled, where it was said.
    pub unfurl: (Option<bool>, Option<bool>),
    /// What its sender hid in it.
    pub metadata: Option<Value>,
    /// How often it was changed.
    pub edits: u32,
    /// When it was changed last.
    pub edited: Option<String>,
    /// Whether it was taken back.
    pub deleted: bool,
    /// People by the name of an emoji.
    pub reactions: BTreeMap<String, BTreeSet<String>>,
}

/// One request to the Web API.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its arguments.
    pub body: Value,
    /// What was answered; 0 where nothing was.
    pub status: u16,
}

/// What goes to a client.
#[derive(Debug)]
pub(crate) enum Out {
    Text(String),
    Close,
}

/// Something told over a socket, which wants to be acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) payload: Value,
    /// The message it tells of.
    pub(crate) message: Option<(String, String)>,
    pub(crate) acked: bool,
    /// How often it was told.
    pub(crate) told: u32,
}

/// A button that somebody pressed, or a command that somebody gave.
#[derive(Debug, Clone, Default)]
pub struct Pressed {
    /// What names it.
    pub id: String,
    /// The button's value, or the command.
    pub button: String,
    /// Whether the platform was told that it was taken.
    pub acked: bool,
    /// The bodies of all answers.
    pub answers: Vec<Value>,
}

/// A file on its way up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) length: usize,
    pub(crate) bytes: Option<Bytes>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) channels: BTreeMap<String, Kind>,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) messages: BTreeMap<(String, String), Message>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    pub(crate) envelopes: Vec<Envelope>,
    /// Open sockets, by number.
    pub(crate) lines: BTreeMap<u64, mpsc::UnboundedSender<Out>>,
    pub(crate) most_lines: usize,
    pub(crate) connects: u32,
    pub(crate) tickets: BTreeSet<String>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) pressed: Vec<Pressed>,
    pub(crate) revoked: bool,
    pub(crate) silent: bool,
    /// What stands in the place of fields of a message wherever the past shows it, by conversation and timestamp.
    pub(crate) warped: BTreeMap<(String, String), Value>,
    /// Where clients find files; our own address if nothing else was said.
    pub(crate) public: String,
    newest: u64,
    turn: usize,
}

impl State {
    /// A number later than all before it: microseconds since 1970.
    pub(crate) fn number(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |it| u64::try_from(it.as_micros()).unwrap_or(0));
        self.newest = (self.newest + 1).max(now);
        self.newest
    }

    /// A timestamp later than all before it.
    pub(crate) fn ts(&mut self) -> String {
        let number = self.number();
        format!("{}.{:06}", number / 1_000_000, number % 1_000_000)
    }

    /// One of the open sockets, in turn, as Slack spreads what it tells.
    pub(crate) fn line(&mut self) -> Option<mpsc::UnboundedSender<Out>> {
        let open = self.lines.len();
        self.turn = self.turn.wrapping_add(1);
        self.lines.values().nth(self.turn % open.max(1)).cloned()
    }

    pub(crate) fn name_of(&self, person: &str) -> String {
        let named = self.names.get(person).cloned();
        named.unwrap_or_else(|| person.to_lowercase())
    }

    pub(crate) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        let found = self.messages.get(&(channel.to_owned(), ts.to_owned()));
        found.filter(|it| !it.deleted)
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
