//! The program between Slack and an echo, neither of which knows anything of it.
#![cfg(feature = "slack")]

mod program;

use chatbox_fakes::slack::{Kind, Message, Options, Say, Server};
use program::{Running, beside};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

const ADA: &str = "U0ADA";
const SOON: Duration = Duration::from_secs(20);

async fn slack(options: Options) -> Server {
    let server = Server::start(options).await.expect("a free port");
    server.channel("C0TOWN", Kind::Channel("town".to_owned()));
    server
}

fn config(slack: &Server) -> String {
    let base = slack.base_url();
    format!("[backend]\nkind = \"echo\"\n[channels.slack]\napi_base = \"{base}\"\n")
}

/// `channels add` with both tokens, each in a file of its own.
fn add(running: &Running, folder: &Path, bot: &str, app: &str) -> (Option<i32>, Value) {
    let file = |name: &str, token: &str| {
        let path = folder.join(name);
        std::fs::write(&path, token).expect("a file");
        format!("{name}={}", path.display())
    };
    let (bot, app) = (file("bot_token", bot), file("app_token", app));
    let words = [
        "channels",
        "add",
        "slack",
        "--secret-file",
        &bot,
        "--secret-file",
        &app,
    ];
    beside(running, folder, &words, None)
}

fn added(running: &Running, folder: &Path) -> Value {
    let Options {
        token, app_token, ..
    } = Options::default();
    let (status, said) = add(running, folder, &token, &app_token);
    assert_eq!(status, Some(0), "{said}");
    said
}

/// Adds the app and makes Ada its owner; the conversation with her.
async fn connect(running: &Running, folder: &Path, slack: &Server) -> String {
    let said = added(running, folder);
    let code = said["pairing_code"].as_str().expect("a code");
    let im = slack.person(ADA, "ada");
    running.until_health("slack", |it| it["state"] == "connected");
    slack.say(&im, ADA, code);
    self::said(slack, &im, 1).await;
    im
}

async fn said(slack: &Server, channel: &str, count: usize) -> Vec<Message> {
    let began = Instant::now();
    loop {
        let all = slack.said().into_iter();
        let here: Vec<Message> = all.filter(|it| it.channel == channel).collect();
        if here.len() >= count {
            return here;
        }
        assert!(began.elapsed() < SOON, "{count} did not come: {here:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_and_a_restart_loses_and_repeats_nothing() {
    let (slack, folder) = (
        slack(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let config = config(&slack);
    let running = Running::start(folder.path(), &config);
    let im = connect(&running, folder.path(), &slack).await;
    slack.say(&im, ADA, "are you there?");
    let answer = said(&slack, &im, 2).await.remove(1);
    assert!(answer.text.contains("are you there?"), "{answer:?}");
    assert_eq!(answer.unfurl, (Some(false), Some(false)), "no preview");

    let in_town = |text: &str| {
        slack.say_with(Say {
            channel: "C0TOWN".to_owned(),
            from: ADA.to_owned(),
            text: text.to_owned(),
            mention: true,
            ..Say::default()
        })
    };
    in_town("in the channel");
    let there = said(&slack, "C0TOWN", 1).await;
    assert!(there[0].text.contains("in the channel"), "{there:?}");

    running.killed();
    slack.say(&im, ADA, "while you were away");
    in_town("and there as well");
    let _running = Running::start(folder.path(), &config);
    let answer = said(&slack, &im, 3).await.remove(2);
    assert!(answer.text.contains("while you were away"), "{answer:?}");
    let there = said(&slack, "C0TOWN", 2).await;
    assert!(there[1].text.contains("and there as well"), "{there:?}");
    slack.say(&im, ADA, "and now?");
    let all = said(&slack, &im, 4).await;
    assert!(all[3].text.contains("and now?"), "{all:?}");
    assert_eq!(slack.said().len(), 6, "nothing is said twice: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_token_is_said_and_nothing_is_saved() {
    let (slack, folder) = (
        slack(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&slack));
    let Options {
        token, app_token, ..
    } = Options::default();
    let wrong = "xoxb-0000000000-canary-canary";
    for (bot, app, code, word) in [
        (
            wrong,
            app_token.as_str(),
            "credential_refused",
            "OAuth & Permissions",
        ),
        (&token, "xapp-canary", "credential_refused", "App-Level"),
        (&app_token, &token, "invalid_settings", "app-level token"),
        ("canary", &app_token, "invalid_settings", "xoxb-"),
    ] {
        let (status, said) = add(&running, folder.path(), bot, app);
        assert_eq!(status, Some(2), "{said}");
        assert_eq!(said["error"]["code"], code, "{said}");
        assert!(said.to_string().contains(word), "{said}");
        assert!(!said.to_string().contains("canary"), "{said}");
    }
    let (_, list) = beside(&running, folder.path(), &["channels", "list"], None);
    assert!(!list.to_string().contains("slack"), "{list}");
    assert_eq!(slack.sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_mode_switched_off_and_a_missing_scope_are_said_with_the_next_click() {
    let folder = tempfile::tempdir().expect("a folder");
    let without = |missing: &str| {
        let scopes = Options::default().scopes.into_iter();
        scopes.filter(|it| it != missing).collect()
    };
    for (options, word) in [
        (
            Options {
                socket_mode: false,
                ..Options::default()
            },
            "Enable Socket Mode",
        ),
        (
            Options {
                scopes: without("chat:write"),
                ..Options::default()
            },
            "chat:write",
        ),
    ] {
        let slack = slack(options).await;
        let data = tempfile::tempdir().expect("a folder");
        let running = Running::start(data.path(), &config(&slack));
        let Options {
            token, app_token, ..
        } = Options::default();
        let (_, said) = add(&running, folder.path(), &token, &app_token);
        assert!(said.to_string().contains(word), "{word}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_revoked_are_found_by_the_doctor() {
    let (slack, folder) = (
        slack(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&slack));
    let im = connect(&running, folder.path(), &slack).await;
    assert_eq!(running.findings("credential_refused"), []);
    slack.revoke(true);
    running.until_health("slack", |it| it["state"] == "needs_attention");
    let found = running.findings("credential_refused");
    assert!(
        found[0].1.contains("chatbox channels add slack"),
        "{found:?}"
    );
    slack.revoke(false);
    added(&running, folder.path());
    running.until_health("slack", |it| it["state"] == "connected");
    slack.say(&im, ADA, "are you back?");
    let answer = said(&slack, &im, 2).await.remove(1);
    assert!(answer.text.contains("are you back?"), "{answer:?}");
}
