//! What a running house occupies: polling Telegram, beside the libraries alone; and with ten thousand idle sockets.

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::chat::{Socket, invite};
use chatbox_benches::fill::database;
use chatbox_benches::http::{Wire, request};
use chatbox_benches::process::{Running, command, configure};
use chatbox_benches::report::{Aim, Figure};
use serde_json::{Value, json};
use std::net::SocketAddr;
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
    let tokens = TOKENS.map(|token| format!("--token={token}"));
    let fake = Running::start("chatbox-fakes", &["telegram", &tokens[0], &tokens[1]]).await?;
    let data = scratch.path().join("ours");
    configure(&data, "echo")?;
    let ours = Running::serve(&data).await?;
    let base = format!("http://{}", fake.address);
    let add = [
        "channels",
        "add",
        "telegram",
        "--token-file",
        "-",
        "--api-base",
        &base,
    ];
    let added = command(&data, &add, TOKENS[0]).await?;
    let code = added["pairing_code"].as_str().context("a pairing code")?;
    say(fake.address, TOKENS[0], &format!("/start {code}")).await?;
    answered(fake.address, TOKENS[0], 1).await?;
    say(fake.address, TOKENS[0], "hello").await?;
    answered(fake.address, TOKENS[0], 2).await?;
    let raw = scratch.path().join("limit.db");
    let limit = Running::start("limit-bare", &[&raw.to_string_lossy(), &base, TOKENS[1]]).await?;
    say(fake.address, TOKENS[1], "hello").await?;
    answered(fake.address, TOKENS[1], 1).await?;
    tokio::time::sleep(Duration::from_secs(if bench.quick { 10 } else { 60 })).await;
    let pair = (ours.resident()? as f64 / MB, limit.resident()? as f64 / MB);
    ours.stop().await?;
    let mut figure = Figure::alone("memory telegram", "MB", &[pair.0], Aim::AtMost(20.0));
    figure.limit = Some(pair.1);
    figure.ratio = Some(pair.0 / pair.1);
    Ok(figure)
}

async fn control(fake: SocketAddr, method: &str, path: &str, body: &str) -> Result<Value> {
    let mut wire = Wire::open(fake).await?;
    let (status, answer) = wire.ask(&request(method, fake, path, "", body)).await?;
    let text = String::from_utf8_lossy(answer);
    ensure!(status == 200, "the stand-in answered {status} {text}");
    Ok(serde_json::from_str(&text)?)
}

async fn say(fake: SocketAddr, bot: &str, text: &str) -> Result<()> {
    let bot = bot.replace(':', "%3A");
    let body = json!({"from": {"id": 42, "first_name": "Ada"}, "text": text}).to_string();
    control(fake, "POST", &format!("/_control/say?bot={bot}"), &body)
        .await
        .map(drop)
}

/// Waits until the bot has said so many things.
async fn answered(fake: SocketAddr, bot: &str, count: usize) -> Result<()> {
    let bot = bot.replace(':', "%3A");
    let path = format!("/_control/messages?bot={bot}&at_least={count}&wait_ms=20000");
    let said = control(fake, "GET", &path, "").await?;
    let said = said.as_array().map_or(0, Vec::len);
    ensure!(said >= count, "{said} of {count} answers came");
    Ok(())
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
