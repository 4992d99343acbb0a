//! Several servers on one PostgreSQL: what three take in together, beside one alone; how soon somebody who waits at one
//! hears what came to another, beside a bare `NOTIFY`; and how soon a bot is read again after its reader was killed.

mod takeover;
mod wake;

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::http::Wire;
use chatbox_benches::load::{Load, Ran, Target};
use chatbox_benches::process::{Running, add_feed, configure_whole};
use chatbox_benches::report::{Aim, Figure};
use futures_util::future::try_join_all;
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Posts in flight at one server alone, and at three together.
const CALLERS: usize = 48;
/// Servers that share a database.
const NODES: usize = 3;
/// How long a server may take until it knows what was changed on another.
const KNOWN: Duration = Duration::from_secs(10);

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if bench.wants("nodes accept") {
        figures.push(accepts(bench).await?);
    }
    if bench.wants("nodes wake") {
        figures.extend(wake::measure(bench).await?);
    }
    if bench.wants("nodes takeover") {
        figures.push(takeover::measure(bench).await?);
    }
    Ok(figures)
}

/// Servers on one database.
struct House {
    nodes: Vec<Running>,
    folders: Vec<PathBuf>,
    database: String,
}

impl House {
    /// So many servers on a fresh database, whose mailbox `backend` answers.
    async fn found(folder: &Path, nodes: usize, backend: &str, lease: Duration) -> Result<Self> {
        let server = chatbox_test_postgres::server().await;
        let database = server.database().await;
        let mut house = Self {
            nodes: Vec::new(),
            folders: Vec::new(),
            database,
        };
        let lease = lease.as_secs();
        for n in 0..nodes {
            let data = folder.join(format!("node-{n}"));
            let (url, kind) = (&house.database, backend);
            let config = format!(
                "database_url = \"{url}\"\n[nodes]\nlease = \"{lease}s\"\n[backend]\nkind = \"{kind}\"\n"
            );
            configure_whole(&data, &config)?;
            if let Some(first) = house.folders.first() {
                std::fs::copy(first.join("vault.key"), data.join("vault.key"))?;
            }
            house.nodes.push(Running::serve(&data).await?);
            house.folders.push(data);
        }
        Ok(house)
    }

    /// A connection for messages over HTTP, once every server takes them: as each is to be asked.
    async fn feed(&self) -> Result<Vec<Target>> {
        let first = add_feed(&self.folders[0], &self.nodes[0]).await?;
        let mut targets = Vec::new();
        for (nth, node) in self.nodes.iter().enumerate() {
            let target = Target {
                address: node.address,
                ..first.clone()
            };
            known(&target, nth).await?;
            targets.push(target);
        }
        Ok(targets)
    }

    async fn close(self) -> Result<()> {
        for node in self.nodes {
            node.stop().await?;
        }
        Ok(())
    }
}

async fn known(target: &Target, nth: usize) -> Result<()> {
    let began = Instant::now();
    let mut wire = Wire::open(target.address).await?;
    let hello = target.message(&format!("hello-{nth}"), 0, &format!("hello-{nth}"));
    while wire.ask(&hello).await?.0 != 200 {
        ensure!(began.elapsed() < KNOWN, "a server does not know the feed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

// ---- Messages taken in -------------------------------------------------------------------------

async fn accepts(bench: &Bench) -> Result<Figure> {
    let scratch = bench.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let lease = Duration::from_secs(30);
    let one = House::found(&path("one"), 1, "none", lease).await?;
    let many = House::found(&path("many"), NODES, "none", lease).await?;
    let (alone, together) = (one.feed().await?, many.feed().await?);
    let (mut pairs, mut sent) = (Vec::new(), (0, 0));
    for repeat in 0..=bench.repeats {
        let single = load(bench, &alone, repeat).await?;
        let three = load(bench, &together, repeat).await?;
        sent = (sent.0 + single.0, sent.1 + three.0);
        // The first of each makes the chats and does not count.
        if repeat > 0 {
            pairs.push((three.1, single.1));
        }
    }
    let databases = (one.database.clone(), many.database.clone());
    one.close().await?;
    many.close().await?;
    ensure_each_once(&databases.0, sent.0).await?;
    ensure_each_once(&databases.1, sent.1).await?;
    let name = format!("nodes accept {NODES} by 1");
    Ok(Figure::beside(name, "1/s", &pairs, Aim::RatioAtLeast(0.95)))
}

/// Posts to all of these at once, and the first ones of each to its neighbour as well, which must know them: how many
/// were taken in, and how many a second.
async fn load(bench: &Bench, targets: &[Target], repeat: usize) -> Result<(usize, f64)> {
    let load = |nth: usize| Load {
        connections: CALLERS / targets.len(),
        time: bench.time,
        chats: 1000,
        run: format!("run-{repeat}-{nth}"),
    };
    let runs = targets.iter().enumerate().map(|(nth, target)| {
        let (target, load) = (target.clone(), load(nth));
        async move { target.run(&load).await }
    });
    let ran: Vec<Ran> = try_join_all(runs).await?;
    for nth in 0..targets.len() {
        let neighbour = &targets[(nth + 1) % targets.len()];
        neighbour.repeat(&load(nth)).await?;
    }
    let count = ran.iter().map(|it| it.count).sum();
    Ok((count, ran.iter().map(|it| it.rate).sum()))
}

/// Nothing lost, nothing doubled: as many rows as were answered, and as many events.
async fn ensure_each_once(database: &str, sent: usize) -> Result<()> {
    let mut connection = PgConnection::connect(database).await?;
    let sql =
        "SELECT count(*), count(DISTINCT event_id) FROM chatbox.log WHERE event_id LIKE 'run-%'";
    let counted = sqlx::query_as(sql).fetch_one(&mut connection).await;
    let (rows, events): (i64, i64) = counted.context("the log can be counted")?;
    let sent = i64::try_from(sent)?;
    ensure!(
        (rows, events) == (sent, sent),
        "{sent} messages were taken in, {rows} rows of {events} events are there"
    );
    Ok(())
}
