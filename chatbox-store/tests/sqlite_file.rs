//! The file of the SQLite store: who may have it, what it must be, and what is in it after a crash.
#![cfg(feature = "sqlite")]

#[allow(dead_code, reason = "the house alone is of use here")]
mod suite;

use chatbox_core::event::ChatKind;
use chatbox_core::id::Seq;
use chatbox_core::store::{LaneKind, LaneScope, Store, StoreError};
use chatbox_store::{SqliteOptions, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use suite::house::{House, accept, message, offer, put_mailbox, step};

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteOptions::default()).await
}

async fn refusal(path: &Path) -> (&'static str, String) {
    match open(path).await {
        Err(StoreError::Refused { code, what, fix }) => (code, format!("{what}; {fix}")),
        other => panic!("not refused: {other:?}"),
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    let options = options.create_if_missing(true).disable_statement_logging();
    options.connect().await.expect("a connection")
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

fn place(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("chatbox.db")
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&place(&folder)).await.expect("a new store");
    let (code, told) = refusal(&place(&folder)).await;
    assert_eq!(code, "already_running");
    assert!(told.contains(&std::process::id().to_string()), "{told}");
    store.close().await;
    let closed = store.now().await;
    assert!(closed.is_err(), "{closed:?}");
    open(&place(&folder)).await.expect("free again");
}

#[tokio::test]
async fn a_newer_schema_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    open(&place(&folder)).await.expect("a store").close().await;
    let mut newer = raw(&place(&folder)).await;
    newer
        .execute("PRAGMA user_version = 99")
        .await
        .expect("a pragma");
    newer.close().await.expect("closed");
    let before = bytes(&place(&folder));
    assert_eq!(refusal(&place(&folder)).await.0, "schema_too_new");
    assert_eq!(bytes(&place(&folder)), before);
}

#[tokio::test]
async fn what_is_not_our_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "a diary, and not a short one at all. ".repeat(100)).expect("written");
    let theirs = folder.path().join("theirs.db");
    let mut other = raw(&theirs).await;
    other
        .execute("CREATE TABLE bookmarks (url TEXT)")
        .await
        .expect("a table");
    other.close().await.expect("closed");
    for path in [text, theirs] {
        let before = bytes(&path);
        let (code, told) = refusal(&path).await;
        assert_eq!(code, "not_a_database", "{told}");
        assert_eq!(bytes(&path), before);
    }
    assert_eq!(refusal(folder.path()).await.0, "not_a_database");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let rights = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("there");
        metadata.permissions().mode() & 0o777
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("deep").join("chatbox.db");
    let house = House::new(Arc::new(open(&path).await.expect("a new store"))).await;
    house.hear(message("1", "d1", "hello")).await;
    assert_eq!(rights(path.parent().expect("a folder")), 0o700);
    for name in [
        "chatbox.db",
        "chatbox.db-wal",
        "chatbox.db-shm",
        "chatbox.db.lock",
    ] {
        assert_eq!(rights(&path.with_file_name(name)), 0o600, "{name}");
    }
}

/// What was answered is in the files at that moment, whatever the process does next.
#[tokio::test]
async fn what_was_accepted_survives_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Arc::new(open(&place(&folder)).await.expect("a new store"))).await;
    for n in 1..=40 {
        let seen = house.hear(message(&n.to_string(), "d1", "hello")).await;
        let copy = folder.path().join(format!("copy-{n}.db"));
        for end in ["", "-wal"] {
            let named = |path: &Path| format!("{}{end}", path.display());
            std::fs::copy(named(&place(&folder)), named(&copy)).expect("copied");
        }
        let after = open(&copy).await.expect("what a crash leaves opens");
        let row = after.row(seen.seq).await.expect("a read");
        assert_eq!(row.map(|row| row.seq), Some(Seq(n)));
        after.close().await;
        let mut check = raw(&copy).await;
        let verdict: String = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&mut check)
            .await
            .expect("a verdict");
        assert_eq!(verdict, "ok");
    }
}

#[tokio::test]
async fn opening_ends_the_leases_of_the_process_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&place(&folder)).await.expect("a new store");
    let house = House::new(Arc::new(store.clone())).await;
    house.hear(message("1", "d1", "hello")).await;
    let held = house.claim_turn().await;
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    store.close().await;
    let again = Arc::new(open(&place(&folder)).await.expect("the same store"));
    let again = House { store: again };
    let taken = again.claim_turn().await;
    assert_eq!((taken.lane, taken.attempts), (held.lane, 2));
}

/// Calls that wait together are one transaction; a call that cannot be committed fails alone.
#[tokio::test]
async fn a_poisonous_call_fails_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&place(&folder)).await.expect("a new store");
    let house = House::with_scope(Arc::new(store.clone()), LaneScope::Chat).await;
    let mut other = raw(&place(&folder)).await;
    other
        .execute("CREATE TRIGGER poison BEFORE INSERT ON log WHEN NEW.event_id = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END")
        .await
        .expect("a trigger");
    let calls = (0..20).map(|n| {
        let id = match n {
            7 => "poison".to_owned(),
            n => n.to_string(),
        };
        let mut accept = accept("c", message(&id, "d1", "hello"));
        accept.offer = Some(offer(1000));
        let store = store.clone();
        async move { store.commit(vec![step(accept)]).await }
    });
    let outcomes = futures_util::future::join_all(calls).await;
    let failed: Vec<usize> = (0..20).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(failed, [7], "{outcomes:?}");
    let chat = house
        .store
        .chats(&"m".into(), 9)
        .await
        .expect("a read")
        .remove(0);
    assert_eq!((chat.kind, chat.head), (ChatKind::Dm, Seq(19)));
    house
        .admin(put_mailbox(
            "m",
            chatbox_core::store::Door::Pull,
            LaneScope::Chat,
        ))
        .await;
}

