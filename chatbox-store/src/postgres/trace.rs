//! Gathering the rows of one message's story.

use super::decode::{self, DELIVERY, LOG_ROW, log_row};
use super::read::{row, sql};
use chatbox_core::id::{Fence, Millis, Seq};
use chatbox_core::store::{LogRow, Sent, Story, TraceStep, TurnRow};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

type Result<T> = std::result::Result<T, sqlx::Error>;

pub(super) async fn trace(pool: &PgPool, seq: Seq) -> Result<Vec<TraceStep>> {
    let Some(row) = row(pool, seq).await? else {
        return Ok(Vec::new());
    };
    let answered = match row.wakes {
        true => answering_turn(pool, &row).await?,
        false => None,
    };
    let turns = match row.wakes {
        true => turns_about(pool, &row, answered).await?,
        false => Vec::new(),
    };
    let replies = match answered {
        Some(turn) => replies(pool, turn).await?,
        None => Vec::new(),
    };
    let said: Vec<i64> = replies.iter().map(|it| it.seq.0).chain([seq.0]).collect();
    let story = Story {
        deliveries: deliveries(pool, &said).await?,
        row,
        turns,
        replies,
    };
    Ok(story.steps())
}

/// The turn that handed the row over.
async fn answering_turn(pool: &PgPool, row: &LogRow) -> Result<Option<i64>> {
    let first = "SELECT id FROM turns WHERE chat = $1 AND upto >= $2 AND state IN ('done', 'failed', 'poisoned') \
        ORDER BY id LIMIT 1";
    let first = sqlx::query_scalar(first).bind(row.chat.0).bind(row.seq.0);
    first.fetch_optional(pool).await
}

/// The turns that had the row to answer: of the chat's lanes, claimed while it waited, up to the one that answered.
async fn turns_about(pool: &PgPool, row: &LogRow, answered: Option<i64>) -> Result<Vec<TurnRow>> {
    let turns = "SELECT t.fence, t.attempt, t.state, t.at, t.reason FROM turns t JOIN chats c ON c.id = $1 \
        WHERE t.id = $3 OR (t.owner = c.mailbox AND t.key IN ('mailbox', 'session/' || c.session, 'chat/' || c.id) \
            AND t.head >= $2 AND (t.chat IS NULL OR t.chat = $1) AND ($3 IS NULL OR t.id <= $3)) \
        ORDER BY t.id";
    let turns = sqlx::query(turns)
        .bind(row.chat.0)
        .bind(row.seq.0)
        .bind(answered);
    turns.fetch_all(pool).await?.iter().map(turn).collect()
}

fn turn(row: &PgRow) -> Result<TurnRow> {
    Ok(TurnRow {
        fence: Fence(row.try_get("fence")?),
        attempt: decode::number(row, "attempt")?,
        state: row.try_get("state")?,
        at: Millis(row.try_get("at")?),
        reason: row.try_get("reason")?,
    })
}

async fn replies(pool: &PgPool, turn: i64) -> Result<Vec<LogRow>> {
    let said = sqlx::query(sql(LOG_ROW, "WHERE l.turn = $1 ORDER BY l.seq")).bind(turn);
    said.fetch_all(pool).await?.iter().map(log_row).collect()
}

async fn deliveries(pool: &PgPool, said: &[i64]) -> Result<Vec<Sent>> {
    let sent = sqlx::query(sql(DELIVERY, "WHERE seq = ANY ($1) ORDER BY id")).bind(said);
    let sent = sent.fetch_all(pool).await?;
    sent.iter().map(decode::delivery).collect()
}
