//! A group-committing writer on PostgreSQL and nothing else: one table with a unique and two further indexes, one
//! `INSERT … SELECT FROM unnest` for all that waits.

use anyhow::Result;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::{mpsc, oneshot};

/// The most rows in one transaction, as in the product.
const BATCH: usize = 512;

const SCHEMA: &str = "
CREATE TABLE log (
  seq BIGSERIAL PRIMARY KEY, chat TEXT NOT NULL, conn TEXT NOT NULL, event_id TEXT NOT NULL, author TEXT NOT NULL,
  at BIGINT NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX log_event ON log (conn, event_id);
CREATE INDEX log_chat ON log (chat, seq);
CREATE INDEX log_author ON log (author);
";

const INSERT: &str = "INSERT INTO log (chat, conn, event_id, author, at, body)
SELECT chat, 'c', event_id, author, 0, body FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
AS n (chat, event_id, author, body)";

/// One row to be.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) chat: String,
    pub(crate) event_id: String,
    pub(crate) author: String,
    pub(crate) body: String,
}

/// Where rows are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Unnest {
    rows: mpsc::Sender<(Row, oneshot::Sender<()>)>,
}

impl Unnest {
    /// Makes the table in an empty database and starts the task that writes.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(SCHEMA)).await?;
        let (rows, queue) = mpsc::channel(1024);
        tokio::spawn(write(connection, queue));
        Ok(Self { rows })
    }

    /// Writes a row; answered once it is on disk.
    pub(crate) async fn write(&self, row: Row) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.rows.send((row, answer)).await?;
        Ok(answered.await?)
    }
}

async fn write(
    mut connection: PgConnection,
    mut queue: mpsc::Receiver<(Row, oneshot::Sender<()>)>,
) {
    while let Some(first) = queue.recv().await {
        let mut columns: [Vec<String>; 4] = Default::default();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some((row, answer)) = next.take() {
            let values = [row.chat, row.event_id, row.author, row.body];
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(value);
            }
            answers.push(answer);
            if answers.len() < BATCH {
                next = queue.try_recv().ok();
            }
        }
        let [chats, events, authors, bodies] = columns;
        let query = sqlx::query(INSERT).bind(chats).bind(events);
        let written = query.bind(authors).bind(bodies).execute(&mut connection);
        written.await.expect("a limit stops at the first error");
        for answer in answers {
            // Whoever went away does not want to know.
            let _ = answer.send(());
        }
    }
}
