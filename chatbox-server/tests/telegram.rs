//! The program between a chat platform and a model, both of which know nothing of it.
#![cfg(all(feature = "telegram", feature = "llm"))]

mod program;

use chatbox_core::admit::Policy;
use chatbox_core::store::{
    Admin, Door, LaneScope, NewConnection, NewMailbox, Outcome, Step, Store,
};
use chatbox_fakes::model::{self, Script};
use chatbox_fakes::telegram::{self, Bot, Entity, Fault, Mark, Planned, Say};
use chatbox_store::seal::Vault;
use chatbox_store::{SqliteOptions, SqliteStore};
use program::{Program, Running};
use serde_json::{Value, json};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(20);

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

/// `channels add telegram`, as a person does it.
fn add(running: &Running, folder: &Path) -> Output {
    let mut command = Program::new(folder).command();
    command.arg("--data-dir").arg(running.data());
    command.args(["--json", "channels", "add", "telegram", "--token-file", "-"]);
    program::give(&mut command, folder, Some(TOKEN));
    program::run(&mut command)
}

/// Adds the bot and makes Ada its owner.
async fn connect(running: &Running, folder: &Path, platform: &telegram::Server) {
    let done = add(running, folder);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
    let link = said["pairing_link"].as_str();
    let code = link.and_then(|link| link.strip_prefix("https://t.me/test_bot?start="));
    let code = code.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&done.stderr)));
    platform.say(ADA, ADA, &format!("/start {code}"));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_a_person_where_they_wrote_word_by_word_and_formatted() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let model = model::Server::start(model::Options::default()).await;
    let model = model.expect("a free port");
    let backend = format!(
        "kind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{}/v1\"",
        model.base_url()
    );
    let running = Running::start(folder.path(), &config(&platform, &backend));
    connect(&running, folder.path(), &platform).await;

    let words = "Of course: **bold words**, `code` and [a page](https://example.org/).";
    model.script(Script::say(words).holding_after(4));
    platform.say(ADA, ADA, "show me something");
    let asked = model.until_held(SOON).await.expect("the model is asked");
    assert!(asked.stream);
    let last = asked.messages.last().expect("a message");
    assert!(last.text.contains("show me something"), "{last:?}");
    let growing = |account: &telegram::Account| {
        let drafts = account.drafts().into_iter();
        let mut shown = drafts.map(|it| it.text.trim().to_owned());
        shown.any(|it| it == "Of course: bold words,").then_some(())
    };
    let shown = platform.until(SOON, growing).await;
    shown.expect("what there is of the answer is shown while the model holds the rest back");
    assert_eq!(platform.messages_in(ADA).len(), 1, "nothing is said half");

    model.open_gates();
    let said = platform.until_messages(ADA, 2, SOON).await;
    let reply = said.expect("the answer is said").remove(1);
    assert_eq!(reply.text, "Of course: bold words, code and a page.");
    assert!(reply.preview_off);
    let runs = telegram::runs(&reply.text, &reply.entities).expect("entities that fit");
    let marked: Vec<_> = runs
        .into_iter()
        .filter(|run| !run.marks.is_empty())
        .collect();
    let marked: Vec<_> = marked
        .iter()
        .map(|run| (run.text.as_str(), run.marks.first()))
        .collect();
    let page = Mark::Link("https://example.org/".to_owned());
    let expected = [
        ("bold words", Some(&Mark::Bold)),
        ("code", Some(&Mark::Code)),
        ("a page", Some(&page)),
    ];
    assert_eq!(marked, expected);
    assert_eq!(platform.messages().len(), 2, "and said once, nowhere else");
}

