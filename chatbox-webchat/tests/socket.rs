//! The socket as its clients meet it: order, resumption, acknowledgement, and every way to be wrong.

#[path = "common/client.rs"]
mod client;
mod common;

use chatbox_connector_api::event::{Content, EventBody};
use chatbox_connector_api::id::{Handle, Seq};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::{Fate, Verb, Voice};
use chatbox_webchat::Limits;
use client::{Client, frame, upgrade};
use common::{House, Log, serve};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

async fn house() -> (Arc<House>, SocketAddr) {
    house_with(Limits::default()).await
}

async fn house_with(limits: Limits) -> (Arc<House>, SocketAddr) {
    let house = House::new(limits, "{}").await;
    let address = serve(house.webchat.routes()).await;
    (house, address)
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn hello(house: &House, name: &str) -> Value {
    json!({"type": "hello", "ticket": house.door.ticket_for(name)})
}

async fn enter(house: &House, address: SocketAddr, name: &str) -> Client {
    Client::hello(address, hello(house, name)).await.0
}

async fn resume(house: &House, address: SocketAddr, after: Value) -> (Client, Vec<Value>) {
    let mut client = Client::connect(address).await;
    let ticket = house.door.ticket_for("ann");
    client
        .say(&json!({"type": "hello", "ticket": ticket, "after": after}))
        .await;
    let mut frames = Vec::new();
    loop {
        frames.push(client.next().await.expect("it stays open"));
        if frames.last().expect("one came")["type"] == "welcome" {
            return (client, frames);
        }
    }
}

fn ann() -> Handle {
    "ann".into()
}

#[tokio::test]
async fn a_message_is_acknowledged_once_it_is_stored() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    ann.message("m-1", "hello").await;
    let ack = ann.until("ack").await;
    assert_eq!(
        ack,
        json!({"type": "ack", "client_id": "m-1", "seq": 1, "duplicate": false})
    );
    assert_eq!(house.log.count(&self::ann()), 1);
    house.log.agent_says(&self::ann(), "**hi**");
    let line = loop {
        let line = ann.until("line").await;
        if line["from"]["role"] == "agent" {
            break line;
        }
    };
    let tree = serde_json::to_value(parse("**hi**")).expect("a tree is JSON");
    assert_eq!((&line["seq"], &line["markup"]), (&json!(2), &tree));
}

#[tokio::test]
async fn the_same_message_twice_is_one_message() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    ann.message("m-1", "hello").await;
    let first = ann.until("ack").await;
    ann.message("m-1", "hello").await;
    let again = ann.until("ack").await;
    assert_eq!(again["seq"], first["seq"]);
    assert_eq!(again["duplicate"], true);
    ann.message("m-1", "something else").await;
    let error = ann.until("error").await;
    assert_eq!(error["code"], "idempotency_mismatch");
    assert_eq!(error["ref"], "m-1");
    assert_eq!(house.log.count(&self::ann()), 1);
}

#[tokio::test]
async fn everybody_hears_their_own_chat_on_all_their_sockets_and_no_other() {
    let (house, address) = house().await;
    let mut anns = Vec::new();
    for _ in 0..3 {
        anns.push(enter(&house, address, "ann").await);
    }
    let mut bob = enter(&house, address, "bob").await;
    house.log.agent_says(&ann(), "for ann");
    house.log.agent_says(&"bob".into(), "for bob");
    for ann in &mut anns {
        let line = ann.until("line").await;
        assert!(line.to_string().contains("for ann"));
        ann.say(&json!({"type": "ping"})).await;
        assert_eq!(ann.next().await.expect("it is open")["type"], "pong");
    }
    let line = bob.until("line").await;
    assert!(line.to_string().contains("for bob"), "{line}");
    house.show(&ann(), Verb::Typing).await;
    bob.say(&json!({"type": "ping"})).await;
    assert_eq!(bob.next().await.expect("it is open")["type"], "pong");
}

