//! Saying something, and what becomes of its parts.

use super::house::{
    DONE, House, LONG, appended, changed, delete, delivered, emit, is_duplicate_of, is_fenced,
    is_stale, message, more, next, only, settle,
};
use chatbox_core::event::EventBody;
use chatbox_core::id::{ChatId, DeliveryId, Millis, Seq};
use chatbox_core::store::{
    Admin, Author, Claimed, Delivery, DeliveryFilter, DeliveryState, Emit, LaneKey, LaneKind,
    NOT_IN_TIME, Parcel, Settled, Step, Store,
};
use std::sync::Arc;

/// A house in which so many parts wait in a claimed lane.
async fn waiting(store: Arc<dyn Store>, parts: usize) -> (House, Claimed, Vec<Delivery>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    house.say(chat, parts).await;
    let held = house.claim_out().await;
    let queued = queued(&house, &held.lane).await;
    assert_eq!(queued.len(), parts);
    (house, held, queued)
}

async fn queued(house: &House, lane: &LaneKey) -> Vec<Delivery> {
    house.store.queued(lane, 99).await.expect("a read")
}

async fn delivery(house: &House, id: DeliveryId) -> Delivery {
    let found = house.store.delivery(id).await.expect("a read");
    found.expect("a delivery")
}

pub(crate) async fn parts_wait_in_order_and_are_settled(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 3).await;
    assert_eq!(held.lane, LaneKey::out(&"c".into(), parts[0].chat));
    assert_eq!(house.store.outbox_depth().await.expect("a read").all(), 3);
    for (index, part) in (0..).zip(&parts) {
        assert_eq!((part.part, part.seq), (index, Seq(2)));
        assert_eq!(part.id, DeliveryId(i64::from(index) + 1));
        let verb = emit(part.chat, 3).parts[index as usize].verb.clone();
        assert_eq!(part.parcel, Parcel::Perform(verb));
        assert_eq!(part.expires.0 - part.at.0, LONG);
    }
    for (part, name) in parts.iter().zip(["p1", "p2", "p3"]) {
        let left = queued(&house, &held.lane).await;
        assert_eq!(left[0].id, part.id);
        let outcome = house.settle(&held, part.id, delivered(name)).await;
        assert_eq!(more(&outcome), name != "p3");
    }
    let names = house.store.names_of(Seq(2)).await.expect("a read");
    assert_eq!(names, ["p1".into(), "p2".into(), "p3".into()]);
    assert!(house.claim(LaneKind::Out).await.is_empty());
    house.say(parts[0].chat, 1).await;
    assert_eq!(house.claim_out().await.fence, next(held.fence));
}

pub(crate) async fn the_same_key_says_it_once(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    let keyed = || Emit {
        idem: Some("k".to_owned()),
        ..emit(chat, 1)
    };
    let first = house.one(Step::Emit(Box::new(keyed()))).await;
    assert_eq!(appended(first).remove(0).seq, Seq(2));
    let again = house.one(Step::Emit(Box::new(keyed()))).await;
    assert!(is_duplicate_of(&again, Some(Seq(2))));
    let said = async |key| house.store.said(key).await.expect("a read");
    assert_eq!((said("k").await, said("other").await), (Some(Seq(2)), None));
    // Among a turn's replies it stands for the row it became.
    let held = house.claim_turn().await;
    let rows = appended(house.end(&held, DONE, vec![keyed(), emit(chat, 1)]).await);
    let seqs: Vec<_> = rows.iter().map(|row| row.seq.0).collect();
    assert_eq!(seqs, [2, 3]);
    assert_eq!(house.store.outbox_depth().await.expect("a read").all(), 2);
}

pub(crate) async fn an_unknown_chat_is_stale(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    let foreign = Emit {
        mailbox: "other".into(),
        ..emit(chat, 1)
    };
    let about_nothing = Emit {
        target: Some(Seq(77)),
        ..emit(chat, 1)
    };
    for emit in [emit(ChatId(99), 1), foreign, about_nothing] {
        assert!(is_stale(&house.one(Step::Emit(Box::new(emit))).await));
    }
    assert_eq!(house.store.row(Seq(2)).await.expect("a read"), None);
}

