//! JSON-RPC with the daemon: one call, its answer or what is known of its failure; and the connection that listens.
//!
//! A call is a connection of its own: whether it left, and whether its answer came, is then never mixed up with another's.
//! It never retries and never sleeps.

use crate::config::{Config, Endpoint};
use crate::error::{Failure, Refusal};
use bytes::{Bytes, BytesMut};
use chatbox_connector_api::{AdapterError, ErrorKind};
use futures_util::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::{AnyDelimiterCodec, Framed};
use url::Url;

/// The longest line we read: the largest file in base64, with room.
pub(crate) const MAX_LINE: usize = 48 * 1024 * 1024;
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// Anything bytes go through.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// Knows where the daemon is.
#[derive(Clone)]
pub(crate) struct Client {
    endpoint: Endpoint,
    http: Option<reqwest::Client>,
}

/// A request.
#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a P,
}

/// Anything the daemon says.
#[derive(Deserialize)]
pub(crate) struct Said<'a> {
    /// Which request it answers.
    #[serde(default)]
    pub(crate) id: Option<u64>,
    /// What it is told about, when it is no answer.
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default, borrow)]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error: Option<Refusal>,
}

impl<'a> Said<'a> {
    /// Reads a line. One with an id that is not ours, or no JSON at all, says nothing.
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// The answer's result.
    pub(crate) fn answer<T: DeserializeOwned>(self, method: &str) -> Result<T, Failure> {
        if let Some(refusal) = self.error {
            return Err(Failure::Refused(refusal));
        }
        let result = self.result.map_or("null", RawValue::get);
        serde_json::from_str(result).map_err(|error| Failure::Garbled(format!("{method}: {error}")))
    }
}

impl Client {
    /// Prepares; nothing is opened yet.
    pub(crate) fn new(config: &Config) -> Result<Self, AdapterError> {
        let http = match &config.endpoint {
            Endpoint::Http(_) => Some(http()?),
            _ => None,
        };
        Ok(Self {
            endpoint: config.endpoint.clone(),
            http,
        })
    }

    /// Calls a method and reads its result.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl Serialize,
        most: Duration,
    ) -> Result<T, Failure> {
        let request = text(1, method, params)?;
        match &self.endpoint {
            Endpoint::Http(base) => {
                let body = self.post(base, request, most).await?;
                let body = String::from_utf8_lossy(&body);
                let said = Said::read(&body)
                    .ok_or_else(|| Failure::Garbled(format!("{method}: no JSON-RPC answer")))?;
                said.answer(method)
            }
            _ => {
                let mut lines = self.lines().await?;
                let lost = |_| Failure::Lost(format!("none within {most:?}"));
                let asked = timeout(most, lines.ask(request, 1));
                let line = asked.await.map_err(lost)??;
                let said = Said::read(&line)
                    .ok_or_else(|| Failure::Garbled(format!("{method}: no JSON-RPC answer")))?;
                said.answer(method)
            }
        }
    }

    /// Opens a connection of lines; not over HTTP.
    pub(crate) async fn lines(&self) -> Result<Lines, Failure> {
        let opened = timeout(CONNECT, self.connect()).await;
        let pipe = opened.map_err(|_| Failure::NotSent(format!("no connection in {CONNECT:?}")))?;
        let pipe = pipe.map_err(|error| Failure::NotSent(error.to_string()))?;
        Ok(Lines(Framed::new(pipe, codec())))
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Pipe>> {
        match &self.endpoint {
            Endpoint::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Endpoint::Http(_) => Err(std::io::Error::other("HTTP has no lines")),
        }
    }

    async fn post(&self, base: &Url, body: String, most: Duration) -> Result<Bytes, Failure> {
        let http = self.http.as_ref().expect("made with the endpoint");
        let request = http.post(address(base, "rpc")).timeout(most).body(body);
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        let mut response = request.send().await.map_err(transport)?;
        let mut all = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(transport)? {
            if all.len() + piece.len() > MAX_LINE {
                return Err(Failure::Garbled("an answer without an end".to_owned()));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// Opens the stream of events; only over HTTP.
    pub(crate) async fn events(&self, account: &str) -> Result<reqwest::Response, Failure> {
        let (Some(http), Endpoint::Http(base)) = (&self.http, &self.endpoint) else {
            return Err(Failure::NotSent("only HTTP has events".to_owned()));
        };
        let mut url = address(base, "events");
        url.query_pairs_mut().append_pair("account", account);
        let response = http.get(url).send().await.map_err(transport)?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(Failure::Refused(Refusal {
                code: i64::from(status.as_u16()),
                // The daemon gives no reason but the status.
                message: format!("no events for this account (HTTP {status})"),
                data: None,
            })),
        }
    }

    /// Whether the daemon speaks HTTP.
    pub(crate) fn is_http(&self) -> bool {
        self.http.is_some()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A connection of lines.
pub(crate) struct Lines(Framed<Box<dyn Pipe>, AnyDelimiterCodec>);

impl Lines {
    /// Says one line.
    pub(crate) async fn say(&mut self, line: String) -> Result<(), Failure> {
        let sent = self.0.send(line).await;
        sent.map_err(|error| Failure::Lost(error.to_string()))
    }

    /// The next line; an error when there will be none.
    pub(crate) async fn next(&mut self) -> Result<String, Failure> {
        match self.0.next().await {
            Some(Ok(line)) => Ok(String::from_utf8_lossy(&line).into_owned()),
            Some(Err(error)) => Err(Failure::Lost(error.to_string())),
            None => Err(Failure::Lost("the connection was closed".to_owned())),
        }
    }

    /// Says a request and waits for the line that answers it; others are passed over.
    async fn ask(&mut self, request: String, id: u64) -> Result<String, Failure> {
        self.say(request).await?;
        loop {
            let line = self.next().await?;
            // What cannot be read as a request is answered without an id.
            let ours = |said: &Said<'_>| {
                said.id == Some(id) || (said.id.is_none() && said.error.is_some())
            };
            if Said::read(&line).is_some_and(|said| ours(&said)) {
                return Ok(line);
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

/// A request as a line.
pub(crate) fn text(id: u64, method: &str, params: &impl Serialize) -> Result<String, Failure> {
    let request = Request {
        jsonrpc: "2.0",
        id,
        method,
        params,
    };
    serde_json::to_string(&request).map_err(|error| Failure::NotSent(error.to_string()))
}

fn codec() -> AnyDelimiterCodec {
    AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\n".to_vec(), MAX_LINE)
}

fn address(base: &Url, what: &str) -> Url {
    let mut url = base.clone();
    url.path_segments_mut()
        .expect("the endpoint was checked to be http or https")
        .pop_if_empty()
        .extend(["api", "v1", what]);
    url
}

fn http() -> Result<reqwest::Client, AdapterError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("chatbox/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        // The daemon is ours: it is not reached through a proxy to the internet.
        .no_proxy()
        // A connection the daemon has closed meanwhile would leave a send in doubt.
        .pool_max_idle_per_host(0);
    builder
        .build()
        .map_err(|error| AdapterError::new(ErrorKind::Invalid, format!("no HTTP client: {error}")))
}

fn transport(error: reqwest::Error) -> Failure {
    let sent = !(error.is_connect() || error.is_builder());
    let sentence = error.without_url().to_string();
    match sent {
        true => Failure::Lost(sentence),
        false => Failure::NotSent(sentence),
    }
}