#[tokio::test]
async fn too_fast_says_when_to_come_again() {
    let (house, address) = house().await;
    let wait = Fate::Later(Duration::from_millis(1500));
    *house.verdict.lock().expect("nobody panics") = Some(Box::new(move |_| Some(wait.clone())));
    let mut ann = enter(&house, address, "ann").await;
    ann.message("m-1", "hello").await;
    let error = ann.until("error").await;
    assert_eq!(
        (&error["code"], &error["ref"]),
        (&json!("rate_limited"), &json!("m-1"))
    );
    assert_eq!(error["retry_after"], 1.5);
    *house.verdict.lock().expect("nobody panics") = None;
    ann.message("m-1", "hello").await;
    assert_eq!(ann.until("ack").await["duplicate"], false);
}

#[tokio::test]
async fn a_message_nobody_took_is_not_acknowledged() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    house.careless.store(true, Ordering::Relaxed);
    ann.message("m-1", "hello").await;
    let error = ann.until("error").await;
    assert_eq!(
        (&error["code"], &error["ref"]),
        (&json!("unavailable"), &json!("m-1"))
    );
    assert!(error["retry_after"].is_number());
    house.careless.store(false, Ordering::Relaxed);
    let refusal: common::Verdict = Box::new(|_| Some(Fate::Refused("denied")));
    *house.verdict.lock().expect("nobody panics") = Some(refusal);
    ann.message("m-2", "hello").await;
    assert_eq!(ann.until("error").await["code"], "refused");
}

#[tokio::test]
async fn a_full_house_says_busy() {
    let (house, address) = house_with(limits(|l| l.arrivals = 1)).await;
    house.close().await;
    let _nobody_reads = house.adapter.open(None).await.expect("it opens");
    let mut ann = enter(&house, address, "ann").await;
    ann.message("m-1", "one").await;
    ann.message("m-2", "two").await;
    let error = ann.until("error").await;
    assert_eq!(
        (&error["code"], &error["ref"]),
        (&json!("busy"), &json!("m-2"))
    );
}

#[tokio::test]
async fn a_client_goes_on_where_it_was() {
    let (house, address) = house().await;
    for nth in 1..=5 {
        house.log.agent_says(&ann(), &format!("line {nth}"));
    }
    let (_, frames) = resume(&house, address, json!(3)).await;
    let [welcome] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    assert_eq!(welcome["sync"], "resumed");
    assert_eq!(seqs(&welcome["lines"]), [4, 5]);
    assert_eq!(welcome["head"], 5);
}

#[tokio::test]
async fn what_is_no_place_is_said_and_everything_sent() {
    let (house, address) = house().await;
    for nth in 1..=5 {
        house.log.agent_says(&ann(), &format!("line {nth}"));
    }
    for after in [json!(-1), json!(6), json!("x"), json!([]), json!(1.5)] {
        let (_, frames) = resume(&house, address, after.clone()).await;
        assert_eq!(frames[0]["code"], "invalid_cursor", "{after}");
        assert_eq!(frames[1]["sync"], "full");
        assert_eq!(seqs(&frames[1]["lines"]), [1, 2, 3, 4, 5]);
    }
}

#[tokio::test]
async fn who_missed_too_much_starts_anew_and_reads_back() {
    let (house, address) = house().await;
    for nth in 1..=260 {
        house.log.agent_says(&ann(), &format!("line {nth}"));
    }
    let (mut ann, frames) = resume(&house, address, json!(1)).await;
    let welcome = &frames[0];
    assert_eq!(
        (&welcome["sync"], &welcome["more"]),
        (&json!("full"), &json!(true))
    );
    assert_eq!(seqs(&welcome["lines"]), (211..=260).collect::<Vec<_>>());
    ann.say(&json!({"type": "history", "before": 211, "limit": 100}))
        .await;
    let lines = ann.until("lines").await;
    assert_eq!(seqs(&lines["lines"]), (111..=210).collect::<Vec<_>>());
    assert_eq!(lines["more"], true);
    ann.say(&json!({"type": "history", "before": 3})).await;
    let lines = ann.until("lines").await;
    assert_eq!(
        (seqs(&lines["lines"]), &lines["more"]),
        (vec![1, 2], &json!(false))
    );
}

