//! What Slack sends to an address of ours instead of a socket: proven, then read. Pure but for the clock.
//!
//! The same events come as over a socket, under the same names, so that whichever way they come they are stored once.

use crate::inbound::Reader;
use chatbox_connector_api::kit::quarantine::guarded;
use chatbox_connector_api::kit::repair::repair;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{Heard, Posted, Refusal, Unread};
use serde::Deserialize;
use serde_json::value::RawValue;
use slack_morphism::prelude::SlackSigningSecret;
use slack_morphism::signature_verifier::{
    SlackEventSignatureVerifier, SlackEventSignatureVerifierError,
};
use std::collections::BTreeMap;
use std::fmt;

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The longest word that is said back.
const MAX_CHALLENGE: usize = 1024;

/// Proves requests with the app's signing secret.
pub(crate) struct Proof(SlackEventSignatureVerifier);

impl Proof {
    /// With a secret that was looked at before: an empty one would let everybody in.
    pub(crate) fn new(signing: &Secret) -> Self {
        let secret = SlackSigningSecret(signing.expose().to_owned());
        Self(SlackEventSignatureVerifier::new(&secret))
    }

    /// The body of a request that this app signed within the last five minutes.
    pub(crate) fn check<'a>(&self, posted: &'a Posted) -> Result<&'a str, Refusal> {
        if posted.body.len() > MAX_BODY {
            return Err(refused(Unread::TooLarge));
        }
        let signatures = posted.values("x-slack-signature");
        let timestamps = posted.values("x-slack-request-timestamp");
        let ([signature], [timestamp]) = (signatures.as_slice(), timestamps.as_slice()) else {
            return Err(refused(Unread::Unsigned));
        };
        let body = std::str::from_utf8(&posted.body);
        let body = body.map_err(|_| refused(Unread::Unsigned))?;
        let proven = self.0.verify(signature, body, timestamp);
        proven.map_err(|error| match error {
            SlackEventSignatureVerifierError::WrongSignatureError(_)
            | SlackEventSignatureVerifierError::CryptoInitError(_)
            | SlackEventSignatureVerifierError::AbsentSignatureError(_) => {
                refused(Unread::Unsigned)
            }
            _ => refused(Unread::Stale),
        })?;
        Ok(body)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

/// A refusal with the way out, which whoever enters the address at Slack is shown.
pub(crate) fn refused(reason: Unread) -> Refusal {
    let detail = match reason {
        Unread::Unsigned => {
            "the request is not signed by this app; copy the Signing Secret from https://api.slack.com/apps, Basic Information"
        }
        Unread::Stale => {
            "the request was signed more than five minutes away; set this machine's clock"
        }
        Unread::TooLarge => "the request is larger than 1 MiB",
        Unread::Unreadable => "the request is not what Slack sends",
        _ => "the request cannot be read now; it is to come again",
    };
    Refusal::new(reason, detail)
}

/// The word that Slack wants said back, where that is all it asks.
pub(crate) fn challenge(body: &str) -> Result<Option<String>, Refusal> {
    #[derive(Deserialize)]
    struct Asked {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        challenge: Option<String>,
    }
    if !is_json(body) {
        return Ok(None);
    }
    let asked: Asked = serde_json::from_str(&repair(body)).map_err(unreadable)?;
    match (asked.kind.as_str(), asked.challenge) {
        ("url_verification", Some(word)) if word.len() <= MAX_CHALLENGE => Ok(Some(word)),
        ("" | "url_verification", _) => Err(refused(Unread::Unreadable)),
        _ => Ok(None),
    }
}

/// What a proven body says: an event as JSON, or a button or command as a form.
pub(crate) fn read(reader: &mut Reader, body: &str) -> Result<Heard, Refusal> {
    if is_json(body) {
        let body = repair(body);
        let raw: &RawValue = serde_json::from_str(&body).map_err(unreadable)?;
        let event = reader.callback(raw).map_err(unreadable)?;
        return Ok(heard(event, false));
    }
    let pairs = url::form_urlencoded::parse(body.as_bytes()).into_owned();
    let form: BTreeMap<String, String> = pairs.collect();
    if let Some(payload) = form.get("payload") {
        let payload = repair(payload);
        let pressed = guarded(|| reader.pressed(&payload)).unwrap_or(Ok(None));
        return Ok(heard(pressed.map_err(unreadable)?, true));
    }
    if form.contains_key("command") {
        let given = serde_json::to_string(&form).map_err(unreadable)?;
        let given = guarded(|| reader.command(&given)).unwrap_or(Ok(None));
        return Ok(heard(given.map_err(unreadable)?, false));
    }
    // Now and then Slack looks whether an address for commands still stands.
    match form.contains_key("ssl_check") {
        true => Ok(Heard::NOTHING),
        false => Err(refused(Unread::Unreadable)),
    }
}

fn is_json(body: &str) -> bool {
    body.trim_start().starts_with(['{', '['])
}

fn heard(event: Option<chatbox_connector_api::event::Event>, shown: bool) -> Heard {
    let events = event.into_iter().collect();
    Heard::Events { events, shown }
}

fn unreadable(_: serde_json::Error) -> Refusal {
    refused(Unread::Unreadable)
}
