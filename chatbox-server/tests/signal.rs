//! The program between a signal-cli daemon and an echo, neither of which knows anything of it.
#![cfg(feature = "signal")]

mod program;

use chatbox_fakes::signal::{Say, Sent, Server, uuid};
use program::{Program, Running, beside};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const ACCOUNT: &str = "+4915100000000";
const SOON: Duration = Duration::from_secs(20);
const ADD: [&str; 3] = ["channels", "add", "signal"];
const LIST: [&str; 2] = ["channels", "list"];

async fn daemon() -> Server {
    Server::start(ACCOUNT).await.expect("a free port")
}

fn config(daemon: &Server) -> String {
    let base = daemon.addr();
    format!("[backend]\nkind = \"echo\"\n[channels.signal]\napi_base = \"tcp://{base}\"\n")
}

/// Waits until so many messages were sent.
async fn sent(daemon: &Server, count: usize) -> Vec<Sent> {
    let began = Instant::now();
    loop {
        let all = daemon.messages();
        if all.len() >= count {
            return all;
        }
        assert!(began.elapsed() < SOON, "{count} did not come: {all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn say(daemon: &Server, text: &str) {
    daemon.say(Say {
        from: 1,
        text: text.to_owned(),
        ..Say::default()
    });
}

/// Adds the account and makes the first person its owner.
async fn connect(running: &Running, folder: &Path, daemon: &Server) -> Value {
    let (status, said) = beside(running, folder, &ADD, None);
    assert_eq!(status, Some(0), "{said}");
    say(daemon, said["pairing_code"].as_str().expect("a code"));
    sent(daemon, 1).await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_and_a_restart_loses_and_repeats_nothing() {
    let (daemon, folder) = (daemon().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&daemon));
    let added = connect(&running, folder.path(), &daemon).await;
    assert_eq!(added["account"], ACCOUNT);
    say(&daemon, "are you there?");
    let answer = sent(&daemon, 2).await.remove(1);
    assert!(answer.text.contains("are you there?"), "{answer:?}");
    assert_eq!(answer.recipient, Some(uuid(1)));

    running.killed();
    say(&daemon, "while you were away");
    let _running = Running::start(folder.path(), &config(&daemon));
    let answer = sent(&daemon, 3).await.remove(2);
    assert!(answer.text.contains("while you were away"), "{answer:?}");
    say(&daemon, "and now?");
    let all = sent(&daemon, 4).await;
    assert!(all[3].text.contains("and now?"), "{all:?}");
    assert_eq!(all.len(), 4, "nothing is said twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_linked_is_refused_with_the_way_to_link_it() {
    let (daemon, folder) = (daemon().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&daemon));
    daemon.revoke(true);
    let (status, said) = beside(&running, folder.path(), &ADD, None);
    assert_eq!(status, Some(2), "{said}");
    assert_eq!(said["error"]["code"], "credential_refused", "{said}");
    let what = said["error"]["what"].as_str().expect("what happened");
    assert!(what.contains("Linked devices > Link new device"), "{what}");
    let code = said["error"]["scan"].as_str().expect("what to scan");
    assert!(
        code.starts_with("sgnl://linkdevice?") && what.contains(code),
        "{what}"
    );
    let mut shown = Program::new(folder.path()).command();
    shown.arg("--data-dir").arg(running.data()).args(ADD);
    let shown = String::from_utf8_lossy(&program::run(&mut shown).stderr).into_owned();
    assert!(
        shown.contains("sgnl://linkdevice?") && shown.contains("█"),
        "{shown}"
    );
    let refused = [
        (
            &["--set", "account=+4915122222222"][..],
            "credential_refused",
            "sgnl://linkdevice?",
        ),
        (
            &["--set", "account=ada"],
            "invalid_settings",
            "+4915112345678",
        ),
        (&["--set", "number=1"], "unknown_setting", "account"),
        (
            &["--api-base", "ftp://127.0.0.1:1"],
            "invalid_settings",
            "tcp://127.0.0.1:7583",
        ),
        (
            &["--token-file", "-"],
            "secret_ambiguous",
            "nothing secret is needed",
        ),
    ];
    for (more, code, word) in refused {
        let (_, said) = beside(
            &running,
            folder.path(),
            &[&ADD[..], more].concat(),
            Some("x"),
        );
        assert_eq!(said["error"]["code"], code, "{said}");
        assert!(said.to_string().contains(word), "{said}");
    }
    let (_, list) = beside(&running, folder.path(), &LIST, None);
    assert!(!list.to_string().contains("signal"), "{list}");
    // The last code counts, as with every phone.
    assert!(!daemon.scan(code), "another was asked for since");
    let (_, said) = beside(&running, folder.path(), &ADD, None);
    let code = said["error"]["scan"].as_str().expect("what to scan");
    let began = Instant::now();
    while !daemon.scan(code) {
        assert!(began.elapsed() < SOON, "the server waits for the phone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connect(&running, folder.path(), &daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_run_is_said_with_the_way_to_start_it() {
    let (daemon, folder) = (daemon().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&daemon));
    daemon.refuse_connections().await;
    let (status, said) = beside(&running, folder.path(), &ADD, None);
    assert_ne!(status, Some(0), "{said}");
    assert_eq!(said["error"]["code"], "platform_unavailable", "{said}");
    let what = said["error"]["what"].as_str().expect("what happened");
    assert!(what.contains("signal-cli daemon"), "{what}");
    let (_, list) = beside(&running, folder.path(), &LIST, None);
    assert!(!list.to_string().contains("signal"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_revoked_is_found_and_a_new_one_taken_up() {
    let (daemon, folder) = (daemon().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&daemon));
    connect(&running, folder.path(), &daemon).await;
    assert_eq!(running.findings("credential_refused"), []);
    daemon.revoke(true);
    // The doctor asks; whoever only listens hears of it with the next sign of life.
    let found = running.findings("credential_refused");
    assert!(
        found[0].0.contains("signal-cli link -n chatbox"),
        "{found:?}"
    );
    daemon.cut();
    let health = running.until_health("signal", |it| it["state"] == "needs_attention");
    let reason = health["reason"].to_string();
    assert!(reason.contains("signal-cli link -n chatbox"), "{reason}");
    daemon.revoke(false);
    let (status, said) = beside(&running, folder.path(), &ADD, None);
    assert_eq!(status, Some(0), "{said}");
    running.until_health("signal", |it| it["state"] == "connected");
    say(&daemon, "are you back?");
    let answer = sent(&daemon, 2).await.remove(1);
    assert!(answer.text.contains("are you back?"), "{answer:?}");
}

/// It needs no secret: whoever could add it elsewhere would speak as whoever runs this server.
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_account_is_added_by_nobody_else() {
    let (daemon, folder) = (daemon().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&daemon));
    let send = |path: &str, token: &str, body: &Value| running.send("POST", path, token, &[], body);
    let tenant = send(
        "/v1/accounts",
        &running.operator(),
        &json!({"id": "tenant"}),
    )
    .json();
    let key = tenant["api_key"].as_str().expect("a key");
    let mailbox = send("/v1/mailboxes", key, &json!({"name": "theirs"})).json();
    let asked = json!({"platform": "signal", "mailbox": mailbox["id"]});
    let answer = send("/v1/connections", key, &asked);
    assert_eq!(answer.status(), 403, "{}", answer.body());
    assert_eq!(answer.json()["code"], "operators_only");
    assert_eq!(daemon.subscribed(), 0);
}
