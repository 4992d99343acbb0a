//! Databases as every schema left them: each is brought to today's, loses nothing, and is served. `corpus/schemas` has one
//! for each schema and engine, made by a day in a house; `CHATBOX_KEEP_DUMPS=1` makes today's again.
#![cfg(all(feature = "postgres", feature = "telegram"))]

mod day;
mod opened;
mod postgres;
#[path = "../program/mod.rs"]
mod program;
mod sqlite;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Seals every database of the corpus.
const VAULT_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Every row of every table: its columns by their names.
type Tables = BTreeMap<String, Vec<Map<String, Value>>>;

/// What a database is kept in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Engine {
    Sqlite,
    Postgres,
}

/// A database of a test's own.
enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// What today's program writes.
    fn today(self) -> i64 {
        match self {
            Self::Sqlite => chatbox_store::sqlite::SCHEMA,
            Self::Postgres => chatbox_store::postgres::VERSION.into(),
        }
    }

    /// What nothing fills yet.
    fn unused(self) -> BTreeSet<&'static str> {
        match self {
            Self::Sqlite => ["gates", "media"].into(),
            Self::Postgres => ["cursors", "gates"].into(),
        }
    }

    /// A database with nothing in it.
    async fn empty(self, folder: &Path) -> Database {
        match self {
            Self::Sqlite => Database::Sqlite(folder.join("house.db")),
            Self::Postgres => {
                let server = chatbox_test_postgres::server().await;
                Database::Postgres(server.database().await)
            }
        }
    }
}

impl Database {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    async fn load(&self, dump: &str) {
        match self {
            Self::Sqlite(path) => sqlite::load(path, dump).await,
            Self::Postgres(url) => postgres::load(url, dump),
        }
    }

    async fn dump(&self) -> String {
        match self {
            Self::Sqlite(path) => sqlite::dump(path).await,
            Self::Postgres(url) => postgres::dump(url),
        }
    }

    async fn tables(&self) -> Tables {
        match self {
            Self::Sqlite(path) => sqlite::tables(path).await,
            Self::Postgres(url) => postgres::tables(url),
        }
    }

    /// Its tables, columns, indexes and functions.
    async fn shape(&self) -> BTreeSet<String> {
        match self {
            Self::Sqlite(path) => sqlite::shape(path).await,
            Self::Postgres(url) => postgres::shape(url),
        }
    }

    /// What the engine itself finds wrong with it.
    async fn faults(&self) -> Vec<String> {
        match self {
            Self::Sqlite(path) => sqlite::faults(path).await,
            Self::Postgres(url) => postgres::faults(url),
        }
    }

    /// A program of the future was here.
    async fn is_newer(&self) {
        match self {
            Self::Sqlite(path) => sqlite::run(path, "PRAGMA user_version = 99").await,
            Self::Postgres(url) => {
                postgres::ask(url, "UPDATE schema_version SET version = 99");
            }
        }
    }
}

/// What is known of a database of the corpus: what its dump holds only as a hash, and names to ask for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Where the bot's platform was.
    platform: String,
    /// The connection of a program that posts, and its token.
    feed: String,
    inbound_token: String,
    /// A token of the API.
    api_token: String,
    /// A message that was posted, and what it was called.
    event: String,
    message_id: String,
}

/// Where a dump is, and what is known of it.
fn kept(engine: Engine, schema: i64) -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/schemas");
    let name = format!("{}-{schema}", engine.name());
    ["sql", "json"].map(|kind| folder.join(format!("{name}.{kind}")))
}

fn from_corpus(engine: Engine, schema: i64) -> (String, Known) {
    let [dump, known] = kept(engine, schema);
    let read = |path: &Path| {
        let how = "make it: CHATBOX_KEEP_DUMPS=1 cargo test -p chatbox-server --test schemas";
        std::fs::read_to_string(path)
            .unwrap_or_else(|_| panic!("{} is missing; {how}", path.display()))
    };
    let known = serde_json::from_str(&read(&known)).expect("what is known of it");
    (read(&dump), known)
}

/// A day in the house, on today's schema.
async fn live_through(engine: Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = engine.empty(folder.path()).await;
    let known = day::live(folder.path(), &database).await;
    let empty: BTreeSet<String> = database
        .tables()
        .await
        .into_iter()
        .filter(|(_, rows)| rows.is_empty())
        .map(|(table, _)| table)
        .collect();
    let unused = engine.unused().into_iter().map(str::to_owned);
    assert_eq!(empty, unused.collect(), "tables with nothing in them");
    if std::env::var_os("CHATBOX_KEEP_DUMPS").is_some() {
        let [dump, of_it] = kept(engine, engine.today());
        std::fs::write(dump, database.dump().await).expect("a file");
        let text = serde_json::to_string_pretty(&known).expect("texts are JSON");
        std::fs::write(of_it, text + "\n").expect("a file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_fills_every_table_of_sqlite() {
    live_through(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_fills_every_table_of_postgresql() {
    live_through(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_corpus_has_todays_schema_as_it_is_made_today() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let folder = tempfile::tempdir().expect("a folder");
        let (dump, _) = from_corpus(engine, engine.today());
        let before = engine.empty(folder.path()).await;
        before.load(&dump).await;
        let folder = tempfile::tempdir().expect("a folder");
        let made = engine.empty(folder.path()).await;
        opened::migrated(folder.path(), &made);
        let (before, made) = (before.shape().await, made.shape().await);
        let differs: Vec<&String> = before.symmetric_difference(&made).collect();
        // A released schema does not change any more: what is different is the next one.
        assert!(differs.is_empty(), "{engine:?}: {differs:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_database_of_sqlite_is_brought_to_today_and_loses_nothing() {
    for schema in 1..=Engine::Sqlite.today() {
        opened::open(Engine::Sqlite, schema).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_database_of_postgresql_is_brought_to_today_and_loses_nothing() {
    for schema in 1..=Engine::Postgres.today() {
        opened::open(Engine::Postgres, schema).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        opened::refuse(engine).await;
    }
}
