//! Reads, on connections of their own. Each is one round trip, and so one state of the database.

mod connections;
mod records;
mod rows;
mod sealed;
mod story;

use super::search;
use chatbox_core::connector::Revision;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq};
use chatbox_core::store::{
    Attention, Backlog, Chat, Connection, Delivery, DeliveryFilter, DeliveryState, Depth, LaneKey,
    LaneKind, LogRow, Mailbox, News, Overview, Pending, PendingMedia, Position, Span, StateBox,
    StoreError, Token, TraceStep, holds_every_word,
};
pub(super) use connections::Connections;
use connections::Question;
use rows::FromRow;
pub(super) use sealed::keys;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

/// The columns of a mailbox.
macro_rules! mailbox_columns {
    () => {
        "r.id, a.name AS account, r.name, r.door, r.scope, r.focal, r.focus_rev, r.recap_from, r.recap_to, r.status, \
         r.fails"
    };
}

/// The columns of a chat.
macro_rules! chat_columns {
    () => {
        "c.id AS chat_id, c.connection, c.reader, c.platform, c.handle, c.kind AS chat_kind, c.name AS chat_name, c.session, c.head"
    };
}

/// A row as readers see it: a message shows its newest version, or that it was taken back. `l` is the row, `n` what took
/// its place.
macro_rules! row_columns {
    () => {
        "l.seq, l.chat, l.author, l.out, coalesce(n.body, l.body) AS body, n.seq IS NOT NULL AS revised, l.event_id, l.target, l.late, l.wakes, l.at"
    };
}

macro_rules! rows_where {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            row_columns!(),
            " FROM log AS l LEFT JOIN log AS n ON n.seq = l.cur_seq ",
            $rest
        )
    };
}

/// Many rows as one value: each row of an answer is a crossing between threads, which costs more than to read it.
macro_rules! packed_where {
    ($rest:literal) => {
        concat!(
            "SELECT json_group_array(json_array(seq, chat, author, out, body, revised, event_id, target, late, wakes, at)) \
             FROM (",
            rows_where!($rest),
            ")"
        )
    };
}

/// The oldest waking message among the owed chats of a lane, the rows of its chat that are not handed over.
macro_rules! pending_in {
    ($owed:literal) => {
        concat!(
            "WITH owed AS (SELECT m.chat, m.handed, (SELECT min(seq) FROM log WHERE chat = m.chat AND seq > m.handed \
             AND wakes) AS oldest FROM ",
            $owed,
            " AND m.waking > m.handed ORDER BY oldest LIMIT 1) SELECT ",
            chat_columns!(),
            ", ",
            row_columns!(),
            " FROM owed JOIN chats AS c ON c.id = owed.chat LEFT JOIN log AS l ON l.chat = c.id AND l.seq > owed.handed \
             AND NOT EXISTS (SELECT 1 FROM log AS d WHERE d.seq = l.cur_seq AND d.kind = 'delete') \
             LEFT JOIN log AS n ON n.seq = l.cur_seq ORDER BY l.seq"
        )
    };
}

/// The reading half of the store.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    connections: Connections,
}

impl Reader {
    pub(super) fn new(connections: Connections) -> Self {
        Self { connections }
    }

    pub(super) async fn close(&self) {
        self.connections.close().await;
    }

    async fn all<T: FromRow>(&self, question: Question<'_>) -> Result<Vec<T>, StoreError> {
        let rows = self.connections.all(question).await?;
        rows.iter().map(T::from_row).collect()
    }

    async fn one<T: FromRow>(&self, question: Question<'_>) -> Result<Option<T>, StoreError> {
        let row = self.connections.first(question).await?;
        row.as_ref().map(T::from_row).transpose()
    }

    /// The rows of a `packed_where!`.
    async fn packed(&self, question: Question<'_>) -> Result<Vec<LogRow>, StoreError> {
        let packed: Option<String> = self.scalar(question).await?;
        rows::unpack(packed.as_deref().unwrap_or("[]"))
    }

