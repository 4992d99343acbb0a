//! The adapter for managed agents between the real server and a simulated sessions API.
#![cfg(feature = "telegram")]

mod program;

use axum::Router;
use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chatbox_fakes::telegram::{self, Bot};
use futures_util::StreamExt;
use program::{Program, Running};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(30);

// ---- The sessions API, with an agent that looks where it is told to and answers there ------------------------

struct Sessions {
    events: Mutex<Vec<Value>>,
    live: broadcast::Sender<Value>,
    /// How many more messages are not taken.
    refusing: Mutex<u32>,
}

impl Sessions {
    fn happened(&self, event: Value) {
        self.events.lock().expect("events").push(event.clone());
        // Nobody may be listening.
        let _ = self.live.send(event);
    }

    fn of_type(&self, kind: &str) -> Vec<Value> {
        let events = self.events.lock().expect("events");
        events
            .iter()
            .filter(|it| it["type"] == kind)
            .cloned()
            .collect()
    }

    fn calls(&self, tool: &str, input: &Value) {
        let id = format!("sevt_{}", self.events.lock().expect("events").len());
        self.happened(
            json!({"type": "agent.custom_tool_use", "id": id, "name": tool, "input": input}),
        );
        let reason = json!({"type": "requires_action", "event_ids": [id]});
        self.happened(json!({"type": "session.status_idle", "stop_reason": reason}));
    }

    /// The agent: it turns to the chat that the message names, and answers there.
    fn think(&self, event: &Value) {
        let said = event["content"][0]["text"].as_str().unwrap_or_default();
        if event["type"] == "user.message" {
            self.calls(
                "switch_chat",
                &json!({"chat_id": format!("telegram:{ADA}")}),
            );
            return;
        }
        let call = self.of_type("agent.custom_tool_use");
        let call = call
            .iter()
            .find(|it| it["id"] == event["custom_tool_use_id"]);
        match call.and_then(|it| it["name"].as_str()) {
            Some("switch_chat") => {
                assert_eq!(event["is_error"], false, "{event}");
                // What it was not looking at is in the recap; what came while it looked is in the message itself.
                let told = self.of_type("user.message").pop().expect("a message");
                let told = told["content"][0]["text"]
                    .as_str()
                    .expect("a text")
                    .to_owned();
                let first = self.of_type("user.message").len() == 1;
                let heard = if first { said } else { &told };
                let heard = heard
                    .lines()
                    .find_map(|line| line.split_once("the word is "));
                let heard = heard.map_or("nothing", |(_, word)| word);
                self.calls("send_message", &json!({"text": format!("I heard {heard}")}));
            }
            Some("send_message") => {
                let reason = json!({"type": "end_turn"});
                self.happened(json!({"type": "session.status_idle", "stop_reason": reason}));
            }
            other => panic!("a result of {other:?}"),
        }
    }
}

fn is_known(headers: &HeaderMap) -> bool {
    let is = |name, value| headers.get(name).is_some_and(|it| it == value);
    is("x-api-key", "key-of-the-test") && is("anthropic-beta", "managed-agents-2026-04-01")
}

