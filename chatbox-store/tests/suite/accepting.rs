//! Taking events in.

use super::house::{
    DONE, House, LONG, accept, accepted, add_connection, at_cursor, commit, delete, delivered,
    edit, emit, event, is_duplicate_of, is_stale, message, more, offer, only, put_mailbox, quiet,
    step, text, with_files,
};
use chatbox_core::connector::Cursor;
use chatbox_core::event::{EventBody, Media};
use chatbox_core::id::{ConnectionId, MediaId, Seq};
use chatbox_core::store::{
    Accept, Admin, Author, Door, LaneKind, LaneScope, MediaStep, Outcome, Skip, Step, Store, Wake,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn an_event_becomes_a_row(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let first = house.hear(message("e1", "d1", "hello")).await;
    assert!(first.new_chat);
    assert_eq!(first.seq, Seq(1));
    let row = house.row(first.seq).await;
    assert_eq!(text(&row), "hello");
    assert_eq!(row.event, Some("e1".into()));
    let ann = Author::Person {
        id: "ann".into(),
        name: Some("Ann".to_owned()),
    };
    assert_eq!(row.author, ann);
    assert!(row.wakes && !row.out && !row.late);
    assert_eq!((row.target, row.at), (None, first.at));

    let chat = house.store.chat(first.chat).await.expect("a read");
    let chat = chat.expect("a chat");
    assert_eq!((chat.handle.as_str(), chat.head), ("d1", first.seq));
    assert_eq!(chat.name.as_deref(), Some("chat d1"));
    let by_handle = house.store.chat_of(&"c".into(), &"d1".into()).await;
    assert_eq!(by_handle.expect("a read"), Some(chat));
    assert!(!house.hear(message("e2", "d1", "again")).await.new_chat);
}

pub(crate) async fn a_repetition_is_recognised_in_a_batch_and_across(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let both = |text| step(accept("c", message("e1", "d1", text)));
    let outcomes = house.all(vec![both("one"), both("two")]).await;
    let first = accepted(outcomes[0].clone());
    assert!(
        is_duplicate_of(&outcomes[1], Some(first.seq)),
        "{outcomes:?}"
    );
    let third = house.one(both("three")).await;
    assert!(is_duplicate_of(&third, Some(first.seq)));
    assert_eq!(text(&house.row(first.seq).await), "one");
    assert_eq!(house.store.row(Seq(2)).await.expect("a read"), None);

    // The same event id on another connection is another event.
    house.admin(add_connection("c2", "m", "beta", "us")).await;
    let other = house
        .one(step(accept("c2", message("e1", "d1", "x"))))
        .await;
    assert_eq!(accepted(other).seq, Seq(2));
}

pub(crate) async fn a_repetition_moves_the_cursor(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let same = || accept("c", message("e1", "d1", "one"));
    house.one(at_cursor(same(), "7")).await;
    house.one(at_cursor(same(), "8")).await;
    assert_eq!(cursor(&house).await.as_deref(), Some("8"));
}

pub(crate) async fn a_skip_moves_the_cursor(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let skip = |connection: &str| {
        Step::Skip(Skip {
            connection: connection.into(),
            cursor: Cursor("9".to_owned()),
            fence: None,
        })
    };
    let outcomes = house
        .all(vec![
            at_cursor(accept("c", message("e1", "d1", "one")), "8"),
            skip("c"),
            skip("nobody"),
        ])
        .await;
    assert!(matches!(outcomes[1], Outcome::Done(_)));
    assert!(is_stale(&outcomes[2]));
    assert_eq!(cursor(&house).await.as_deref(), Some("9"));
    // An event without a cursor leaves it where it is.
    house.hear(message("e2", "d1", "two")).await;
    assert_eq!(cursor(&house).await.as_deref(), Some("9"));
}

async fn cursor(house: &House) -> Option<String> {
    let id = ConnectionId::new("c");
    let connection = house.store.connection(&id).await.expect("a read");
    connection.expect("connected").cursor.map(|it| it.0)
}

pub(crate) async fn an_old_policy_is_stale_for_its_event_only(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let old = Accept {
        policy_rev: 0,
        ..accept("c", message("e1", "d1", "old"))
    };
    let outcomes = house
        .all(vec![
            at_cursor(old, "5"),
            step(accept("c", message("e2", "d1", "new"))),
            step(accept("nobody", message("e3", "d1", "lost"))),
        ])
        .await;
    assert!(is_stale(&outcomes[0]));
    assert_eq!(accepted(outcomes[1].clone()).seq, Seq(1));
    assert!(is_stale(&outcomes[2]));
    assert_eq!(cursor(&house).await, None);
}

pub(crate) async fn rows_of_a_batch_keep_their_order(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let steps = (1..=60).map(|n| {
        let handle = format!("d{}", n % 3);
        step(accept(
            "c",
            message(&format!("e{n}"), &handle, &n.to_string()),
        ))
    });
    let outcomes = house.all(steps.collect()).await;
    for (n, outcome) in (1..).zip(outcomes) {
        let accepted = accepted(outcome);
        assert_eq!(accepted.seq, Seq(n));
        assert_eq!(accepted.new_chat, n <= 3);
        assert_eq!(text(&house.row(Seq(n)).await), n.to_string());
    }
}

pub(crate) async fn one_person_has_one_session_over_chats_and_reconnects(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let second = house.hear(message("e2", "d2", "two")).await;
    assert_ne!(first.chat, second.chat);
    assert_eq!(first.session, second.session);
    let mut stranger = message("e3", "d3", "three");
    stranger.sender.id = "bob".into();
    assert_ne!(house.hear(stranger).await.session, first.session);

    // The same account of the platform, connected anew: the same people.
    let gone = Admin::RemoveConnection {
        connection: "c".into(),
    };
    house.admin(gone).await;
    house.admin(add_connection("c2", "m", "alpha", "us")).await;
    let again = house
        .one(step(accept("c2", message("e1", "d1", "back"))))
        .await;
    let again = accepted(again);
    assert_ne!(again.chat, first.chat);
    assert_eq!(again.session, first.session);
}

pub(crate) async fn a_group_is_its_own_session(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let alone = house.hear(message("e1", "d1", "one")).await;
    let group = house.hear(message("e2", "g1", "two")).await;
    let other = house.hear(message("e3", "g2", "three")).await;
    assert_ne!(alone.session, group.session);
    assert_ne!(group.session, other.session);
}

pub(crate) async fn context_wakes_nobody_and_is_read_with_the_next_message(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .one(step(quiet("c", message("e1", "g1", "aside"))))
        .await;
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    house.hear(message("e2", "g1", "bot, help")).await;
    let held = house.claim_turn().await;
    assert_eq!(house.pending_seqs(&held.lane).await, [1, 2]);
    let pending = house.store.pending(&held.lane).await.expect("a read");
    let wakes = pending.expect("pending").rows;
    assert_eq!([wakes[0].wakes, wakes[1].wakes], [false, true]);
}

pub(crate) async fn a_pulling_mailbox_has_no_lane(store: Arc<dyn Store>) {
    let house = House { store };
    house
        .admin(put_mailbox("m", Door::Pull, LaneScope::Chat))
        .await;
    house.admin(add_connection("c", "m", "alpha", "us")).await;
    let offered = Accept {
        offer: Some(offer(LONG)),
        ..accept("c", message("e1", "d1", "hello"))
    };
    assert_eq!(accepted(house.one(step(offered)).await).claimed, None);
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    assert_eq!(house.next_due(LaneKind::Turn).await, None);
}

pub(crate) async fn an_offer_takes_the_lane_once(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let offered = |id: &str, handle: &str| {
        step(Accept {
            offer: Some(offer(LONG)),
            ..accept("c", message(id, handle, "hello"))
        })
    };
    let batch = vec![
        offered("e1", "g1"),
        offered("e2", "g1"),
        offered("e3", "g2"),
    ];
    let outcomes = house.all(batch).await;
    let claims: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| accepted(outcome).claimed)
        .collect();
    let first = claims[0].clone().expect("the lane slept");
    assert_eq!((first.fence.0, first.attempts), (1, 1));
    assert_eq!(claims[1], None);
    assert!(claims[2].is_some(), "another lane");
    assert_eq!(accepted(house.one(offered("e4", "g1")).await).claimed, None);
    assert!(house.claim(LaneKind::Turn).await.is_empty());

    let outcome = house.end(&first, DONE, vec![]).await;
    assert!(!more(&outcome), "it answered all three");
    let again = accepted(house.one(offered("e5", "g1")).await).claimed;
    let again = again.expect("the lane slept");
    assert_eq!((again.fence.0, again.attempts), (2, 1));
}

