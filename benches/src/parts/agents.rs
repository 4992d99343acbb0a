//! Agents over MCP. Messages sent, beside the smaller of a tool that does nothing and a message taken in durably. Waits
//! that end when somebody says something, beside one durable wake over HTTP.

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::chat::{Socket, invite};
use chatbox_benches::fill::database;
use chatbox_benches::http::{Wire, request};
use chatbox_benches::load::{Load, Target};
use chatbox_benches::mcp::Agent;
use chatbox_benches::process::{Running, add_feed, command, configure};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Callers at once, and what the smaller limit reached per second before.
const CALLERS: [(usize, Option<f64>); 2] = [(1, Some(4_979.0)), (16, None)];
/// One durable wake over HTTP, measured before.
const KNOWN_WAKE: f64 = 0.324;

/// Our server with an agent's mailbox, and the limits.
struct Sides {
    agent: Agent,
    feed: Target,
    tool: Agent,
    accept: Target,
    wake: SocketAddr,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let scratch = bench.scratch()?;
    let data = scratch.path().join("ours");
    configure(&data, "none")?;
    Running::serve(&data).await?.stop().await?;
    invite(&database(&data), 1).await?;
    let ours = Running::serve(&data).await?;
    let key = command(&data, &["mailboxes", "mcp-token", "main"], "").await?;
    let path = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
    let tool = Running::start("limit-tool", &[]).await?;
    let accept = Running::start("limit-accept", &[&path("accept.db"), "1000"]).await?;
    let wake = Running::start("limit-wake", &[&path("wake.db")]).await?;
    let sides = Sides {
        agent: Agent {
            address: ours.address,
            path: "/mcp/main".to_owned(),
            token: key["mcp_token"].as_str().context("a token")?.to_owned(),
        },
        feed: add_feed(&data, &ours).await?,
        tool: Agent {
            address: tool.address,
            path: "/mcp".to_owned(),
            token: String::new(),
        },
        accept: Target {
            address: accept.address,
            connection: "c".to_owned(),
            token: String::new(),
        },
        wake: wake.address,
    };
    let mut figures = Vec::new();
    if bench.wants("agents send") {
        figures.extend(sends(bench, &sides).await?);
    }
    if bench.wants("agents wake") {
        figures.extend(wakes(bench, &sides).await?);
    }
    ours.stop().await?;
    for limit in [tool, accept, wake] {
        limit.kill().await?;
    }
    Ok(figures)
}

// ---- Messages sent -----------------------------------------------------------------------------

async fn sends(bench: &Bench, sides: &Sides) -> Result<Vec<Figure>> {
    turn_to_a_person(sides).await?;
    let mut figures = Vec::new();
    for (callers, known) in CALLERS {
        let mut pairs = Vec::new();
        for repeat in 0..=bench.repeats {
            let load = Load {
                connections: callers,
                time: bench.time,
                chats: 1000,
                run: format!("run-{callers}-{repeat}"),
            };
            let trivial = calls(bench, &sides.tool, callers).await?;
            let taken = sides.accept.run(&load).await?.rate;
            let sent = calls(bench, &sides.agent, callers).await?;
            // The first of each fills the caches and does not count.
            if repeat > 0 {
                pairs.push((sent, trivial.min(taken)));
            }
        }
        let name = format!("agents send c{callers}");
        let figure = Figure::beside(name, "1/s", &pairs, Aim::RatioAtLeast(0.6));
        figures.push(match known {
            Some(known) => figure.limit_known_rate(known),
            None => figure,
        });
    }
    Ok(figures)
}

