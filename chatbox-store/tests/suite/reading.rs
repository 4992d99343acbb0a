//! Reads, positions and traces.

use super::house::{
    DONE, House, accept, accepted, add_connection, delete, delivered, edit, emit, event, is_stale,
    message, only, put_mailbox, quiet, seqs, step, text,
};
use chatbox_core::id::{ChatId, Seq};
use chatbox_core::store::{
    Ack, Door, LaneKind, LaneScope, Position, Settled, Span, Step, Store, TurnEnd,
};
use std::sync::Arc;

pub(crate) async fn positions_move_forward_only(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "one")).await.chat;
    house.hear(message("e2", "d1", "two")).await;
    let ack = |chat, seen| {
        Step::Ack(Ack {
            chat,
            reader: "a-person".to_owned(),
            seen: Seq(seen),
        })
    };
    assert!(is_stale(&house.one(ack(chat, 3)).await));
    assert!(is_stale(&house.one(ack(ChatId(9), 0)).await));
    house.one(ack(chat, 2)).await;
    house.one(ack(chat, 1)).await;
    let position = |reader: &str, seen| Position {
        reader: reader.to_owned(),
        handed: Seq::ZERO,
        seen: Seq(seen),
    };
    let positions = house.store.positions(chat).await.expect("a read");
    assert_eq!(positions, [position("a-person", 2), position("m", 0)]);
}

pub(crate) async fn history_goes_back_in_pages(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let mut first = None;
    for n in 1..=6 {
        let handle = ["d1", "d2", "g1"][n % 3];
        let heard = house.hear(message(&format!("e{n}"), handle, "x")).await;
        first.get_or_insert(heard);
    }
    let first = first.expect("heard");
    let page = async |of, before: Option<i64>, limit| {
        let rows = house.store.history(of, before.map(Seq), limit).await;
        seqs(&rows.expect("a read"))
    };
    assert_eq!(page(Span::Session(first.session), None, 3).await, [3, 4, 6]);
    assert_eq!(page(Span::Session(first.session), Some(4), 9).await, [1, 3]);
    assert_eq!(page(Span::Chat(first.chat), None, 1).await, [4]);
    assert_eq!(page(Span::Chat(first.chat), Some(1), 9).await, [0_i64; 0]);
    let since = house.store.since(first.chat, Seq(1), 9).await;
    assert_eq!(seqs(&since.expect("a read")), [4]);
}

pub(crate) async fn the_chat_with_the_newest_row_is_first(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .admin(put_mailbox("n", Door::Run, LaneScope::Chat))
        .await;
    house
        .admin(add_connection("c2", "n", "alpha", "others"))
        .await;
    let one = house.hear(message("e1", "d1", "x")).await.chat;
    let two = house.hear(message("e2", "d2", "x")).await.chat;
    house
        .one(step(accept("c2", message("e3", "d3", "x"))))
        .await;
    house.say(one, 0).await;
    let chats = house.store.chats(&"m".into(), 9).await.expect("a read");
    assert_eq!(chats.iter().map(|it| it.id).collect::<Vec<_>>(), [one, two]);
    assert_eq!(chats[0].head, Seq(4));
    let chats = house.store.chats(&"m".into(), 1).await.expect("a read");
    assert_eq!(only(chats).id, one);
}

pub(crate) async fn search_finds_whole_words_in_the_newest_version(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .admin(put_mailbox("n", Door::Run, LaneScope::Chat))
        .await;
    house
        .admin(add_connection("c2", "n", "alpha", "others"))
        .await;
    house.hear(message("e1", "d1", "the red fox")).await;
    house.hear(message("e2", "d1", "a Red, red rose")).await;
    house.hear(message("e3", "g1", "reddish 100%")).await;
    house.hear(message("e4", "d1", "red herring")).await;
    house
        .one(step(accept("c2", message("e5", "d1", "red tape"))))
        .await;
    house
        .one(step(quiet(
            "c",
            event("e6", "d1", edit("e1", "the blue fox")),
        )))
        .await;
    house
        .one(step(quiet("c", event("e7", "d1", delete("e4")))))
        .await;
    let find = async |words: &str, limit| {
        let rows = house.store.search(&"m".into(), words, limit).await;
        seqs(&rows.expect("a read"))
    };
    assert_eq!(find("RED", 9).await, [2]);
    assert_eq!(find("fox blue", 9).await, [1]);
    assert_eq!(find("100%", 9).await, [3]);
    assert_eq!(find("fox rose", 9).await, [0_i64; 0]);
    assert_eq!(find(" ", 9).await, [0_i64; 0]);
    house.hear(message("e8", "d1", "red again")).await;
    assert_eq!(find("red", 1).await, [8]);
}