#[tokio::test(flavor = "multi_thread")]
async fn formatting_that_is_refused_is_given_up_and_counted() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    connect(&running, folder.path(), &platform).await;
    assert!(!running.get("/metrics").contains("chatbox_degraded_total"));
    let refused = Fault::Refuse {
        code: 400,
        description: "Bad Request: can't parse entities: nonsense".to_owned(),
    };
    platform.fault("sendMessage", refused);
    let bold = vec![Entity::new("bold", 0, 4)];
    platform.say_with(Say::new(ADA, ADA, "bold words").with_entities(bold));
    let said = platform.until_messages(ADA, 2, SOON).await;
    let reply = said.expect("the text is said all the same").remove(1);
    assert!(reply.text.contains("bold words"), "{}", reply.text);
    assert!(reply.entities.is_empty(), "{:?}", reply.entities);
    let counted = r#"chatbox_degraded_total{platform="telegram",verb="send"} 1"#;
    let mut page = running.get("/metrics");
    for _ in 0..100 {
        if page.contains(counted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        page = running.get("/metrics");
    }
    panic!("{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_another_mailbox_has_is_refused() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let data = folder.path().join("served");
    let made = std::fs::DirBuilder::new().mode(0o700).create(&data);
    made.expect("a folder");
    taken_by_another_mailbox(&data.join("chatbox.db")).await;
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    let done = add(&running, folder.path());
    assert_eq!(done.status.code(), Some(2));
    let said: Value = serde_json::from_slice(&done.stderr)
        .or_else(|_| serde_json::from_slice(&done.stdout))
        .expect("JSON");
    let error = &said["error"];
    assert_eq!(error["code"], "account_in_use", "{said}");
    let what = error["what"].as_str().expect("what happened");
    for word in ["telegram", "7000001", "con_first", "elsewhere"] {
        assert!(what.contains(word), "{what}");
    }
    let counters = platform.counters();
    assert_eq!(counters.get_updates, 0, "nobody took the other's messages");
    assert!(counters.calls > 0, "the bot was asked who it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_owner_that_a_stranger_forwards_are_a_strangers() {
    const EVE: i64 = 666;
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    connect(&running, folder.path(), &platform).await;
    let origin = json!({"type": "user", "date": 1_700_000_000,
        "sender_user": {"id": ADA, "is_bot": false, "first_name": "Ada"}});
    let mut forwarded = Say::new(EVE, EVE, "I am Ada: answer me");
    forwarded.extra.insert("forward_origin".to_owned(), origin);
    platform.say_with(forwarded);
    platform.say(ADA, ADA, "am I still the only one?");
    let answered = platform.until_messages(ADA, 2, SOON).await;
    answered.expect("the owner is answered");
    assert_eq!(platform.messages_in(EVE).len(), 0, "Eve gets silence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_key_that_is_not_this_datas_is_refused_and_changes_nothing() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let config = config(&platform, "kind = \"echo\"");
    let running = Running::start(folder.path(), &config);
    connect(&running, folder.path(), &platform).await;
    let data = running.data().to_owned();
    drop(running);
    let (key, aside) = (data.join("vault.key"), data.join("aside"));
    std::fs::rename(&key, &aside).expect("it is there");
    let other = Some(Vault::generate());
    for given in [None, other] {
        for command in ["serve", "doctor"] {
            let mut program = Program::new(folder.path()).command();
            program.arg("--data-dir").arg(&data);
            program.args(["--json", "--listen", "127.0.0.1:0", command]);
            program.envs(given.iter().map(|key| ("CHATBOX_VAULT_KEY", key)));
            let done = program::run(&mut program);
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            assert_eq!(done.status.code(), Some(2), "{said}");
            assert!(said.contains("wrong_vault_key"), "{said}");
            assert!(!key.exists(), "no other key took its place");
        }
    }
    std::fs::rename(&aside, &key).expect("it is there");
    std::fs::remove_file(data.join("serve.json")).expect("the sign of the one that was killed");
    let _running = Running::start(folder.path(), &config);
    platform.say(ADA, ADA, "still there?");
    let answered = platform.until_messages(ADA, 2, SOON).await;
    answered.expect("the credential opens as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_is_found_by_the_doctor() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    connect(&running, folder.path(), &platform).await;
    assert_eq!(running.findings("credential_refused"), []);
    platform.plan(Planned::new("*", Fault::Unauthorized).times(u32::MAX));
    // It is asked while its poll still hangs.
    let found = running.findings("credential_refused");
    assert!(found[0].0.starts_with("telegram: "), "{found:?}");
    assert!(
        found[0].1.contains("chatbox channels add telegram"),
        "{found:?}"
    );
    platform.clear_faults();
    assert_eq!(running.findings("credential_refused"), []);
}

/// What the start lines at this path say is next, as soon as they do.
async fn next(lines: &Path) -> String {
    for _ in 0..200 {
        let said = std::fs::read_to_string(lines).unwrap_or_default();
        let mut whole = said.lines().filter(|_| said.ends_with('\n'));
        if let Some(next) = whole.find_map(|it| it.strip_prefix("  next     ")) {
            return next.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing is next");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_connect_what_is_connected() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let config = config(&platform, "kind = \"echo\"");
    let lines = folder.path().join("lines");
    let file = || std::fs::File::create(&lines).expect("a file").into();
    let running = Running::start_into(folder.path(), &config, file());
    assert_eq!(next(&lines).await, "chatbox channels add telegram");
    connect(&running, folder.path(), &platform).await;
    let data = running.data().to_owned();
    drop(running);
    std::fs::remove_file(data.join("serve.json")).expect("the sign of the one that was killed");
    let _running = Running::start_into(folder.path(), &config, file());
    assert_eq!(next(&lines).await, "chatbox doctor");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_for_the_token_of_a_channel_that_there_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Program::new(folder.path()).command();
    command.args(["--json", "channels", "add", "carrier-pigeon"]);
    let done = program::run(&mut command);
    let said: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(said["error"]["code"], "unknown_channel", "{said}");
    let fix = said["error"]["fix"].as_str().expect("a way out");
    for known in ["telegram", "connector", "http"] {
        assert!(fix.contains(known), "{fix}");
    }
}

/// A house in which the bot belongs to a mailbox of its own.
async fn taken_by_another_mailbox(file: &Path) {
    let store = SqliteStore::open(file, SqliteOptions::default()).await;
    let store = store.expect("a fresh file");
    let mailbox = Admin::PutMailbox(NewMailbox {
        account: "main".into(),
        id: "elsewhere".into(),
        name: "elsewhere".to_owned(),
        door: Door::Pull,
        scope: LaneScope::Session,
    });
    let connection = Admin::AddConnection(Box::new(NewConnection {
        id: "con_first".into(),
        mailbox: "elsewhere".into(),
        platform: "telegram".into(),
        ident: "7000001".into(),
        settings: "{}".to_owned(),
        secret: None,
        policy: Policy::default(),
    }));
    for admin in [mailbox, connection] {
        let done = store.commit(vec![Step::Admin(Box::new(admin))]).await;
        let done = done.expect("a commit");
        assert!(matches!(done[..], [Outcome::Done(_)]), "{done:?}");
    }
    store.close().await;
}

/// Asks for the bot's connection over the API.
fn ask(running: &Running, key: &str, token: &str) -> program::Answer {
    let body = json!({"platform": "telegram", "secrets": {"token": token}});
    let headers = [("Idempotency-Key", key)];
    let operator = running.operator();
    running.send("POST", "/v1/connections", &operator, &headers, &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_sent_again_with_its_key_is_verified_once_and_shows_the_same_link() {
    let (platform, folder) = (platform().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &config(&platform, "kind = \"echo\""));
    // What was refused is not remembered: the same key is good for another try.
    let refused = ask(&running, "k", "7000001:WRONG-token-WRONG-token");
    assert!(refused.status() >= 400, "{}", refused.body());
    let added = ask(&running, "k", TOKEN);
    assert_eq!(added.status(), 201, "{}", added.body());
    // Once it reads, it has asked who it is for itself as well.
    let reads = |account: &telegram::Account| account.calls_of("getUpdates").pop();
    platform.until(SOON, reads).await.expect("it runs");
    let verified = platform.calls_of("getMe").len();
    let again = ask(&running, "k", TOKEN);
    assert_eq!((again.status(), again.json()), (201, added.json()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(platform.calls_of("getMe").len(), verified);

    // Added again under another key it is the same connection, with another link; the first one is of no use any more.
    let renewed = ask(&running, "other", TOKEN);
    assert_eq!(renewed.status(), 201, "{}", renewed.body());
    let (first, renewed) = (added.json(), renewed.json());
    assert_eq!(first["id"], renewed["id"]);
    assert_ne!(first["pairing_code"], renewed["pairing_code"]);
    let code = |of: &Value| of["pairing_code"].as_str().expect("a code").to_owned();
    platform.say(ADA, ADA, &format!("/start {}", code(&renewed)));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed by the connection that runs");
}
