//! A bot that two servers could read: the one that does is killed, and the other must take over when the lease ends. Ada
//! says one thing before and one thing while nobody reads; each is answered once.

use super::House;
use crate::parts::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::bot::stand_in;
use chatbox_benches::http::{Wire, request};
use chatbox_benches::process::Running;
use chatbox_benches::report::{Aim, Figure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const TOKEN: &str = "7000001:TEST-nodes-aaaaaaaaaaaaaaaaaaaaaaaa";
/// How long a server may be silent before another takes over.
const LEASE: Duration = Duration::from_secs(3);
/// How much later it may be read again.
const SLACK: Duration = Duration::from_secs(1);
/// How long the slowest change may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn measure(bench: &Bench) -> Result<Figure> {
    let scratch = bench.scratch()?;
    let (fake, bots) = stand_in(&[TOKEN]).await?;
    let bot = &bots[0];
    let mut house = House::found(scratch.path(), 2, "echo", LEASE).await?;
    bot.connect(&house.folders[0]).await?;
    let mut said = vec!["welcome".to_owned()];
    let mut times = Vec::new();
    for repeat in 0..bench.repeats {
        let reader = reader(&house).await?;
        let other = 1 - reader;
        until(&house.nodes[other], "elsewhere").await?;
        said.push(format!("before {repeat}"));
        bot.say(&said[said.len() - 1]).await?;
        bot.answered(said.len()).await?;
        let node = house.nodes.remove(reader);
        node.kill().await?;
        let killed = Instant::now();
        said.push(format!("meanwhile {repeat}"));
        bot.say(&said[said.len() - 1]).await?;
        until(&house.nodes[0], "connected").await?;
        times.push(killed.elapsed().as_secs_f64());
        bot.answered(said.len()).await?;
        let again = Running::serve(&house.folders[reader]).await?;
        house.nodes.insert(reader, again);
    }
    // Whatever would be said twice is said by then.
    sleep(LEASE).await;
    let told = bot.answered(said.len()).await?;
    let mut pairs = said.iter().zip(&told).skip(1);
    let each_once = told.len() == said.len() && pairs.all(|(said, told)| told.ends_with(said));
    ensure!(each_once, "{said:?} was answered {told:?}");
    house.close().await?;
    fake.kill().await?;
    let most = (LEASE + SLACK).as_secs_f64();
    let mut figure = Figure::alone("nodes takeover", "s", &times, Aim::AtMost(most));
    // Each of them, not the middle one.
    figure.holds = Some(times.iter().all(|it| *it <= most));
    Ok(figure)
}

/// Which of them reads the bot.
async fn reader(house: &House) -> Result<usize> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        for (nth, node) in house.nodes.iter().enumerate() {
            if state(node).await? == "connected" {
                return Ok(nth);
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("nobody reads the bot")
}

async fn until(node: &Running, wanted: &str) -> Result<()> {
    let began = Instant::now();
    while state(node).await? != wanted {
        ensure!(began.elapsed() < PATIENCE, "the bot is not {wanted}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// How the bot stands at a server; nothing where it is not known there.
async fn state(node: &Running) -> Result<String> {
    let mut wire = Wire::open(node.address).await?;
    let ask = request("GET", node.address, "/health", "", "");
    let (_, body) = wire.ask(&ask).await?;
    let health: Value = serde_json::from_slice(body)?;
    let mut all = health["connections"].as_array().context("a list")?.iter();
    let its = all.find(|it| it["platform"] == "telegram");
    let state = its.and_then(|it| it["state"].as_str());
    Ok(state.unwrap_or_default().to_owned())
}