    async fn scalar<T>(&self, question: Question<'_>) -> Result<Option<T>, StoreError>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let row = self.connections.first(question).await?;
        let value = row.map(|row: SqliteRow| row.try_get::<Option<T>, _>(0));
        Ok(value.transpose().map_err(failed)?.flatten())
    }

    pub(super) async fn now(&self) -> Result<Millis, StoreError> {
        let now = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
        let now: Option<i64> = self.scalar(sqlx::query(now)).await?;
        Ok(Millis(now.unwrap_or_default()))
    }

    /// Every mailbox, or one.
    pub(super) async fn mailboxes(
        &self,
        id: Option<&MailboxId>,
    ) -> Result<Vec<Mailbox>, StoreError> {
        let sql = concat!(
            "SELECT ",
            mailbox_columns!(),
            " FROM readers AS r JOIN accounts AS a ON a.id = r.account \
             WHERE r.kind = 'mailbox' AND (?1 IS NULL OR r.id = ?1) ORDER BY r.id"
        );
        self.all(sqlx::query(sql).bind(id.map(|id| id.as_str().to_owned())))
            .await
    }

    pub(super) async fn attention(&self, id: &MailboxId) -> Result<Option<Attention>, StoreError> {
        let sql = concat!(
            "SELECT ",
            mailbox_columns!(),
            ", ",
            chat_columns!(),
            " FROM readers AS r JOIN accounts AS a ON a.id = r.account LEFT JOIN chats AS c ON c.id = r.focal \
             WHERE r.kind = 'mailbox' AND r.id = ?1"
        );
        self.one(sqlx::query(sql).bind(id.as_str().to_owned()))
            .await
    }

    pub(super) async fn news(
        &self,
        mailbox: &MailboxId,
        after: Seq,
        limit: u32,
    ) -> Result<News, StoreError> {
        let sql = concat!(
            "WITH new AS (SELECT ",
            chat_columns!(),
            ", ",
            row_columns!(),
            " FROM chats AS c LEFT JOIN members AS m ON m.chat = c.id AND m.reader = c.reader \
             CROSS JOIN log AS l ON l.chat = c.id AND l.seq > ?2 LEFT JOIN log AS n ON n.seq = l.cur_seq \
             WHERE c.reader = ?1 AND c.head > ?2 AND m.muted IS NOT TRUE \
             AND (l.kind = 'outcome' OR NOT l.out AND l.kind <> 'receipt') ORDER BY l.seq LIMIT ?3) \
             SELECT r.focal, (SELECT max(head) FROM chats WHERE reader = r.id) AS newest, new.* \
             FROM readers AS r LEFT JOIN new ON true WHERE r.id = ?1 ORDER BY new.seq"
        );
        let query = sqlx::query(sql).bind(mailbox.as_str().to_owned());
        let query = query.bind(after.0).bind(limit);
        let rows = self.connections.all(query).await?;
        rows::news(&rows)
    }

    pub(super) async fn overview(
        &self,
        mailbox: &MailboxId,
        limit: u32,
    ) -> Result<Vec<Overview>, StoreError> {
        // A message is unread or the last one by what it was; one taken back since is not unread.
        let sql = concat!(
            "WITH theirs AS (SELECT c.*, m.seen, m.muted FROM chats AS c JOIN members AS m ON m.chat = c.id \
             AND m.reader = ?1 WHERE c.reader = ?1 ORDER BY c.head DESC LIMIT ?2) SELECT ",
            chat_columns!(),
            ", c.muted, (SELECT count(*) FROM log AS u WHERE u.chat = c.id AND u.seq > c.seen AND u.kind = 'message' \
             AND NOT u.out AND NOT EXISTS (SELECT 1 FROM log AS d WHERE d.seq = u.cur_seq AND d.kind = 'delete') \
             ) AS unread, ",
            row_columns!(),
            " FROM theirs AS c LEFT JOIN log AS l ON l.seq = (SELECT max(seq) FROM log WHERE chat = c.id \
             AND kind = 'message') LEFT JOIN log AS n ON n.seq = l.cur_seq ORDER BY c.head DESC"
        );
        let query = sqlx::query(sql).bind(mailbox.as_str().to_owned());
        self.all(query.bind(i64::from(limit))).await
    }

