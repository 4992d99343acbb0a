//! The program between Discord and an echo, neither of which knows anything of it.
#![cfg(feature = "discord")]

mod program;

use chatbox_fakes::discord::{Fault, Kind, Message, On, Options, Say, Server};
use chatbox_fakes::model::{self, Script};
use program::agent::Agent;
use program::{Running, beside};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const TOKEN: &str = "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token";
const WRONG: &str = "MTAwMDAwMDAwMDAw.WRONG.canary-WRONG-canary-WRONG";
const ADA: u64 = 42;
const SOON: Duration = Duration::from_secs(20);
const ADD: [&str; 5] = ["channels", "add", "discord", "--token-file", "-"];

async fn discord(options: Options) -> Server {
    let server = Server::start(Options {
        token: TOKEN.to_owned(),
        ..options
    });
    let server = server.await.expect("a free port");
    server.channel(200, Kind::Text(100));
    server.channel(300, Kind::Text(101));
    server
}

fn config(discord: &Server, more: &str) -> String {
    let base = discord.base_url();
    format!("[backend]\nkind = \"echo\"\n[channels.discord]\napi_base = \"{base}\"\n{more}\n")
}

/// Adds the bot and makes Ada its owner; what was said to whoever added it, and the channel of Ada's direct messages.
async fn connect(running: &Running, folder: &Path, discord: &Server) -> (Value, u64) {
    let (status, said) = beside(running, folder, &ADD, Some(TOKEN));
    assert_eq!(status, Some(0), "{said}");
    let code = said["pairing_code"].as_str().expect("a code");
    assert!(discord.until_online(SOON).await, "it logs in");
    let dm = discord.person(ADA, "ada");
    discord.say(dm, ADA, code);
    let welcome = discord.until_said(dm, 1, SOON).await;
    welcome.expect("the owner is welcomed");
    (said, dm)
}

