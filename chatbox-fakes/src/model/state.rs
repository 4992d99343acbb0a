//! Scripts waiting, requests seen, and the gate that holds tokens back.
//!
//! Owns the lock and the waking. Speaks no wire.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

use super::record::{Request, Wire};
use super::script::Script;

pub(crate) struct Shared {
    /// The key every request must carry; `None` takes all.
    key: Option<String>,
    pub(crate) models: Vec<String>,
    started: Instant,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the key.
        f.debug_struct("Shared")
            .field("models", &self.models)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    scripts: VecDeque<Script>,
    standing: Script,
    requests: Vec<Request>,
    /// Tokens that may pass the gate.
    permits: usize,
    open: bool,
}

impl Shared {
    pub(crate) fn new(key: Option<String>, models: Vec<String>) -> Self {
        Self {
            key,
            models,
            started: Instant::now(),
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// Records a request and says how it is answered; `Err` when its key is wrong.
    pub(crate) fn take(
        &self,
        wire: Wire,
        body: &Value,
        headers: &HeaderMap,
    ) -> Result<(usize, Request, Script), usize> {
        let mut request = Request::read(wire, body, headers);
        request.authorized = self.authorized(headers);
        request.at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.change(|state| {
            let seq = state.requests.len();
            request.seq = seq as u64;
            state.requests.push(request.clone());
            if !request.authorized {
                return Err(seq);
            }
            let script = state.scripts.pop_front();
            Ok((
                seq,
                request,
                script.unwrap_or_else(|| state.standing.clone()),
            ))
        })
    }

    pub(crate) fn authorized(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.key else {
            return true;
        };
        let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let bearer = value("authorization").and_then(|v| v.strip_prefix("Bearer "));
        bearer == Some(key) || value("x-api-key") == Some(key)
    }

    pub(crate) fn update(&self, seq: usize, write: impl FnOnce(&mut Request)) {
        self.change(|state| write(&mut state.requests[seq]));
    }

    pub(crate) fn queue(&self, script: Script) {
        self.change(|state| state.scripts.push_back(script));
    }

    pub(crate) fn stand(&self, script: Script) {
        self.change(|state| state.standing = script);
    }

    pub(crate) fn clear(&self) {
        self.change(|state| {
            state.scripts.clear();
            state.standing = Script::default();
        });
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    pub(crate) fn release(&self, tokens: usize) {
        self.change(|state| state.permits += tokens);
    }

    pub(crate) fn release_all(&self, open: bool) {
        self.change(|state| state.open = open);
    }

    /// Waits until the gate lets one token of this request pass.
    pub(crate) async fn pass_gate(&self, seq: usize) {
        let mut changes = self.changes();
        self.update(seq, |request| request.held = true);
        loop {
            changes.borrow_and_update();
            if self.try_pass(seq) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn try_pass(&self, seq: usize) -> bool {
        let mut state = self.lock();
        if !state.open {
            if state.permits == 0 {
                return false;
            }
            state.permits -= 1;
        }
        state.requests[seq].held = false;
        drop(state);
        self.changed.send_modify(|version| *version += 1);
        true
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let result = write(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
