//! The reads, each one statement on the pool unless it says otherwise.

use super::decode::{
    self, CHAT, DELIVERY, LOG_ROW, chat_columns, document, log_columns, log_row, mailbox_columns,
};
use super::wire::clean;
use chatbox_core::connector::Revision;
use chatbox_core::event::EventBody;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, EventId, Handle, MailboxId, Millis, Seq};
use chatbox_core::store::{
    Attention, Backlog, Chat, Connection, Delivery, DeliveryFilter, Depth, LaneKey, LaneKind,
    LogRow, Mailbox, News, Overview, Pending, PendingMedia, Position, Span, StateBox, Token,
    holds_every_word,
};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Row};
use std::borrow::Borrow;
use std::collections::HashMap;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Rows looked at in one go when searching.
const PAGE: i64 = 500;

/// A statement out of constant pieces: nothing that comes from outside is ever part of its text.
pub(super) fn sql(select: &str, rest: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{select} {rest}"))
}

fn each<R: Borrow<PgRow>, T>(
    rows: impl IntoIterator<Item = R>,
    mut decode: impl FnMut(&PgRow) -> Result<T>,
) -> Result<Vec<T>> {
    rows.into_iter().map(|row| decode(row.borrow())).collect()
}

pub(super) async fn now(pool: &PgPool) -> Result<Millis> {
    let now = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    sqlx::query_scalar(now).fetch_one(pool).await.map(Millis)
}

/// Every mailbox, or one.
pub(super) async fn mailboxes(pool: &PgPool, one: Option<&MailboxId>) -> Result<Vec<Mailbox>> {
    let all = concat!(
        "SELECT ",
        mailbox_columns!(),
        " FROM readers r WHERE r.kind = 'mailbox' AND ($1::text IS NULL OR r.id = $1) ORDER BY r.id"
    );
    let found = sqlx::query(all).bind(one.map(|id| clean(id.as_str())));
    each(found.fetch_all(pool).await?, decode::mailbox)
}

pub(super) async fn attention(pool: &PgPool, id: &MailboxId) -> Result<Option<Attention>> {
    let one = concat!(
        "SELECT ",
        mailbox_columns!(),
        ", ",
        chat_columns!(),
        " FROM readers r LEFT JOIN chats c ON c.id = r.focal WHERE r.kind = 'mailbox' AND r.id = $1"
    );
    let found = sqlx::query(one).bind(clean(id.as_str()));
    let row = found.fetch_optional(pool).await?;
    row.as_ref().map(decode::attention).transpose()
}

pub(super) async fn news(
    pool: &PgPool,
    mailbox: &MailboxId,
    after: Seq,
    limit: u32,
) -> Result<News> {
    let new = concat!(
        "WITH new AS (SELECT ",
        chat_columns!(),
        ", ",
        log_columns!(),
        " FROM chats c LEFT JOIN members m ON m.chat = c.id AND m.reader = c.mailbox \
         JOIN log l ON l.chat = c.id AND l.seq > $2 JOIN content b ON b.seq = coalesce(l.cur_seq, l.seq) \
         WHERE c.mailbox = $1 AND c.head > $2 AND m.muted IS NOT TRUE \
         AND (l.kind = 'outcome' OR NOT l.\"out\" AND l.kind <> 'receipt') ORDER BY l.seq LIMIT $3) \
         SELECT r.focal, coalesce((SELECT max(head) FROM chats WHERE mailbox = r.id), 0) AS newest, new.* \
         FROM readers r LEFT JOIN new ON true WHERE r.id = $1 ORDER BY new.seq"
    );
    let found = sqlx::query(new).bind(clean(mailbox.as_str()));
    let found = found.bind(after.0).bind(i64::from(limit));
    decode::news(&found.fetch_all(pool).await?)
}

