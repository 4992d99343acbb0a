//! PostgreSQL goes away and comes back, several times, while two servers take messages in.

use crate::house::{House, Node, until};
use crate::posts::{post, shared_feed};
use crate::program::{Answer, Feed};
use crate::{ADA, SOON, config, connect, platform, told};
use chatbox_fakes::telegram;
use chatbox_test_postgres as pg;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How soon after PostgreSQL every server must take messages in again.
const RECOVERED: Duration = Duration::from_secs(10);
/// How long PostgreSQL is away: shorter than anybody waits, and longer.
const AWAY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(7)];
/// Who posts to each server, at once.
const POSTERS: usize = 3;

/// How PostgreSQL goes away.
#[derive(Clone, Copy, Debug)]
enum End {
    InOrder,
    Killed,
}

/// What somebody who posts was told.
#[derive(Default)]
struct Posted {
    /// Each event, and the row it became.
    taken: BTreeMap<String, String>,
    /// How often it was told to try again.
    later: usize,
    /// Answers that should not be.
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_again_and_again_loses_and_doubles_nothing() {
    let (mut server, platform) = (pg::server_of_its_own().await, platform().await);
    let house = House::on(server.database().await);
    let config = config(&platform, "kind = \"echo\"");
    let (a, b) = (house.node(&config), house.node(&config));
    connect(&a, &platform).await;
    let feed = shared_feed(&a, &b).await;
    let over = AtomicBool::new(false);
    let mut said = Vec::new();
    let posted = std::thread::scope(|scope| {
        let posters = posters(scope, [&a, &b], &feed, &over);
        let ends = Ends(&over);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for (round, away) in AWAY.into_iter().cycle().take(4).enumerate() {
                    let end = [End::InOrder, End::InOrder, End::Killed, End::Killed][round];
                    let words = format!("while it is away {round}");
                    go_away(&mut server, end, away, &platform, &words).await;
                    said.push(words);
                    recovers([&a, &b], &feed, round).await;
                }
                drop(ends);
            });
        });
        let ends = posters.into_iter().map(|it| it.join().expect("it posts"));
        ends.collect::<Vec<Posted>>()
    });
    until("what Ada said is confirmed", SOON, || {
        platform.pending_updates().is_empty()
    })
    .await;
    nothing_lost_nothing_twice(&house, &feed, posted);
    everything_answered(&house, &platform, &said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_the_database_is_away_and_that_it_is_back() {
    let mut server = pg::server_of_its_own().await;
    let house = House::on(server.database().await);
    let node = house.node("[backend]\nkind = \"echo\"\n");
    let health = || tokio::task::block_in_place(|| node.running.get("/health"));
    let stands = |status: &str, db: &str| {
        health().starts_with(status) && health().contains(&format!("\"db\":\"{db}\""))
    };
    assert!(stands("HTTP/1.1 200", "ok"), "{}", health());
    server.stop().await;
    until("it is said to be away", RECOVERED, || {
        stands("HTTP/1.1 503", "unavailable")
    })
    .await;
    let ready = tokio::task::block_in_place(|| node.running.get("/health/ready"));
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    let live = tokio::task::block_in_place(|| node.running.get("/health/live"));
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");
    server.start_again().await;
    until("it is said to be back", RECOVERED, || {
        stands("HTTP/1.1 200", "ok")
    })
    .await;
}

/// Ends the posting when it is dropped, whatever went wrong before.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Posts to both servers until it is over.
fn posters<'scope>(
    scope: &'scope Scope<'scope, '_>,
    nodes: [&'scope Node; 2],
    feed: &'scope Feed,
    over: &'scope AtomicBool,
) -> Vec<std::thread::ScopedJoinHandle<'scope, Posted>> {
    let one = move |nth: usize| {
        let node = nodes[nth % 2];
        scope.spawn(move || post_on(node, feed, nth, over))
    };
    (0..2 * POSTERS).map(one).collect()
}

/// Posts one event after the other, each until it is taken in.
fn post_on(node: &Node, feed: &Feed, nth: usize, over: &AtomicBool) -> Posted {
    let mut posted = Posted::default();
    while !over.load(Ordering::SeqCst) {
        let event = format!("load-{nth}-{}", posted.taken.len());
        let row = loop {
            let answer = post(node, feed, &event, "hello");
            match (answer.status(), when(&answer)) {
                (200, _) => break answer.json()["message_id"].to_string(),
                (503, Some(after)) => {
                    posted.later += 1;
                    std::thread::sleep(after);
                }
                (status, _) => posted.wrong.push(format!("{status} {}", answer.body())),
            }
        };
        posted.taken.insert(event, row);
        // Enough to be busy, and not so much that answering all of it afterwards takes long.
        std::thread::sleep(Duration::from_millis(20));
    }
    posted
}

