//! A websocket to where we may go: the address that was checked is the one that is dialled.

use crate::client::Client;
use crate::config::Config;
use crate::error::{lost, sent_away};
use crate::inbound::Frame;
use chatbox_connector_api::kit::egress::{addresses, check};
use chatbox_connector_api::{Egress, Result};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::fmt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

/// The largest frame that is read: an event of the largest size, with room.
const MAX_FRAME: usize = 16 * 1024 * 1024;

/// An open websocket that said hello.
pub(super) struct Socket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>);

/// What comes over it.
pub(super) enum Sign {
    Text(String),
    /// It lives.
    Life,
}

/// Asks where to connect, connects, and waits to be greeted.
pub(super) async fn connect(client: &Client, config: &Config) -> Result<Socket> {
    let greeted = async {
        let url = client.connection().await?;
        let mut socket = dial(&url, config.egress).await?;
        loop {
            let Sign::Text(text) = socket.next().await? else {
                continue;
            };
            let frame: Frame<'_> =
                serde_json::from_str(&text).map_err(|_| lost("Slack's greeting cannot be read"))?;
            match frame.kind.as_deref() {
                Some("hello") => return Ok(socket),
                Some("disconnect") => {
                    return Err(sent_away(frame.reason.as_deref().unwrap_or_default()));
                }
                // Not acknowledged, so that it comes again.
                _ => {}
            }
        }
    };
    let greeted = timeout(config.request, greeted).await;
    greeted.unwrap_or_else(|_| Err(lost("Slack does not greet us")))
}

async fn dial(url: &Url, egress: Egress) -> Result<Socket> {
    check(url, egress)?;
    let failed =
        |error: std::io::Error| lost(&format!("Slack's socket cannot be reached: {error}"));
    let addresses = addresses(url, egress).await.map_err(failed)?;
    let tcp = TcpStream::connect(&*addresses).await.map_err(failed)?;
    // Failing to set it only costs latency.
    let _ = tcp.set_nodelay(true);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let opened = client_async_tls_with_config(url.as_str(), tcp, Some(config), None).await;
    // The address holds a ticket: nothing of it is repeated.
    let (socket, _) = opened.map_err(|_| lost("Slack's socket does not open"))?;
    Ok(Socket(Box::new(socket)))
}

impl Socket {
    /// The next sign; an error once it has ended.
    pub(super) async fn next(&mut self) -> Result<Sign> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Ok(Sign::Text(text.as_str().to_owned())),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(lost("Slack's socket was closed")),
            Some(Ok(_)) => Ok(Sign::Life),
        }
    }

    pub(super) async fn send(&mut self, said: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(said).expect("what we say is JSON");
        let sent = self.0.send(Message::text(text)).await;
        sent.map_err(|_| lost("Slack's socket was closed"))
    }

    pub(super) async fn ping(&mut self) -> Result<()> {
        let sent = self.0.send(Message::Ping(Bytes::new())).await;
        sent.map_err(|_| lost("Slack's socket was closed"))
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
