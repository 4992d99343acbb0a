//! Somebody waits at one server for what comes to another. The limit is a row and a `NOTIFY` in one statement, heard by
//! `LISTEN` on a connection of its own. The engine's own word of it, without HTTP on either side, stands beside.

use super::House;
use crate::parts::Bench;
use crate::parts::agents::waits;
use anyhow::{Context, Result, ensure};
use chatbox_benches::fill::{FEED, accept, house};
use chatbox_benches::mcp::Agent;
use chatbox_benches::process::command;
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use chatbox_core::store::{Done, Hint, Hints, Outcome, Store, Whither};
use chatbox_store::PostgresStore;
use sqlx::postgres::PgListener;
use sqlx::{Connection, Executor, PgConnection};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// What a row and a `NOTIFY` in one transaction took before, in milliseconds.
const KNOWN: f64 = 0.272;
/// How long word may take before it counts as lost.
const LOST: Duration = Duration::from_secs(10);
/// The time between two words.
const APART: Duration = Duration::from_millis(8);

const SCHEMA: &str =
    "CREATE TABLE said (id BIGSERIAL PRIMARY KEY, event TEXT NOT NULL UNIQUE, body TEXT NOT NULL)";

const SAY: &str = "WITH row AS (INSERT INTO said (event, body) VALUES ($1, $2) RETURNING id)
SELECT pg_notify('said', id::text) FROM row";

/// The three in turn.
struct Run {
    agent: Times,
    engine: Times,
    limit: Times,
}

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let scratch = bench.scratch()?;
    let count = if bench.quick { 100 } else { 250 };
    let nodes = House::found(scratch.path(), 2, "none", Duration::from_secs(30)).await?;
    let feed = nodes.feed().await?.remove(0);
    let key = command(&nodes.folders[1], &["mailboxes", "mcp-token", "main"], "").await?;
    let agent = Agent {
        address: nodes.nodes[1].address,
        path: "/mcp/main".to_owned(),
        token: key["mcp_token"].as_str().context("a token")?.to_owned(),
    };
    let mut bare = Bare::open().await?;
    let mut engines = Engines::open().await?;
    let mut runs = Vec::new();
    for repeat in 0..=bench.repeats {
        let run = Run {
            limit: bare.wakes(repeat, count).await?,
            agent: waits(&agent, &feed, count, &format!("wake-{repeat}")).await?,
            engine: engines.wakes(repeat, count).await?,
        };
        // The first of each fills the caches and does not count.
        if repeat > 0 {
            runs.push(run);
        }
    }
    nodes.close().await?;
    let by = |ours: fn(&Run) -> &Times, of: fn(&Times) -> f64| -> Vec<(f64, f64)> {
        runs.iter()
            .map(|it| (of(ours(it)), of(&it.limit)))
            .collect()
    };
    let aim = Aim::RatioAtMost(1.5);
    let middle = Figure::beside("nodes wake p50", "ms", &by(|it| &it.agent, Times::p50), aim);
    let tail = Figure::beside(
        "nodes wake p99",
        "ms",
        &by(|it| &it.agent, Times::p99),
        Aim::None,
    );
    let inner = by(|it| &it.engine, Times::p50);
    let inner = Figure::beside("nodes wake engine p50", "ms", &inner, Aim::None);
    Ok(vec![middle.limit_known_time(KNOWN), tail, inner])
}

/// One that says and one that listens, and nothing else.
struct Bare {
    says: PgConnection,
    listens: PgListener,
}

impl Bare {
    async fn open() -> Result<Self> {
        let url = chatbox_test_postgres::server().await.database().await;
        let mut says = PgConnection::connect(&url).await?;
        says.execute(sqlx::raw_sql(SCHEMA)).await?;
        let mut listens = PgListener::connect(&url).await?;
        listens.listen("said").await?;
        Ok(Self { says, listens })
    }

    async fn wakes(&mut self, repeat: usize, count: usize) -> Result<Times> {
        let body = "x".repeat(300);
        let mut times = Vec::new();
        for nth in 0..count {
            sleep(APART).await;
            let began = Instant::now();
            let said = sqlx::query(SAY).bind(format!("{repeat}-{nth}")).bind(&body);
            let heard = async {
                timeout(LOST, self.listens.recv()).await??;
                anyhow::Ok(began.elapsed())
            };
            let said = async { Ok(said.execute(&mut self.says).await?) };
            let (time, _) = tokio::try_join!(heard, said)?;
            times.push(time);
        }
        Ok(Times::new(times))
    }
}

/// Two stores on one database: one takes messages in, the other hears of it.
struct Engines {
    takes: PostgresStore,
    _hears: PostgresStore,
    hints: Hints,
    rev: i64,
}

impl Engines {
    async fn open() -> Result<Self> {
        let url = chatbox_test_postgres::server().await.database().await;
        let takes = PostgresStore::open(&url).await?;
        let rev = house(&takes).await?;
        let hears = PostgresStore::open(&url).await?;
        let hints = hears.hints().context("a store that others share")?;
        let mut engines = Self {
            takes,
            _hears: hears,
            hints,
            rev,
        };
        engines.meet().await?;
        Ok(engines)
    }

    /// Each says something until the other has heard it once.
    async fn meet(&mut self) -> Result<()> {
        for nth in 0..100 {
            self.take(-1 - nth).await?;
            if timeout(Duration::from_millis(100), self.heard())
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        anyhow::bail!("two stores on one database do not hear each other")
    }

    async fn take(&self, n: i64) -> Result<()> {
        let outcome = self
            .takes
            .commit(vec![accept(FEED, self.rev, n, 1)])
            .await?;
        let stored = matches!(outcome[..], [Outcome::Done(Done::Accepted(_))]);
        ensure!(stored, "message {n} was answered {outcome:?}");
        Ok(())
    }

    /// The next word of a chat.
    async fn heard(&mut self) -> Result<()> {
        loop {
            let Hint { chats, .. } = self.hints.recv().await?;
            if matches!(&chats, Whither::Some(chats) if !chats.is_empty()) {
                return Ok(());
            }
        }
    }

    async fn wakes(&mut self, repeat: usize, count: usize) -> Result<Times> {
        let mut times = Vec::new();
        for nth in 0..count {
            sleep(APART).await;
            let n = i64::try_from(repeat * count + nth)?;
            let began = Instant::now();
            self.take(n).await?;
            timeout(LOST, self.heard()).await??;
            times.push(began.elapsed());
        }
        Ok(Times::new(times))
    }
}
