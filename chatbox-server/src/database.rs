//! Which database a server has: opened, brought to this program's schema, saved.

use crate::failure::Failure;
use crate::serve::Start;
use chatbox_core::store::{KeyUse, Store};
use chatbox_store::sqlite::Saved;
use chatbox_store::{SqliteOptions, SqliteStore};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "postgres")]
use {chatbox_core::secret::Secret, chatbox_store::PostgresStore, url::Url};

/// Where the log is.
#[derive(Debug, Clone)]
pub enum Database {
    /// In a file.
    Sqlite(PathBuf),
    /// On a server; its address may hold a password.
    #[cfg(feature = "postgres")]
    Postgres(Secret),
    /// In a store that somebody else opened.
    Given,
}

impl Database {
    /// The one asked for, else the file in the data folder.
    ///
    /// # Errors
    /// `unknown_database`.
    pub fn of(start: &Start) -> Result<Self, Failure> {
        if start.store.is_some() {
            return Ok(Self::Given);
        }
        let asked = start
            .database
            .as_ref()
            .or(start.config.database_url.as_ref());
        let Some(url) = asked else {
            return Ok(Self::Sqlite(start.data.database()));
        };
        match url.split_once(':') {
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Secret::new(url))),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.trim_start_matches("//").into())),
            _ => {
                let what = "the database address is of no kind this program knows";
                let fix = "write sqlite:PATH or postgres://USER@HOST/NAME";
                Err(Failure::new("unknown_database", what, fix))
            }
        }
    }

    /// Which keys its sealed values name, before it is opened. Nothing of it is written.
    ///
    /// # Errors
    /// What the store refuses.
    pub async fn keys(&self) -> Result<Vec<KeyUse>, Failure> {
        match self {
            Self::Sqlite(path) => Ok(SqliteStore::keys_before(path).await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(PostgresStore::keys_before(url.expose()).await?),
            Self::Given => Err(given()),
        }
    }

    /// Whether other servers may have it open at the same time.
    pub fn may_be_shared(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }

    /// Opens it, made if it is not there, and brings it to this program's schema.
    ///
    /// # Errors
    /// What the store refuses.
    pub async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(path) => {
                let store = SqliteStore::open(path, SqliteOptions::default()).await?;
                Ok(Arc::new(store))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Arc::new(PostgresStore::open(url.expose()).await?)),
            Self::Given => Err(given()),
        }
    }

    /// The schema of this program, for such a database.
    pub fn schema(&self) -> i64 {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => chatbox_store::postgres::VERSION.into(),
            _ => chatbox_store::sqlite::SCHEMA,
        }
    }

    /// Writes all of it into a new file, while it is in use.
    ///
    /// # Errors
    /// What the store refuses, or `use_pg_dump` with the line that does it.
    pub async fn save(&self, to: &Path) -> Result<Saved, Failure> {
        match self {
            Self::Sqlite(path) => Ok(SqliteStore::save(path, to).await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                let file = quoted(&to.display().to_string());
                let fix = format!(
                    "pg_dump --format=custom --schema=chatbox --file={file} {}",
                    quoted(&bare(url.expose()))
                );
                let what = "PostgreSQL is saved by its own program";
                Err(Failure::new("use_pg_dump", what, fix))
            }
            Self::Given => Err(given()),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => f.write_str(&bare(url.expose())),
            Self::Given => f.write_str("given"),
        }
    }
}

fn given() -> Failure {
    let what = "the program that started this server opened its store itself";
    Failure::new("given_store", what, "ask that program")
}

/// An address without its password.
#[cfg(feature = "postgres")]
pub(crate) fn bare(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return "postgres://…".to_owned();
    };
    // Neither fails for an address with a host, and one without has no password.
    let _ = url.set_password(None);
    let rest = url.query_pairs().filter(|(name, _)| name != "password");
    let rest: Vec<_> = rest
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    url.into()
}

/// A word for a shell.
#[cfg(feature = "postgres")]
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dump_is_left_to_its_program_and_no_password_is_shown() {
        let url = "postgres://ada:hunter2@db.test:5433/house?password=hunter2&sslmode=require";
        let database = Database::Postgres(Secret::new(url));
        let refused = database.save(Path::new("/tmp/it's here")).await;
        let refused = refused.expect_err("it is left to pg_dump");
        assert_eq!(
            refused.fix,
            r"pg_dump --format=custom --schema=chatbox --file='/tmp/it'\''s here' 'postgres://ada@db.test:5433/house?sslmode=require'"
        );
        assert!(!format!("{database} {database:?} {refused}").contains("hunter2"));
    }
}
