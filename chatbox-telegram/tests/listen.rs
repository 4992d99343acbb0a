//! The update loop against a Bot API server.

mod common;

use chatbox_connector_api::event::EventBody;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    ChannelAdapter, Cursor, Egress, ErrorKind, Inbound, Incoming, LinkState,
};
use chatbox_fakes::telegram::{Fault, Planned, Server};
use chatbox_telegram::Config;
use common::{OTHER, SOON, TOKEN, bot, bot_with, config, heard, next, server, store};
use futures_util::StreamExt;
use serde_json::json;
use std::time::{Duration, Instant};

async fn open(server: &Server) -> Inbound {
    bot(server).open(None).await.expect("it opens")
}

/// The next thing of any kind.
async fn any(inbound: &mut Inbound) -> Option<chatbox_connector_api::Result<Incoming>> {
    tokio::time::timeout(SOON, inbound.next())
        .await
        .expect("in time")
}

async fn degraded(inbound: &mut Inbound) -> String {
    loop {
        match any(inbound).await.expect("goes on").expect("no error") {
            Incoming::Link(LinkState::Degraded { reason }) => return reason,
            Incoming::Alive => {}
            other => panic!("{other:?}"),
        }
    }
}

fn offsets(server: &Server) -> Vec<Option<i64>> {
    let calls = server.calls_of("getUpdates");
    calls
        .iter()
        .map(|call| call.params.get("offset")?.as_i64())
        .collect()
}

#[tokio::test]
async fn it_knows_itself() {
    let server = server().await;
    let identity = bot(&server).probe().await.expect("a good token");
    assert_eq!(identity.id.as_str(), "7000001");
    assert_eq!(identity.link.as_deref(), Some("https://t.me/test_bot"));
    assert!(identity.notes[0].contains("privacy mode"));
}

#[tokio::test]
async fn messages_arrive_and_life_is_shown() {
    let server = server().await;
    let mut inbound = open(&server).await;
    server.say(42, 42, "hello");
    assert!(matches!(any(&mut inbound).await, Some(Ok(Incoming::Alive))));
    assert_eq!(heard(&mut inbound).await, "hello");
    // A poll that brings nothing is a sign of life as well.
    assert!(matches!(any(&mut inbound).await, Some(Ok(Incoming::Alive))));
    server.say(42, 42, "again");
    assert_eq!(heard(&mut inbound).await, "again");
    let asked = &server.calls_of("getUpdates")[0].params;
    assert!(
        asked["allowed_updates"]
            .as_array()
            .expect("a list")
            .contains(&json!("message_reaction"))
    );
    assert!(
        server
            .calls()
            .iter()
            .all(|call| call.params.get("drop_pending_updates").is_none())
    );
}

#[tokio::test]
async fn the_offset_moves_only_past_what_is_confirmed() {
    let server = server().await;
    server.say(42, 42, "one");
    server.say(42, 42, "two");
    let mut inbound = open(&server).await;
    let (one, two) = (next(&mut inbound).await, next(&mut inbound).await);
    store(one);
    let waiting = tokio::time::timeout(Duration::from_millis(400), inbound.next()).await;
    assert!(
        waiting.is_err(),
        "nothing more is asked for while one is unsafe"
    );
    assert_eq!(offsets(&server).len(), 1);
    assert_eq!(server.pending_updates().len(), 2);
    store(two);
    server.say(42, 42, "three");
    assert_eq!(heard(&mut inbound).await, "three");
    assert_eq!(server.pending_updates().len(), 1);
    let offsets = offsets(&server);
    assert_eq!(offsets[0], None);
    assert!(offsets[1].is_some());
}

#[tokio::test]
async fn an_update_that_is_not_stored_comes_again() {
    let server = server().await;
    server.say(42, 42, "one");
    let mut inbound = open(&server).await;
    let unsafe_one = next(&mut inbound).await;
    drop(unsafe_one);
    let error = any(&mut inbound)
        .await
        .expect("an end")
        .expect_err("an error");
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    assert!(any(&mut inbound).await.is_none());
    drop(inbound);
    let mut inbound = open(&server).await;
    assert_eq!(heard(&mut inbound).await, "one");
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let server = server().await;
    server.say(42, 42, "one");
    let mut inbound = open(&server).await;
    let (_, cursor) = store(next(&mut inbound).await);
    drop(inbound);
    server.say(42, 42, "two");
    let mut inbound = bot(&server).open(cursor).await.expect("it opens");
    assert_eq!(heard(&mut inbound).await, "two");
}

