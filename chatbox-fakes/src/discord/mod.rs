//! A Discord with people, faults and a record: the REST API below `/api/v10`, and the gateway.
//!
//! Point a bot's API base at [`Server::base_url`]. `GET /gateway` names a websocket at the host the question came to, so
//! that a client behind a proxy stays behind it; READY names the same for resuming. Payloads are plain JSON text, never
//! compressed.
//!
//! Every login is a session that is kept: it may be resumed from any number it has told, for as long as the server runs,
//! until [`Server::forget_sessions`]. A heartbeat's number is remembered as what the client has.
//!
//! | `/_control/…` | |
//! |---|---|
//! | `POST say` | `channel, from, text, mentions?` |
//! | `POST cut` | closes every gateway connection with 4000 |
//! | `GET messages` | what the bot said |
//! | `GET counters` | logins and resumptions |
//!
//! # Where it is simpler
//!
//! There are no permissions, roles, rate limits of its own, embeds, stickers or voice. A channel of direct messages has
//! the number of its person plus 1,000,000,000. A key (`nonce`) is recognised for ever. Without the intent for it, the
//! text of a guild's messages is empty unless the bot is mentioned; without the permission for that intent a login that
//! asks for it is closed with 4014.

mod control;
mod faults;
mod gateway;
mod methods;
mod people;
mod plain;
mod rest;
mod shape;
mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use serde_json::{Value, json};

pub use faults::{Fault, On};
pub use methods::MAX_CONTENT;
pub use people::Say;
pub(crate) use people::dm_of;
pub use plain::plain;
pub use state::{Call, Kind, Message, Outage, Pressed, Upload};

use crate::http::Running;
use state::{Out, World};

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The bot's token.
    pub token: String,
    /// The bot's number.
    pub bot: u64,
    /// The bot's name.
    pub name: String,
    /// Other bots' numbers.
    pub bots: Vec<u64>,
    /// How often clients are to show life, in milliseconds.
    pub heartbeat_ms: u64,
    /// Whether the bot may read what is said in guilds.
    pub message_content: bool,
    /// How many logins the bot has left today.
    pub logins_left: u32,
    /// Whether a client that shows no life for two intervals is closed with 4009.
    pub closes_silent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token".to_owned(),
            bot: 900_000_000_000,
            name: "test_bot".to_owned(),
            bots: Vec::new(),
            heartbeat_ms: 41_250,
            message_content: true,
            logins_left: 1000,
            closes_silent: false,
        }
    }
}

/// A running server. Dropping it ends it and resets every connection.
#[derive(Debug)]
pub struct Server {
    running: Running,
    world: Arc<World>,
}

