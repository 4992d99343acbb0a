//! The store suite on PostgreSQL, and what only PostgreSQL can do wrong. Starts a server of its own.
#![cfg(feature = "postgres")]

#[path = "suite/fault.rs"]
mod fault;
#[path = "suite/restored.rs"]
mod restored;
mod suite;

use chatbox_core::store::{MemoryStore, Store, StoreError};
use chatbox_store::PostgresStore;
use chatbox_test_postgres as pg;
use std::sync::Arc;

async fn open() -> (Arc<dyn Store>, ()) {
    let url = pg::server().await.database().await;
    let store = PostgresStore::open(&url).await.expect("a store");
    (Arc::new(store), ())
}

every_scenario!(open);

#[tokio::test]
async fn a_step_at_fault_fails_alone() {
    let server = pg::server().await;
    let url = server.database().await;
    let store = PostgresStore::open(&url).await.expect("a store");
    let name = url.rsplit('/').next().expect("a name");
    let refuse = format!(
        "ALTER TABLE chatbox.content ADD CHECK (body NOT LIKE '%{}%')",
        fault::REFUSED
    );
    server.run(name, &refuse).await;
    fault::a_step_at_fault_fails_alone(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_steps_agree_with_the_model() {
    for seed in suite::random::seeds(6) {
        let model = Arc::new(MemoryStore::new());
        suite::random::compare(model, open().await.0, seed, 150).await;
    }
}

async fn refusal(url: &str) -> &'static str {
    match PostgresStore::open(url).await {
        Err(StoreError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_url_is_refused_and_not_repeated() {
    let secret = "postgres://u:hunter2@host:port/db";
    let error = PostgresStore::open(secret).await.expect_err("no port");
    assert!(matches!(
        error,
        StoreError::Refused {
            code: "bad_url",
            ..
        }
    ));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_forgets_is_refused() {
    let server = pg::server().await;
    let url = server.database().await;
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let forget = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    server.run("postgres", &forget).await;
    assert_eq!(refusal(&url).await, "not_durable");
}

#[tokio::test]
async fn newer_tables_are_refused_and_left_alone() {
    let server = pg::server().await;
    let url = server.database().await;
    drop(PostgresStore::open(&url).await.expect("a store"));
    let name = url.rsplit('/').next().expect("a name").to_owned();
    server
        .run(&name, "UPDATE chatbox.schema_version SET version = 99")
        .await;
    assert_eq!(refusal(&url).await, "schema_too_new");
    assert_eq!(refusal(&url).await, "schema_too_new");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_programs_open_a_new_database_at_once() {
    let url = pg::server().await.database().await;
    let opens = (0..6).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::open(&url).await })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.expect("it ends").expect("a store");
    }
}

#[tokio::test]
async fn what_a_dump_was_about_to_do_is_not_done_again() {
    let server = pg::server().await;
    let (from, to) = (server.database().await, server.database().await);
    let store = PostgresStore::open(&from).await.expect("a store");
    let unanswered = restored::busy(Arc::new(store)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump");
    let saved = std::process::Command::new(pg::program("pg_dump"))
        .args(["--format=custom", "--schema=chatbox", "--file"])
        .arg(&dump)
        .arg(&from)
        .status();
    assert!(saved.expect("pg_dump").success());
    let loaded = std::process::Command::new(pg::program("pg_restore"))
        .args(["--clean", "--if-exists", "--dbname", &to])
        .arg(&dump)
        .status();
    assert!(loaded.expect("pg_restore").success());
    let doubtful = PostgresStore::settle_restored(&to).await.expect("settled");
    let store = Arc::new(PostgresStore::open(&to).await.expect("a store"));
    restored::at_rest(store, &doubtful, unanswered).await;
}