async fn said(discord: &Server, channel: u64, count: usize) -> Vec<Message> {
    let said = discord.until_said(channel, count, SOON).await;
    said.unwrap_or_else(|| panic!("{count} did not come: {:?}", discord.said()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_and_a_restart_loses_and_repeats_nothing() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let config = config(&discord, "");
    let running = Running::start(folder.path(), &config);
    let (added, dm) = connect(&running, folder.path(), &discord).await;
    let notes = added["notes"].to_string();
    let invitation =
        "https://discord.com/oauth2/authorize?client_id=900000000000&scope=bot&permissions=";
    assert!(notes.contains(invitation), "{notes}");
    assert_eq!(added["account"], "test_bot");

    discord.say(dm, ADA, "are you there?");
    let answer = said(&discord, dm, 2).await.remove(1);
    assert!(answer.content.contains("are you there?"), "{answer:?}");
    assert_eq!(answer.flags & 4, 4, "no preview");
    let called = answer.allowed_mentions.expect("it says who may be called");
    let whom = called.as_object().into_iter().flat_map(|it| it.values());
    assert!(
        whom.clone().count() > 0 && whom.into_iter().all(|it| *it == json!([])),
        "{called}"
    );

    running.killed();
    discord.say(dm, ADA, "while you were away");
    let _running = Running::start(folder.path(), &config);
    let answer = said(&discord, dm, 3).await.remove(2);
    assert!(answer.content.contains("while you were away"), "{answer:?}");
    discord.say(dm, ADA, "and now?");
    let all = said(&discord, dm, 4).await;
    assert!(all[3].content.contains("and now?"), "{all:?}");
    assert_eq!(all.len(), 4, "nothing is said twice");
    assert_eq!(discord.logins(), (1, 1), "the session was resumed");
}

/// Half of the answer stands there when the process dies; the next one says the whole in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_models_answer_grows_in_one_message_and_a_kill_in_the_middle_leaves_no_second_one() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let model = model::Server::start(model::Options::default()).await;
    let model = model.expect("a free port");
    let asks = format!(
        "kind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{}/v1\"",
        model.base_url()
    );
    let config = config(&discord, "").replace("kind = \"echo\"", &asks);
    let running = Running::start(folder.path(), &config);
    let (_, dm) = connect(&running, folder.path(), &discord).await;

    let words = "Of course: **bold words**, and then some more of them.";
    model.script(Script::say(words).holding_after(4));
    discord.say(dm, ADA, "show me something");
    let begun = said(&discord, dm, 2).await.remove(1);
    assert_eq!(begun.content.trim(), "Of course: **bold words**,");

    running.killed();
    model.script(Script::say(words));
    let _running = Running::start(folder.path(), &config);
    let whole = || discord.said().pop().is_some_and(|it| it.content == words);
    let until = Instant::now() + SOON;
    while !whole() {
        assert!(Instant::now() < until, "{:?}", discord.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = said(&discord, dm, 2).await;
    assert_eq!((all.len(), all[1].id), (2, begun.id), "{all:?}");
    assert_eq!(all[1].flags & 4, 4, "no preview");
}

/// The answer to the send is lost, so the house does not know the message by name when its button is pressed.
#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_comes_before_the_messages_name_is_known_answers_all_the_same() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let config = config(&discord, "").replace("echo", "none");
    let running = Running::start(folder.path(), &config);
    let (_, dm) = connect(&running, folder.path(), &discord).await;
    let (_, key) = beside(
        &running,
        folder.path(),
        &["mailboxes", "mcp-token", "main"],
        None,
    );
    let agent = Agent::new(&running, key["mcp_token"].as_str().expect("a token"));
    agent.turn_to(&format!("discord:{dm}"));
    discord.faults(On::Messages, Fault::CutAfter, 2);
    let mut ask = json!({"question_id": "q", "question": "Deploy now?", "choices": ["Yes", "No"],
        "timeout_seconds": 1});
    assert_eq!(agent.call("ask_human", &ask)["status"], "waiting");
    let asked = said(&discord, dm, 2).await.remove(1);
    let pressed = discord.press(dm, ADA, asked.id, "1");
    ask["timeout_seconds"] = json!(30);
    let answered = agent.call("ask_human", &ask);
    assert_eq!(
        (&answered["status"], &answered["answer"]),
        (&json!("answered"), &json!("Yes")),
        "{answered}"
    );
    let heard = discord.pressed().into_iter().find(|it| it.id == pressed);
    assert_eq!(
        heard.expect("it was pressed").answers.len(),
        1,
        "who pressed was answered"
    );
    assert_eq!(said(&discord, dm, 2).await.len(), 2, "it was put once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_session_was_forgotten_is_read_from_the_past() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let config = config(&discord, "");
    let running = Running::start(folder.path(), &config);
    let (_, dm) = connect(&running, folder.path(), &discord).await;
    let to_us = |text: &str| Say {
        channel: 200,
        from: ADA,
        text: text.to_owned(),
        mentions: vec![discord.bot()],
        ..Say::default()
    };
    discord.say_with(to_us("first"));
    said(&discord, 200, 1).await;
    running.killed();
    discord.say(dm, ADA, "missed in private");
    discord.say_with(to_us("missed in the room"));
    discord.forget_sessions();
    let _running = Running::start(folder.path(), &config);
    let there = said(&discord, 200, 2).await;
    assert!(there[1].content.contains("missed in the room"), "{there:?}");
    let there = said(&discord, dm, 2).await;
    assert!(there[1].content.contains("missed in private"), "{there:?}");
    assert_eq!(discord.logins().0, 2, "the session was begun anew");
    discord.say_with(to_us("and now?"));
    let there = said(&discord, 200, 3).await;
    assert!(there[2].content.contains("and now?"), "{there:?}");
    assert_eq!(
        discord.said().len(),
        5,
        "nothing is said twice: {:?}",
        discord.said()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_and_nothing_is_saved() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&discord, ""));
    for (token, code, word) in [
        (WRONG, "credential_refused", "401"),
        ("xoxb-canary", "invalid_settings", "Slack token"),
        ("canary.canary", "invalid_settings", "three words"),
        ("TOKEN", "placeholder", "Message Content Intent"),
    ] {
        let (status, said) = beside(&running, folder.path(), &ADD, Some(token));
        assert_eq!(status, Some(2), "{said}");
        assert_eq!(said["error"]["code"], code, "{said}");
        assert!(said.to_string().contains(word), "{said}");
        assert!(!said.to_string().contains("canary"), "{said}");
    }
    let set = [&ADD[..], &["--set", "allowed_guild=100"]].concat();
    let (_, said) = beside(&running, folder.path(), &set, Some(TOKEN));
    assert_eq!(said["error"]["code"], "unknown_setting", "{said}");
    assert!(
        said["error"]["fix"].to_string().contains("allowed_guilds"),
        "{said}"
    );
    let (_, list) = beside(&running, folder.path(), &["channels", "list"], None);
    assert!(!list.to_string().contains("discord"), "{list}");
    assert_eq!(discord.sockets(), 0);
    let (status, said) = beside(&running, folder.path(), &ADD[..3], None);
    assert_eq!(
        (status, &said["error"]["code"]),
        (Some(2), &json!("secret_missing"))
    );
    assert!(
        said["error"]["fix"]
            .to_string()
            .contains("CHATBOX_DISCORD_TOKEN"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_intent_is_said_with_the_switch_to_flip() {
    let options = Options {
        message_content: false,
        ..Options::default()
    };
    let (discord, folder) = (
        discord(options).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&discord, ""));
    let (status, said) = beside(&running, folder.path(), &ADD, Some(TOKEN));
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said["notes"]
            .to_string()
            .contains("switch on Message Content Intent"),
        "{said}"
    );
    let health = running.until_health("discord", |it| it["state"] == "needs_attention");
    let reason = health["reason"].to_string();
    assert!(
        reason.contains("4014") && reason.contains("switch on Message Content Intent"),
        "{reason}"
    );
    let found = running.findings("credential_refused");
    assert!(found[0].0.contains("Message Content Intent"), "{found:?}");

    // Whoever does without is let in, and hears what is meant for the bot.
    let without = [&ADD[..], &["--set", "message_content=false"]].concat();
    let (status, said) = beside(&running, folder.path(), &without, Some(TOKEN));
    assert_eq!(status, Some(0), "{said}");
    running.until_health("discord", |it| it["state"] == "connected");
    let code = said["pairing_code"].as_str().expect("a code");
    let dm = discord.person(ADA, "ada");
    discord.say(dm, ADA, code);
    self::said(&discord, dm, 1).await;
    assert_eq!(running.findings("credential_refused"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_is_found_by_the_doctor() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&discord, ""));
    let (_, dm) = connect(&running, folder.path(), &discord).await;
    assert_eq!(running.findings("credential_refused"), []);
    discord.revoke(true);
    let health = running.until_health("discord", |it| it["state"] == "needs_attention");
    assert!(
        health["reason"].to_string().contains("Reset Token"),
        "{health}"
    );
    let found = running.findings("credential_refused");
    assert!(found[0].0.contains("Reset Token"), "{found:?}");
    assert!(
        found[0].1.contains("chatbox channels add discord"),
        "{found:?}"
    );
    discord.revoke(false);
    let (status, said) = beside(&running, folder.path(), &ADD, Some(TOKEN));
    assert_eq!(status, Some(0), "{said}");
    running.until_health("discord", |it| it["state"] == "connected");
    discord.say(dm, ADA, "are you back?");
    let answer = self::said(&discord, dm, 2).await.remove(1);
    assert!(answer.content.contains("are you back?"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_not_allowed_are_not_heard() {
    let (discord, folder) = (
        discord(Options::default()).await,
        tempfile::tempdir().expect("a folder"),
    );
    let running = Running::start(folder.path(), &config(&discord, "allowed_guilds = \"100\""));
    connect(&running, folder.path(), &discord).await;
    for channel in [300, 200] {
        discord.say_with(Say {
            channel,
            from: ADA,
            text: format!("said in {channel}"),
            mentions: vec![discord.bot()],
            ..Say::default()
        });
    }
    let there = said(&discord, 200, 1).await;
    assert!(there[0].content.contains("said in 200"), "{there:?}");
    let elsewhere = discord.said().into_iter().filter(|it| it.channel == 300);
    assert_eq!(elsewhere.count(), 0);
}
