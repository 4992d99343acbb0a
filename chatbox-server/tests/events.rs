//! Every kind of body that is posted, caused by a running server and judged by the schema of the documents and a validator
//! that nobody here wrote.
#![cfg(feature = "connector")]

mod program;
mod radio;

use chatbox_core::store::ServiceKind;
use chatbox_core::template::EventType;
use jsonschema::Validator;
use program::agent::Agent;
use program::sink::Sink;
use program::{Feed, Running};
use radio::{COMES, GOES, Radio};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

/// What the documents say, and nothing besides: a field they do not name is a fault here.
fn judge() -> Validator {
    let text = include_str!("../../docs/events.schema.json");
    let mut schema: Value = serde_json::from_str(text).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema");
    close(&mut schema);
    let judge = jsonschema::options().should_validate_formats(true);
    judge.build(&schema).expect("a schema")
}

fn close(schema: &mut Value) {
    let is_object = schema.get("properties").is_some_and(Value::is_object);
    match schema {
        Value::Object(parts) => {
            parts.values_mut().for_each(close);
            if is_object {
                parts.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(close),
        _ => {}
    }
}

fn kind(body: &Value) -> String {
    body["type"].as_str().expect("a type").to_owned()
}

/// Waits until each of these has come.
fn until(sink: &Sink, kinds: &[&str]) {
    let began = Instant::now();
    loop {
        let came: Vec<String> = sink.wait(0).iter().map(|it| kind(&it.json())).collect();
        if kinds.iter().all(|one| came.iter().any(|it| it == one)) {
            return;
        }
        assert!(began.elapsed() < SOON, "{kinds:?} of {came:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn post(running: &Running, path: &str, body: &Value) -> Value {
    let answer = running.send("POST", path, &running.operator(), &[], body);
    assert!(answer.status() < 300, "{path}: {}", answer.body());
    answer.json()
}

/// Everything that a program may post.
fn feed(running: &Running, feed: &Feed) {
    let events = [
        json!({"event_id": "m1", "text": "hello"}),
        json!({"event_id": "m2", "text": format!("\u{202e}{}", "long ".repeat(10_000))}),
        json!({"event_id": "m3", "text": "see", "attachments": [
            {"filename": "a.txt", "content_type": "text/plain", "data_b64": "aGVsbG8="}]}),
        json!({"event_id": "m4", "type": "edit", "target_message_id": "m1", "text": "hello!"}),
        json!({"event_id": "m5", "type": "reaction", "target_message_id": "m1", "emoji": "👍"}),
        json!({"event_id": "m6", "type": "delete", "target_message_id": "m1"}),
        json!({"event_id": "m7", "type": "poll", "text": "which?"}),
    ];
    for mut event in events {
        event["chat"] = json!({"handle": "room", "name": "The room"});
        event["sender"] = json!({"id": "ana", "name": "Ana"});
        let path = format!("/v1/connections/{}/messages", feed.id);
        let answer = running.send("POST", &path, &feed.token, &[], &event);
        assert_eq!(answer.status(), 200, "{event}: {}", answer.body());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_that_is_posted_is_what_the_schema_says() {
    let (folder, hook, told) = (
        tempfile::tempdir().expect("a folder"),
        Sink::open(),
        Sink::open(),
    );
    let config = format!(
        "allow_private_webhooks = true\n[webhook]\nurl = \"{}\"\nallow_private = true\n\
         [webhook.templates]\nephemeral = \"$CHAT_LIST\"\n",
        hook.url
    );
    let running = Running::start(folder.path(), &config);
    let kinds = ServiceKind::ALL.map(ServiceKind::as_str);
    let all = json!({"url": told.url, "events": kinds});
    post(&running, "/v1/subscriptions", &all);

    feed(&running, &running.add_feed("alerts"));
    until(
        &hook,
        &[
            "message",
            "attachment",
            "edit",
            "reaction",
            "delete",
            "system",
        ],
    );
    let token = post(&running, "/v1/mailboxes/main/mcp-token", &json!({}));
    let token = token["mcp_token"].as_str().expect("a token").to_owned();
    Agent::new(&running, &token).turn_to("alerts:room");

    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let new = json!({"platform": "connector", "settings": {"url": process.url()}, "secrets": {"token": radio::TOKEN}});
    let added = post(&running, "/v1/connections", &new);
    radio.say(added["pairing_code"].as_str().expect("a code"));
    for text in ["hello", COMES, GOES] {
        radio.say(text);
    }
    until(&hook, &["member_join", "member_leave"]);
    until(&told, &["new_chat", "focus_changed", "connection_up"]);
    drop(process);
    until(&told, &["connection_down"]);

    hook.answer_next(&[400]);
    post(&running, "/v1/mailboxes/main/test-delivery", &json!({}));
    until(&hook, &["test"]);
    hook.answer_next(&[400]);
    feed(&running, &running.add_feed("events"));
    until(&told, &["delivery_failed"]);
    hook.answer_next(&[410]);
    feed(&running, &running.add_feed("more"));
    until(&told, &["mailbox_paused"]);
    post(&running, "/v1/mailboxes/main/unpause", &json!({}));
    until(&told, &["mailbox_unpaused"]);

    let judge = judge();
    let mut seen = BTreeSet::new();
    for came in hook.wait(1).iter().chain(&told.wait(1)) {
        let body = came.json();
        let faults: Vec<String> = judge.iter_errors(&body).map(|it| it.to_string()).collect();
        assert!(faults.is_empty(), "{body}: {faults:?}");
        seen.insert(kind(&body));
    }
    let happened = EventType::WITH_TEMPLATE.map(EventType::as_str);
    let others = ["message", "test"];
    let every = happened.iter().chain(&others).chain(&kinds);
    assert_eq!(seen, every.map(|it| (*it).to_owned()).collect());
    for field in ["ephemeral", "truncated", "suspicious_unicode"] {
        let with = |came: &program::sink::Came| came.json().get(field).is_some();
        assert!(hook.wait(1).iter().any(with), "{field} was never there");
    }
}

#[test]
fn what_the_schema_does_not_say_is_seen() {
    let judge = judge();
    let good = json!({"type": "new_chat", "id": "dlv_1", "timestamp": "2023-11-14T22:13:20.000Z",
        "data": {"mailbox_id": "main"}});
    assert!(judge.is_valid(&good));
    for (pointer, wrong) in [
        ("/type", json!("newchat")),
        ("/type", json!("message")),
        ("/id", json!(1)),
        ("/timestamp", json!("yesterday")),
        ("/data", json!({})),
        ("/data", json!({"mailbox_id": "main", "secret": "x"})),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("a field") = wrong;
        assert!(!judge.is_valid(&body), "{body}");
    }
}

#[test]
fn the_program_prints_the_schema_of_the_documents() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program::Program::new(folder.path()).command();
    let done = program::run(command.arg("events-schema"));
    assert!(done.status.success(), "{done:?}");
    let printed = String::from_utf8_lossy(&done.stdout);
    assert_eq!(printed, include_str!("../../docs/events.schema.json"));
}
