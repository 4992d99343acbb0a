//! What a running house occupies: polling Telegram, beside the libraries alone; and with ten thousand idle sockets.

use super::Bench;
use anyhow::{Result, ensure};
use chatbox_benches::bot::stand_in;
use chatbox_benches::chat::{Socket, invite};
use chatbox_benches::fill::database;
use chatbox_benches::process::{Running, configure};
use chatbox_benches::report::{Aim, Figure};
use std::time::Duration;

/// A bot of the stand-in for each side.
const TOKENS: [&str; 2] = [
    "7000001:TEST-ours-aaaaaaaaaaaaaaaaaaaaaaaaa",
    "7000002:TEST-limit-aaaaaaaaaaaaaaaaaaaaaaaa",
];
const MB: f64 = 1024.0 * 1024.0;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if bench.shows("memory telegram") {
        figures.push(telegram(bench).await?);
    }
    if bench.shows("memory socket") {
        figures.push(sockets(bench).await?);
    }
    Ok(figures)
}

async fn telegram(bench: &Bench) -> Result<Figure> {
    let scratch = bench.scratch()?;
    let (fake, bots) = stand_in(&TOKENS).await?;
    let data = scratch.path().join("ours");
    configure(&data, "echo")?;
    let ours = Running::serve(&data).await?;
    bots[0].connect(&data).await?;
    bots[0].say("hello").await?;
    bots[0].answered(2).await?;
    let raw = scratch.path().join("limit.db");
    let base = format!("http://{}", fake.address);
    let limit = Running::start("limit-bare", &[&raw.to_string_lossy(), &base, TOKENS[1]]).await?;
    bots[1].say("hello").await?;
    bots[1].answered(1).await?;
    tokio::time::sleep(Duration::from_secs(if bench.quick { 10 } else { 60 })).await;
    let pair = (ours.resident()? as f64 / MB, limit.resident()? as f64 / MB);
    ours.stop().await?;
    let mut figure = Figure::alone("memory telegram", "MB", &[pair.0], Aim::AtMost(20.0));
    figure.limit = Some(pair.1);
    figure.ratio = Some(pair.0 / pair.1);
    Ok(figure)
}

async fn sockets(bench: &Bench) -> Result<Figure> {
    let count = if bench.quick { 1_000 } else { 10_000 };
    let files = std::process::Command::new("sh")
        .args(["-c", "ulimit -n"])
        .output()?;
    let files: usize = String::from_utf8_lossy(&files.stdout)
        .trim()
        .parse()
        .unwrap_or(usize::MAX);
    ensure!(
        files > count + 100,
        "{count} sockets need more open files than {files}: say `ulimit -n 20000` first"
    );
    let scratch = bench.scratch()?;
    let data = scratch.path().join("ours");
    configure(&data, "echo")?;
    Running::serve(&data).await?.stop().await?;
    invite(&database(&data), count + 10).await?;
    let ours = Running::serve(&data).await?;
    // What one conversation needs anyway is not a socket's.
    let mut warm = Socket::enter(ours.address, count).await?;
    warm.exchange().await?;
    let before = ours.resident()?;
    let mut sitting = Vec::new();
    for n in 0..count {
        sitting.push(Socket::enter(ours.address, n).await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (ours.resident()? - before) as f64 / count as f64 / 1024.0;
    // They are all still there.
    for socket in sitting.iter_mut().step_by(count / 20) {
        socket.exchange().await?;
    }
    drop(sitting);
    ours.kill().await?;
    Ok(Figure::alone(
        "memory socket",
        "KB",
        &[each],
        Aim::AtMost(10.0),
    ))
}
