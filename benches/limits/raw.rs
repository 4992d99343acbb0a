//! A group-committing writer and nothing else: one table with a unique and two further indexes, one statement for all
//! that waits, fsync before the answer. Decides nothing, looks nothing up.

use anyhow::Result;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor};
use std::path::Path;
use tokio::sync::{mpsc, oneshot};

/// The most rows in one transaction, as in the product.
const BATCH: usize = 512;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS log (
  seq INTEGER PRIMARY KEY, chat TEXT NOT NULL, conn TEXT NOT NULL, event_id TEXT NOT NULL, author TEXT NOT NULL,
  at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS log_event ON log (conn, event_id);
CREATE INDEX IF NOT EXISTS log_chat ON log (chat, seq);
CREATE INDEX IF NOT EXISTS log_author ON log (author);
";

const INSERT: &str = "
BEGIN IMMEDIATE;
INSERT INTO log (seq, chat, conn, event_id, author, at, body)
SELECT value ->> 'seq', value ->> 'chat', value ->> 'conn', value ->> 'event_id', value ->> 'author', value ->> 'at',
       value ->> 'body'
FROM json_each(?1);
COMMIT";

const FILL: &str = "
INSERT INTO log (seq, chat, conn, event_id, author, at, body)
WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
SELECT i + 1, 'chat-' || (i % ?3), 'c', 'fill-' || i, 'person-' || (i / 8), i, ?4 || i FROM n";

/// One row to be.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) seq: i64,
    pub(crate) chat: String,
    pub(crate) conn: String,
    pub(crate) event_id: String,
    pub(crate) author: String,
    pub(crate) at: i64,
    pub(crate) body: String,
}

/// Where rows are handed in. Each is answered with its number once it is on disk.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    lines: mpsc::Sender<(Line, oneshot::Sender<i64>)>,
}

impl Writer {
    /// Opens the file, fills it up to `rows`, and starts the task that writes.
    pub(crate) async fn open(path: &Path, rows: i64) -> Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16000")
            .pragma("wal_autocheckpoint", "4000")
            .disable_statement_logging()
            .row_buffer_size(256)
            .connect()
            .await?;
        connection.execute(sqlx::raw_sql(SCHEMA)).await?;
        let filled = fill(&mut connection, rows).await?;
        let (lines, queue) = mpsc::channel(1024);
        tokio::spawn(write(connection, queue, filled));
        Ok(Self { lines })
    }

    /// Writes a row; its number once it is on disk.
    pub(crate) async fn write(&self, line: Line) -> Result<i64> {
        let (answer, answered) = oneshot::channel();
        self.lines.send((line, answer)).await?;
        Ok(answered.await?)
    }
}

async fn fill(connection: &mut SqliteConnection, rows: i64) -> Result<i64> {
    let count = "SELECT coalesce(max(seq), 0) FROM log";
    let mut filled: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *connection)
        .await?;
    let chats = if rows > 10_000 { 10_000 } else { 10 };
    while filled < rows {
        let upto = rows.min(filled + 100_000);
        sqlx::query(FILL)
            .bind(filled)
            .bind(upto)
            .bind(chats)
            .bind("x".repeat(292))
            .execute(&mut *connection)
            .await?;
        filled = upto;
    }
    Ok(filled)
}

async fn write(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<(Line, oneshot::Sender<i64>)>,
    mut seq: i64,
) {
    while let Some(first) = queue.recv().await {
        let (mut lines, mut answers) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some((mut line, answer)) = next.take() {
            seq += 1;
            line.seq = seq;
            answers.push((seq, answer));
            lines.push(line);
            if lines.len() < BATCH {
                next = queue.try_recv().ok();
            }
        }
        let batch = serde_json::to_string(&lines).expect("plain fields are JSON");
        let written = sqlx::query(INSERT)
            .bind(batch)
            .execute(&mut connection)
            .await;
        written.expect("a limit program stops at the first error");
        for (seq, answer) in answers {
            // Whoever went away does not want to know.
            let _ = answer.send(seq);
        }
    }
}