/// When to try again, where a refusal says so and what it is.
fn when(answer: &Answer) -> Option<Duration> {
    let after = answer.header("retry-after")?.parse().ok();
    after
        .filter(|after| *after > 0 && answer.json()["code"] == "try_later")
        .map(Duration::from_secs)
}

/// PostgreSQL is away for so long. What Ada says meanwhile stays with the platform.
async fn go_away(
    server: &mut pg::Server,
    end: End,
    away: Duration,
    platform: &telegram::Server,
    words: &str,
) {
    match end {
        End::InOrder => server.stop().await,
        End::Killed => server.kill().await,
    }
    platform.say(ADA, ADA, words);
    sleep(away).await;
    let kept = platform.pending_updates().len();
    assert!(kept > 0, "{end:?}: it is confirmed and nowhere stored");
    server.start_again().await;
}

/// Both take messages in again.
async fn recovers(nodes: [&Node; 2], feed: &Feed, round: usize) {
    let began = Instant::now();
    for (nth, node) in nodes.into_iter().enumerate() {
        let event = format!("after-{round}-{nth}");
        until("messages are taken in again", RECOVERED, || {
            tokio::task::block_in_place(|| post(node, feed, &event, "hello").status() == 200)
        })
        .await;
    }
    let took = began.elapsed();
    println!("round {round}: both take messages in {took:?} after PostgreSQL is there");
    assert!(took < RECOVERED, "{took:?}");
    // What was said before is answered by whoever gets to it.
    sleep(Duration::from_secs(1)).await;
}

fn nothing_lost_nothing_twice(house: &House, feed: &Feed, posted: Vec<Posted>) {
    let wrong: Vec<&String> = posted.iter().flat_map(|it| &it.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let later: usize = posted.iter().map(|it| it.later).sum();
    assert!(later > 0, "nobody was ever told to try again");
    let taken: BTreeMap<String, String> = posted.into_iter().flat_map(|it| it.taken).collect();
    println!(
        "{} were taken in, {later} times told to try later",
        taken.len()
    );
    assert!(taken.len() > 100, "{} is no load", taken.len());
    let sql = format!(
        "SELECT event_id || ' \"msg_' || seq || '\"' FROM log WHERE conn = '{}' AND event_id LIKE 'load-%'",
        feed.id
    );
    let rows = asked(house, &sql);
    let mut there = BTreeMap::new();
    for row in &rows {
        let (event, id) = row.split_once(' ').expect("two columns");
        let before = there.insert(event.to_owned(), id.to_owned());
        assert_eq!(before, None, "{event} stands twice");
    }
    assert_eq!(there, taken);
}

/// Ada is answered once, or the answer is in doubt and shown as that. What she says in a row may be answered together.
async fn everything_answered(house: &House, platform: &telegram::Server, said: &[String]) {
    let in_doubt = || {
        let sql = "SELECT count(*) FROM outbox WHERE state = 'unknown'";
        asked(house, sql)[0].parse::<usize>().expect("a number")
    };
    let times = |words: &String| {
        let told = told(platform);
        told.iter().filter(|it| it.contains(words)).count()
    };
    until("she is answered", SOON * 2, || {
        let open = said.iter().filter(|words| times(words) == 0);
        open.count() <= in_doubt()
    })
    .await;
    for words in said {
        let told = times(words);
        assert!(told <= 1, "{words} was answered {told} times");
        let sql = format!("SELECT count(*) FROM content WHERE body LIKE '%{words}%'");
        let rows: usize = asked(house, &sql)[0].parse().expect("a number");
        assert_eq!(rows, 2, "{words}: what she said, and the answer");
    }
}

/// What PostgreSQL's own program reads.
fn asked(house: &House, sql: &str) -> Vec<String> {
    let mut psql = Command::new(pg::program("psql"));
    psql.env("PGOPTIONS", "--search_path=chatbox");
    let done = psql.args(["-XAtq", "-c", sql, &house.database]).output();
    let done = done.expect("psql");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    let text = String::from_utf8(done.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}
