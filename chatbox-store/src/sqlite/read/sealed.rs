//! Sealed values, wherever they stand.

use super::rows::{FromRow, number, text};
use super::{Reader, failed};
use chatbox_core::store::{KeyUse, Sealed, SealedOf, SealedPlace, StoreError, Under};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// Every text that may hold a sealed value, and which key it names. `rank` is the order of [`SealedOf`].
macro_rules! sealed {
    ($columns:literal, $rest:literal) => {
        concat!(
            "WITH texts AS ( \
               SELECT 0 AS rank, id, '' AS part, secret AS text FROM connections WHERE secret IS NOT NULL \
               UNION ALL SELECT 1, id, '', body FROM records WHERE kind = 'credential' \
               UNION ALL SELECT 2, connection, key, box FROM state \
               UNION ALL SELECT 3, key, '', reply FROM remembered), \
             sealed AS ( \
               SELECT *, iif(json_valid(text), coalesce(text ->> '$.sealed.key', text ->> '$.key'), NULL) AS key \
               FROM texts) SELECT ",
            $columns,
            " FROM sealed WHERE key IS NOT NULL ",
            $rest
        )
    };
}

const KEYS: &str = sealed!("key, count(*) AS count", "GROUP BY key ORDER BY key");

/// Which keys the sealed values of a database name that nobody has opened yet.
pub(in crate::sqlite) async fn keys(
    connection: &mut SqliteConnection,
) -> Result<Vec<KeyUse>, StoreError> {
    let rows = sqlx::query(KEYS).fetch_all(connection).await;
    let rows = rows.map_err(failed)?;
    rows.iter().map(KeyUse::from_row).collect()
}

impl Reader {
    pub(in crate::sqlite) async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.all(sqlx::query(KEYS)).await
    }

    pub(in crate::sqlite) async fn sealed(
        &self,
        but: &str,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<Sealed>, StoreError> {
        let sql = sealed!(
            "rank, id, part, text",
            "AND key <> ?1 AND (rank, id, part) > (?2, ?3, ?4) ORDER BY rank, id, part LIMIT ?5"
        );
        let (rank, id, key) = match after {
            Some(place) => (rank(place.of), place.id.clone(), place.key.clone()),
            None => (-1, String::new(), String::new()),
        };
        let query = sqlx::query(sql).bind(but.to_owned());
        self.all(query.bind(rank).bind(id).bind(key).bind(limit))
            .await
    }

    pub(in crate::sqlite) async fn runs(&self, turn: &Under) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM lanes WHERE ?1 = 'turn' AND kind = ?1 AND owner = ?2 AND key = ?3 \
             AND state = 'busy' AND fence = ?4 AND until >= CAST(round(unixepoch('subsec') * 1000) AS INTEGER))";
        let query = sqlx::query(sql).bind(turn.lane.kind.as_str());
        let query = query
            .bind(turn.lane.owner.clone())
            .bind(turn.lane.key.clone());
        let runs: Option<bool> = self.scalar(query.bind(turn.fence.0)).await?;
        Ok(runs.unwrap_or_default())
    }
}

fn rank(of: SealedOf) -> i64 {
    of as i64
}

impl FromRow for KeyUse {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            key: text(row, "key")?,
            values: number(row, "count")?.unsigned_abs(),
        })
    }
}

impl FromRow for Sealed {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let place = usize::try_from(number(row, "rank")?).ok();
        let of = place.and_then(|place| SealedOf::ALL.get(place).copied());
        let place = SealedPlace {
            of: of.ok_or_else(|| StoreError::Failed("a sealed value stands nowhere".to_owned()))?,
            id: text(row, "id")?,
            key: text(row, "part")?,
        };
        Ok(Self {
            place,
            text: text(row, "text")?,
        })
    }
}
