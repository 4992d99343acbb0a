//! A person at the web chat: a socket without a browser.

use crate::server::Server;
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// What a browser keeps after logging in.
#[derive(Clone, Debug)]
pub(crate) struct Login(String);

/// An open socket.
#[derive(Debug)]
pub(crate) struct Socket {
    wire: WebSocketStream<TcpStream>,
}

/// Logs in with a fresh link.
pub(crate) async fn log_in(server: &Server) -> Result<Login> {
    let link = server.operate("POST", "/v1/login-links", None).await?;
    let link = link["url"].as_str().context("a link")?;
    let code = link.split_once('#').context("a code in the link")?.1;
    enter(&server.url, code).await
}

/// Logs in with the code of a link.
pub(crate) async fn enter(url: &str, code: &str) -> Result<Login> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http
        .post(format!("{url}/login"))
        .json(&json!({"code": code}))
        .send()
        .await?;
    let cookie = answer
        .headers()
        .get("set-cookie")
        .context("a cookie")?
        .to_str()?;
    Ok(Login(
        cookie.split(';').next().unwrap_or_default().to_owned(),
    ))
}

/// Opens a socket that has everything up to `after`.
pub(crate) async fn open(url: &str, login: &Login, after: Option<i64>) -> Result<Socket> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let asked = http
        .post(format!("{url}/chat/ticket"))
        .header("cookie", &login.0);
    let ticket: Value =
        serde_json::from_str(&asked.send().await?.error_for_status()?.text().await?)?;
    let place = url.trim_start_matches("http://");
    let stream = TcpStream::connect(place).await?;
    let request = format!("ws://{place}/chat/ws").into_client_request()?;
    let (wire, _) = tokio_tungstenite::client_async(request, stream).await?;
    let mut socket = Socket { wire };
    let mut hello = json!({"type": "hello", "ticket": ticket["ticket"]});
    if let Some(after) = after {
        hello["after"] = after.into();
    }
    socket.say(&hello).await?;
    Ok(socket)
}

impl Socket {
    /// Its own end.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.wire.get_ref().local_addr()?)
    }

    /// Says a frame.
    pub(crate) async fn say(&mut self, frame: &Value) -> Result<()> {
        Ok(self.wire.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame.
    pub(crate) async fn hear(&mut self) -> Result<Value> {
        loop {
            match self.wire.next().await.context("the socket ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(_) => bail!("the socket was closed"),
                _ => {}
            }
        }
    }
}

/// The lines in a frame, as numbers.
pub(crate) fn lines(frame: &Value) -> Vec<i64> {
    let one = (frame["type"] == "line").then_some(frame);
    let many = frame["lines"].as_array();
    let all = many.into_iter().flatten().chain(one);
    all.filter_map(|line| line["seq"].as_i64()).collect()
}