pub(crate) async fn a_lane_is_taken_for_a_row_alone_or_not(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let offered = |id: &str, wake| {
        step(Accept {
            wake,
            offer: Some(offer(LONG)),
            ..accept("c", message(id, "g1", "hello"))
        })
    };
    let now = Wake::After { ms: 0 };
    let first = accepted(house.one(offered("e1", now)).await);
    let held = first.claimed.expect("the lane slept");
    assert!(first.alone, "the first of all");
    assert_eq!(house.pending_seqs(&held.lane).await, [first.seq.0]);

    house.end(&held, DONE, vec![emit(first.chat, 1)]).await;
    let answered = accepted(house.one(offered("e2", now)).await);
    assert!(answered.alone, "what went out since is nothing to answer");
    let held = answered.claimed.expect("the lane slept");

    let waiting = accepted(house.one(offered("e3", now)).await);
    assert!(!waiting.alone && waiting.claimed.is_none(), "not taken");
    let upto = answered.seq;
    house
        .one(commit(&held, answered.chat, upto, DONE, vec![]))
        .await;
    let late = accepted(house.one(offered("e4", now)).await);
    assert!(
        late.claimed.is_some() && !late.alone,
        "another waits longer"
    );
    house.end(&late.claimed.expect("taken"), DONE, vec![]).await;

    let context = accepted(house.one(offered("e5", Wake::Never)).await);
    assert!(!context.alone && context.claimed.is_none(), "not taken");
    let after = accepted(house.one(offered("e6", now)).await);
    assert!(after.claimed.is_some() && !after.alone, "with its context");
}