fn seqs(lines: &Value) -> Vec<i64> {
    let lines = lines.as_array().expect("lines are an array");
    lines
        .iter()
        .map(|line| line["seq"].as_i64().expect("a number"))
        .collect()
}

#[tokio::test]
async fn long_lines_are_spread_over_frames_and_none_is_lost() {
    let (house, address) = house().await;
    let long = "x".repeat(150_000);
    for _ in 0..6 {
        house.log.agent_says(&ann(), &long);
    }
    let (mut client, frames) = resume(&house, address, json!(0)).await;
    let mut got = seqs(&frames[0]["lines"]);
    assert!(got.len() < 6);
    while got.len() < 6 {
        got.push(
            client.until("line").await["seq"]
                .as_i64()
                .expect("a number"),
        );
    }
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn positions_drafts_and_typing_come_as_they_are() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    house.show(&self::ann(), Verb::Typing).await;
    assert_eq!(ann.until("typing").await["on"], true);
    let seq = house.log.agent_says(&self::ann(), "one");
    house.log.advance(&self::ann(), seq, Seq::ZERO);
    let positions = ann.until("positions").await;
    assert_eq!(
        (&positions["handed"], &positions["seen"]),
        (&json!(1), &json!(0))
    );
    let draft = |id, text: &str| Verb::Draft {
        id,
        markup: parse(text),
    };
    house.show(&self::ann(), draft(9, "gro")).await;
    assert_eq!(ann.until("draft").await["id"], "9");
    let mut late = enter(&house, address, "ann").await;
    assert_eq!(late.until("draft").await["id"], "9");
    house.log.agent_says(&self::ann(), "grown");
    assert_eq!(
        ann.next().await.expect("open"),
        json!({"type": "draft_end", "id": "9"})
    );
    assert_eq!(ann.next().await.expect("open")["type"], "line");
    house.show(&self::ann(), draft(9, "grow")).await;
    ann.say(&json!({"type": "ping"})).await;
    assert_eq!(ann.next().await.expect("open")["type"], "pong");
}

#[tokio::test]
async fn what_is_said_never_passes_through_perform() {
    let (house, _) = house().await;
    let verb = Verb::Delete { target: "x".into() };
    let out = chatbox_connector_api::Outbound {
        id: None,
        chat: ann(),
        verb,
    };
    let error = house.adapter.perform(&out).await.expect_err("it is native");
    assert_eq!(*error.kind(), chatbox_connector_api::ErrorKind::Unsupported);
}

#[tokio::test]
async fn seen_moves_forward_only_and_within_what_was_sent() {
    let (house, address) = house().await;
    for _ in 0..5 {
        house.log.agent_says(&ann(), "line");
    }
    let mut client = enter(&house, address, "ann").await;
    for seq in [3, 2, -4, 99, i64::MAX] {
        client.say(&json!({"type": "seen", "seq": seq})).await;
    }
    client.say(&json!({"type": "ping"})).await;
    client.until("pong").await;
    assert_eq!(house.log.seen_by(&ann(), &"ann".into()), Some(Seq(3)));
    assert_eq!(house.log.inner.lock().expect("nobody panics").marks, 1);
}