/// The chats, and then, by a statement of its own, the message that is the last of each.
pub(super) async fn overview(
    pool: &PgPool,
    mailbox: &MailboxId,
    limit: u32,
) -> Result<Vec<Overview>> {
    // A message is unread or the last one by what it was; one taken back since is not unread.
    let theirs = concat!(
        "SELECT ",
        chat_columns!(),
        ", m.muted, \
            (SELECT count(*) FROM log u WHERE u.chat = c.id AND u.seq > m.seen AND u.kind = 'message' \
                AND NOT u.\"out\" AND NOT EXISTS (SELECT FROM log d WHERE d.seq = u.cur_seq AND d.kind = 'delete') \
            ) AS unread, \
            (SELECT seq FROM log WHERE chat = c.id AND kind = 'message' ORDER BY seq DESC LIMIT 1) AS last \
        FROM chats c JOIN members m ON m.chat = c.id AND m.reader = $1 \
        WHERE c.mailbox = $1 ORDER BY c.head DESC LIMIT $2"
    );
    let found = sqlx::query(theirs)
        .bind(clean(mailbox.as_str()))
        .bind(i64::from(limit));
    let found = found.fetch_all(pool).await?;
    let last = |row: &PgRow| row.try_get::<Option<i64>, _>("last");
    let lasts: Vec<i64> = each(found.iter(), last)?.into_iter().flatten().collect();
    let rows = sqlx::query(sql(LOG_ROW, "WHERE l.seq = ANY ($1)")).bind(lasts);
    let rows = each(rows.fetch_all(pool).await?.iter(), log_row)?;
    let mut rows: HashMap<i64, LogRow> = rows.into_iter().map(|row| (row.seq.0, row)).collect();
    each(found.iter(), |row| {
        Ok(Overview {
            chat: decode::chat(row)?,
            unread: row.try_get::<i64, _>("unread")?.unsigned_abs(),
            muted: row.try_get("muted")?,
            last: last(row)?.and_then(|seq| rows.remove(&seq)),
        })
    })
}

/// Every active connection, or one.
pub(super) async fn connections(
    pool: &PgPool,
    one: Option<&ConnectionId>,
) -> Result<Vec<Connection>> {
    let active = "SELECT id, reader, platform, ident, settings, secret, policy, policy_rev, cursor \
        FROM connections WHERE status = 'active' AND ($1::text IS NULL OR id = $1) ORDER BY id";
    let found = sqlx::query(active).bind(one.map(|id| clean(id.as_str())));
    each(found.fetch_all(pool).await?, decode::connection)
}

pub(super) async fn chat(pool: &PgPool, id: ChatId) -> Result<Option<Chat>> {
    let found = sqlx::query(sql(CHAT, "WHERE id = $1")).bind(id.0);
    let row = found.fetch_optional(pool).await?;
    row.as_ref().map(decode::chat).transpose()
}

pub(super) async fn chat_of(
    pool: &PgPool,
    connection: &ConnectionId,
    handle: &Handle,
) -> Result<Option<Chat>> {
    let found = sqlx::query(sql(CHAT, "WHERE conn = $1 AND handle = $2"))
        .bind(clean(connection.as_str()))
        .bind(clean(handle.as_str()));
    let row = found.fetch_optional(pool).await?;
    row.as_ref().map(decode::chat).transpose()
}

pub(super) async fn chats(pool: &PgPool, mailbox: &MailboxId, limit: u32) -> Result<Vec<Chat>> {
    let newest = "WHERE mailbox = $1 ORDER BY head DESC LIMIT $2";
    let found = sqlx::query(sql(CHAT, newest))
        .bind(clean(mailbox.as_str()))
        .bind(i64::from(limit));
    each(found.fetch_all(pool).await?, decode::chat)
}

/// The chat with the oldest waiting message, and then, by a statement of its own, its rows up to that chat's head.
pub(super) async fn pending(pool: &PgPool, lane: &LaneKey) -> Result<Option<Pending>> {
    if lane.kind != LaneKind::Turn {
        return Ok(None);
    }
    let origin = concat!(
        "SELECT ",
        chat_columns!(),
        ", coalesce(m.handed, 0) AS handed \
        FROM chatbox_lane_chats_v1($1, $2) c \
        LEFT JOIN members m ON m.chat = c.id AND m.reader = $1 \
        CROSS JOIN LATERAL (SELECT seq FROM log WHERE chat = c.id AND seq > coalesce(m.handed, 0) AND wakes \
            ORDER BY seq LIMIT 1) oldest \
        WHERE c.woken > coalesce(m.handed, 0) ORDER BY oldest.seq LIMIT 1"
    );
    let found = sqlx::query(origin)
        .bind(clean(&lane.owner))
        .bind(clean(&lane.key));
    let Some(row) = found.fetch_optional(pool).await? else {
        return Ok(None);
    };
    let (chat, handed) = (decode::chat(&row)?, row.try_get::<i64, _>("handed")?);
    let waiting = "WHERE l.chat = $1 AND l.seq > $2 AND l.seq <= $3 AND NOT EXISTS \
        (SELECT 1 FROM log d WHERE d.seq = l.cur_seq AND d.kind = 'delete') ORDER BY l.seq";
    let rows = sqlx::query(sql(LOG_ROW, waiting))
        .bind(chat.id.0)
        .bind(handed)
        .bind(chat.head.0);
    let rows = each(rows.fetch_all(pool).await?, log_row)?;
    let upto = chat.head;
    Ok(Some(Pending { chat, rows, upto }))
}

