//! Reads of the store, in a small house and in one with many messages: each must cost the same.

use super::{Bench, short};
use anyhow::{Context, Result, ensure};
use chatbox_benches::fill::{COMMON, chats, copy, database, event_id, filled, rare};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use chatbox_core::id::{ConnectionId, MailboxId};
use chatbox_core::store::{Span, Store};
use chatbox_store::{SqliteOptions, SqliteStore};
use std::time::Instant;

/// The few that are asked, in order.
const READS: [&str; 4] = ["dedupe", "page", "search rare", "search common"];

/// An opened house to read from.
struct House {
    store: SqliteStore,
    connection: ConnectionId,
    mailbox: MailboxId,
    rows: i64,
    _scratch: tempfile::TempDir,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (small, large) = (open(bench, 1_000).await?, open(bench, bench.many()).await?);
    let mut figures = Vec::new();
    for read in READS {
        let mut pairs = Vec::new();
        for repeat in 0..=bench.repeats {
            let pair = (large.time(read).await?, small.time(read).await?);
            // The first of each fills the caches and does not count.
            if repeat > 0 {
                pairs.push(pair);
            }
        }
        let name = format!("reads {read} 1k-{}", short(large.rows));
        let grown = Figure::beside(name, "ms", &pairs, Aim::RatioAtMost(1.2));
        if read == "search common" {
            let times: Vec<f64> = pairs.iter().map(|(large, _)| *large).collect();
            let name = format!("reads {read} {}", short(large.rows));
            figures.push(Figure::alone(name, "ms", &times, Aim::AtMost(50.0)));
        }
        figures.push(grown);
    }
    small.store.close().await;
    large.store.close().await;
    Ok(figures)
}

async fn open(bench: &Bench, rows: i64) -> Result<House> {
    let scratch = bench.scratch()?;
    let house = copy(
        &filled(&bench.shelf, rows).await?,
        &scratch.path().join("data"),
    )?;
    let path = database(&house.data);
    Ok(House {
        store: SqliteStore::open(&path, SqliteOptions::default()).await?,
        connection: house.target.connection.into(),
        mailbox: "main".into(),
        rows,
        _scratch: scratch,
    })
}

impl House {
    /// The middle of many, in milliseconds.
    async fn time(&self, read: &str) -> Result<f64> {
        let count = if read.starts_with("search") { 40 } else { 1000 };
        let mut times = Vec::with_capacity(count);
        for n in 0..count {
            // Scattered, so that not always the same page is read.
            let nth = (n as i64).wrapping_mul(7_919_777) % self.rows;
            let began = Instant::now();
            self.ask(read, nth).await?;
            times.push(began.elapsed());
        }
        Ok(Times::new(times).p50())
    }

    async fn ask(&self, read: &str, nth: i64) -> Result<()> {
        let found = match read {
            "dedupe" => {
                let seq = self.store.seq_of(&self.connection, &event_id(nth)).await?;
                usize::from(seq.is_some())
            }
            "page" => {
                let chat = chatbox_core::id::ChatId(nth % chats(self.rows) + 1);
                let page = self.store.history(Span::Chat(chat), None, 50).await?;
                page.len()
            }
            "search rare" => {
                let word = rare(self.rows);
                self.store.search(&self.mailbox, &word, 20).await?.len()
            }
            "search common" => {
                let found = self.store.search(&self.mailbox, COMMON, 20).await?;
                ensure!(found.len() == 20, "{} of 20 found", found.len());
                20
            }
            other => return Err(anyhow::anyhow!("no read is called {other}")),
        };
        (found > 0)
            .then_some(())
            .with_context(|| format!("{read} {nth} found nothing"))
    }
}
