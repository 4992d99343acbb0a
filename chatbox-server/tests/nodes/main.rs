//! Several servers on one PostgreSQL, as processes: whatever happens to one of them, nothing is lost and nothing is done
//! twice.
#![cfg(all(feature = "postgres", feature = "telegram", feature = "llm"))]

mod agents;
mod failover;
#[cfg(feature = "slack")]
mod hooks;
mod house;
mod keys;
mod posts;
#[path = "../program/mod.rs"]
mod program;
#[cfg(feature = "webchat")]
mod windows;

use chatbox_fakes::model::{self, Script};
use chatbox_fakes::telegram::{self, Bot};
use house::{House, LEASE, Node, Way, until};
use program::Program;
use serde_json::Value;
use std::time::Duration;

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(20);
/// How much later than the end of a lease another may have taken over.
const SLACK: Duration = Duration::from_secs(5);

async fn platform() -> telegram::Server {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    telegram::Server::start(options).await.expect("a free port")
}

async fn model() -> model::Server {
    let model = model::Server::start(model::Options::default()).await;
    model.expect("a free port")
}

fn config(platform: &telegram::Server, backend: &str) -> String {
    let base = platform.base_url();
    format!("[backend]\n{backend}\n[channels.telegram]\napi_base = \"{base}\"\n")
}

fn asking(model: &model::Server) -> String {
    let base = model.base_url();
    format!("kind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{base}/v1\"")
}

/// Adds the bot by this node and makes Ada its owner.
async fn connect(node: &Node, platform: &telegram::Server) {
    let mut command = Program::new(node.folder.path()).command();
    command.arg("--data-dir").arg(node.running.data());
    command.args(["--json", "channels", "add", "telegram", "--token-file", "-"]);
    program::give(&mut command, node.folder.path(), Some(TOKEN));
    let done = program::run(&mut command);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
    let link = said["pairing_link"].as_str();
    let code = link.and_then(|link| link.strip_prefix("https://t.me/test_bot?start="));
    let code = code.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&done.stderr)));
    platform.say(ADA, ADA, &format!("/start {code}"));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
}

/// What Ada was told after her welcome.
fn told(platform: &telegram::Server) -> Vec<String> {
    let messages = platform.messages_in(ADA).into_iter();
    messages.skip(1).map(|it| it.text).collect()
}

