//! The gateway: one websocket, from HELLO to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::shape;
use super::state::{Out, Outage, Session, State, World};

/// Privileged: the text of what is said in guilds.
const MESSAGE_CONTENT: u64 = 1 << 15;

static LINES: AtomicU64 = AtomicU64::new(1);

/// One connection.
struct Line {
    world: Arc<World>,
    number: u64,
    /// Where this connection came in: a client behind a proxy resumes through it.
    host: String,
    out: mpsc::UnboundedSender<Out>,
}

/// Speaks the gateway's side until either ends it.
pub(crate) async fn serve(mut socket: WebSocket, world: Arc<World>, host: String) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let number = LINES.fetch_add(1, Ordering::Relaxed);
    let line = Line {
        world,
        number,
        host,
        out,
    };
    line.world.change(|state| state.sockets += 1);
    let interval = line.world.options.heartbeat_ms;
    let patience = Duration::from_millis(interval) * 2;
    let mut dead = Instant::now() + patience;
    line.send(&json!({"op": 10, "s": null, "t": null, "d": {"heartbeat_interval": interval, "_trace": ["[]"]}}));
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Out::Text(text)) => if socket.send(Frame::Text(text.into())).await.is_err() { break },
                Some(Out::Close(code, reason)) => {
                    let _ = socket.send(Frame::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
                    break;
                }
                None => break,
            },
            frame = socket.recv() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    dead = Instant::now() + patience;
                    line.hear(&text);
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            () = sleep_until(dead), if line.world.options.closes_silent => {
                dead += patience;
                line.close(4009, "Session timed out.");
            }
        }
    }
    line.world.change(|state| {
        state.sockets -= 1;
        for session in state.sessions.values_mut() {
            session.line.take_if(|(of, _)| *of == number);
        }
    });
}

impl Line {
    fn send(&self, payload: &Value) {
        let _ = self.out.send(Out::Text(payload.to_string()));
    }

    fn close(&self, code: u16, reason: &'static str) {
        let _ = self.out.send(Out::Close(code, reason));
    }

    fn hear(&self, text: &str) {
        if self.world.look(|state| state.silent) {
            return;
        }
        let Ok(payload) = serde_json::from_str::<Value>(text) else {
            return self.close(4002, "Error while decoding payload.");
        };
        let data = &payload["d"];
        match payload["op"].as_u64() {
            Some(1) => self.beat(data),
            Some(2) => self.identify(data),
            Some(6) => self.resume(data),
            Some(3 | 4 | 8 | 31) => {}
            _ => self.close(4001, "Unknown opcode."),
        }
    }

    fn beat(&self, data: &Value) {
        self.world.change(|state| {
            if let (Some(session), Some(seq)) = (self.session(state), data.as_u64()) {
                session.acked = session.acked.max(seq);
            }
        });
        self.send(&json!({"op": 11, "d": null}));
    }

    fn session<'a>(&self, state: &'a mut State) -> Option<&'a mut Session> {
        let mut all = state.sessions.values_mut();
        all.find(|it| it.line.as_ref().is_some_and(|(of, _)| *of == self.number))
    }

    /// Whether the token is good; closes if not.
    fn knows(&self, token: &Value) -> bool {
        let token = token.as_str().unwrap_or_default();
        let token = token.strip_prefix("Bot ").unwrap_or(token);
        let good = token == self.world.options.token && !self.world.look(|state| state.revoked);
        if !good {
            self.close(4004, "Authentication failed.");
        }
        good
    }

    fn identify(&self, data: &Value) {
        if !self.knows(&data["token"]) {
            return;
        }
        let refused = self.world.change(|state| {
            state.identifies += 1;
            state.refuse_login
        });
        if let Some((code, reason)) = refused {
            return self.close(code, reason);
        }
        let intents = data["intents"].as_u64().unwrap_or(0);
        if intents & MESSAGE_CONTENT != 0 && !self.world.options.message_content {
            return self.close(4014, "Disallowed intent(s).");
        }
        self.world.change(|state| self.log_in(state, intents));
    }

    fn log_in(&self, state: &mut State, intents: u64) {
        let options = &self.world.options;
        let name = format!("session{}", state.number());
        let mut guilds: Vec<u64> = state
            .channels
            .values()
            .filter_map(|kind| kind.guild())
            .collect();
        guilds.sort_unstable();
        guilds.dedup();
        let away = guilds
            .iter()
            .map(|id| json!({"id": id.to_string(), "unavailable": true}));
        let ready = json!({
            "v": 10, "user": shape::user(options, state, options.bot), "guilds": away.collect::<Vec<_>>(),
            "session_id": name, "resume_gateway_url": format!("ws://{}", self.host), "session_type": "normal",
            "private_channels": [], "relationships": [], "presences": [], "user_settings": {}, "shard": [0, 1],
            "application": {"id": options.bot.to_string(), "flags": 0}, "_trace": ["[]"],
        });
        let line = Some((self.number, self.out.clone()));
        let mut session = Session {
            intents,
            line,
            ..Session::default()
        };
        session.dispatch("READY", &ready);
        for guild in guilds {
            let told = match state.outages.get(&guild) {
                None => shape::guild(options, state, guild),
                Some(Outage::Told) => json!({"id": guild.to_string(), "unavailable": true}),
                Some(Outage::Hushed) => continue,
            };
            session.dispatch("GUILD_CREATE", &told);
        }
        state.sessions.insert(name, session);
    }

    fn resume(&self, data: &Value) {
        if !self.knows(&data["token"]) {
            return;
        }
        let seq = data["seq"].as_u64().unwrap_or(0);
        let name = data["session_id"].as_str().unwrap_or_default();
        let found = self.world.change(|state| {
            state.resumes += 1;
            let Some(session) = state.sessions.get_mut(name).filter(|it| seq <= it.seq) else {
                return false;
            };
            session.line = Some((self.number, self.out.clone()));
            session.acked = session.acked.max(seq);
            for (_, text) in session.log.iter().filter(|(nth, _)| *nth > seq) {
                let _ = self.out.send(Out::Text(text.clone()));
            }
            session.dispatch("RESUMED", &json!({"_trace": ["[]"]}));
            true
        });
        if !found {
            self.send(&json!({"op": 9, "d": false}));
        }
    }
}
