//! The web chat in a program of your own, answered by whatever language model the environment offers, else by echo.
//! `cargo run -p chatbox-examples --bin webchat_llm`, then open the address it prints.
//!
//! This page lets in everybody who can reach it, which here is this machine. The server crate asks for a login.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use async_trait::async_trait;
use axum::http::HeaderMap;
use axum::serve::ListenerExt;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect, Options};
use chatbox_webchat::{Visitor, Visitors, Webchat};
use std::sync::Arc;
use std::time::Duration;

/// Everybody is the same guest.
#[derive(Debug)]
struct Guests;

impl Guests {
    fn guest() -> Option<Visitor> {
        Some(Visitor {
            id: "guest".into(),
            name: Some("You".to_owned()),
        })
    }
}

#[async_trait]
impl Visitors for Guests {
    async fn redeem(&self, ticket: &str) -> Option<Visitor> {
        (ticket == "guest").then(Self::guest).flatten()
    }

    async fn ticket(&self, _headers: &HeaderMap) -> Option<String> {
        Some("guest".to_owned())
    }

    async fn known(&self, _headers: &HeaderMap) -> Option<Visitor> {
        Self::guest()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A second provider in the process would only find the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = chatbox_backends::BackendSettings::default();
    let choice = chatbox_backends::detect(&settings, &|name| std::env::var(name).ok()).await?;
    let chatbox = Chatbox::start(Options::new(MemoryStore::new()));
    chatbox
        .mailbox("main", chatbox_backends::build(&choice)?)
        .await?;

    let webchat = Webchat::new(Arc::new(Guests));
    chatbox
        .connect(Connect::new(webchat.clone(), "main"))
        .await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("backend  {choice}");
    println!("web chat http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(
        listener.tap_io(|stream| drop(stream.set_nodelay(true))),
        webchat.routes(),
    )
    .with_graceful_shutdown(stop)
    .await?;
    chatbox.drain(Duration::from_secs(5)).await;
    Ok(())
}
