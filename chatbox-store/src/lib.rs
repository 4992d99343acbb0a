//! The log on disk: the store contract of the core kept by SQLite and by PostgreSQL, and the vault for secrets.

#[cfg(feature = "postgres")]
pub mod postgres;
mod restored;
pub mod seal;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use restored::Doubtful;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