    pub(super) async fn connections(
        &self,
        id: Option<&ConnectionId>,
    ) -> Result<Vec<Connection>, StoreError> {
        let columns = "SELECT c.id, c.reader, c.platform, c.ident, c.settings, c.secret, c.policy, c.policy_rev, \
             (SELECT cursor FROM resumes WHERE connection = c.id) AS cursor FROM connections AS c \
             WHERE c.status = 'active'";
        match id {
            None => {
                let sql = format!("{columns} ORDER BY c.id");
                self.all(sqlx::query(AssertSqlSafe(sql))).await
            }
            Some(id) => {
                let sql = format!("{columns} AND c.id = ?1");
                self.all(sqlx::query(AssertSqlSafe(sql)).bind(id.as_str().to_owned()))
                    .await
            }
        }
    }

    pub(super) async fn chat(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        let sql = concat!(
            "SELECT ",
            chat_columns!(),
            " FROM chats AS c WHERE c.id = ?1"
        );
        self.one(sqlx::query(sql).bind(id.0)).await
    }

    pub(super) async fn chat_of(
        &self,
        connection: &ConnectionId,
        handle: &Handle,
    ) -> Result<Option<Chat>, StoreError> {
        let sql = concat!(
            "SELECT ",
            chat_columns!(),
            " FROM chats AS c WHERE c.connection = ?1 AND c.handle = ?2"
        );
        let query = sqlx::query(sql).bind(connection.as_str().to_owned());
        self.one(query.bind(handle.as_str().to_owned())).await
    }

    pub(super) async fn chats(
        &self,
        mailbox: &MailboxId,
        limit: u32,
    ) -> Result<Vec<Chat>, StoreError> {
        let sql = concat!(
            "SELECT ",
            chat_columns!(),
            " FROM chats AS c WHERE c.reader = ?1 ORDER BY c.head DESC LIMIT ?2"
        );
        let query = sqlx::query(sql).bind(mailbox.as_str().to_owned());
        self.all(query.bind(limit)).await
    }

    pub(super) async fn pending(&self, lane: &LaneKey) -> Result<Option<Pending>, StoreError> {
        let (sql, id) = match lane.key.split_once('/') {
            _ if lane.kind != LaneKind::Turn => return Ok(None),
            Some(("chat", id)) => (
                pending_in!("members AS m WHERE m.chat = ?2 AND m.reader = ?1"),
                id,
            ),
            Some(("session", id)) => (
                pending_in!(
                    "chats AS s JOIN members AS m ON m.chat = s.id AND m.reader = ?1 WHERE s.session = ?2"
                ),
                id,
            ),
            None if lane.key == "mailbox" => (
                pending_in!("members AS m WHERE m.reader = ?1 AND ?2 = 0"),
                "0",
            ),
            _ => return Ok(None),
        };
        let Ok(id) = id.parse::<i64>() else {
            return Ok(None);
        };
        let query = sqlx::query(sql).bind(lane.owner.clone()).bind(id);
        let rows = self.connections.all(query).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let chat = Chat::from_row(first)?;
        let there = |row: &&SqliteRow| matches!(row.try_get::<Option<i64>, _>("seq"), Ok(Some(_)));
        let pending: Result<_, _> = rows.iter().filter(there).map(LogRow::from_row).collect();
        let upto = chat.head;
        Ok(Some(Pending {
            chat,
            rows: pending?,
            upto,
        }))
    }

