//! Opening the file: who may have it, what it must be, how safely it writes. Every refusal says what to do.

use super::read::{self, Connections};
use super::{SqliteOptions, backup};
use chatbox_core::store::{KeyUse, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

/// What this program writes and reads.
pub const SCHEMA: i64 = 1;
/// `chat` as a number: says in the file whose it is.
const APPLICATION: i64 = 0x6368_6174;
/// Older ones can lose a commit when the write-ahead log starts over.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

const SCHEMA_SQL: &str = include_str!("sql/schema.sql");
/// What steps are made of, for the writing connection only. `steps.sql` comes first: the others hang on its tables.
const MACHINERY_SQL: [&str; 14] = [
    include_str!("sql/steps.sql"),
    include_str!("sql/accept.sql"),
    include_str!("sql/lanes.sql"),
    include_str!("sql/link.sql"),
    include_str!("sql/emit.sql"),
    include_str!("sql/commit.sql"),
    include_str!("sql/settle.sql"),
    include_str!("sql/handed.sql"),
    include_str!("sql/files.sql"),
    include_str!("sql/admin.sql"),
    include_str!("sql/records.sql"),
    include_str!("sql/focus.sql"),
    include_str!("sql/arrive.sql"),
    include_str!("sql/act.sql"),
];

/// Held while a process has the file. Names the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The one connection that writes, and those that read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) lock: Lock,
    pub(super) writing: SqliteConnection,
    pub(super) reading: Connections,
}

pub(super) async fn open(path: &Path, options: &SqliteOptions) -> Result<Opened, StoreError> {
    if path.is_dir() {
        return Err(foreign(path));
    }
    let lock = take(path)?;
    let file = private()
        .open(path)
        .map_err(|error| unwritable(path, &error))?;
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging();
    let mut writing = connect
        .clone()
        .row_buffer_size(256)
        .thread_name(|_| "chatbox-writer".to_owned())
        .connect()
        .await
        .map_err(|error| unreadable(path, &error))?;
    let prepared = prepare(&mut writing, path).await;
    if let Err(refusal) = prepared {
        let _ = writing.close().await;
        return Err(refusal);
    }
    tighten(&file).map_err(|error| unwritable(path, &error))?;
    let reading = connect
        .read_only(true)
        .pragma("query_only", "ON")
        .pragma("cache_size", "-8000")
        .pragma("mmap_size", "0");
    let reading = Connections::new(reading, options.readers);
    Ok(Opened {
        lock,
        writing,
        reading,
    })
}

/// Takes the file for this process. What a restore that died left undone is done.
pub(super) fn take(path: &Path) -> Result<Lock, StoreError> {
    make_folder(path)?;
    let lock = lock(path)?;
    backup::finish(path).map_err(|error| unwritable(path, &error))?;
    Ok(lock)
}

/// Which keys the sealed values name. Nothing is made but the lock, and the file that is there is as it was: where its log
/// was put into it, it is read as one that cannot change, or reading alone would leave files beside it.
pub(super) async fn keys(path: &Path) -> Result<Vec<KeyUse>, StoreError> {
    if path.is_dir() {
        return Err(foreign(path));
    }
    let _lock = take(path)?;
    let has_any = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if !has_any(path) {
        return Ok(Vec::new());
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let reading = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(!has_any(Path::new(&log)))
        .disable_statement_logging();
    let reading = reading.connect().await;
    let mut reading = reading.map_err(|error| unreadable(path, &error))?;
    let keys = match ours(&mut reading, path).await {
        Ok(0) => Ok(Vec::new()),
        Ok(_) => read::keys(&mut reading).await,
        Err(refusal) => Err(refusal),
    };
    let _ = reading.close().await;
    keys
}

/// Looks before it writes: a file that is not ours, or newer than we are, is left as it is.
async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| unreadable(path, &error))?;
    check_version(&version)?;
    let schema = ours(connection, path).await?;
    write_ahead(connection).await?;
    if schema < SCHEMA {
        migrate(connection).await?;
    }
    for sql in MACHINERY_SQL {
        connection
            .execute(sqlx::raw_sql(sql))
            .await
            .map_err(failed)?;
    }
    // Nobody else has the file, so nobody holds a lane.
    connection
        .execute("UPDATE lanes SET until = 0 WHERE state = 'busy'")
        .await
        .map_err(|error| unwritable(path, &error))?;
    Ok(())
}