/// A person sits down at the web chat and says something; the agent looks there. What it says is then in the log, and
/// nothing has to leave the house.
async fn turn_to_a_person(sides: &Sides) -> Result<()> {
    let mut person = Socket::enter(sides.agent.address, 0).await?;
    person.say("hello").await?;
    let mut wire = Wire::open(sides.agent.address).await?;
    loop {
        let chats = sides.agent.ask(&mut wire, "list_chats", &json!({})).await?;
        if let Some(chat) = chats["chats"][0]["chat_id"].as_str() {
            let there = json!({"chat_id": chat});
            sides.agent.ask(&mut wire, "switch_chat", &there).await?;
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Calls of `send_message`, one after the other for each caller: how many a second.
async fn calls(bench: &Bench, agent: &Agent, callers: usize) -> Result<f64> {
    let arguments = json!({"text": "lorem ipsum dolor sit amet ".repeat(11)});
    let mut wires = Vec::new();
    for _ in 0..callers {
        wires.push(Wire::open(agent.address).await?);
    }
    let call = agent.call("send_message", &arguments);
    let began = Instant::now();
    let time = bench.time;
    let tasks = wires.into_iter().map(|mut wire| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut count = 0_usize;
            while began.elapsed() < time {
                let (status, body) = wire.ask(&call).await?;
                let said = std::str::from_utf8(body)?;
                let fine = status == 200 && said.contains("message_id");
                ensure!(fine, "a call was answered {status} {said}");
                count += 1;
            }
            anyhow::Ok(count)
        })
    });
    let mut count = 0;
    for task in tasks.collect::<Vec<_>>() {
        count += task.await??;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

// ---- Waits -------------------------------------------------------------------------------------

async fn wakes(bench: &Bench, sides: &Sides) -> Result<[Figure; 2]> {
    let count = if bench.quick { 100 } else { 500 };
    let mut pairs = Vec::new();
    for repeat in 0..=bench.repeats {
        let limit = durable_wakes(sides.wake, count).await?;
        let run = format!("wake-{repeat}");
        let ours = waits(&sides.agent, &sides.feed, count, &run).await?;
        if repeat > 0 {
            pairs.push((ours, limit));
        }
    }
    let by = |of: fn(&Times) -> f64| -> Vec<(f64, f64)> {
        pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
    };
    let middle = Figure::beside(
        "agents wake p50",
        "ms",
        &by(Times::p50),
        Aim::RatioAtMost(1.3),
    );
    let tail = Figure::beside(
        "agents wake p99",
        "ms",
        &by(Times::p99),
        Aim::RatioAtMost(2.0),
    );
    Ok([middle.limit_known_time(KNOWN_WAKE), tail])
}

/// Somebody says something while the agent waits: from before it is said until the agent has it.
pub(super) async fn waits(agent: &Agent, feed: &Target, count: usize, run: &str) -> Result<Times> {
    let mut listens = Wire::open(agent.address).await?;
    let mut says = Wire::open(feed.address).await?;
    let start = agent.ask(&mut listens, "list_chats", &json!({})).await?;
    let mut cursor = start["cursor"].clone();
    let mut times = Vec::new();
    for nth in 0..count {
        let event = format!("{run}-{nth}");
        let said = feed.message(&event, 0, &format!("p-{run}-{}", nth / 8));
        let waited = agent.call("wait_for_events", &json!({"cursor": cursor}));
        let (time, body) = woken(&mut listens, &waited, &mut says, &said).await?;
        let told: Value = serde_json::from_slice(&body)?;
        let told = &told["result"]["structuredContent"];
        let events = told["events"].as_array().map_or(0, Vec::len);
        ensure!(events == 1, "{events} events came for {event}");
        cursor = told["cursor"].clone();
        times.push(time);
    }
    Ok(Times::new(times))
}

/// The same of the limit: a row is written, and whoever waits is answered.
async fn durable_wakes(address: SocketAddr, count: usize) -> Result<Times> {
    let (mut listens, mut says) = (Wire::open(address).await?, Wire::open(address).await?);
    let waited = request("GET", address, "/wait", "", "");
    let said = request("POST", address, "/say", "", &"x".repeat(300));
    let mut times = Vec::new();
    for _ in 0..count {
        let (time, _) = woken(&mut listens, &waited, &mut says, &said).await?;
        times.push(time);
    }
    Ok(Times::new(times))
}

/// Asks and waits, says something meanwhile: how long it took until the answer, and the answer.
async fn woken(
    listens: &mut Wire,
    waited: &[u8],
    says: &mut Wire,
    said: &[u8],
) -> Result<(Duration, Vec<u8>)> {
    let waiting = async {
        let (status, body) = listens.ask(waited).await?;
        let answered = Instant::now();
        ensure!(status == 200, "a wait was answered {status}");
        anyhow::Ok((answered, body.to_vec()))
    };
    let saying = async {
        // By then it waits.
        sleep(Duration::from_millis(2)).await;
        let asked = Instant::now();
        let (status, _) = says.ask(said).await?;
        ensure!(status == 200, "what was said was answered {status}");
        anyhow::Ok(asked)
    };
    let ((answered, body), asked) = tokio::try_join!(waiting, saying)?;
    Ok((answered.duration_since(asked), body))
}