    pub(super) async fn history(
        &self,
        of: Span,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        // Of a session's chats each gives its newest `limit` rows before they are put in order: however long the chats
        // are, no more is read.
        let (sql, id) = match of {
            Span::Chat(id) => (
                packed_where!("WHERE l.chat = ?1 AND l.seq < ?2 ORDER BY l.seq DESC LIMIT ?3"),
                id.0,
            ),
            Span::Session(id) => (
                packed_where!(
                    "JOIN chats AS c ON c.id = l.chat WHERE c.session = ?1 AND l.seq < ?2 AND l.seq >= coalesce(( \
                     SELECT seq FROM log WHERE chat = c.id AND seq < ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3 - 1), 0) \
                     ORDER BY l.seq DESC LIMIT ?3"
                ),
                id.0,
            ),
        };
        let before = before.map_or(i64::MAX, |seq| seq.0);
        let query = sqlx::query(sql).bind(id).bind(before).bind(limit);
        let mut rows = self.packed(query).await?;
        rows.reverse();
        Ok(rows)
    }

    pub(super) async fn since(
        &self,
        chat: ChatId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let sql = packed_where!("WHERE l.chat = ?1 AND l.seq > ?2 ORDER BY l.seq LIMIT ?3");
        self.packed(sqlx::query(sql).bind(chat.0).bind(after.0).bind(limit))
            .await
    }

    pub(super) async fn row(&self, seq: Seq) -> Result<Option<LogRow>, StoreError> {
        self.one(sqlx::query(rows_where!("WHERE l.seq = ?1")).bind(seq.0))
            .await
    }

    pub(super) async fn seq_of(
        &self,
        connection: &ConnectionId,
        event: &EventId,
    ) -> Result<Option<Seq>, StoreError> {
        let sql = "SELECT coalesce((SELECT seq FROM log WHERE connection = ?1 AND event_id = ?2), \
             (SELECT seq FROM outbox WHERE owner = ?1 AND message = ?2 ORDER BY id LIMIT 1))";
        let query = sqlx::query(sql).bind(connection.as_str().to_owned());
        let seq = self.scalar(query.bind(event.as_str().to_owned())).await?;
        Ok(seq.map(Seq))
    }

    pub(super) async fn said(&self, key: &str) -> Result<Option<Seq>, StoreError> {
        let said = sqlx::query("SELECT reply FROM idem WHERE key = ?1").bind(key.to_owned());
        let row = self.connections.first(said).await?;
        let seq = row.map(|row| row.try_get(0)).transpose();
        Ok(seq.map_err(failed)?.map(Seq))
    }

    pub(super) async fn names_of(&self, seq: Seq) -> Result<Vec<EventId>, StoreError> {
        let sql = "SELECT event_id AS name FROM log WHERE seq = ?1 AND event_id IS NOT NULL UNION ALL \
             SELECT name FROM (SELECT o.message AS name \
                FROM log AS l JOIN outbox AS o ON o.seq = l.seq OR o.seq = l.cur_seq \
                WHERE l.seq = ?1 AND l.event_id IS NULL AND o.message IS NOT NULL AND (o.seq = l.seq \
                    OR o.verb ->> 'verb' = 'send' \
                    OR NOT EXISTS (SELECT 1 FROM outbox WHERE seq = ?1 AND message IS NOT NULL)) \
                ORDER BY o.id)";
        let names = self.connections.all(sqlx::query(sql).bind(seq.0)).await?;
        let names = names.iter().map(|row| row.try_get::<String, _>(0));
        let names: Result<Vec<String>, _> = names.collect();
        Ok(names
            .map_err(failed)?
            .into_iter()
            .map(EventId::new)
            .collect())
    }

    pub(super) async fn positions(&self, chat: ChatId) -> Result<Vec<Position>, StoreError> {
        let sql = "SELECT reader, handed, seen FROM members WHERE chat = ?1 ORDER BY reader";
        self.all(sqlx::query(sql).bind(chat.0)).await
    }

    pub(super) async fn queued(
        &self,
        lane: &LaneKey,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sql = "SELECT * FROM outbox WHERE owner = ?1 AND key = ?2 AND state IN ('queued', 'custody') \
             ORDER BY id LIMIT ?3";
        if lane.kind == LaneKind::Turn {
            return Ok(Vec::new());
        }
        let query = sqlx::query(sql).bind(lane.owner.clone());
        self.all(query.bind(lane.key.clone()).bind(limit)).await
    }

