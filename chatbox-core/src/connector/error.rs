//! What went wrong with a platform, and what to do about it.

use crate::id::Handle;
use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Why an adapter could not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "to", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The adapter or the platform does not offer this. Do not ask again.
    Unsupported,
    /// The request is wrong and stays wrong.
    Invalid,
    /// The chat, message or file does not exist, or no longer.
    NotFound,
    /// It exists and we may not: blocked, removed, no right.
    Forbidden,
    /// The credential is refused. Nothing works until the operator acts.
    Unauthorized,
    /// Too fast.
    RateLimited,
    /// Certainly not done, and worth another try: refused connection, 502 before acceptance.
    Unavailable,
    /// It may or may not have been done: the answer was lost.
    Ambiguous,
    /// Somebody else uses this credential at the same time.
    Conflict,
    /// The chat goes on under another handle.
    Moved(Handle),
    /// The platform said something that makes no sense.
    Malformed,
}

/// How far a rate limit reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This chat.
    #[default]
    Chat,
    /// The whole account.
    Connection,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It will never work: tell the agent.
    Never,
    /// Try again, not before this if given.
    Retry(Option<Duration>),
    /// Try again under the new handle.
    Follow(Handle),
    /// Wait for the operator.
    Reauthenticate,
    /// Nobody knows whether it happened: never resend blindly.
    Unknown,
}

/// A failed request to a platform.
#[derive(Debug)]
pub struct AdapterError {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    scope: Scope,
    scan: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl AdapterError {
    /// An error with a sentence for people. The sentence must hold no secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            scope: Scope::Chat,
            scan: None,
            source: None,
        }
    }

    /// The platform asked us to wait this long.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The limit reaches this far.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// A link that a person scans as a QR code, and it will work. The sentence says with what.
    #[must_use]
    pub fn to_scan(mut self, link: impl Into<String>) -> Self {
        self.scan = Some(link.into());
        self
    }

    /// What caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Why.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// How far it reaches.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// What is to be scanned as a QR code.
    pub fn scan(&self) -> Option<&str> {
        self.scan.as_deref()
    }

    /// How long the platform asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What to do next. The one place where this is decided.
    pub fn verdict(&self) -> Verdict {
        match &self.kind {
            ErrorKind::Unsupported
            | ErrorKind::Invalid
            | ErrorKind::NotFound
            | ErrorKind::Forbidden => Verdict::Never,
            ErrorKind::Unauthorized => Verdict::Reauthenticate,
            ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Conflict => {
                Verdict::Retry(self.retry_after)
            }
            ErrorKind::Moved(to) => Verdict::Follow(to.clone()),
            ErrorKind::Ambiguous | ErrorKind::Malformed => Verdict::Unknown,
        }
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for AdapterError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
