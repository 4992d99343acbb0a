//! Slack's Web API: one request, its answer or what is known of its failure.
//!
//! The requests are slack-morphism's; its sender is not used (docs/design/0016). Nothing here retries.

use crate::config::Config;
use crate::error::{self, Head};
use bytes::Bytes;
use chatbox_connector_api::kit::http;
use chatbox_connector_api::kit::status::{Idempotent, failed};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use reqwest::{Body, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;
use url::Url;

/// The largest answer that is read: a hundred messages of the largest size, with room.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// Speaks to Slack as one app.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    egress: Egress,
    bot: Secret,
    app: Option<Secret>,
    timeout: Duration,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            http: http::client(config.egress, config.request)?,
            base: config.api_base.clone(),
            egress: config.egress,
            bot: config.bot.clone(),
            app: config.app.clone(),
            timeout: config.request,
        })
    }

    fn request(&self, method: &str, token: &Secret) -> Result<RequestBuilder> {
        let url = self.base.join(&format!("/api/{method}"));
        let url =
            url.map_err(|_| AdapterError::new(ErrorKind::Invalid, "this is no method of Slack's"))?;
        let request = http::request(&self.http, self.egress, Method::POST, url)?;
        Ok(request.bearer_auth(token.expose()))
    }

    /// Asks for something, as the bot.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        with: &[(&str, String)],
    ) -> Result<T> {
        let request = self.request(method, &self.bot)?.form(with);
        let (body, _) = self.send(method, request, Idempotent::Yes).await?;
        read(&body)
    }

    /// Does something, as the bot; the body of the answer.
    pub(crate) async fn tell(
        &self,
        method: &str,
        with: &impl Serialize,
        effect: Idempotent,
    ) -> Result<Bytes> {
        let request = self.request(method, &self.bot)?.json(with);
        let (body, _) = self.send(method, request, effect).await?;
        Ok(body)
    }

    /// Who we are, and what we may do, in words with commas between.
    pub(crate) async fn who<T: DeserializeOwned>(&self) -> Result<(T, Option<String>)> {
        let method = "auth.test";
        let request = self.request(method, &self.bot)?;
        let (body, headers) = self.send(method, request, Idempotent::Yes).await?;
        let scopes = headers
            .get("x-oauth-scopes")
            .and_then(|it| it.to_str().ok());
        Ok((read(&body)?, scopes.map(str::to_owned)))
    }

    /// Where to connect, as the app. What is not Slack's own is an error: nobody is sent elsewhere with a ticket.
    pub(crate) async fn connection(&self) -> Result<Url> {
        #[derive(serde::Deserialize)]
        struct Found {
            url: String,
        }
        let method = "apps.connections.open";
        let app = self.app.as_ref().ok_or_else(|| {
            AdapterError::new(
                ErrorKind::Unauthorized,
                "there is no app token to connect with",
            )
        })?;
        let request = self.request(method, app)?;
        let (body, _) = self.send(method, request, Idempotent::Yes).await?;
        let found: Found = read(&body)?;
        let url = Url::parse(&found.url).ok().filter(|url| self.is_ours(url));
        url.ok_or_else(|| error::lost("Slack names a connection that is not its own"))
    }

    async fn send(
        &self,
        method: &str,
        request: RequestBuilder,
        effect: Idempotent,
    ) -> Result<(Bytes, HeaderMap)> {
        let answer = request.timeout(self.timeout).send().await;
        let answer = answer.map_err(|error| failed(error, effect, "ask Slack"))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_success() {
            return Err(error::broken(status, &headers, effect));
        }
        let body = http::body(answer, MAX_ANSWER, effect).await?;
        let head: Head = serde_json::from_slice(&body).map_err(|_| match effect {
            Idempotent::Yes => error::lost("Slack's answer makes no sense"),
            Idempotent::No => {
                AdapterError::new(ErrorKind::Malformed, "Slack's answer makes no sense")
            }
        })?;
        match head.ok {
            true => Ok((body, headers)),
            false => Err(error::refused(method, &head, &headers, effect)),
        }
    }

    /// Puts a file's bytes where Slack said.
    pub(crate) async fn put(
        &self,
        place: &str,
        size: u64,
        bytes: Body,
        more: Duration,
    ) -> Result<()> {
        let url = self.own(place, "this is no place of Slack's to upload to")?;
        let request = http::request(&self.http, self.egress, Method::POST, url)?;
        let request = request.header(CONTENT_LENGTH, size).body(bytes);
        let answer = request.timeout(self.timeout + more).send().await;
        // Nobody sees it before it is said that it is complete.
        let answer = answer.map_err(|error| failed(error, Idempotent::Yes, "upload a file"))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(error::broken(status, answer.headers(), Idempotent::Yes)),
        }
    }

    /// Says something where an interaction told us to.
    pub(crate) async fn respond(&self, place: &str, with: &impl Serialize) -> Result<()> {
        let url = self.own(place, "this is not the token of a Slack interaction");
        let url = url.map_err(|error| AdapterError::new(ErrorKind::NotFound, error.to_string()))?;
        let request = http::request(&self.http, self.egress, Method::POST, url)?.json(with);
        let answer = request.timeout(self.timeout).send().await;
        let answer = answer.map_err(|error| failed(error, Idempotent::No, "answer Slack"))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(error::broken(status, answer.headers(), Idempotent::No)),
        }
    }

    /// Opens a file by its address, which must be one of Slack's own: the token goes with the request.
    pub(crate) async fn download(&self, address: &str, time: Duration) -> Result<Response> {
        let url = self.own(address, "this file is not one of Slack's")?;
        let request = http::request(&self.http, self.egress, Method::GET, url)?;
        let request = request.bearer_auth(self.bot.expose());
        let answer = request.timeout(time).send().await;
        let answer = answer.map_err(|error| failed(error, Idempotent::Yes, "fetch a file"))?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            // Who may not have it is sent to the door.
            status if status.is_redirection() => Err(AdapterError::new(
                ErrorKind::Forbidden,
                format!(
                    "Slack does not give the bot this file: {}",
                    error::lacking("files:read")
                ),
            )),
            status => Err(error::broken(status, answer.headers(), Idempotent::Yes)),
        }
    }

    fn own(&self, address: &str, otherwise: &str) -> Result<Url> {
        let url = Url::parse(address).ok().filter(|url| self.is_ours(url));
        url.ok_or_else(|| AdapterError::new(ErrorKind::Invalid, otherwise))
    }

    /// The server, or one below its name, as safely reached as the server.
    fn is_ours(&self, url: &Url) -> bool {
        let safe = |url: &Url| matches!(url.scheme(), "https" | "wss");
        let port = |url: &Url| url.port_or_known_default();
        let same = match (url.host_str(), self.base.host_str()) {
            (Some(host), Some(base)) => {
                let below = host.strip_suffix(base).and_then(|it| it.strip_suffix('.'));
                host == base || below.is_some_and(|name| !name.is_empty())
            }
            _ => false,
        };
        same && (safe(url) || !safe(&self.base)) && port(url) == port(&self.base)
    }
}

