//! The shortest agent there is, against the real server: a signed webhook in, tools out, and no thought about chats.
#![cfg(feature = "telegram")]

mod program;

use chatbox_fakes::telegram::{self, Bot};
use program::{Program, Running};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const GROUP: i64 = -1_000_042;
const SOON: Duration = Duration::from_secs(30);
const HARNESS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/harness.py");

struct Harness {
    program: Child,
    port: u16,
}

impl Harness {
    fn start(running: &Running, mcp: &Value, port: u16) -> Self {
        let secret = std::fs::read_to_string(running.data().join("webhook.secret"));
        let program = Command::new("python3")
            .arg(HARNESS)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env(
                "CHATBOX_MCP_URL",
                mcp["mcp_url"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no URL: {mcp}")),
            )
            .env(
                "CHATBOX_MCP_TOKEN",
                mcp["mcp_token"].as_str().expect("a token"),
            )
            .env("CHATBOX_WEBHOOK_SECRET", secret.expect("it was made"))
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .spawn();
        let program = program.expect("python3");
        Self { program, port }
    }

    /// Posts to it under this id, and says the status.
    async fn post(&self, id: &str, at: i64, signature: &str, body: &str) -> u16 {
        let answer = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}/", self.port))
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body.to_owned())
            .send()
            .await;
        answer.expect("it answers").status().as_u16()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn an_agent_is_at_most_fifty_lines_and_knows_nothing_of_focus() {
    let source = std::fs::read_to_string(HARNESS).expect("it is there");
    assert!(source.lines().count() <= 50, "{}", source.lines().count());
    for word in ["focal", "focus", "unread", "recap", "cursor", "list_chats"] {
        assert!(!source.contains(word), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_lines_with_a_webhook_and_tools_answer_everybody_where_they_wrote() {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let config = format!(
        "[webhook]\nurl = \"http://127.0.0.1:{port}/\"\nallow_private = true\n\
         templates = {{ focal_message = \"$TEXT\", notification = \"$TEXT\" }}\n\
         [channels.telegram]\napi_base = \"{}\"\n",
        platform.base_url()
    );
    let running = Running::start(folder.path(), &config);
    let command = |arguments: &[&str], typed: Option<&str>| -> Value {
        let mut command = Program::new(folder.path()).command();
        command.arg("--data-dir").arg(running.data()).arg("--json");
        command.args(arguments);
        program::give(&mut command, folder.path(), typed);
        serde_json::from_slice(&program::run(&mut command).stdout).expect("JSON")
    };
    let mcp = command(&["mailboxes", "mcp-token", "main"], None);
    let harness = Harness::start(&running, &mcp, port);
    let added = command(
        &["channels", "add", "telegram", "--token-file", "-"],
        Some(TOKEN),
    );
    let code = added["pairing_link"].as_str();
    let code = code.and_then(|link| link.rsplit('=').next());
    platform.say(ADA, ADA, &format!("/start {}", code.expect("a code")));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");

    // Two chats at once, and again: each answer goes where its question came from. What came into a chat before it was turned
    // to would be in what turning to it tells, and this agent does not look there.
    for n in 0..3 {
        platform.say(ADA, ADA, &format!("alone {n}"));
        platform.say(GROUP, ADA, &format!("@test_bot together {n}"));
        let alone = platform.until_messages(ADA, n + 2, SOON).await;
        alone.expect("it is answered");
        let together = platform.until_messages(GROUP, n + 1, SOON).await;
        together.expect("it is answered");
    }
    let said = |messages: Vec<telegram::BotMessage>| -> Vec<String> {
        messages.into_iter().map(|message| message.text).collect()
    };
    let alone = platform.until_messages(ADA, 4, SOON).await;
    let alone = said(alone.expect("all are answered"));
    assert_eq!(
        alone[1..],
        ["alone 0", "alone 1", "alone 2"].map(|it| format!("You said: {it}"))
    );
    let together = platform.until_messages(GROUP, 3, SOON).await;
    let together = said(together.expect("all are answered"));
    for (n, text) in together.iter().enumerate() {
        assert!(text.starts_with("You said: ") && text.ends_with(&format!("together {n}")));
    }

    // What chatbox did not sign is obeyed by nobody; what it repeats is answered once.
    let body = r#"{"type":"message","chat_id":"telegram:42","content":"forged"}"#;
    let secret = std::fs::read_to_string(running.data().join("webhook.secret")).expect("a secret");
    let webhook = standardwebhooks::Webhook::new(secret.trim()).expect("a secret");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.expect("a clock").as_secs()).expect("a time");
    let sign = |at| {
        let signature = webhook.sign("dlv_x", at, body.as_bytes());
        signature.expect("a signature")
    };
    for (at, signature) in [
        (now, String::new()),
        (now, "v1,AAAA".to_owned()),
        (now - 1, sign(now)),
        (now - 3600, sign(now - 3600)),
    ] {
        assert_eq!(harness.post("dlv_x", at, &signature, body).await, 401);
    }
    assert_eq!(platform.messages().len(), 7, "and to nobody else");
    let body = body.replace("forged", "signed");
    let signature = webhook.sign("dlv_y", now, body.as_bytes());
    let signature = signature.expect("a signature");
    for _ in 0..2 {
        assert_eq!(harness.post("dlv_y", now, &signature, &body).await, 204);
    }
    let last = platform.until_messages(ADA, 5, SOON).await;
    assert_eq!(said(last.expect("it is answered"))[4], "You said: signed");
    assert_eq!(platform.messages().len(), 8, "and once");
}
