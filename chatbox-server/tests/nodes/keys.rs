//! The vault's keys of several servers on one database: without one a server takes nothing, and they change one server
//! after the other while the others go on.

use super::house::{House, Node};
use crate::program::{self, Program, Running};
use chatbox_store::seal::{Vault, id_of};
use chatbox_test_postgres as pg;
use serde_json::{Value, json};
use std::process::{Command, Output};

const NOTHING: &str = "[backend]\nkind = \"none\"\n";

/// A command beside a node's data.
fn chatbox(node: &Node, house: &House, words: &[&str]) -> Output {
    let mut program = Program::new(node.folder.path()).command();
    program.arg("--data-dir").arg(node.running.data());
    program.args(["--db-url", &house.database, "--json"]);
    program::run(program.args(words))
}

fn said(done: &Output) -> Value {
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// Everything in the database, as its own program writes it down; but for a word that is another each time.
fn dump(house: &House) -> String {
    let done = Command::new(pg::program("pg_dump"))
        .args(["--schema=chatbox", &house.database])
        .output()
        .expect("pg_dump");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    let all = String::from_utf8(done.stdout).expect("text");
    let lasting = all.lines().filter(|line| !line.contains("restrict "));
    lasting.collect::<Vec<_>>().join("\n")
}

/// Makes a credential on one server, and asks another for the same answer, which it must open.
fn works(name: &str, one: &Running, other: &Running) {
    let new = json!({"name": name, "kind": "signing"});
    let key = format!("once-{}", name.replace(' ', "-"));
    let headers = [("Idempotency-Key", key.as_str())];
    let made = one.send("POST", "/v1/credentials", &one.operator(), &headers, &new);
    assert_eq!(made.status(), 201, "{name}: {}", made.body());
    let again = other.send("POST", "/v1/credentials", &other.operator(), &headers, &new);
    assert_eq!((again.status(), again.body()), (201, made.body()), "{name}");
}

impl Node {
    /// The same server with other keys, after it has gone away.
    fn with_keys(self, house: &House, keys: &[&str]) -> Self {
        let Self { running, folder } = self;
        let (data, pid) = (running.data().to_owned(), running.pid().to_string());
        let mut running = running;
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill").success());
        let ended = running.ended(std::time::Duration::from_secs(15));
        assert!(ended.is_some(), "it ends");
        drop(running);
        let _ = std::fs::remove_file(data.join("serve.json"));
        std::fs::write(data.join("vault.key"), keys.join("\n")).expect("a file");
        house.again(folder, NOTHING)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_key_takes_nothing_and_writes_nothing() {
    let house = House::new().await;
    let node = house.node(NOTHING);
    works("first", &node.running, &node.running);
    let Node { running, folder } = node;
    let data = running.data().to_owned();
    drop(running);
    let before = dump(&house);
    for keys in [None, Some(Vault::generate())] {
        let other = tempfile::tempdir().expect("a folder");
        let mut program = Program::new(other.path()).command();
        program.arg("--data-dir").arg(other.path().join("served"));
        program.args([
            "--db-url",
            &house.database,
            "--json",
            "--listen",
            "127.0.0.1:0",
            "serve",
        ]);
        program.envs(keys.map(|keys| ("CHATBOX_VAULT_KEY", keys)));
        let done = program::run(&mut program);
        assert_eq!(done.status.code(), Some(2));
        assert_eq!(said(&done)["error"]["code"], "wrong_vault_key");
        assert!(
            !other.path().join("served/vault.key").exists(),
            "no key was made"
        );
    }
    assert!(dump(&house) == before, "not a row, not a table");
    let _ = std::fs::remove_file(data.join("serve.json"));
    let node = house.again(folder, NOTHING);
    works("second", &node.running, &node.running);
}

/// The way docs/many-nodes.md says.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_one_server_after_the_other() {
    let house = House::new().await;
    let (one, other) = (house.node(NOTHING), house.node(NOTHING));
    works("before", &one.running, &other.running);
    let alone = said(&chatbox(&one, &house, &["vault", "rotate"]));
    assert_eq!(alone["error"]["code"], "other_servers", "{alone}");

    let (old, new) = (house.key.clone(), Vault::generate());
    let one = one.with_keys(&house, &[&old, &new]);
    works("one can open the new", &one.running, &other.running);
    let other = other.with_keys(&house, &[&old, &new]);
    works("both can", &other.running, &one.running);
    let one = one.with_keys(&house, &[&new, &old]);
    works("one seals with the new", &one.running, &other.running);
    works("and opens the old", &other.running, &one.running);
    let other = other.with_keys(&house, &[&new, &old]);
    works("both seal with the new", &other.running, &one.running);

    let rotated = said(&chatbox(&one, &house, &["vault", "rotate"]));
    let ids = [&old, &new].map(|key| id_of(key).expect("a key"));
    assert_eq!(rotated["seals"], ids[1].as_str(), "{rotated}");
    assert_eq!(rotated["unused"], json!([ids[0]]), "{rotated}");
    let one = one.with_keys(&house, &[&new]);
    works("the old one is gone here", &one.running, &other.running);
    let other = other.with_keys(&house, &[&new]);
    works("the old one is gone", &other.running, &one.running);
    works("before", &one.running, &other.running);
}
