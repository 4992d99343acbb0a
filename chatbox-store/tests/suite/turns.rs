//! Turns: claims, leases, fences, and that no message is lost between them.

use super::house::{
    DONE, House, LONG, accept, accepted, add_connection, appended, changed, commit, delete, emit,
    event, is_fenced, is_stale, message, more, next, offer, put_mailbox, quiet, step,
};
use chatbox_core::event::EventBody;
use chatbox_core::id::{ChatId, Seq};
use chatbox_core::store::{
    Accept, Author, Claim, Claimed, DEAD_LETTER, Done, Door, Emit, LaneKind, LaneScope, Outcome,
    Renew, Step, Store, TurnEnd, Under,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) async fn a_turn_hands_over_and_rests(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let held = house.claim_turn().await;
    assert_eq!((held.fence.0, held.attempts), (1, 1));
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    let outcome = house.end(&held, DONE, vec![emit(heard.chat, 1)]).await;
    assert!(!more(&outcome));
    let row = appended(outcome).remove(0);
    assert_eq!((row.seq, row.chat), (Seq(2), heard.chat));
    let said = house.row(row.seq).await;
    assert!(said.out && !said.wakes);
    assert_eq!(house.handed(heard.chat).await, heard.seq);
    assert!(
        house.claim(LaneKind::Turn).await.is_empty(),
        "its own words wake nobody"
    );
    assert!(is_fenced(
        &house
            .one(commit(&held, heard.chat, row.seq, DONE, vec![]))
            .await
    ));
}

pub(crate) async fn a_stale_fence_writes_nothing(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let lost = super::house::only(house.claim_for(LaneKind::Turn, -1).await);
    let held = house.claim_turn().await;
    assert_eq!((held.fence, held.attempts), (next(lost.fence), 2));
    let reply = vec![emit(heard.chat, 1)];
    assert!(is_fenced(&house.end(&lost, DONE, reply).await));
    assert_eq!(house.store.row(Seq(2)).await.expect("a read"), None);
    assert_eq!(house.store.outbox_depth().await.expect("a read").all(), 0);
    assert_eq!(house.handed(heard.chat).await, Seq::ZERO);
    let renew = Step::Renew(Renew {
        lane: lost.lane.clone(),
        fence: lost.fence,
        lease_ms: LONG,
    });
    assert!(is_fenced(&house.one(renew).await));
    assert!(!more(&house.end(&held, DONE, vec![]).await));
}

pub(crate) async fn an_expired_lease_is_taken_with_the_next_fence(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house.hear(message("e1", "d1", "hello")).await;
    let first = super::house::only(house.claim_for(LaneKind::Turn, 150).await);
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    let due = house.next_due(LaneKind::Turn).await;
    assert!(due.is_some(), "somebody should look when the lease ends");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = house.claim_turn().await;
    assert_eq!((second.fence, second.attempts), (next(first.fence), 2));
}

pub(crate) async fn a_renewed_lease_is_kept(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house.hear(message("e1", "d1", "hello")).await;
    let held = super::house::only(house.claim_for(LaneKind::Turn, 150).await);
    let renew = Step::Renew(Renew {
        lane: held.lane.clone(),
        fence: held.fence,
        lease_ms: LONG,
    });
    assert!(matches!(
        house.one(renew).await,
        Outcome::Done(Done::Nothing)
    ));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(house.claim(LaneKind::Turn).await.is_empty());
}

pub(crate) async fn a_message_between_claim_and_commit_is_not_lost(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let held = house.claim_turn().await;
    let pending = house.store.pending(&held.lane).await.expect("a read");
    let upto = pending.expect("pending").upto;
    let late = house.hear(message("e2", "d1", "two")).await;
    let outcome = house
        .one(commit(&held, first.chat, upto, DONE, vec![]))
        .await;
    assert!(more(&outcome));
    let held = house.claim_turn().await;
    assert_eq!(held.attempts, 1, "a success in between");
    assert_eq!(house.pending_seqs(&held.lane).await, [late.seq.0]);
    assert!(!more(&house.end(&held, DONE, vec![]).await));
}