#[tokio::test]
async fn another_bots_cursor_is_ignored() {
    let server = server().await;
    let theirs = json!({"bot": 7_000_002, "offset": 999_999_999, "at": 0}).to_string();
    server.say(42, 42, "hello");
    for cursor in [theirs, "nonsense".to_owned(), "{}".to_owned()] {
        let mut inbound = bot(&server)
            .open(Some(Cursor(cursor)))
            .await
            .expect("it opens");
        let event = next(&mut inbound).await.event;
        assert_eq!(event.chat.handle.as_str(), "42");
    }
    assert_eq!(offsets(&server), [None, None, None]);
}

#[tokio::test]
async fn a_new_token_is_not_deaf() {
    let server = server().await;
    server.say(42, 42, "to the first");
    let mut first = open(&server).await;
    let (_, cursor) = store(next(&mut first).await);
    server
        .account(OTHER)
        .expect("the other")
        .say(42, 42, "to the second");
    let (second, _) = bot_with(config(&server.base_url(), OTHER));
    let mut inbound = second.open(cursor).await.expect("it opens");
    assert_eq!(heard(&mut inbound).await, "to the second");
}

#[tokio::test]
async fn a_cursor_older_than_the_numbering_is_not_sent() {
    let server = server().await;
    let old = json!({"bot": 7_000_001, "offset": 999_999_999, "at": 1_000_000_000}).to_string();
    server.say(42, 42, "numbered anew, and lower");
    let mut inbound = bot(&server)
        .open(Some(Cursor(old)))
        .await
        .expect("it opens");
    assert_eq!(heard(&mut inbound).await, "numbered anew, and lower");
    server.say(42, 42, "next");
    assert_eq!(heard(&mut inbound).await, "next");
}

#[tokio::test]
async fn garbage_does_not_stall() {
    let server = server().await;
    server.raw_update(json!({"message": {"garbage": true}}));
    server.raw_update(json!({"hologram": {"chat": {"id": 42, "type": "private"}}}));
    server.say(42, 42, "after");
    let mut inbound = open(&server).await;
    for what in ["message", "hologram"] {
        let (event, _) = store(next(&mut inbound).await);
        assert_eq!(
            event.body,
            EventBody::Unsupported {
                what: what.to_owned()
            }
        );
        assert!(event.raw.is_some());
    }
    assert_eq!(heard(&mut inbound).await, "after");
}

#[tokio::test]
async fn an_update_without_a_number_does_not_stall() {
    let server = server().await;
    server.say(42, 42, "before");
    let mut inbound = open(&server).await;
    assert_eq!(heard(&mut inbound).await, "before");
    server.raw_update(json!(17));
    let (event, _) = store(next(&mut inbound).await);
    assert_eq!(event.chat.handle.as_str(), "unknown");
    server.say(42, 42, "after");
    // It may come again beside the next one, under the same name.
    let mut texts = Vec::new();
    while texts.last() != Some(&"after".to_owned()) {
        let (event, _) = store(next(&mut inbound).await);
        texts.push(
            event
                .body
                .content()
                .map_or_else(String::new, |said| said.text.clone()),
        );
    }
    let gone = server.until(SOON, |account| {
        account.pending_updates().len().le(&1).then_some(())
    });
    gone.await.expect("the queue is emptied");
}

