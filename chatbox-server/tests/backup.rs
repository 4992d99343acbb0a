//! Everything saved while it is in use, and brought back.
#![cfg(all(feature = "telegram", feature = "llm"))]

mod program;

use chatbox_fakes::model::{self, Script};
use chatbox_fakes::telegram::{self, Bot, Fault};
use program::{Program, Running};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(30);

async fn platform() -> telegram::Server {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    telegram::Server::start(options).await.expect("a free port")
}

fn config(platform: &telegram::Server, backend: &str) -> String {
    let base = platform.base_url();
    format!("[backend]\n{backend}\n[channels.telegram]\napi_base = \"{base}\"\n")
}

/// A command for the data, whether a server has it or not.
fn command(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Program::new(folder).command();
    command.arg("--data-dir").arg(folder.join("served"));
    command.arg("--config").arg(folder.join("served.toml"));
    program::run(command.arg("--json").args(arguments))
}

fn told(done: &Output) -> Value {
    assert!(
        done.status.success(),
        "{} {}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn refused(done: &Output, exit: i32, code: &str) {
    let said: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done.status.code(), Some(exit), "{said}");
    assert_eq!(said["error"]["code"], code, "{said}");
}

/// Adds the bot and makes Ada its owner.
async fn connect(folder: &Path, platform: &telegram::Server) {
    let mut add = Program::new(folder).command();
    add.arg("--data-dir").arg(folder.join("served"));
    add.args(["--json", "channels", "add", "telegram", "--token-file", "-"]);
    program::give(&mut add, folder, Some(TOKEN));
    let said = told(&program::run(&mut add));
    let link = said["pairing_link"].as_str().expect("a link");
    let code = link.rsplit('=').next().expect("a code");
    platform.say(ADA, ADA, &format!("/start {code}"));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
}

fn stop(mut running: Running) {
    let told = std::process::Command::new("kill")
        .arg(running.pid().to_string())
        .status();
    assert!(told.expect("kill").success());
    let ended = running.ended(Duration::from_secs(15)).expect("it ends");
    assert!(ended.success());
}

