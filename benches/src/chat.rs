//! People at the web chat: a ticket, a socket, a message, its reply. Speaks our protocol; the wake limit speaks enough
//! of it.

use crate::http::{Wire, request};
use anyhow::{Context, Result, bail, ensure};
use chatbox_core::admit::hash;
use chatbox_core::store::{Admin, Step, Store, Token};
use chatbox_store::{SqliteOptions, SqliteStore};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How long a reply may take before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

static VISITS: AtomicU64 = AtomicU64::new(0);

/// Gives so many people a login each, in a data folder that no server has open.
///
/// # Errors
/// The store.
pub async fn invite(database: &Path, people: usize) -> Result<()> {
    let store = SqliteStore::open(database, SqliteOptions::default()).await?;
    let tokens = (0..people).map(|n| {
        let token = Token {
            prefix: format!("login_bench{n}"),
            hash: hash(&login(n)),
            account: "main".into(),
            principal: format!("person{n}"),
            scopes: vec!["chat".to_owned()],
            until: None,
        };
        Step::Admin(Box::new(Admin::PutToken(token)))
    });
    store.commit(tokens.collect()).await?;
    store.close().await;
    Ok(())
}

fn login(n: usize) -> String {
    format!("login_bench{n}.not-a-secret")
}

/// One socket.
#[derive(Debug)]
pub struct Socket {
    wire: WebSocketStream<TcpStream>,
    name: String,
    sent: usize,
}

impl Socket {
    /// The n-th invited person sits down at our web chat.
    ///
    /// # Errors
    /// They are not let in.
    pub async fn enter(address: SocketAddr, n: usize) -> Result<Self> {
        let mut wire = Wire::open(address).await?;
        let cookie = format!("Cookie: chatbox={}\r\n", login(n));
        let ask = request("POST", address, "/chat/ticket", &cookie, "");
        let (status, body) = wire.ask(&ask).await?;
        ensure!(status == 200, "a ticket was answered {status}");
        let ticket: Value = serde_json::from_slice(body)?;
        let ticket = ticket["ticket"].as_str().context("a ticket")?.to_owned();
        let mut socket = Self::open(address, n).await?;
        let hello = serde_json::json!({"type": "hello", "ticket": ticket});
        socket.wire.send(Message::text(hello.to_string())).await?;
        let welcome = socket.hear().await?;
        ensure!(
            welcome.contains("\"welcome\""),
            "hello was answered {welcome}"
        );
        Ok(socket)
    }

    /// A socket without a greeting, as the limit wants it.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(address: SocketAddr, n: usize) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(4096);
        let url = format!("ws://{address}/chat/ws");
        let (wire, _) = client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self {
            wire,
            // A person may come again, and what they say then is something new.
            name: format!("p{n}v{}", VISITS.fetch_add(1, Ordering::Relaxed)),
            sent: 0,
        })
    }

    /// Says something and waits for the reply: how long it took. Anything else that comes meanwhile must not be a
    /// reply to something else.
    ///
    /// # Errors
    /// No reply, or the wrong one.
    pub async fn exchange(&mut self) -> Result<Duration> {
        let word = format!("{}x{}x", self.name, self.sent);
        let frame = serde_json::json!({
            "type": "message",
            "client_id": format!("{}-{}", self.name, self.sent),
            "text": format!("{word} {}", "words and words ".repeat(17)),
        });
        self.sent += 1;
        let began = Instant::now();
        self.wire.send(Message::text(frame.to_string())).await?;
        loop {
            let text = self.hear().await?;
            ensure!(!text.contains("\"type\":\"error\""), "an error: {text}");
            if is_reply(&text) {
                ensure!(text.contains(&word), "{word} was answered {text}");
                return Ok(began.elapsed());
            }
        }
    }

    /// Says something and waits for nothing.
    ///
    /// # Errors
    /// The socket ended.
    pub async fn say(&mut self, text: &str) -> Result<()> {
        let id = format!("{}-{}", self.name, self.sent);
        self.sent += 1;
        let frame = serde_json::json!({"type": "message", "client_id": id, "text": text});
        Ok(self.wire.send(Message::text(frame.to_string())).await?)
    }

    /// Listens a moment longer: no further reply may come.
    ///
    /// # Errors
    /// A reply too many.
    pub async fn silence(&mut self, time: Duration) -> Result<()> {
        let until = tokio::time::Instant::now() + time;
        while let Ok(frame) = tokio::time::timeout_at(until, self.wire.next()).await {
            let frame = frame.context("the socket ended")??;
            let text = frame.to_text().unwrap_or_default();
            ensure!(!is_reply(text), "one reply too many: {text}");
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<String> {
        loop {
            match tokio::time::timeout(LOST, self.wire.next()).await? {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => bail!("closed: {frame:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the socket ended"),
            }
        }
    }
}

fn is_reply(text: &str) -> bool {
    text.contains("\"type\":\"line\"") && text.contains("\"role\":\"agent\"")
}
