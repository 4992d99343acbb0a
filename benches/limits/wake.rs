//! The least that answers a person: their words are written, an agent's task is woken, its words are written, the
//! person's socket is woken. Two durable wakes and nothing else. And one alone, over HTTP: words are written, and whoever
//! waits is answered.

mod raw;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use raw::{Line, Writer};
use serde::Deserialize;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, mpsc};

#[derive(Deserialize)]
struct Said {
    client_id: String,
    text: String,
}

/// `limit-wake DATABASE`
#[tokio::main]
async fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let writer = Writer::open(path.as_ref(), 0).await?;
    let router = Router::new()
        .route("/chat/ws", get(open))
        .with_state(writer.clone())
        .merge(alone(writer))
        .route("/health/ready", get(|| async { "ok" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening http://{}", listener.local_addr()?)?;
    out.flush()?;
    Ok(axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))), router).await?)
}

/// One durable wake.
fn alone(writer: Writer) -> Router {
    let (bell, count) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
    let rung = bell.clone();
    let say = async move |words: String| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let written = writer.write(line(format!("alone-{nth}"), words)).await;
        bell.notify_waiters();
        written.map_or(StatusCode::INTERNAL_SERVER_ERROR, |_| StatusCode::OK)
    };
    let wait = async move || {
        rung.notified().await;
        "woken"
    };
    Router::new()
        .route("/say", post(say))
        .route("/wait", get(wait))
}

async fn open(State(writer): State<Writer>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .on_upgrade(|socket| serve(socket, writer))
}

async fn serve(mut socket: WebSocket, writer: Writer) {
    let (wake, mut woken) = mpsc::unbounded_channel::<String>();
    let (ask, asked) = mpsc::unbounded_channel();
    tokio::spawn(agent(writer.clone(), asked, wake));
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(Ok(Message::Text(text))) = message else {
                    return;
                };
                let Ok(said) = serde_json::from_str::<Said>(&text) else {
                    return;
                };
                let line = line(format!("p-{}", said.client_id), said.text.clone());
                if writer.write(line).await.is_err() || ask.send(said).is_err() {
                    return;
                }
            }
            reply = woken.recv() => {
                let Some(reply) = reply else {
                    return;
                };
                if socket.send(Message::Text(reply.into())).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn agent(
    writer: Writer,
    mut asked: mpsc::UnboundedReceiver<Said>,
    wake: mpsc::UnboundedSender<String>,
) {
    while let Some(said) = asked.recv().await {
        let reply = line(format!("a-{}", said.client_id), said.text.clone());
        if writer.write(reply).await.is_err() {
            return;
        }
        let frame = serde_json::json!({
            "type": "line", "from": {"role": "agent"}, "text": said.text,
        });
        if wake.send(frame.to_string()).is_err() {
            return;
        }
    }
}

fn line(event_id: String, body: String) -> Line {
    Line {
        seq: 0,
        chat: "chat".to_owned(),
        conn: "c".to_owned(),
        author: "somebody".to_owned(),
        at: 0,
        event_id,
        body,
    }
}
