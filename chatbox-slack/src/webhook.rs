//! What Slack sends to an address of ours instead of a socket: proven, then read. Pure but for the clock.
//!
//! There is no door for it here. Whoever has one hands over the two headers and the body as they came, stores the event, and
//! answers 200 within three seconds of having stored it: what is not answered so comes again.

use crate::inbound::{Me, Reader};
use chatbox_connector_api::event::Event;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use slack_morphism::prelude::SlackSigningSecret;
use slack_morphism::signature_verifier::{
    SlackEventSignatureVerifier, SlackEventSignatureVerifierError,
};
use std::fmt;

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The longest word that is said back.
const MAX_CHALLENGE: usize = 1024;

/// Proves and reads requests of the Events API for one app in one workspace.
pub struct Webhook {
    verifier: SlackEventSignatureVerifier,
    reader: Reader,
}

/// What a proven request says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Heard {
    /// Slack asks whether the address is ours: answer 200 with this text, as `text/plain`.
    Challenge(String),
    /// Something happened: store it, then answer 200.
    Event(Box<Event>),
    /// Nothing for us: answer 200.
    Nothing,
}

/// Why a request is not taken. Each is answered with a status and stores nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No signature, two, or another one: 401.
    Unsigned,
    /// Signed more than five minutes ago, or from now: 401.
    Stale,
    /// Larger than 1 MiB: 413.
    TooLarge,
    /// Signed, and no JSON of Slack's: 400.
    Unreadable,
}

impl Refusal {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::Unsigned | Self::Stale => 401,
            Self::TooLarge => 413,
            Self::Unreadable => 400,
        }
    }

    /// A stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => {
                "the request is not signed by this app; copy the Signing Secret from https://api.slack.com/apps, Basic Information"
            }
            Self::Stale => "the request was signed more than five minutes away; set this machine's clock",
            Self::TooLarge => "the request is larger than 1 MiB",
            Self::Unreadable => "the request is not what Slack sends",
        })
    }
}

impl std::error::Error for Refusal {}

impl Webhook {
    /// For the app with this signing secret, which speaks as `user` in the workspace `team`.
    ///
    /// # Errors
    /// `Invalid` for an empty secret, which would let everybody in.
    pub fn new(signing_secret: &Secret, user: &str, team: &str) -> Result<Self> {
        let secret = signing_secret.expose().trim();
        if secret.is_empty() {
            return Err(AdapterError::new(
                ErrorKind::Invalid,
                "the signing secret is empty; it stands at https://api.slack.com/apps under Basic Information",
            ));
        }
        let me = Me {
            user: user.to_owned(),
            team: team.to_owned(),
        };
        Ok(Self {
            verifier: SlackEventSignatureVerifier::new(&SlackSigningSecret(secret.to_owned())),
            reader: Reader::new(me),
        })
    }

    /// Proves a request and reads it: every value of `x-slack-signature`, every value of `x-slack-request-timestamp`, and the
    /// body, byte for byte.
    ///
    /// # Errors
    /// A [`Refusal`]: nothing of the request may be believed.
    pub fn read(
        &mut self,
        signatures: &[&str],
        timestamps: &[&str],
        body: &[u8],
    ) -> std::result::Result<Heard, Refusal> {
        if body.len() > MAX_BODY {
            return Err(Refusal::TooLarge);
        }
        let ([signature], [timestamp]) = (signatures, timestamps) else {
            return Err(Refusal::Unsigned);
        };
        let body = std::str::from_utf8(body).map_err(|_| Refusal::Unsigned)?;
        let proven = self.verifier.verify(signature, body, timestamp);
        proven.map_err(|error| match error {
            SlackEventSignatureVerifierError::WrongSignatureError(_)
            | SlackEventSignatureVerifierError::CryptoInitError(_)
            | SlackEventSignatureVerifierError::AbsentSignatureError(_) => Refusal::Unsigned,
            _ => Refusal::Stale,
        })?;
        self.proven(body)
    }

    fn proven(&mut self, body: &str) -> std::result::Result<Heard, Refusal> {
        #[derive(Deserialize)]
        struct Asked {
            #[serde(rename = "type")]
            kind: String,
            #[serde(default)]
            challenge: Option<String>,
        }
        let body = chatbox_connector_api::kit::repair::repair(body);
        let raw: &RawValue = serde_json::from_str(&body).map_err(|_| Refusal::Unreadable)?;
        let asked: Asked = serde_json::from_str(raw.get()).map_err(|_| Refusal::Unreadable)?;
        match (asked.kind.as_str(), asked.challenge) {
            ("url_verification", Some(word)) if word.len() <= MAX_CHALLENGE => {
                Ok(Heard::Challenge(word))
            }
            ("url_verification", _) => Err(Refusal::Unreadable),
            ("event_callback", _) => {
                let event = self.reader.callback(raw).map_err(|_| Refusal::Unreadable)?;
                Ok(event.map_or(Heard::Nothing, |event| Heard::Event(Box::new(event))))
            }
            _ => Ok(Heard::Nothing),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}