/// Accepts and turns at the same time, on one lane. In the end every message was handed over and the lane rests.
pub(crate) async fn a_race_of_accepts_and_commits_loses_nothing(store: Arc<dyn Store>) {
    const MESSAGES: i64 = 120;
    let house = House::new(store).await;
    let first = house.hear(message("e0", "d1", "start")).await;
    let speaking = Arc::new(AtomicBool::new(true));
    let speaker = tokio::spawn({
        let (house, speaking) = (house.clone(), speaking.clone());
        async move {
            for n in 1..=MESSAGES {
                house.hear(message(&format!("e{n}"), "d1", "more")).await;
            }
            speaking.store(false, Ordering::SeqCst);
        }
    });
    loop {
        let speaks = speaking.load(Ordering::SeqCst);
        let lanes = house.claim(LaneKind::Turn).await;
        if lanes.is_empty() && !speaks {
            break;
        }
        for held in lanes {
            house.end(&held, DONE, vec![]).await;
        }
    }
    speaker.await.expect("the speaker speaks");
    assert_eq!(house.handed(first.chat).await, Seq(MESSAGES + 1));
}

pub(crate) async fn again_hands_nothing_over_and_counts(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let again = |after_ms| TurnEnd::Again {
        after_ms,
        reason: "busy".to_owned(),
    };
    for attempt in 1..=2 {
        let held = house.claim_turn().await;
        assert_eq!(held.attempts, attempt);
        let outcome = house.end(&held, again(0), vec![emit(heard.chat, 1)]).await;
        assert!(more(&outcome));
        assert!(appended(outcome).is_empty(), "nothing is said");
    }
    assert_eq!(house.handed(heard.chat).await, Seq::ZERO);
    let held = house.claim_turn().await;
    house.end(&held, again(LONG), vec![]).await;
    // Neither time nor a new message cuts the wait short.
    house.hear(message("e2", "d1", "still there?")).await;
    assert!(house.claim(LaneKind::Turn).await.is_empty());
}

pub(crate) async fn a_released_turn_was_no_attempt(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let again = |after_ms| TurnEnd::Again {
        after_ms,
        reason: "busy".to_owned(),
    };
    let released = |after_ms| TurnEnd::Released {
        after_ms,
        reason: "closing".to_owned(),
    };
    let mut fences = Vec::new();
    for (end, attempt) in [(released(0), 1), (again(0), 1), (released(0), 2)] {
        let held = house.claim_turn().await;
        assert_eq!(held.attempts, attempt);
        fences.push(held.fence.0);
        let outcome = house.end(&held, end, vec![emit(heard.chat, 1)]).await;
        assert!(more(&outcome));
        assert!(appended(outcome).is_empty(), "nothing is said");
    }
    assert_eq!(fences, [1, 2, 3], "a late word of its is still fenced");
    assert_eq!(house.handed(heard.chat).await, Seq::ZERO);
    let held = house.claim_turn().await;
    assert_eq!(held.attempts, 2);
    house.end(&held, released(LONG), vec![]).await;
    assert!(house.claim(LaneKind::Turn).await.is_empty(), "it waits");
    let story = house.store.trace(heard.seq).await.expect("a read");
    let last = story.last().expect("its turns");
    assert!(last.detail.contains("released, closing"), "{last:?}");
}

