//! The least that the same can be read with: one statement on a connection of its own.

use anyhow::{Result, ensure};
use chatbox_core::id::ChatId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use std::path::Path;
use std::time::{Duration, Instant};

const ROWS: &str =
    "SELECT seq, author, at, body FROM log WHERE chat = ?1 ORDER BY seq DESC LIMIT ?2";

const CHATS: &str = "
WITH newest AS (
  SELECT c.id, c.platform, c.handle, c.name, c.head, m.muted, m.seen
  FROM members AS m JOIN chats AS c ON c.id = m.chat WHERE m.reader = 'main' ORDER BY c.head DESC LIMIT ?1)
SELECT n.*, (SELECT body FROM log WHERE seq = n.head) AS body,
  (SELECT count(*) FROM log AS u WHERE u.chat = n.id AND u.seq > n.seen AND u.kind = 'message' AND NOT u.out) AS unread
FROM newest AS n ORDER BY n.head DESC";

/// A connection that reads.
pub(super) struct Raw(SqliteConnection);

impl Raw {
    pub(super) async fn open(database: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .read_only(true)
            .pragma("cache_size", "-8000")
            .disable_statement_logging();
        Ok(Self(options.connect().await?))
    }

    /// The newest rows of a chat: how long they took.
    pub(super) async fn rows(&mut self, chat: ChatId, count: i64) -> Result<Duration> {
        let began = Instant::now();
        let rows = sqlx::query(ROWS).bind(chat.0).bind(count);
        let rows = rows.fetch_all(&mut self.0).await?;
        let time = began.elapsed();
        ensure!(rows.len() as i64 == count, "{} rows are there", rows.len());
        Ok(time)
    }

    /// The newest chats, what is unread in each and its newest message: how long it took.
    pub(super) async fn chats(&mut self, count: i64) -> Result<Duration> {
        let began = Instant::now();
        let rows = sqlx::query(CHATS)
            .bind(count)
            .fetch_all(&mut self.0)
            .await?;
        let time = began.elapsed();
        let whole = rows
            .iter()
            .all(|row| row.try_get::<&str, _>("body").is_ok());
        ensure!(whole && rows.len() as i64 == count, "the chats are there");
        Ok(time)
    }
}
