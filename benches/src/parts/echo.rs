//! A person writes in the web chat and the echo comes back: ours beside two durable wakes. Each person writes about
//! once a second, as fast as one may go on writing; one alone writes again at once, and is somebody else before they
//! are too fast.

use super::Bench;
use anyhow::{Result, ensure};
use chatbox_benches::chat::{Socket, invite};
use chatbox_benches::fill::database;
use chatbox_benches::process::{Running, configure};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// People at once.
const CROWDS: [usize; 3] = [1, 100, 1000];
/// What one may say at once, less one.
const BURST: usize = 9;
/// Two durable wakes, measured before: a person alone.
const KNOWN: f64 = 2.0 * 0.324;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let scratch = bench.scratch()?;
    let data = scratch.path().join("ours");
    configure(&data, "echo")?;
    Running::serve(&data).await?.stop().await?;
    invite(&database(&data), 2000).await?;
    let ours = Running::serve(&data).await?;
    let raw = scratch.path().join("limit.db");
    let limit = Running::start("limit-wake", &[&raw.to_string_lossy()]).await?;
    let mut figures = Vec::new();
    let mut alone = 1000;
    for crowd in CROWDS {
        let named = format!("echo s{crowd} ");
        let wanted = bench.shows(&named) || named.starts_with(&bench.only);
        if !wanted || (bench.quick && crowd == 1000) {
            continue;
        }
        let mut pairs = Vec::new();
        for repeat in 0..bench.repeats {
            let (ours, limit) = (Side::Ours(ours.address), Side::Limit(limit.address));
            let pair = if crowd == 1 {
                let turns = if bench.quick { 10 } else { 40 };
                alone += turns;
                let from = alone - turns;
                (
                    one_after_another(ours, from, turns).await?,
                    one_after_another(limit, from, turns).await?,
                )
            } else if repeat % 2 == 0 {
                let limit = together(limit, crowd, bench).await?;
                (together(ours, crowd, bench).await?, limit)
            } else {
                let ours = together(ours, crowd, bench).await?;
                (ours, together(limit, crowd, bench).await?)
            };
            pairs.push(pair);
        }
        figures.extend(figures_of(crowd, &pairs)?);
    }
    ours.stop().await?;
    limit.kill().await?;
    Ok(figures)
}

fn figures_of(crowd: usize, pairs: &[(Times, Times)]) -> Result<[Figure; 3]> {
    let by = |of: fn(&Times) -> f64| -> Vec<(f64, f64)> {
        pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
    };
    let stalls = pairs.iter().filter(|(ours, _)| ours.has_40_ms_mode());
    let stalls = stalls.count();
    let near: Vec<f64> = pairs.iter().map(|(ours, _)| ours.near_40_ms()).collect();
    let name = |what: &str| format!("echo s{crowd} {what}");
    let middle = Figure::beside(name("p50"), "ms", &by(Times::p50), Aim::RatioAtMost(1.5));
    let tail = Figure::beside(name("p99"), "ms", &by(Times::p99), Aim::RatioAtMost(2.0));
    let mut hump = Figure::alone(name("at 40 ms"), "of 1", &near, Aim::None);
    hump.aim = "no mode".to_owned();
    hump.holds = Some(stalls == 0);
    ensure!(!pairs.is_empty(), "nothing was measured");
    Ok([middle.limit_known_time(KNOWN), tail, hump])
}

/// Whose sockets.
#[derive(Clone, Copy)]
enum Side {
    Ours(SocketAddr),
    Limit(SocketAddr),
}

impl Side {
    async fn socket(self, n: usize) -> Result<Socket> {
        match self {
            Self::Ours(address) => Socket::enter(address, n).await,
            Self::Limit(address) => Socket::open(address, n).await,
        }
    }
}

/// One socket at a time, its person saying as much as one may at once.
async fn one_after_another(side: Side, from: usize, people: usize) -> Result<Times> {
    let mut times = Vec::new();
    for n in from..from + people {
        let mut socket = side.socket(n).await?;
        for _ in 0..BURST {
            times.push(socket.exchange().await?);
        }
        socket.silence(Duration::from_millis(5)).await?;
    }
    Ok(Times::new(times))
}

/// Many sockets, each person saying something every 1.1 seconds, evenly apart.
async fn together(side: Side, crowd: usize, bench: &Bench) -> Result<Times> {
    let mut sockets = Vec::new();
    for n in 0..crowd {
        sockets.push(side.socket(n).await?);
    }
    let every = Duration::from_millis(1100);
    let rounds = if bench.quick { 2 } else { 5 };
    let began = Instant::now() + Duration::from_millis(100);
    let tasks = sockets
        .into_iter()
        .zip(0..)
        .map(|(mut socket, n): (_, u32)| {
            let first = began + every * n / u32::try_from(crowd).unwrap_or(1);
            tokio::spawn(async move {
                let mut times = Vec::new();
                for round in 0..rounds {
                    sleep_until(first + every * round).await;
                    times.push(socket.exchange().await?);
                }
                socket.silence(Duration::from_millis(50)).await?;
                anyhow::Ok(times)
            })
        });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await??);
    }
    Ok(Times::new(times))
}
