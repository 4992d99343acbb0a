//! The Bot API over HTTP: one call, its answer or what is known of its failure.
//!
//! It owns the token's place in the URL and keeps it out of everything else. It never retries, never sleeps, and knows
//! no method by name. teloxide's own sender is not used: it sleeps ten seconds on a 5xx and reads a whole batch of
//! updates as one value.

use crate::address::Resolver;
use crate::config::Config;
use crate::error::{Failure, Parameters, Refusal, describe};
use bytes::{Bytes, BytesMut};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The largest answer we read: a hundred updates of the largest size, with room.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// The longest sentence of the platform we repeat.
const MAX_SENTENCE: usize = 300;

/// Speaks to one Bot API server as one bot.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Secret,
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

impl Client {
    /// Prepares the connections; nothing is opened yet.
    pub(crate) fn new(config: &Config) -> Result<Self, AdapterError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("chatbox/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(Resolver(config.egress)))
            .connect_timeout(Duration::from_secs(5))
            // Silence longer than a long poll means a dead connection.
            .read_timeout(config.poll + config.poll_grace)
            // A connection the server has closed meanwhile would leave a send in doubt.
            .pool_idle_timeout(Duration::from_secs(20));
        if config.egress == Egress::Private {
            // A server on our own network is not reached through a proxy to the internet.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            let why = describe(&error.without_url());
            AdapterError::new(ErrorKind::Invalid, format!("no HTTP client: {why}"))
        })?;
        Ok(Self {
            http,
            base: config.api_base.clone(),
            token: config.token.clone(),
        })
    }

    /// Calls a method with a JSON body and reads its result.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &impl serde::Serialize,
        timeout: Duration,
    ) -> Result<T, Failure> {
        let result = self.post(method, timeout, |post| post.json(body)).await?;
        serde_json::from_str(result.get())
            .map_err(|error| Failure::Garbled(format!("{method}: {error}")))
    }

    /// Calls a method with whatever body `fill` gives the request; the result as JSON.
    pub(crate) async fn post(
        &self,
        method: &str,
        timeout: Duration,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Box<RawValue>, Failure> {
        let request = self.http.post(self.url(&[], method)).timeout(timeout);
        let response = fill(request).send().await.map_err(Failure::transport)?;
        let status = response.status();
        let wait = retry_after(&response);
        let body = match read(response).await {
            Ok(body) => body,
            // The refusal is certain, only its reason is lost.
            Err(_) if status.is_client_error() => Bytes::new(),
            Err(failure) => return Err(failure),
        };
        self.open(status, wait, &body)
    }

    /// Opens a file of the platform. `path` is what the platform called it, already checked.
    pub(crate) async fn download(
        &self,
        path: &str,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let request = self.http.get(self.url(&["file"], path)).timeout(timeout);
        let response = request.send().await.map_err(Failure::transport)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry_after(&response);
        let body = read(response).await.unwrap_or_default();
        match self.open(status, wait, &body) {
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::Garbled(format!("HTTP {status}"))),
        }
    }

    /// `{base}/{before…}/bot{token}/{rest}`.
    fn url(&self, before: &[&str], rest: &str) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("the base was checked to be http or https")
            .pop_if_empty()
            .extend(before)
            .push(&format!("bot{}", self.token.expose()))
            .extend(rest.split('/'));
        url
    }

    /// Reads the envelope.
    fn open(
        &self,
        status: StatusCode,
        wait: Option<Duration>,
        body: &[u8],
    ) -> Result<Box<RawValue>, Failure> {
        let refused = |description: &str, refusal: Refusal| {
            Failure::Refused(Refusal {
                description: self.sentence(description),
                ..refusal
            })
        };
        let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
            if status.is_success() {
                return Err(Failure::Garbled(format!("HTTP {status} without JSON")));
            }
            let reason = status.canonical_reason().unwrap_or("no reason given");
            let sentence = format!("{reason} (not in the words of a Bot API server)");
            let refusal = Refusal {
                code: status.as_u16(),
                retry_after: wait,
                ..Refusal::default()
            };
            return Err(refused(&sentence, refusal));
        };
        if let (true, Some(result)) = (answer.ok, answer.result) {
            return Ok(result.to_owned());
        }
        if answer.ok {
            return Err(Failure::Garbled("an answer without a result".to_owned()));
        }
        let parameters = answer.parameters.unwrap_or_default();
        let refusal = Refusal {
            code: answer.error_code.unwrap_or(status.as_u16()),
            retry_after: parameters.retry_after.map(Duration::from_secs).or(wait),
            migrate_to: parameters.migrate_to_chat_id,
            ..Refusal::default()
        };
        Err(refused(
            answer.description.as_deref().unwrap_or(""),
            refusal,
        ))
    }

    /// The platform's sentence, short and without the token, should it ever repeat it.
    fn sentence(&self, said: &str) -> String {
        let clean = said.replace(self.token.expose(), "***");
        clean.chars().take(MAX_SENTENCE).collect()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// The wait a gateway in front of the API asks for, in whole seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?;
    let seconds = header.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read(mut response: Response) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(Failure::transport)? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Failure::Garbled(format!(
                "an answer of more than {MAX_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
