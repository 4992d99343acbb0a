//! Adapters in processes of their own: added, lost, found again, and refused.
#![cfg(feature = "connector")]

mod program;
mod radio;

use program::{Answer, Running};
use radio::{Process, Radio, TOKEN};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const ECHO: &str = "[backend]\nkind = \"echo\"\n";

fn add(running: &Running, url: &str, token: &str) -> Answer {
    let body = json!({
        "platform": "connector",
        "settings": {"url": url},
        "secrets": {"token": token},
    });
    asked(running, &body)
}

fn asked(running: &Running, body: &Value) -> Answer {
    let token = running.operator();
    let body = body.to_string();
    let kind = "application/json";
    running.post("/v1/connections", &[&token], kind, body.as_bytes())
}

fn read(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).expect("JSON")
}

/// The only connection of this platform, as it stands.
fn connection(running: &Running, platform: &str) -> Value {
    let list = running.ask("GET", "/v1/connections", &running.operator());
    let list = read(&list)["items"].take();
    let mut own = list.as_array().expect("a list").iter();
    let own = own.find(|row| row["platform"] == platform);
    own.expect("it is there").clone()
}

/// Waits until the connection stands so.
async fn stands(running: &Running, state: &str) {
    let began = Instant::now();
    loop {
        let row = connection(running, "radio");
        if row["health"]["state"] == state {
            return;
        }
        let patient = began.elapsed() < Duration::from_secs(20);
        assert!(patient, "it is not {state}: {row}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server with the radio added and Ada as its owner.
async fn paired(running: &Running, radio: &Radio, process: &Process) -> Value {
    let added = add(running, &process.url(), TOKEN);
    assert_eq!(added.status(), 201, "{}", added.body());
    let added = read(&added);
    assert_eq!(added["platform"], "radio");
    assert_eq!(added["account"], "The radio");
    radio.say(added["pairing_code"].as_str().expect("a code"));
    radio.say("hello");
    radio.hears("hello").await;
    added
}

/// Asks with a fresh inbound token, as a connector in any language may.
fn posted(running: &Running, added: &Value, event: &str, text: &str) -> Answer {
    let path = format!(
        "/v1/connections/{}/messages",
        added["id"].as_str().expect("an id")
    );
    let token = added["inbound_token"].as_str().expect("a token");
    let body = json!({
        "event_id": event,
        "chat": {"handle": "ada"},
        "sender": {"id": "ada"},
        "text": text,
    });
    running.post(
        &path,
        &[token],
        "application/json",
        body.to_string().as_bytes(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_added_is_lost_and_comes_back_and_nothing_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), ECHO);
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let address = process.address;
    let added = paired(&running, &radio, &process).await;
    stands(&running, "connected").await;

    drop(process);
    stands(&running, "down").await;
    let received = posted(&running, &added, "p1", "posted while it is down");
    assert_eq!(received.status(), 200, "{}", received.body());
    radio.say("said while it is down");

    let again = radio.run(Some(address)).await;
    radio.hears("posted while it is down").await;
    let sent = radio.hears("said while it is down").await;
    stands(&running, "connected").await;
    assert_eq!(sent.iter().filter(|it| it.contains("hello")).count(), 1);
    let repeated = posted(&running, &added, "p1", "posted while it is down");
    assert_eq!(read(&repeated)["duplicate"], true);
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_no_connector_running_is_down_and_the_rest_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), ECHO);
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let address = process.address;
    let added = paired(&running, &radio, &process).await;
    drop(process);
    drop(running);
    std::fs::remove_file(folder.path().join("served/serve.json")).expect("it was there");

    let running = Running::start(folder.path(), ECHO);
    stands(&running, "down").await;
    let reason = connection(&running, "radio")["health"]["reason"].clone();
    assert!(
        reason
            .as_str()
            .is_some_and(|it| it.contains("cannot be reached")),
        "{reason}"
    );
    let feed = running.add_feed("alpha");
    let path = format!("/v1/connections/{}/messages", feed.id);
    let body =
        json!({"event_id": "1", "chat": {"handle": "x"}, "sender": {"id": "y"}, "text": "z"});
    let taken = running.post(
        &path,
        &[&feed.token],
        "application/json",
        body.to_string().as_bytes(),
    );
    assert_eq!(taken.status(), 200, "{}", taken.body());
    assert_eq!(
        posted(&running, &added, "p1", "in the meantime").status(),
        200
    );

    let again = radio.run(Some(address)).await;
    radio.hears("in the meantime").await;
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_connection_is_refused_and_nothing_is_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), ECHO);
    let process = Radio::new("radio").run(None).await;
    let url = process.url();
    let native = Radio::new("webchat").run(None).await;
    let known = Radio::new("telegram").run(None).await;
    let feed = Radio::new("alpha").run(None).await;
    running.add_feed("alpha");
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (url, token, status, code) in [
        (
            url.as_str(),
            "another-token-altogether",
            422,
            "credential_refused",
        ),
        (&url, "", 422, "credential_refused"),
        ("", TOKEN, 422, "invalid_settings"),
        ("ftp://127.0.0.1", TOKEN, 422, "invalid_settings"),
        ("http://169.254.169.254", TOKEN, 422, "invalid_settings"),
        (
            &format!("http://{nowhere}"),
            TOKEN,
            502,
            "platform_unavailable",
        ),
        (&native.url(), TOKEN, 409, "name_taken"),
        (&known.url(), TOKEN, 409, "name_taken"),
        (&feed.url(), TOKEN, 409, "conflict"),
    ] {
        let refused = add(&running, url, token);
        assert_eq!(refused.status(), status, "{url}: {}", refused.body());
        assert_eq!(read(&refused)["code"], code, "{url}");
        assert!(!refused.body().contains(TOKEN), "{}", refused.body());
    }
    let more = json!({"platform": "connector", "settings": {"url": url, "more": "x"}, "secrets": {"token": TOKEN}});
    assert_eq!(read(&asked(&running, &more))["code"], "unknown_setting");
    let list = running.ask("GET", "/v1/connections", &running.operator());
    assert!(!list.body().contains("radio"), "{}", list.body());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_added_again_keeps_its_chats_and_its_inbound_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), ECHO);
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let added = paired(&running, &radio, &process).await;
    drop(process);
    let moved = radio.run(None).await;
    let body = json!({
        "platform": "radio",
        "settings": {"url": moved.url()},
        "secrets": {"token": TOKEN},
    });
    let again = read(&asked(&running, &body));
    assert_eq!(again["id"], added["id"], "{again}");
    assert!(again["inbound_token"].is_null(), "{again}");
    stands(&running, "connected").await;
    radio.say("are you there?");
    radio.hears("are you there?").await;
    assert_eq!(posted(&running, &added, "p1", "still valid").status(), 200);
}