#[tokio::test]
async fn bad_frames_are_answered_with_their_word() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    let deep = format!(
        "{{\"type\":\"ping\",\"x\":{}{}}}",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    let long = format!(
        r#"{{"type":"message","client_id":"a","text":"{}"}}"#,
        "x".repeat(200_001)
    );
    for (text, code) in [
        ("[]", "invalid_json"),
        ("nonsense", "invalid_json"),
        (deep.as_str(), "invalid_json"),
        ("{}", "unknown_type"),
        (r#"{"type":"__proto__"}"#, "unknown_type"),
        (
            r#"{"type":"message","client_id":"a","text":""}"#,
            "empty_message",
        ),
        (
            r#"{"type":"message","client_id":"a","text":"\u0000"}"#,
            "control_character",
        ),
        (
            r#"{"type":"message","client_id":"a","text":"\ud800"}"#,
            "invalid_frame",
        ),
        (
            r#"{"type":"message","client_id":"a b","text":"x"}"#,
            "invalid_client_id",
        ),
        (
            r#"{"type":"message","client_id":"a","text":"x","attachments":["nope"]}"#,
            "unknown_attachment",
        ),
        (
            r#"{"type":"message","client_id":"a","text":"x","reply_to":77}"#,
            "not_found",
        ),
        (long.as_str(), "too_long"),
    ] {
        assert_eq!(
            ann.refused(text).await,
            code,
            "{}",
            &text[..text.len().min(80)]
        );
    }
    let most = "y".repeat(200_000);
    ann.message("big", &most).await;
    assert_eq!(ann.until("ack").await["client_id"], "big");
    assert_eq!(house.log.count(&self::ann()), 1);
}

#[tokio::test]
async fn nobody_sends_in_anothers_name() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    let forged = json!({"type": "message", "client_id": "m", "text": "x", "sender_id": "bob",
        "sender_type": "agent", "conversation_id": "bob", "from": {"role": "agent"}});
    ann.say(&forged).await;
    ann.until("ack").await;
    let inner = house.log.inner.lock().expect("nobody panics");
    let (chat, line) = &inner.lines[0];
    assert_eq!(chat.as_str(), "ann");
    assert!(matches!(&line.from, Voice::Person { id, .. } if id.as_str() == "ann"));
}

#[tokio::test]
async fn a_house_command_is_an_action() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    ann.message("m-1", "/new please").await;
    ann.until("ack").await;
    ann.message("m-1", "/new please").await;
    assert_eq!(ann.until("ack").await["duplicate"], true);
    ann.message("m-2", "/compact").await;
    ann.until("ack").await;
    let inner = house.log.inner.lock().expect("nobody panics");
    assert!(
        matches!(&inner.lines[0].1.body, EventBody::Action(a) if a.name == "new" && a.argument == "please")
    );
    assert_eq!(
        inner.lines[1].1.body,
        EventBody::Message(Content::text("/compact"))
    );
}

#[tokio::test]
async fn without_a_valid_hello_nobody_stays() {
    let (house, address) =
        house_with(limits(|l| l.hello_within = Duration::from_millis(300))).await;
    for first in [
        r#"{"type":"ping"}"#,
        r#"{"type":"hello"}"#,
        r#"{"type":"hello","ticket":"wrong"}"#,
        "[]",
        "",
    ] {
        let mut client = Client::connect(address).await;
        client.raw(Message::text(first)).await;
        assert_eq!(client.closed().await, 4401, "{first}");
    }
    let hello = hello(&house, "ann");
    let (mut ann, _) = Client::hello(address, hello.clone()).await;
    let mut again = Client::connect(address).await;
    again.say(&hello).await;
    assert_eq!(again.closed().await, 4401, "a ticket works once");
    ann.say(&self::hello(&house, "ann")).await;
    assert_eq!(ann.closed().await, 4400);
    assert_eq!(Client::connect(address).await.closed().await, 4408);
}