async fn steps(house: &House, seq: Seq) -> Vec<String> {
    let steps = house.store.trace(seq).await.expect("a read");
    assert!(steps.iter().all(|step| step.at.is_some()));
    steps.into_iter().map(|step| step.step).collect()
}

pub(crate) async fn a_trace_tells_the_whole_story(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    assert_eq!(steps(&house, heard.seq).await, ["accepted"]);
    let held = house.claim_turn().await;
    assert_eq!(steps(&house, heard.seq).await, ["accepted", "turn"]);
    house.end(&held, DONE, vec![emit(heard.chat, 2)]).await;
    let lane = house.claim_out().await;
    let parts = house.store.queued(&lane.lane, 9).await.expect("a read");
    house.settle(&lane, parts[0].id, delivered("p1")).await;
    let told = ["accepted", "turn", "reply", "queued", "delivered", "queued"];
    assert_eq!(steps(&house, heard.seq).await, told);
    let of_reply = ["reply", "queued", "delivered", "queued"];
    assert_eq!(steps(&house, Seq(2)).await, of_reply);
    let failed = Settled::Failed {
        reason: "too long".to_owned(),
    };
    house.settle(&lane, parts[1].id, failed).await;
    let story = house.store.trace(heard.seq).await.expect("a read");
    let last = story.last().expect("a step");
    assert_eq!(last.step, "failed");
    assert!(last.detail.contains("too long"), "{}", last.detail);
    assert!(house.store.trace(Seq(99)).await.expect("a read").is_empty());
    // The next message is another story.
    let other = house.hear(message("e2", "d1", "and?")).await;
    assert_eq!(steps(&house, other.seq).await, ["accepted"]);
}

pub(crate) async fn a_trace_tells_of_lost_and_repeated_turns(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    house.claim_for(LaneKind::Turn, -1).await;
    let held = house.claim_turn().await;
    let again = TurnEnd::Again {
        after_ms: 0,
        reason: "busy".to_owned(),
    };
    house.end(&held, again, vec![]).await;
    let held = house.claim_turn().await;
    house.end(&held, DONE, vec![]).await;
    let story = house.store.trace(heard.seq).await.expect("a read");
    let details: Vec<_> = story.into_iter().map(|step| step.detail).collect();
    assert!(details[1].contains("lost"), "{details:?}");
    assert!(details[2].contains("again, busy"), "{details:?}");
    assert!(
        details[3].contains("attempt 3 under fence 3: done"),
        "{details:?}"
    );
    assert_eq!(details.len(), 4);
}

pub(crate) async fn the_clock_moves_forward(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let before = house.store.now().await.expect("a clock");
    let outcome = house.one(step(accept("c", message("e1", "d1", "x")))).await;
    let after = house.store.now().await.expect("a clock");
    let at = accepted(outcome).at;
    assert!(before <= at && at <= after, "{before} {at} {after}");
    assert!(before.0 > 1_600_000_000_000, "milliseconds since 1970");
}

pub(crate) async fn odd_text_survives(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let odd = [
        "",
        "'; drop table log; --",
        "\\u0041 \\ \" \n\t",
        "👩‍👩‍👧 \u{202e} عربي \u{7f}",
        "$1 %s {}",
    ];
    for (n, said) in (1..).zip(odd) {
        let mut event = message(&format!("e\\{n}'\""), "d'1\\/:", said);
        event.sender.name = Some(said.to_owned());
        event.sender.id = format!("id {said}").into();
        let heard = house.hear(event.clone()).await;
        let row = house.row(heard.seq).await;
        assert_eq!(text(&row), said);
        assert_eq!(row.event.as_ref(), Some(&event.id));
        let found = house.store.seq_of(&"c".into(), &event.id).await;
        assert_eq!(found.expect("a read"), Some(Seq(n)));
    }
    // What no database can hold must not stop the stream.
    house.hear(message("e9", "d9", "a\u{0}b")).await;
}
