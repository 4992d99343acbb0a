//! The parts: each measures one thing and gives its figures.

mod accept;
mod agents;
mod echo;
mod hook;
mod idle;
mod mailboxes;
mod memory;
mod nodes;
mod postgres;
mod reads;
mod recap;
mod size;
mod start;
mod translate;

use anyhow::Result;
use chatbox_benches::report::Figure;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// How to measure.
#[derive(Debug)]
pub(crate) struct Bench {
    /// Small and short.
    pub(crate) quick: bool,
    /// The cold build too.
    pub(crate) full: bool,
    /// How a figure's name must begin.
    pub(crate) only: String,
    /// How often ours and the limit take turns.
    pub(crate) repeats: usize,
    /// How long one run of a load takes.
    pub(crate) time: Duration,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Where filled data folders are kept.
    pub(crate) shelf: PathBuf,
}

impl Bench {
    /// Whether a figure is wanted.
    pub(crate) fn shows(&self, name: &str) -> bool {
        name.starts_with(&self.only)
    }

    /// Whether a part is wanted: some of its figures may be.
    fn wants(&self, part: &str) -> bool {
        self.only.starts_with(part) || part.starts_with(&self.only)
    }

    /// How many messages a house has that is used for long.
    pub(crate) fn many(&self) -> i64 {
        if self.quick { 50_000 } else { 1_000_000 }
    }

    /// A folder that is gone afterwards.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.shelf)?)
    }
}

/// A number of messages in short.
pub(crate) fn short(rows: i64) -> String {
    match rows {
        rows if rows >= 1_000_000 => format!("{}M", rows / 1_000_000),
        rows => format!("{}k", rows / 1000),
    }
}

type Measuring<'a> = Pin<Box<dyn Future<Output = Result<Vec<Figure>>> + 'a>>;

/// Measures every part that is wanted: the figures, and what could not be measured.
pub(crate) async fn all(bench: &Bench) -> (Vec<Figure>, Vec<String>) {
    let parts: [(&str, Measuring<'_>); 14] = [
        ("accept", Box::pin(accept::measure(bench))),
        ("postgres", Box::pin(postgres::measure(bench))),
        ("nodes", Box::pin(nodes::measure(bench))),
        ("echo", Box::pin(echo::measure(bench))),
        ("hook", Box::pin(hook::measure(bench))),
        ("agents", Box::pin(agents::measure(bench))),
        ("mailboxes", Box::pin(mailboxes::measure(bench))),
        ("memory", Box::pin(memory::measure(bench))),
        ("idle", Box::pin(idle::measure(bench))),
        ("translate", Box::pin(translate::measure(bench))),
        ("start", Box::pin(start::measure(bench))),
        ("reads", Box::pin(reads::measure(bench))),
        ("recap", Box::pin(recap::measure(bench))),
        ("size", Box::pin(size::measure(bench))),
    ];
    let (mut figures, mut failures) = (Vec::new(), Vec::new());
    for (name, measuring) in parts {
        if !bench.wants(name) {
            continue;
        }
        eprintln!("{name} …");
        match measuring.await {
            Ok(measured) => figures.extend(measured),
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    (figures, failures)
}
