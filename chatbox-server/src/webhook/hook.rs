//! One receiver, with what it is told and how fast.

use chatbox_backends::webhook::Endpoint;
use chatbox_core::connector::Egress;
use chatbox_core::template::Templates;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// An endpoint that is asked too much rests at most so long before the next chat's turn; more is for its own row to wait.
const REST: Duration = Duration::from_secs(10);

/// Where somebody's hand-outs go.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(super) endpoint: Endpoint,
    pub(super) templates: Templates,
    pub(super) egress: Egress,
    /// Until when nothing is sent, since the endpoint has too much to do.
    rest: Arc<Mutex<Option<Instant>>>,
}

impl Hook {
    /// A receiver that was checked.
    pub(crate) fn new(endpoint: Endpoint, templates: Templates, egress: Egress) -> Self {
        let rest = Arc::default();
        Self {
            endpoint,
            templates,
            egress,
            rest,
        }
    }

    /// The same read anew: where it is still the same receiver, it rests as it did.
    pub(super) fn instead_of(mut self, before: &Self) -> Self {
        if self.endpoint.place() == before.endpoint.place() {
            self.rest = before.rest.clone();
        }
        self
    }

    /// What the start line says.
    pub(crate) fn line(&self) -> String {
        format!("webhook {}", self.endpoint.place())
    }

    pub(super) async fn rested(&self) {
        let until = *self.rests();
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    pub(super) fn rest(&self, rest: Duration) {
        let until = Instant::now() + rest.min(REST);
        *self.rests() = Some(until);
    }

    /// Whether it rests now.
    pub(super) fn is_resting(&self) -> bool {
        self.rests().is_some_and(|until| until > Instant::now())
    }

    fn rests(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
