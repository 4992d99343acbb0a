//! The connection: what Slack hears of an event, moving from socket to socket, and what was missed.

mod house;

use chatbox_connector_api::event::{ChatKind, EventBody};
use chatbox_connector_api::id::Seq;
use chatbox_connector_api::{ChannelAdapter, ErrorKind, Fate};
use chatbox_fakes::slack::{Fault, On, Options, Say, im_of};
use house::{ADA, ROOM, SOON, house, house_with, text};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

const PAUSE: Duration = Duration::from_millis(250);

/// Tells of unacknowledged events again soon.
fn impatient() -> Options {
    Options {
        retries_ms: [400, 400, 400],
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_acknowledged_after_the_commit_and_not_before() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    let ts = house.server.say(&im, ADA, "wait for it");
    let arrival = ear.next().await.expect("an event");
    // The host is slow; the stream is asked for more meanwhile, as it would be.
    ear.idle(PAUSE).await;
    assert_eq!(house.server.acknowledged(), [], "told before the commit");
    arrival
        .confirm
        .expect("a platform that waits")
        .confirm(Fate::Stored(Seq::ZERO));
    ear.idle(PAUSE).await;
    assert_eq!(house.server.acknowledged(), [(im, ts)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_committed_is_never_acknowledged_and_comes_again() {
    let house = house(impatient()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    let ts = house.server.say(&im, ADA, "not stored at first");
    let arrival = ear.next().await.expect("an event");
    drop(arrival);
    let error = ear.end().await;
    assert_eq!(error.kind(), &ErrorKind::Unavailable);
    drop(ear);
    sleep(PAUSE).await;
    assert_eq!(house.server.acknowledged(), [], "it is not safe");
    let mut ear = house.listen(None).await;
    let event = ear.hear().await;
    assert_eq!(text(&event), "not stored at first");
    // It was read from history; when Slack tells of it again it hears that it is safe.
    ear.idle(SOON / 10).await;
    assert_eq!(house.server.acknowledged(), [(im, ts)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_told_again_while_it_is_stored_is_one_event_and_both_are_acknowledged() {
    let house = house(impatient()).await;
    let mut ear = house.listen(None).await;
    let ts = house.server.say(&im_of(ADA), ADA, "once");
    let arrival = ear.next().await.expect("an event");
    house.server.repeat(&im_of(ADA), &ts);
    house.server.event(&json!({
        "type": "app_mention", "user": ADA, "ts": ts, "text": "once", "channel": im_of(ADA), "channel_type": "im",
        "event_ts": ts,
    }));
    ear.idle(PAUSE).await;
    assert_eq!(house.server.unacknowledged(), 2);
    arrival
        .confirm
        .expect("waits")
        .confirm(Fate::Stored(Seq::ZERO));
    ear.idle(PAUSE).await;
    assert_eq!(house.server.unacknowledged(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_moves_hold_two_sockets_at_most_and_lose_nothing() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    for round in 0..100_u32 {
        let before = house.server.sockets_so_far().1;
        house.server.say(&im, ADA, &format!("before {round}"));
        // As Slack does it: first a warning, then the end; or both at once, or the old one is left open.
        let (reason, closed) = match round % 3 {
            0 => ("warning", Some(Duration::from_millis(80))),
            1 => ("refresh_requested", None),
            _ => ("refresh_requested", Some(Duration::from_millis(20))),
        };
        house.server.disconnect(reason, closed);
        house.server.say(&im, ADA, &format!("meanwhile {round}"));
        let mut heard = ear.texts(2).await;
        // Slack spreads what it tells over the sockets that are open, so that either may be first.
        heard.sort();
        let expected = [format!("before {round}"), format!("meanwhile {round}")];
        assert_eq!(heard, expected);
        let moved = async {
            while house.server.sockets_so_far().1 == before || house.server.sockets() > 1 {
                ear.idle(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, moved).await.expect("it moves");
        house.server.say(&im, ADA, &format!("after {round}"));
        assert_eq!(ear.texts(1).await, [format!("after {round}")]);
    }
    ear.idle(PAUSE).await;
    assert_eq!(house.server.unacknowledged(), 0, "each was acknowledged");
    let (most, connects) = house.server.sockets_so_far();
    assert_eq!(connects, 101);
    assert!(most <= 2, "{most} sockets were open at once");
    drop(ear);
    sleep(PAUSE).await;
    assert_eq!(house.server.sockets(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_losses_hold_one_socket_and_lose_nothing() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    for round in 0..100 {
        house.server.close_all();
        ear.end().await;
        let cursor = ear.cursor.clone();
        drop(ear);
        house.server.say(&im, ADA, &format!("missed {round}"));
        ear = house.listen(cursor).await;
        house.server.say(&im, ADA, &format!("live {round}"));
        let heard = ear.texts(2).await;
        assert_eq!(heard, [format!("missed {round}"), format!("live {round}")]);
    }
    ear.idle(PAUSE).await;
    let (most, connects) = house.server.sockets_so_far();
    assert_eq!(connects, 101);
    assert!(most <= 2, "{most} sockets were open at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_comes_before_what_is_said_now_threads_among_it() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    let old = house.server.say(ROOM, ADA, "an old question");
    house.server.say(&im, ADA, "known");
    ear.texts(2).await;
    let cursor = ear.cursor.clone();
    drop(ear);
    let thread = |root: &str, text: &str| Say {
        channel: ROOM.to_owned(),
        from: ADA.to_owned(),
        text: text.to_owned(),
        thread: Some(root.to_owned()),
        ..Say::default()
    };
    house.server.say(&im, ADA, "missed directly");
    house.server.say(ROOM, ADA, "missed in the room");
    house.server.say_with(thread(&old, "missed in a thread"));
    // In another process: nothing is remembered but the cursor.
    let options = Options::default();
    let again = house::adapter(&house.server, &options.token, &options.app_token, |_| {});
    let house = house::House {
        server: house.server,
        adapter: again,
    };
    let mut ear = house.listen(cursor).await;
    house.server.say(ROOM, ADA, "said now");
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(ear.hear().await);
    }
    let room: Vec<String> = events
        .iter()
        .filter(|it| it.chat.handle.as_str() == ROOM)
        .map(text)
        .collect();
    assert_eq!(room, ["missed in the room", "said now"]);
    let aside = events
        .iter()
        .find(|it| it.chat.kind == ChatKind::Thread)
        .expect("a thread");
    assert_eq!(aside.chat.handle.as_str(), format!("{ROOM}/{old}"));
    assert_eq!(
        (text(aside).as_str(), aside.late),
        ("missed in a thread", true)
    );
    assert!(
        events
            .iter()
            .any(|it| text(it) == "missed directly" && it.late)
    );
    assert!(
        !events.iter().any(|it| text(it) == "known"),
        "what is safe does not come again"
    );
    ear.idle(PAUSE).await;
    assert_eq!(ear.gaps, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_history_is_waited_out_while_the_socket_lives() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    house.server.say(&im, ADA, "known");
    ear.hear().await;
    let cursor = ear.cursor.clone();
    drop(ear);
    house.server.say(&im, ADA, "missed");
    house
        .server
        .fault(On::History, Fault::RateLimited { seconds: 1 });
    let began = std::time::Instant::now();
    let mut ear = house.listen(cursor).await;
    assert_eq!(ear.texts(1).await, ["missed"]);
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "Retry-After was honoured"
    );
    assert_eq!(
        house.server.sockets_so_far().1,
        2,
        "nothing was connected anew for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_in_the_middle_of_a_conversation_costs_nothing_that_was_read() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    house.server.say(&im, ADA, "known");
    ear.hear().await;
    let cursor = ear.cursor.clone();
    drop(ear);
    for n in 0..350 {
        house.server.say(&im, ADA, &format!("missed {n}"));
    }
    // Every second request of the past is one too many, as where a budget is small: nobody who begins anew comes to an end.
    let before = house.server.calls().len();
    for _ in 0..4 {
        house
            .server
            .fault(On::History, Fault::RateLimited { seconds: 0 });
        house.server.fault(On::History, Fault::Slow { ms: 1 });
    }
    let mut ear = house.listen(cursor).await;
    let heard = ear.texts(350).await;
    assert_eq!(heard.last().map(String::as_str), Some("missed 349"));
    let calls = house.server.calls().split_off(before);
    let pages = calls
        .iter()
        .filter(|it| it.method == "conversations.history");
    assert!(pages.count() <= 8, "each page was read once: {calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_read_of_a_conversation_is_told_as_a_gap() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    house.server.say(&im, ADA, "known");
    ear.hear().await;
    let cursor = ear.cursor.clone();
    drop(ear);
    for n in 0..1100 {
        house.server.say(&im, ADA, &format!("missed {n}"));
    }
    let mut ear = house.listen(cursor).await;
    let heard = ear.texts(1000).await;
    assert_eq!(heard.first().map(String::as_str), Some("missed 100"));
    assert_eq!(ear.gaps, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspaces_events_are_dropped_and_acknowledged() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    let callback = |team: &str, installed: &str| {
        json!({
            "type": "event_callback", "team_id": team, "event_id": format!("Ev{team}{installed}"),
            "authorizations": [{"team_id": installed, "user_id": "U0BOT", "is_bot": true}],
            "event": {
                "type": "message", "user": ADA, "text": "hello", "ts": "1700000000.000001", "channel": im_of(ADA),
                "channel_type": "im", "event_ts": "1700000000.000001",
            },
        })
    };
    house
        .server
        .envelope("events_api", callback("T0OTHER", "T0OTHER"));
    house.server.envelope("slash_commands", json!({
        "team_id": "T0OTHER", "channel_id": im_of(ADA), "user_id": ADA, "command": "/ask", "trigger_id": "1",
    }));
    house.server.envelope("interactive", json!({
        "type": "block_actions", "team": {"id": "T0OTHER"}, "user": {"id": ADA}, "channel": {"id": im_of(ADA)},
        "actions": [{"action_id": "a", "value": "yes", "action_ts": "1700000000.000001"}],
    }));
    ear.idle(PAUSE).await;
    assert_eq!(
        house.server.unacknowledged(),
        0,
        "Slack need not say it again"
    );
    // Said elsewhere in a shared channel, and installed here.
    house
        .server
        .envelope("events_api", callback("T0OTHER", "T0TEAM"));
    assert_eq!(text(&ear.hear().await), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_where_it_happened_and_acknowledged() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    house
        .server
        .event(&json!({"type": "message", "channel": im_of(ADA), "channel_type": "im", "ts": 7}));
    let event = ear.hear().await;
    assert!(
        matches!(&event.body, EventBody::Unsupported { what } if what == "message that cannot be read")
    );
    assert_eq!(event.chat.handle.as_str(), im_of(ADA));
    // It is named as the past names it, so that it is not read there once more.
    let ts = "1700000000.000100";
    house
        .server
        .event(&json!({"type": "message", "channel": im_of(ADA), "ts": ts, "text": 7}));
    let named = ear.hear().await.id;
    assert_eq!(named.as_str(), format!("{}/{ts}", im_of(ADA)));
    house.server.envelope("a_kind_of_tomorrow", json!({}));
    house.server.raw("no JSON");
    ear.idle(PAUSE).await;
    assert_eq!(house.server.unacknowledged(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_past_that_cannot_be_read_costs_itself_alone() {
    let house = house(Options::default()).await;
    let (im, server) = (im_of(ADA), &house.server);
    let mut ear = house.listen(None).await;
    server.say(&im, ADA, "heard");
    assert_eq!(text(&ear.hear().await), "heard");
    let cursor = ear.cursor.clone();
    drop(ear);
    let odd = [
        json!({"text": {"not": "a text"}}),
        json!({"files": "none", "thread_ts": 7, "user": [1]}),
        // What senders hid may be anything.
        json!({"metadata": {"event_type": 7, "event_payload": {"key": {"deep": [1, 2]}}}}),
        json!({"metadata": "all of it"}),
        json!({"ts": "never"}),
    ];
    let mut names = Vec::new();
    for (nth, fields) in odd.into_iter().enumerate() {
        let ts = server.say(&im, ADA, &format!("odd {nth}"));
        server.warp(&im, &ts, fields);
        names.push(format!("{im}/{ts}"));
    }
    server.say(&im, ADA, "after all of them");
    let mut ear = house.listen(cursor).await;
    let mut heard = Vec::new();
    for name in &names[..4] {
        let event = ear.hear().await;
        assert_eq!((event.id.as_str(), event.late), (name.as_str(), true));
        heard.push(match &event.body {
            EventBody::Unsupported { what } => what.clone(),
            _ => text(&event),
        });
    }
    let lost = "message that cannot be read";
    assert_eq!(heard, [lost, lost, "odd 2", "odd 3"]);
    // What has no place in the past is passed over.
    assert_eq!(text(&ear.hear().await), "after all of them");
    let cursor = ear.cursor.clone();
    drop(ear);
    // It is behind the place, in this process and another.
    let other = house::adapter(
        server,
        &Options::default().token,
        &Options::default().app_token,
        |_| {},
    );
    let again = house::House {
        server: house.server,
        adapter: other,
    };
    let mut ear = again.listen(cursor).await;
    ear.idle(PAUSE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_named_from_the_first_word_and_one_without_a_name_waits_for_none() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    house.server.say(&im_of(ADA), ADA, "hello");
    assert_eq!(ear.hear().await.sender.name.as_deref(), Some("ada"));
    house.server.channel(
        &im_of("U0NOBODY"),
        chatbox_fakes::slack::Kind::Im("U0NOBODY".to_owned()),
    );
    house
        .server
        .say(&im_of("U0NOBODY"), "U0NOBODY", "hello as well");
    assert_eq!(ear.hear().await.sender.name, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_socket_is_noticed_and_socket_mode_switched_off_needs_somebody() {
    let house = house_with(
        Options {
            ping_ms: 50,
            ..Options::default()
        },
        |config| {
            config.heartbeat = Duration::from_millis(400);
        },
    )
    .await;
    let mut ear = house.listen(None).await;
    ear.idle(Duration::from_secs(1)).await;
    house.server.disconnect("link_disabled", None);
    let error = ear.end().await;
    assert_eq!(error.kind(), &ErrorKind::Unauthorized);
    assert!(error.to_string().contains("Enable Socket Mode"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_connection_at_a_time_and_no_room_is_said_so() {
    let house = house(Options {
        max_sockets: 1,
        ..Options::default()
    })
    .await;
    let ear = house.listen(None).await;
    let second = house.adapter.open(None).await.err().expect("refused");
    assert_eq!(second.kind(), &ErrorKind::Conflict);
    let options = Options::default();
    let other = house::adapter(&house.server, &options.token, &options.app_token, |_| {});
    let crowded = other.open(None).await.err().expect("no room");
    assert_eq!(crowded.kind(), &ErrorKind::Conflict);
    assert!(
        crowded
            .to_string()
            .contains("something else uses its token")
    );
    drop(ear);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_presses_a_button_is_told_nothing() {
    let house = house(Options::default()).await;
    let mut ear = house.listen(None).await;
    for (button, fate) in [
        ("refused", Fate::Refused("stranger")),
        ("taken", Fate::Stored(Seq::ZERO)),
    ] {
        house.server.press(ROOM, ADA, "1700000000.000001", button);
        let arrival = ear.next().await.expect("an action");
        arrival.confirm.expect("waits").confirm(fate);
    }
    ear.idle(PAUSE).await;
    let acked: Vec<bool> = house.server.pressed().iter().map(|it| it.acked).collect();
    assert_eq!(acked, [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_acknowledged_within_three_seconds_though_history_is_read() {
    let house = house(Options::default()).await;
    let im = im_of(ADA);
    let mut ear = house.listen(None).await;
    house.server.say(&im, ADA, "known");
    ear.hear().await;
    let cursor = ear.cursor.clone();
    drop(ear);
    // Two hundred rooms are to be read, each of them slowly: who writes now does not wait for all.
    for n in 0..200 {
        let kind = chatbox_fakes::slack::Kind::Channel(format!("room-{n}"));
        house.server.channel(&format!("C{n:04}"), kind);
    }
    house
        .server
        .faults(On::History, Fault::Slow { ms: 50 }, 1000);
    let mut ear = house.listen(cursor).await;
    let began = std::time::Instant::now();
    let ts = house.server.say("C0199", ADA, "now");
    assert_eq!(ear.texts(1).await, ["now"]);
    while !house
        .server
        .acknowledged()
        .contains(&("C0199".to_owned(), ts.clone()))
    {
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "it waits for everything"
        );
        ear.idle(Duration::from_millis(10)).await;
    }
}
