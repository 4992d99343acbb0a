//! A store that writes its steps into the write-ahead log of a database and does not wait for the disk
//! (`synchronous=OFF`). What it answers from stands in memory.

use async_trait::async_trait;
use chatbox_core::store::{Layer, MemoryStore, Outcome, Step, Store, StoreError};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use std::path::Path;
use tokio::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Journal {
    memory: MemoryStore,
    file: Mutex<SqliteConnection>,
}

impl Journal {
    pub(crate) async fn open(path: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let mut file = options.connect().await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS journal (step TEXT NOT NULL)")
            .execute(&mut file)
            .await?;
        Ok(Self {
            memory: MemoryStore::new(),
            file: Mutex::new(file),
        })
    }
}

#[async_trait]
impl Layer for Journal {
    fn beneath(&self) -> &dyn Store {
        &self.memory
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
        let text = serde_json::to_string(&steps).map_err(|error| failed(&error))?;
        let outcomes = self.memory.commit(steps).await?;
        let mut file = self.file.lock().await;
        let written = sqlx::query("INSERT INTO journal VALUES (?)")
            .bind(text)
            .execute(&mut *file)
            .await;
        written.map_err(|error| failed(&error))?;
        Ok(outcomes)
    }
}
