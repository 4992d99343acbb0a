//! What integrators set up over the API: mailboxes, credentials and subscriptions, each in its own account.

mod program;

use chatbox_backends::webhook::Verifier;
use chatbox_core::secret::Secret;
use program::sink::{Came, Sink};
use program::{Answer, Running};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const OPEN: &str = "allow_private_webhooks = true\n[backend]\nkind = \"echo\"\n";

/// A server, and somebody who sets things up there.
struct Setting {
    running: Running,
    key: String,
    _folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Running::start(folder.path(), OPEN);
        let key = running.operator();
        Self {
            running,
            key,
            _folder: folder,
        }
    }

    fn put(&self, path: &str, body: &Value) -> Answer {
        self.running.send("PUT", path, &self.key, &[], body)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.running.send("POST", path, &self.key, &[], body)
    }

    fn get(&self, path: &str) -> Answer {
        self.running.ask("GET", path, &self.key)
    }

    fn delete(&self, path: &str) -> Answer {
        self.running.ask("DELETE", path, &self.key)
    }

    fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status(), 201, "{}", answer.body());
        answer.json()
    }

    /// A connection of this mailbox that programs post to: its path and token.
    fn feed(&self, mailbox: &str, name: &str) -> (String, String) {
        let new = json!({"platform": "http", "mailbox": mailbox, "name": name});
        let added = self.made("/v1/connections", &new);
        let path = format!("/v1/connections/{}/messages", text(&added, "id"));
        (path, text(&added, "inbound_token"))
    }

    fn say(&self, feed: &(String, String), event: &str, words: &str) -> Answer {
        let message = json!({
            "event_id": event, "chat": {"handle": "7"}, "sender": {"id": "ann"}, "text": words,
        });
        self.running.send("POST", &feed.0, &feed.1, &[], &message)
    }
}

fn text(of: &Value, field: &str) -> String {
    let text = of[field].as_str();
    text.unwrap_or_else(|| panic!("{field} of {of}")).to_owned()
}

fn refused(answer: &Answer, status: u16, code: &str) {
    let problem = answer.json();
    assert_eq!(
        (answer.status(), problem["code"].as_str()),
        (status, Some(code)),
        "{problem}"
    );
    assert!(problem["hint"].as_str().is_some_and(|it| !it.is_empty()));
}

fn is_signed(came: &Came, secret: &str) -> bool {
    let verifier = Verifier::new(&[Secret::new(secret)]).expect("a secret");
    let header = |name| came.header(name).expect("a header");
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature");
    let now = std::time::SystemTime::now();
    let body = came.body.as_bytes();
    verifier.verify(id, at, signature, body, now).is_ok()
}

#[test]
fn a_connection_is_started_though_whoever_added_it_hung_up() {
    let setting = Setting::new();
    let named = |nth: usize| json!({"platform": "http", "name": format!("feed{nth}")});
    for nth in 0..40 {
        let body = named(nth).to_string();
        let request = format!(
            "POST /v1/connections HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: k{nth}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            setting.running.address(),
            setting.key,
            body.len()
        );
        let mut wire = TcpStream::connect(setting.running.address()).expect("it listens");
        wire.write_all(request.as_bytes()).expect("it is taken");
        // Somewhere between its coming in and its answer.
        std::thread::sleep(Duration::from_micros(500 * (nth as u64 % 12)));
    }
    std::thread::sleep(Duration::from_secs(1));
    let listed = setting.get("/v1/connections?limit=500").json();
    let items = listed["items"].as_array().expect("a list");
    assert!(items.iter().any(|it| it["platform"] != "webchat"));
    for item in items {
        assert!(!item["health"].is_null(), "it does not run: {item}");
    }
    // Who asks again is answered as they would have been.
    let headers = [("Idempotency-Key", "k0")];
    let (key, new) = (&setting.key, named(0));
    let again = setting
        .running
        .send("POST", "/v1/connections", key, &headers, &new);
    let added = again.json();
    let path = format!("/v1/connections/{}/messages", text(&added, "id"));
    let feed = (path, text(&added, "inbound_token"));
    assert_eq!(setting.say(&feed, "e1", "hello").status(), 200);
}

