//! Mailboxes at the command line: where an agent connects, and with what.

mod program;

use program::{Program, Running, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

fn ask(folder: &Path, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Program::new(folder).command();
    run(command.arg("--data-dir").arg(data).args(arguments))
}

fn answered(folder: &Path, data: &Path, arguments: &[&str]) -> Value {
    let done = ask(folder, data, &[arguments, &["--json"]].concat());
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn is_let_in(running: &Running, token: &Value) -> bool {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let token = token["mcp_token"].as_str().expect("a token");
    let own = running.address();
    let request = format!(
        "POST /mcp/main HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = running.exchange(request.as_bytes());
    match answer.split(' ').nth(1) {
        Some("200") => true,
        Some("401") => false,
        _ => panic!("{answer}"),
    }
}

#[test]
fn a_token_is_shown_once_and_the_next_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let url = format!("http://{}/mcp/main", running.address());
    let list = answered(folder.path(), running.data(), &["mailboxes", "list"]);
    let own = &list["items"][0];
    assert_eq!(own["mcp_url"], json!(url));
    for (field, value) in [("id", "main"), ("door", "run"), ("standing", "active")] {
        assert_eq!(own[field], json!(value), "{own}");
    }

    let new = || {
        answered(
            folder.path(),
            running.data(),
            &["mailboxes", "mcp-token", "main"],
        )
    };
    let first = new();
    assert_eq!(first["mcp_url"], json!(url));
    assert!(is_let_in(&running, &first));
    let second = new();
    assert!(is_let_in(&running, &second) && !is_let_in(&running, &first));

    let text = first["mcp_token"].as_str().expect("a token");
    for file in ["chatbox.db", "chatbox.db-wal"] {
        let kept = std::fs::read(running.data().join(file)).unwrap_or_default();
        let kept = String::from_utf8_lossy(&kept);
        assert!(!kept.contains(text), "{file} holds the token itself");
    }
    let plain = ask(
        folder.path(),
        running.data(),
        &["mailboxes", "mcp-token", "main"],
    );
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(
        plain.contains(&url) && plain.contains("Authorization: Bearer"),
        "{plain}"
    );
}

#[test]
fn a_token_can_be_made_while_no_server_runs_and_a_mailbox_that_is_not_there_gets_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let data = running.data().to_owned();
    for (wrong, exit) in [("nobody", 4), ("../main", 2), ("main?x=1", 2)] {
        let done = ask(folder.path(), &data, &["mailboxes", "mcp-token", wrong]);
        assert_eq!(done.status.code(), Some(exit), "{wrong}: {done:?}");
    }
    drop(running);
    // It was killed, and said of itself where it was.
    std::fs::remove_file(data.join("serve.json")).expect("it was there");
    let token = answered(folder.path(), &data, &["mailboxes", "mcp-token", "main"]);
    let running = Running::start(folder.path(), "");
    assert!(is_let_in(&running, &token));
}