/// The schema of a file that is ours, or empty, and not newer than we are.
pub(super) async fn ours(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<i64, StoreError> {
    let schema = number(connection, "PRAGMA user_version")
        .await
        .map_err(|error| unreadable(path, &error))?;
    let application = number(connection, "PRAGMA application_id")
        .await
        .map_err(|error| unreadable(path, &error))?;
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema")
        .await
        .map_err(|error| unreadable(path, &error))?;
    if application != APPLICATION && tables > 0 {
        return Err(foreign(path));
    }
    check_schema(schema)?;
    Ok(schema)
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// Commits must survive the loss of power: asked for, then read back.
async fn write_ahead(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // Checkpoints every 16 MB: the pages that every batch writes are then moved once for many batches.
    let pragmas = "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;
        PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA synchronous = FULL";
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    connection
        .execute(sqlx::raw_sql(pragmas))
        .await
        .map_err(failed)?;
    let synchronous = number(connection, "PRAGMA synchronous")
        .await
        .map_err(failed)?;
    check_durability(&journal, synchronous)
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed)?;
    let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}");
    for sql in [SCHEMA_SQL, &marks] {
        transaction
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)))
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

pub(super) fn check_version(version: &str) -> Result<(), StoreError> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::Refused {
        code: "sqlite_too_old",
        what: format!("SQLite {version} can damage a database that is written ahead"),
        fix: "use SQLite 3.51.3 or newer; the program as released brings it along".to_owned(),
    })
}

pub(super) fn check_durability(journal: &str, synchronous: i64) -> Result<(), StoreError> {
    if journal == "wal" && synchronous >= 2 {
        return Ok(());
    }
    Err(StoreError::Refused {
        code: "weak_durability",
        what: format!(
            "the database answers with journal mode {journal} and synchronous {synchronous}, so a message that was \
             accepted could be lost with the power"
        ),
        fix: "put it on a local disk that supports shared memory and fsync".to_owned(),
    })
}

pub(super) fn check_schema(schema: i64) -> Result<(), StoreError> {
    if (0..=SCHEMA).contains(&schema) {
        return Ok(());
    }
    Err(StoreError::Refused {
        code: "schema_too_new",
        what: format!("the database has schema {schema} and this program knows schema {SCHEMA}"),
        fix: "start the newer version again, or restore the backup from before the upgrade"
            .to_owned(),
    })
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) else {
        return Ok(());
    };
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| unwritable(folder, &error))
}

/// Ours to read and write, nobody else's. SQLite gives the files beside it the same rights.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn tighten(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut rights = file.metadata()?.permissions();
    if rights.mode() & 0o077 == 0 {
        return Ok(());
    }
    rights.set_mode(0o600);
    file.set_permissions(rights)
}

#[cfg(not(unix))]
fn tighten(_file: &File) -> std::io::Result<()> {
    Ok(())
}

/// Where the lock of a database lies.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let at = lock_path(path);
    let mut file = private()
        .open(&at)
        .map_err(|error| unwritable(&at, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&at).unwrap_or_default();
            return Err(running(path, holder.trim()));
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(&at, &error)),
    }
    let named = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    named.map_err(|error| unwritable(&at, &error))?;
    Ok(Lock { _file: file })
}

fn running(path: &Path, holder: &str) -> StoreError {
    let who = match holder {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    StoreError::Refused {
        code: "already_running",
        what: format!("{who} has {} open", path.display()),
        fix: "use that one, stop it, or choose another data folder".to_owned(),
    }
}

pub(super) fn foreign(path: &Path) -> StoreError {
    StoreError::Refused {
        code: "not_a_database",
        what: format!(
            "{} holds something else than this program's database",
            path.display()
        ),
        fix: "choose another file, or restore a backup".to_owned(),
    }
}

pub(super) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused {
        code: "not_a_database",
        what: format!("{} cannot be read as a database: {error}", path.display()),
        fix: "choose another file, or restore a backup".to_owned(),
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused {
        code: "not_writable",
        what: format!("{} cannot be written: {error}", path.display()),
        fix: "make it writable for this user, or choose another data folder".to_owned(),
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), StoreError>) -> Option<&'static str> {
        match result {
            Err(StoreError::Refused { code, .. }) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn old_libraries_are_refused() {
        for old in ["3.7.0", "3.50.9", "3.51.2", "", "junk"] {
            assert_eq!(code(check_version(old)), Some("sqlite_too_old"), "{old}");
        }
        for good in ["3.51.3", "3.51.10", "3.52.0", "4.0"] {
            assert_eq!(code(check_version(good)), None, "{good}");
        }
    }

    #[test]
    fn weak_settings_are_refused() {
        for (journal, synchronous) in [("wal", 0), ("wal", 1), ("delete", 2), ("memory", 3)] {
            let told = code(check_durability(journal, synchronous));
            assert_eq!(told, Some("weak_durability"), "{journal} {synchronous}");
        }
        assert_eq!(code(check_durability("wal", 2)), None);
        assert_eq!(code(check_durability("wal", 3)), None);
    }

    #[test]
    fn unknown_schemas_are_refused() {
        assert_eq!(code(check_schema(SCHEMA + 1)), Some("schema_too_new"));
        assert_eq!(code(check_schema(-1)), Some("schema_too_new"));
        assert_eq!(code(check_schema(0)), None);
    }
}