#[test]
fn an_endpoint_that_has_too_much_to_do_is_left_alone_by_every_chat_for_as_long_as_it_asks() {
    let setting = Setting::new();
    let sink = Sink::open();
    sink.answer_next(&[429]);
    let new =
        json!({"name": "support", "webhook_url": sink.url, "templates": {"notification": "$TEXT"}});
    let made = setting.made("/v1/mailboxes", &new);
    let id = text(&made, "id");
    let (one, other) = (setting.feed(&id, "one"), setting.feed(&id, "other"));
    assert_eq!(setting.say(&one, "e1", "first").status(), 200);
    sink.wait(1);
    let began = Instant::now();
    // Longer than what was set up is believed, and shorter than it rests.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(setting.say(&other, "e2", "second").status(), 200);
    let asked = sink.wait(2);
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(3), "{waited:?}: {asked:?}");
}

#[test]
fn a_mailbox_is_made_told_changed_and_archived() {
    let setting = Setting::new();
    let sink = Sink::open();
    let new =
        json!({"name": "support", "webhook_url": sink.url, "templates": {"notification": "$TEXT"}});
    let made = setting.made("/v1/mailboxes", &new);
    let (id, secret) = (text(&made, "id"), text(&made, "signing_secret"));
    let path = format!("/v1/mailboxes/{id}");
    assert!(text(&made, "mcp_url").ends_with(&format!("/mcp/{id}")));
    let feed = setting.feed(&id, "shop");
    assert_eq!(setting.say(&feed, "e1", "hello").status(), 200);
    let came = &sink.wait(1)[0];
    assert!(is_signed(came, &secret), "{came:?}");
    assert_eq!(came.json()["content"], json!("hello"));
    assert_eq!(came.json()["mailbox_id"], json!(id));

    for path in ["/v1/mailboxes", path.as_str()] {
        let shown = setting.get(path).body().to_owned();
        for hidden in [&secret, &text(&made, "mcp_token")] {
            assert!(!shown.contains(hidden), "a secret is shown again: {shown}");
        }
    }
    let read = setting.get(&path);
    let etag = read.header("etag").expect("a revision").to_owned();
    let signing = read.json()["signing_credential_ids"].clone();
    let changed = json!({
        "name": "support", "webhook_url": sink.url, "signing_credential_ids": signing,
        "templates": {"notification": "now: $TEXT"},
    });
    let put = |etag: &str, body: &Value| {
        let headers = [("If-Match", etag)];
        setting
            .running
            .send("PUT", &path, &setting.key, &headers, body)
    };
    assert_eq!(put(&etag, &changed).status(), 200);
    refused(&put(&etag, &changed), 412, "precondition_failed");
    setting.say(&feed, "e2", "again");
    assert_eq!(sink.wait(2)[1].json()["content"], json!("now: again"));
    let mut wrong = changed.clone();
    wrong["templates"] = json!({"notification": "$NOBODY"});
    refused(&setting.put(&path, &wrong), 422, "unknown_placeholder");
    let kept = setting.get(&path).json();
    assert_eq!(
        kept["templates"], changed["templates"],
        "nothing was changed"
    );

    let health = setting.get(&format!("{path}/health")).json();
    assert_eq!(health["consecutive_failures"], json!(0));
    assert!(health["last_success_at"].is_i64(), "{health}");
    let trial = setting
        .post(&format!("{path}/test-delivery"), &json!({}))
        .json();
    assert_eq!(trial["delivered"], json!(true), "{trial}");
    assert_eq!(sink.wait(3)[2].json()["type"], json!("test"));

    assert_eq!(setting.delete(&path).status(), 204);
    refused(&setting.say(&feed, "e3", "anybody?"), 404, "archived");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let headers = [("Accept", "application/json, text/event-stream")];
    let token = text(&made, "mcp_token");
    let mcp = setting
        .running
        .send("POST", &format!("/mcp/{id}"), &token, &headers, &call);
    refused(&mcp, 404, "not_found");
    let chats = setting.get(&format!("{path}/chats")).json();
    let chat = text(&chats["items"][0], "id");
    let messages = setting.get(&format!("/v1/chats/{chat}/messages")).json();
    assert_eq!(
        messages["items"].as_array().map(Vec::len),
        Some(2),
        "history stays"
    );
    setting.made("/v1/mailboxes", &json!({"name": "support"}));
}