pub(crate) async fn a_poisoned_message_alone_is_buried(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house
        .one(step(quiet("c", message("e0", "g1", "aside"))))
        .await;
    let bad = house.hear(message("e1", "g1", "poison")).await;
    let good = house.hear(message("e2", "g1", "fine")).await;
    let held = house.claim_turn().await;
    let end = TurnEnd::Poisoned {
        reason: "five tries".to_owned(),
    };
    let outcome = house.end(&held, end, vec![]).await;
    assert!(more(&outcome));
    assert_eq!(house.handed(bad.chat).await, bad.seq);
    let told = house.row(Seq(4)).await;
    assert_eq!((told.author, told.target), (Author::System, Some(bad.seq)));
    let body = EventBody::Outcome {
        of: bad.seq,
        state: DEAD_LETTER.to_owned(),
        reason: "five tries".to_owned(),
    };
    assert_eq!(told.body, body);
    let held = house.claim_turn().await;
    assert_eq!(held.attempts, 1);
    assert_eq!(house.pending_seqs(&held.lane).await, [good.seq.0, 4]);
}

pub(crate) async fn a_failed_turn_hands_over_and_says_so(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let held = house.claim_turn().await;
    let end = TurnEnd::Failed {
        reason: "no key".to_owned(),
    };
    let outcome = house.end(&held, end, vec![emit(heard.chat, 1)]).await;
    assert!(!more(&outcome));
    assert_eq!(appended(outcome).len(), 1);
    assert_eq!(house.handed(heard.chat).await, heard.seq);
}

pub(crate) async fn a_mailbox_lane_takes_its_oldest_chat_first(store: Arc<dyn Store>) {
    let house = House::with_scope(store, LaneScope::Mailbox).await;
    house.admin(add_connection("c2", "m", "beta", "us")).await;
    house
        .one(step(quiet("c", message("e0", "g1", "context"))))
        .await;
    let older = house
        .one(step(accept("c2", message("e1", "d1", "first"))))
        .await;
    let older = accepted(older);
    let newer = house.hear(message("e2", "g1", "second")).await;
    for (chat, rows) in [(older.chat, vec![2]), (newer.chat, vec![1, 3])] {
        let held = house.claim_turn().await;
        let pending = house.store.pending(&held.lane).await.expect("a read");
        let pending = pending.expect("pending");
        assert_eq!(pending.chat.id, chat);
        assert_eq!(super::house::seqs(&pending.rows), rows);
        house.end(&held, DONE, vec![]).await;
    }
    assert!(house.claim(LaneKind::Turn).await.is_empty());
}

