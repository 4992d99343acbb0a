//! A copy of the file while it is in use, and the way back.

use super::open;
use crate::restored::Doubtful;
use chatbox_core::store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

const RESTORED_SQL: &str = include_str!("sql/restored.sql");

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Its size.
    pub bytes: u64,
    /// Messages in it.
    pub messages: u64,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup holds.
    pub saved: Saved,
    /// Where the file lies that was there before.
    pub aside: Option<PathBuf>,
    /// What is not done again.
    pub doubtful: Doubtful,
}

/// Writes everything committed so far into a new file, readable by its owner alone, and checks it. Whoever has the
/// database open goes on meanwhile.
///
/// # Errors
/// [`StoreError::Refused`] with `exists`, `io_error` or `damaged`. Nothing is left of a backup that failed.
pub(super) async fn save(database: &Path, to: &Path) -> Result<Saved, StoreError> {
    // The place is taken first, and what takes it is whole: whoever looks sees nothing, an empty file or a backup.
    let place = open::private().create_new(true).open(to);
    place.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(to),
        _ => unwritten(to, &error),
    })?;
    let draft = beside(to, &format!(".part-{}", std::process::id()));
    let saved = save_into(database, &draft).await;
    let saved = match saved {
        Ok(saved) => fs::rename(&draft, to)
            .and_then(|()| sync_folder(to))
            .map(|()| saved)
            .map_err(|error| unwritten(to, &error)),
        failed => failed,
    };
    if saved.is_err() {
        let _ = fs::remove_file(&draft);
        let _ = fs::remove_file(to);
    }
    saved
}

async fn save_into(database: &Path, draft: &Path) -> Result<Saved, StoreError> {
    let file = open::private().open(draft);
    let file = file.map_err(|error| unwritten(draft, &error))?;
    file.set_len(0).map_err(|error| unwritten(draft, &error))?;
    let mut reading = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(Duration::from_secs(30))
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| open::unreadable(database, &error))?;
    let name = draft.to_string_lossy().into_owned();
    let copied = sqlx::query("VACUUM INTO ?1").bind(name);
    let copied = copied.execute(&mut reading).await;
    let _ = reading.close().await;
    copied.map_err(|error| unwritten(draft, &error))?;
    file.sync_all().map_err(|error| unwritten(draft, &error))?;
    check(draft).await
}

/// Looks at a backup and changes nothing: whose it is, of which program, and whether every page of it is whole.
pub(super) async fn check(backup: &Path) -> Result<Saved, StoreError> {
    let size = fs::metadata(backup).map_err(|error| unread(backup, &error))?;
    if !size.is_file() {
        return Err(open::foreign(backup));
    }
    let left = fs::metadata(beside(backup, "-wal")).is_ok_and(|log| log.len() > 0);
    if left {
        return Err(StoreError::Refused {
            code: "not_a_backup",
            what: format!(
                "{} is a copy of a database in use, and not all of it",
                backup.display()
            ),
            fix: "restore a file that `chatbox backup` made".to_owned(),
        });
    }
    let mut reading = SqliteConnectOptions::new()
        .filename(backup)
        .read_only(true)
        .immutable(true)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| open::unreadable(backup, &error))?;
    let looked = look(&mut reading, backup).await;
    let _ = reading.close().await;
    let messages = looked?;
    let bytes = size.len();
    Ok(Saved { bytes, messages })
}

async fn look(reading: &mut SqliteConnection, backup: &Path) -> Result<u64, StoreError> {
    let schema = open::ours(reading, backup).await?;
    if schema == 0 {
        return Err(open::foreign(backup));
    }
    let damaged = |what: &str| StoreError::Refused {
        code: "damaged",
        what: format!("{} is damaged: {what}", backup.display()),
        fix: "use another backup; nothing was changed".to_owned(),
    };
    let found = sqlx::query_scalar("PRAGMA integrity_check(1)");
    let found: Result<String, _> = found.fetch_one(&mut *reading).await;
    match found {
        Ok(found) if found == "ok" => {}
        Ok(found) => return Err(damaged(&found)),
        Err(error) => return Err(damaged(&error.to_string())),
    }
    let messages = sqlx::query_scalar("SELECT count(*) FROM log WHERE kind = 'message'");
    let messages: i64 = messages
        .fetch_one(reading)
        .await
        .map_err(|error| damaged(&error.to_string()))?;
    Ok(messages.cast_unsigned())
}