#[test]
fn a_mailbox_that_cannot_work_is_refused_and_nothing_is_stored() {
    let setting = Setting::new();
    let before = setting.get("/v1/mailboxes").body().to_owned();
    for (body, status, code) in [
        (json!({"name": ""}), 422, "invalid_name"),
        (
            json!({"name": "a", "webhook_url": "ftp://x"}),
            422,
            "invalid_url",
        ),
        (
            json!({"name": "a", "webhook_url": "https://me:pw@x.example/"}),
            422,
            "invalid_url",
        ),
        (
            json!({"name": "a", "auth_credential_id": "crd_1"}),
            422,
            "unknown_credential",
        ),
        (
            json!({"name": "a", "templates": {"nobody": "x"}}),
            422,
            "unknown_event",
        ),
        (
            json!({"name": "a", "webhook_url": "http://127.0.0.1:1/", "door": "run"}),
            422,
            "two_answers",
        ),
    ] {
        refused(&setting.post("/v1/mailboxes", &body), status, code);
    }
    assert_eq!(setting.get("/v1/mailboxes").body(), before);
    setting.made("/v1/mailboxes", &json!({"name": "a"}));
    refused(
        &setting.post("/v1/mailboxes", &json!({"name": "a"})),
        409,
        "name_taken",
    );
    refused(&setting.delete("/v1/mailboxes/main"), 409, "configured");
}

#[test]
fn a_webhook_on_this_machine_takes_the_operators_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let new = json!({"name": "a", "webhook_url": "http://127.0.0.1:1/"});
    let answer = running.send("POST", "/v1/mailboxes", &running.operator(), &[], &new);
    refused(&answer, 422, "url_blocked");
    assert!(answer.body().contains("allow_private_webhooks"));
}

#[test]
fn a_platform_is_connected_to_a_mailbox_once_however_many_ask() {
    let setting = Setting::new();
    let id = text(&setting.made("/v1/mailboxes", &json!({"name": "a"})), "id");
    let new = json!({"platform": "http", "mailbox": id, "name": "shop"});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..50)
            .map(|_| scope.spawn(|| setting.post("/v1/connections", &new).status()))
            .collect();
        let statuses = asking.into_iter().map(|it| it.join().expect("it asked"));
        statuses.collect()
    });
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(201), count(409)), (1, 49), "{statuses:?}");
    let list = setting.get("/v1/connections").json();
    let own = list["items"].as_array().expect("a list");
    let own: Vec<&Value> = own.iter().filter(|it| it["mailbox"] == json!(id)).collect();
    assert_eq!(own.len(), 1);
    let path = format!("/v1/connections/{}", text(own[0], "id"));
    assert_eq!(setting.get(&path).status(), 200);
    assert_eq!(setting.delete(&path).status(), 204);
    assert_eq!(
        setting.post("/v1/connections", &new).status(),
        201,
        "it is free"
    );
}