pub(super) async fn history(
    pool: &PgPool,
    of: Span,
    before: Option<Seq>,
    limit: u32,
) -> Result<Vec<LogRow>> {
    let (older, id) = match of {
        Span::Chat(id) => (
            "WHERE l.chat = $1 AND l.seq < $2 ORDER BY l.seq DESC LIMIT $3",
            id.0,
        ),
        Span::Session(id) => (
            "WHERE l.chat IN (SELECT id FROM chats WHERE session = $1) AND l.seq < $2 \
             ORDER BY l.seq DESC LIMIT $3",
            id.0,
        ),
    };
    let found = sqlx::query(sql(LOG_ROW, older))
        .bind(id)
        .bind(before.map_or(i64::MAX, |seq| seq.0))
        .bind(i64::from(limit));
    let mut rows = each(found.fetch_all(pool).await?, log_row)?;
    rows.reverse();
    Ok(rows)
}

pub(super) async fn since(
    pool: &PgPool,
    chat: ChatId,
    after: Seq,
    limit: u32,
) -> Result<Vec<LogRow>> {
    let newer = "WHERE l.chat = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3";
    let found = sqlx::query(sql(LOG_ROW, newer))
        .bind(chat.0)
        .bind(after.0)
        .bind(i64::from(limit));
    each(found.fetch_all(pool).await?, log_row)
}

pub(super) async fn row(pool: &PgPool, seq: Seq) -> Result<Option<LogRow>> {
    let found = sqlx::query(sql(LOG_ROW, "WHERE l.seq = $1")).bind(seq.0);
    let row = found.fetch_optional(pool).await?;
    row.as_ref().map(log_row).transpose()
}

pub(super) async fn seq_of(
    pool: &PgPool,
    connection: &ConnectionId,
    event: &EventId,
) -> Result<Option<Seq>> {
    let found: Option<i64> = sqlx::query_scalar("SELECT chatbox_seq_of_v1($1, $2, NULL)")
        .bind(clean(connection.as_str()))
        .bind(clean(event.as_str()))
        .fetch_one(pool)
        .await?;
    Ok(found.map(Seq))
}

pub(super) async fn said(pool: &PgPool, key: &str) -> Result<Option<Seq>> {
    let said = sqlx::query_scalar("SELECT reply FROM idem WHERE key = $1").bind(clean(key));
    let seq: Option<i64> = said.fetch_optional(pool).await?;
    Ok(seq.map(Seq))
}

pub(super) async fn names_of(pool: &PgPool, seq: Seq) -> Result<Vec<EventId>> {
    let names = "SELECT event_id FROM log WHERE seq = $1 AND event_id IS NOT NULL \
        UNION ALL (SELECT o.receipt FROM log l JOIN outbox o ON o.seq IN (l.seq, l.cur_seq) \
            WHERE l.seq = $1 AND l.event_id IS NULL AND o.receipt IS NOT NULL AND (o.seq = l.seq OR o.verb = 'send' \
                OR NOT EXISTS (SELECT FROM outbox WHERE seq = $1 AND receipt IS NOT NULL)) \
            ORDER BY o.id)";
    let names = sqlx::query_scalar::<_, String>(names).bind(seq.0);
    let names = names.fetch_all(pool).await?;
    Ok(names.into_iter().map(EventId::from).collect())
}

pub(super) async fn positions(pool: &PgPool, chat: ChatId) -> Result<Vec<Position>> {
    let all = "SELECT reader, handed, seen FROM members WHERE chat = $1 ORDER BY reader";
    each(
        sqlx::query(all).bind(chat.0).fetch_all(pool).await?,
        |row| {
            Ok(Position {
                reader: row.try_get("reader")?,
                handed: Seq(row.try_get("handed")?),
                seen: Seq(row.try_get("seen")?),
            })
        },
    )
}

