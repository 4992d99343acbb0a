//! What a platform posts, to whichever node.

use crate::house::{House, LEASE, Node, until};
use crate::program::{Answer, beside};
use crate::{SLACK, SOON};
use chatbox_fakes::slack::{Options, Post, Server};
use std::time::{SystemTime, UNIX_EPOCH};

const ADA: &str = "U0ADA";
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end")
}

fn post(node: &Node, hook: &str, post: &Post) -> Answer {
    let (host, kind) = (node.running.address(), post.kind);
    let (signature, at, body) = (&post.signature, &post.timestamp, &post.body);
    let request = format!(
        "POST {hook} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         X-Slack-Signature: {signature}\r\nX-Slack-Request-Timestamp: {at}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Answer::new(node.running.exchange(request.as_bytes()))
}

/// Adds an app that Slack posts to, by this node; its door, and the code that makes whoever says it the owner.
fn add(node: &Node) -> (String, String) {
    let folder = node.folder.path();
    let file = |name: &str, secret: &str| {
        let path = folder.join(name);
        std::fs::write(&path, secret).expect("a file");
        format!("{name}={}", path.display())
    };
    let bot = file("bot_token", &Options::default().token);
    let signing = file("signing_secret", SECRET);
    let words = ["channels", "add", "slack", "--secret-file", &bot];
    let words = [&words[..], &["--secret-file", &signing]].concat();
    let (_, added) = beside(&node.running, folder, &words, None);
    let text = |field: &str| added[field].as_str().unwrap_or_else(|| panic!("{added}"));
    (
        format!("/hooks/{}", text("id")),
        text("pairing_code").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_posts_is_taken_by_any_node_and_once_and_goes_on_when_one_is_killed() {
    let options = Options {
        socket_mode: false,
        ..Options::default()
    };
    let slack = Server::start(options).await.expect("a free port");
    let (im, house) = (slack.person(ADA, "ada"), House::new().await);
    let base = slack.base_url();
    let config = format!("[backend]\nkind = \"echo\"\n[channels.slack]\napi_base = \"{base}\"\n");
    let (a, b) = (house.node(&config), house.node(&config));
    let (hook, code) = add(&a);
    let stand = |state: &str| {
        let its = |node: &&&Node| node.state("slack").as_deref() == Some(state);
        [&a, &b].iter().filter(its).count()
    };
    let one_reads = || stand("connected") == 1 && stand("elsewhere") == 1;
    until("one node has the connection", SOON, one_reads).await;
    let is_said = |text: &str| {
        let ts = slack.say(&im, ADA, text);
        slack.post_of(SECRET, now(), &im, &ts).expect("it was told")
    };
    let all = || {
        let said = slack.said().into_iter();
        said.map(|it| it.text).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(post(&b, &hook, &is_said(&code)).status(), 200);
    until("the owner is welcomed", SOON, || all().contains("Hello")).await;
    // The other node knows the new owner as soon as it is told.
    until("both know her", SOON, || {
        let asked = is_said("!status");
        post(&a, &hook, &asked).status() == 200 && all().matches("I am here").count() > 0
    })
    .await;
    for n in 0..3 {
        let said = is_said(&format!("number {n}."));
        let statuses: Vec<u16> = std::thread::scope(|both| {
            let asked = [&a, &b].map(|node| both.spawn(|| post(node, &hook, &said).status()));
            asked.map(|it| it.join().expect("an answer")).to_vec()
        });
        assert_eq!(statuses, [200, 200]);
        let answer = format!("number {n}.");
        until("it is answered", SOON, || all().contains(&answer)).await;
    }
    assert!(
        one_reads(),
        "who reads it does not change by what is posted"
    );
    drop(a);
    let last = is_said("is anybody there?");
    assert_eq!(post(&b, &hook, &last).status(), 200);
    until("the other node answers", LEASE + SLACK, || {
        all().contains("is anybody there?")
    })
    .await;
    for n in 0..3 {
        let text = format!("number {n}.");
        assert_eq!(all().matches(&text).count(), 1, "{}", all());
    }
}
