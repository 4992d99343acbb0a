//! An agent at its mailbox's door, over plain HTTP.

use super::Running;
use serde_json::{Value, json};
use std::time::Duration;

/// The agent, who asks over plain HTTP.
pub(crate) struct Agent<'a> {
    running: &'a Running,
    token: String,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(running: &'a Running, token: &str) -> Self {
        let token = token.to_owned();
        Self { running, token }
    }

    fn result(&self, tool: &str, arguments: &Value) -> Value {
        let headers = [
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2025-11-25"),
        ];
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        let path = "/mcp/main";
        let answer = self
            .running
            .send("POST", path, &self.token, &headers, &body);
        let answer = match answer.body().lines().rfind(|it| it.starts_with("data: {")) {
            Some(line) => serde_json::from_str(&line[6..]).expect("JSON"),
            None => answer.json(),
        };
        answer["result"].clone()
    }

    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> Value {
        let result = self.result(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].clone()
    }

    pub(crate) fn refused(&self, arguments: &Value) -> String {
        let result = self.result("send_message", arguments);
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    pub(crate) fn turn_to(&self, chat: &str) {
        self.call("switch_chat", &json!({"chat_id": chat}));
    }

    /// The files of the newest message of a chat, once they are here.
    pub(crate) async fn files(&self, chat: &str) -> Vec<Value> {
        for _ in 0..500 {
            let read = self.call("read_messages", &json!({"chat_id": chat, "limit": 1}));
            let files = read["messages"][0]["files"].as_array().cloned();
            let files = files.unwrap_or_default();
            if !files.is_empty() && files.iter().all(|it| it["ready"] == true) {
                return files;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no file came");
    }
}
