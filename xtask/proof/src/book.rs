//! What the rows say. Reads a copy of the database, so that looking changes nothing, and knows the tables on its own:
//! a second reading of the schema, not the product's.

use anyhow::{Context, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// A message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) seq: i64,
    pub(crate) chat: i64,
    pub(crate) body: String,
    pub(crate) wakes: bool,
}

/// A turn that ended in a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: i64,
    pub(crate) chat: i64,
    pub(crate) upto: i64,
    pub(crate) state: String,
    /// How many messages it said.
    pub(crate) replies: i64,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: i64,
    pub(crate) state: String,
    pub(crate) body: String,
}

/// Everything a verdict needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) came: Vec<Came>,
    pub(crate) ended: Vec<Ended>,
    pub(crate) sent: Vec<Sent>,
    /// Bodies of what went out.
    pub(crate) said: Vec<String>,
    pub(crate) integrity: String,
}

/// In which state a kill found a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    BeforeAppend,
    Appended,
    InTurn,
    Planned,
    Custody,
    Settled,
}

impl State {
    /// Those that a run must hit.
    pub(crate) const WANTED: [Self; 5] = [
        Self::BeforeAppend,
        Self::Appended,
        Self::InTurn,
        Self::Planned,
        Self::Custody,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeAppend => "before append",
            Self::Appended => "appended",
            Self::InTurn => "in turn",
            Self::Planned => "planned",
            Self::Custody => "custody",
            Self::Settled => "settled",
        }
    }
}

/// An opened copy.
pub(crate) struct Copied {
    connection: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl Copied {
    /// Copies a database whose program is not running, with its write-ahead log.
    pub(crate) async fn of(database: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("copy.db");
        std::fs::copy(database, &copy).context("there is a database")?;
        let wal = database.with_extension("db-wal");
        if wal.exists() {
            std::fs::copy(wal, folder.path().join("copy.db-wal"))?;
        }
        let connection = SqliteConnectOptions::new()
            .filename(&copy)
            .connect()
            .await?;
        Ok(Self {
            connection,
            _folder: folder,
        })
    }

    async fn number(&mut self, sql: &'static str, given: &[i64]) -> Result<Option<i64>> {
        let mut query = sqlx::query_scalar::<_, Option<i64>>(sql);
        for value in given {
            query = query.bind(*value);
        }
        Ok(query.fetch_optional(&mut self.connection).await?.flatten())
    }

    /// Where the message with this text stands.
    pub(crate) async fn state_of(&mut self, marker: &str) -> Result<State> {
        let row = sqlx::query(
            "SELECT seq, chat FROM log WHERE out = 0 AND instr(body, ?) > 0 ORDER BY seq LIMIT 1",
        );
        let Some(row) = row
            .bind(marker)
            .fetch_optional(&mut self.connection)
            .await?
        else {
            return Ok(State::BeforeAppend);
        };
        let (seq, chat): (i64, i64) = (row.get(0), row.get(1));
        let handed = "SELECT handed FROM members JOIN chats ON chats.id = members.chat AND members.reader = chats.reader WHERE chat = ?";
        if self.number(handed, &[chat]).await?.unwrap_or(0) < seq {
            let running = "SELECT count(*) FROM turns JOIN lanes ON lanes.kind = 'turn' AND lanes.owner = turns.owner \
                AND lanes.key = turns.key AND lanes.fence = turns.fence AND lanes.state = 'busy' \
                JOIN chats ON chats.id = ? AND chats.reader = turns.owner \
                WHERE turns.state = 'claimed' AND turns.head >= ? \
                AND turns.key IN ('mailbox', 'chat/' || chats.id, 'session/' || chats.session)";
            let running = self.number(running, &[chat, seq]).await?.unwrap_or(0) > 0;
            return Ok(if running {
                State::InTurn
            } else {
                State::Appended
            });
        }
        let open = |state: &str| {
            format!(
                "SELECT count(*) FROM outbox JOIN log ON log.seq = outbox.seq \
                 WHERE outbox.state = '{state}' AND log.chat = ? AND log.seq > ?"
            )
        };
        for (word, state) in [("custody", State::Custody), ("queued", State::Planned)] {
            let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(open(word)));
            if query
                .bind(chat)
                .bind(seq)
                .fetch_one(&mut self.connection)
                .await?
                > 0
            {
                return Ok(state);
            }
        }
        Ok(State::Settled)
    }

    /// Everything.
    pub(crate) async fn book(&mut self) -> Result<Book> {
        let integrity = sqlx::query_scalar::<_, String>("PRAGMA integrity_check");
        let integrity = integrity.fetch_all(&mut self.connection).await?.join("; ");
        let rows = sqlx::query(
            "SELECT seq, chat, body, wakes FROM log WHERE out = 0 AND kind = 'message' ORDER BY seq",
        );
        let rows = rows.fetch_all(&mut self.connection).await?;
        let came = rows.iter().map(|row| Came {
            seq: row.get(0),
            chat: row.get(1),
            body: row.get::<Option<String>, _>(2).unwrap_or_default(),
            wakes: row.get::<i64, _>(3) != 0,
        });
        let came = came.collect();
        let rows = sqlx::query(
            "SELECT id, chat, coalesce(upto, 0), state, \
             (SELECT count(*) FROM log WHERE log.turn = turns.id AND log.out = 1 AND log.kind = 'message') \
             FROM turns WHERE state IN ('done', 'failed', 'poisoned') AND chat IS NOT NULL ORDER BY id",
        );
        let rows = rows.fetch_all(&mut self.connection).await?;
        let ended = rows.iter().map(|row| Ended {
            id: row.get(0),
            chat: row.get(1),
            upto: row.get(2),
            state: row.get(3),
            replies: row.get(4),
        });
        let ended = ended.collect();
        let rows = sqlx::query(
            "SELECT outbox.id, outbox.state, log.body FROM outbox JOIN log ON log.seq = outbox.seq ORDER BY outbox.id",
        );
        let rows = rows.fetch_all(&mut self.connection).await?;
        let sent = rows.iter().map(|row| Sent {
            id: row.get(0),
            state: row.get(1),
            body: row.get::<Option<String>, _>(2).unwrap_or_default(),
        });
        let sent = sent.collect();
        let said = sqlx::query_scalar::<_, Option<String>>(
            "SELECT body FROM log WHERE out = 1 AND kind = 'message'",
        );
        let said = said
            .fetch_all(&mut self.connection)
            .await?
            .into_iter()
            .flatten()
            .collect();
        Ok(Book {
            came,
            ended,
            sent,
            said,
            integrity,
        })
    }

    /// Lets go of the copy.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }
}

impl Book {
    /// Reads a database whose program is not running.
    pub(crate) async fn of(database: &Path) -> Result<Self> {
        let mut copied = Copied::of(database).await?;
        let book = copied.book().await?;
        copied.close().await?;
        Ok(book)
    }

    /// Deliveries by state.
    pub(crate) fn deliveries(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for sent in &self.sent {
            *counts.entry(sent.state.as_str()).or_default() += 1;
        }
        counts
    }

    /// Whether a message with this text came in.
    pub(crate) fn holds(&self, marker: &str) -> bool {
        self.came.iter().any(|came| came.body.contains(marker))
    }
}