/// Puts a backup in the place of the database, and what was there aside.
///
/// # Errors
/// [`StoreError::Refused`]: somebody has the database, or the backup cannot be used. Nothing was changed then.
pub(super) async fn restore(backup: &Path, database: &Path) -> Result<Restored, StoreError> {
    let _lock = open::take(database)?;
    let saved = check(backup).await?;
    let draft = beside(database, ".restoring-part");
    let prepared = prepare(backup, &draft).await;
    if prepared.is_err() {
        let _ = fs::remove_file(&draft);
    }
    let doubtful = prepared?;
    let placed = fs::rename(&draft, ready(database)).and_then(|()| finish(database));
    let aside = placed.map_err(|error| unwritten(database, &error))?;
    Ok(Restored {
        saved,
        aside,
        doubtful,
    })
}

async fn prepare(backup: &Path, draft: &Path) -> Result<Doubtful, StoreError> {
    copy(backup, draft).map_err(|error| unwritten(draft, &error))?;
    let doubtful = settle(draft).await?;
    check(draft).await?;
    let synced = File::open(draft).and_then(|file| file.sync_all());
    synced.map_err(|error| unwritten(draft, &error))?;
    Ok(doubtful)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = open::private().open(to)?;
    copy.set_len(0)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

/// Gives up what a database was about to do when it was saved.
pub(super) async fn settle(database: &Path) -> Result<Doubtful, StoreError> {
    let failed = |error: sqlx::Error| unwritten(database, &error);
    let options = SqliteConnectOptions::new().filename(database);
    let options = options.pragma("synchronous", "FULL");
    let mut writing = options
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| open::unreadable(database, &error))?;
    let mut change = writing
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed)?;
    let settled = change.execute(sqlx::raw_sql(RESTORED_SQL));
    settled.await.map_err(failed)?;
    let rows = sqlx::query_as("SELECT seq, state FROM doubtful ORDER BY n");
    let rows: Vec<(i64, String)> = rows.fetch_all(&mut *change).await.map_err(failed)?;
    change.commit().await.map_err(failed)?;
    writing.close().await.map_err(failed)?;
    Ok(Doubtful::of(rows))
}

/// A database that is to take its place. It takes it, whenever whoever put it there died.
fn ready(database: &Path) -> PathBuf {
    beside(database, ".restoring")
}

/// Lets a database that is ready take its place; where the one lies that was there.
pub(super) fn finish(database: &Path) -> io::Result<Option<PathBuf>> {
    let ready = ready(database);
    let Ok(file) = fs::metadata(&ready) else {
        return Ok(None);
    };
    // The same name, however often this is begun.
    let stamp = file.modified()?.duration_since(UNIX_EPOCH);
    let stamp = stamp.unwrap_or_default().as_millis();
    let aside = beside(database, &format!(".before-{stamp}"));
    for part in ["-wal", "-shm", ""] {
        let (from, to) = (beside(database, part), beside(&aside, part));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(&ready, database)?;
    sync_folder(database)?;
    Ok(aside.exists().then_some(aside))
}

/// A renamed file has its new name only once its folder is on disk.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn exists(path: &Path) -> StoreError {
    StoreError::Refused {
        code: "exists",
        what: format!("{} is there already", path.display()),
        fix: "name a file that does not exist yet".to_owned(),
    }
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    io_error(format!("cannot write {}: {error}", path.display()))
}

fn unread(path: &Path, error: &io::Error) -> StoreError {
    io_error(format!("cannot read {}: {error}", path.display()))
}

fn io_error(what: String) -> StoreError {
    StoreError::Refused {
        code: "io_error",
        what,
        fix: "check that the place exists, has room, and belongs to you".to_owned(),
    }
}
