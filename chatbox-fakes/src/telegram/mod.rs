//! A Telegram Bot API server with people, faults and a record.
//!
//! Speaks `/bot{token}/{method}` and `/file/bot{token}/{path}` like the public server: methods in any case; query,
//! form, multipart and JSON parameters; long polling with confirming offsets; the platform's own refusals. Point a
//! bot's base URL at [`Server::base_url`].
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use chatbox_fakes::telegram::{Fault, Options, Server};
//!
//! let server = Server::start(Options::default()).await?;
//! server.fault("sendMessage", Fault::TooManyRequests { retry_after: 2 });
//! server.say(42, 42, "hello"); // a private chat has the id of its person
//! # Ok(())
//! # }
//! ```
//!
//! Each bot has a world of its own: chats, people and messages of one are unknown to the other.
//!
//! # Control over HTTP
//!
//! `?bot=TOKEN` picks a bot, the first one by default. `chat` and `from` are ids, or whole objects that are made
//! known on the way (`{"id": -5, "type": "group", "title": "…"}`, `{"id": 42, "first_name": "Ada", "username": "ada"}`);
//! one of them may be left out in private chats.
//!
//! | `POST /_control/…` | body |
//! |---|---|
//! | `say` | `chat, from, text, entities?, reply_to?, thread?, age?, extra?` |
//! | `upload` | `chat, from, kind` (photo, document, audio, video, voice)`, data` (base64)`, name?, mime?, caption?, size?, group?` |
//! | `album` | `chat, from, files: [as upload]` |
//! | `edit` | `chat, message_id, text` |
//! | `react` | `chat, message_id, from, emoji: []` |
//! | `press` | `chat, message_id, from, data` |
//! | `block` | `from, blocked?` |
//! | `membership` | `chat, from, old, new` |
//! | `migrate` | `chat, to, from` |
//! | `raw_update` | any JSON |
//! | `raw_text` | `json`: a text put in as it is, `$ID` becomes the update's id |
//! | `jump_update_ids` | `to` |
//! | `fault` | `fault, method?, chat_id?, count?, skip?` and the fault's own fields, see [`Fault`] and [`Planned`]; the method `download` stands for files, `messages` for all that send, change, delete or react |
//! | `clear_faults` | – |
//! | `person`, `chat` | the object |
//!
//! `GET /_control/…`: `calls?method=&since=`, `messages?chat=`, `structure?chat=` (per message `{"Ok": [runs]}`, or `{"Err": why}`), `drafts?chat=`, `reactions`,
//! `actions`, `callback_answers`, `updates`, `commands`, `faults`, `counters`, `file?file_id=`. With
//! `at_least=N&wait_ms=T` a list is awaited until it has N entries, or given as it is after T.
//!
//! # Where it is stricter, simpler or just different
//!
//! A text's limit is counted in UTF-16 units, which never allows more than the platform does. Texts are cleaned as
//! the platform cleans them: blanks at the edges go, control characters become blanks, `\r`, U+2028 to U+202E and
//! three combining marks (U+030A, U+0333, U+033F) vanish, entities follow; entities beyond the hundredth are
//! dropped, and so is `code` inside a link (and a link over the same words). Found entities (addresses, mentions) are only added to what people write. Markdown parse modes are
//! refused. Photos are kept byte for byte. Files are never fetched from an address. Webhooks are remembered and
//! never called. A bot is nobody's administrator.

mod account;
mod acts;
mod api;
mod control;
mod detect;
mod entities;
mod faults;
mod files;
mod html;
mod methods;
mod nesting;
mod params;
mod people;
mod record;
mod state;
mod structure;
mod types;
mod updates;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use account::Account;
pub use acts::{Say, Share};
pub use entities::MAX_ENTITIES;
pub use faults::{Fault, Planned};
pub use methods::{MAX_CAPTION, MAX_TEXT};
pub use record::{BotMessage, Call, Counters, Draft, Reaction, Said};
pub use structure::{Mark, Run, plain, runs};
pub use types::{Bot, Entity, FileKind, Person, Place};

use crate::http::Running;
use state::World;
use wire::Refusal;

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The bots whose tokens are valid. The first is the one [`Server`] itself speaks for.
    pub bots: Vec<Bot>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            bots: vec![Bot::new("7000001:TEST-token", "test_bot")],
        }
    }
}

/// A running server. Dropping it ends it and resets every connection.
///
/// Dereferences to the [`Account`] of its first bot.
#[derive(Debug)]
pub struct Server {
    running: Running,
    shared: Arc<Shared>,
    first: Account,
}

impl Server {
    /// Binds and serves until stopped or dropped.
    ///
    /// # Errors
    /// When the address cannot be bound, or no bot is given.
    pub async fn start(options: Options) -> io::Result<Self> {
        let worlds: Vec<Arc<World>> = options
            .bots
            .into_iter()
            .map(|bot| Arc::new(World::new(bot)))
            .collect();
        let Some(first) = worlds.first().cloned() else {
            return Err(io::Error::other("a server needs at least one bot"));
        };
        let shared = Arc::new(Shared {
            worlds,
            unauthorized: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/_control/{act}", post(control::act).get(control::show))
            .route("/", get(|| async { "chatbox-fakes: Telegram Bot API" }))
            .fallback(api::serve)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        Ok(Self {
            running: Running::start(options.addr, router).await?,
            shared,
            first: Account { world: first },
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

    /// The world of another bot of this server.
    #[must_use]
    pub fn account(&self, token: &str) -> Option<Account> {
        self.shared.account(Some(token))
    }

    /// Requests with an unknown token so far.
    #[must_use]
    pub fn unauthorized(&self) -> u64 {
        self.shared.unauthorized()
    }

    /// Stops listening and resets every connection.
    pub fn stop(&self) {
        self.running.stop();
    }
}

impl Deref for Server {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.first
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    worlds: Vec<Arc<World>>,
    unauthorized: AtomicU64,
}

impl Shared {
    fn world(&self, token: &str) -> Option<Arc<World>> {
        let known = self.worlds.iter().find(|world| world.bot.token == token);
        known.cloned()
    }

    fn account(&self, token: Option<&str>) -> Option<Account> {
        let world = match token {
            Some(token) => self.world(token),
            None => self.worlds.first().cloned(),
        };
        Some(Account { world: world? })
    }

    fn refuse_token(&self) -> Response {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
        Refusal::unauthorized().into_response()
    }

    fn unauthorized(&self) -> u64 {
        self.unauthorized.load(Ordering::Relaxed)
    }
}
