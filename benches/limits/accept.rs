//! The least that takes a message in durably over HTTP: a bare handler before a group-committing writer.

mod raw;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use raw::{Line, Writer};
use serde::{Deserialize, Serialize};
use std::io::Write;

#[derive(Deserialize)]
struct Message {
    event_id: String,
    chat: Chat,
    sender: Sender,
    text: String,
}

#[derive(Deserialize)]
struct Chat {
    handle: String,
}

#[derive(Deserialize)]
struct Sender {
    id: String,
}

#[derive(Serialize)]
struct Received {
    message_id: String,
    duplicate: bool,
}

/// `limit-accept DATABASE ROWS`
#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let rows = arguments.next().unwrap_or_default().parse().unwrap_or(0);
    let writer = Writer::open(path.as_ref(), rows).await?;
    let router = Router::new()
        .route("/v1/connections/{id}/messages", post(receive))
        .route("/health/ready", get(|| async { "ok" }))
        .with_state(writer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening http://{}", listener.local_addr()?)?;
    out.flush()?;
    Ok(axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))), router).await?)
}

async fn receive(
    State(writer): State<Writer>,
    Path(conn): Path<String>,
    body: Bytes,
) -> Result<Json<Received>, StatusCode> {
    let message: Message =
        serde_json::from_slice(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let line = Line {
        seq: 0,
        chat: message.chat.handle,
        conn,
        event_id: message.event_id,
        author: message.sender.id,
        at: 0,
        body: message.text,
    };
    let seq = writer.write(line).await;
    let seq = seq.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(Received {
        message_id: format!("msg_{seq}"),
        duplicate: false,
    }))
}
