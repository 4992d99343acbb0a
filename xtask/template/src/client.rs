//! The service's requests, one method each. Never tries again: an error says what is known.

use crate::config::Config;
use crate::error::unreadable;
use crate::inbound::{Me, Page};
use crate::outbound::{Post, Posted};
use chatbox_connector_api::kit::http;
use chatbox_connector_api::kit::status::{Idempotent, failed, refused};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use url::Url;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 8 << 20;

/// A client with the account's token.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    egress: Egress,
    base: Url,
    token: Secret,
    poll_ms: u64,
}

impl Client {
    pub(crate) fn new(config: &Config, token: Secret, egress: Egress) -> Result<Self> {
        Ok(Self {
            http: http::client(egress, config.total())?,
            egress,
            base: config.api_base.clone(),
            token,
            poll_ms: config.poll_ms,
        })
    }

    pub(crate) async fn me(&self) -> Result<Me> {
        let request = self.request(Method::GET, &["me"])?;
        answer(request, "ask who we are").await
    }

    /// What happened after a place. Asking tells the service that everything up to there is safe.
    pub(crate) async fn events(&self, after: u64) -> Result<Page> {
        let request = self.request(Method::GET, &["events"])?;
        let request = request.query(&[("after", after), ("wait_ms", self.poll_ms)]);
        answer(request, "listen").await
    }

    pub(crate) async fn post(&self, room: &str, post: &Post) -> Result<Posted> {
        let request = self.request(Method::POST, &["rooms", room, "messages"])?;
        answer(request.json(post), "send").await
    }

    pub(crate) async fn typing(&self, room: &str) -> Result<()> {
        let request = self.request(Method::POST, &["rooms", room, "typing"])?;
        answer::<serde_json::Value>(request, "show that we write")
            .await
            .map(drop)
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder> {
        let mut url = self.base.clone();
        let no_path = |()| AdapterError::new(ErrorKind::Invalid, "`api_base` cannot have a path");
        url.path_segments_mut()
            .map_err(no_path)?
            .pop_if_empty()
            .extend(path);
        let request = http::request(&self.http, self.egress, method, url)?;
        Ok(request.bearer_auth(self.token.expose()))
    }
}

/// Every request of this service may be done twice: reading is, and a post carries its key.
async fn answer<T: DeserializeOwned>(request: RequestBuilder, doing: &str) -> Result<T> {
    let sent = request.send().await;
    let response = sent.map_err(|error| failed(error, Idempotent::Yes, doing))?;
    let status = response.status();
    if !status.is_success() {
        return Err(refused(status, response.headers(), Idempotent::Yes, doing));
    }
    let body = http::body(response, LONGEST, Idempotent::Yes).await?;
    serde_json::from_slice(&body).map_err(|error| unreadable(doing, &error))
}