pub(super) async fn queued(pool: &PgPool, lane: &LaneKey, limit: u32) -> Result<Vec<Delivery>> {
    if lane.kind == LaneKind::Turn {
        return Ok(Vec::new());
    }
    let open =
        "WHERE owner = $1 AND key = $2 AND state IN ('queued', 'custody') ORDER BY id LIMIT $3";
    let found = sqlx::query(sql(DELIVERY, open))
        .bind(clean(&lane.owner))
        .bind(clean(&lane.key))
        .bind(i64::from(limit));
    each(found.fetch_all(pool).await?, |row| {
        Ok(decode::delivery(row)?.delivery)
    })
}

pub(super) async fn deliveries(pool: &PgPool, filter: &DeliveryFilter) -> Result<Vec<Delivery>> {
    let newest = "WHERE ($1::text[] = '{}' OR state = ANY ($1)) AND ($3::bigint IS NULL OR id < $3) \
        AND ($4::text IS NULL OR account = $4) AND ($5::text IS NULL OR owner = $5) ORDER BY id DESC LIMIT $2";
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let found = sqlx::query(sql(DELIVERY, newest))
        .bind(states)
        .bind(i64::from(filter.limit))
        .bind(filter.before.map(|id| id.0))
        .bind(filter.account.as_ref().map(|it| clean(it.as_str())))
        .bind(filter.owner.as_deref().map(clean));
    each(found.fetch_all(pool).await?, |row| {
        Ok(decode::delivery(row)?.delivery)
    })
}

pub(super) async fn delivery(pool: &PgPool, id: DeliveryId) -> Result<Option<Delivery>> {
    let found = sqlx::query(sql(DELIVERY, "WHERE id = $1")).bind(id.0);
    let row = found.fetch_optional(pool).await?;
    let sent = row.as_ref().map(decode::delivery).transpose()?;
    Ok(sent.map(|sent| sent.delivery))
}

pub(super) async fn outbox_depth(pool: &PgPool) -> Result<Depth> {
    let depth = "SELECT count(*) FILTER (WHERE NOT handed), count(*) FILTER (WHERE handed) FROM ( \
        SELECT EXISTS (SELECT FROM readers r WHERE r.id = o.owner) AS handed \
        FROM outbox o WHERE state IN ('queued', 'custody')) o";
    let (sends, hand_outs): (i64, i64) = sqlx::query_as(depth).fetch_one(pool).await?;
    Ok(Depth {
        sends: sends.unsigned_abs(),
        hand_outs: hand_outs.unsigned_abs(),
    })
}

/// Counted in the index of what is open; of the rows themselves only the oldest is looked at.
pub(super) async fn backlog(pool: &PgPool, owner: &str) -> Result<Backlog> {
    let backlog = "SELECT o.depth, (SELECT at FROM outbox WHERE id = o.eldest) FROM ( \
        SELECT count(*) AS depth, min(id) AS eldest FROM outbox \
        WHERE owner = $1 AND state IN ('queued', 'custody')) o";
    let found = sqlx::query_as(backlog).bind(clean(owner));
    let (rows, oldest): (i64, Option<i64>) = found.fetch_one(pool).await?;
    Ok(Backlog {
        rows: rows.unsigned_abs(),
        oldest: oldest.map(Millis),
    })
}

/// The files of the newest bodies of messages.
pub(super) async fn pending_media(
    pool: &PgPool,
    connection: &ConnectionId,
) -> Result<Vec<PendingMedia>> {
    let files = "SELECT l.seq, m.idx, m.source, m.name, m.mime \
        FROM media m JOIN log b ON b.seq = m.seq \
        JOIN log l ON l.seq = CASE WHEN b.kind = 'message' THEN b.seq ELSE b.target END \
        JOIN chats c ON c.id = l.chat \
        WHERE m.state = 'pending' AND l.kind = 'message' AND coalesce(l.cur_seq, l.seq) = m.seq AND c.conn = $1 \
        ORDER BY l.seq, m.idx";
    let found = sqlx::query(files).bind(clean(connection.as_str()));
    each(found.fetch_all(pool).await?, |row| {
        Ok(PendingMedia {
            seq: Seq(row.try_get("seq")?),
            index: decode::number(row, "idx")?,
            source: row.try_get("source")?,
            name: row.try_get("name")?,
            mime: row.try_get("mime")?,
        })
    })
}

