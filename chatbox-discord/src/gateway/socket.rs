//! A websocket to where we may go: the address that was checked is the one that is dialled.

use chatbox_connector_api::kit::egress::{addresses, check};
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::fmt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

/// The largest payload that is read: a large guild, with room.
const MAX_PAYLOAD: usize = 32 * 1024 * 1024;

/// An open websocket.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Connects.
pub(super) async fn dial(url: &Url, egress: Egress) -> Result<Socket> {
    check(url, egress)?;
    if url.scheme() != "wss" && (url.scheme() != "ws" || egress == Egress::Public) {
        let sentence =
            "the gateway is not encrypted: the token would cross the internet in the open";
        return Err(AdapterError::new(ErrorKind::Invalid, sentence));
    }
    let mut url = url.clone();
    url.set_path("/");
    url.set_query(Some("v=10&encoding=json"));
    let failed = |error: std::io::Error| {
        AdapterError::new(
            ErrorKind::Unavailable,
            format!("Discord's gateway cannot be reached: {error}"),
        )
    };
    let addresses = addresses(&url, egress).await.map_err(failed)?;
    let tcp = TcpStream::connect(&*addresses).await.map_err(failed)?;
    // Failing to set it only costs latency.
    let _ = tcp.set_nodelay(true);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_PAYLOAD))
        .max_frame_size(Some(MAX_PAYLOAD));
    let opened = client_async_tls_with_config(url.as_str(), tcp, Some(config), None).await;
    let (socket, _) = opened.map_err(|error| {
        AdapterError::new(
            ErrorKind::Unavailable,
            format!("Discord's gateway does not open: {error}"),
        )
    })?;
    Ok(Socket(socket))
}

impl Socket {
    /// The next text; an error once it has ended.
    pub(super) async fn next(&mut self) -> Result<String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(super::ended(frame.map(|frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(super::ended(None)),
            }
        }
    }

    pub(super) async fn send(&mut self, payload: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(payload).expect("payloads are JSON");
        self.0
            .send(Message::text(text))
            .await
            .map_err(|_| super::ended(None))
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
