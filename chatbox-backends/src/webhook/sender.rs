//! One attempt: one signed POST.

use super::endpoint::Endpoint;
use super::id::WebhookId;
use super::verdict::{Attempt, Verdict};
use super::{ID, SIGNATURE, TIMESTAMP};
use bytes::Bytes;
use chatbox_connector_api::kit::{http, retry_after};
use chatbox_connector_api::{AdapterError, Egress};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder};
use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long an attempt may take, the connection included.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends webhooks: no redirect is followed, no proxy asked, and nothing is dialled outside its egress. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    egress: Egress,
}

impl Sender {
    /// A sender that stays within `egress`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(egress: Egress) -> Result<Self, AdapterError> {
        let client = http::client(egress, TIMEOUT)?;
        Ok(Self { client, egress })
    }

    /// Sends these bytes once, signed as of now, and says what came of it. The answer's body is not read.
    pub async fn attempt(&self, endpoint: &Endpoint, id: &WebhookId, body: Bytes) -> Attempt {
        let url = endpoint.url.clone();
        let request = match http::request(&self.client, self.egress, Method::POST, url) {
            Ok(request) => request,
            Err(error) => return Attempt::unanswered(Verdict::Failed, error.to_string()),
        };
        match signed(request, endpoint, id, body).send().await {
            Ok(answer) => {
                let wait = retry_after::retry_after(answer.headers());
                Attempt::answered(answer.status().as_u16(), wait)
            }
            Err(error) => Attempt::unanswered(Verdict::Retry, reason(&error)),
        }
    }
}

/// The bytes that are signed are the bytes that are sent.
fn signed(
    request: RequestBuilder,
    endpoint: &Endpoint,
    id: &WebhookId,
    body: Bytes,
) -> RequestBuilder {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let at = since.unwrap_or_default().as_secs();
    let mut request = request
        .header(CONTENT_TYPE, "application/json")
        .header(ID, id.as_str())
        .header(TIMESTAMP, at);
    if let Some(signer) = &endpoint.signer {
        request = request.header(SIGNATURE, signer.sign(id, at, &body));
    }
    if let Some(bearer) = &endpoint.bearer {
        request = request.header(AUTHORIZATION, bearer.clone());
    }
    request.body(body)
}

/// Why there was no answer. The innermost cause names no address, the outer ones do.
fn reason(error: &reqwest::Error) -> String {
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, _) => "the endpoint cannot be reached",
        (false, true) => "the endpoint did not answer in time",
        (false, false) => "the endpoint's answer was lost",
    };
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what} ({cause})"))
}
