//! Calls of tools over MCP, without sessions and without a client's library.

use crate::http::{Wire, request};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The wire that knows no sessions.
pub const WIRE: &str = "2026-07-28";

/// Who calls, and where.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The server.
    pub address: SocketAddr,
    /// The path of its endpoint.
    pub path: String,
    /// What it is let in with; nothing for a limit.
    pub token: String,
}

impl Agent {
    /// A call as a whole request.
    pub fn call(&self, tool: &str, arguments: &Value) -> Vec<u8> {
        let body = body(tool, arguments);
        let extra = format!(
            "Accept: application/json, text/event-stream\r\nAuthorization: Bearer {}\r\n\
             MCP-Protocol-Version: {WIRE}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n",
            self.token
        );
        request("POST", self.address, &self.path, &extra, &body.to_string())
    }

    /// Calls a tool; what it gives.
    ///
    /// # Errors
    /// It is refused, or fails.
    pub async fn ask(&self, wire: &mut Wire, tool: &str, arguments: &Value) -> Result<Value> {
        let (status, body) = wire.ask(&self.call(tool, arguments)).await?;
        let said: Value = serde_json::from_slice(body).context("an answer in JSON")?;
        let result = &said["result"];
        let fine = status == 200 && result.is_object() && result["isError"] != true;
        ensure!(fine, "{tool} was answered {status} {said}");
        Ok(result["structuredContent"].clone())
    }
}

/// A call as JSON.
pub fn body(tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": WIRE,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    })
}
