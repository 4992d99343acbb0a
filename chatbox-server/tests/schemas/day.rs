//! A day in a house: people write, agents answer, somebody sets things up. Afterwards there is something of everything.

use super::program::agent::Agent;
use super::program::sink::Sink;
use super::program::{self, Feed, Running};
use super::{Database, Known, VAULT_KEY, opened};
use chatbox_core::seal::STATE;
use chatbox_core::store::{Admin, Step, Store};
use chatbox_fakes::telegram::{self, Bot, FileKind, Share};
use chatbox_store::seal::Vault;
use chatbox_store::{PostgresStore, SqliteOptions, SqliteStore};
use serde_json::{Value, json};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(super) const TOKEN: &str = "7000001:TEST-token-TEST-token";
pub(super) const ADA: i64 = 42;
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Where Ada writes to the bot.
pub(super) async fn platform() -> telegram::Server {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    telegram::Server::start(options).await.expect("a free port")
}

pub(super) fn config(platform: &telegram::Server, backend: &str) -> String {
    let base = platform.base_url();
    format!(
        "allow_private_webhooks = true\n[nodes]\nlease = \"2s\"\n[backend]\n{backend}\n\
         [channels.telegram]\napi_base = \"{base}\"\n"
    )
}

/// A server on a database, in a folder whose key opens the corpus.
pub(super) struct Server {
    pub(super) running: Running,
    folder: PathBuf,
}

impl Server {
    pub(super) fn start(folder: &Path, database: &Database, config: &str) -> Self {
        let data = folder.join("served");
        let _ = std::fs::DirBuilder::new().mode(0o700).create(&data);
        let _ = std::fs::remove_file(data.join("serve.json"));
        let mut key = std::fs::OpenOptions::new();
        let key = key.write(true).create(true).mode(0o600);
        let key = key.open(data.join("vault.key")).expect("a file");
        std::io::Write::write_all(&mut &key, VAULT_KEY.as_bytes()).expect("written");
        let config = format!("database_url = \"{}\"\n{config}", database.url());
        let running = Running::start(folder, &config);
        let folder = folder.to_owned();
        Self { running, folder }
    }

    fn stop(mut self) {
        let pid = self.running.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill").success());
        let ended = self.running.ended(SOON).expect("it ends");
        assert!(ended.success(), "{ended}");
    }

    fn command(&self, words: &[&str], typed: Option<&str>) -> Value {
        let mut command = program::Program::new(&self.folder).command();
        command.arg("--data-dir").arg(self.running.data());
        command.arg("--json").args(words);
        program::give(&mut command, &self.folder, typed);
        let done = program::run(&mut command);
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {error}");
        serde_json::from_slice(&done.stdout).expect("JSON")
    }