async fn create(headers: HeaderMap, body: axum::Json<Value>) -> Response {
    let fits = body["agent"] == "agent_1" && body["environment_id"] == "env_1";
    match is_known(&headers) && fits {
        true => axum::Json(json!({"id": "sesn_1", "status": "idle"})).into_response(),
        false => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn send(
    State(sessions): State<Arc<Sessions>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    body: axum::Json<Value>,
) -> Response {
    assert!(is_known(&headers) && id == "sesn_1");
    for event in body["events"].as_array().expect("events") {
        if event["type"] == "user.message" {
            let mut refusing = sessions.refusing.lock().expect("a number");
            if *refusing > 0 {
                *refusing -= 1;
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        }
        sessions.happened(event.clone());
        sessions.think(event);
    }
    axum::Json(json!({"data": body["events"]})).into_response()
}

async fn list(State(sessions): State<Arc<Sessions>>) -> axum::Json<Value> {
    let events = sessions.events.lock().expect("events").clone();
    axum::Json(json!({"data": events, "next_page": null}))
}

async fn stream(State(sessions): State<Arc<Sessions>>) -> impl IntoResponse {
    let live = sessions.live.subscribe();
    let live = futures_util::stream::unfold(live, async |mut live| {
        let event = live.recv().await.ok()?;
        Some((event, live))
    });
    let live = live.map(|event| Ok::<_, Infallible>(Event::default().data(event.to_string())));
    Sse::new(live).keep_alive(KeepAlive::default())
}

async fn sessions() -> (Arc<Sessions>, String) {
    let sessions = Arc::new(Sessions {
        events: Mutex::default(),
        live: broadcast::Sender::new(100),
        refusing: Mutex::new(0),
    });
    let router = Router::new()
        .route("/v1/sessions", post(create))
        .route("/v1/sessions/{id}/events", post(send).get(list))
        .route("/v1/sessions/{id}/events/stream", get(stream))
        .with_state(sessions.clone());
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (sessions, base)
}

// ---- The adapter -----------------------------------------------------------------------------------------------

struct Adapter(Child);

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn adapter(folder: &Path, running: &Running, mcp_token: &str, base: &str, port: u16) -> Command {
    let mut command = Command::new("python3");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/cma_adapter.py"
        ))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env(
            "CHATBOX_MCP_URL",
            format!("http://{}/mcp/main", running.address()),
        )
        .env("CHATBOX_MCP_TOKEN", mcp_token)
        .env(
            "CHATBOX_WEBHOOK_SECRET_FILE",
            running.data().join("webhook.secret"),
        )
        .env("ANTHROPIC_API_KEY", "key-of-the-test")
        .env("ANTHROPIC_BASE_URL", base)
        .env("CMA_AGENT_ID", "agent_1")
        .env("CMA_ENVIRONMENT_ID", "env_1")
        .env("CMA_STATE", folder.join("state"))
        .env("PORT", port.to_string())
        .stdin(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Posts to the adapter; what it answers.
fn post_to(port: u16, headers: &str, body: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .expect("it reads");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_agent_reads_and_answers_through_its_mailbox() {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let (sessions, base) = sessions().await;
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let config = format!(
        "[webhook]\nurl = \"http://127.0.0.1:{port}/\"\nallow_private = true\n\
         [channels.telegram]\napi_base = \"{}\"\n",
        platform.base_url()
    );
    let running = Running::start(folder.path(), &config);
    let command = |arguments: &[&str], typed: Option<&str>| -> Value {
        let mut command = Program::new(folder.path()).command();
        command
            .arg("--data-dir")
            .arg(running.data())
            .arg("--json")
            .args(arguments);
        program::give(&mut command, folder.path(), typed);
        serde_json::from_slice(&program::run(&mut command).stdout).expect("JSON")
    };
    let mcp = command(&["mailboxes", "mcp-token", "main"], None);
    let mcp_token = mcp["mcp_token"].as_str().expect("a token").to_owned();

    let mut tools = adapter(folder.path(), &running, &mcp_token, &base, port);
    let tools = tools.arg("tools").output().expect("python3");
    let tools: Vec<Value> = serde_json::from_slice(&tools.stdout).expect("JSON");
    for name in ["switch_chat", "send_message"] {
        let tool = tools
            .iter()
            .find(|it| it["name"] == name)
            .expect("the tool");
        assert_eq!(tool["type"], "custom");
        assert_eq!(tool["input_schema"]["type"], "object", "{tool}");
    }

    let start = || {
        Adapter(
            adapter(folder.path(), &running, &mcp_token, &base, port)
                .spawn()
                .expect("python3"),
        )
    };
    let first = start();
    let added = command(
        &["channels", "add", "telegram", "--token-file", "-"],
        Some(TOKEN),
    );
    let code = added["pairing_link"]
        .as_str()
        .and_then(|it| it.rsplit('=').next());
    platform.say(ADA, ADA, &format!("/start {}", code.expect("a code")));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
    platform.say(ADA, ADA, "the word is swordfish");
    let said = platform.until_messages(ADA, 2, SOON).await;
    let said = said.expect("the agent answers where it was asked");
    assert_eq!(said[1].text, "I heard swordfish");
    assert_eq!(platform.messages().len(), 2, "and nowhere else");

    // The session does not take the next one at first: chatbox comes again, and it is told once.
    *sessions.refusing.lock().expect("a number") = 1;
    platform.say(ADA, ADA, "the word is haddock");
    let said = platform.until_messages(ADA, 3, SOON).await;
    assert_eq!(
        said.expect("it is told in the end")[2].text,
        "I heard haddock"
    );

    // Another adapter goes on with the session of the first.
    drop(first);
    let _second = start();
    platform.say(ADA, ADA, "the word is halibut");
    let said = platform.until_messages(ADA, 4, SOON).await;
    assert_eq!(
        said.expect("the next one goes on")[3].text,
        "I heard halibut"
    );
    assert_eq!(sessions.of_type("user.message").len(), 3);
    assert_eq!(
        sessions.of_type("agent.custom_tool_use").len(),
        6,
        "no call is made twice"
    );

    // What is not signed with the secret, or was signed long ago, is told nobody.
    let body = r#"{"type":"message","content":"obey me"}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("a clock").as_secs();
    let secret = std::fs::read_to_string(running.data().join("webhook.secret")).expect("a secret");
    let webhook = standardwebhooks::Webhook::new(secret.trim()).expect("a secret");
    let old = i64::try_from(now).expect("a time") - 3600;
    let stale = webhook
        .sign("dlv_1", old, body.as_bytes())
        .expect("a signature");
    for headers in [
        String::new(),
        format!("webhook-id: dlv_1\r\nwebhook-timestamp: {now}\r\nwebhook-signature: v1,AAAA\r\n"),
        format!("webhook-id: dlv_1\r\nwebhook-timestamp: {old}\r\nwebhook-signature: {stale}\r\n"),
    ] {
        let answer = post_to(port, &headers, body);
        assert!(answer.contains(" 401 "), "{headers}: {answer}");
    }
    let fresh = i64::try_from(now).expect("a time");
    let signed = webhook
        .sign("dlv_x", fresh, body.as_bytes())
        .expect("a signature");
    let headers = format!(
        "webhook-id: dlv_x\r\nwebhook-timestamp: {fresh}\r\nwebhook-signature: {signed}\r\n"
    );
    for _ in 0..2 {
        let answer = post_to(port, &headers, body);
        assert!(answer.contains(" 204 "), "{answer}");
    }
    let began = Instant::now();
    while sessions.of_type("user.message").len() < 4 && began.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        sessions.of_type("user.message").len(),
        4,
        "one that is repeated is told once"
    );
}
