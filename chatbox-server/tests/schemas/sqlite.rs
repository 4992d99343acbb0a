//! SQLite databases as text and back.

use super::Tables;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    let options = options.create_if_missing(true).disable_statement_logging();
    options.connect().await.expect("a connection")
}

pub(super) async fn run(path: &Path, sql: &str) {
    let mut connection = connect(path).await;
    let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
    done.await.expect("statements that work");
    connection.close().await.expect("closed");
}

pub(super) async fn load(path: &Path, dump: &str) {
    run(path, dump).await;
}

/// The text of each answer, one a row.
async fn texts(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection);
    let rows = rows.await.expect("an answer");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything but what SQLite makes by itself: tables in the order they were made, and what a virtual table keeps.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";

async fn columns(connection: &mut SqliteConnection, table: &str) -> Vec<String> {
    let sql = format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0");
    texts(connection, &sql).await
}

/// A script that makes the same database again. The tables of a virtual one are made by it and only filled here.
pub(super) async fn dump(path: &Path) -> String {
    let mut connection = connect(path).await;
    let mut script = String::new();
    for name in ["application_id", "user_version"] {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        let value = texts(&mut connection, &sql).await.remove(0);
        writeln!(script, "PRAGMA {name} = {value};").expect("a text");
    }
    script += "BEGIN;\n";
    let made =
        "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
        AND name NOT GLOB 'words_*' ORDER BY rowid";
    for sql in texts(&mut connection, made).await {
        writeln!(script, "{sql}").expect("a text");
    }
    for table in texts(&mut connection, TABLES).await {
        // What is in a virtual table is in the tables it keeps.
        if table == "words" {
            continue;
        }
        let columns = columns(&mut connection, &table).await;
        let quoted: Vec<String> = columns
            .iter()
            .map(|it| format!("quote(\"{it}\")"))
            .collect();
        let sql = format!(
            "SELECT 'INSERT INTO \"{table}\" VALUES (' || {} || ');' FROM \"{table}\"",
            quoted.join(" || ', ' || ")
        );
        writeln!(script, "DELETE FROM \"{table}\";").expect("a text");
        for row in texts(&mut connection, &sql).await {
            writeln!(script, "{row}").expect("a text");
        }
    }
    let last = "SELECT 'UPDATE sqlite_sequence SET seq = ' || seq || ' WHERE name = ' || quote(name) || ';'
        FROM sqlite_sequence";
    for sql in texts(&mut connection, last).await {
        writeln!(script, "{sql}").expect("a text");
    }
    connection.close().await.expect("closed");
    script + "COMMIT;\n"
}

pub(super) async fn tables(path: &Path) -> Tables {
    let mut connection = connect(path).await;
    let mut tables = Tables::new();
    for table in texts(&mut connection, TABLES).await {
        if table.starts_with("words") {
            continue;
        }
        let columns = columns(&mut connection, &table).await;
        let pairs: Vec<String> = columns
            .iter()
            .map(|it| format!("'{it}', quote(\"{it}\")"))
            .collect();
        let sql = format!("SELECT json_object({}) FROM \"{table}\"", pairs.join(", "));
        let rows = texts(&mut connection, &sql).await.into_iter();
        let rows = rows.map(|row| serde_json::from_str(&row).expect("an object"));
        tables.insert(table, rows.collect());
    }
    connection.close().await.expect("closed");
    tables
}

pub(super) async fn shape(path: &Path) -> BTreeSet<String> {
    let mut connection = connect(path).await;
    let sql = "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema";
    let shape = texts(&mut connection, sql).await.into_iter().collect();
    connection.close().await.expect("closed");
    shape
}

pub(super) async fn faults(path: &Path) -> Vec<String> {
    let mut connection = connect(path).await;
    let mut found = texts(&mut connection, "PRAGMA integrity_check").await;
    let words = "INSERT INTO words (words) VALUES ('integrity-check')";
    if let Err(error) = connection.execute(words).await {
        found.push(error.to_string());
    }
    connection.close().await.expect("closed");
    found.retain(|it| it != "ok");
    found
}
