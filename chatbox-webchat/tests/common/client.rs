//! A client as strict as the protocol: JSON frames over a real socket, and raw bytes where a library would not send them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::StatusCode;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One socket.
#[derive(Debug)]
pub struct Client {
    pub wire: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects and says nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.expect("it listens");
        tcp.set_nodelay(true).expect("it is TCP");
        let url = format!("ws://{address}/chat/ws");
        let (wire, _) = tokio_tungstenite::client_async(url, tcp)
            .await
            .expect("it upgrades");
        Self { wire }
    }

    /// Connects, says hello and returns the welcome.
    pub async fn hello(address: SocketAddr, hello: Value) -> (Self, Value) {
        let mut client = Self::connect(address).await;
        client.say(&hello).await;
        let welcome = client.until("welcome").await;
        (client, welcome)
    }

    pub async fn say(&mut self, frame: &Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        self.wire.send(message).await.expect("it is open");
    }

    pub async fn message(&mut self, client_id: &str, text: &str) {
        let frame = json!({"type": "message", "client_id": client_id, "text": text});
        self.say(&frame).await;
    }

    /// The next JSON frame, or the close code.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(PATIENCE, self.wire.next()).await;
            match message.expect("something comes") {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The next frame of a type; others are skipped.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Ok(frame) if frame["type"] == kind => return frame,
                Ok(_) => {}
                Err(code) => panic!("closed with {code} while waiting for `{kind}`"),
            }
        }
    }

    /// The code of the error that answers this frame.
    pub async fn refused(&mut self, frame: &str) -> String {
        self.raw(Message::text(frame)).await;
        let error = self.until("error").await;
        error["code"].as_str().expect("a code is text").to_owned()
    }

    /// Reads until the socket is closed and says with which code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Sends bytes below the protocol.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let tcp = self.wire.get_mut();
        tcp.write_all(bytes).await.expect("it is open");
        tcp.flush().await.expect("it is open");
    }
}

/// A masked client frame with a mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=65535 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// One HTTP/1.1 exchange; the status and the whole text.
pub async fn http(address: SocketAddr, request: &str, body: &[u8]) -> (u16, String) {
    let mut tcp = TcpStream::connect(address).await.expect("it listens");
    let head = request.replace('\n', "\r\n");
    let _ = tcp.write_all(format!("{head}\r\n\r\n").as_bytes()).await;
    let _ = tcp.write_all(body).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut answer)).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), text)
}

/// Tries to upgrade with a changed request; the status and body of the refusal.
pub async fn upgrade(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(), (u16, String)> {
    let tcp = TcpStream::connect(address).await.expect("it listens");
    let request = format!("ws://{address}{path}").into_client_request();
    let mut request = request.expect("it is an address");
    for (name, value) in headers {
        let value = value.parse().expect("it is a header value");
        request.headers_mut().insert(*name, value);
    }
    match tokio_tungstenite::client_async(request, tcp).await {
        Ok((_, answer)) => {
            assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
            Ok(())
        }
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            Err((
                answer.status().as_u16(),
                String::from_utf8_lossy(&body).into_owned(),
            ))
        }
        Err(other) => panic!("{other}"),
    }
}
