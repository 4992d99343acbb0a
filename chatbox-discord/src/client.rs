//! Discord's REST API: one request, its answer or what is known of its failure.
//!
//! The routes are serenity's; its sender is not used, because it drops how long a limit lasts, and sleeps. Nothing here
//! retries.

use crate::config::Config;
use crate::error;
use bytes::Bytes;
use chatbox_connector_api::kit::http;
use chatbox_connector_api::kit::status::{Idempotent, failed};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serenity::http::Route;
use std::fmt;
use std::time::Duration;
use url::Url;

/// The largest answer that is read: a hundred messages of the largest size, with room.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// What serenity's routes begin with.
const HOME: &str = "https://discord.com";

/// Speaks to Discord as one bot.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    egress: Egress,
    token: Secret,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            http: http::client(config.egress, config.request)?,
            base: config.api_base.clone(),
            egress: config.egress,
            token: config.token.clone(),
            timeout: config.request,
        })
    }

    /// A request of one of serenity's routes, with the bot's name on it.
    pub(crate) fn request(
        &self,
        method: Method,
        route: Route<'_>,
        query: &[(&str, String)],
    ) -> Result<RequestBuilder> {
        let path = route.path();
        let path = path.strip_prefix(HOME).unwrap_or(&path);
        let url = self
            .base
            .join(path)
            .map_err(|_| AdapterError::new(ErrorKind::Invalid, "this is no place of Discord's"))?;
        let request = http::request(&self.http, self.egress, method, url)?;
        let request = if query.is_empty() {
            request
        } else {
            request.query(query)
        };
        Ok(request.header(AUTHORIZATION, format!("Bot {}", self.token.expose())))
    }

    /// The same without a name, where the path is the key.
    pub(crate) fn nameless(&self, method: Method, route: Route<'_>) -> Result<RequestBuilder> {
        let path = route.path();
        let path = path.strip_prefix(HOME).unwrap_or(&path);
        let url = self
            .base
            .join(path)
            .map_err(|_| AdapterError::new(ErrorKind::Invalid, "this is no place of Discord's"))?;
        http::request(&self.http, self.egress, method, url)
    }

    /// Sends it, allowing `more` time than usual; the body of the answer.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        effect: Idempotent,
        more: Duration,
    ) -> Result<Bytes> {
        let request = request.timeout(self.timeout + more);
        let answer = request
            .send()
            .await
            .map_err(|error| failed(error, effect, "ask Discord"))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_success() {
            return http::body(answer, MAX_ANSWER, effect).await;
        }
        // The refusal is certain, even if its reason is lost.
        let body = http::body(answer, MAX_ANSWER, effect)
            .await
            .unwrap_or_default();
        Err(error::refused(status, &headers, &body, effect))
    }

    /// Asks for something and reads it.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        query: &[(&str, String)],
    ) -> Result<T> {
        let request = self.request(Method::GET, route, query)?;
        let body = self.send(request, Idempotent::Yes, Duration::ZERO).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let sentence = format!("Discord's answer makes no sense: {error}");
            AdapterError::new(ErrorKind::Unavailable, sentence)
        })
    }

    /// Opens a file by its address, which must be one of Discord's own.
    pub(crate) async fn download(&self, address: &str, time: Duration) -> Result<Response> {
        let url = Url::parse(address).ok().filter(|url| self.is_ours(url));
        let url = url.ok_or_else(|| {
            AdapterError::new(ErrorKind::Invalid, "this file is not one of Discord's")
        })?;
        let request = http::request(&self.http, self.egress, Method::GET, url)?;
        let answer = request.timeout(time).send().await;
        let answer = answer.map_err(|error| failed(error, Idempotent::Yes, "fetch a file"))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status => Err(error::refused(
                status,
                answer.headers(),
                b"",
                Idempotent::Yes,
            )),
        }
    }

    fn is_ours(&self, url: &Url) -> bool {
        let cdn = ["cdn.discordapp.com", "media.discordapp.net"];
        match self.base.host_str() {
            Some("discord.com") => {
                url.scheme() == "https" && url.host_str().is_some_and(|host| cdn.contains(&host))
            }
            own => {
                url.host_str() == own
                    && url.port_or_known_default() == self.base.port_or_known_default()
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}