    pub(super) async fn deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<Vec<Delivery>, StoreError> {
        // The few that are open or dead have indexes of their own, which are found by these words.
        let only = |these: &[DeliveryState]| {
            !filter.states.is_empty() && filter.states.iter().all(|state| these.contains(state))
        };
        let sql = if only(&[DeliveryState::Queued, DeliveryState::Custody]) {
            "SELECT * FROM outbox WHERE state IN ('queued', 'custody') \
             AND state IN (SELECT value FROM json_each(?1)) AND (?3 IS NULL OR id < ?3) \
             AND (?4 IS NULL OR owner IN (SELECT id FROM owners WHERE account = ?4)) \
             AND (?5 IS NULL OR owner = ?5) ORDER BY id DESC LIMIT ?2"
        } else if only(&DeliveryState::DEAD) {
            "SELECT * FROM outbox WHERE state IN ('failed', 'unknown', 'expired') \
             AND state IN (SELECT value FROM json_each(?1)) AND (?3 IS NULL OR id < ?3) \
             AND (?4 IS NULL OR owner IN (SELECT id FROM owners WHERE account = ?4)) \
             AND (?5 IS NULL OR owner = ?5) ORDER BY id DESC LIMIT ?2"
        } else {
            "SELECT * FROM outbox WHERE (?1 = '[]' OR state IN (SELECT value FROM json_each(?1))) \
             AND (?3 IS NULL OR id < ?3) \
             AND (?4 IS NULL OR owner IN (SELECT id FROM owners WHERE account = ?4)) \
             AND (?5 IS NULL OR owner = ?5) ORDER BY id DESC LIMIT ?2"
        };
        let states = serde_json::to_string(&filter.states).map_err(failed)?;
        let query = sqlx::query(sql).bind(states).bind(filter.limit);
        let query = query.bind(filter.before.map(|id| id.0));
        let account = filter.account.as_ref().map(|it| it.as_str().to_owned());
        self.all(query.bind(account).bind(filter.owner.clone()))
            .await
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.one(sqlx::query("SELECT * FROM outbox WHERE id = ?1").bind(id.0))
            .await
    }

    pub(super) async fn trace(&self, seq: Seq) -> Result<Vec<TraceStep>, StoreError> {
        let Some(row) = self.row(seq).await? else {
            return Ok(Vec::new());
        };
        Ok(story::gather(&self.connections, row).await?.steps())
    }

