//! From a message over HTTP to its signed delivery: so many in flight, each posted when the one before has arrived. Beside
//! the two halves one after the other: a message taken in durably, and a bare signed POST, each at the same number.

use super::Bench;
use anyhow::{Result, ensure};
use chatbox_benches::hook::{Sink, mark};
use chatbox_benches::http::Wire;
use chatbox_benches::load::{Load, Target};
use chatbox_benches::process::{Running, add_feed, configure_whole};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use hmac::{Hmac, KeyInit, Mac};
use sha2_11::Sha256;
use std::time::{Duration, Instant};

/// How many are in flight, and what the halves reached per second before.
const FLIGHTS: [(usize, Option<f64>); 3] = [(1, Some(3_733.0)), (16, None), (64, Some(24_955.0))];
/// What is said of a message is the message, as in the bare posts: not how forty other chats stand.
const TEMPLATES: &str = "[webhook.templates]\nnotification = \"$SENDER_NAME: $TEXT\"\n";
/// How long a delivery may take before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// What came of a run.
struct Ran {
    rate: f64,
    times: Times,
}

impl Ran {
    fn of(times: Vec<Duration>, began: Instant) -> Self {
        Self {
            rate: times.len() as f64 / began.elapsed().as_secs_f64(),
            times: Times::new(times),
        }
    }
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    // The client for bare posts brings none of its own. A second call would only find the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scratch = bench.scratch()?;
    let sink = Sink::open().await?;
    let data = scratch.path().join("ours");
    let url = &sink.url;
    configure_whole(
        &data,
        &format!("[webhook]\nurl = \"{url}\"\nallow_private = true\n{TEMPLATES}"),
    )?;
    let ours = Running::serve(&data).await?;
    let target = add_feed(&data, &ours).await?;
    let raw = scratch.path().join("limit.db");
    let limit = Running::start("limit-accept", &[&raw.to_string_lossy(), "1000"]).await?;
    let accept = Target {
        address: limit.address,
        connection: "c".to_owned(),
        token: String::new(),
    };
    let mut figures = Vec::new();
    for (flight, known) in FLIGHTS {
        let name = format!("hook c{flight}");
        if !bench.shows(&name) && !bench.only.starts_with(&name) {
            continue;
        }
        let mut pairs = Vec::new();
        for repeat in 0..=bench.repeats {
            let run = format!("{flight}-{repeat}");
            let halves = halves(bench, &accept, &sink, flight, &run).await?;
            let delivered = deliver(bench, &target, &sink, flight, &run).await?;
            // The first of each fills the caches and does not count.
            if repeat > 0 {
                pairs.push((delivered, halves));
            }
        }
        figures.extend(figures_of(&name, &pairs, known));
    }
    sink.is_even()?;
    ours.stop().await?;
    limit.kill().await?;
    Ok(figures)
}

fn figures_of(name: &str, pairs: &[(Ran, f64)], known: Option<f64>) -> [Figure; 3] {
    let rates: Vec<(f64, f64)> = pairs.iter().map(|(ours, it)| (ours.rate, *it)).collect();
    let rate = Figure::beside(name, "1/s", &rates, Aim::RatioAtLeast(0.55));
    let rate = match known {
        Some(known) => rate.limit_known_rate(known),
        None => rate,
    };
    let tails: Vec<f64> = pairs.iter().map(|(ours, _)| ours.times.p99()).collect();
    let tail = Figure::alone(format!("{name} p99"), "ms", &tails, Aim::None);
    let near: Vec<f64> = pairs.iter().map(|(it, _)| it.times.near_40_ms()).collect();
    let stalled = pairs.iter().any(|(ours, _)| ours.times.has_40_ms_mode());
    let mut hump = Figure::alone(format!("{name} at 40 ms"), "of 1", &near, Aim::None);
    hump.aim = "no mode".to_owned();
    hump.holds = Some(!stalled);
    [rate, tail, hump]
}

/// Both halves one after the other: how many a second.
async fn halves(
    bench: &Bench,
    accept: &Target,
    sink: &Sink,
    flight: usize,
    run: &str,
) -> Result<f64> {
    let load = Load {
        connections: flight,
        time: bench.time,
        chats: 1000,
        run: format!("run-{run}"),
    };
    let taken = accept.run(&load).await?.rate;
    let posted = bare(bench, sink, flight, run).await?.rate;
    Ok(1.0 / (1.0 / taken + 1.0 / posted))
}

/// Bodies of the same size, signed and posted by a client that does nothing else.
async fn bare(bench: &Bench, sink: &Sink, flight: usize, run: &str) -> Result<Ran> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let time = bench.time;
    let tasks = (0..flight).map(|caller| {
        let (client, sink, run) = (client.clone(), sink.clone(), format!("bare-{run}"));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < time {
                let mark = mark(&run, caller, times.len());
                let told = sink.expect(&mark);
                let asked = Instant::now();
                let status = post(&client, &sink.url, &mark).await?;
                ensure!(status == 204, "a bare post was answered {status}");
                told.await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        })
    });
    collect(tasks.collect(), began).await
}

async fn post(client: &reqwest::Client, url: &str, mark: &str) -> Result<u16> {
    let text = "lorem ipsum dolor sit amet ".repeat(11);
    let body = serde_json::json!({
        "type": "message", "id": mark, "mailbox_id": "main", "chat_id": "bench:chat-1", "message_id": "msg_1",
        "focal": false, "timestamp": "2023-11-14T22:13:20.000Z", "content": text,
    });
    let body = body.to_string();
    let mut code = Hmac::<Sha256>::new_from_slice(&[7; 32])?;
    code.update(format!("{mark}.1700000000.{body}").as_bytes());
    let code: String = code
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", mark)
        .header("webhook-timestamp", "1700000000")
        .header("webhook-signature", format!("v1,{code}"));
    Ok(request.body(body).send().await?.status().as_u16())
}

/// Messages to our server, each caller to a chat of its own.
async fn deliver(
    bench: &Bench,
    target: &Target,
    sink: &Sink,
    flight: usize,
    run: &str,
) -> Result<Ran> {
    let mut wires = Vec::new();
    for _ in 0..flight {
        wires.push(Wire::open(target.address).await?);
    }
    let began = Instant::now();
    let time = bench.time;
    let tasks = wires.into_iter().enumerate().map(|(caller, mut wire)| {
        let (target, sink, run) = (target.clone(), sink.clone(), run.to_owned());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < time {
                let nth = times.len();
                let mark = mark(&run, caller, nth);
                let told = sink.expect(&mark);
                // Nobody may say more than ten things at once, so that each person says eight.
                let person = format!("{run}-{caller}-{}", nth / 8);
                let request = target.message(&mark, caller, &person);
                let asked = Instant::now();
                let (status, _) = wire.ask(&request).await?;
                ensure!(status == 200, "{mark} was answered {status}");
                tokio::time::timeout(LOST, told).await??;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        })
    });
    collect(tasks.collect(), began).await
}

async fn collect(
    tasks: Vec<tokio::task::JoinHandle<Result<Vec<Duration>>>>,
    began: Instant,
) -> Result<Ran> {
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Ran::of(times, began))
}