    /// Makes something over the API; what it became.
    fn made(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Value {
        let token = self.running.operator();
        let answer = self.running.send("POST", path, &token, headers, body);
        assert_eq!(answer.status(), 201, "{path}: {}", answer.body());
        answer.json()
    }

    /// Somebody posts to a connection; what it became.
    fn posted(&self, feed: &Feed, event: &Value) -> Value {
        let path = format!("/v1/connections/{}/messages", feed.id);
        let answer = self.running.send("POST", &path, &feed.token, &[], event);
        assert_eq!(answer.status(), 200, "{}", answer.body());
        answer.json()
    }

    /// Waits until an answer of the API holds this.
    fn until(&self, path: &str, what: &str) {
        let began = Instant::now();
        loop {
            let answer = self.running.ask("GET", path, &self.running.operator());
            if answer.body().contains(what) {
                return;
            }
            let late = began.elapsed() > SOON;
            assert!(!late, "{path} has no {what}: {}", answer.body());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Lives through the day, on a fresh database; what will be known of it.
pub(super) async fn live(folder: &Path, database: &Database) -> Known {
    let platform = platform().await;
    opened::migrated(folder, database);
    let server = Server::start(folder, database, &config(&platform, "kind = \"echo\""));
    morning(&server, &platform).await;
    let (known, feed) = programs(&server, &platform);
    shop(&server);
    server.stop();
    let server = Server::start(folder, database, &config(&platform, "kind = \"none\""));
    evening(&server, &platform).await;
    server.stop();
    remembered(database, &feed).await;
    known
}

/// Ada finds the bot and talks to it: turns, answers, a picture, something changed and something liked.
async fn morning(server: &Server, platform: &telegram::Server) {
    let add = ["channels", "add", "telegram", "--token-file", "-"];
    let added = server.command(&add, Some(TOKEN));
    let code = added["pairing_code"].as_str().expect("a code");
    platform.say(ADA, ADA, &format!("/start {code}"));
    platform
        .until_messages(ADA, 1, SOON)
        .await
        .expect("welcome");
    let said = platform.say(ADA, ADA, "good morning");
    platform
        .until_messages(ADA, 2, SOON)
        .await
        .expect("an answer");
    platform.edit(ADA, said.message_id, "good morning to you");
    platform.react(ADA, said.message_id, ADA, &["👍"]);
    let picture = Share::new(FileKind::Document, "notes.txt", "text/plain", "some words");
    platform.upload(ADA, ADA, picture).expect("it is taken");
    platform
        .until_messages(ADA, 3, SOON)
        .await
        .expect("an answer");
    server.until("/v1/mailboxes/main/chats", "telegram:42");
}

/// Programs post, change and take back; somebody makes tokens and credentials.
fn programs(server: &Server, platform: &telegram::Server) -> (Known, Feed) {
    let feed = server.running.add_feed("alpha");
    let event = |id: &str, kind: &str, text: &str| {
        json!({
            "event_id": id, "type": kind, "chat": {"handle": "room", "kind": "group", "name": "The room"},
            "sender": {"id": "ann", "name": "Ann"}, "text": text, "metadata": {"from": "a day"},
        })
    };
    let about = |mut event: Value, more: Value| {
        let more = more.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(more);
        event
    };
    let first = server.posted(&feed, &event("e1", "message", "there are horses outside"));
    let there = json!({"target_message_id": "e1"});
    server.posted(
        &feed,
        &about(
            event("e2", "edit", "there are zebras outside"),
            there.clone(),
        ),
    );
    let liked = about(event("e3", "reaction", ""), there);
    server.posted(&feed, &about(liked, json!({"emoji": "👍"})));
    server.posted(&feed, &event("e4", "message", "a mistake"));
    let gone = json!({"target_message_id": "e4"});
    server.posted(&feed, &about(event("e5", "delete", ""), gone));
    let file = json!([{"filename": "a.txt", "content_type": "text/plain", "data_b64": "aGVsbG8="}]);
    let file = about(event("e6", "message", "look"), json!({"attachments": file}));
    server.posted(&feed, &file);
    // Nobody can be answered there, and it is said so.
    server.until("/v1/deliveries", "\"failed\"");

    let once = [("Idempotency-Key", "once")];
    server.made(
        "/v1/credentials",
        &once,
        &json!({"name": "signs", "kind": "signing"}),
    );
    let token = server.made(
        "/v1/tokens",
        &[],
        &json!({"name": "looks", "scope": "admin"}),
    );
    let text = |of: &Value, field: &str| of[field].as_str().expect("a text").to_owned();
    let known = Known {
        platform: platform.base_url(),
        feed: feed.id.clone(),
        inbound_token: feed.token.clone(),
        api_token: text(&token, "token"),
        event: "e1".to_owned(),
        message_id: text(&first, "message_id"),
    };
    (known, feed)
}

/// A mailbox of its own, which is handed what comes; somebody who hears of it; one hand-out that was refused.
fn shop(server: &Server) {
    let sink = Sink::open();
    let new =
        json!({"name": "shop", "webhook_url": sink.url, "templates": {"notification": "$TEXT"}});
    let shop = server.made("/v1/mailboxes", &[], &new);
    let hears = json!({"url": sink.url, "events": ["new_chat", "delivery_failed"]});
    server.made("/v1/subscriptions", &[], &hears);
    let new = json!({"platform": "http", "mailbox": shop["id"], "name": "till"});
    let till = server.made("/v1/connections", &[], &new);
    let text = |field: &str| till[field].as_str().expect("a text").to_owned();
    let feed = Feed {
        id: text("id"),
        token: text("inbound_token"),
    };
    let event = |id: &str, text: &str| json!({"event_id": id, "chat": {"handle": "c1"}, "sender": {"id": "bo"}, "text": text});
    server.posted(&feed, &event("s1", "one pound of apples"));
    // The message, and word of the new chat.
    sink.wait(2);
    sink.answer_next(&[400, 204]);
    server.posted(&feed, &event("s2", "and two of pears"));
    sink.wait(3);
    let shop = shop["id"].as_str().expect("an id");
    server.until(&format!("/v1/mailboxes/{shop}/health"), "last_success_at");
}

/// An agent comes by itself: it looks at Ada, asks her something, and mutes the room.
async fn evening(server: &Server, platform: &telegram::Server) {
    let token = server.command(&["mailboxes", "mcp-token", "main"], None);
    let agent = Agent::new(
        &server.running,
        token["mcp_token"].as_str().expect("a token"),
    );
    let before = platform.messages_in(ADA).len();
    agent.turn_to("telegram:42");
    agent.call("send_message", &json!({"text": "good evening"}));
    let question =
        json!({"question_id": "lights", "question": "Lights out?", "timeout_seconds": 1});
    agent.call("ask_human", &question);
    let told = platform.until_messages(ADA, before + 2, SOON).await;
    told.expect("she is asked");
    server.until("/v1/deliveries", "\"delivered\"");
}

/// What an adapter would remember.
async fn remembered(database: &Database, feed: &Feed) {
    let vault = Vault::from_base64(VAULT_KEY).expect("a key");
    let put = Admin::PutState {
        connection: feed.id.as_str().into(),
        key: "place".to_owned(),
        rev: 0,
        value: vault.seal(STATE, &format!("{}/place", feed.id), b"page 7"),
    };
    let put = vec![Step::Admin(Box::new(put))];
    let put = match database {
        Database::Sqlite(path) => {
            let store = SqliteStore::open(path, SqliteOptions::default()).await;
            let store = store.expect("a store");
            let put = store.commit(put).await;
            store.close().await;
            put
        }
        Database::Postgres(url) => {
            let store = PostgresStore::open(url).await.expect("a store");
            store.commit(put).await
        }
    };
    put.expect("it is kept");
}
