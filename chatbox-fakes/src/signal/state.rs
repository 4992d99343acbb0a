//! What the daemon knows and whom it tells.

use super::File;
use super::people::Told;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// -5, with this many seconds to wait.
    RateLimited(u64),
    /// It is done, and the connection is closed before the answer.
    CutAfter,
    /// -3: the network failed, nothing is done.
    Network,
    /// -1: nobody has this number.
    Unregistered,
}

/// Something that was sent, as people see it now.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// Its time.
    pub timestamp: i64,
    /// The person, unless it went to a group.
    pub recipient: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// What people read.
    pub text: String,
    /// Styled stretches, as given.
    pub styles: Vec<String>,
    /// Files.
    pub files: Vec<File>,
    /// Author and time of the message it answers.
    pub quote: Option<(String, i64)>,
    /// Whether it was taken back.
    pub deleted: bool,
    /// How often it was changed.
    pub edits: u32,
}

/// A reaction of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reacted {
    /// Who wrote the message.
    pub author: String,
    /// When.
    pub timestamp: i64,
    /// `None` once it was removed.
    pub emoji: Option<String>,
}

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) id: u64,
    say: UnboundedSender<String>,
    closed: CancellationToken,
    pub(super) subscribed: Option<u64>,
}

impl Conn {
    pub(super) fn new(say: UnboundedSender<String>, closed: CancellationToken) -> Self {
        Self {
            id: 0,
            say,
            closed,
            subscribed: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) account: String,
    pub(super) revoked: bool,
    /// The code that waits to be scanned.
    pub(super) code: Option<String>,
    /// Who waits for a code to be scanned: which, where to answer, and to which request.
    scanning: Vec<(String, UnboundedSender<String>, Value)>,
    pub(super) silent: bool,
    pub(super) typing_refused: bool,
    pub(super) conns: Vec<Conn>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) sent: Vec<Sent>,
    pub(super) reactions: Vec<Reacted>,
    pub(super) marks: Vec<(String, i64)>,
    pub(super) typing: Vec<String>,
    /// Files by the daemon's name for them.
    pub(super) files: HashMap<String, Vec<u8>>,
    /// What people said, by its time.
    pub(super) told: HashMap<i64, Told>,
    /// Envelopes that nobody was there for.
    waiting: VecDeque<Value>,
    last_time: i64,
    last_conn: u64,
    /// One counter for all connections, as the real daemon has.
    last_subscription: u64,
}

impl State {
    pub(super) fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            revoked: false,
            code: None,
            scanning: Vec::new(),
            silent: false,
            typing_refused: false,
            conns: Vec::new(),
            faults: VecDeque::new(),
            sent: Vec::new(),
            reactions: Vec::new(),
            marks: Vec::new(),
            typing: Vec::new(),
            files: HashMap::new(),
            told: HashMap::new(),
            waiting: VecDeque::new(),
            last_time: 0,
            last_conn: 0,
            last_subscription: 0,
        }
    }

    /// A time nobody had before.
    pub(super) fn time(&mut self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(0));
        self.last_time = now.max(self.last_time + 1);
        self.last_time
    }

    /// A code to scan.
    pub(super) fn code(&mut self) -> String {
        let code = format!("sgnl://linkdevice?uuid=fake{}&pub_key=fake", self.time());
        self.code.insert(code).clone()
    }

    /// Somebody waits for the code to be scanned.
    pub(super) fn scanning(&mut self, conn: u64, request: &Value) {
        let (Some(code), waits) = (&self.code, self.conns.iter().find(|it| it.id == conn)) else {
            return;
        };
        let waits = waits.map(|it| (code.clone(), it.say.clone(), request.clone()));
        self.scanning.extend(waits);
    }

    /// A phone scans the code: the account is the daemon's from now on. Not one that was replaced, or that nobody waits for.
    pub(super) fn scan(&mut self, code: &str) -> bool {
        let mut waiting = self.scanning.iter().filter(|(of, ..)| of == code);
        let Some((_, say, id)) = waiting
            .next()
            .filter(|_| self.code.as_deref() == Some(code))
        else {
            return false;
        };
        let linked = json!({"number": self.account});
        let answer = json!({"jsonrpc": "2.0", "result": linked, "id": id});
        let _ = say.send(answer.to_string());
        self.revoked = false;
        self.code = None;
        true
    }

    pub(super) fn join(&mut self, mut conn: Conn) -> u64 {
        self.last_conn += 1;
        conn.id = self.last_conn;
        self.conns.push(conn);
        self.last_conn
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.conns.retain(|it| it.id != id);
    }

    pub(super) fn cut(&mut self) {
        for conn in self.conns.drain(..) {
            conn.closed.cancel();
        }
    }

    pub(super) fn silence(&mut self, silent: bool) {
        self.silent = silent;
        self.pump();
    }

    pub(super) fn subscribe(&mut self, conn: u64) -> u64 {
        let id = self.last_subscription;
        self.last_subscription += 1;
        if let Some(conn) = self.conns.iter_mut().find(|it| it.id == conn) {
            conn.subscribed = Some(id);
        }
        id
    }

    pub(super) fn unsubscribe(&mut self, conn: u64, subscription: u64) -> bool {
        let ours = |it: &&mut Conn| it.id == conn && it.subscribed == Some(subscription);
        let found = self.conns.iter_mut().find(ours);
        found.is_some_and(|it| it.subscribed.take().is_some())
    }

    /// Tells whoever listens, now or later.
    pub(super) fn tell(&mut self, envelope: Value) {
        self.waiting.push_back(envelope);
        self.pump();
    }

    pub(super) fn shout(&mut self, line: &str) {
        for conn in self.conns.iter().filter(|it| it.subscribed.is_some()) {
            let _ = conn.say.send(line.to_owned());
        }
    }

    /// Hands on what waits. From then on it is gone.
    pub(super) fn pump(&mut self) {
        let listens = self.conns.iter().any(|it| it.subscribed.is_some());
        if self.silent || self.revoked || !listens {
            return;
        }
        for envelope in std::mem::take(&mut self.waiting) {
            for conn in &self.conns {
                let Some(subscription) = conn.subscribed else {
                    continue;
                };
                let result = json!({"envelope": envelope, "account": self.account});
                let params = json!({"subscription": subscription, "result": result});
                let line = json!({"jsonrpc": "2.0", "method": "receive", "params": params});
                let _ = conn.say.send(line.to_string());
            }
        }
    }
}
