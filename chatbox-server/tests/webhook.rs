//! A mailbox whose agent lives elsewhere: every message is posted there, signed, in order, and none is lost.

mod program;

use program::sink::{Came, Sink};
use program::{Feed, Program, Running, run};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

fn config(sink: &Sink) -> String {
    let url = &sink.url;
    format!(
        "[webhook]\nurl = \"{url}\"\nallow_private = true\n[webhook.templates]\nephemeral = \"$CHAT_LIST\"\n"
    )
}

/// Somebody says something; what the API calls it.
fn say(running: &Running, feed: &Feed, id: &str, text: &str) -> Value {
    let event = json!({
        "event_id": id, "type": "message",
        "chat": {"handle": "room", "kind": "dm"},
        "sender": {"id": "ana", "name": "Ana"}, "text": text,
    });
    let path = format!("/v1/connections/{}/messages", feed.id);
    let body = event.to_string();
    let answer = running.post(&path, &[&feed.token], "application/json", body.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.body());
    let told: Value = serde_json::from_str(answer.body()).expect("JSON");
    told["message_id"].clone()
}

fn mailboxes(folder: &Path, data: &Path, arguments: &[&str]) -> Value {
    let mut command = Program::new(folder).command();
    command.arg("mailboxes").args(arguments);
    let done = run(command.arg("--json").arg("--data-dir").arg(data));
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).expect("JSON")
}

#[test]
fn a_message_is_posted_once_signed_so_that_others_can_verify_it() {
    let (folder, sink) = (tempfile::tempdir().expect("a folder"), Sink::open());
    let running = Running::start(folder.path(), &config(&sink));
    let place = sink
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/hook");
    let health = running.get("/health");
    assert!(health.contains(&format!("webhook {place}")), "{health}");
    let feed = running.add_feed("alerts");
    let named = say(&running, &feed, "e1", "hello \"agent\" $TEXT");
    let came = sink.wait(1).remove(0);

    let secret = std::fs::read_to_string(running.data().join("webhook.secret"));
    let judge = standardwebhooks::Webhook::new(secret.expect("it was made").trim());
    let judge = judge.expect("a secret as the standard writes it");
    let mut headers = http_headers(&came);
    judge
        .verify(came.body.as_bytes(), &headers)
        .expect("it verifies");
    let forged = came.body.replace("hello", "hullo");
    assert!(judge.verify(forged.as_bytes(), &headers).is_err());
    headers.insert("webhook-id", "dlv_999".parse().expect("a value"));
    assert!(judge.verify(came.body.as_bytes(), &headers).is_err());

    let body = came.json();
    assert_eq!(body["type"], "message");
    assert_eq!(body["mailbox_id"], "main");
    assert_eq!(body["chat_id"], "alerts:room");
    assert_eq!(body["message_id"], named);
    assert_eq!(body["focal"], false);
    assert_eq!(
        Some(body["id"].as_str().expect("an id")),
        came.header("webhook-id")
    );
    let content = body["content"].as_str().expect("a text");
    assert!(content.contains("hello \"agent\" $TEXT"), "{content}");
    assert!(content.contains("switch_chat"), "{content}");
    let beside = body["ephemeral"].as_str().expect("its template is set");
    assert!(beside.contains("alerts:room"), "{beside}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sink.wait(1).len(), 1, "once");
}

fn http_headers(came: &Came) -> axum::http::HeaderMap {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let value = |name| {
        came.header(name)
            .expect("it is signed")
            .parse()
            .expect("a value")
    };
    names
        .into_iter()
        .map(|name| (name.parse().expect("a name"), value(name)))
        .collect()
}

#[test]
fn what_an_endpoint_did_not_take_survives_a_kill_and_comes_in_order() {
    let (folder, sink) = (tempfile::tempdir().expect("a folder"), Sink::open());
    // The first attempt is refused for now; the next one is due seconds later.
    sink.answer_next(&[503]);
    let running = Running::start(folder.path(), &config(&sink));
    let feed = running.add_feed("alerts");
    for n in 0..5 {
        say(&running, &feed, &format!("e{n}"), &format!("number {n}"));
    }
    let first = sink.wait(1).remove(0);
    drop(running);
    let running = Running::start(folder.path(), &config(&sink));
    let came = sink.wait(6);
    assert_eq!(came.len(), 6);
    assert_eq!(
        came[1].header("webhook-id"),
        first.header("webhook-id"),
        "the same delivery in every attempt"
    );
    let ids: Vec<_> = came.iter().map(|it| it.json()["id"].clone()).collect();
    let texts: Vec<_> = came[1..]
        .iter()
        .map(|it| it.json()["content"].to_string())
        .collect();
    for (n, text) in texts.iter().enumerate() {
        assert!(text.contains(&format!("number {n}")), "{texts:?}");
    }
    let mut once = ids[1..].to_vec();
    once.dedup();
    assert_eq!(once.len(), 5, "{ids:?}");
    drop(running);
}

#[test]
fn an_endpoint_that_is_gone_pauses_the_mailbox_until_somebody_says_otherwise() {
    let (folder, sink) = (tempfile::tempdir().expect("a folder"), Sink::open());
    sink.answer_next(&[410]);
    let running = Running::start(folder.path(), &config(&sink));
    let feed = running.add_feed("alerts");
    say(&running, &feed, "e1", "one");
    sink.wait(1);
    let began = Instant::now();
    while mailboxes(folder.path(), running.data(), &["list"])["items"][0]["standing"] != "paused" {
        assert!(began.elapsed() < SOON, "it is not paused");
    }
    say(&running, &feed, "e2", "two");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        sink.wait(1).len(),
        1,
        "nothing is posted while it is paused"
    );
    mailboxes(folder.path(), running.data(), &["unpause", "main"]);
    let came = sink.wait(3);
    assert!(came[1].body.contains("one") && came[2].body.contains("two"));
    assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"));
}

#[test]
fn a_webhook_that_cannot_work_is_refused_at_the_start_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        ("url = \"http://127.0.0.1:9/x\"", "url_blocked"),
        (
            "url = \"http://169.254.169.254/\"\nallow_private = true",
            "url_blocked",
        ),
        ("url = \"nowhere\"", "invalid_url"),
        ("url = \"https://u:p@agent.example/\"", "invalid_url"),
        (
            "url = \"https://agent.example/\"\ntemplates = { focal_message = \"$NOBODY\" }",
            "invalid_template",
        ),
        (
            "url = \"https://agent.example/\"\nsecret = \"x\"",
            "unknown_key",
        ),
        (
            "url = \"https://agent.example/\"\n[backend]\nkind = \"echo\"",
            "two_answers",
        ),
    ];
    for (table, code) in cases {
        let path = folder.path().join("chatbox.toml");
        std::fs::write(&path, format!("[webhook]\n{table}\n")).expect("a file");
        let mut command = Program::new(folder.path()).command();
        let done = run(command.args(["config", "check", "--config"]).arg(&path));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(said.contains(&format!("[{code}]")), "{table}: {said}");
        assert!(said.contains("fix:"), "{table}: {said}");
        assert_eq!(done.status.code(), Some(2), "{table}");
    }
}