#[tokio::test]
async fn a_jumbled_batch_is_put_in_order_and_loses_nothing() {
    let server = server().await;
    for text in ["one", "two", "three"] {
        server.say(42, 42, text);
    }
    server.fault("getUpdates", Fault::Reorder);
    let mut inbound = open(&server).await;
    for text in ["one", "two", "three"] {
        assert_eq!(heard(&mut inbound).await, text);
    }
    // Old ones once more do not move the place back.
    server.fault("getUpdates", Fault::Replay { last: 2 });
    server.say(42, 42, "four");
    let mut texts = Vec::new();
    while texts.last() != Some(&"four".to_owned()) {
        texts.push(heard(&mut inbound).await);
    }
    server.say(42, 42, "five");
    assert_eq!(heard(&mut inbound).await, "five");
    let numbers: Vec<i64> = offsets(&server).into_iter().flatten().collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn another_poller_is_waited_out_and_named() {
    let server = server().await;
    server.plan(Planned::new("getUpdates", Fault::Conflict).times(3));
    let mut config = config(&server.base_url(), TOKEN);
    config.conflict_wait = Duration::from_millis(200);
    let (bot, _) = bot_with(config);
    let started = Instant::now();
    let mut inbound = bot.open(None).await.expect("it opens");
    assert!(degraded(&mut inbound).await.starts_with("another_instance"));
    assert!(started.elapsed() < Duration::from_secs(5), "shown at once");
    degraded(&mut inbound).await;
    degraded(&mut inbound).await;
    server.say(42, 42, "alone again");
    assert!(matches!(
        any(&mut inbound).await,
        Some(Ok(Incoming::Link(LinkState::Connected)))
    ));
    assert_eq!(heard(&mut inbound).await, "alone again");
    // 200 + 400 + 800 ms: each wait twice the one before.
    assert!(started.elapsed() >= Duration::from_millis(1400));
}

/// The waits are a hundredth of the real ones, and so is the minute.
#[tokio::test]
async fn at_most_three_requests_in_the_first_minute_of_conflict() {
    let server = server().await;
    server.plan(Planned::new("getUpdates", Fault::Conflict).times(1000));
    let mut config = config(&server.base_url(), TOKEN);
    let token = Secret::new(TOKEN);
    let real = Config::new(None, &token, Egress::Public).expect("good settings");
    config.conflict_wait = real.conflict_wait / 100;
    let (bot, _) = bot_with(config);
    let mut inbound = bot.open(None).await.expect("it opens");
    let minute = tokio::time::sleep(Duration::from_millis(600));
    tokio::pin!(minute);
    loop {
        tokio::select! {
            () = &mut minute => break,
            next = inbound.next() => assert!(matches!(next, Some(Ok(Incoming::Link(_))))),
        }
    }
    let asked = server.calls_of("getUpdates").len();
    assert!((1..=3).contains(&asked), "{asked} requests");
}

#[tokio::test]
async fn a_webhook_is_named_as_such() {
    let server = server().await;
    let description = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    let fault = Fault::Refuse {
        code: 409,
        description: description.to_owned(),
    };
    server.fault("getUpdates", fault);
    let mut inbound = open(&server).await;
    assert!(degraded(&mut inbound).await.starts_with("webhook_set"));
}

#[tokio::test]
async fn a_limit_is_waited_out() {
    let server = server().await;
    server.fault("getUpdates", Fault::TooManyRequests { retry_after: 1 });
    server.say(42, 42, "later");
    let started = Instant::now();
    let mut inbound = open(&server).await;
    assert!(degraded(&mut inbound).await.starts_with("rate_limited"));
    assert_eq!(heard(&mut inbound).await, "later");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(offsets(&server).len(), 2, "not asked in between");
}

#[tokio::test]
async fn a_long_wait_is_not_silent() {
    let server = server().await;
    server.fault("getUpdates", Fault::TooManyRequests { retry_after: 600 });
    let (bot, _) = bot_with(config(&server.base_url(), TOKEN));
    let beat = bot.capabilities().heartbeat.expect("a heartbeat");
    let mut inbound = bot.open(None).await.expect("it opens");
    for _ in 0..3 {
        let said = tokio::time::timeout(beat * 2, degraded(&mut inbound)).await;
        assert!(said.expect("in time").starts_with("rate_limited"));
    }
    assert_eq!(offsets(&server).len(), 1, "and nothing is asked");
}

#[tokio::test]
async fn the_first_answer_comes_at_once() {
    let server = server().await;
    let mut config = config(&server.base_url(), TOKEN);
    config.poll = Duration::from_secs(25);
    let started = Instant::now();
    let mut inbound = bot_with(config).0.open(None).await.expect("it opens");
    assert!(matches!(any(&mut inbound).await, Some(Ok(Incoming::Alive))));
    assert!(started.elapsed() < Duration::from_secs(2));
    let later = tokio::time::timeout(Duration::from_millis(300), inbound.next()).await;
    assert!(later.is_err(), "and from then on it is a long poll");
    assert_eq!(server.calls_of("getUpdates")[1].params["timeout"], 25);
}

#[tokio::test]
async fn what_cannot_be_waited_out_ends_the_stream() {
    let cases = [
        (Fault::Unauthorized, ErrorKind::Unauthorized),
        (
            Fault::ServerError {
                status: 502,
                html: true,
            },
            ErrorKind::Unavailable,
        ),
        (
            Fault::ServerError {
                status: 500,
                html: false,
            },
            ErrorKind::Unavailable,
        ),
        (Fault::CutBefore, ErrorKind::Unavailable),
        (Fault::Garbage, ErrorKind::Unavailable),
        (Fault::Hang, ErrorKind::Unavailable),
    ];
    for (fault, kind) in cases {
        let server = server().await;
        server.fault("getUpdates", fault.clone());
        let mut inbound = open(&server).await;
        let started = Instant::now();
        let error = any(&mut inbound)
            .await
            .expect("an end")
            .expect_err("an error");
        assert_eq!(error.kind(), &kind, "{fault:?}: {error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{fault:?}");
        assert!(any(&mut inbound).await.is_none());
        drop(inbound);
        server.say(42, 42, "back");
        assert_eq!(heard(&mut open(&server).await).await, "back");
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_at_once() {
    let server = server().await;
    let (bot, _) = bot_with(config(
        &server.base_url(),
        "7000009:AAcanaryAAcanaryAAcanaryAAcanaryAAc",
    ));
    let probe = bot.probe().await.expect_err("refused");
    assert_eq!(probe.kind(), &ErrorKind::Unauthorized);
    let open = bot.open(None).await.err().expect("refused");
    assert_eq!(open.kind(), &ErrorKind::Unauthorized);
}

#[tokio::test]
async fn one_loop_at_a_time() {
    let server = server().await;
    let bot = bot(&server);
    let first = bot.open(None).await.expect("it opens");
    assert_eq!(
        bot.open(None).await.err().expect("busy").kind(),
        &ErrorKind::Conflict
    );
    drop(first);
    drop(bot.open(None).await.expect("free again"));
    assert!(server.counters().most_polls_open <= 1);
}

#[tokio::test]
async fn everything_else_that_happens_is_heard() {
    let server = server().await;
    let bot = bot(&server);
    let mut inbound = bot.open(None).await.expect("it opens");
    let said = server.say(42, 42, "hello");
    let (event, _) = store(next(&mut inbound).await);
    let sent = common::name(&common::say(&bot, "42", "hi").await.expect("sent"));
    let ours: i64 = sent
        .as_str()
        .split_once('/')
        .expect("a name")
        .1
        .parse()
        .expect("a number");
    server.edit(42, said.message_id, "hello there");
    server.react(42, ours, 42, &["👍"]);
    let (_, query) = server.press(42, ours, 42, "yes");
    server.migrate(-5, -1_000_000_000_005, 42);

    let (edit, _) = store(next(&mut inbound).await);
    assert!(
        matches!(&edit.body, EventBody::Edit { target, content } if *target == event.id && content.text == "hello there")
    );
    let (reaction, _) = store(next(&mut inbound).await);
    assert_eq!(
        reaction.body,
        EventBody::Reaction {
            target: sent,
            emoji: vec!["👍".to_owned()]
        }
    );
    let (button, _) = store(next(&mut inbound).await);
    let EventBody::Action(action) = &button.body else {
        panic!("{button:?}")
    };
    assert_eq!(
        (action.name.as_str(), action.token.as_deref()),
        ("yes", Some(&*query))
    );
    let (moved, _) = store(next(&mut inbound).await);
    assert_eq!(
        moved.body,
        EventBody::Moved {
            to: "-1000000000005".into()
        }
    );
}
