//! `backup`, `restore` and `migrate`: the database as a whole.

use super::channels::confirmed;
use super::show::{Row, Shown, show};
use crate::client::Client;
use crate::database::Database;
use crate::failure::{Exit, Failure};
use crate::paths::is_held;
use crate::serve::Start;
use axum::http::Method;
use chatbox_store::{Doubtful, SqliteStore};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a large database may take.
const PATIENCE: Duration = Duration::from_secs(6 * 60 * 60);

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `chatbox backup` made
    #[arg(required_unless_present = "loaded")]
    path: Option<PathBuf>,
    /// The database was loaded already, by its own program or by hand: only give up what it was about to do
    #[arg(long, conflicts_with = "path")]
    loaded: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Wanted<'a> {
    path: &'a Path,
}

pub(super) async fn backup(
    client: Client,
    start: &Start,
    path: &Path,
    json: bool,
) -> Result<(), Failure> {
    let path = std::path::absolute(path);
    let path = path.map_err(|error| Failure::io("cannot tell where that is", &error))?;
    let client = client.patient(PATIENCE);
    let wanted = Wanted { path: &path };
    let made = client
        .ask(Method::POST, "/operator/backup", Some(&wanted))
        .await;
    client.close().await;
    let made: Row = made.map_err(|failure: Failure| match failure.code.as_str() {
        "io_error" => failure.exit(Exit::Io),
        "damaged" => failure.exit(Exit::Damaged),
        _ => failure,
    })?;
    show(&Shown::one(made.with("keep_too", beside(start))), json)
}

/// What belongs to a whole backup and is not in the database.
fn beside(start: &Start) -> Vec<String> {
    let (key, media) = (start.data.vault_key(), start.data.media());
    let named = |name: &str, path: PathBuf| format!("{name} ({})", path.display());
    vec![
        named("the vault key, apart from the backup", key),
        named("files", media),
    ]
}

pub(super) async fn restore(start: &Start, command: Restore, json: bool) -> Result<(), Failure> {
    if is_held(&start.data.serve_json()) {
        let what = "a server is running with this data folder";
        let fix = "stop it, and restore then";
        return Err(Failure::new("already_running", what, fix).exit(Exit::Taken));
    }
    start.data.create()?;
    let database = Database::of(start)?;
    match command.path {
        Some(path) => bring_back(&database, &path, command.yes, json).await,
        None => settle(&database, command.yes, json).await,
    }
}

async fn bring_back(
    database: &Database,
    from: &Path,
    yes: bool,
    json: bool,
) -> Result<(), Failure> {
    let Database::Sqlite(to) = database else {
        return Err(elsewhere(database, from));
    };
    let full = std::fs::metadata(to).is_ok_and(|file| file.len() > 0);
    let question = "  put the backup in the place of what is there? [y/N] ";
    if full && !yes && !confirmed(question)? {
        return Err(Failure::new(
            "not_confirmed",
            "nothing was changed",
            "add --yes",
        ));
    }
    let done = SqliteStore::restore(from, to).await?;
    let row = Row::new()
        .with("restored", database.to_string())
        .with("messages", done.saved.messages);
    let row = match done.aside {
        Some(aside) => row.with("before", aside.display().to_string()),
        None => row,
    };
    show(&Shown::one(told(row, &done.doubtful)), json)
}

async fn settle(database: &Database, yes: bool, json: bool) -> Result<(), Failure> {
    let question = "  give up everything that waits to be answered or sent? [y/N] ";
    if !yes && !confirmed(question)? {
        return Err(Failure::new(
            "not_confirmed",
            "nothing was changed",
            "add --yes",
        ));
    }
    let doubtful = match database {
        Database::Sqlite(path) => SqliteStore::settle_restored(path).await?,
        #[cfg(feature = "postgres")]
        Database::Postgres(url) => {
            chatbox_store::PostgresStore::settle_restored(url.expose()).await?
        }
        Database::Given => Doubtful::default(),
    };
    let row = Row::new().with("settled", database.to_string());
    show(&Shown::one(told(row, &doubtful)), json)
}

/// What is not done again, and where to see it.
fn told(row: Row, doubtful: &Doubtful) -> Row {
    let unanswered = doubtful.unanswered.iter();
    let unanswered: Vec<String> = unanswered.map(|seq| format!("msg_{seq}")).collect();
    let row = row
        .with("unknown", doubtful.deliveries)
        .with("unanswered", unanswered);
    match doubtful.deliveries {
        0 => row,
        _ => row.with("next", "chatbox deliveries list --state unknown"),
    }
}

#[cfg(feature = "postgres")]
fn elsewhere(database: &Database, from: &Path) -> Failure {
    use crate::database::quoted;
    let fix = format!(
        "pg_restore --clean --if-exists --dbname={} {} && chatbox restore --loaded",
        quoted(&database.to_string()),
        quoted(&from.display().to_string())
    );
    let what = "PostgreSQL is brought back by its own program";
    Failure::new("use_pg_restore", what, fix)
}

#[cfg(not(feature = "postgres"))]
fn elsewhere(_database: &Database, _from: &Path) -> Failure {
    let what = "there is no file to bring a backup back to";
    Failure::new("given_store", what, "ask the program that opened the store")
}

/// Brings the database to this program's schema. Done twice, it changes nothing.
pub(super) async fn migrate(start: &Start, json: bool) -> Result<(), Failure> {
    start.data.create()?;
    let database = Database::of(start)?;
    drop(database.open().await?);
    let row = Row::new()
        .with("database", database.to_string())
        .with("schema", database.schema());
    show(&Shown::one(row), json)
}