#[path = "suite/restored.rs"]
mod restored;

#[cfg(unix)]
#[tokio::test]
async fn a_backup_is_made_in_use_is_private_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (place(&folder), folder.path().join("saved"));
    let house = House::new(Arc::new(open(&from).await.expect("a new store"))).await;
    for n in 1..=3 {
        house.hear(message(&n.to_string(), "d1", "hello")).await;
    }
    let saved = SqliteStore::save(&from, &to).await.expect("a backup");
    assert_eq!(saved.messages, 3);
    assert_eq!(saved.bytes, bytes(&to).len() as u64);
    let rights = std::fs::metadata(&to).expect("there").permissions();
    assert_eq!(rights.mode() & 0o777, 0o600);
    let before = bytes(&to);
    let again = SqliteStore::save(&from, &to).await;
    assert_eq!(refused(&again), "exists");
    assert_eq!(bytes(&to), before);
    let nowhere = folder.path().join("missing").join("saved");
    assert_eq!(
        refused(&SqliteStore::save(&from, &nowhere).await),
        "io_error"
    );
    house.hear(message("4", "d1", "still here")).await;
    let names = std::fs::read_dir(folder.path()).expect("a folder");
    let parts = names.filter(|it| format!("{it:?}").contains("part"));
    assert_eq!(parts.count(), 0, "no half of a backup is left");
}

fn refused<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> &'static str {
    match result {
        Err(StoreError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_a_backup_was_about_to_do_is_not_done_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, saved) = (place(&folder), folder.path().join("saved"));
    let store = open(&path).await.expect("a new store");
    let unanswered = restored::busy(Arc::new(store.clone())).await;
    SqliteStore::save(&path, &saved).await.expect("a backup");
    let taken = SqliteStore::restore(&saved, &path).await;
    assert_eq!(refused(&taken), "already_running");
    store.close().await;
    let before = bytes(&path);
    let done = SqliteStore::restore(&saved, &path).await;
    let done = done.expect("it is brought back");
    assert_eq!(bytes(&done.aside.expect("what was there")), before);
    let store = Arc::new(open(&path).await.expect("the database"));
    restored::at_rest(store, &done.doubtful, unanswered).await;
}

#[tokio::test]
async fn a_database_brought_back_by_hand_is_settled_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, saved) = (place(&folder), folder.path().join("saved"));
    let store = open(&path).await.expect("a new store");
    let unanswered = restored::busy(Arc::new(store.clone())).await;
    SqliteStore::save(&path, &saved).await.expect("a backup");
    store.close().await;
    std::fs::copy(&saved, &path).expect("by hand");
    let doubtful = SqliteStore::settle_restored(&path).await.expect("settled");
    let store = Arc::new(open(&path).await.expect("the database"));
    restored::at_rest(store, &doubtful, unanswered).await;
}

#[tokio::test]
async fn what_is_no_backup_of_ours_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, saved) = (place(&folder), folder.path().join("saved"));
    let store = open(&path).await.expect("a new store");
    let house = House::new(Arc::new(store.clone())).await;
    for n in 1..=200 {
        let text = "hello ".repeat(100);
        house.hear(message(&n.to_string(), "d1", &text)).await;
    }
    SqliteStore::save(&path, &saved).await.expect("a backup");
    store.close().await;
    let whole = bytes(&saved);

    let named = |name: &str| folder.path().join(name);
    std::fs::write(named("text"), "a diary ".repeat(1000)).expect("written");
    std::fs::write(named("empty"), "").expect("written");
    std::fs::write(named("half"), &whole[..whole.len() / 2]).expect("written");
    let mut broken = whole.clone();
    let middle = whole.len() / 2;
    broken[middle..middle + 8192].fill(0x55);
    std::fs::write(named("broken"), broken).expect("written");
    std::fs::write(named("newer"), &whole).expect("written");
    let mut newer = raw(&named("newer")).await;
    newer
        .execute("PRAGMA user_version = 99")
        .await
        .expect("a pragma");
    newer.close().await.expect("closed");
    std::fs::write(named("unfinished"), &whole).expect("written");
    std::fs::write(named("unfinished-wal"), "more").expect("written");

    let before = bytes(&path);
    for (name, code) in [
        ("missing", "io_error"),
        ("", "not_a_database"),
        ("text", "not_a_database"),
        ("empty", "not_a_database"),
        ("half", "not_a_database"),
        ("broken", "damaged"),
        ("newer", "schema_too_new"),
        ("unfinished", "not_a_backup"),
    ] {
        let done = SqliteStore::restore(&named(name), &path).await;
        assert_eq!(refused(&done), code, "{name}");
        assert_eq!(bytes(&path), before, "{name}");
    }
    let names = std::fs::read_dir(folder.path()).expect("a folder");
    let left = names.filter(|it| format!("{it:?}").contains("restoring"));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_finished_by_whoever_opens_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, saved) = (place(&folder), folder.path().join("saved"));
    let store = open(&path).await.expect("a new store");
    let house = House::new(Arc::new(store.clone())).await;
    house.hear(message("1", "d1", "hello")).await;
    SqliteStore::save(&path, &saved).await.expect("a backup");
    house.hear(message("2", "d1", "after the backup")).await;
    store.close().await;
    // It died after it had moved the write-ahead log aside, and before anything else.
    let ready = folder.path().join("chatbox.db.restoring");
    std::fs::rename(&saved, &ready).expect("renamed");
    let store = open(&path).await.expect("the database");
    assert!(store.row(Seq(1)).await.expect("a read").is_some());
    assert!(store.row(Seq(2)).await.expect("a read").is_none());
    assert!(!ready.exists());
}
