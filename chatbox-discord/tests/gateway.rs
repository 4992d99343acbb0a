//! The gateway's connection: where it is looked for, how often it is resumed, and what its end means.

mod common;

use chatbox_connector_api::event::ChatKind;
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::{
    AdapterError, ChannelAdapter, Cursor, ErrorKind, Inbound, OutMessage, Outbound, Verb,
};
use chatbox_fakes::discord::{Fault, Kind, On, Options, Say};
use common::{ADA, ROOM, adapter, discord, next, online};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How a stream ends.
async fn end(stream: &mut Inbound) -> AdapterError {
    match next(stream).await {
        Err(error) => error,
        Ok((event, _)) => panic!("it goes on: {event:?}"),
    }
}

fn place(url: &str, session: &str) -> Cursor {
    let bot = Options::default().bot;
    let place = format!(r#"{{"bot":{bot},"session":"{session}","url":"{url}","seq":7,"last":0}}"#);
    Cursor(place)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_another_server_is_named_nobody_is_sent_to_discord() {
    let (server, public) = (
        discord(Options::default()).await,
        place("wss://gateway.discord.gg/", "old"),
    );
    let adapter = adapter(&server);
    // A session of Discord itself is asked for at the server that is named now, which has no such session.
    let mut stream = adapter
        .open(Some(public.clone()))
        .await
        .expect("a connection");
    let dm = server.person(ADA, "ada");
    online(&mut stream).await;
    assert_eq!(server.logins(), (1, 1));
    server.say(dm, ADA, "hello");
    let (event, _) = next(&mut stream).await.expect("an event");
    assert_eq!(event.body.content().expect("words").text, "hello");
    drop(stream);

    // Where it does not say where its gateway is, there is none.
    let refusal = Fault::Refuse {
        status: 404,
        code: 0,
        message: "404: Not Found".to_owned(),
    };
    for (fault, kind) in [
        (refusal, ErrorKind::NotFound),
        (Fault::ServerError(502), ErrorKind::Unavailable),
        (Fault::CutBefore, ErrorKind::Unavailable),
    ] {
        for resume in [None, Some(public.clone())] {
            server.clear_faults();
            server.fault(On::Gateway, fault.clone());
            let adapter = common::adapter(&server);
            let error = adapter.open(resume).await.err().expect("no gateway");
            assert_eq!(error.kind(), &kind, "{fault:?}: {error}");
        }
    }
    assert_eq!(server.logins(), (1, 1), "nobody was sent anywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_needs_a_person_says_what_to_do_and_another_is_resumed() {
    let server = discord(Options::default()).await;
    let adapter = adapter(&server);
    let dm = server.person(ADA, "ada");
    let mut cursor = None;
    for (code, kind, word) in [
        (4000, ErrorKind::Unavailable, "4000"),
        (4009, ErrorKind::Unavailable, "4009"),
        (4004, ErrorKind::Unauthorized, "Reset Token"),
        (4014, ErrorKind::Unauthorized, "Message Content Intent"),
        (4011, ErrorKind::Unauthorized, "guilds"),
    ] {
        let mut stream = adapter.open(cursor).await.expect("a connection");
        online(&mut stream).await;
        server.say(dm, ADA, "hello");
        cursor = next(&mut stream).await.expect("an event").1;
        server.close_all(code, "an end");
        let error = end(&mut stream).await;
        assert_eq!(error.kind(), &kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(server.logins(), (1, 4), "one login, resumed ever since");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_a_chat_of_its_own_and_is_answered_there() {
    const THREAD: u64 = 201;
    let server = discord(Options::default()).await;
    server.channel(THREAD, Kind::Thread(100, ROOM));
    let adapter = adapter(&server);
    let mut stream = adapter.open(None).await.expect("a connection");
    online(&mut stream).await;
    server.say_with(Say {
        channel: THREAD,
        from: ADA,
        text: "in the thread".to_owned(),
        mentions: vec![server.bot()],
        ..Say::default()
    });
    let (event, _) = next(&mut stream).await.expect("an event");
    assert_eq!((event.chat.kind, event.addressed), (ChatKind::Thread, true));
    assert_eq!(event.chat.handle.as_str(), THREAD.to_string());
    let message = OutMessage {
        markup: parse("heard"),
        ..OutMessage::default()
    };
    let out = Outbound {
        id: None,
        chat: event.chat.handle,
        verb: Verb::Send(message),
    };
    adapter.perform(&out).await.expect("it is sent");
    let there: Vec<u64> = server.said().iter().map(|it| it.channel).collect();
    assert_eq!(there, [THREAD]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_never_taken_up_is_given_up_after_three_tries() {
    let server = discord(Options::default()).await;
    let adapter = adapter(&server);
    let mut stream = adapter.open(None).await.expect("a connection");
    let dm = server.person(ADA, "ada");
    online(&mut stream).await;
    server.say(dm, ADA, "hello");
    let (_, cursor) = next(&mut stream).await.expect("an event");
    drop(stream);
    // It hears and says nothing: no session is refused, and none taken up.
    server.go_silent(true);
    for _ in 0..3 {
        let mut stream = adapter.open(cursor.clone()).await.expect("a connection");
        // What asks to resume does so once it was greeted.
        let greeted = timeout(Duration::from_millis(300), stream.next()).await;
        assert!(greeted.is_err(), "{greeted:?}");
    }
    server.go_silent(false);
    let mut stream = adapter.open(cursor).await.expect("a connection");
    online(&mut stream).await;
    server.say(dm, ADA, "and now?");
    let (event, _) = next(&mut stream).await.expect("an event");
    assert_eq!(event.body.content().expect("words").text, "and now?");
    assert_eq!(server.logins(), (2, 0), "a new session was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_letter_costs_that_letter_alone() {
    let server = discord(Options::default()).await;
    let adapter = adapter(&server);
    let mut stream = adapter.open(None).await.expect("a connection");
    online(&mut stream).await;
    server.raw(
        r#"{"op": 0, "s": 9, "t": "MESSAGE_CREATE", "d": {"id": "77", "channel_id": "5", "author": {"id": "42"},
            "content": "half \ud83d and \u0000"}}"#,
    );
    let (event, _) = next(&mut stream).await.expect("an event");
    let text = &event.body.content().expect("words").text;
    assert_eq!(text, "half \u{FFFD} and \u{FFFD}");
}
