//! What was said while there was no session: it is read beside the gateway, and nothing is lost, doubled or out of order.

mod common;

use chatbox_connector_api::event::Event;
use chatbox_connector_api::{ChannelAdapter, Cursor, Inbound, Incoming};
use chatbox_discord::DiscordAdapter;
use chatbox_fakes::discord::{Fault, Kind, On, Options, Outage, Server};
use common::{ADA, ROOM, SOON, adapter, discord, next, online};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The first of many channels of guild 100.
const MANY: u64 = 1000;
/// A room of guild 101.
const OTHER: u64 = 300;

/// Hears one message, so that there is a place to read on from; and forgets the session.
async fn once_heard(server: &Server) -> Cursor {
    let adapter = adapter(server);
    let mut stream = adapter.open(None).await.expect("a connection");
    online(&mut stream).await;
    server.say(ROOM, ADA, "the first");
    let (_, cursor) = next(&mut stream).await.expect("an event");
    server.forget_sessions();
    cursor.expect("a place")
}

async fn open(adapter: &DiscordAdapter, cursor: &Cursor) -> Inbound {
    let stream = adapter.open(Some(cursor.clone())).await;
    stream.expect("a connection")
}

/// The next events, stored as they come, and the last cursor that came with one.
async fn hear(stream: &mut Inbound, count: usize) -> (Vec<Event>, Option<Cursor>) {
    let (mut all, mut last) = (Vec::new(), None);
    while all.len() < count {
        let (event, cursor) = next(stream).await.expect("the connection stays");
        all.push(event);
        last = cursor.or(last);
    }
    (all, last)
}

/// What was heard in each chat, in its order.
fn by_chat(events: &[Event]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        let text = event.body.content().expect("words").text.clone();
        let chat = event.chat.handle.as_str().to_owned();
        all.entry(chat).or_default().push(text);
    }
    all
}

/// Nothing is told for so many milliseconds, and the connection stays.
async fn quiet(stream: &mut Inbound, ms: u64) {
    let told = async {
        while let Some(item) = stream.next().await {
            assert!(!matches!(item, Err(_) | Ok(Incoming::Event(_))), "{item:?}");
        }
    };
    let told = timeout(Duration::from_millis(ms), told).await;
    assert!(told.is_err(), "the connection ended");
}