#[tokio::test]
async fn the_wire_itself_is_checked() {
    let (house, address) = house().await;
    let eof = |len: u64| {
        let mut bytes = vec![0x81, 0x80 | 127];
        bytes.extend(len.to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let big = frame(0x81, &vec![b'x'; 256 * 1024 + 1]);
    let mut parts = frame(0x01, &vec![b'x'; 200_000]);
    parts.extend(frame(0x80, &vec![b'x'; 100_000]));
    let mut control = vec![0x89, 0x80 | 126, 0, 126];
    control.extend([0; 130]);
    for (what, bytes, code) in [
        ("binary", frame(0x82, b"{}"), 1003),
        ("not UTF-8", frame(0x81, &[0xFF, 0xFE]), 1007),
        ("unmasked", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("a reserved bit", frame(0xC1, b"{}"), 1002),
        ("an unknown opcode", frame(0x8B, b""), 1002),
        ("a long ping", control, 1002),
        ("a cut ping", frame(0x09, b""), 1002),
        ("2^63 bytes", eof(1 << 63), 1009),
        ("2^62 bytes", eof(1 << 62), 1009),
        ("one byte too many", big, 1009),
        ("fragments with too many bytes", parts, 1009),
        ("empty fragments", empty_fragments(10_000), 1008),
        (
            "not a frame",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            1002,
        ),
    ] {
        let mut client = enter(&house, address, "ann").await;
        client.bytes(&bytes).await;
        assert_eq!(client.closed().await, code, "{what}");
    }
}

fn empty_fragments(count: usize) -> Vec<u8> {
    let mut bytes = frame(0x01, b"");
    bytes.extend((0..count).flat_map(|_| frame(0x00, b"")));
    bytes
}

#[tokio::test]
async fn a_flood_is_told_and_then_ended() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    for nth in 0..400 {
        let frame = json!({"type": "message", "client_id": format!("m{nth}"), "text": "x"});
        let _ = futures_util::SinkExt::send(&mut ann.wire, Message::text(frame.to_string())).await;
    }
    let mut told = 0;
    let code = loop {
        match ann.next().await {
            Ok(frame) if frame["code"] == "rate_limited" => {
                assert!(frame["retry_after"].is_number());
                told += 1;
            }
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1008);
    assert!(told > 20, "told {told} times");

    let mut bob = enter(&house, address, "bob").await;
    bob.bytes(&(0..1000).flat_map(|_| frame(0x89, b"")).collect::<Vec<_>>())
        .await;
    assert_eq!(bob.closed().await, 1008);
}

#[tokio::test]
async fn a_flood_of_typing_reaches_nobody_and_is_ended() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    let mut other = enter(&house, address, "ann").await;
    for _ in 0..400 {
        let frame = Message::text(r#"{"type":"typing"}"#);
        let _ = futures_util::SinkExt::send(&mut ann.wire, frame).await;
    }
    assert_eq!(ann.closed().await, 1008);
    other.say(&json!({"type": "ping"})).await;
    assert_eq!(other.next().await.expect("it is open")["type"], "pong");
}

#[tokio::test]
async fn the_clock_of_a_client_counts_for_nothing() {
    const YEAR_3000: i64 = 32_503_680_000_000;
    let (house, address) = house().await;
    let at = Arc::new(AtomicI64::new(0));
    let noted = at.clone();
    let note: common::Verdict = Box::new(move |arrival| {
        noted.store(arrival.event.at.0, Ordering::Relaxed);
        None
    });
    *house.verdict.lock().expect("nobody panics") = Some(note);
    let mut ann = enter(&house, address, "ann").await;
    let frame = json!({"type": "message", "client_id": "m", "text": "x", "at": YEAR_3000,
        "timestamp": YEAR_3000});
    ann.say(&frame).await;
    ann.until("ack").await;
    assert!((1..YEAR_3000).contains(&at.load(Ordering::Relaxed)));
}

#[tokio::test]
async fn ten_sockets_are_enough_and_a_device_has_one() {
    let (house, address) = house().await;
    let mut first = Vec::new();
    for nth in 0..10 {
        let ticket = house.door.ticket_for("ann");
        let hello = json!({"type": "hello", "ticket": ticket, "device": format!("d{nth}")});
        first.push(Client::hello(address, hello).await.0);
    }
    let mut more = Client::connect(address).await;
    more.say(&hello(&house, "ann")).await;
    assert_eq!(more.closed().await, 4429);
    let ticket = house.door.ticket_for("ann");
    let hello = json!({"type": "hello", "ticket": ticket, "device": "d4"});
    let (mut newer, _) = Client::hello(address, hello).await;
    assert_eq!(first[4].closed().await, 4409);
    house.log.agent_says(&ann(), "still here");
    newer.until("line").await;
}

#[tokio::test]
async fn an_ended_login_ends_its_sockets() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    let mut bob = enter(&house, address, "bob").await;
    house.webchat.expel(&"ann".into());
    assert_eq!(ann.closed().await, 4401);
    bob.message("m", "still here").await;
    bob.until("ack").await;
}

#[tokio::test]
async fn a_restart_is_announced_and_loses_nothing() {
    let (house, address) = house().await;
    let mut ann = enter(&house, address, "ann").await;
    let mut silent = Client::connect(address).await;
    house.log.agent_says(&self::ann(), "before");
    ann.until("line").await;
    house.close().await;
    assert_eq!(ann.closed().await, 1012);
    assert_eq!(silent.closed().await, 1012);
    let (status, body) = upgrade(address, "/chat/ws", &[])
        .await
        .expect_err("it is down");
    assert_eq!(status, 503);
    assert!(body.contains("not_ready"));
    house.log.agent_says(&self::ann(), "meanwhile");
    house.open().await;
    let (_, frames) = resume(&house, address, json!(1)).await;
    assert_eq!(seqs(&frames[0]["lines"]), [2]);
    house.webchat.shut().await;
    assert_eq!(house.webchat.sockets(), 0);
}

#[tokio::test]
async fn a_peer_that_is_gone_is_noticed() {
    let (house, address) = house_with(limits(|l| l.ping_every = Duration::from_millis(100))).await;
    // Does not read, so its library answers no ping.
    let _ann = enter(&house, address, "ann").await;
    let mut bob = enter(&house, address, "bob").await;
    let since = Instant::now();
    let reads = async { bob.until("never").await };
    let gone = async {
        while house.webchat.sockets() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = reads => unreachable!("bob is told nothing"),
        () = gone => {}
    }
    let took = since.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_resumes() {
    let limits = limits(|l| {
        l.write_within = Duration::from_millis(500);
        l.linger = Duration::from_secs(10);
    });
    let (house, address) = house_with(limits).await;
    let mut slow = enter(&house, address, "ann").await;
    let mut quick = enter(&house, address, "ann").await;
    let line = "z".repeat(100_000);
    for nth in 1..=150 {
        house.log.agent_says(&ann(), &line);
        assert_eq!(
            quick.until("line").await["seq"],
            nth,
            "the quick one is not held up"
        );
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut got = 0;
    let code = loop {
        match slow.next().await {
            Ok(frame) if frame["type"] == "line" => {
                got += 1;
                assert_eq!(frame["seq"], got, "in order, up to the end");
            }
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1013);
    assert!(got < 150);
    let (mut again, frames) = resume(&house, address, json!(got)).await;
    let mut seqs = seqs(&frames[0]["lines"]);
    while seqs.last() != Some(&150) {
        seqs.push(again.until("line").await["seq"].as_i64().expect("a number"));
    }
    assert_eq!(seqs, (got + 1..=150).collect::<Vec<_>>());
}

#[tokio::test]
async fn news_that_was_missed_is_read_from_the_log() {
    let log = Log::new(4);
    let house = House::with_log(Limits::default(), "{}", log).await;
    let address = serve(house.webchat.routes()).await;
    let mut ann = enter(&house, address, "ann").await;
    for _ in 0..200 {
        house.log.agent_says(&self::ann(), "many at once");
    }
    for nth in 1..=200 {
        assert_eq!(ann.until("line").await["seq"], nth);
    }
}

#[tokio::test]
async fn the_handshake_is_checked_before_anything_else() {
    let (_house, address) = house().await;
    for (path, headers, status, word) in [
        ("/chat/ws?token=x", &[][..], 400, "token_in_url"),
        ("/chat/ws?agent_secret=x", &[], 400, "token_in_url"),
        (
            "/chat/ws",
            &[("sec-websocket-protocol", "other.v9")],
            400,
            "no_common_version",
        ),
        (
            "/chat/ws",
            &[("sec-websocket-version", "12")],
            426,
            "bad_version",
        ),
        (
            "/chat/ws",
            &[("sec-websocket-key", "short")],
            400,
            "bad_handshake",
        ),
        ("/chat/ws", &[("upgrade", "h2c")], 400, "bad_handshake"),
    ] {
        let (got, body) = upgrade(address, path, headers)
            .await
            .expect_err("it is refused");
        assert_eq!(got, status, "{path} {headers:?}");
        assert!(body.contains(word), "{body}");
    }
    let ours = [("sec-websocket-protocol", "chatbox.v1")];
    assert_eq!(upgrade(address, "/chat/ws", &ours).await, Ok(()));
    let deflate = [("sec-websocket-extensions", "permessage-deflate")];
    assert_eq!(upgrade(address, "/chat/ws", &deflate).await, Ok(()));
}
