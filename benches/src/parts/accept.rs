//! Messages posted over HTTP, each answered once it is on disk: ours beside a bare handler before a group-committing
//! writer whose table is filled to the same size.

use super::{Bench, short};
use anyhow::{Result, ensure};
use chatbox_benches::fill::{chats, copy, count, database, filled};
use chatbox_benches::load::{Load, Ran, Target};
use chatbox_benches::process::Running;
use chatbox_benches::report::{Aim, Figure};
use std::path::Path;

/// What a prototype of the limit reached per second, by connections.
const KNOWN: [(usize, f64); 2] = [(1, 4_979.0), (64, 37_701.0)];

/// Both servers, on tables of the same size.
struct Sides {
    ours: Target,
    limit: Target,
    chats: usize,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for rows in [1_000, bench.many()] {
        let named = |connections: usize| format!("accept c{connections} {}", short(rows));
        let wanted = KNOWN
            .iter()
            .any(|(n, _)| bench.shows(&named(*n)) || bench.only.starts_with(&named(*n)));
        if wanted {
            figures.extend(at_size(bench, rows).await?);
        }
    }
    Ok(figures)
}

async fn at_size(bench: &Bench, rows: i64) -> Result<Vec<Figure>> {
    let scratch = bench.scratch()?;
    let house = copy(
        &filled(&bench.shelf, rows).await?,
        &scratch.path().join("ours"),
    )?;
    let raw = scratch.path().join("limit.db");
    let ours = Running::serve(&house.data).await?;
    let raw_path = raw.to_string_lossy().into_owned();
    let limit = Running::start("limit-accept", &[&raw_path, &rows.to_string()]).await?;
    let sides = Sides {
        ours: Target {
            address: ours.address,
            ..house.target.clone()
        },
        limit: Target {
            address: limit.address,
            connection: "c".to_owned(),
            token: String::new(),
        },
        chats: usize::try_from(chats(rows))?,
    };
    let (mut figures, mut sent) = (Vec::new(), (0, 0));
    for (connections, known) in KNOWN {
        let pairs = alternate(bench, &sides, connections).await?;
        sent.0 += pairs.iter().map(|(ours, _)| ours.count).sum::<usize>();
        sent.1 += pairs.iter().map(|(_, limit)| limit.count).sum::<usize>();
        let name = format!("accept c{connections} {}", short(rows));
        figures.extend(figures_of(&name, &pairs, known));
    }
    ours.stop().await?;
    limit.kill().await?;
    all_there(&database(&house.data), sent.0).await?;
    all_there(&raw, sent.1).await?;
    Ok(figures)
}

fn figures_of(name: &str, pairs: &[(Ran, Ran)], known: f64) -> [Figure; 2] {
    let by = |of: fn(&Ran) -> f64| -> Vec<(f64, f64)> {
        pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
    };
    let (rates, tails) = (by(|ran| ran.rate), by(|ran| ran.times.p99()));
    let rate = Figure::beside(name, "1/s", &rates, Aim::RatioAtLeast(0.5)).limit_known_rate(known);
    let mut tail = Figure::beside(format!("{name} p99"), "ms", &tails, Aim::RatioAtMost(2.0));
    if rate.limit_at_fault {
        tail.limit_at_fault = true;
        tail.holds = None;
    }
    [rate, tail]
}

/// Both sides take turns, the one first that was second before. A short run of each goes before and does not count.
async fn alternate(bench: &Bench, sides: &Sides, connections: usize) -> Result<Vec<(Ran, Ran)>> {
    let load = |run: String| Load {
        connections,
        time: bench.time,
        chats: sides.chats,
        run,
    };
    let mut pairs = Vec::new();
    for repeat in 0..=bench.repeats {
        let run = load(format!("run-{connections}-{repeat}"));
        let (ours, limit) = if repeat % 2 == 0 {
            let limit = sides.limit.run(&run).await?;
            (sides.ours.run(&run).await?, limit)
        } else {
            let ours = sides.ours.run(&run).await?;
            (ours, sides.limit.run(&run).await?)
        };
        pairs.push((ours, limit));
    }
    Ok(pairs)
}

/// Nothing lost, nothing doubled: as many rows as were answered.
async fn all_there(database: &Path, sent: usize) -> Result<()> {
    let there = count(database, "run-").await?;
    ensure!(
        there == i64::try_from(sent)?,
        "{sent} messages were taken in and {there} are there"
    );
    Ok(())
}