pub(crate) async fn the_lane_due_first_is_taken_first(store: Arc<dyn Store>) {
    let house = House::with_scope(store, LaneScope::Chat).await;
    house
        .admin(put_mailbox("other", Door::Run, LaneScope::Chat))
        .await;
    house
        .admin(add_connection("x", "other", "beta", "us"))
        .await;
    let mut chats = Vec::new();
    for handle in ["d2", "d1", "d3"] {
        chats.push(house.hear(message(handle, handle, "hello")).await.chat);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house
        .one(step(accept("x", message("e", "d", "hello"))))
        .await;
    let claim = Claim {
        kind: LaneKind::Turn,
        owner: Some("m".to_owned()),
        except: Vec::new(),
        offer: offer(LONG),
        limit: 2,
    };
    for expected in [&chats[..2], &chats[2..]] {
        let outcome = house.one(Step::Claim(claim.clone())).await;
        let Outcome::Done(Done::Claimed { lanes }) = outcome else {
            panic!("not claimed: {outcome:?}");
        };
        let keys: Vec<_> = lanes.into_iter().map(|it| it.lane.key).collect();
        let wanted: Vec<_> = expected.iter().map(|id| format!("chat/{id}")).collect();
        assert_eq!(keys, wanted);
    }
    assert_eq!(house.claim(LaneKind::Turn).await.len(), 1, "the other's");
}

pub(crate) async fn deleted_before_its_turn_is_left_out(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    house.hear(message("e1", "d1", "oops")).await;
    house
        .one(step(quiet("c", event("e2", "d1", delete("e1")))))
        .await;
    let held = house.claim_turn().await;
    let pending = house.store.pending(&held.lane).await.expect("a read");
    let pending = pending.expect("the turn it asked for has to end");
    assert_eq!(super::house::seqs(&pending.rows), [2]);
    assert!(!pending.rows.iter().any(|row| row.wakes));
    assert!(!more(&house.end(&held, DONE, vec![]).await));
    assert!(house.claim(LaneKind::Turn).await.is_empty());
}

pub(crate) async fn an_unknown_chat_among_the_replies_stops_all_of_them(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let held = house.claim_turn().await;
    let replies = vec![emit(heard.chat, 1), emit(ChatId(99), 1)];
    assert!(is_stale(&house.end(&held, DONE, replies).await));
    assert_eq!(house.store.row(Seq(2)).await.expect("a read"), None);
    assert_eq!(house.handed(heard.chat).await, Seq::ZERO);
    assert!(!more(&house.end(&held, DONE, vec![]).await), "still held");
}

pub(crate) async fn a_new_scope_loses_no_message(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let held = house.claim_turn().await;
    let same = put_mailbox("m", Door::Run, LaneScope::Session);
    assert_eq!(changed(&house.admin(same).await), 0);
    let wider = put_mailbox("m", Door::Run, LaneScope::Mailbox);
    assert_eq!(changed(&house.admin(wider).await), 1);
    assert!(is_fenced(&house.end(&held, DONE, vec![]).await));
    let held = house.claim_turn().await;
    assert_eq!(held.lane.key, "mailbox");
    assert_eq!(house.pending_seqs(&held.lane).await, [heard.seq.0]);
    assert!(!more(&house.end(&held, DONE, vec![]).await));
    let offered = Accept {
        offer: Some(offer(LONG)),
        ..accept("c", message("e2", "d1", "again"))
    };
    assert!(accepted(house.one(step(offered)).await).claimed.is_some());
}

/// What a turn says before it ends.
pub(crate) fn said_under(held: &Claimed, chat: ChatId) -> Step {
    Step::Emit(Box::new(Emit {
        under: Some(under(held)),
        ..emit(chat, 1)
    }))
}

fn under(held: &Claimed) -> Under {
    Under {
        lane: held.lane.clone(),
        fence: held.fence,
    }
}

pub(crate) async fn what_a_turn_says_on_the_way_needs_its_fence(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let heard = house.hear(message("e1", "d1", "hello")).await;
    let runs = async |held: &Claimed| house.store.runs(&under(held)).await.expect("a read");
    let lost = super::house::only(house.claim_for(LaneKind::Turn, -1).await);
    assert!(!runs(&lost).await, "its lease is over");
    assert!(is_fenced(&house.one(said_under(&lost, heard.chat)).await));
    let held = house.claim_turn().await;
    assert!(runs(&held).await && !runs(&lost).await);
    assert!(is_fenced(&house.one(said_under(&lost, heard.chat)).await));
    let said = appended(house.one(said_under(&held, heard.chat)).await).remove(0);
    assert_eq!(said.seq, Seq(2), "nothing was said before");
    assert_eq!(
        house.pending_seqs(&held.lane).await,
        [1, 2],
        "the next attempt is told"
    );

    let mut other = held.clone();
    other.lane.kind = LaneKind::Push;
    assert!(!runs(&other).await);
    assert!(is_fenced(&house.one(said_under(&other, heard.chat)).await));
    house
        .admin(put_mailbox("n", Door::Run, LaneScope::Chat))
        .await;
    let foreign = Emit {
        mailbox: "n".into(),
        under: Some(under(&held)),
        ..emit(heard.chat, 1)
    };
    assert!(is_fenced(&house.one(Step::Emit(Box::new(foreign))).await));
    let elsewhere = house.one(said_under(&held, ChatId(99))).await;
    assert!(is_stale(&elsewhere), "{elsewhere:?}");

    house.end(&held, DONE, vec![emit(heard.chat, 1)]).await;
    assert!(!runs(&held).await);
    assert!(is_fenced(&house.one(said_under(&held, heard.chat)).await));
    assert_eq!(house.store.row(Seq(4)).await.expect("a read"), None);
    let story = house.store.trace(said.seq).await.expect("a read");
    assert!(!story.is_empty());
}
