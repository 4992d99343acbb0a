//! A Slack with people, faults and a record: the Web API below `/api`, and Socket Mode.
//!
//! Point a client's API base at [`Server::base_url`]. `apps.connections.open` names a websocket at the host the question came
//! to, so that a client behind a proxy stays behind it. Arguments are taken from the query, a form, or JSON.
//!
//! What happens is put into envelopes and told over one of the open sockets, in turn. What is told while none is open is lost,
//! and nothing is told again for a new socket; an event that nobody says is safe is told again after the times in
//! [`Options::retries_ms`]. More than [`Options::max_sockets`] sockets are turned away.
//!
//! | `/_control/…` | |
//! |---|---|
//! | `POST say` | `channel, from, text, mention?, thread?`; its timestamp |
//! | `POST press` | `channel, from, ts, button` |
//! | `POST command` | `channel, from, word, text` |
//! | `POST disconnect` | `reason`: every open socket is asked to go |
//! | `GET messages` | what the bot said |
//! | `GET counters` | sockets and envelopes |
//! | `GET presses` | buttons and commands, and what was answered |
//!
//! # Where it is simpler
//!
//! There are no rate limits of its own, no users' tokens, no shared channels, views, canvases or lists. A conversation of two
//! is named by its person. A text is cut at 40,000 letters without a word, as Slack cuts it; a message may have one timestamp's
//! worth of markdown blocks. A reply to a reply is said outside of the thread.

mod control;
mod faults;
mod methods;
mod people;
mod plain;
mod shape;
mod sign;
mod socket;
mod state;
mod web;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use serde_json::{Value, json};

pub use faults::{Fault, On};
pub use methods::{MAX_MARKDOWN, MAX_TEXT};
pub use people::Say;
pub use plain::{commonmark, mrkdwn, plain};
pub use sign::{Post, challenge, sign};
pub use state::{Call, File, Kind, Message, Pressed};

use crate::http::Running;
use state::{Out, World};

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The bot's token.
    pub token: String,
    /// The app's token, for Socket Mode.
    pub app_token: String,
    /// The workspace.
    pub team: String,
    /// The app.
    pub app: String,
    /// The bot as somebody who speaks.
    pub bot: String,
    /// The bot as a program.
    pub bot_id: String,
    /// The bot's name.
    pub name: String,
    /// What the bot may do.
    pub scopes: Vec<String>,
    /// Whether Socket Mode is switched on.
    pub socket_mode: bool,
    /// Whether markdown blocks are taken.
    pub markdown_blocks: bool,
    /// How often a socket is pinged, in milliseconds.
    pub ping_ms: u64,
    /// After how long an event is told again, and again, in milliseconds.
    pub retries_ms: [u64; 3],
    /// How many sockets an app may have.
    pub max_sockets: usize,
}

impl Default for Options {
    fn default() -> Self {
        let scopes = [
            "app_mentions:read",
            "channels:history",
            "channels:read",
            "chat:write",
            "commands",
            "files:read",
            "files:write",
            "groups:history",
            "groups:read",
            "im:history",
            "im:read",
            "im:write",
            "mpim:history",
            "mpim:read",
            "reactions:read",
            "reactions:write",
            "users:read",
        ];
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: "xoxb-0000000000-0000000000-TESTtestTESTtest".to_owned(),
            app_token: "xapp-1-A0APP-0000000000-TESTtestTESTtest".to_owned(),
            team: "T0TEAM".to_owned(),
            app: "A0APP".to_owned(),
            bot: "U0BOT".to_owned(),
            bot_id: "B0BOT".to_owned(),
            name: "test_bot".to_owned(),
            scopes: scopes.map(str::to_owned).to_vec(),
            socket_mode: true,
            markdown_blocks: true,
            ping_ms: 5000,
            retries_ms: [3000, 60_000, 300_000],
            max_sockets: 10,
        }
    }
}

/// The conversation of a person and the bot.
#[must_use]
pub fn im_of(person: &str) -> String {
    format!("D{person}")
}

