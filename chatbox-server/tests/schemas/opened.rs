//! A database of the corpus under today's program.

use super::day::{ADA, SOON, Server, config, platform};

use super::program::{self, Program};
use super::{Database, Engine, Known, Tables, VAULT_KEY, from_corpus};
use chatbox_fakes::telegram;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

/// `chatbox` on a database, with the key that seals the corpus.
fn chatbox(folder: &Path, database: &Database, words: &[&str]) -> Output {
    program::run(command(folder, database).args(words))
}

pub(super) fn command(folder: &Path, database: &Database) -> Command {
    let mut command = Program::new(folder).command();
    command.env("CHATBOX_DATA_DIR", folder.join("served"));
    command.env("CHATBOX_VAULT_KEY", VAULT_KEY);
    command.args(["--db-url", &database.url(), "--json"]);
    command
}

/// `chatbox migrate`, and what it says.
pub(super) fn migrated(folder: &Path, database: &Database) -> Value {
    let done = chatbox(folder, database, &["migrate"]);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// Brings one to today, twice, looks whether all of it is there, and serves it.
pub(super) async fn open(engine: Engine, schema: i64) {
    let (dump, known) = from_corpus(engine, schema);
    let platform = platform().await;
    // The bot's platform is somewhere else by now.
    let dump = dump.replace(&known.platform, &platform.base_url());
    let folder = tempfile::tempdir().expect("a folder");
    let database = engine.empty(folder.path()).await;
    database.load(&dump).await;
    let before = database.tables().await;
    let first = migrated(folder.path(), &database);
    assert_eq!(first["schema"], engine.today(), "{first}");
    let after = database.dump().await;
    assert_eq!(migrated(folder.path(), &database), first);
    assert!(
        database.dump().await == after,
        "the second time changed something"
    );
    assert_eq!(database.faults().await, Vec::<String>::new());
    nothing_lost(&before, &database.tables().await);
    serve(folder.path(), &database, &known, &platform).await;
}

/// Every row is there, with what it held.
fn nothing_lost(before: &Tables, after: &Tables) {
    let rows: usize = before.values().map(Vec::len).sum();
    assert!(rows > 50, "{rows} rows are no day in a house");
    for (table, rows) in before {
        let now = after.get(table);
        let now = now.unwrap_or_else(|| panic!("{table} is gone"));
        for row in rows {
            let same = |now: &serde_json::Map<String, Value>| {
                row.iter()
                    .all(|(column, value)| now.get(column) == Some(value))
            };
            // Which schema it is changes, and nothing else.
            let kept = table == "schema_version" || now.iter().any(same);
            assert!(kept, "{table}: {row:?} is gone");
        }
    }
}

/// Everything that somebody has still works: tokens, what was sealed, what was said.
async fn serve(folder: &Path, database: &Database, known: &Known, platform: &telegram::Server) {
    let server = Server::start(folder, database, &config(platform, "kind = \"echo\""));
    let get = |path: &str| {
        let answer = server.running.ask("GET", path, &known.api_token);
        assert_eq!(answer.status(), 200, "{path}: {}", answer.body());
        answer.json()
    };
    let found = get("/v1/mailboxes/main/search?words=zebras");
    let found = found["items"].as_array().map_or(0, Vec::len);
    assert_eq!(found, 1, "a message reads as it was changed");
    for (path, least) in [
        ("/v1/mailboxes", 2),
        ("/v1/connections", 3),
        ("/v1/deliveries", 2),
        ("/v1/subscriptions", 1),
        ("/v1/credentials", 1),
        ("/v1/audit", 3),
    ] {
        let there = get(path)["items"].as_array().map_or(0, Vec::len);
        assert!(there >= least, "{path} has {there}");
    }
    // The same event is the same message.
    let again = json!({
        "event_id": known.event, "chat": {"handle": "room"}, "sender": {"id": "ann"}, "text": "again",
    });
    let path = format!("/v1/connections/{}/messages", known.feed);
    let again = server
        .running
        .send("POST", &path, &known.inbound_token, &[], &again);
    let expected = json!({"message_id": known.message_id, "duplicate": true});
    assert_eq!(again.json(), expected, "{}", again.body());
    // The bot's token opens, and Ada is still its owner. The platform counts on from where it was: what it said under
    // the first numbers was heard before.
    let ada = json!({"id": ADA, "is_bot": false, "first_name": "Ada"});
    platform.say(ADA, ADA, "this is old");
    platform.jump_update_ids(900_000_000);
    platform.raw_update(json!({"message": {
        "message_id": 1000, "date": now(), "text": "do you know me?", "from": ada,
        "chat": {"id": ADA, "type": "private", "first_name": "Ada"},
    }}));
    let told = platform.until_messages(ADA, 1, SOON).await;
    let told = told.expect("she is answered");
    assert!(told[0].text.contains("do you know me?"), "{told:?}");
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock that was set").as_secs()
}

/// What a program of the future wrote is refused by whoever would open it, and not touched.
pub(super) async fn refuse(engine: Engine) {
    let (dump, _) = from_corpus(engine, engine.today());
    let folder = tempfile::tempdir().expect("a folder");
    let database = engine.empty(folder.path()).await;
    database.load(&dump).await;
    database.is_newer().await;
    let before = database.dump().await;
    for words in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"][..]] {
        let done = chatbox(folder.path(), &database, words);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(3), "{words:?}: {said}");
        assert!(said.contains("schema_too_new"), "{words:?}: {said}");
    }
    assert!(database.dump().await == before, "something was written");
}
