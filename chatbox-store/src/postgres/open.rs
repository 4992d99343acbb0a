//! Opening: what the server must be, and bringing its tables to this version.

use super::{failed, sealed};
use crate::restored::Doubtful;
use chatbox_core::store::{KeyUse, StoreError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use std::str::FromStr;
use std::time::Duration;

/// What this program writes and reads.
pub const VERSION: i32 = VERSIONS.len() as i32;
/// What makes each version out of the one before.
const VERSIONS: [&[&str]; 1] = [&[
    include_str!("sql/schema_1.sql"),
    include_str!("sql/accept_1.sql"),
    include_str!("sql/lane_1.sql"),
    include_str!("sql/link_1.sql"),
    include_str!("sql/send_1.sql"),
    include_str!("sql/focus_1.sql"),
    include_str!("sql/admin_1.sql"),
    include_str!("sql/records_1.sql"),
]];
/// What is done once, after a dump was loaded.
const RESTORED_SQL: &str = include_str!("sql/restored.sql");
/// One program at a time changes tables.
const MIGRATION_LOCK: i64 = 0x6368_6174_626f_7801;
/// Connections for reads.
const READERS: u32 = 4;
/// A connection that answered so lately is there.
const FRESH: Duration = Duration::from_secs(1);
/// How long a read waits for one of them. A server that is started again is waited for so long; whoever asked is told then
/// to come back, and not when the server does. It also bounds how long one waits between two looks at it: a fifth of this.
const QUEUED: Duration = Duration::from_secs(5);
/// PostgreSQL 15.
const OLDEST_SERVER: i32 = 150_000;

pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| StoreError::Refused {
        code: "bad_url",
        // The URL itself may hold a password, so it is not repeated.
        what: format!("this is not the URL of a PostgreSQL database: {error}"),
        fix: "write postgres://USER@HOST:PORT/DATABASE".to_owned(),
    })?;
    Ok(options
        .application_name("chatbox")
        .disable_statement_logging()
        .options([("search_path", "chatbox"), ("jit", "off")]))
}

/// Connections that read. One that was used just now is not asked whether it is still there: that costs as much as the read.
pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(QUEUED)
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                if known.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Checks the server and brings its tables to this version.
pub(super) async fn prepare(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = options.connect().await.map_err(failed)?;
    let prepared = match check(&mut connection).await {
        Ok(()) => migrate(&mut connection).await,
        refused => refused,
    };
    connection.close().await.map_err(failed)?;
    prepared
}

/// Which keys the sealed values name. Writes nothing.
pub(super) async fn keys(options: &PgConnectOptions) -> Result<Vec<KeyUse>, StoreError> {
    let mut connection = options.connect().await.map_err(failed)?;
    let keys = match check(&mut connection).await {
        Ok(()) => sealed::keys_before(&mut connection).await.map_err(failed),
        Err(refused) => Err(refused),
    };
    connection.close().await.map_err(failed)?;
    keys
}

/// Gives up what a database was about to do when it was dumped.
pub(super) async fn settle(options: &PgConnectOptions) -> Result<Doubtful, StoreError> {
    let mut connection = options.connect().await.map_err(failed)?;
    let mut change = connection.begin().await.map_err(failed)?;
    let settled = change.execute(sqlx::raw_sql(RESTORED_SQL));
    settled.await.map_err(failed)?;
    let rows = sqlx::query_as("SELECT seq, state FROM doubtful ORDER BY seq");
    let rows: Vec<(i64, String)> = rows.fetch_all(&mut *change).await.map_err(failed)?;
    change.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(Doubtful::of(rows))
}

async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let version = setting(connection, "server_version_num").await?;
    if version.parse::<i32>().is_ok_and(|it| it < OLDEST_SERVER) {
        return Err(StoreError::Refused {
            code: "server_too_old",
            what: format!("the PostgreSQL server has version number {version}"),
            fix: "use PostgreSQL 15 or newer".to_owned(),
        });
    }
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        if setting(connection, name).await? == "off" {
            return Err(StoreError::Refused {
                code: "not_durable",
                what: format!(
                    "the PostgreSQL server has {name} = off and would lose accepted messages"
                ),
                fix: format!("set {name} = on for this database and its user"),
            });
        }
    }
    Ok(())
}

async fn setting(connection: &mut PgConnection, name: &str) -> Result<String, StoreError> {
    let setting = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
    setting.fetch_one(connection).await.map_err(failed)
}

/// All in one transaction, by one program at a time: a version is there in full or not at all.
async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut change = connection.begin().await.map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *change)
        .await
        .map_err(failed)?;
    let version = version(&mut change).await.map_err(failed)?;
    if version > VERSION {
        return Err(StoreError::Refused {
            code: "schema_too_new",
            what: format!(
                "the database has tables of version {version}; this program knows {VERSION}"
            ),
            fix: "run the newer program, or restore a backup made before it".to_owned(),
        });
    }
    let missing = usize::try_from(version).unwrap_or(0);
    for scripts in &VERSIONS[missing..] {
        let script = sqlx::raw_sql(AssertSqlSafe(scripts.concat()));
        script.execute(&mut *change).await.map_err(failed)?;
    }
    sqlx::query("UPDATE schema_version SET version = $1 WHERE version <> $1")
        .bind(VERSION)
        .execute(&mut *change)
        .await
        .map_err(failed)?;
    change.commit().await.map_err(failed)
}

/// The version of the tables; 0 where there are none yet.
async fn version(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql(
        "SET LOCAL client_min_messages = warning;
         CREATE SCHEMA IF NOT EXISTS chatbox;
         CREATE TABLE IF NOT EXISTS schema_version (one boolean PRIMARY KEY DEFAULT true CHECK (one), version int NOT NULL);
         INSERT INTO schema_version (version) VALUES (0) ON CONFLICT DO NOTHING;",
    )
    .execute(&mut *connection)
    .await?;
    let version = sqlx::query_scalar("SELECT version FROM schema_version");
    version.fetch_one(connection).await
}
