//! The connections that read. A library's pool looks after each connection that comes back, in a task of its own and with
//! a word to its thread and back: as much as a read itself, for connections that hold nothing and cannot be lost. These
//! are only put back; the one last used is used next, for what it has read is still in its cache.

use chatbox_core::store::StoreError;
use sqlx::ConnectOptions;
use sqlx::Connection as _;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) type Question<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;

/// Up to so many connections, each opened when it is first needed.
#[derive(Clone, Debug)]
pub(in crate::sqlite) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: SqliteConnectOptions,
    most: u32,
    places: Semaphore,
    /// The one last used comes last.
    free: Mutex<Vec<SqliteConnection>>,
}

impl Shared {
    fn take(&self) -> Option<SqliteConnection> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop()
    }

    /// Puts one back: before all others where its thread may still be at work on what nobody waits for any more.
    fn put(&self, connection: SqliteConnection, idle: bool) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = if idle { free.len() } else { 0 };
        free.insert(at, connection);
    }
}

/// A connection while it reads. A read that nobody waits for any more leaves it as it was.
struct Lent<'a> {
    shared: &'a Shared,
    connection: Option<SqliteConnection>,
    /// Whether it was read to the end.
    idle: bool,
    _place: SemaphorePermit<'a>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.shared.put(connection, self.idle);
        }
    }
}

impl Connections {
    pub(in crate::sqlite) fn new(options: SqliteConnectOptions, most: u32) -> Self {
        let most = most.max(1);
        Self(Arc::new(Shared {
            options,
            most,
            places: Semaphore::new(most as usize),
            free: Mutex::default(),
        }))
    }

    /// Every row of an answer.
    pub(super) async fn all(&self, question: Question<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut lent = self.lend().await?;
        let Some(connection) = &mut lent.connection else {
            return Err(StoreError::Closed);
        };
        let answer = question.fetch_all(connection).await;
        lent.settle(answer)
    }

    /// The first row of an answer.
    pub(super) async fn first(
        &self,
        question: Question<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        let mut lent = self.lend().await?;
        let Some(connection) = &mut lent.connection else {
            return Err(StoreError::Closed);
        };
        let answer = question.fetch_optional(connection).await;
        lent.settle(answer)
    }

    async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let shared = &*self.0;
        let place = shared.places.acquire().await;
        let place = place.map_err(|_closed| StoreError::Closed)?;
        let connection = match shared.take() {
            Some(connection) => connection,
            None => shared.options.connect().await.map_err(super::failed)?,
        };
        Ok(Lent {
            shared,
            connection: Some(connection),
            idle: false,
            _place: place,
        })
    }

    /// Waits for the reads that go on, and closes the connections.
    pub(super) async fn close(&self) {
        let shared = &*self.0;
        // An error means that it is closed.
        let Ok(_all) = shared.places.acquire_many(shared.most).await else {
            return;
        };
        shared.places.close();
        while let Some(connection) = shared.take() {
            // It has nothing that could be lost.
            let _ = connection.close().await;
        }
    }
}

impl Lent<'_> {
    /// What is wrong with the question is not wrong with the connection. After anything else it is not used again.
    fn settle<T>(mut self, answer: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.idle = matches!(answer, Ok(_) | Err(sqlx::Error::Database(_)));
        if !self.idle {
            self.connection = None;
        }
        answer.map_err(super::failed)
    }
}
