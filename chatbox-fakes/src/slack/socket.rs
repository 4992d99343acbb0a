//! Socket Mode: a websocket from its hello to its end, and what is told over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::state::{Envelope, Out, State, World};

static LINES: AtomicU64 = AtomicU64::new(1);

/// Speaks Slack's side until either ends it.
pub(crate) async fn serve(mut socket: WebSocket, world: Arc<World>) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let number = LINES.fetch_add(1, Ordering::Relaxed);
    let open = world.change(|state| {
        state.lines.insert(number, out);
        state.connects += 1;
        state.most_lines = state.most_lines.max(state.lines.len());
        state.lines.len()
    });
    let first = match open > world.options.max_sockets {
        true => json!({"type": "disconnect", "reason": "too_many_websockets"}),
        false => json!({
            "type": "hello", "num_connections": open, "connection_info": {"app_id": world.options.app},
            "debug_info": {
                "host": "applink-1", "started": "2026-01-01 00:00:00.000", "build_number": 1,
                "approximate_connection_time": 18060,
            },
        }),
    };
    let greeted = socket
        .send(Frame::Text(first.to_string().into()))
        .await
        .is_ok();
    if greeted && open <= world.options.max_sockets {
        talk(&mut socket, &world, &mut orders).await;
    }
    world.change(|state| state.lines.remove(&number));
}

async fn talk(socket: &mut WebSocket, world: &World, orders: &mut mpsc::UnboundedReceiver<Out>) {
    let mut pings = interval(Duration::from_millis(world.options.ping_ms));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let silent = world.look(|state| state.silent);
        tokio::select! {
            order = orders.recv() => match order {
                Some(Out::Text(text)) => if !silent && socket.send(Frame::Text(text.into())).await.is_err() { break },
                Some(Out::Close) | None => {
                    let _ = socket.send(Frame::Close(None)).await;
                    break;
                }
            },
            _ = pings.tick() => if !silent && socket.send(Frame::Ping(Bytes::from_static(b"Ping from applink-1"))).await.is_err() { break },
            // Pings are answered by whoever reads.
            frame = socket.recv(), if !silent => match frame {
                Some(Ok(Frame::Text(text))) => hear(world, &text),
                // Answered by itself; read on until the other side has it.
                Some(Ok(Frame::Close(_))) => while let Some(Ok(_)) = socket.recv().await {},
                Some(Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// A client says that an envelope is safe.
fn hear(world: &World, text: &str) {
    let Ok(said) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let id = said["envelope_id"].as_str().unwrap_or_default();
    world.change(|state| {
        let mut open = state.envelopes.iter_mut().filter(|it| !it.acked);
        let Some(envelope) = open.find(|it| it.id == id) else {
            return;
        };
        envelope.acked = true;
        let trigger = envelope.payload["trigger_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if let Some(pressed) = state.pressed.iter_mut().find(|it| it.id == trigger) {
            pressed.acked = true;
            if said.get("payload").is_some_and(|it| !it["text"].is_null()) {
                pressed.answers.push(said["payload"].clone());
            }
        }
    });
}

/// Puts something into an envelope and tells it, and tells it again while nobody says that it is safe.
pub(crate) fn tell(
    world: &Arc<World>,
    state: &mut State,
    kind: &'static str,
    payload: Value,
    message: Option<(String, String)>,
) {
    let id = format!("env-{}", state.number());
    let again = kind == "events_api";
    state.envelopes.push(Envelope {
        id: id.clone(),
        kind,
        payload,
        message,
        acked: false,
        told: 0,
    });
    send(state, &id, "");
    if again {
        remind(world.clone(), id);
    }
}

fn remind(world: Arc<World>, id: String) {
    // Outside of a runtime nobody can be reminded.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        for wait in world.options.retries_ms {
            sleep(Duration::from_millis(wait)).await;
            let safe = world.look(|state| {
                let found = state.envelopes.iter().find(|it| it.id == id);
                found.is_none_or(|it| it.acked)
            });
            if safe {
                return;
            }
            world.change(|state| send(state, &id, "timeout"));
        }
    });
}

/// Over one of the open sockets; nobody hears it where none is open.
pub(crate) fn send(state: &mut State, id: &str, why: &str) {
    let Some(line) = state.line() else { return };
    let Some(envelope) = state.envelopes.iter_mut().find(|it| it.id == id) else {
        return;
    };
    let said = json!({
        "envelope_id": envelope.id, "type": envelope.kind, "payload": envelope.payload,
        "accepts_response_payload": envelope.kind != "events_api",
        "retry_attempt": envelope.told, "retry_reason": why,
    });
    envelope.told += 1;
    // Who is gone does not hear it.
    let _ = line.send(Out::Text(said.to_string()));
}