pub(crate) async fn every_end_of_a_delivery_is_told(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 4).await;
    let why = || "because".to_owned();
    let ends = [
        (Settled::Failed { reason: why() }, DeliveryState::Failed),
        (Settled::Unknown { reason: why() }, DeliveryState::Unknown),
        (Settled::Expired, DeliveryState::Expired),
    ];
    for (part, (to, state)) in parts.iter().zip(ends) {
        let reason = match to {
            Settled::Expired => NOT_IN_TIME,
            _ => "because",
        };
        assert!(more(&house.settle(&held, part.id, to).await));
        let settled = delivery(&house, part.id).await;
        assert_eq!(
            (settled.state, settled.reason.as_deref()),
            (state, Some(reason))
        );
        let told = house
            .store
            .since(part.chat, Seq(2), 9)
            .await
            .expect("a read");
        let told = told.last().expect("a row about it");
        assert_eq!(told.author, Author::System);
        assert!(!told.wakes && !told.out);
        let body = EventBody::Outcome {
            of: part.seq,
            state: state.as_str().to_owned(),
            reason: reason.to_owned(),
        };
        assert_eq!((&told.body, told.target), (&body, Some(part.seq)));
    }
    assert!(!more(
        &house.settle(&held, parts[3].id, delivered("p4")).await
    ));
    let dead = DeliveryFilter {
        states: vec![DeliveryState::Failed, DeliveryState::Expired],
        limit: 9,
        ..DeliveryFilter::default()
    };
    let dead = house.store.deliveries(&dead).await.expect("a read");
    let ids: Vec<_> = dead.iter().map(|it| it.id.0).collect();
    assert_eq!(ids, [3, 1], "newest first");
    let all = DeliveryFilter {
        states: vec![],
        limit: 2,
        ..DeliveryFilter::default()
    };
    let all = house.store.deliveries(&all).await.expect("a read");
    assert_eq!(all.iter().map(|it| it.id.0).collect::<Vec<_>>(), [4, 3]);
}

pub(crate) async fn a_retry_gives_the_lane_back_and_counts(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 2).await;
    let retry = |after_ms| Settled::Retry {
        after_ms,
        reason: "slow down".to_owned(),
    };
    assert!(!more(&house.settle(&held, parts[0].id, retry(0)).await));
    assert!(is_fenced(&house.settle(&held, parts[0].id, retry(0)).await));
    let held = house.claim_out().await;
    let first = queued(&house, &held.lane).await.remove(0);
    assert_eq!((first.id, first.attempts), (parts[0].id, 1));
    assert_eq!(first.reason.as_deref(), Some("slow down"));
    house.settle(&held, first.id, retry(LONG)).await;
    // The whole lane waits, also for what is said meanwhile.
    house.say(first.chat, 1).await;
    assert!(house.claim(LaneKind::Out).await.is_empty());
}

pub(crate) async fn a_release_counts_nothing(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 2).await;
    house.settle(&held, parts[0].id, Settled::Custody).await;
    let release = |after_ms| Settled::Release { after_ms };
    assert!(!more(&house.settle(&held, parts[0].id, release(0)).await));
    let held = house.claim_out().await;
    let left = queued(&house, &held.lane).await;
    assert_eq!(
        (left[0].state, left[0].attempts),
        (DeliveryState::Custody, 0)
    );
    assert_eq!(left[1].state, DeliveryState::Queued);
    assert!(!more(&house.one(settle(&held, None, release(LONG))).await));
    assert!(house.claim(LaneKind::Out).await.is_empty());
}

pub(crate) async fn a_settle_needs_the_fence_and_an_open_delivery(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 2).await;
    let stale = Claimed {
        fence: next(held.fence),
        ..held.clone()
    };
    assert!(is_fenced(
        &house.settle(&stale, parts[0].id, delivered("x")).await
    ));
    assert_eq!(
        delivery(&house, parts[0].id).await.state,
        DeliveryState::Queued
    );
    assert!(is_stale(
        &house.settle(&held, DeliveryId(99), delivered("x")).await
    ));
    house.settle(&held, parts[0].id, delivered("p1")).await;
    let again = Settled::Failed {
        reason: "no".to_owned(),
    };
    assert!(is_stale(&house.settle(&held, parts[0].id, again).await));
    assert_eq!(
        delivery(&house, parts[0].id).await.state,
        DeliveryState::Delivered
    );
}