#[test]
fn a_credential_is_sealed_shown_once_turned_and_kept_while_it_is_used() {
    let setting = Setting::new();
    let sink = Sink::open();
    let auth = json!({"name": "door", "kind": "webhook_auth", "secret": "open-sesame-4711"});
    let auth = text(&setting.made("/v1/credentials", &auth), "id");
    let signing = setting.made(
        "/v1/credentials",
        &json!({"name": "pen", "kind": "signing"}),
    );
    let (pen, old) = (text(&signing, "id"), text(&signing, "secret"));
    let new = json!({
        "name": "a", "webhook_url": sink.url, "auth_credential_id": auth, "signing_credential_ids": [pen],
    });
    let id = text(&setting.made("/v1/mailboxes", &new), "id");
    let feed = setting.feed(&id, "shop");
    setting.say(&feed, "e1", "one");
    let came = &sink.wait(1)[0];
    assert_eq!(
        came.header("authorization"),
        Some("Bearer open-sesame-4711")
    );
    assert!(is_signed(came, &old));

    let fresh = chatbox_backends::webhook::fresh_secret();
    let pen_path = format!("/v1/credentials/{pen}");
    let turned = setting.put(&pen_path, &json!({"secret": fresh.expose()}));
    assert_eq!(turned.status(), 204, "{}", turned.body());
    setting.say(&feed, "e2", "two");
    let came = &sink.wait(2)[1];
    assert!(is_signed(came, fresh.expose()) && !is_signed(came, &old));

    for path in ["/v1/credentials", &pen_path, "/v1/mailboxes", "/v1/audit"] {
        let shown = setting.get(path).body().to_owned();
        for hidden in ["open-sesame-4711", &old, fresh.expose()] {
            assert!(!shown.contains(hidden), "{path} shows a secret");
        }
    }
    for file in ["chatbox.db", "chatbox.db-wal"] {
        let kept = std::fs::read(setting.running.data().join(file)).unwrap_or_default();
        let kept = String::from_utf8_lossy(&kept);
        for hidden in ["open-sesame-4711", &old, fresh.expose()] {
            assert!(!kept.contains(hidden), "{file} holds a secret");
        }
    }
    refused(&setting.delete(&pen_path), 409, "credential_in_use");
    // A secret of one kind is none of another.
    let swapped = json!({"name": "b", "webhook_url": sink.url, "signing_credential_ids": [auth]});
    refused(
        &setting.post("/v1/mailboxes", &swapped),
        422,
        "unknown_credential",
    );
    assert_eq!(setting.delete(&format!("/v1/mailboxes/{id}")).status(), 204);
    assert_eq!(setting.delete(&pen_path).status(), 204);
    refused(&setting.get(&pen_path), 404, "not_found");
    let short = json!({"name": "s", "kind": "signing", "secret": "whsec_c2hvcnQ="});
    refused(
        &setting.post("/v1/credentials", &short),
        422,
        "invalid_secret",
    );
}

#[test]
fn a_request_with_a_key_is_done_once_and_answered_the_same() {
    let setting = Setting::new();
    let ask = |key: &str, body: &Value| {
        let headers = [("Idempotency-Key", key)];
        setting
            .running
            .send("POST", "/v1/mailboxes", &setting.key, &headers, body)
    };
    let body = json!({"name": "once"});
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| ask("k-1", &body))).collect();
        let answers = asking.into_iter().map(|it| it.join().expect("it asked"));
        answers
            .map(|it| (it.status(), it.body().to_owned()))
            .collect()
    });
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, 201);
    let again = ask("k-1", &body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        again.json()["mcp_token"],
        serde_json::from_str::<Value>(&answers[0].1).expect("JSON")["mcp_token"]
    );
    refused(
        &ask("k-1", &json!({"name": "other"})),
        409,
        "idempotency_mismatch",
    );
    refused(&ask("", &body), 400, "invalid_idempotency_key");
    refused(&ask("k-2", &body), 409, "name_taken");
    let list = setting.get("/v1/mailboxes").json();
    assert_eq!(
        list["items"].as_array().map(Vec::len),
        Some(2),
        "main and one more"
    );
}