/// Posts messages one after the other until told to stop, and says which were taken.
fn post_until(running: &Running, feed: &program::Feed, stop: &AtomicBool) -> Vec<String> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let body = json!({
            "event_id": taken.len().to_string(), "chat": {"handle": "room"},
            "sender": {"id": format!("probe{}", taken.len())}, "text": format!("reading {}", taken.len()),
        });
        let path = format!("/v1/connections/{}/messages", feed.id);
        let kind = "application/json";
        let answer = running.post(&path, &[&feed.token], kind, body.to_string().as_bytes());
        let said: Value = serde_json::from_str(answer.body()).expect("JSON");
        taken.push(said["message_id"].as_str().expect("taken").to_owned());
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_whole_and_nothing_of_it_is_sent_twice() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    connect(folder.path(), &platform).await;
    let feed = running.add_feed("alarms");
    let file = folder.path().join("saved");
    let stopped = AtomicBool::new(false);
    let (taken, saved) = std::thread::scope(|threads| {
        let posting = threads.spawn(|| post_until(&running, &feed, &stopped));
        for n in 0..8 {
            platform.say(ADA, ADA, &format!("word {n}"));
            std::thread::sleep(Duration::from_millis(50));
        }
        let path = file.to_str().expect("a path");
        let saved = told(&command(folder.path(), &["backup", path]));
        std::thread::sleep(Duration::from_millis(300));
        stopped.store(true, Ordering::Relaxed);
        (posting.join().expect("it posts"), saved)
    });
    let mode = std::fs::metadata(&file).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(saved["messages"].as_u64() > Some(0), "{saved}");
    let again = command(folder.path(), &["backup", file.to_str().expect("a path")]);
    refused(&again, 2, "exists");
    let last = |account: &telegram::Account| {
        let messages = account.messages_in(ADA);
        messages
            .iter()
            .any(|it| it.text.contains("word 7"))
            .then_some(())
    };
    let answered = platform.until(SOON, last).await;
    answered.expect("everything is answered in the meantime");
    let before = platform.messages().len();
    let server = command(
        folder.path(),
        &["restore", "--yes", file.to_str().expect("a path")],
    );
    refused(&server, 3, "already_running");
    stop(running);

    let unasked = command(folder.path(), &["restore", file.to_str().expect("a path")]);
    refused(&unasked, 2, "confirmation_required");
    let back = command(
        folder.path(),
        &["restore", "--yes", file.to_str().expect("a path")],
    );
    let back = told(&back);
    assert_eq!(back["messages"], saved["messages"]);
    let aside = back["before"].as_str().expect("what was there is kept");
    assert!(Path::new(aside).exists());

    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    // What was posted is in the backup up to one, and not after it: no hole.
    let there: Vec<bool> = [
        &taken[0],
        &taken[taken.len() / 2],
        taken.last().expect("some"),
    ]
    .iter()
    .map(|id| {
        let path = format!("/v1/messages/{id}/trace");
        running.ask("GET", &path, &running.operator()).status() == 200
    })
    .collect();
    assert!(there[0] && !there[2], "{there:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(platform.messages().len(), before, "nothing is sent twice");
    platform.say(ADA, ADA, "still there?");
    let answered = platform.until_messages(ADA, before + 1, SOON).await;
    let answered = answered.expect("what is new is answered");
    assert!(
        answered[before].text.contains("still there?"),
        "{answered:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_sent_or_answered_at_the_backup_waits_for_a_person() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let model = model::Server::start(model::Options::default()).await;
    let model = model.expect("a free port");
    let backend = format!(
        "kind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{}/v1\"",
        model.base_url()
    );
    let config = config(&platform, &backend);
    let running = Running::start(folder.path(), &config);
    connect(folder.path(), &platform).await;
    model.script(Script::say("a late answer"));
    let busy = Fault::TooManyRequests { retry_after: 10 };
    platform.fault("sendMessage", busy);
    platform.say(ADA, ADA, "one");
    let queued = || {
        let list = told(&command(
            folder.path(),
            &["deliveries", "list", "--state", "queued"],
        ));
        list["items"].as_array().expect("a list").len()
    };
    let began = std::time::Instant::now();
    while queued() == 0 {
        assert!(began.elapsed() < SOON, "the answer waits for the platform");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    model.script(Script::say("a very long thought").holding_after(1));
    platform.say(ADA, ADA, "two");
    model.until_held(SOON).await.expect("the model thinks");
    let file = folder.path().join("saved");
    let path = file.to_str().expect("a path");
    told(&command(folder.path(), &["backup", path]));
    model.open_gates();
    let all = platform.until_messages(ADA, 3, SOON).await;
    all.expect("both are answered after the backup");
    let asked = model.requests().len();
    stop(running);

    let back = told(&command(folder.path(), &["restore", "--yes", path]));
    assert_eq!(back["unknown"], 1, "{back}");
    assert_eq!(
        back["unanswered"].as_array().map(Vec::len),
        Some(1),
        "{back}"
    );
    let running = Running::start(folder.path(), &config);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(platform.messages_in(ADA).len(), 3, "nothing is sent twice");
    assert_eq!(model.requests().len(), asked, "nothing is thought twice");
    let list = told(&command(folder.path(), &["deliveries", "list", "--failed"]));
    let doubt = &list["items"][0];
    assert_eq!(doubt["state"], "unknown", "{list}");
    assert_eq!(doubt["reason"], "restored from a backup", "{list}");
    let id = doubt["id"].as_str().expect("an id");
    command(folder.path(), &["deliveries", "retry", id]);
    let sent = platform.until_messages(ADA, 4, SOON).await;
    let sent = sent.expect("a person may have it sent");
    assert_eq!(sent[3].text, "a late answer");
    drop(running);
}

#[test]
fn a_backup_without_room_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    told(&command_in(
        folder.path(),
        "exec \"$@\"",
        &["mailboxes", "list"],
    ));
    let file = folder.path().join("saved");
    let path = file.to_str().expect("a path");
    let small = "trap '' XFSZ; ulimit -f 300; exec \"$@\"";
    let done = command_in(folder.path(), small, &["backup", path]);
    refused(&done, 5, "io_error");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|it| it.expect("a name").file_name())
        .filter(|name| name.to_string_lossy().starts_with("saved"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
    told(&command_in(folder.path(), "exec \"$@\"", &["backup", path]));
}

/// A command begun by a shell.
fn command_in(folder: &Path, shell: &str, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new("sh");
    command
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin");
    command.args(["-c", shell, "sh", env!("CARGO_BIN_EXE_chatbox")]);
    command.arg("--data-dir").arg(folder.join("data"));
    program::run(command.arg("--json").args(arguments))
}

#[test]
fn migrating_twice_or_at_once_changes_nothing_more() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("served.toml"), "").expect("a file");
    let first = told(&command(folder.path(), &["migrate"]));
    let again = told(&command(folder.path(), &["migrate"]));
    assert_eq!(first, again);
    assert_eq!(first["schema"], 1);
    let running = Running::start(folder.path(), "");
    let now = command(folder.path(), &["migrate"]);
    refused(&now, 3, "already_running");
    drop(running);
}

#[test]
fn only_the_operator_has_files_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let file = folder.path().join("saved");
    let body = json!({"path": file}).to_string();
    let (_, admin) = running.add_token("boss", "admin");
    for (token, path, status) in [
        (admin.as_str(), body.as_str(), 403),
        (running.operator().as_str(), r#"{"path": "saved"}"#, 422),
        (running.operator().as_str(), r#"{"path": "/"}"#, 422),
    ] {
        let answer = running.post(
            "/operator/backup",
            &[token],
            "application/json",
            path.as_bytes(),
        );
        assert_eq!(answer.status(), status, "{}", answer.body());
    }
    assert!(!file.exists());
    let answer = running.post("/operator/backup", &[], "application/json", body.as_bytes());
    assert_eq!(answer.status(), 401);
}