/// Asks every open socket to go, and closes it after a while if told so.
fn hang_up(world: &World, reason: &str, after: Option<Duration>) {
    let said = json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}});
    let lines: Vec<_> = world.look(|state| state.lines.values().cloned().collect());
    for line in lines {
        // Who is gone does not hear it.
        let _ = line.send(Out::Text(said.to_string()));
        if let Some(after) = after {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let _ = line.send(Out::Close);
            });
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
            .fallback(web::serve)
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

    /// The address in front of this server that is named for files, uploads and answers.
    pub fn serve_files_at(&self, base: &str) {
        self.world
            .change(|state| base.clone_into(&mut state.public));
    }

    /// The bot as somebody who speaks.
    #[must_use]
    pub fn bot(&self) -> String {
        self.world.options.bot.clone()
    }

    /// Makes a conversation known.
    pub fn channel(&self, id: &str, kind: Kind) {
        self.world
            .change(|state| state.channels.insert(id.to_owned(), kind));
    }

    /// Makes a person known, and their conversation with the bot; its name.
    pub fn person(&self, id: &str, name: &str) -> String {
        let im = im_of(id);
        self.world.change(|state| {
            state.names.insert(id.to_owned(), name.to_owned());
            state.channels.insert(im.clone(), Kind::Im(id.to_owned()));
        });
        im
    }

    /// Somebody says something; its timestamp.
    pub fn say(&self, channel: &str, from: &str, text: &str) -> String {
        self.say_with(Say {
            channel: channel.to_owned(),
            from: from.to_owned(),
            text: text.to_owned(),
            ..Say::default()
        })
    }

    /// The same, with all that can be said.
    pub fn say_with(&self, say: Say) -> String {
        self.world.say(say)
    }

    /// Tells of a message once more.
    pub fn repeat(&self, channel: &str, ts: &str) {
        self.world.repeat(channel, ts);
    }

    /// Somebody changes what they said.
    pub fn edit(&self, channel: &str, ts: &str, text: &str) {
        self.world.edit(channel, ts, text);
    }

    /// Somebody takes back what they said.
    pub fn delete(&self, channel: &str, ts: &str) {
        self.world.delete(channel, ts);
    }

    /// Somebody reacts with the emoji of this name, or stops to.
    pub fn react(&self, channel: &str, ts: &str, from: &str, name: &str, add: bool) {
        self.world.change(|state| {
            self.world.react(state, (channel, ts), from, name, add);
        });
    }

    /// Somebody presses a button below a message.
    pub fn press(&self, channel: &str, from: &str, ts: &str, button: &str) {
        self.world.press(channel, from, ts, button);
    }

    /// Somebody gives a command, named with its slash.
    pub fn command(&self, channel: &str, from: &str, word: &str, text: &str) {
        self.world.command(channel, from, word, text);
    }

    /// Every button that was pressed and every command that was given.
    #[must_use]
    pub fn pressed(&self) -> Vec<Pressed> {
        self.world.look(|state| state.pressed.clone())
    }

    /// Any event.
    pub fn event(&self, event: &Value) {
        self.world
            .change(|state| self.world.event(state, event, None));
    }

    /// Anything in an envelope of any kind.
    pub fn envelope(&self, kind: &'static str, payload: Value) {
        self.world
            .change(|state| socket::tell(&self.world, state, kind, payload, None));
    }

    /// Any text, to every open socket.
    pub fn raw(&self, text: &str) {
        let lines: Vec<_> = self
            .world
            .look(|state| state.lines.values().cloned().collect());
        for line in lines {
            let _ = line.send(Out::Text(text.to_owned()));
        }
    }

    /// Every open socket is asked to go, and closed after a while if told so.
    pub fn disconnect(&self, reason: &str, closed_after: Option<Duration>) {
        hang_up(&self.world, reason, closed_after);
    }

    /// Closes every socket.
    pub fn close_all(&self) {
        self.world.look(|state| {
            for line in state.lines.values() {
                let _ = line.send(Out::Close);
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

    /// The tokens are refused from now on, or taken again. Who is connected is thrown out.
    pub fn revoke(&self, revoked: bool) {
        self.world.change(|state| state.revoked = revoked);
        if revoked {
            self.disconnect("link_disabled", Some(Duration::ZERO));
        }
    }

    /// The past shows a message with other fields than it has, however odd.
    pub fn warp(&self, channel: &str, ts: &str, fields: Value) {
        let name = (channel.to_owned(), ts.to_owned());
        self.world.change(|state| state.warped.insert(name, fields));
    }

    /// Sockets stay open, and nothing is heard or said over them.
    pub fn go_silent(&self, silent: bool) {
        self.world.change(|state| state.silent = silent);
    }

    /// Every message, oldest first within its conversation.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.world
            .look(|state| state.messages.values().cloned().collect())
    }

    /// What the bot said, oldest first.
    #[must_use]
    pub fn said(&self) -> Vec<Message> {
        let all = self.messages().into_iter();
        let mut ours: Vec<Message> = all.filter(|it| it.user == self.bot()).collect();
        ours.sort_by(|one, other| one.ts.cmp(&other.ts));
        ours
    }

    /// Every request so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world.look(|state| state.calls.clone())
    }

    /// Open sockets.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.world.look(|state| state.lines.len())
    }

    /// The most sockets that were open at once, and how many there were in all.
    #[must_use]
    pub fn sockets_so_far(&self) -> (usize, u32) {
        self.world.look(|state| (state.most_lines, state.connects))
    }

    /// Waits until so many sockets were opened in all, and one is open.
    pub async fn until_connected(&self, connects: u32, most: Duration) -> bool {
        let look = |state: &state::State| {
            let enough = state.connects >= connects && !state.lines.is_empty();
            enough.then_some(())
        };
        self.world.until(most, look).await.is_some()
    }

    /// Messages that a client has said are safe, by conversation and timestamp.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<(String, String)> {
        self.world.look(|state| {
            let acked = state.envelopes.iter().filter(|it| it.acked);
            acked.filter_map(|it| it.message.clone()).collect()
        })
    }

    /// Envelopes that nobody has said are safe.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.world
            .look(|state| state.envelopes.iter().filter(|it| !it.acked).count())
    }

    /// A message as a signed request to an app's own address, at a time in seconds since 1970.
    #[must_use]
    pub fn post_of(&self, secret: &str, seconds: i64, channel: &str, ts: &str) -> Option<Post> {
        let body = self.world.look(|state| {
            let about = Some((channel.to_owned(), ts.to_owned()));
            let found = state.envelopes.iter().find(|it| it.message == about);
            found.map(|it| it.payload.clone())
        });
        body.map(|body| sign(secret, seconds, &body.to_string()))
    }

    /// The newest button that was pressed, or command that was given, as a signed request to an app's own address.
    #[must_use]
    pub fn post_of_newest_action(&self, secret: &str, seconds: i64) -> Option<Post> {
        let form = self.world.look(|state| {
            let mut newest = state.envelopes.iter().rev();
            newest.find_map(|it| match it.kind {
                "interactive" => Some(sign::pressed_form(&it.payload)),
                "slash_commands" => Some(sign::command_form(&it.payload)),
                _ => None,
            })
        });
        form.map(|form| sign(secret, seconds, &form))
    }
}