#[test]
fn a_connection_asked_for_with_a_key_is_made_once_and_its_token_is_shown_the_same() {
    let setting = Setting::new();
    let body = json!({"platform": "http", "name": "alerts"});
    let asked = |running: &Running, key: &str, body: &Value| {
        let headers = [("Idempotency-Key", key)];
        running.send("POST", "/v1/connections", &setting.key, &headers, body)
    };
    let ask = |key: &str, body: &Value| asked(&setting.running, key, body);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| ask("k-1", &body))).collect();
        let answers = asking.into_iter().map(|it| it.join().expect("it asked"));
        answers.collect()
    });
    let made = answers[0].json();
    for answer in &answers {
        assert_eq!((answer.status(), answer.json()), (201, made.clone()));
    }
    let token = text(&made, "inbound_token");
    let feed = (
        format!("/v1/connections/{}/messages", text(&made, "id")),
        token.clone(),
    );
    assert_eq!(setting.say(&feed, "e1", "hello").status(), 200);
    let other = json!({"platform": "http", "name": "other"});
    refused(&ask("k-1", &other), 409, "idempotency_mismatch");
    refused(&ask("k-2", &body), 409, "conflict");
    let list = setting.get("/v1/connections").json();
    let named = |it: &&Value| it["platform"] == "alerts" || it["platform"] == "other";
    let items = list["items"].as_array().expect("a list").iter();
    assert_eq!(items.filter(named).count(), 1, "{list}");
    let audit = setting.get("/v1/audit").json();
    let notes = audit["items"].as_array().expect("a list").iter();
    let added = notes.filter(|it| it["action"] == "add_connection");
    assert_eq!(added.count(), 1, "{audit}");

    // What is remembered holds the token, and nobody who reads the disk can.
    let data = setting.running.data().to_owned();
    for file in std::fs::read_dir(&data).expect("a folder").flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let mut places = bytes.windows(token.len());
        let is_there = places.any(|place| place == token.as_bytes());
        assert!(!is_there, "{:?} has the token", file.path());
    }
    let Setting {
        running,
        key: _,
        _folder: folder,
    } = setting;
    drop(running);
    // It was killed, and said of itself where it was.
    std::fs::remove_file(data.join("serve.json")).expect("it was there");
    let running = Running::start(folder.path(), OPEN);
    let headers = [("Idempotency-Key", "k-1")];
    let path = "/v1/connections";
    let again = running.send("POST", path, &running.operator(), &headers, &body);
    assert_eq!((again.status(), again.json()), (201, made));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let message =
        json!({"event_id": "e2", "chat": {"handle": "7"}, "sender": {"id": "ann"}, "text": "x"});
    let said = running.send("POST", &feed.0, &feed.1, &[], &message);
    assert_eq!(said.status(), 200, "it runs: {}", said.body());
}

