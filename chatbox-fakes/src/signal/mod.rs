//! A signal-cli daemon over TCP, in manual receive mode, with people who write.
//!
//! An independent reading of signal-cli's JSON-RPC: one object a line. Messages wait until somebody subscribes; what was
//! handed to a connection is gone, whatever becomes of it. Codes and sentences of refusals are those of signal-cli 0.13.19.

mod people;
mod rpc;
mod state;

pub use people::{File, Say};
pub use state::{Fault, Reacted, Sent};

use serde_json::{Value, json};
use state::{Conn, State};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The identifier of a person with this number.
pub fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A running daemon. Ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.accepting).take() {
            task.abort();
        }
        lock(&self.state).cut();
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Starts a daemon that speaks for this number.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(account: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let inner = Inner {
            addr: listener.local_addr()?,
            state: Arc::new(Mutex::new(State::new(account))),
            accepting: Mutex::default(),
        };
        let server = Self {
            inner: Arc::new(inner),
        };
        server.accept(listener);
        Ok(server)
    }

    /// Its address, as host and port.
    pub fn addr(&self) -> SocketAddr {
        self.inner.addr
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.inner.state)
    }

    fn accept(&self, listener: TcpListener) {
        let state = self.inner.state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(state.clone(), stream));
            }
        });
        *lock(&self.inner.accepting) = Some(task);
    }

    /// Refuses every new connection from now on; open ones stay.
    pub async fn refuse_connections(&self) {
        let task = lock(&self.inner.accepting).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    /// Takes connections again, at the same port.
    ///
    /// # Panics
    /// When the port was taken by somebody else meanwhile.
    pub async fn take_connections(&self) {
        if lock(&self.inner.accepting).is_some() {
            return;
        }
        let listener = TcpListener::bind(self.inner.addr).await;
        self.accept(listener.expect("the port is still ours"));
    }

    /// Refuses new connections for a while.
    pub async fn unreachable_for(&self, time: Duration) {
        self.refuse_connections().await;
        let server = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            server.take_connections().await;
        });
    }

    /// Closes every open connection.
    pub fn cut(&self) {
        self.state().cut();
    }

    /// Reads and says nothing, on connections old and new, until told otherwise.
    pub fn silence(&self, silent: bool) {
        self.state().silence(silent);
    }

    /// The account is no longer the daemon's, or is again.
    pub fn revoke(&self, revoked: bool) {
        self.state().revoked = revoked;
    }

    /// A phone scans this code; whether somebody waited for it.
    pub fn scan(&self, code: &str) -> bool {
        self.state().scan(code)
    }

    /// What goes wrong with the next call that sends, edits, deletes or reacts.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Every `sendTyping` is refused from now on.
    pub fn refuse_typing(&self) {
        self.state().typing_refused = true;
    }

    /// How many connections are subscribed.
    pub fn subscribed(&self) -> usize {
        self.state()
            .conns
            .iter()
            .filter(|it| it.subscribed.is_some())
            .count()
    }

    /// A person says something; its time.
    pub fn say(&self, say: Say) -> i64 {
        self.state().say(say)
    }

    /// A person changes what they said.
    pub fn edit(&self, timestamp: i64, text: &str) {
        self.state().edit(timestamp, text);
    }

    /// A person takes back what they said.
    pub fn delete(&self, timestamp: i64) {
        self.state().delete(timestamp);
    }

    /// A person reacts to a message of this author (`None` for ours), in their own conversation.
    pub fn react(&self, who: u32, group: Option<&str>, author: Option<u32>, at: i64, emoji: &str) {
        self.state().react(who, group, author, at, emoji);
    }

    /// Tells of a message once more, as after a lost receipt.
    pub fn repeat(&self, timestamp: i64) {
        self.state().repeat(timestamp);
    }

    /// Something said by ourselves on another device.
    pub fn say_elsewhere(&self, text: &str) -> i64 {
        self.state().say_elsewhere(text)
    }

    /// Notifies of any envelope.
    pub fn envelope(&self, envelope: Value) {
        self.state().tell(envelope);
    }

    /// Says a line that is no JSON, to whoever listens.
    pub fn garbage(&self, line: &str) {
        self.state().shout(line);
    }

    /// Everything that was sent, oldest first.
    pub fn messages(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// Our reactions, each as set.
    pub fn reactions(&self) -> Vec<Reacted> {
        self.state().reactions.clone()
    }

    /// The messages that were marked as read: author and time.
    pub fn marks(&self) -> Vec<(String, i64)> {
        self.state().marks.clone()
    }

    /// Where "is writing" was shown: a person or a group.
    pub fn typing(&self) -> Vec<String> {
        self.state().typing.clone()
    }
}

async fn serve(state: Arc<Mutex<State>>, stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let (say, mut said) = mpsc::unbounded_channel::<String>();
    let closed = CancellationToken::new();
    let id = lock(&state).join(Conn::new(say.clone(), closed.clone()));
    let writing = async {
        while let Some(line) = said.recv().await {
            if write
                .write_all(format!("{line}\n").as_bytes())
                .await
                .is_err()
            {
                break;
            }
        }
    };
    let reading = async {
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            answer(&state, id, &line, &say, &closed);
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
        () = closed.cancelled() => {}
    }
    lock(&state).leave(id);
}

fn answer(
    state: &Mutex<State>,
    conn: u64,
    line: &str,
    say: &mpsc::UnboundedSender<String>,
    closed: &CancellationToken,
) {
    let mut state = lock(state);
    if state.silent {
        return;
    }
    let answer = match serde_json::from_str::<Value>(line) {
        Ok(request) => {
            let id = request["id"].clone();
            match rpc::call(&mut state, conn, &request) {
                Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
                Err(rpc::No::Cut) => return closed.cancel(),
                Err(rpc::No::Later) => return,
                Err(rpc::No::Error(error)) => json!({"jsonrpc": "2.0", "error": error, "id": id}),
            }
        }
        Err(error) => {
            let error = json!({"code": -32700, "message": error.to_string(), "data": null});
            json!({"jsonrpc": "2.0", "error": error, "id": null})
        }
    };
    let _ = say.send(answer.to_string());
    // A subscription is answered before its first message.
    state.pump();
}