pub(crate) async fn an_album_waits_for_its_last_part(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let part = |id: &str, ms| {
        step(Accept {
            wake: Wake::After { ms },
            offer: Some(offer(LONG)),
            ..accept("c", message(id, "d1", "part"))
        })
    };
    assert_eq!(accepted(house.one(part("e1", 300)).await).claimed, None);
    // A word in between does not cut the wait short.
    assert_eq!(accepted(house.one(part("e2", 0)).await).claimed, None);
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    let due = house.next_due(LaneKind::Turn).await;
    assert!(due.expect("it will be due") > house.store.now().await.expect("a clock"));
    tokio::time::sleep(Duration::from_millis(350)).await;
    let held = house.claim_turn().await;
    assert_eq!(house.pending_seqs(&held.lane).await, [1, 2]);
}

fn fetched(seq: Seq, index: u32) -> Step {
    Step::Media(MediaStep {
        seq,
        index,
        media: Media::Ready {
            id: MediaId::new("blob"),
        },
        name: Some("kept.png".to_owned()),
        mime: None,
        size: Some(12),
        wait_ms: 0,
    })
}

pub(crate) async fn files_delay_the_lane_until_the_last_is_settled(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let first = house.hear(with_files("e1", "d1", 2)).await.seq;
    let second = house.hear(with_files("e2", "d1", 1)).await.seq;
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    let files = house
        .store
        .pending_media(&"c".into())
        .await
        .expect("a read");
    let places: Vec<_> = files.iter().map(|it| (it.seq, it.index)).collect();
    assert_eq!(places, [(first, 0), (first, 1), (second, 0)]);
    assert_eq!(
        (files[1].source.as_str(), files[1].name.as_str()),
        ("e1/1", "1.png")
    );

    house.one(fetched(first, 1)).await;
    house.one(fetched(second, 0)).await;
    assert!(house.claim(LaneKind::Turn).await.is_empty(), "one is left");
    house.one(fetched(first, 0)).await;
    house.claim_turn().await;
    let row = house.row(first).await;
    let file = &row.body.content().expect("content").attachments[1];
    assert_eq!((file.name.as_str(), file.size), ("kept.png", Some(12)));
    assert_eq!(file.mime, "image/png");
    assert!(matches!(file.media, Media::Ready { .. }));
    assert!(
        house
            .store
            .pending_media(&"c".into())
            .await
            .expect("a read")
            .is_empty()
    );

    for nowhere in [fetched(Seq(99), 0), fetched(first, 2)] {
        assert!(is_stale(&house.one(nowhere).await));
    }
}