fn asked_for(server: &Server, channel: u64) -> usize {
    let path = format!("channels/{channel}/messages");
    let calls = server.calls().into_iter();
    calls
        .filter(|it| it.method == "GET" && it.path == path)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_channels_are_read_while_hearts_beat_and_people_speak() {
    let server = discord(Options {
        heartbeat_ms: 150,
        closes_silent: true,
        ..Options::default()
    });
    let server = server.await;
    let channels = MANY..MANY + 200;
    for channel in channels.clone() {
        server.channel(channel, Kind::Text(100));
    }
    let cursor = once_heard(&server).await;
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut say = |channel: u64, text: &str| {
        server.say(channel, ADA, text);
        let said = said.entry(channel.to_string()).or_default();
        said.push(text.to_owned());
    };
    for channel in channels.clone() {
        say(channel, "missed");
        say(channel, "missed too");
    }
    server.faults(On::History, Fault::Slow { ms: 40 }, u32::MAX);
    let adapter = adapter(&server);
    let mut stream = open(&adapter, &cursor).await;
    online(&mut stream).await;
    let began = Instant::now();
    // The last is still to be read, and the room has no news to wait for.
    say(MANY + 199, "said meanwhile");
    say(ROOM, "said where nothing was missed");
    let (mut all, early) = hear(&mut stream, 40).await;
    assert!(early.is_none(), "no cursor passes what is not read");
    let first: Vec<String> = all.iter().map(|it| it.chat.handle.to_string()).collect();
    for chat in [ROOM.to_string(), (MANY + 199).to_string()] {
        assert!(first.contains(&chat), "{chat} waits for all others");
    }
    say(MANY + 150, "later");
    let (rest, cursor) = hear(&mut stream, 403 - 40).await;
    all.extend(rest);
    assert_eq!(by_chat(&all), said);
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1), "it was too fast: {took:?}");
    assert_eq!(server.logins(), (2, 1), "one connection all the time");
    let cursor = cursor.expect("the place behind all of it").0;
    assert!(cursor.contains("session"), "{cursor}");

    // What comes next is told behind it, by the next process too.
    drop(stream);
    server.say(ROOM, ADA, "and now?");
    let mut stream = open(&common::adapter(&server), &Cursor(cursor)).await;
    let (event, _) = next(&mut stream).await.expect("an event");
    assert_eq!(event.body.content().expect("words").text, "and now?");
    assert_eq!(server.logins(), (2, 2), "the new session was resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_is_left_is_waited_for_no_more() {
    let server = discord(Options::default()).await;
    server.channel(OTHER, Kind::Text(101));
    let cursor = once_heard(&server).await;
    server.say(OTHER, ADA, "missed for ever");
    server.faults(On::History, Fault::Hang, u32::MAX);
    let adapter = adapter(&server);
    let mut stream = open(&adapter, &cursor).await;
    online(&mut stream).await;
    server.say(ROOM, ADA, "while it is read");
    let (_, early) = next(&mut stream).await.expect("an event");
    assert_eq!(early, None, "the other guild is not read yet");
    server.leave(101);
    server.say(ROOM, ADA, "when it is left");
    let (event, cursor) = next(&mut stream).await.expect("an event");
    assert_eq!(event.body.content().expect("words").text, "when it is left");
    assert!(cursor.is_some(), "the place moves on");

    // A channel alone likewise.
    server.forget_sessions();
    drop(stream);
    server.clear_faults();
    server.faults(On::History, Fault::Hang, u32::MAX);
    server.channel(OTHER, Kind::Text(100));
    server.say(OTHER, ADA, "missed again");
    let mut stream = open(&adapter, &cursor.expect("a place")).await;
    online(&mut stream).await;
    server.say(OTHER, ADA, "and what waits is told");
    server.dispatch(
        "CHANNEL_DELETE",
        &serde_json::json!({"id": OTHER.to_string(), "type": 0, "guild_id": "100"}),
    );
    let (event, cursor) = next(&mut stream).await.expect("an event");
    let text = &event.body.content().expect("words").text;
    assert_eq!(text, "and what waits is told");
    assert!(cursor.is_some(), "the place moves on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_the_middle_loses_and_doubles_nothing() {
    let server = discord(Options::default()).await;
    for channel in MANY..MANY + 20 {
        server.channel(channel, Kind::Text(100));
    }
    let stored = once_heard(&server).await;
    let mut said = BTreeSet::new();
    for n in 0..5 {
        for channel in MANY..MANY + 20 {
            server.say(channel, ADA, &format!("{channel}: {n}"));
            said.insert(format!("{channel}: {n}"));
        }
    }
    server.faults(On::History, Fault::Slow { ms: 50 }, u32::MAX);
    let first = adapter(&server);
    let mut stream = open(&first, &stored).await;
    let (mut all, cursor) = hear(&mut stream, 33).await;
    assert_eq!(cursor, None, "the stored place stays");
    // Some are handed on that nobody stores.
    let unheard = timeout(SOON, stream.by_ref().take(7).collect::<Vec<_>>());
    let unheard = unheard.await.expect("soon");
    drop(stream);
    drop(unheard);
    server.say(MANY, ADA, "said between");
    said.insert("said between".to_owned());

    // The same process takes the session up, and reads on.
    let mut stream = open(&first, &stored).await;
    let (rest, cursor) = hear(&mut stream, 101 - 33).await;
    all.extend(rest);
    let words = |all: &[Event]| -> Vec<String> {
        let texts = all.iter().filter_map(|it| it.body.content());
        texts.map(|it| it.text.clone()).collect()
    };
    let heard = words(&all);
    assert_eq!(heard.len(), 101, "nothing is told twice that is stored");
    assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), said);
    assert_eq!(server.logins(), (2, 2));
    assert!(cursor.is_some());
    drop(stream);

    // Another process begins anew from what is stored; it names everything as before.
    server.forget_sessions();
    let mut stream = open(&adapter(&server), &stored).await;
    let (again, _) = hear(&mut stream, 101).await;
    let names = |all: &[Event]| -> BTreeSet<String> {
        all.iter().map(|it| it.id.as_str().to_owned()).collect()
    };
    assert_eq!(names(&again), names(&all));
    assert_eq!(words(&again).into_iter().collect::<BTreeSet<_>>(), said);
    for (chat, mut texts) in by_chat(&again) {
        texts.retain(|text| text != "said between");
        assert!(texts.is_sorted(), "{chat}: {texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_in_the_middle_of_a_channel_is_waited_out_where_it_was_met() {
    let server = discord(Options::default()).await;
    let cursor = once_heard(&server).await;
    for n in 0..250 {
        server.say(ROOM, ADA, &format!("{n:03}"));
    }
    // The second page is refused twice.
    server.fault(On::History, Fault::Slow { ms: 1 });
    let too_fast = Fault::RateLimited {
        ms: 150,
        global: false,
    };
    server.faults(On::History, too_fast, 2);
    let began = Instant::now();
    let adapter = adapter(&server);
    let mut stream = open(&adapter, &cursor).await;
    let (all, _) = hear(&mut stream, 250).await;
    let heard = by_chat(&all).remove(&ROOM.to_string()).expect("the room");
    let said: Vec<String> = (0..250).map(|n| format!("{n:03}")).collect();
    assert_eq!(heard, said);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(asked_for(&server, ROOM), 3 + 2, "no page was read twice");
    assert_eq!(server.logins(), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_is_out_of_order_holds_nothing_up_and_is_read_when_it_is_back() {
    for outage in [Outage::Told, Outage::Hushed] {
        let server = discord(Options::default()).await;
        server.channel(OTHER, Kind::Text(101));
        let cursor = once_heard(&server).await;
        server.outage(101, Some(outage));
        server.say(OTHER, ADA, "said in the dark");
        let adapter = adapter(&server);
        let mut stream = open(&adapter, &cursor).await;
        online(&mut stream).await;
        quiet(&mut stream, 400).await;
        server.say(ROOM, ADA, "elsewhere");
        let (_, cursor) = next(&mut stream).await.expect("an event");
        let cursor = cursor.expect("the place moves on");
        drop(stream);
        // The next process knows what is missing.
        let mut stream = open(&common::adapter(&server), &cursor).await;
        online(&mut stream).await;
        server.outage(101, None);
        let (event, cursor) = next(&mut stream).await.expect("an event");
        let text = &event.body.content().expect("words").text;
        assert_eq!(text, "said in the dark");
        assert_eq!((event.late, server.logins()), (true, (2, 2)), "{outage:?}");
        let cursor = cursor.expect("nothing is missing any more").0;
        assert!(!cursor.contains("away"), "{cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_in_an_outage_that_began_while_we_listened_is_read_too() {
    let server = discord(Options::default()).await;
    server.channel(OTHER, Kind::Text(101));
    let adapter = adapter(&server);
    let mut stream = adapter.open(None).await.expect("a connection");
    online(&mut stream).await;
    server.say(ROOM, ADA, "before");
    next(&mut stream).await.expect("an event");
    server.outage(101, Some(Outage::Told));
    server.say(OTHER, ADA, "said in the dark");
    server.outage(101, None);
    let (event, _) = next(&mut stream).await.expect("an event");
    assert_eq!(event.chat.handle.as_str(), OTHER.to_string());
    assert_eq!(server.logins(), (1, 0));
    quiet(&mut stream, 200).await;
}
