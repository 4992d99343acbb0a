//! Requests to a connector process, and what its answers mean.

use crate::kit::status::{Idempotent, failed, refused};
use crate::kit::{egress, http};
use crate::secret::Secret;
use crate::wire::{ANSWER, About, Failed, LONGEST, ROOT};
use crate::{AdapterError, Egress, ErrorKind, Result};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Longer than any stream lives: what stays open is watched by its lines.
const OPEN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One connector process.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Secret,
}

impl Client {
    pub(super) fn new(url: &str, token: Secret, egress: Egress) -> Result<Self> {
        let wrong = |what: &str| AdapterError::new(ErrorKind::Invalid, what);
        let mut base: Url = url
            .parse()
            .map_err(|_| wrong("the connector's url is no address; write http://HOST:PORT"))?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err(wrong("the connector's url must be http://… or https://…"));
        }
        if !(base.username().is_empty() && base.password().is_none()) {
            return Err(wrong(
                "the connector's url names a user; its secret is the token",
            ));
        }
        egress::check(&base, egress)?;
        let path = format!("{}{ROOT}", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let http = http::client(egress, ANSWER)?;
        Ok(Self { http, base, token })
    }

    /// What the process says of itself.
    pub(super) async fn about(&self) -> Result<About> {
        let request = self.request(Method::GET, "");
        let doing = "say what it is";
        let answer = self.send(request, Idempotent::Yes, doing).await?;
        read(answer, Idempotent::Yes, doing).await
    }

    /// Asks for one answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        with: &impl Serialize,
        idempotent: Idempotent,
    ) -> Result<T> {
        let request = self.request(Method::POST, what).json(with);
        let answer = self.send(request, idempotent, what).await?;
        read(answer, idempotent, what).await
    }

    /// Tells something that needs no answer but its success.
    pub(super) async fn tell(&self, what: &str, with: &impl Serialize) -> Result<()> {
        let request = self.request(Method::POST, what).json(with);
        self.send(request, Idempotent::Yes, what).await.map(drop)
    }

    /// Asks for an answer that is read as it comes.
    pub(super) async fn open(&self, what: &str, with: &impl Serialize) -> Result<Response> {
        let request = self.request(Method::POST, what).json(with).timeout(OPEN);
        let answer = self.send(request, Idempotent::Yes, what);
        timeout(ANSWER, answer).await.unwrap_or_else(|_| {
            let text = format!("the connector did not answer `{what}` in {ANSWER:?}");
            Err(AdapterError::new(ErrorKind::Unavailable, text))
        })
    }

    /// Brings a file there.
    pub(super) async fn bring(
        &self,
        name: &str,
        size: u64,
        bytes: reqwest::Body,
        within: Duration,
    ) -> Result<()> {
        let request = self
            .request(Method::PUT, &format!("files/{name}"))
            .header(reqwest::header::CONTENT_LENGTH, size)
            .timeout(within)
            .body(bytes);
        let doing = "take a file";
        self.send(request, Idempotent::Yes, doing).await.map(drop)
    }

    fn request(&self, method: Method, what: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        if !what.is_empty() {
            url.set_path(&format!("{}/{what}", self.base.path()));
        }
        self.http
            .request(method, url)
            .bearer_auth(self.token.expose())
    }

    async fn send(
        &self,
        request: RequestBuilder,
        idempotent: Idempotent,
        doing: &str,
    ) -> Result<Response> {
        let sent = request.send().await;
        let answer = sent.map_err(|error| failed(error, idempotent, doing))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = http::body(answer, LONGEST, idempotent).await;
        let told = body
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok());
        Err(match told {
            // A connector that says what it knows is believed before its status.
            Some(Failed { error }) => error.into_error(),
            None => refused(status, &headers, idempotent, doing),
        })
    }
}

async fn read<T: DeserializeOwned>(
    answer: Response,
    idempotent: Idempotent,
    doing: &str,
) -> Result<T> {
    let body = http::body(answer, LONGEST, idempotent).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let kind = match idempotent {
            Idempotent::Yes => ErrorKind::Invalid,
            Idempotent::No => ErrorKind::Malformed,
        };
        let text = format!("the connector's answer to `{doing}` cannot be read: {error}");
        AdapterError::new(kind, text)
    })
}
