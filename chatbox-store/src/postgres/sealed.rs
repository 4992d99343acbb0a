//! Sealed values, wherever they stand.

use super::wire::clean;
use chatbox_core::store::{KeyUse, Sealed, SealedOf, SealedPlace, Under};
use sqlx::postgres::PgRow;
use sqlx::{Error, PgConnection, PgExecutor, PgPool, Row};

type Result<T> = std::result::Result<T, Error>;

/// Every text that may hold a sealed value, and which key it names: a sealed value is written in one way only. `rank` is
/// the order of [`SealedOf`].
macro_rules! sealed {
    ($columns:literal, $rest:literal) => {
        concat!(
            "WITH texts AS ( \
               SELECT 0::bigint AS rank, id, '' COLLATE \"C\" AS part, secret AS text FROM chatbox.connections \
               WHERE secret IS NOT NULL \
               UNION ALL SELECT 1, id, '' COLLATE \"C\", body FROM chatbox.records WHERE kind = 'credential' \
               UNION ALL SELECT 2, conn, key, box FROM chatbox.state \
               UNION ALL SELECT 3, key, '' COLLATE \"C\", reply FROM chatbox.remembered), \
             sealed AS ( \
               SELECT *, (substring(text from '\"key\":\"([^\"\\\\]+)\",\"sealed\":\"')) COLLATE \"C\" AS key FROM texts) SELECT ",
            $columns,
            " FROM sealed WHERE key IS NOT NULL ",
            $rest
        )
    };
}

/// Which keys the sealed values name.
pub(super) async fn keys(database: impl PgExecutor<'_>) -> Result<Vec<KeyUse>> {
    let keys = sealed!("key, count(*) AS count", "GROUP BY key ORDER BY key");
    let rows = sqlx::query(keys).fetch_all(database).await?;
    let uses = rows.iter().map(|row| {
        Ok(KeyUse {
            key: row.try_get("key")?,
            values: row.try_get::<i64, _>("count")?.unsigned_abs(),
        })
    });
    uses.collect()
}

/// The same of a database that nobody has opened yet; none where there are no tables.
pub(super) async fn keys_before(connection: &mut PgConnection) -> Result<Vec<KeyUse>> {
    let there = "SELECT to_regclass('chatbox.remembered') IS NOT NULL";
    match sqlx::query_scalar(there)
        .fetch_one(&mut *connection)
        .await?
    {
        true => keys(connection).await,
        false => Ok(Vec::new()),
    }
}

pub(super) async fn sealed(
    pool: &PgPool,
    but: &str,
    after: Option<&SealedPlace>,
    limit: u32,
) -> Result<Vec<Sealed>> {
    let some = sealed!(
        "rank, id, part, text",
        "AND key <> $1 AND (rank, id, part) > ($2, $3, $4) ORDER BY rank, id, part LIMIT $5"
    );
    let (rank, id, key) = match after {
        Some(place) => (place.of as i64, place.id.as_str(), place.key.as_str()),
        None => (-1, "", ""),
    };
    let found = sqlx::query(some)
        .bind(clean(but))
        .bind(rank)
        .bind(clean(id))
        .bind(clean(key))
        .bind(i64::from(limit));
    let rows = found.fetch_all(pool).await?;
    rows.iter().map(one).collect()
}

fn one(row: &PgRow) -> Result<Sealed> {
    let rank = usize::try_from(row.try_get::<i64, _>("rank")?).ok();
    let of = rank.and_then(|rank| SealedOf::ALL.get(rank).copied());
    let place = SealedPlace {
        of: of.ok_or_else(|| Error::Decode("a sealed value stands nowhere".into()))?,
        id: row.try_get("id")?,
        key: row.try_get("part")?,
    };
    Ok(Sealed {
        place,
        text: row.try_get("text")?,
    })
}

pub(super) async fn runs(pool: &PgPool, turn: &Under) -> Result<bool> {
    let runs = "SELECT EXISTS (SELECT 1 FROM lanes WHERE $1 = 'turn' AND kind = $1 AND owner = $2 AND key = $3 \
        AND state = 'busy' AND fence = $4 \
        AND until >= floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)";
    let runs = sqlx::query_scalar(runs)
        .bind(turn.lane.kind.as_str())
        .bind(clean(&turn.lane.owner))
        .bind(clean(&turn.lane.key))
        .bind(turn.fence.0);
    runs.fetch_one(pool).await
}
