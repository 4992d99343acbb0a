//! The trap of a thread that is woken for every statement. Alone in its process: it counts what one thread does.

use chatbox_benches::fill::{FEED, accept, house};
use chatbox_core::store::{Done, Outcome, Store};
use chatbox_store::{SqliteOptions, SqliteStore};

fn number(path: &str, field: &str) -> usize {
    let text = std::fs::read_to_string(path).expect("a process describes itself");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let value = line.expect("the field").trim().split(' ').next();
    value.and_then(|it| it.parse().ok()).expect("a number")
}

/// Every statement sent by itself wakes the database's thread once more; a batch of any size is one command.
#[tokio::test]
async fn a_batch_is_one_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chatbox.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).await;
    let store = store.expect("a store");
    let rev = house(&store).await.expect("a house");
    let steps = |from: i64, upto| (from..upto).map(|n| accept(FEED, rev, n, 10)).collect();
    store.commit(steps(0, 10)).await.expect("chats");
    let before = woken();
    let outcomes = store.commit(steps(10, 510)).await.expect("a batch");
    let times = woken() - before;
    let taken = |outcome: &Outcome| matches!(outcome, Outcome::Done(Done::Accepted(_)));
    assert!(outcomes.iter().all(taken));
    // The command, its rows, the log's writes and its fsync; not five hundred.
    assert!(
        times < 100,
        "the writing thread was woken {times} times for 500 messages"
    );
    store.close().await;
}

/// How often the thread that writes went to sleep and was woken.
fn woken() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads");
    let paths = threads.map(|thread| thread.expect("a thread").path());
    let writer = paths.into_iter().find(|path| {
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        name.trim() == "chatbox-writer"
    });
    let status = writer.expect("a writer").join("status");
    number(&status.to_string_lossy(), "voluntary_ctxt_switches:")
}
