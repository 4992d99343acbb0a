//! Messages taken in on PostgreSQL over TCP, beside raw `unnest` batches on the same server: callers in this process,
//! without HTTP.

#[path = "../../limits/unnest.rs"]
mod unnest;

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::fill::{FEED, accept, house};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use chatbox_core::store::{Done, Outcome, Store};
use chatbox_store::PostgresStore;
use sqlx::Row as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use unnest::{Row, Unnest};

/// Callers at once, and what raw batches of that size reached per second before.
const KNOWN: [(usize, f64); 2] = [(1, 4_133.0), (64, 72_828.0)];
/// Conversations.
const CHATS: i64 = 1000;

/// Who writes.
#[derive(Clone)]
enum Side {
    /// The store, and the policy its connection has.
    Ours(Arc<PostgresStore>, i64),
    Limit(Unnest),
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let server = chatbox_test_postgres::server().await;
    let (ours, raw) = (server.database().await, server.database().await);
    let store = PostgresStore::open(&ours).await?;
    let rev = house(&store).await?;
    let ours_side = Side::Ours(Arc::new(store), rev);
    let limit_side = Side::Limit(Unnest::open(&raw).await?);
    let (mut figures, mut sent) = (Vec::new(), (0, 0));
    for (callers, known) in KNOWN {
        let mut pairs = Vec::new();
        for repeat in 0..=bench.repeats {
            let run = (callers as i64 * 100 + repeat as i64) * 100_000_000;
            let limit = load(&limit_side, callers, run, bench.time).await?;
            let ours = load(&ours_side, callers, run, bench.time).await?;
            sent = (sent.0 + ours.0, sent.1 + limit.0);
            if repeat > 0 {
                pairs.push((ours, limit));
            }
        }
        figures.extend(figures_of(callers, known, &pairs));
    }
    let there = (
        count(&ours, "chatbox.log").await?,
        count(&raw, "log").await?,
    );
    ensure!(
        there == sent,
        "{sent:?} were taken in and {there:?} are there"
    );
    Ok(figures)
}

type Loaded = (i64, f64, Times);

fn figures_of(callers: usize, known: f64, pairs: &[(Loaded, Loaded)]) -> [Figure; 2] {
    let by = |of: fn(&Loaded) -> f64| -> Vec<(f64, f64)> {
        pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
    };
    let name = format!("postgres c{callers}");
    let rate = Figure::beside(&*name, "1/s", &by(|it| it.1), Aim::RatioAtLeast(0.4));
    let near: Vec<f64> = pairs.iter().map(|(ours, _)| ours.2.near_40_ms()).collect();
    let stalled = pairs.iter().any(|(ours, _)| ours.2.has_40_ms_mode());
    let mut hump = Figure::alone(format!("{name} at 40 ms"), "of 1", &near, Aim::None);
    hump.aim = "no mode".to_owned();
    hump.holds = Some(!stalled);
    [rate.limit_known_rate(known), hump]
}

async fn load(side: &Side, callers: usize, run: i64, time: Duration) -> Result<Loaded> {
    let began = Instant::now();
    let tasks = (0..callers as i64).map(|caller| {
        let side = side.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < time {
                let n = run + caller * 1_000_000 + times.len() as i64;
                let asked = Instant::now();
                one(&side, n).await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        })
    });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await??);
    }
    let count = times.len() as i64;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    Ok((count, rate, Times::new(times)))
}

async fn one(side: &Side, n: i64) -> Result<()> {
    match side {
        Side::Ours(store, rev) => {
            let outcome = store
                .commit(vec![accept(FEED, *rev, n, CHATS)])
                .await?
                .pop();
            let stored = matches!(outcome, Some(Outcome::Done(Done::Accepted(_))));
            ensure!(stored, "message {n} was answered {outcome:?}");
            Ok(())
        }
        Side::Limit(raw) => {
            let row = Row {
                chat: format!("chat-{}", n % CHATS),
                event_id: format!("fill-{n}"),
                author: format!("person-{}", n / 8),
                body: "lorem ipsum dolor ".repeat(17),
            };
            raw.write(row).await
        }
    }
}

async fn count(url: &str, table: &'static str) -> Result<i64> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await?;
    let sql = match table {
        "log" => "SELECT count(*) FROM log",
        _ => "SELECT count(*) FROM chatbox.log",
    };
    let row = sqlx::query(sql).fetch_one(&mut connection).await;
    Ok(row.context("the log can be counted")?.try_get(0)?)
}
