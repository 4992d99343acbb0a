//! The store suite on SQLite.
#![cfg(feature = "sqlite")]

#[path = "suite/fault.rs"]
mod fault;
mod suite;

use chatbox_core::store::{MemoryStore, Store};
use chatbox_store::{SqliteOptions, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::sync::Arc;
use tempfile::TempDir;

async fn open() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("chatbox.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).await;
    (Arc::new(store.expect("a new store")), folder)
}

every_scenario!(open);

#[tokio::test]
async fn a_step_at_fault_fails_alone() {
    let (store, folder) = open().await;
    let file = SqliteConnectOptions::new().filename(folder.path().join("chatbox.db"));
    let mut file = file.connect().await.expect("a connection");
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON log WHEN NEW.body LIKE '%{}%'
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
        fault::REFUSED
    );
    let refuse = sqlx::raw_sql(AssertSqlSafe(refuse));
    file.execute(refuse).await.expect("a trigger");
    fault::a_step_at_fault_fails_alone(store).await;
}

#[tokio::test]
async fn random_steps_agree_with_the_model() {
    for seed in suite::random::seeds(20) {
        let (store, _folder) = open().await;
        suite::random::compare(Arc::new(MemoryStore::new()), store, seed, 150).await;
    }
}
