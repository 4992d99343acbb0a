//! PostgreSQL databases as text and back, by PostgreSQL's own programs.

use super::Tables;
use chatbox_test_postgres as pg;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

const TABLES: &str =
    "SELECT relname FROM pg_class WHERE relnamespace = 'chatbox'::regnamespace AND relkind = 'r'";

/// Columns, indexes, constraints and functions.
const SHAPE: &str = "
SELECT 'column ' || c.table_name || '.' || c.column_name || ' ' || c.data_type || ' ' || c.is_nullable || ' '
  || coalesce(c.column_default, '') || ' ' || coalesce(c.collation_name, '')
FROM information_schema.columns AS c WHERE c.table_schema = 'chatbox'
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'chatbox'
UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'chatbox'::regnamespace AND contype <> 'n'
UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'chatbox'::regnamespace";

/// Every index is looked through, each row of its table in it.
const FAULTS: &str = "CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public;
SELECT public.bt_index_check(c.oid, true) FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relnamespace = 'chatbox'::regnamespace AND c.relkind = 'i' AND a.amname = 'btree'";

fn psql(url: &str) -> Command {
    let mut psql = Command::new(pg::program("psql"));
    psql.env(
        "PGOPTIONS",
        "--search_path=chatbox -c client_min_messages=warning",
    );
    psql.args(["-XAtq0", "-v", "ON_ERROR_STOP=1", url]);
    psql
}

/// Each row of the answer, its columns with a bar between.
pub(super) fn ask(url: &str, sql: &str) -> Vec<String> {
    let done = psql(url).args(["-c", sql]).output().expect("psql");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{sql}: {error}");
    let text = String::from_utf8(done.stdout).expect("text");
    text.split_terminator('\0').map(str::to_owned).collect()
}

pub(super) fn load(url: &str, dump: &str) {
    let mut psql = psql(url);
    let mut loading = psql
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("psql");
    let mut input = loading.stdin.take().expect("it is piped");
    input.write_all(dump.as_bytes()).expect("it reads");
    drop(input);
    assert!(loading.wait().expect("it ends").success());
}

pub(super) fn dump(url: &str) -> String {
    let done = Command::new(pg::program("pg_dump"))
        .args([
            "--schema=chatbox",
            "--inserts",
            "--no-owner",
            "--no-privileges",
        ])
        .arg(url)
        .output()
        .expect("pg_dump");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    let text = String::from_utf8(done.stdout).expect("text");
    // A word that is another each time, and which program this was.
    let lasting = |line: &&str| !line.contains("restrict ") && !line.starts_with("-- Dumped ");
    let lines: Vec<&str> = text.lines().filter(lasting).collect();
    lines.join("\n").trim().to_owned() + "\n"
}

pub(super) fn tables(url: &str) -> Tables {
    let all = ask(url, TABLES).into_iter().map(|table| {
        let rows = ask(url, &format!("SELECT to_jsonb(t) FROM {table} AS t"));
        let rows = rows
            .iter()
            .map(|row| serde_json::from_str(row).expect("an object"));
        (table, rows.collect())
    });
    all.collect()
}

pub(super) fn shape(url: &str) -> BTreeSet<String> {
    ask(url, SHAPE).into_iter().collect()
}

pub(super) fn faults(url: &str) -> Vec<String> {
    let looked = psql(url).args(["-c", FAULTS]).output().expect("psql");
    match looked.status.success() {
        true => Vec::new(),
        false => vec![String::from_utf8_lossy(&looked.stderr).into_owned()],
    }
}