    pub(super) async fn pending_media(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<PendingMedia>, StoreError> {
        let sql = rows_where!(
            "WHERE l.kind = 'message' AND l.seq IN (SELECT iif(kind = 'edit', target, seq) FROM log \
             WHERE connection = ?1 AND pending > 0) ORDER BY l.seq"
        );
        let query = sqlx::query(sql).bind(connection.as_str().to_owned());
        let rows: Vec<LogRow> = self.all(query).await?;
        Ok(rows.iter().flat_map(rows::files_to_fetch).collect())
    }

    pub(super) async fn next_due(
        &self,
        kind: LaneKind,
        owners: Option<&[String]>,
    ) -> Result<Option<Millis>, StoreError> {
        let sql = "WITH paused AS (SELECT id FROM readers WHERE ?1 = 'push' AND status <> 'active'), \
             theirs AS (SELECT value FROM json_each(?2)) \
             SELECT min(due) FROM (SELECT min(due) AS due FROM lanes \
             WHERE kind = ?1 AND state = 'asleep' AND wanted > done \
             AND (?2 IS NULL OR +owner IN theirs) AND owner NOT IN (SELECT id FROM paused) UNION ALL \
             SELECT min(max(due, until + 1)) FROM lanes WHERE kind = ?1 AND state = 'busy' \
             AND (?2 IS NULL OR +owner IN theirs) AND owner NOT IN (SELECT id FROM paused))";
        let owners = owners.map(|it| serde_json::to_string(it).expect("texts are JSON"));
        let query = sqlx::query(sql).bind(kind.as_str()).bind(owners);
        let due = self.scalar(query).await?;
        Ok(due.map(Millis))
    }

    pub(super) async fn token(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        let sql = "SELECT t.*, a.name AS account_name FROM tokens AS t JOIN accounts AS a ON a.id = t.account \
                   WHERE t.prefix = ?1";
        self.one(sqlx::query(sql).bind(prefix.to_owned())).await
    }

    pub(super) async fn tokens(&self, start: &str) -> Result<Vec<Token>, StoreError> {
        let sql = "SELECT t.*, a.name AS account_name FROM tokens AS t JOIN accounts AS a ON a.id = t.account \
                   WHERE substr(t.prefix, 1, length(?1)) = ?1 ORDER BY t.prefix";
        self.all(sqlx::query(sql).bind(start.to_owned())).await
    }

    pub(super) async fn state(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<(Revision, StateBox)>, StoreError> {
        let sql = "SELECT rev, box FROM state WHERE connection = ?1 AND key = ?2";
        let query = sqlx::query(sql).bind(connection.as_str().to_owned());
        self.one(query.bind(key.to_owned())).await
    }

    pub(super) async fn outbox_depth(&self) -> Result<Depth, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE NOT handed) AS sends, \
            count(*) FILTER (WHERE handed) AS hand_outs FROM ( \
            SELECT owner IN (SELECT id FROM readers) AS handed \
            FROM outbox WHERE state IN ('queued', 'custody'))";
        let depth = self.one(sqlx::query(sql)).await?;
        Ok(depth.unwrap_or_default())
    }

    /// Counted in the index of what is open; of the rows themselves only the oldest is looked at.
    pub(super) async fn backlog(&self, owner: &str) -> Result<Backlog, StoreError> {
        let sql = "SELECT o.depth, (SELECT at FROM outbox WHERE id = o.eldest) AS oldest FROM ( \
            SELECT count(*) AS depth, min(id) AS eldest FROM outbox INDEXED BY outbox_open \
            WHERE owner = ?1 AND state IN ('queued', 'custody')) o";
        let backlog = self.one(sqlx::query(sql).bind(owner.to_owned())).await?;
        Ok(backlog.unwrap_or_default())
    }

    /// Whether the search index has not come to the log's head.
    pub(super) async fn unindexed(&self) -> Result<bool, StoreError> {
        let sql = "SELECT seq < (SELECT max(seq) FROM log) FROM cursors WHERE name = 'fts'";
        let behind = self.scalar(sqlx::query(sql)).await?;
        Ok(behind == Some(1))
    }

    /// Newest first: a word that is everywhere costs no more than one that is rare.
    pub(super) async fn search(
        &self,
        mailbox: &MailboxId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let Some(query) = search::query(words) else {
            return Ok(Vec::new());
        };
        // CROSS: the index comes first and says in which order, whatever the planner thinks of the other tables.
        let sql = concat!(
            "SELECT ",
            row_columns!(),
            " FROM words AS w CROSS JOIN log AS l ON l.seq = w.rowid CROSS JOIN chats AS c ON c.id = l.chat \
             LEFT JOIN log AS n ON n.seq = l.cur_seq \
             WHERE w.words MATCH ?1 AND c.reader = ?2 ORDER BY w.rowid DESC LIMIT ?3"
        );
        let query = sqlx::query(sql).bind(query);
        let query = query.bind(mailbox.as_str().to_owned()).bind(limit);
        let mut rows: Vec<LogRow> = self.all(query).await?;
        // The index has its own mind about what a word is; this rule is the one that all stores share.
        rows.retain(|row| {
            let text = row.body.content().map(|content| content.text.as_str());
            text.is_some_and(|text| holds_every_word(text, words))
        });
        Ok(rows)
    }
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
