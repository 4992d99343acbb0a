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
