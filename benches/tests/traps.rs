//! Four traps that cost factors, not percents, each kept from coming back. Counted where it can be, timed only where the
//! factor is far beyond what a busy machine does.

use chatbox_benches::chat::{Socket, invite};
use chatbox_benches::fill::{FEED, accept, house};
use chatbox_benches::stats::Times;
use chatbox_core::store::{Done, Outcome, Store};
use chatbox_server::config::Config;
use chatbox_server::paths::DataDir;
use chatbox_server::serve::{ServeJson, Start, serve};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The whole server in this process, with `people` invited.
async fn server(data: &Path, people: usize) -> SocketAddr {
    let data = DataDir::locate(Some(data.to_owned())).expect("a folder");
    data.create().expect("a folder");
    invite(&data.database(), people).await.expect("a store");
    let config = Config::parse("[backend]\nkind = \"echo\"\n").expect("a configuration");
    let start = Start {
        data: data.clone(),
        config,
        listen: Some("127.0.0.1:0".to_owned()),
        database: None,
        store: None,
    };
    tokio::spawn(serve(start));
    loop {
        if let Ok(text) = std::fs::read(data.serve_json())
            && let Ok(own) = serde_json::from_slice::<ServeJson>(&text)
        {
            let address = own.url.trim_start_matches("http://");
            return address.parse().expect("an address");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Without `TCP_NODELAY` on the listener, the second of two small frames waits 40 ms for the first's acknowledgement.
#[tokio::test(flavor = "multi_thread")]
async fn small_frames_do_not_wait_for_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = server(folder.path(), 8).await;
    let mut times = Vec::new();
    for person in 0..8 {
        let mut socket = Socket::enter(address, person).await.expect("a socket");
        for _ in 0..9 {
            times.push(socket.exchange().await.expect("a reply"));
        }
    }
    let times = Times::new(times);
    assert!(!times.has_40_ms_mode(), "{times:?}");
}

/// `COPY` over TCP stalls 44 ms each time: a commit must not.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_not_stall() {
    let url = chatbox_test_postgres::server().await.database().await;
    let store = chatbox_store::PostgresStore::open(&url).await;
    let store = store.expect("a store");
    let rev = house(&store).await.expect("a house");
    let mut times = Vec::new();
    for n in 0..50 {
        let steps = (n * 64..n * 64 + 64).map(|n| accept(FEED, rev, n, 10));
        let began = std::time::Instant::now();
        let outcomes = store.commit(steps.collect()).await.expect("a batch");
        times.push(began.elapsed());
        let taken = |outcome: &Outcome| matches!(outcome, Outcome::Done(Done::Accepted(_)));
        assert!(outcomes.iter().all(taken));
    }
    let times = Times::new(times);
    assert!(!times.has_40_ms_mode(), "{times:?}");
}