pub(crate) async fn files_of_an_old_version_delay_nobody(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house.hear(with_files("e1", "d1", 1)).await;
    house
        .one(step(quiet(
            "c",
            event("e2", "d1", edit("e1", "no picture")),
        )))
        .await;
    let second = house.hear(with_files("e3", "d1", 1)).await.seq;
    let files = house
        .store
        .pending_media(&"c".into())
        .await
        .expect("a read");
    assert_eq!(only(files).seq, second);
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    house.one(fetched(second, 0)).await;
    house.claim_turn().await;
}

pub(crate) async fn files_that_arrive_during_a_turn_delay_the_next(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let first = house.hear(message("e1", "d1", "look at this")).await;
    let held = house.claim_turn().await;
    let picture = house.hear(with_files("e2", "d1", 1)).await.seq;
    let step = commit(&held, first.chat, first.seq, DONE, vec![]);
    assert!(more(&house.one(step).await));
    assert!(
        house.claim(LaneKind::Turn).await.is_empty(),
        "not without it"
    );
    house.one(fetched(picture, 0)).await;
    house.claim_turn().await;
}

pub(crate) async fn the_newest_version_is_read(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let said = house.hear(message("e1", "d1", "teh")).await;
    let edits = ["the", "the end"].into_iter().zip(["e2", "e3"]);
    for (text, id) in edits {
        house
            .one(step(quiet("c", event(id, "d1", edit("e1", text)))))
            .await;
    }
    let row = house.row(said.seq).await;
    assert_eq!(text(&row), "the end");
    assert_eq!(row.body.kind(), "message");
    let edit_row = house.row(Seq(2)).await;
    assert_eq!(
        (edit_row.target, edit_row.body.kind()),
        (Some(said.seq), "edit")
    );
    let held = house.claim_turn().await;
    let pending = house.store.pending(&held.lane).await.expect("a read");
    assert_eq!(text(&pending.expect("pending").rows[0]), "the end");
    let since = house.store.since(said.chat, Seq::ZERO, 9).await;
    assert_eq!(text(&since.expect("a read")[0]), "the end");
    // An edit of what nobody knows is kept and changes nothing.
    house
        .one(step(quiet("c", event("e4", "d1", edit("e9", "?")))))
        .await;
    assert_eq!(house.row(Seq(4)).await.target, None);
}

pub(crate) async fn an_edit_of_what_we_sent_is_recognised_by_its_receipt(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    let said = house.say(chat, 1).await.seq;
    let held = house.claim_out().await;
    let queued = house.store.queued(&held.lane, 9).await.expect("a read");
    house.settle(&held, only(queued).id, delivered("p1")).await;
    let reaction = EventBody::Reaction {
        target: "p1".into(),
        emoji: vec!["👍".to_owned()],
    };
    house
        .one(step(quiet("c", event("e2", "d1", reaction))))
        .await;
    assert_eq!(house.row(Seq(3)).await.target, Some(said));
    let found = house.store.seq_of(&"c".into(), &"p1".into()).await;
    assert_eq!(found.expect("a read"), Some(said));
    let names = house.store.names_of(said).await.expect("a read");
    assert_eq!(names, ["p1".into()]);
    // What we sent is no event: one that is called the same is new.
    assert_eq!(house.hear(message("p1", "d1", "echo?")).await.seq, Seq(4));
}

pub(crate) async fn what_was_taken_back_stays_taken_back(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let said = house.hear(message("e1", "d1", "oops")).await;
    house
        .one(step(quiet("c", event("e2", "d1", delete("e1")))))
        .await;
    house
        .one(step(quiet("c", event("e3", "d1", edit("e1", "late")))))
        .await;
    assert_eq!(house.row(said.seq).await.body, delete("e1"));
    let span = chatbox_core::store::Span::Session(said.session);
    let history = house.store.history(span, None, 9).await.expect("a read");
    assert_eq!(history[0].body, delete("e1"));
}