#[test]
fn lists_come_in_parts() {
    let setting = Setting::new();
    for n in 0..5 {
        setting.made("/v1/mailboxes", &json!({"name": format!("m{n}")}));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let list = setting
            .get(&format!("/v1/mailboxes?limit=2{cursor}"))
            .json();
        let items = list["items"].as_array().expect("a list").clone();
        seen.extend(items.iter().map(|it| text(it, "id")));
        match list["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut all = seen.clone();
    all.sort();
    all.dedup();
    assert_eq!((seen.len(), all.len()), (6, 6));
    refused(
        &setting.get("/v1/mailboxes?cursor=!"),
        400,
        "invalid_cursor",
    );
    let (audit, mut cursor) = (setting.get("/v1/audit").json(), String::new());
    let mut actions = Vec::new();
    loop {
        let list = setting.get(&format!("/v1/audit?limit=2{cursor}")).json();
        let items = list["items"].as_array().expect("a list").clone();
        actions.extend(items);
        match list["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(Some(&actions), audit["items"].as_array());
    assert_eq!(text(&actions[0], "action"), "create_mailbox");
    assert_eq!(text(&actions[0], "by"), "operator");
}

#[test]
fn what_happens_is_told_to_who_subscribed_and_a_dead_one_delays_nobody() {
    let setting = Setting::new();
    let (sink, dead) = (Sink::open(), Sink::open());
    dead.answer_next(&[500; 40]);
    let subscribe = |url: &str, events: &Value| {
        let new = json!({"url": url, "events": events});
        setting.made("/v1/subscriptions", &new)
    };
    let events = json!([
        "new_chat",
        "delivery_failed",
        "mailbox_paused",
        "mailbox_unpaused",
        "focus_changed"
    ]);
    let made = subscribe(&sink.url, &events);
    subscribe(&dead.url, &events);
    let secret = text(&made, "signing_secret");
    let hook = Sink::open();
    let new = json!({"name": "a", "webhook_url": hook.url});
    let id = text(&setting.made("/v1/mailboxes", &new), "id");
    let feed = setting.feed(&id, "shop");
    hook.answer_next(&[410]);
    let began = Instant::now();
    for n in 0..5 {
        assert_eq!(setting.say(&feed, &format!("e{n}"), "hello").status(), 200);
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it waited for somebody"
    );
    let came = sink.wait(2);
    let kinds: Vec<String> = came.iter().map(|it| text(&it.json(), "type")).collect();
    assert_eq!(kinds, ["new_chat", "mailbox_paused"]);
    let first = came[0].json();
    assert_eq!(first["data"]["chat_id"], json!("shop:7"));
    assert_eq!(first["data"]["mailbox_id"], json!(id));
    assert!(came.iter().all(|it| is_signed(it, &secret)), "{came:?}");
    let unpause = format!("/v1/mailboxes/{id}/unpause");
    assert_eq!(setting.post(&unpause, &json!({})).status(), 204);
    hook.wait(6);
    assert_eq!(text(&sink.wait(3)[2].json(), "type"), "mailbox_unpaused");
    hook.answer_next(&[400]);
    setting.say(&feed, "e9", "no");
    let failed = sink.wait(4)[3].json();
    assert_eq!(text(&failed, "type"), "delivery_failed");
    assert!(text(&failed["data"], "delivery_id").starts_with("dlv_"));

    let list = setting.get("/v1/subscriptions").json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    for _ in 2..20 {
        subscribe(&dead.url, &json!(["connection_down"]));
    }
    let one_more = json!({"url": dead.url, "events": ["connection_down"]});
    refused(
        &setting.post("/v1/subscriptions", &one_more),
        409,
        "too_many",
    );
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    assert_eq!(setting.delete(&path).status(), 204);
    assert_eq!(setting.delete(&path).status(), 404);
}

#[test]
fn a_tenant_has_so_many_connections_and_no_more() {
    let setting = Setting::new();
    let made = setting.made("/v1/accounts", &json!({"id": "tenant"}));
    let key = text(&made, "api_key");
    let send = |path: &str, body: &Value| setting.running.send("POST", path, &key, &[], body);
    let mailbox = send("/v1/mailboxes", &json!({"name": "theirs"})).json();
    let feed = |nth: usize| {
        let new = json!({
            "platform": "http", "mailbox": text(&mailbox, "id"), "name": format!("feed{nth}"),
        });
        send("/v1/connections", &new)
    };
    let first = feed(0).json();
    for nth in 1..300 {
        assert_eq!(feed(nth).status(), 201, "{nth}");
    }
    refused(&feed(300), 409, "too_many");
    let path = format!("/v1/connections/{}", text(&first, "id"));
    assert_eq!(setting.running.ask("DELETE", &path, &key).status(), 204);
    assert_eq!(feed(300).status(), 201);
    // The operator's own account has no such bound, and is not kept from anything by a tenant's.
    setting.feed("main", "own");
}

/// Every door of the API that names something, with the ids of somebody else in it, answers that there is no such thing.
#[test]
fn nobody_sees_or_changes_what_another_account_has() {
    let setting = Setting::new();
    let sink = Sink::open();
    let own = text(
        &setting.made("/v1/accounts", &json!({"id": "tenant"})),
        "api_key",
    );
    let new = json!({"name": "theirs", "webhook_url": sink.url});
    let mailbox = setting.made("/v1/mailboxes", &new);
    let id = text(&mailbox, "id");
    let feed = setting.feed(&id, "shop");
    sink.answer_next(&[400]);
    let message = setting.say(&feed, "e1", "hello").json();
    sink.wait(1);
    let chats = setting.get(&format!("/v1/mailboxes/{id}/chats")).json();
    let deliveries = setting.get("/v1/deliveries").json();
    let credential = mailbox["signing_credential_ids"][0]
        .as_str()
        .expect("an id");
    let new = json!({"url": sink.url, "events": ["new_chat"]});
    let subscription = setting.made("/v1/subscriptions", &new);
    let token = setting.made("/v1/tokens", &json!({"name": "t", "scope": "read"}));
    let ids = |path: &str| match path.split('/').nth(2) {
        Some("mailboxes") => id.clone(),
        Some("connections") => feed.0.split('/').nth(3).unwrap_or_default().to_owned(),
        Some("chats") => text(&chats["items"][0], "id"),
        Some("messages") => text(&message, "message_id"),
        Some("deliveries") => text(&deliveries["items"][0], "id"),
        Some("credentials") => credential.to_owned(),
        Some("subscriptions") => text(&subscription, "id"),
        Some("tokens") => text(&token, "id"),
        Some("pairing") => "req_1".to_owned(),
        other => panic!("what is {other:?} of {path}?"),
    };
    let body = |path: &str, method: &str| match (path, method) {
        ("/v1/mailboxes/{id}", "put") => json!({"name": "mine"}),
        ("/v1/credentials/{id}", "put") => {
            json!({"secret": chatbox_backends::webhook::fresh_secret().expose()})
        }
        ("/v1/chats/{id}/muted", _) => json!({"muted": true}),
        _ => json!({}),
    };
    let document = setting.running.get("/openapi.json");
    let document = Answer::new(document).json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("doors") {
        for (method, door) in methods.as_object().expect("methods") {
            let by_token = door["security"][0]["token"].is_array();
            if !path.contains('{') || !by_token {
                continue;
            }
            let place = path
                .replace("{id}", &ids(path))
                .replace("{request}", "req_1");
            let place = match path.ends_with("/search") {
                true => format!("{place}?words=hello"),
                false => place,
            };
            let method = method.to_uppercase();
            let answer = match method.as_str() {
                "GET" | "DELETE" => setting.running.ask(&method, &place, &own),
                _ => {
                    let body = body(path, &method.to_lowercase());
                    setting.running.send(&method, &place, &own, &[], &body)
                }
            };
            assert_eq!(answer.status(), 404, "{method} {place}: {}", answer.body());
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} doors were tried");
    for list in [
        "mailboxes",
        "connections",
        "credentials",
        "subscriptions",
        "deliveries",
        "pairing",
    ] {
        let seen = setting
            .running
            .ask("GET", &format!("/v1/{list}"), &own)
            .json();
        assert_eq!(seen["items"], json!([]), "{list}");
    }
    for (path, body) in [
        (
            "/v1/mailboxes",
            json!({"name": "m", "webhook_url": sink.url, "signing_credential_ids": [credential]}),
        ),
        (
            "/v1/connections",
            json!({"platform": "http", "mailbox": id, "name": "x"}),
        ),
    ] {
        let answer = setting.running.send("POST", path, &own, &[], &body);
        assert!(
            [404, 422].contains(&answer.status()),
            "{path}: {}",
            answer.body()
        );
    }
    refused(
        &setting
            .running
            .send("POST", "/v1/accounts", &own, &[], &json!({"id": "x"})),
        403,
        "insufficient_scope",
    );
    // What concerns the whole server is the operator's.
    let send = |method: &str, path: &str, body: &Value| {
        setting.running.send(method, path, &own, &[], body)
    };
    let none = json!({});
    let run = json!({"name": "r", "door": "run"});
    let mut inside = json!({"platform": "connector", "settings": {"url": "http://127.0.0.1:1/"}});
    refused(
        &send("POST", "/v1/login-links", &none),
        403,
        "operators_only",
    );
    refused(
        &setting.running.ask("GET", "/v1/doctor", &own),
        403,
        "operators_only",
    );
    refused(&send("POST", "/v1/mailboxes", &run), 403, "operators_only");
    let mine = send("POST", "/v1/mailboxes", &json!({"name": "mine"})).json();
    inside["mailbox"] = mine["id"].clone();
    refused(
        &send("POST", "/v1/connections", &inside),
        403,
        "operators_only",
    );
    // What is theirs is as it was, and everybody has names of their own.
    assert_eq!(
        setting.get(&format!("/v1/mailboxes/{id}")).json()["name"],
        json!("theirs")
    );
    let named = setting.running.send(
        "POST",
        "/v1/mailboxes",
        &own,
        &[],
        &json!({"name": "theirs"}),
    );
    assert_eq!(named.status(), 201, "{}", named.body());
    refused(
        &setting.post("/v1/accounts", &json!({"id": "tenant"})),
        409,
        "name_taken",
    );
}
