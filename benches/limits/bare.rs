//! The least process that polls Telegram, keeps what it hears and serves HTTP: what the libraries alone weigh.

mod raw;

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use raw::{Line, Writer};
use std::io::Write;
use teloxide_core::prelude::*;
use teloxide_core::types::UpdateKind;

/// `limit-bare DATABASE BOT_API_BASE TOKEN`
#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().unwrap_or_default();
    let (path, base, token) = (argument(), argument(), argument());
    let writer = Writer::open(path.as_ref(), 0).await?;
    tokio::spawn(poll(Bot::new(token).set_api_url(base.parse()?), writer));
    let router = Router::new().route("/health/ready", get(|| async { "ok" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening http://{}", listener.local_addr()?)?;
    out.flush()?;
    Ok(axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))), router).await?)
}

async fn poll(bot: Bot, writer: Writer) -> Result<()> {
    let mut offset = 0;
    loop {
        let updates = bot.get_updates().offset(offset).timeout(10).await?;
        for update in updates {
            offset = i32::try_from(update.id.0)? + 1;
            let UpdateKind::Message(message) = update.kind else {
                continue;
            };
            let text = message.text().unwrap_or_default().to_owned();
            let line = Line {
                seq: 0,
                chat: message.chat.id.to_string(),
                conn: "c".to_owned(),
                event_id: update.id.0.to_string(),
                author: message.chat.id.to_string(),
                at: 0,
                body: text.clone(),
            };
            writer.write(line).await?;
            bot.send_message(message.chat.id, text).await?;
        }
    }
}
