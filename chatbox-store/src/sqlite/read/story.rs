//! The rows about one message, gathered for its story.

use super::connections::Connections;
use super::failed;
use super::rows::FromRow;
use chatbox_core::store::{LogRow, Sent, StoreError, Story, TurnRow};
use sqlx::Row;

/// The turn that handed the row over: the first that ended at or beyond it.
const ANSWERED: &str = "SELECT min(id) FROM turns \
     WHERE chat = ?1 AND upto >= ?2 AND state IN ('done', 'failed', 'poisoned')";

/// The turns that had the row to answer: of the chat's lanes, claimed while it waited, up to the one that answered.
const TURNS: &str = "SELECT t.* FROM turns AS t JOIN chats AS c ON c.id = ?1 \
     WHERE t.owner = c.reader AND t.key IN ('mailbox', 'session/' || c.session, 'chat/' || c.id) \
     AND (t.id = ?3 OR (t.head >= ?2 AND (?3 IS NULL OR t.id <= ?3) AND (t.chat IS NULL OR t.chat = c.id))) \
     ORDER BY t.id";

const REPLIES: &str = "SELECT l.seq, l.chat, l.author, l.out, coalesce(n.body, l.body) AS body, \
     n.seq IS NOT NULL AS revised, l.event_id, l.target, l.late, l.wakes, l.at \
     FROM log AS l LEFT JOIN log AS n ON n.seq = l.cur_seq WHERE l.turn = ?1 ORDER BY l.seq";

const DELIVERIES: &str =
    "SELECT * FROM outbox WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY id";

pub(super) async fn gather(connections: &Connections, row: LogRow) -> Result<Story, StoreError> {
    let answered = match row.wakes {
        false => None,
        true => answering(connections, &row).await?,
    };
    let turns = match row.wakes {
        false => Vec::new(),
        true => turns(connections, &row, answered).await?,
    };
    let replies = match answered {
        None => Vec::new(),
        Some(turn) => replies(connections, turn).await?,
    };
    let seqs: Vec<i64> = std::iter::once(&row)
        .chain(&replies)
        .map(|row| row.seq.0)
        .collect();
    let seqs = serde_json::to_string(&seqs).map_err(failed)?;
    let sent = connections.all(sqlx::query(DELIVERIES).bind(seqs)).await?;
    let deliveries: Result<Vec<Sent>, _> = sent.iter().map(Sent::from_row).collect();
    Ok(Story {
        row,
        turns,
        replies,
        deliveries: deliveries?,
    })
}

async fn answering(connections: &Connections, row: &LogRow) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query(ANSWERED).bind(row.chat.0).bind(row.seq.0);
    let found = connections.first(query).await?;
    let found = found.map(|row| row.try_get(0).map_err(failed));
    Ok(found.transpose()?.flatten())
}

async fn turns(
    connections: &Connections,
    row: &LogRow,
    answered: Option<i64>,
) -> Result<Vec<TurnRow>, StoreError> {
    let query = sqlx::query(TURNS).bind(row.chat.0).bind(row.seq.0);
    let found = connections.all(query.bind(answered)).await?;
    found.iter().map(TurnRow::from_row).collect()
}

async fn replies(connections: &Connections, turn: i64) -> Result<Vec<LogRow>, StoreError> {
    let found = connections.all(sqlx::query(REPLIES).bind(turn)).await?;
    found.iter().map(LogRow::from_row).collect()
}
