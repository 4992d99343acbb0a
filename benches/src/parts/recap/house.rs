//! The whole server in this process, asked past its sockets.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use chatbox_benches::mcp::{WIRE, body};
use chatbox_core::Chatbox;
use chatbox_core::id::ChatId;
use chatbox_server::config::Config;
use chatbox_server::paths::DataDir;
use chatbox_server::serve::{Opened, Start, open};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tower::ServiceExt;

/// The most that is read of an answer, in bytes.
const LONGEST: usize = 1 << 20;

/// A server on a filled folder, and an agent's way in.
pub(super) struct House {
    opened: Opened,
    token: String,
}

impl House {
    pub(super) async fn open(data: &Path) -> Result<Self> {
        let data = DataDir::locate(Some(data.to_owned()))?;
        let start = Start {
            config: Config::parse("[backend]\nkind = \"none\"\n")?,
            listen: None,
            database: None,
            store: None,
            data: data.clone(),
        };
        let base = "http://127.0.0.1".parse()?;
        let opened = open(&start, false, base, false, true).await?;
        let operator = std::fs::read_to_string(data.operator_token())?;
        let asked = Request::post("/v1/mailboxes/main/mcp-token")
            .header(header::HOST, "127.0.0.1")
            .header(header::AUTHORIZATION, format!("Bearer {operator}"))
            .body(Body::empty())?;
        let given: Value = serde_json::from_slice(&ask(&opened.router, asked).await?)?;
        let token = given["mcp_token"].as_str().context("a token")?.to_owned();
        Ok(Self { opened, token })
    }

    /// The engine.
    pub(super) fn chatbox(&self) -> &Chatbox {
        &self.opened.app.chatbox
    }

    /// Calls `switch_chat`: the whole body of the answer.
    pub(super) async fn switch(&self, chat: ChatId) -> Result<Vec<u8>> {
        let there = format!("bench:chat-{}", chat.0 - 1);
        let body = body("switch_chat", &json!({"chat_id": there}));
        let asked = Request::post("/mcp/main")
            .header(header::HOST, "127.0.0.1")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("MCP-Protocol-Version", WIRE)
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", "switch_chat")
            .body(Body::from(body.to_string()))?;
        ask(&self.opened.router, asked).await
    }

    /// The text that an agent reads.
    pub(super) async fn recap(&self, chat: ChatId) -> Result<String> {
        let said: Value = serde_json::from_slice(&self.switch(chat).await?)?;
        let recap = said["result"]["structuredContent"]["recap"].as_str();
        Ok(recap.with_context(|| format!("{said}"))?.to_owned())
    }

    pub(super) async fn close(self) {
        self.opened.app.chatbox.drain(Duration::from_secs(1)).await;
    }
}

async fn ask(router: &Router, asked: Request<Body>) -> Result<Vec<u8>> {
    let answer = router.clone().oneshot(asked).await?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), LONGEST).await?;
    ensure!(
        status.is_success(),
        "answered {status} {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body.into())
}