/// An answer as what it is.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| error::lost(&format!("Slack's answer makes no sense: {error}")))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: Option<&str>) -> Client {
        let (bot, app) = (Secret::new("xoxb-canary"), Secret::new("xapp-canary"));
        let config = Config::new(base, &bot, &app, Egress::Public).expect("good");
        Client::new(&config).expect("a client")
    }

    #[test]
    fn the_token_goes_to_slack_and_nowhere_else() {
        let slack = client(None);
        assert!(!format!("{slack:?}").contains("canary"));
        let ours = |client: &Client, url: &str| client.is_ours(&Url::parse(url).expect("a URL"));
        for good in [
            "https://files.slack.com/x",
            "wss://wss-primary.slack.com/link",
            "https://slack.com/",
        ] {
            assert!(ours(&slack, good), "{good}");
        }
        for bad in [
            "http://files.slack.com/x",
            "ws://wss-primary.slack.com/",
            "https://evilslack.com/x",
            "https://slack.com.evil.org/",
            "https://slack.com:8443/",
            "https://10.0.0.1/",
        ] {
            assert!(!ours(&slack, bad), "{bad}");
        }
        let own = client(Some("http://127.0.0.1:8081"));
        assert!(ours(&own, "ws://127.0.0.1:8081/link"));
        assert!(!ours(&own, "http://127.0.0.1:8082/"));
        assert!(!ours(&own, "https://files.slack.com/x"));
    }
}