pub(super) async fn next_due(
    pool: &PgPool,
    kind: LaneKind,
    owners: Option<&[String]>,
) -> Result<Option<Millis>> {
    let next = "WITH paused AS (SELECT id FROM readers WHERE $1 = 'push' AND status <> 'active') SELECT least( \
        (SELECT min(due) FROM lanes WHERE kind = $1 AND state = 'asleep' AND wanted > done \
            AND ($2::text[] IS NULL OR owner = ANY ($2)) AND owner NOT IN (SELECT id FROM paused)), \
        (SELECT min(greatest(due, until + 1)) FROM lanes WHERE kind = $1 AND state = 'busy' \
            AND ($2::text[] IS NULL OR owner = ANY ($2)) AND owner NOT IN (SELECT id FROM paused)))";
    let next = sqlx::query_scalar(next).bind(kind.as_str()).bind(owners);
    let next: Option<i64> = next.fetch_one(pool).await?;
    Ok(next.map(Millis))
}

pub(super) async fn token(pool: &PgPool, prefix: &str) -> Result<Option<Token>> {
    let found = sqlx::query(
        "SELECT prefix, account, hash, principal, scopes, until FROM tokens WHERE prefix = $1",
    )
    .bind(clean(prefix));
    let row = found.fetch_optional(pool).await?;
    row.as_ref().map(credential).transpose()
}

pub(super) async fn tokens(pool: &PgPool, start: &str) -> Result<Vec<Token>> {
    let found = sqlx::query(
        "SELECT prefix, account, hash, principal, scopes, until FROM tokens WHERE starts_with(prefix, $1) \
         ORDER BY prefix COLLATE \"C\"",
    );
    each(found.bind(clean(start)).fetch_all(pool).await?, credential)
}

fn credential(row: &PgRow) -> Result<Token> {
    Ok(Token {
        prefix: row.try_get("prefix")?,
        hash: row.try_get("hash")?,
        account: row.try_get::<String, _>("account")?.into(),
        principal: row.try_get("principal")?,
        scopes: document(row.try_get("scopes")?)?,
        until: row.try_get::<Option<i64>, _>("until")?.map(Millis),
    })
}

pub(super) async fn state(
    pool: &PgPool,
    connection: &ConnectionId,
    key: &str,
) -> Result<Option<(Revision, StateBox)>> {
    let found = sqlx::query("SELECT rev, box FROM state WHERE conn = $1 AND key = $2")
        .bind(clean(connection.as_str()))
        .bind(clean(key));
    let row = found.fetch_optional(pool).await?;
    let decode = |row: &PgRow| Ok((row.try_get("rev")?, document(row.try_get("box")?)?));
    row.as_ref().map(decode).transpose()
}

/// Page by page, newest first. The server leaves out what cannot match, which it can tell of plain words only; what
/// matches is decided here, by the rule that all stores share.
pub(super) async fn search(
    pool: &PgPool,
    mailbox: &MailboxId,
    words: &str,
    limit: u32,
) -> Result<Vec<LogRow>> {
    let page = "JOIN chats c ON c.id = l.chat \
        WHERE c.mailbox = $1 AND l.kind = 'message' AND l.seq < $2 AND b.body ILIKE ALL ($3) \
        ORDER BY l.seq DESC LIMIT $4";
    let patterns = patterns(words);
    let (mut found, mut before) = (Vec::new(), i64::MAX);
    loop {
        let rows = sqlx::query(sql(LOG_ROW, page))
            .bind(clean(mailbox.as_str()))
            .bind(before)
            .bind(&patterns)
            .bind(PAGE);
        let rows = each(rows.fetch_all(pool).await?, log_row)?;
        let last = rows.last().map(|row| row.seq.0);
        found.extend(rows.into_iter().filter(|row| says(row, words)));
        found.truncate(limit as usize);
        match last {
            Some(last) if found.len() < limit as usize => before = last,
            _ => return Ok(found),
        }
    }
}

fn says(row: &LogRow, words: &str) -> bool {
    match &row.body {
        EventBody::Message(content) => holds_every_word(&content.text, words),
        _ => false,
    }
}

fn patterns(words: &str) -> Vec<String> {
    let plain = words.split(|c: char| !c.is_alphanumeric());
    plain
        .filter(|word| !word.is_empty() && word.is_ascii())
        .map(|word| format!("%{word}%"))
        .collect()
}
