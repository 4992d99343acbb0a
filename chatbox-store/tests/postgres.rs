//! The store suite on PostgreSQL, and what only PostgreSQL can do wrong. Starts a server of its own.
#![cfg(feature = "postgres")]

#[path = "suite/fault.rs"]
mod fault;
#[path = "suite/restored.rs"]
mod restored;
mod suite;
mod vanish;

use chatbox_core::id::ChatId;
use chatbox_core::store::{
    Hint, Hints, LaneKind, MemoryStore, Outcome, Renew, Step, Store, StoreError, Whither,
};
use chatbox_store::PostgresStore;
use chatbox_test_postgres as pg;
use std::sync::Arc;
use std::time::Duration;
use suite::house::{House, accept, appended, message, step};
use suite::turns::said_under;
use tokio::time::{Instant, sleep, timeout};

async fn open() -> (Arc<dyn Store>, ()) {
    let url = pg::server().await.database().await;
    let store = PostgresStore::open(&url).await.expect("a store");
    (Arc::new(store), ())
}

every_scenario!(open);

#[tokio::test]
async fn a_step_at_fault_fails_alone() {
    let server = pg::server().await;
    let url = server.database().await;
    let store = PostgresStore::open(&url).await.expect("a store");
    let name = url.rsplit('/').next().expect("a name");
    let refuse = format!(
        "ALTER TABLE chatbox.content ADD CHECK (body NOT LIKE '%{}%')",
        fault::REFUSED
    );
    server.run(name, &refuse).await;
    fault::a_step_at_fault_fails_alone(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_steps_agree_with_the_model() {
    for seed in suite::random::seeds(6) {
        let model = Arc::new(MemoryStore::new());
        suite::random::compare(model, open().await.0, seed, 150).await;
    }
}

async fn refusal(url: &str) -> &'static str {
    match PostgresStore::open(url).await {
        Err(StoreError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_url_is_refused_and_not_repeated() {
    let secret = "postgres://u:hunter2@host:port/db";
    let error = PostgresStore::open(secret).await.expect_err("no port");
    assert!(matches!(
        error,
        StoreError::Refused {
            code: "bad_url",
            ..
        }
    ));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_forgets_is_refused() {
    let server = pg::server().await;
    let url = server.database().await;
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let forget = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    server.run("postgres", &forget).await;
    assert_eq!(refusal(&url).await, "not_durable");
}

#[tokio::test]
async fn newer_tables_are_refused_and_left_alone() {
    let server = pg::server().await;
    let url = server.database().await;
    drop(PostgresStore::open(&url).await.expect("a store"));
    let name = url.rsplit('/').next().expect("a name").to_owned();
    server
        .run(&name, "UPDATE chatbox.schema_version SET version = 99")
        .await;
    assert_eq!(refusal(&url).await, "schema_too_new");
    assert_eq!(refusal(&url).await, "schema_too_new");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_programs_open_a_new_database_at_once() {
    let url = pg::server().await.database().await;
    let opens = (0..6).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::open(&url).await })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.expect("it ends").expect("a store");
    }
}

#[tokio::test]
async fn what_a_dump_was_about_to_do_is_not_done_again() {
    let server = pg::server().await;
    let (from, to) = (server.database().await, server.database().await);
    let store = PostgresStore::open(&from).await.expect("a store");
    let unanswered = restored::busy(Arc::new(store)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump");
    let saved = std::process::Command::new(pg::program("pg_dump"))
        .args(["--format=custom", "--schema=chatbox", "--file"])
        .arg(&dump)
        .arg(&from)
        .status();
    assert!(saved.expect("pg_dump").success());
    let loaded = std::process::Command::new(pg::program("pg_restore"))
        .args(["--clean", "--if-exists", "--dbname", &to])
        .arg(&dump)
        .status();
    assert!(loaded.expect("pg_restore").success());
    let doubtful = PostgresStore::settle_restored(&to).await.expect("settled");
    let store = Arc::new(PostgresStore::open(&to).await.expect("a store"));
    restored::at_rest(store, &doubtful, unanswered).await;
}

/// Two processes on one database that have heard of each other, with a mailbox and a connection.
async fn neighbours() -> (House, PostgresStore, Hints, String) {
    let url = pg::server().await.database().await;
    let first = PostgresStore::open(&url).await.expect("a store");
    let house = House::new(Arc::new(first)).await;
    let second = PostgresStore::open(&url).await.expect("a store");
    let mut hints = second.hints().expect("others can have it open");
    let lane = house
        .claim(chatbox_core::store::LaneKind::Link)
        .await
        .remove(0);
    // Until the first knows of the second it tells nobody: something harmless is told again and again.
    let began = Instant::now();
    loop {
        let renew = Renew::give_back(lane.lane.clone(), lane.fence);
        house.one(Step::Renew(renew)).await;
        let heard = timeout(Duration::from_millis(100), hints.recv()).await;
        if heard.is_ok_and(|hint| hint.is_ok_and(|hint| hint.links && !hint.house)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "never heard");
    }
    sleep(Duration::from_millis(200)).await;
    while hints.try_recv().is_ok() {}
    (house, second, hints, url)
}

async fn next(hints: &mut Hints, within: Duration) -> Hint {
    let hint = timeout(within, hints.recv()).await;
    hint.expect("in time").expect("it is told")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_commits_another_hears_of_at_once() {
    let (house, _second, mut hints, _) = neighbours().await;
    house.hear(message("e1", "d1", "hello")).await;
    let hint = next(&mut hints, Duration::from_millis(500)).await;
    assert_eq!(hint.chats, Whither::Some([ChatId(1)].into()));
    assert!(hint.turns && hint.sends && !hint.house);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_told_together_and_nothing_of_it_is_lost() {
    let (house, _second, mut hints, _) = neighbours().await;
    for n in 0..40 {
        let steps = (0..25).map(|m| {
            let room = format!("room {n} {m}");
            step(accept("c", message(&room, &room, "hello")))
        });
        house.all(steps.collect()).await;
    }
    let mut all = Hint::default();
    let mut count = 0;
    while let Ok(hint) = timeout(Duration::from_secs(1), hints.recv()).await {
        all.merge(hint.expect("few enough to wait"));
        count += 1;
    }
    assert!(count < 200, "{count} for 40 commits of 25 rows");
    match all.chats {
        Whither::Any => {}
        Whither::Some(chats) => assert_eq!(chats.len(), 1000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_tells_nobody() {
    let server = pg::server().await;
    let url = server.database().await;
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let house = House::new(Arc::new(PostgresStore::open(&url).await.expect("a store"))).await;
    let mut listener = sqlx::postgres::PgListener::connect(&url)
        .await
        .expect("a server");
    listener.listen("chatbox").await.expect("it listens");
    for n in 0..20 {
        house.hear(message(&format!("e{n}"), "d1", "hello")).await;
    }
    server.run(&name, "NOTIFY chatbox, 'the end'").await;
    loop {
        let heard = listener.recv().await.expect("it goes on");
        match heard.payload() {
            "the end" => break,
            // That it is there, and nothing else.
            beat => assert!(beat.ends_with("  "), "{beat:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_connection_everything_is_looked_at() {
    let (_house, _second, mut hints, url) = neighbours().await;
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query ILIKE 'LISTEN%'";
    pg::server().await.run(&name, end).await;
    let began = Instant::now();
    while next(&mut hints, Duration::from_secs(5)).await != Hint::everything() {
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_vanishes_is_given_up_and_its_successor_found() {
    let url = pg::server().await.database().await;
    let way = vanish::Way::to(&url);
    let store = Arc::new(PostgresStore::open(&way.url).await.expect("a store"));
    let house = House::new(store.clone()).await;
    house.hear(message("e1", "d1", "one")).await;
    store.now().await.expect("it reads");
    // The connection is back among those that wait.
    sleep(Duration::from_millis(300)).await;
    way.vanish();
    let began = Instant::now();
    let commit = store.commit(vec![step(accept("c", message("e2", "d1", "two")))]);
    let (committed, read) = tokio::join!(commit, store.now());
    assert!(committed.is_err(), "{committed:?}");
    assert!(read.is_err(), "{read:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    // Said again, as whoever was not told does.
    house.hear(message("e2", "d1", "two")).await;
    store.now().await.expect("it reads");
}

/// Two processes; whoever comes first wins: no word of a turn is committed after its lane was taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_race_of_a_claim_and_a_stale_word_is_won_by_one() {
    let url = pg::server().await.database().await;
    let store = || async { Arc::new(PostgresStore::open(&url).await.expect("a store")) };
    let house = House::new(store().await).await;
    let speaker = House {
        store: store().await,
    };
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let mut held = suite::house::only(house.claim_for(LaneKind::Turn, 20).await);
    for _ in 0..25 {
        let words = tokio::spawn({
            let (speaker, held) = (speaker.clone(), held.clone());
            async move {
                let mut said = Vec::new();
                loop {
                    match speaker.one(said_under(&held, heard.chat)).await {
                        Outcome::Fenced => return said,
                        outcome => said.extend(appended(outcome)),
                    }
                }
            }
        });
        let next = loop {
            if let Some(next) = house.claim_for(LaneKind::Turn, 20).await.pop() {
                break next;
            }
        };
        let chat = house.store.chat(heard.chat).await.expect("a read");
        let head = chat.expect("a chat").head;
        let words = words.await.expect("it ends");
        assert!(
            words.iter().all(|row| row.seq <= head),
            "said after the claim"
        );
        held = next;
    }
}
