//! What people set up.

use super::decode::{document, number, word};
use super::wire::clean;
use chatbox_core::id::{AccountId, Millis};
use chatbox_core::store::{Note, Noted, Record, RecordKind, Remembered, Subscription};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Every record of a kind, of one account or of all, or one.
pub(super) async fn all(
    pool: &PgPool,
    kind: RecordKind,
    account: Option<&AccountId>,
    id: Option<&str>,
) -> Result<Vec<Record>> {
    let all = "SELECT kind, id, account, name, rev, uses, at, body FROM records \
        WHERE kind = $1 AND ($2::text IS NULL OR account = $2) AND ($3::text IS NULL OR id = $3) ORDER BY id";
    let found = sqlx::query(all)
        .bind(kind.as_str())
        .bind(account.map(|it| clean(it.as_str())))
        .bind(id.map(clean));
    let rows = found.fetch_all(pool).await?;
    rows.iter().map(record).collect()
}

fn record(row: &PgRow) -> Result<Record> {
    Ok(Record {
        kind: word(row.try_get("kind")?)?,
        account: row.try_get::<String, _>("account")?.into(),
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        rev: row.try_get("rev")?,
        body: row.try_get("body")?,
        uses: document(row.try_get("uses")?)?,
        at: Millis(row.try_get("at")?),
    })
}

pub(super) async fn subscriptions(
    pool: &PgPool,
    account: Option<&AccountId>,
) -> Result<Vec<Subscription>> {
    let all = "SELECT id, account, events, status, fails, dropped, at FROM readers \
        WHERE kind = 'subscription' AND ($1::text IS NULL OR account = $1) ORDER BY id";
    let found = sqlx::query(all).bind(account.map(|it| clean(it.as_str())));
    let rows = found.fetch_all(pool).await?;
    rows.iter().map(subscription).collect()
}

fn subscription(row: &PgRow) -> Result<Subscription> {
    Ok(Subscription {
        id: row.try_get("id")?,
        account: row.try_get::<String, _>("account")?.into(),
        events: document(row.try_get("events")?)?,
        standing: word(row.try_get("status")?)?,
        fails: number(row, "fails")?,
        dropped: row.try_get::<i64, _>("dropped")?.unsigned_abs(),
        at: Millis(row.try_get("at")?),
    })
}

pub(super) async fn remembered(pool: &PgPool, key: &str) -> Result<Option<Remembered>> {
    let one = "SELECT asked, reply FROM remembered \
        WHERE key = $1 AND until > floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let found = sqlx::query(one).bind(clean(key));
    let row = found.fetch_optional(pool).await?;
    row.map(|row| {
        Ok(Remembered {
            asked: row.try_get("asked")?,
            reply: row.try_get("reply")?,
        })
    })
    .transpose()
}

pub(super) async fn notes(
    pool: &PgPool,
    account: &AccountId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Noted>> {
    let newest = "SELECT id, account, at, by, action, target FROM notes \
        WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    let found = sqlx::query(newest)
        .bind(clean(account.as_str()))
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit));
    let rows = found.fetch_all(pool).await?;
    rows.iter().map(noted).collect()
}

fn noted(row: &PgRow) -> Result<Noted> {
    Ok(Noted {
        id: row.try_get("id")?,
        at: Millis(row.try_get("at")?),
        note: Note {
            account: row.try_get::<String, _>("account")?.into(),
            by: row.try_get("by")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
        },
    })
}
