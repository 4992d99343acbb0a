//! Kills between the answer to a message and its delivery. Every round the program is started, a few messages are posted
//! to it, and it is killed at a random moment after the last was answered: before its delivery, in the middle of it, or
//! after it. At the end everything that was answered has arrived, under one id in all its attempts, and each chat's
//! messages in order.

mod sink;

use crate::book::Book;
use crate::report::Report;
use crate::server::{Feed, Place, Server, message};
use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sink::{Attempt, Sink};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many chats are written to.
const CHATS: u32 = 4;
/// The latest a kill comes after the last answer, in microseconds.
const LATEST: u64 = 12_000;
/// How long what is left may take in the end: a refused delivery waits for seconds, and others of its chat behind it.
const REST: Duration = Duration::from_secs(60);

/// Everything that was answered, by its marker: the chat, and the when within it.
type Answered = BTreeMap<String, (u32, usize)>;

/// Runs so many rounds and judges the end.
pub(crate) async fn run(program: &Path, times: u32, seed: u64, report: &mut Report) -> Result<()> {
    report.line(&format!("seed {seed}, {times} kills"));
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir()?;
    let sink = Sink::open().await?;
    let config = format!("[webhook]\nurl = \"{}\"\nallow_private = true\n", sink.url);
    let place = Place::new(program, folder.path(), &config)?;
    let server = place.start().await?;
    let feed = server.add_feed("alpha").await?;
    server.stop().await?;
    let mut answered = Answered::new();
    let mut open = 0;
    for round in 0..times {
        let server = place.start().await?;
        let posted = post(&server, &feed, round, &mut answered, &mut rng).await;
        posted.with_context(|| format!("kill {}", round + 1))?;
        sleep(Duration::from_micros(rng.random_range(0..LATEST))).await;
        server.kill().await?;
        open += u32::from(!missing(&answered, &sink.attempts()).is_empty());
    }
    report.line(&format!(
        "{open} of {times} kills left something undelivered"
    ));
    let server = place.start().await?;
    let until = Instant::now() + REST;
    while !missing(&answered, &sink.attempts()).is_empty() && Instant::now() < until {
        sleep(Duration::from_millis(20)).await;
    }
    server.stop().await?;
    let book = Book::of(&place.database()).await?;
    judge(&answered, &sink.attempts(), &book, report);
    let few = format!("only {open} of {times} kills did");
    let hit = if open * 4 >= times { vec![] } else { vec![few] };
    report.check("kill-webhook kills came before deliveries", &hit);
    if !report.is_good() {
        report.line(&format!("the data is kept in {}", folder.keep().display()));
    }
    Ok(())
}

/// Posts a few messages, one after the other, and notes those that were answered: all.
async fn post(
    server: &Server,
    feed: &Feed,
    round: u32,
    answered: &mut Answered,
    rng: &mut StdRng,
) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/connections/{}/messages", server.url, feed.id);
    for nth in 0..rng.random_range(1..=4) {
        let chat = rng.random_range(0..CHATS);
        let marker = format!("h{round:04}n{nth}x");
        let text = format!("hello {marker}");
        let body = message(&marker, &format!("chat{chat}"), &marker, &text);
        let answer = http.post(&url).bearer_auth(&feed.token).json(&body);
        let status = answer.send().await?.status();
        anyhow::ensure!(status == 200, "a message was answered {status}");
        answered.insert(marker, (chat, answered.len()));
    }
    Ok(())
}

/// Which of them an attempt is of.
fn marker(attempt: &Attempt) -> &str {
    let from = attempt.body.find("hello h").map_or(0, |at| at + 6);
    attempt.body.get(from..from + 8).unwrap_or_default()
}

/// What was answered and is not delivered.
fn missing<'a>(answered: &'a Answered, attempts: &[Attempt]) -> Vec<&'a str> {
    let taken = attempts.iter().filter(|attempt| attempt.taken);
    let taken: BTreeSet<&str> = taken.map(marker).collect();
    let open = answered.keys().filter(|it| !taken.contains(it.as_str()));
    open.map(String::as_str).collect()
}

fn judge(answered: &Answered, attempts: &[Attempt], book: &Book, report: &mut Report) {
    let lost = missing(answered, attempts).into_iter();
    let lost: Vec<String> = lost.map(|it| format!("{it} did not arrive")).collect();
    report.check("kill-webhook what was answered was delivered", &lost);
    report.check(
        "kill-webhook a delivery has one id in all its attempts",
        &two_ids(attempts),
    );
    report.check(
        "kill-webhook the messages of a chat arrive in order",
        &disorder(answered, attempts),
    );
    let torn = Some(&book.integrity).filter(|it| *it != "ok").cloned();
    report.check("kill-webhook the database is whole", &Vec::from_iter(torn));
    report.line(&format!(
        "{} messages arrived in {} attempts",
        answered.len(),
        attempts.len()
    ));
}

/// Messages with two ids, and ids of two messages.
fn two_ids(attempts: &[Attempt]) -> Vec<String> {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut markers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for attempt in attempts {
        let (id, marker) = (attempt.id.as_str(), marker(attempt));
        let (known, told) = (
            *ids.entry(marker).or_insert(id),
            *markers.entry(id).or_insert(marker),
        );
        if known != id || told != marker {
            faults.push(format!("{marker} came as {id}, after {told} as {known}"));
        }
    }
    faults
}

/// Messages that arrived for the first time after a later one of their chat.
fn disorder(answered: &Answered, attempts: &[Attempt]) -> Vec<String> {
    let mut latest: BTreeMap<u32, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for attempt in attempts.iter().filter(|attempt| attempt.taken) {
        let marker = marker(attempt);
        let Some((chat, nth)) = answered.get(marker).filter(|_| seen.insert(marker)) else {
            continue;
        };
        let last = latest.entry(*chat).or_insert(*nth);
        if *nth < *last {
            faults.push(format!("{marker} came late"));
        }
        *last = (*last).max(*nth);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: &str, marker: &str, taken: bool) -> Attempt {
        Attempt {
            id: id.to_owned(),
            body: format!("{{\"content\":\"hello {marker}\"}}"),
            taken,
        }
    }

    fn answered() -> Answered {
        let all = [("h0000n0x", (1, 0)), ("h0000n1x", (1, 1))];
        all.map(|(marker, place)| (marker.to_owned(), place)).into()
    }

    #[test]
    fn what_was_only_tried_has_not_arrived() {
        let attempts = [
            attempt("d1", "h0000n0x", true),
            attempt("d2", "h0000n1x", false),
        ];
        assert_eq!(missing(&answered(), &attempts), ["h0000n1x"]);
    }

    #[test]
    fn another_id_for_the_same_is_seen_and_the_other_way_round() {
        let first = attempt("d1", "h0000n0x", false);
        let again = [first.clone(), attempt("d1", "h0000n0x", true)];
        assert!(two_ids(&again).is_empty());
        let other = [first.clone(), attempt("d2", "h0000n0x", true)];
        assert_eq!(two_ids(&other).len(), 1);
        let shared = [first, attempt("d1", "h0000n1x", true)];
        assert_eq!(two_ids(&shared).len(), 1);
    }

    #[test]
    fn a_message_behind_a_later_one_is_seen_and_a_repetition_is_none() {
        let (one, two) = (
            attempt("d1", "h0000n0x", true),
            attempt("d2", "h0000n1x", true),
        );
        let right = [one.clone(), two.clone(), one.clone()];
        assert!(disorder(&answered(), &right).is_empty());
        assert_eq!(disorder(&answered(), &[two, one]).len(), 1);
    }
}
