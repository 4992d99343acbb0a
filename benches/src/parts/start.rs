//! From the start of the process to the first 200 on `/health/ready`: with nothing, with many messages, and after it
//! was killed while it wrote.

use super::{Bench, short};
use anyhow::Result;
use chatbox_benches::fill::{copy, database, filled};
use chatbox_benches::load::{Load, Target};
use chatbox_benches::process::Running;
use chatbox_benches::report::{Aim, Figure};
use std::path::Path;
use std::time::Duration;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if bench.shows("start empty") {
        figures.push(empty(bench).await?);
    }
    let size = short(bench.many());
    let names = [format!("start {size}"), format!("start {size} killed")];
    if names.iter().any(|name| bench.shows(name)) {
        let [clean, killed] = full(bench).await?;
        let figure = |name: &String, times: &[f64]| {
            Figure::alone(name.clone(), "ms", times, Aim::AtMost(100.0))
        };
        figures.extend([figure(&names[0], &clean), figure(&names[1], &killed)]);
    }
    Ok(figures)
}

/// As somebody starts it for the first time, with no configuration at all.
async fn empty(bench: &Bench) -> Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..bench.repeats * 2 {
        let scratch = bench.scratch()?;
        let (time, running) = timed(&scratch.path().join("data")).await?;
        times.push(time);
        running.stop().await?;
    }
    Ok(Figure::alone(
        "start empty",
        "ms",
        &times,
        Aim::AtMost(50.0),
    ))
}

async fn timed(data: &Path) -> Result<(f64, Running)> {
    std::fs::create_dir_all(data)?;
    let (mut running, began) = Running::launch(data)?;
    running.ready().await?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, running))
}

async fn full(bench: &Bench) -> Result<[Vec<f64>; 2]> {
    let scratch = bench.scratch()?;
    let house = copy(
        &filled(&bench.shelf, bench.many()).await?,
        &scratch.path().join("data"),
    )?;
    let (mut clean, mut killed) = (Vec::new(), Vec::new());
    for repeat in 0..bench.repeats {
        let (time, running) = timed(&house.data).await?;
        clean.push(time);
        let target = Target {
            address: running.address,
            ..house.target.clone()
        };
        let load = Load {
            connections: 64,
            time: Duration::from_secs(60),
            chats: 10_000,
            run: format!("kill-{repeat}"),
        };
        // It ends with an error: the server goes away under it.
        let writing = tokio::spawn(async move { target.run(&load).await });
        tokio::time::sleep(Duration::from_millis(1500)).await;
        running.kill().await?;
        let _ = writing.await;
        let wal = database(&house.data).with_extension("db-wal");
        let left = std::fs::metadata(wal).map_or(0, |meta| meta.len());
        let (time, running) = timed(&house.data).await?;
        eprintln!("  killed with {left} bytes ahead: {time:.1} ms");
        killed.push(time);
        running.stop().await?;
    }
    Ok([clean, killed])
}
