//! The store suite on SQLite.
#![cfg(feature = "sqlite")]

mod suite;

use chatbox_core::store::{MemoryStore, Store};
use chatbox_store::{SqliteOptions, SqliteStore};
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
async fn random_steps_agree_with_the_model() {
    for seed in suite::random::seeds(20) {
        let (store, _folder) = open().await;
        suite::random::compare(Arc::new(MemoryStore::new()), store, seed, 150).await;
    }
}
