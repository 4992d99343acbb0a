//! The search index: a reader that trails the log. It is brought up when somebody searches, so that taking messages in
//! never waits for it.

use chatbox_core::store::StoreError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Row};

const INDEX_SQL: &str = include_str!("sql/index.sql");

/// Brings the index up to the log's head, some rows at a time.
pub(super) async fn index(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    loop {
        let rows = match sqlx::query(INDEX_SQL)
            .bind(2000)
            .fetch_all(&mut *connection)
            .await
        {
            Ok(rows) => rows,
            Err(error) => {
                let _ = connection.execute("ROLLBACK").await;
                return Err(StoreError::Failed(error.to_string()));
            }
        };
        let left = rows.first().map(|row| row.try_get::<i64, _>(0));
        match left {
            Some(Ok(left)) if left > 0 => {}
            _ => return Ok(()),
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