impl Server {
    /// Binds and serves until stopped or dropped.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let addr = options.addr;
        let world = Arc::new(World::new(options));
        let router = Router::new()
            .route("/_control/{act}", post(control::act).get(control::show))
            .fallback(rest::serve)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&world));
        let running = Running::start(addr, router).await?;
        let server = Self { running, world };
        server.serve_files_at(&server.base_url());
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// `http://HOST:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Stops listening and resets every connection.
    pub fn stop(&self) {
        self.running.stop();
    }

    /// The address in front of this server that messages name for files.
    pub fn serve_files_at(&self, base: &str) {
        self.world
            .change(|state| base.clone_into(&mut state.public));
    }

    /// The bot's number.
    #[must_use]
    pub fn bot(&self) -> u64 {
        self.world.options.bot
    }

    /// Makes a channel known.
    pub fn channel(&self, id: u64, kind: Kind) {
        self.world.change(|state| state.open(id, kind));
    }

    /// Makes a person known, and the channel of their direct messages; its number.
    pub fn person(&self, id: u64, name: &str) -> u64 {
        self.world.change(|state| {
            state.names.insert(id, name.to_owned());
            state.open(dm_of(id), Kind::Dm(id));
        });
        dm_of(id)
    }

    /// Somebody says something; its number.
    pub fn say(&self, channel: u64, from: u64, text: &str) -> u64 {
        let text = text.to_owned();
        self.say_with(Say {
            channel,
            from,
            text,
            ..Say::default()
        })
    }

    /// The same, with all that can be said.
    pub fn say_with(&self, say: Say) -> u64 {
        self.world.say(say)
    }

    /// Shows a message once more.
    pub fn repeat(&self, message: u64) {
        self.world.repeat(message);
    }

    /// Somebody changes what they said.
    pub fn edit(&self, message: u64, text: &str) {
        self.world.edit(message, text);
    }

    /// Somebody takes back what they said.
    pub fn delete(&self, message: u64) {
        self.world.change(|state| people::forget(state, message));
    }

    /// Somebody reacts, or stops to.
    pub fn react(&self, message: u64, from: u64, emoji: &str, add: bool) {
        self.world
            .change(|state| people::set_reaction(state, message, from, emoji, add));
    }

    /// Somebody presses a button below a message; the interaction's number.
    pub fn press(&self, channel: u64, from: u64, message: u64, button: &str) -> u64 {
        self.world.press(channel, from, message, button)
    }

    /// Every button that was pressed.
    #[must_use]
    pub fn pressed(&self) -> Vec<Pressed> {
        self.world.look(|state| state.pressed.clone())
    }

    /// Any dispatch.
    pub fn dispatch(&self, kind: &str, data: &Value) {
        self.world.change(|state| state.dispatch(kind, data));
    }

    /// Any text, outside the count of dispatches.
    pub fn raw(&self, text: &str) {
        self.world.change(|state| {
            for session in state.sessions.values() {
                if let Some((_, line)) = &session.line {
                    let _ = line.send(Out::Text(text.to_owned()));
                }
            }
        });
    }

    /// The next request about this goes wrong.
    pub fn fault(&self, on: On, fault: Fault) {
        self.faults(on, fault, 1);
    }

    /// So many do.
    pub fn faults(&self, on: On, fault: Fault, times: u32) {
        self.world
            .change(|state| state.faults.plan(on, fault, times));
    }

    /// Nothing more goes wrong.
    pub fn clear_faults(&self) {
        self.world.change(|state| state.faults.clear());
    }

    /// The token is refused from now on, or taken again. Who is connected is thrown out.
    pub fn revoke(&self, revoked: bool) {
        self.world.change(|state| state.revoked = revoked);
        if revoked {
            self.close_all(4004, "Authentication failed.");
        }
    }

    /// Closes every gateway connection.
    pub fn close_all(&self, code: u16, reason: &'static str) {
        self.world.change(|state| {
            for session in state.sessions.values() {
                if let Some((_, line)) = &session.line {
                    let _ = line.send(Out::Close(code, reason));
                }
            }
        });
    }

    /// What every login is closed with from now on.
    pub fn refuse_logins(&self, with: Option<(u16, &'static str)>) {
        self.world.change(|state| state.refuse_login = with);
    }

    /// The gateway hears and says nothing, though it stays open.
    pub fn go_silent(&self, silent: bool) {
        self.world.change(|state| state.silent = silent);
    }

    /// A guild takes the bot out.
    pub fn leave(&self, guild: u64) {
        self.world.change(|state| {
            state.channels.retain(|_, kind| kind.guild() != Some(guild));
            state.dispatch("GUILD_DELETE", &json!({"id": guild.to_string()}));
        });
    }

    /// A guild is out of order, which is told to who is logged in, or in order again. Who logs in meanwhile hears of it
    /// what the outage says. What is said there meanwhile is told to nobody.
    pub fn outage(&self, guild: u64, down: Option<Outage>) {
        let options = &self.world.options;
        self.world.change(|state| {
            let (kind, told) = match down {
                Some(_) => (
                    "GUILD_DELETE",
                    json!({"id": guild.to_string(), "unavailable": true}),
                ),
                None => ("GUILD_CREATE", shape::guild(options, state, guild)),
            };
            match down {
                Some(down) => drop(state.outages.insert(guild, down)),
                None => drop(state.outages.remove(&guild)),
            }
            state.dispatch(kind, &told);
        });
    }

    /// No session can be resumed any more.
    pub fn forget_sessions(&self) {
        self.world.change(|state| state.sessions.clear());
    }

    /// Every message, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.world
            .look(|state| state.messages.values().cloned().collect())
    }

    /// What the bot said.
    #[must_use]
    pub fn said(&self) -> Vec<Message> {
        let all = self.messages().into_iter();
        all.filter(|it| it.author == self.bot()).collect()
    }

    /// Waits until the bot has said so much in a channel.
    pub async fn until_said(
        &self,
        channel: u64,
        count: usize,
        most: Duration,
    ) -> Option<Vec<Message>> {
        let bot = self.bot();
        let look = |state: &state::State| {
            let all = state.messages.values();
            let here: Vec<Message> = all
                .filter(|it| it.author == bot && it.channel == channel)
                .cloned()
                .collect();
            (here.len() >= count).then_some(here)
        };
        self.world.until(most, look).await
    }

    /// Every request so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world.look(|state| state.calls.clone())
    }

    /// Where "is typing" was shown, each time.
    #[must_use]
    pub fn typing(&self) -> Vec<u64> {
        self.world.look(|state| state.typing.clone())
    }

    /// Open gateway connections.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.world.look(|state| state.sockets)
    }

    /// Logins and resumptions asked for so far.
    #[must_use]
    pub fn logins(&self) -> (u32, u32) {
        self.world.look(|state| (state.identifies, state.resumes))
    }

    /// Waits until somebody is logged in.
    pub async fn until_online(&self, most: Duration) -> bool {
        let look = |state: &state::State| {
            let on = state.sessions.values().any(|it| it.line.is_some());
            on.then_some(())
        };
        self.world.until(most, look).await.is_some()
    }

    /// Messages of which a client has said, by a heartbeat or a resumption, that it has them.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<u64> {
        self.world.look(|state| {
            let told = state.told.iter();
            let had = told.filter(|(_, name, seq)| {
                let session = state.sessions.get(name);
                session.is_some_and(|session| session.acked >= *seq)
            });
            had.map(|(id, ..)| *id).collect()
        })
    }
}
