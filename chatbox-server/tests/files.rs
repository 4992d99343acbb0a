//! Files that an agent sends: they arrive with their bytes, on a platform of ours and on one of others.
#![cfg(feature = "telegram")]

mod program;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_fakes::telegram::{self, Bot, FileKind, Share};
use futures_util::{SinkExt, StreamExt};
use program::agent::Agent;
use program::{Program, Running};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(30);
/// Begins as a picture does.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and some more";
const NOTES: &[u8] = b"plain words, as they were written";

/// Ada's window of the web chat.
struct Window {
    cookie: String,
    wire: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Window {
    async fn open(running: &Running) -> Self {
        let url = format!("http://{}", running.address());
        let link = running.ask("POST", "/v1/login-links", &running.operator());
        let link = link.json();
        let code = link["url"].as_str().and_then(|url| url.split_once('#'));
        let code = json!({"code": code.expect("a code").1}).to_string();
        let entered = running.post("/login", &[], "application/json", code.as_bytes());
        let cookie = entered.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        let ticket = reqwest::Client::new().post(format!("{url}/chat/ticket"));
        let ticket = ticket.header("cookie", &cookie).send().await;
        let ticket: Value = ticket.expect("an answer").json().await.expect("a ticket");
        let place = format!("ws://{}/chat/ws", running.address());
        let (wire, _) = tokio_tungstenite::connect_async(place)
            .await
            .expect("it opens");
        let mut window = Self { cookie, wire };
        let hello = json!({"type": "hello", "ticket": ticket["ticket"]});
        window.say(&hello).await;
        window.hear("welcome").await;
        window
    }

    async fn say(&mut self, frame: &Value) {
        let frame = Message::text(frame.to_string());
        self.wire.send(frame).await.expect("it is open");
    }

    /// The next frame of this type.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let frame = tokio::time::timeout(SOON, self.wire.next()).await;
            let frame = frame.expect("it comes").expect("it is open");
            let Message::Text(text) = frame.expect("a frame") else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    async fn bytes(&self, running: &Running, url: &str) -> (String, Vec<u8>) {
        let url = format!("http://{}{url}", running.address());
        let asked = reqwest::Client::new().get(url);
        let answer = asked.header("cookie", &self.cookie).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("a type")
            .to_owned();
        (kind, answer.bytes().await.expect("bytes").to_vec())
    }
}

fn kept(running: &Running) -> usize {
    std::fs::read_dir(running.data().join("media")).map_or(0, Iterator::count)
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_with_its_bytes_wherever_it_is_sent() {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[backend]\nkind = \"none\"\n[channels.telegram]\napi_base = \"{}\"\n",
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
    let key = command(&["mailboxes", "mcp-token", "main"], None);
    let agent = Agent::new(&running, key["mcp_token"].as_str().expect("a token"));
    let added = command(
        &["channels", "add", "telegram", "--token-file", "-"],
        Some(TOKEN),
    );
    let code = added["pairing_link"].as_str();
    let code = code.and_then(|link| link.rsplit('=').next());
    platform.say(ADA, ADA, &format!("/start {}", code.expect("a code")));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
    let there = format!("telegram:{ADA}");

    // What a person sends has an id by which it is sent on.
    let share = Share::new(FileKind::Document, "notes.txt", "text/plain", NOTES);
    platform.upload(ADA, ADA, share).expect("it is taken");
    let theirs = agent.files(&there).await.remove(0);
    let (id, size) = (theirs["id"].clone(), theirs["size"].clone());
    assert_eq!(size, NOTES.len(), "{theirs}");

    let mut window = Window::open(&running).await;
    let hello = json!({"type": "message", "client_id": "1", "text": "send me something"});
    window.say(&hello).await;
    window.hear("ack").await;
    let chats = agent.call("list_chats", &json!({}));
    let chats = chats["chats"].as_array().expect("a list");
    let mut ids = chats.iter().filter_map(|chat| chat["chat_id"].as_str());
    let web = ids.find(|id| id.starts_with("webchat:")).expect("a chat");
    agent.turn_to(web);
    let picture = json!({"name": "../chart.png", "mime": "text/html", "data": base64(PICTURE)});
    let said = json!({"text": "here", "files": [picture, {"id": id}]});
    agent.call("send_message", &said);
    let line = loop {
        let line = window.hear("line").await;
        if line["from"]["role"] == "agent" {
            break line;
        }
    };
    let files = line["attachments"].as_array().expect("files");
    let names: Vec<_> = files.iter().map(|it| (&it["name"], &it["mime"])).collect();
    let expected = [
        (&json!("chart.png"), &json!("image/png")),
        (&json!("notes.txt"), &theirs["mime"]),
    ];
    assert_eq!(names, expected, "what the bytes show, in the order given");
    for (file, (bytes, kind)) in files
        .iter()
        .zip([(PICTURE, "image/png"), (NOTES, "application/octet-stream")])
    {
        let url = file["url"].as_str().expect("a place");
        let got = window.bytes(&running, url).await;
        assert_eq!(got, (kind.to_owned(), bytes.to_vec()));
    }

    // The other way: what the agent sent here is sent on there, and with bytes of its own.
    let own = agent.files(web).await;
    agent.turn_to(&there);
    let notes = json!({"name": "list.csv", "mime": "text/csv", "data": base64(b"a,b\n1,2\n")});
    for (file, bytes) in [
        (json!({"id": own[0]["id"]}), PICTURE),
        (notes, b"a,b\n1,2\n"),
    ] {
        let before = platform.messages_in(ADA).len();
        agent.call("send_message", &json!({"files": [file]}));
        let said = platform.until_messages(ADA, before + 1, SOON).await;
        let said = said.expect("it arrives").pop().expect("a message");
        let got = said.file_id.and_then(|id| platform.file(&id));
        assert_eq!(got.expect("a file").as_ref(), bytes);
    }

    // Nothing that is refused leaves a file behind, or reads one of this machine.
    let before = (kept(&running), platform.messages().len());
    let secret = running.data().join("operator.token");
    let secret = secret.to_str().expect("a path");
    let large = json!({"name": "a", "data": base64(b"x")});
    for (files, code) in [
        (json!([{"id": secret}]), "media_ref_invalid: "),
        (json!([{"name": secret}]), "media_ref_invalid: "),
        (json!([secret]), "invalid_arguments: files[0]"),
        (
            json!([{"url": "https://evil.test/a.png"}]),
            "invalid_arguments: files[0].url",
        ),
        (json!([large, {"id": "msg_99999.1"}]), "message_not_found: "),
        (json!([large, {"id": "msg_1.7"}]), "file_not_found: "),
        (json!([]), "empty_message: "),
    ] {
        let refused = agent.refused(&json!({"files": files}));
        assert!(refused.starts_with(code), "{code} {refused}");
    }
    let feed = running.add_feed("alarms");
    let event =
        json!({"event_id": "1", "chat": {"handle": "room"}, "sender": {"id": "x"}, "text": "x"});
    let path = format!("/v1/connections/{}/messages", feed.id);
    let posted = running.send("POST", &path, &feed.token, &[], &event);
    assert_eq!(posted.status(), 200);
    agent.turn_to("alarms:room");
    let refused = agent.refused(&json!({"text": "x", "files": [large]}));
    assert!(
        refused.starts_with("unsupported: ") && refused.contains("send_message"),
        "{refused}"
    );
    assert_eq!(before, (kept(&running), platform.messages().len()));
}
