//! Many mailboxes, each with an endpoint of its own: one of a hundred that hangs must not be noticed by the others, and ten
//! thousand not by each other.

use super::{Bench, short};
use anyhow::Result;
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use chatbox_benches::town::Town;
use std::time::Duration;

/// The distance between two messages.
const EVERY: Duration = Duration::from_millis(5);
/// Mailboxes in a town with a dead one.
const TOWN: usize = 100;
/// A small town.
const FEW: usize = 10;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let dead = "mailboxes one dead of 100 p99";
    if bench.shows(dead) {
        let pairs = beside(bench, (TOWN, true), (TOWN, false)).await?;
        let tails = by(&pairs, Times::p99);
        figures.push(Figure::beside(dead, "ms", &tails, Aim::RatioAtMost(1.2)));
    }
    let many = if bench.quick { 1_000 } else { 10_000 };
    let grown = format!("mailboxes 10-{}", short(many));
    if bench.shows(&grown) {
        let pairs = beside(bench, (usize::try_from(many)?, false), (FEW, false)).await?;
        let middles = by(&pairs, Times::p50);
        figures.push(Figure::beside(grown, "ms", &middles, Aim::RatioAtMost(1.2)));
    }
    Ok(figures)
}

fn by(pairs: &[(Times, Times)], of: fn(&Times) -> f64) -> Vec<(f64, f64)> {
    pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
}

/// Two towns, measured in turn: how many mailboxes each has, and whether one of them hangs.
async fn beside(
    bench: &Bench,
    one: (usize, bool),
    other: (usize, bool),
) -> Result<Vec<(Times, Times)>> {
    let scratch = bench.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let mut one = Town::found(&path("one.db"), one.0, one.1).await?;
    let mut other = Town::found(&path("other.db"), other.0, other.1).await?;
    let count = if bench.quick { 100 } else { 1000 };
    let mut pairs = Vec::new();
    for repeat in 0..=bench.repeats {
        let pair = (
            one.measure(count, EVERY).await?,
            other.measure(count, EVERY).await?,
        );
        // The first of each makes the chats and does not count.
        if repeat > 0 {
            pairs.push(pair);
        }
    }
    one.close().await;
    other.close().await;
    Ok(pairs)
}
