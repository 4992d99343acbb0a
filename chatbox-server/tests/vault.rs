//! The keys that seal secrets, of the program as it is run: a start without one of them, and a change of keys under load.

mod program;

use chatbox_core::id::ConnectionId;
use chatbox_core::store::{
    Admin, Door, KeyUse, LaneScope, NewConnection, NewMailbox, NewRecord, Once, RecordKind,
    SecretBox, Step, Store,
};
use chatbox_store::seal::Vault;
use chatbox_store::{SqliteOptions, SqliteStore};
use program::{Program, Running};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A command beside the data of `Running::start`.
fn chatbox(folder: &Path, words: &[&str], keys: Option<&str>) -> Output {
    let mut program = Program::new(folder).command();
    program.arg("--data-dir").arg(folder.join("served"));
    program
        .args(["--json", "--listen", "127.0.0.1:0"])
        .args(words);
    program.envs(keys.map(|keys| ("CHATBOX_VAULT_KEY", keys)));
    program::run(&mut program)
}

fn said(done: &Output) -> Value {
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {error}"))
}

fn answered(folder: &Path, words: &[&str]) -> Value {
    let done = chatbox(folder, words, None);
    assert!(done.status.success(), "{words:?}: {}", said(&done));
    said(&done)
}

/// The code of a command that is refused.
fn refused(folder: &Path, words: &[&str], keys: Option<&str>) -> (Option<i32>, String) {
    let done = chatbox(folder, words, keys);
    let code = said(&done)["error"]["code"].clone();
    (
        done.status.code(),
        code.as_str().unwrap_or_default().to_owned(),
    )
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("served/vault.key")
}

fn keys_of(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(key_file(folder)).expect("a key file");
    text.lines().map(str::to_owned).collect()
}

fn vault(folder: &Path) -> Vault {
    Vault::from_base64(&keys_of(folder).join(",")).expect("keys")
}

