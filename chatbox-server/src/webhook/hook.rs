//! One receiver, with what it is told and how fast.

use chatbox_backends::webhook::Endpoint;
use chatbox_core::connector::Egress;
use chatbox_core::template::Templates;
use std::sync::{Mutex, PoisonError};
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
    rest: Mutex<Option<Instant>>,
}

impl Hook {
    /// A receiver that was checked.
    pub(crate) fn new(endpoint: Endpoint, templates: Templates, egress: Egress) -> Self {
        let rest = Mutex::default();
        Self {
            endpoint,
            templates,
            egress,
            rest,
        }
    }

    /// What the start line says.
    pub(crate) fn line(&self) -> String {
        format!("webhook {}", self.endpoint.place())
    }

    pub(super) async fn rested(&self) {
        let until = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    pub(super) fn rest(&self, rest: Duration) {
        let until = Instant::now() + rest.min(REST);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}