pub(crate) async fn custody_is_found_by_the_next_holder(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    house.say(chat, 1).await;
    let lost = only(house.claim_for(LaneKind::Out, -1).await);
    let part = only(queued(&house, &lost.lane).await);
    assert!(more(&house.settle(&lost, part.id, Settled::Custody).await));
    // The holder dies here: nobody knows whether the platform has it.
    let held = house.claim_out().await;
    assert_eq!(held.fence, next(lost.fence));
    let found = only(queued(&house, &held.lane).await);
    assert_eq!(found.state, DeliveryState::Custody);
    assert!(is_fenced(
        &house.settle(&lost, part.id, delivered("p1")).await
    ));
    let doubt = Settled::Unknown {
        reason: "lost on the way".to_owned(),
    };
    assert!(!more(&house.settle(&held, part.id, doubt).await));
    assert_eq!(
        delivery(&house, part.id).await.state,
        DeliveryState::Unknown
    );
}

pub(crate) async fn a_failed_delivery_is_sent_once_more(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 2).await;
    let id = parts[0].id;
    let retry = || Admin::RetryDelivery {
        delivery: id,
        ttl_ms: 5,
    };
    assert!(is_stale(&house.admin(retry()).await), "it still waits");
    let failed = Settled::Failed {
        reason: "no".to_owned(),
    };
    house.settle(&held, id, failed).await;
    house.settle(&held, parts[1].id, delivered("p2")).await;
    assert!(house.claim(LaneKind::Out).await.is_empty());
    assert_eq!(changed(&house.admin(retry()).await), 1);
    let held = house.claim_out().await;
    let again = only(queued(&house, &held.lane).await);
    assert_eq!((again.id, again.state), (id, DeliveryState::Queued));
    assert_eq!((again.attempts, again.reason), (0, None));
    assert!(!more(&house.settle(&held, id, delivered("p1")).await));
    assert!(is_stale(&house.admin(retry()).await), "it arrived");
    assert!(house.claim(LaneKind::Out).await.is_empty());
}

pub(crate) async fn dead_deliveries_are_purged(store: Arc<dyn Store>) {
    let (house, held, parts) = waiting(store, 3).await;
    let failed = || Settled::Failed {
        reason: "no".to_owned(),
    };
    house.settle(&held, parts[0].id, failed()).await;
    house.settle(&held, parts[1].id, failed()).await;
    let purge = |delivery, before| Admin::PurgeDeliveries {
        account: Some("home".into()),
        delivery,
        before,
    };
    let never = purge(None, Millis(0));
    assert_eq!(changed(&house.admin(never).await), 0);
    let forever = Millis(i64::MAX);
    let waits = purge(Some(parts[2].id), forever);
    assert_eq!(changed(&house.admin(waits).await), 0);
    let one = purge(Some(parts[1].id), forever);
    assert_eq!(changed(&house.admin(one).await), 1);
    assert_eq!(changed(&house.admin(purge(None, forever)).await), 1);
    assert_eq!(
        house.store.delivery(parts[0].id).await.expect("a read"),
        None
    );
    assert_eq!(house.store.outbox_depth().await.expect("a read").all(), 1);
    house.say(parts[0].chat, 1).await;
    assert_eq!(queued(&house, &held.lane).await[1].id, DeliveryId(4));
}

pub(crate) async fn what_we_take_back_reads_as_taken_back(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let chat = house.hear(message("e1", "d1", "hi")).await.chat;
    let said = house.say(chat, 1).await.seq;
    let about = |body| {
        let emit = Emit {
            body,
            target: Some(said),
            ..emit(chat, 0)
        };
        Step::Emit(Box::new(emit))
    };
    house.one(about(super::house::edit("p1", "better"))).await;
    assert_eq!(super::house::text(&house.row(said).await), "better");
    house.one(about(delete("p1"))).await;
    assert_eq!(house.row(said).await.body, delete("p1"));
}