/// What lies in the folder of the data, to the byte, but for the lock and what a server says of itself.
fn bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = std::fs::read_dir(folder.join("served")).expect("a folder");
    let files = all
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.is_file());
    let lasting = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !(name.ends_with(".lock") || name == "serve.json")
    };
    let mut files: Vec<_> = files
        .filter(lasting)
        .map(|path| (path.clone(), std::fs::read(path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Where a value may be sealed.
#[derive(Clone, Copy, Debug)]
enum Place {
    Connection,
    Archived,
    Credential,
    State,
    Reply,
}

const PLACES: [Place; 5] = [
    Place::Connection,
    Place::Archived,
    Place::Credential,
    Place::State,
    Place::Reply,
];

/// So many values of each kind but connections, sealed in a database of nobody's.
async fn fill(store: &dyn Store, vault: &Vault, count: usize, places: &[Place]) {
    let mut all = vec![Admin::PutMailbox(NewMailbox {
        account: "main".into(),
        id: "m".into(),
        name: "m".to_owned(),
        door: Door::Pull,
        scope: LaneScope::Session,
    })];
    let json = |sealed: &SecretBox| serde_json::to_string(sealed).expect("JSON");
    let connection = |id: &str, platform: &str, secret| {
        Admin::AddConnection(Box::new(NewConnection {
            id: id.into(),
            mailbox: "m".into(),
            platform: platform.into(),
            ident: id.into(),
            settings: "{}".to_owned(),
            secret,
            policy: chatbox_core::admit::Policy::default(),
        }))
    };
    for place in places {
        match place {
            Place::Connection => {
                let secret = vault.seal("connection_secrets", "con_1", b"{\"token\":\"hush\"}");
                all.push(connection("con_1", "alpha", Some(secret)));
            }
            Place::Archived => {
                let secret = vault.seal("connection_secrets", "con_2", b"{\"token\":\"hush\"}");
                all.push(connection("con_2", "beta", Some(secret)));
                all.push(Admin::RemoveConnection {
                    connection: "con_2".into(),
                });
            }
            Place::Credential => all.extend((0..count).map(|n| {
                let id = format!("crd_{n}");
                let sealed = vault.seal("credential/webhook_auth", &id, b"hush");
                Admin::PutRecord(NewRecord {
                    kind: RecordKind::Credential,
                    account: "main".into(),
                    name: id.clone(),
                    id,
                    rev: None,
                    body: format!(r#"{{"kind":"webhook_auth","sealed":{}}}"#, json(&sealed)),
                    uses: Vec::new(),
                })
            })),
            Place::State => {
                all.push(connection("con_3", "gamma", None));
                all.extend((0..count).map(|n| Admin::PutState {
                    connection: "con_3".into(),
                    key: format!("k{n}"),
                    rev: 0,
                    value: vault.seal("adapter_state", &format!("con_3/k{n}"), b"hush"),
                }));
            }
            Place::Reply => all.extend((0..count).map(|n| {
                let key = format!("r{n}");
                Admin::Once(Once {
                    reply: json(&vault.seal("reply", &key, b"hush")),
                    key,
                    asked: "hash".to_owned(),
                    ttl_ms: 3_600_000,
                })
            })),
        }
    }
    let steps = all.into_iter().map(|it| Step::Admin(Box::new(it)));
    let outcomes = store.commit(steps.collect()).await.expect("a commit");
    for outcome in outcomes {
        let text = format!("{outcome:?}");
        assert!(text.starts_with("Done"), "{text}");
    }
}

async fn open(folder: &Path) -> SqliteStore {
    let path = folder.join("served/chatbox.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).await;
    store.expect("it opens")
}

/// Every sealed value opens with these keys, and only the first of them is named.
async fn all_open(store: &dyn Store, vault: &Vault, count: usize) {
    let keys = store.keys().await.expect("a read");
    let one = KeyUse {
        key: vault.key_id(),
        values: 2 + 3 * count as u64,
    };
    assert_eq!(keys, [one]);
    for sealed in store.sealed("", None, 10_000).await.expect("a read") {
        let (id, key) = (&sealed.place.id, &sealed.place.key);
        let (purpose, row) = match sealed.place.of.as_str() {
            "connection" => ("connection_secrets", id.clone()),
            "credential" => ("credential/webhook_auth", id.clone()),
            "state" => ("adapter_state", format!("{id}/{key}")),
            _ => ("reply", id.clone()),
        };
        let value = sealed.value().expect("a sealed value");
        let plain = vault.open(purpose, &row, &value).expect("it opens");
        assert!(
            String::from_utf8_lossy(&plain).contains("hush"),
            "{}",
            sealed.place
        );
    }
}

/// A data folder with a database and a key.
fn made() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    answered(&path, &["vault", "status"]);
    (folder, path)
}

/// A server that answers.
fn serve(folder: &Path) -> Running {
    let running = Running::start(folder, "[backend]\nkind = \"none\"\n");
    running.get("/health/ready");
    running
}

/// Kills a server, and takes away the sign it leaves.
fn kill(running: Running, folder: &Path) {
    drop(running);
    std::fs::remove_file(folder.join("served/serve.json")).expect("its sign");
}

/// Ends a server in good order.
fn stop(running: &mut Running) {
    let pid = running.pid().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.expect("kill").success());
    running.ended(Duration::from_secs(10)).expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_anywhere_that_names_another_key_stops_the_start_before_anything_is_written() {
    for place in PLACES {
        let (_keep, folder) = made();
        let store = open(&folder).await;
        let foreign = Vault::from_base64(&Vault::generate()).expect("a key");
        fill(&store, &foreign, 1, &[place]).await;
        // Those that fit do not make up for one that does not.
        let others = match place {
            Place::Credential => [Place::Reply],
            _ => [Place::Credential],
        };
        fill(&store, &vault(&folder), 3, &others).await;
        store.close().await;
        let before = bytes(&folder);
        for words in [&["serve"][..], &["doctor"], &["vault", "status"]] {
            let told = refused(&folder, words, None);
            assert_eq!(
                told,
                (Some(2), "wrong_vault_key".to_owned()),
                "{place:?} {words:?}"
            );
        }
        assert!(bytes(&folder) == before, "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_nothing_is_touched_and_with_it_everything_opens() {
    let (_keep, folder) = made();
    let store = open(&folder).await;
    let own = vault(&folder);
    fill(&store, &own, 2, &PLACES).await;
    store.close().await;
    let (own, aside) = (key_file(&folder), folder.join("aside"));
    std::fs::rename(&own, &aside).expect("it is there");
    let before = bytes(&folder);
    for given in [None, Some(Vault::generate())] {
        let told = refused(&folder, &["serve"], given.as_deref());
        assert_eq!(told, (Some(2), "wrong_vault_key".to_owned()));
    }
    for (weak, code) in [("AAAA", "weak_key"), ("no key", "weak_key")] {
        let told = refused(&folder, &["serve"], Some(weak));
        assert_eq!(told, (Some(2), code.to_owned()), "{weak}");
    }
    assert!(
        bytes(&folder) == before,
        "nothing was touched, and no key was made"
    );
    std::fs::rename(&aside, &own).expect("it is there");
    let keys = answered(&folder, &["vault", "status"]);
    assert_eq!(keys["items"][0]["values"], 8, "{keys}");
    // With another before it, in the environment.
    let both = format!("{},{}", Vault::generate(), keys_of(&folder)[0]);
    let done = chatbox(&folder, &["vault", "status"], Some(&both));
    let keys = said(&done);
    assert_eq!(
        (&keys["items"][0]["values"], &keys["items"][1]["values"]),
        (&json!(0), &json!(8))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_looked_at_and_left_as_it_is() {
    let (_keep, folder) = made();
    let store = open(&folder).await;
    fill(&store, &vault(&folder), 2, &PLACES).await;
    store.close().await;
    // A server that writes, and is killed: what it wrote last is in the log beside the file.
    let running = serve(&folder);
    let new = r#"{"name":"late","kind":"webhook_auth","secret":"hush"}"#;
    let token = std::fs::read_to_string(folder.join("served/operator.token")).expect("a token");
    let made = running.post(
        "/v1/credentials",
        &[&token],
        "application/json",
        new.as_bytes(),
    );
    assert_eq!(made.status(), 201, "{}", made.body());
    kill(running, &folder);
    let before = bytes(&folder);
    assert!(
        before
            .iter()
            .any(|(path, log)| path.ends_with("chatbox.db-wal") && !log.is_empty())
    );
    let told = refused(&folder, &["serve"], Some(&Vault::generate()));
    assert_eq!(told.1, "wrong_vault_key");
    let lasting = |all: Vec<(PathBuf, Vec<u8>)>| -> Vec<_> {
        let index = |path: &PathBuf| path.to_string_lossy().ends_with("-shm");
        all.into_iter().filter(|(path, _)| !index(path)).collect()
    };
    assert!(lasting(bytes(&folder)) == lasting(before));
    let keys = answered(&folder, &["vault", "status"]);
    assert_eq!(keys["items"][0]["values"], 9, "{keys}");
}

/// Asks a running server for everything that opens a secret, over and over; how often, and what went wrong.
fn load(
    running: &Running,
    token: &str,
    stop: &Arc<AtomicBool>,
    asked: &Arc<AtomicU32>,
) -> std::thread::JoinHandle<Vec<String>> {
    let (address, token) = (running.address().to_owned(), token.to_owned());
    let (stop, asked) = (stop.clone(), asked.clone());
    std::thread::spawn(move || {
        let mut wrong = Vec::new();
        let mut n = 0;
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            // The first makes something sealed; the second reads what was kept of the first's answer.
            let body = format!(r#"{{"name":"made under load {n}","kind":"signing"}}"#);
            let mut answers = Vec::new();
            for _ in 0..2 {
                let request = format!(
                    "POST /v1/credentials HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
                     Idempotency-Key: load-{n}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                answers.push(exchange(&address, &request));
                asked.fetch_add(1, Ordering::Relaxed);
            }
            let kept = answers.iter().all(|it| it.starts_with("HTTP/1.1 201"));
            let again = answers[1].contains("idempotency-replayed: true");
            if !kept || !again {
                wrong.push(answers.concat());
            }
        }
        wrong
    })
}

fn exchange(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_under_load_and_the_old_one_can_go() {
    const COUNT: usize = 120;
    let (_keep, folder) = made();
    let store = open(&folder).await;
    fill(&store, &vault(&folder), COUNT, &PLACES).await;
    store.close().await;
    let old = vault(&folder).key_id();
    let mut running = serve(&folder);
    let token = std::fs::read_to_string(folder.join("served/operator.token")).expect("a token");
    let (over, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let load = load(&running, &token, &over, &asked);
    let rotated = answered(&folder, &["vault", "rotate"]);
    let under_load = asked.load(Ordering::Relaxed);
    over.store(true, Ordering::Relaxed);
    assert_eq!(load.join().expect("it ends"), Vec::<String>::new());
    assert!(under_load > 2, "{under_load} requests meanwhile");
    assert_eq!(
        (&rotated["unused"], &rotated["unreadable"]),
        (&json!([old]), &json!([]))
    );
    assert!(
        rotated["resealed"].as_u64() >= Some(2 + 3 * COUNT as u64),
        "{rotated}"
    );
    assert_eq!(keys_of(&folder).len(), 2);
    let new = vault(&folder).key_id();
    assert_eq!(rotated["seals"], new.as_str());
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(key_file(&folder))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // What sealed a moment ago may have more to write.
    let soon = refused(&folder, &["vault", "forget", &old], None);
    assert_eq!(soon, (Some(2), "too_soon".to_owned()));
    stop(&mut running);
    let in_use = refused(&folder, &["vault", "forget", &new], None);
    assert_eq!(in_use.1, "key_in_use");
    answered(&folder, &["vault", "forget", &old]);
    assert_eq!(keys_of(&folder).len(), 1);
    assert_eq!(
        refused(&folder, &["vault", "forget", &old], None).1,
        "not_found"
    );
    let running = serve(&folder);
    let keys = answered(&folder, &["vault", "status"]);
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(1), "{keys}");
    drop(running);
    // Of what was there before, everything opens with the new key alone.
    let store = open(&folder).await;
    let vault = vault(&folder);
    assert_eq!(vault.key_ids(), std::slice::from_ref(&new));
    for n in 0..COUNT {
        let id = ConnectionId::from("con_3");
        let found = store.state(&id, &format!("k{n}")).await.expect("a read");
        let (rev, value) = found.expect("a state");
        let plain = vault.open("adapter_state", &format!("con_3/k{n}"), &value);
        assert_eq!((rev, plain.as_deref()), (1, Ok(&b"hush"[..])));
    }
    let names = store.keys().await.expect("a read");
    assert!(names.iter().all(|it| it.key == new), "{names:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_that_was_killed_goes_on_when_asked_again() {
    const COUNT: usize = 300;
    let (_keep, folder) = made();
    let store = open(&folder).await;
    fill(&store, &vault(&folder), COUNT, &PLACES).await;
    store.close().await;
    let old = vault(&folder).key_id();
    for round in 0..3 {
        let running = serve(&folder);
        let token = std::fs::read_to_string(folder.join("served/operator.token")).expect("a token");
        let post = |path: &str, body: &str| {
            running.post(path, &[&token], "application/json", body.as_bytes())
        };
        if round == 0 {
            assert_eq!(post("/v1/vault/keys", "{}").status(), 201);
        } else {
            let again = post("/v1/vault/keys", "{}");
            assert!(
                again.body().contains("rotation_unfinished"),
                "{}",
                again.body()
            );
        }
        // Killed while it seals again.
        let address = running.address().to_owned();
        let body = r#"{"limit":200}"#;
        let request = format!(
            "POST /v1/vault/reseal HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        std::thread::sleep(Duration::from_millis(round * 15));
        kill(running, &folder);
        let store = open(&folder).await;
        let named = store.keys().await.expect("a read");
        let all: u64 = named.iter().map(|it| it.values).sum();
        assert_eq!(all, 2 + 3 * COUNT as u64, "nothing is lost: {named:?}");
        store.close().await;
    }
    let began = Instant::now();
    let running = serve(&folder);
    let rotated = answered(&folder, &["vault", "rotate"]);
    assert_eq!(
        (&rotated["unused"], &rotated["unreadable"]),
        (&json!([old]), &json!([]))
    );
    assert_eq!(
        keys_of(&folder).len(),
        2,
        "it went on, and made no third key"
    );
    assert!(began.elapsed() < Duration::from_secs(30));
    drop(running);
    let store = open(&folder).await;
    let new = Vault::from_base64(&keys_of(&folder)[0]).expect("a key");
    all_open(&store, &new, COUNT).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_the_environment_is_the_operators_to_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let old = Vault::generate();
    let made = chatbox(folder, &["vault", "status"], Some(&old));
    assert!(made.status.success(), "{}", said(&made));
    assert!(!key_file(folder).exists());
    let store = open(folder).await;
    fill(
        &store,
        &Vault::from_base64(&old).expect("a key"),
        5,
        &PLACES,
    )
    .await;
    store.close().await;
    let done = chatbox(folder, &["vault", "rotate"], Some(&old));
    let told = said(&done);
    assert_eq!(told["error"]["code"], "key_not_ours", "{told}");
    let fix = told["error"]["fix"].as_str().expect("what to do");
    assert!(
        fix.contains("CHATBOX_VAULT_KEY=") && !fix.contains(&old),
        "{fix}"
    );
    let new = Vault::generate();
    let both = format!("{new},{old}");
    let done = chatbox(folder, &["vault", "rotate"], Some(&both));
    assert_eq!(said(&done)["resealed"], 17, "{}", said(&done));
    let after = chatbox(folder, &["vault", "status"], Some(&new));
    assert_eq!(said(&after)["items"][0]["values"], 17);
    let (code, told) = refused(folder, &["vault", "status"], Some(&old));
    assert_eq!((code, told.as_str()), (Some(2), "wrong_vault_key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_open_is_named_and_left() {
    let (_keep, folder) = made();
    let store = open(&folder).await;
    let own = vault(&folder);
    fill(&store, &own, 2, &PLACES).await;
    let mut damaged = own.seal("adapter_state", "con_3/k9", b"hush");
    damaged.sealed.replace_range(0..8, "AAAAAAAA");
    let put = Admin::PutState {
        connection: "con_3".into(),
        key: "k9".to_owned(),
        rev: 0,
        value: damaged,
    };
    store
        .commit(vec![Step::Admin(Box::new(put))])
        .await
        .expect("a commit");
    store.close().await;
    let rotated = answered(&folder, &["vault", "rotate"]);
    assert_eq!(
        rotated["unreadable"],
        json!(["state/con_3/k9"]),
        "{rotated}"
    );
    assert_eq!(
        (&rotated["resealed"], &rotated["unused"]),
        (&json!(8), &json!([]))
    );
    let old = own.key_id();
    assert_eq!(
        refused(&folder, &["vault", "forget", &old], None).1,
        "key_in_use"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_the_operators() {
    let (_keep, folder) = made();
    let running = serve(&folder);
    let made = answered(&folder, &["tokens", "create", "friend", "--scope", "admin"]);
    let token = made["token"].as_str().expect("a token");
    for (path, body) in [("/v1/vault/keys", "{}"), ("/v1/vault/reseal", "{}")] {
        let answer = running.post(path, &[token], "application/json", body.as_bytes());
        assert_eq!(answer.status(), 403, "{}", answer.body());
        let answer = running.post(path, &[], "application/json", body.as_bytes());
        assert_eq!(answer.status(), 401, "{}", answer.body());
    }
    assert_eq!(keys_of(&folder).len(), 1);
}
