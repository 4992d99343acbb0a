//! A model server with three wires, scripted per request.
//!
//! OpenAI-compatible (`/v1/chat/completions`, `/v1/models`), Anthropic (`/v1/messages`) and Ollama (`/api/chat`,
//! `/api/tags`, `/api/version`), each streamed or whole. Without a script the last words are echoed word by word. A
//! "token" is a word with the blanks behind it.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use chatbox_fakes::model::{Options, Script, Server};
//!
//! let server = Server::start(Options::default()).await?;
//! server.script(Script::say("one two three").holding_after(1));
//! // … a client asks, sees "one " and nothing else: the second token does not exist yet …
//! server.release(2);
//! # Ok(())
//! # }
//! ```
//!
//! # The gate
//!
//! A script with `hold_after: N` sends N tokens and waits. Each release lets one token pass (`hold_each` makes every
//! further token wait too; without it one release frees the rest). Releases made early are kept. [`Request::held`] and
//! [`Request::tokens_sent`] tell that a token was not made before its time.
//!
//! # Control over HTTP
//!
//! | `POST /_control/…` | body |
//! |---|---|
//! | `script` | a [`Script`], `count?`: how the next requests are answered |
//! | `standing` | a [`Script`]: how requests without one are answered |
//! | `clear` | – |
//! | `release` | `tokens?` |
//! | `open` | `open?`: every gate, for good |
//!
//! In JSON a script is `{"reply": "echo" | "empty" | {"text": "…"} | {"tokens": […]}, "first_ms": 0, "pace_ms": 0,
//! "hold_after": null, "hold_each": false}` and, beside these, the fault: `"fault": "cut", "after": 2`, or `error`,
//! `wrong_json`, `truncate` (all with `after`), `status` (`status`, `retry_after?`, `html?`), `wrong_shape`, `never`.
//!
//! `GET /_control/requests` and `/_control/held`, with `at_least=N&wait_ms=T` to wait for N of them.

mod anthropic;
mod api;
mod control;
mod ollama;
mod openai;
mod record;
mod script;
mod state;
mod stream;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use record::{Image, Request, Turn, Wire};
pub use script::{ModelFault, Reply, Script};

use crate::http::Running;
use state::Shared;

/// How to start a server.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The key every request must carry; `None` takes all.
    pub key: Option<String>,
    /// Names in the lists of models. Any name can be asked for.
    pub models: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            key: None,
            models: vec!["fake-1".to_owned(), "fake-2".to_owned()],
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("addr", &self.addr)
            .field("key", &self.key.as_ref().map(|_| "***"))
            .field("models", &self.models)
            .finish()
    }
}

/// A running server. Dropping it ends it and resets every connection.
#[derive(Debug)]
pub struct Server {
    running: Running,
    shared: Arc<Shared>,
}

impl Server {
    /// Binds and serves until stopped or dropped.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options.key, options.models));
        let router = Router::new()
            .route("/v1/chat/completions", post(api::openai))
            .route("/v1/models", get(api::models))
            .route("/v1/messages", post(api::anthropic))
            .route("/api/chat", post(api::ollama))
            .route("/api/tags", get(api::tags))
            .route("/api/version", get(api::version))
            .route("/_control/{act}", post(control::act).get(control::show))
            .route("/", get(|| async { "Ollama is running" }))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        Ok(Self {
            running: Running::start(options.addr, router).await?,
            shared,
        })
    }

    /// `http://HOST:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    /// The address listened on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// How the next request without a script is answered.
    pub fn script(&self, script: Script) {
        self.shared.queue(script);
    }

    /// How requests are answered for which no script waits.
    pub fn standing(&self, script: Script) {
        self.shared.stand(script);
    }

    /// Lets this many tokens pass the gate, now or later.
    pub fn release(&self, tokens: usize) {
        self.shared.release(tokens);
    }

    /// Opens every gate for good.
    pub fn open_gates(&self) {
        self.shared.release_all(true);
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests()
    }

    /// Asks `look` after every change until it returns something, at most for `within`.
    pub async fn until<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&[Request]) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.shared.changes();
        let deadline = tokio::time::Instant::now() + within;
        loop {
            changes.borrow_and_update();
            if let Some(found) = look(&self.requests()) {
                return Some(found);
            }
            let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
            if changed.is_err() {
                return None;
            }
        }
    }

    /// Waits until a request is held at the gate; `None` when none is within the time.
    pub async fn until_held(&self, within: Duration) -> Option<Request> {
        self.until(within, |requests| {
            requests.iter().find(|request| request.held).cloned()
        })
        .await
    }

    /// Stops listening and resets every connection.
    pub fn stop(&self) {
        self.running.stop();
    }
}
