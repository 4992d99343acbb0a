//! What one message costs each adapter, both ways, as time of the processor: how long it waits for a network says nothing here.
//!
//! Inbound is all that an open adapter does for an event, from its socket to the event that the house is handed, with the platform as a
//! stand-in on other threads; beside it the event's own JSON, parsed into values and nothing else. Outbound is a reply of a
//! thousand characters, read, measured and rendered as the adapter does; beside it the same text, read by the same library alone.

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::context::context;
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::vendors::{PLATFORMS, Vendors, secrets};
use chatbox_core::connector::{AdapterFactory, Fate, Incoming, Parts, Secrets, Settings};
use chatbox_core::event::EventBody;
use chatbox_core::id::Seq;
use chatbox_core::markup::{parse, split};
use chatbox_core::secret::Secret;
use chatbox_server::compose::Platforms;
use futures_util::StreamExt;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How long an adapter may take to hear what is said.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is said until somebody listens, and is not counted.
const WARM: &str = "warm";
/// A thousand characters of a reply, as a model writes it.
const REPLY: &str = include_str!("translate/reply.md");

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let platforms = Platforms::outside();
    for platform in PLATFORMS {
        let factory = platforms
            .get(&platform.into())
            .with_context(|| format!("this was built without {platform}"))?;
        let name = format!("translate in {platform}");
        if bench.shows(&name) {
            let mut pairs = Vec::new();
            for _ in 0..bench.repeats {
                pairs.push(inbound(bench, platform, factory.clone()).await?);
            }
            figures.push(Figure::beside(name, "1/s", &pairs, Aim::RatioAtLeast(IN)));
        }
        let name = format!("translate out {platform}");
        if bench.shows(&name) {
            let pairs = (0..bench.repeats).map(|_| outbound(bench, &*factory));
            let pairs: Vec<(f64, f64)> = pairs.collect::<Result<_>>()?;
            figures.push(Figure::beside(name, "1/s", &pairs, Aim::RatioAtLeast(OUT)));
        }
    }
    Ok(figures)
}

/// At least so much of the parser's rate is asked of all that an adapter does for an event: half of what the slowest reached.
const IN: f64 = 0.02;
/// The same of a reply that is read, measured and rendered. Platforms take a message a second.
const OUT: f64 = 0.015;

/// Events a second of the processor: the adapter's, and of parsing what they were made of.
async fn inbound(
    bench: &Bench,
    platform: &'static str,
    factory: Arc<dyn AdapterFactory>,
) -> Result<(f64, f64)> {
    let count = if bench.quick { 500 } else { 5_000 };
    let vendors = Vendors::start().await?;
    let base = vendors.base(platform)?;
    let (tell, mut heard) = mpsc::unbounded_channel();
    // A thread of its own: what it costs is told by the system, thread by thread.
    let listening = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let heard = listen(platform, base, factory, count, tell);
        let heard = async { timeout(PATIENCE, heard).await? };
        runtime.enable_all().build()?.block_on(heard)
    });
    let connected = async {
        loop {
            vendors.say(platform, WARM);
            if let Ok(told) = timeout(Duration::from_millis(100), heard.recv()).await {
                return told;
            }
        }
    };
    timeout(PATIENCE, connected)
        .await
        .with_context(|| format!("nothing is heard on {platform}"))?;
    // What was said to warm it up is heard by then.
    sleep(Duration::from_millis(300)).await;
    for n in 0..count {
        vendors.say(platform, &format!("measured {n}: {}", "x".repeat(280)));
        // Whoever speaks without a pause fills the stand-in's queues, not the adapter.
        if n % 50 == 49 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let done = tokio::task::spawn_blocking(move || listening.join()).await?;
    done.map_err(|_| anyhow::anyhow!("the adapter's thread crashed"))?
}

/// Opens the adapter and hears so many events.
async fn listen(
    platform: &str,
    base: String,
    factory: Arc<dyn AdapterFactory>,
    count: usize,
    tell: mpsc::UnboundedSender<()>,
) -> Result<(f64, f64)> {
    let parts = built(platform, base, &*factory).await?;
    let mut stream = parts.adapter.open(None).await?;
    let (mut raws, mut began): (Vec<Arc<RawValue>>, f64) = (Vec::new(), 0.0);
    while raws.len() < count {
        let Incoming::Event(arrival) = stream.next().await.context("it ended")?? else {
            continue;
        };
        if let Some(confirm) = arrival.confirm {
            confirm.confirm(Fate::Stored(Seq(1)));
        }
        let EventBody::Message(content) = &arrival.event.body else {
            continue;
        };
        if content.text.starts_with(WARM) {
            // Nobody listens any more who heard it once.
            let _ = tell.send(());
            began = spent()?;
            continue;
        }
        raws.push(arrival.event.raw.context("what it was made of")?);
    }
    let ours = spent()? - began;
    let before = spent()?;
    for raw in &raws {
        black_box(serde_json::from_str::<serde_json::Value>(raw.get())?);
    }
    let limit = spent()? - before;
    ensure!(ours > 0.0 && limit > 0.0, "the system counts no time");
    let rate = |seconds: f64| raws.len() as f64 / seconds;
    Ok((rate(ours), rate(limit)))
}

async fn built(platform: &str, base: String, factory: &dyn AdapterFactory) -> Result<Parts> {
    let secrets = secrets(platform).into_iter();
    let secrets = secrets.map(|(name, secret)| (name.to_owned(), Secret::new(secret)));
    let settings = Settings::new(&BTreeMap::from([("api_base", base)]))?;
    let secrets = Secrets(secrets.collect());
    Ok(factory.build(context(), settings, secrets).await?)
}

/// Replies a second of the processor: rendered as the platform wants them, and only read.
fn outbound(bench: &Bench, factory: &dyn AdapterFactory) -> Result<(f64, f64)> {
    let rounds = if bench.quick { 300 } else { 3_000 };
    let dialect = factory.dialect();
    let before = spent()?;
    for _ in 0..rounds {
        // So long that it is one piece everywhere: the splitter has nothing to search.
        black_box(split(&parse(black_box(REPLY)), &*dialect, 8_000));
    }
    let ours = spent()? - before;
    let before = spent()?;
    for _ in 0..rounds {
        use pulldown_cmark::{Options, Parser};
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        black_box(Parser::new_ext(black_box(REPLY), options).count());
    }
    let limit = spent()? - before;
    let rate = |seconds: f64| f64::from(rounds) / seconds;
    Ok((rate(ours), rate(limit)))
}

/// How long this thread was on a processor so far, in seconds.
fn spent() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.context("the system does not say what a thread costs")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default();
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}
