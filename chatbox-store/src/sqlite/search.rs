//! The search index: a reader that trails the log. It is brought up while nothing else is written and before a search, so
//! that taking messages in never waits for it.

use chatbox_core::store::StoreError;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;

const INDEX_SQL: &str = include_str!("sql/index.sql");
/// Rows indexed in one go while somebody may want to write.
pub(super) const LITTLE: u32 = 100;
/// Rows indexed in one go for somebody who waits.
const MUCH: u32 = 2000;

/// Brings the index up to the log's head.
pub(super) async fn catch_up(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    while index(connection, MUCH).await? > 0 {}
    Ok(())
}

/// Indexes some rows. Answers how far the index is behind the log then.
pub(super) async fn index(connection: &mut SqliteConnection, rows: u32) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(INDEX_SQL).bind(rows);
    match query.fetch_all(&mut *connection).await {
        Ok(left) => Ok(left.first().copied().unwrap_or(0)),
        Err(error) => {
            let _ = connection.execute("ROLLBACK").await;
            Err(StoreError::Failed(error.to_string()))
        }
    }
}

/// The words as a query: each must be there, none is an operator.
pub(super) fn query(words: &str) -> Option<String> {
    let words = words.split(|c: char| !c.is_alphanumeric());
    let quoted: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}
