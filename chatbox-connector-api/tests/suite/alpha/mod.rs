//! A correct adapter for the small platform: resumes by place, cannot tell what became of a lost answer unless it may
//! ask. With a twist it is one that is wrong in one way.

mod adapter;
mod arrive;
mod event;
mod files;
mod listen;
mod look_up;
mod mark;
mod say;

use crate::platform::{Draft, Failure, Platform};
use async_trait::async_trait;
use chatbox_connector_api::conformance::Room;
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Blobs, ErrorKind, Fate, Manifest, Parts,
    Reconcile, Result, SecretSpec, Secrets, Settings,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Debug)]
pub(crate) struct AlphaFactory {
    pub(crate) platform: Arc<Platform>,
    pub(crate) twist: &'static str,
    /// Whether it leaves a note on what it sends, and asks for it when in doubt.
    pub(crate) asks: bool,
}

#[async_trait]
impl AdapterFactory for AlphaFactory {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: "alpha".into(),
            title: "Alpha".to_owned(),
            secrets: vec![SecretSpec {
                name: "token".to_owned(),
                title: "The account's token".to_owned(),
                env: "ALPHA_TOKEN".to_owned(),
                optional: false,
            }],
            settings: Vec::new(),
            guide: vec!["Make an account.".to_owned()],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        let counts_wrong = self.twist == "counts characters where the platform counts units";
        let unit = if counts_wrong {
            Unit::Scalar
        } else {
            Unit::Utf16
        };
        Arc::new(PlainDialect::new(unit))
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let alpha = Arc::new(Alpha {
            platform: self.platform.clone(),
            twist: self.twist,
            asks: self.asks,
            token: secrets.require("token")?.expose().to_owned(),
            blobs: context.blobs,
            memory: Arc::default(),
        });
        let asks = self.asks && !alpha.is("never asks");
        Ok(Parts {
            media: Some(alpha.clone()),
            reconcile: asks.then(|| alpha.clone() as Arc<dyn Reconcile>),
            ..Parts::new(alpha)
        })
    }
}

#[derive(Clone)]
struct Alpha {
    platform: Arc<Platform>,
    twist: &'static str,
    asks: bool,
    token: String,
    blobs: Arc<dyn Blobs>,
    memory: Arc<Memory>,
}

/// What only some twists remember.
#[derive(Default)]
struct Memory {
    highest: AtomicUsize,
    sends: AtomicUsize,
    broken: AtomicBool,
    swallows: AtomicBool,
    heard: Mutex<BTreeMap<String, String>>,
    spoken: Mutex<BTreeSet<String>>,
    last_words: Mutex<Option<(Room, Draft)>>,
    last_room: Mutex<Option<Room>>,
    buttons: Mutex<Vec<String>>,
    queue: Mutex<Vec<(Room, Draft)>>,
    fate: tokio::sync::Mutex<Option<mpsc::UnboundedReceiver<Fate>>>,
}

impl fmt::Debug for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Alpha");
        if self.is("prints its token") {
            shown.field("token", &self.token);
        }
        shown.finish_non_exhaustive()
    }
}

impl Alpha {
    fn is(&self, twist: &str) -> bool {
        self.twist == twist
    }

    /// What a failed request means.
    fn error(&self, failure: &Failure) -> AdapterError {
        if self.is("logs its token") {
            tracing::warn!(token = self.token, ?failure, "a request failed");
        }
        if matches!(failure, Failure::RateLimited(_)) {
            self.memory.swallows.store(true, Ordering::SeqCst);
        }
        let kind = match failure {
            Failure::Unauthorized if self.is("takes a refused credential for an outage") => {
                ErrorKind::Unavailable
            }
            Failure::Unauthorized if self.is("takes a refused credential for a bad request") => {
                ErrorKind::Invalid
            }
            Failure::Unauthorized => ErrorKind::Unauthorized,
            Failure::RateLimited(_) if self.is("drops on a rate limit") => ErrorKind::Invalid,
            Failure::RateLimited(_) => ErrorKind::RateLimited,
            Failure::ServerError if self.is("takes a failing platform for a refusal") => {
                ErrorKind::Invalid
            }
            Failure::Lost if self.is("resends when the answer is lost") => ErrorKind::Unavailable,
            Failure::ServerError | Failure::Lost => ErrorKind::Ambiguous,
            Failure::Refused if self.is("tries a refused send again") => ErrorKind::Unavailable,
            Failure::Refused => ErrorKind::Invalid,
            Failure::NotFound => ErrorKind::NotFound,
            Failure::Unreachable if self.is("gives up when nothing left") => ErrorKind::Invalid,
            Failure::Unreachable if self.is("doubts what never left") => ErrorKind::Ambiguous,
            Failure::Unreachable => ErrorKind::Unavailable,
        };
        let mut error = AdapterError::new(kind, format!("alpha: {failure:?}"));
        if self.is("prints its token in errors") {
            error = AdapterError::new(
                error.kind().clone(),
                format!("GET /{}/send failed", self.token),
            );
        }
        if self.is("prints its token in the cause of errors") {
            error = error.with_source(format!("GET /{}/send", self.token));
        }
        match failure {
            Failure::RateLimited(_) if self.is("forgets how long to wait") => error,
            Failure::RateLimited(wait) if self.is("waits too short") => error.after(*wait / 2),
            Failure::RateLimited(_) if self.is("waits not at all") => error.after(Duration::ZERO),
            Failure::RateLimited(wait) => error.after(*wait),
            _ => error,
        }
    }
}

/// A ready error, or a failure still to be named.
type Undone = std::result::Result<AdapterError, Failure>;

fn failed(failure: Failure) -> Undone {
    Err(failure)
}