async fn stands_by(node: &Node) {
    let stands_by = || node.state("telegram").as_deref() == Some("elsewhere");
    until("the other node knows of the bot", SOON, stands_by).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_read_by_one_node_at_a_time() {
    let (platform, house) = (platform().await, House::new().await);
    let config = config(&platform, "kind = \"echo\"");
    let (a, b) = (house.node(&config), house.node(&config));
    connect(&a, &platform).await;
    // The other one hears of it, and a third one finds it as it starts. Whoever is first has it.
    let nodes = [a, b, house.node(&config)];
    let stand = |state: &str| {
        let its = |node: &&Node| node.state("telegram").as_deref() == Some(state);
        nodes.iter().filter(its).count()
    };
    let one_reads = || stand("connected") == 1 && stand("elsewhere") == 2;
    until("one reads the bot", SOON, one_reads).await;
    tokio::time::sleep(LEASE * 2).await;
    assert!(one_reads());
    for n in 0..5 {
        platform.say(ADA, ADA, &format!("number {n}"));
    }
    let all = platform.until_messages(ADA, 2, SOON).await;
    all.expect("she is answered");
    until("all are answered", SOON, || {
        told(&platform)
            .last()
            .is_some_and(|it| it.contains("number 4"))
    })
    .await;
    let counters = platform.counters();
    assert_eq!((counters.conflicts, counters.most_polls_open), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_had_begun_another_ends() {
    let (platform, model, house) = (platform().await, model().await, House::new().await);
    let config = config(&platform, &asking(&model));
    let a = house.node(&config);
    connect(&a, &platform).await;
    let b = house.node(&config);
    stands_by(&b).await;
    model.script(Script::say("never to be heard").holding_after(1));
    platform.say(ADA, ADA, "one");
    model.until_held(SOON).await.expect("the model is asked");
    drop(a);
    platform.say(ADA, ADA, "two");
    let all = || told(&platform).join(" ");
    until("the other node answers", LEASE + SLACK, || {
        all().contains("two")
    })
    .await;
    // Both may be answered together, as both waited.
    let words: Vec<String> = all().split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["one", "two"]);
    until("the platform keeps nothing back", SOON, || {
        platform.pending_updates().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_for_long_does_nothing_when_it_goes_on() {
    let (platform, model, house) = (platform().await, model().await, House::new().await);
    let config = config(&platform, &asking(&model));
    let a = house.node(&config);
    connect(&a, &platform).await;
    let b = house.node(&config);
    stands_by(&b).await;
    model.script(Script::say("old words").holding_after(1));
    platform.say(ADA, ADA, "one");
    model.until_held(SOON).await.expect("the model is asked");
    a.signal("STOP");
    until("the other node answers", LEASE + SLACK, || {
        told(&platform) == ["one"]
    })
    .await;
    until("the other node reads the bot", SLACK, || {
        b.state("telegram").as_deref() == Some("connected")
    })
    .await;
    let before = (
        platform.calls_of("sendMessage").len(),
        platform.counters().conflicts,
    );
    model.open_gates();
    a.signal("CONT");
    stands_by(&a).await;
    platform.say(ADA, ADA, "two");
    until("she is answered once more", SOON, || {
        told(&platform).len() > 1
    })
    .await;
    tokio::time::sleep(LEASE).await;
    assert_eq!(told(&platform), ["one", "two"]);
    let after = (
        platform.calls_of("sendMessage").len(),
        platform.counters().conflicts,
    );
    assert_eq!(after, (before.0 + 1, before.1), "it sent or read something");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_database_lets_go_before_another_begins() {
    let (platform, house) = (platform().await, House::new().await);
    let way = Way::to(&house.database);
    let config = config(&platform, "kind = \"echo\"");
    let a = house.node_by(&way.url, &config);
    connect(&a, &platform).await;
    let b = house.node(&config);
    stands_by(&b).await;
    way.cut();
    let is_read = || platform.counters().polls_open > 0;
    // Two thirds of the lease, and time to notice.
    let let_go = LEASE * 2 / 3 + Duration::from_millis(500);
    until("it lets go", let_go, || !is_read()).await;
    until("the other node takes over", LEASE + SLACK, is_read).await;
    platform.say(ADA, ADA, "is anybody there?");
    until("she is answered", SOON, || told(&platform).len() == 1).await;
    way.mend();
    stands_by(&a).await;
    platform.say(ADA, ADA, "and now?");
    until("she is answered", SOON, || told(&platform).len() == 2).await;
    let counters = platform.counters();
    assert_eq!((counters.conflicts, counters.most_polls_open), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_told_to_stop_give_back_what_they_hold() {
    let (platform, model) = (platform().await, model().await);
    // So long that nobody takes over by waiting.
    let house = House::with_lease("5m").await;
    let config = config(&platform, &asking(&model));
    let mut a = house.node(&config);
    connect(&a, &platform).await;
    let mut b = house.node(&config);
    stands_by(&b).await;
    model.script(Script::say("never to be heard").holding_after(1));
    platform.say(ADA, ADA, "one");
    model.until_held(SOON).await.expect("the model is asked");
    a.signal("TERM");
    until("the other node answers", SLACK, || {
        told(&platform) == ["one"]
    })
    .await;
    let ended = a.running.ended(SOON).expect("it ends");
    assert!(ended.success(), "{ended}");
    b.signal("TERM");
    let ended = b.running.ended(SOON).expect("it ends");
    assert!(ended.success(), "{ended}");
    platform.say(ADA, ADA, "two");
    let _c = house.node(&config);
    until("the next one answers", SLACK, || {
        told(&platform) == ["one", "two"]
    })
    .await;
}
