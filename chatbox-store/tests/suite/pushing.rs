//! What is handed to a mailbox's own endpoint.

use super::house::{
    House, LONG, accept, accepted, add_connection, delivered, is_stale, message, offer,
    put_mailbox, quiet, step,
};
use chatbox_core::id::{ChatId, DeliveryId, MailboxId, Seq};
use chatbox_core::store::{
    Accept, Accepted, Admin, Backlog, Claimed, Delivery, DeliveryFilter, DeliveryState, Done, Door,
    Hand, Handing, LaneKey, LaneKind, LaneScope, Mailbox, Outcome, Parcel, Settle, Settled,
    Standing, Step, Store, Switch,
};
use std::sync::Arc;

async fn pushed(store: Arc<dyn Store>) -> House {
    let house = House { store };
    house
        .admin(put_mailbox("m", Door::Push, LaneScope::Chat))
        .await;
    house.admin(add_connection("c", "m", "alpha", "us")).await;
    house
}

async fn mailbox(house: &House) -> Mailbox {
    let found = house.store.mailbox(&"m".into()).await.expect("a read");
    found.expect("the mailbox")
}

async fn queued(house: &House, chat: ChatId) -> Vec<Delivery> {
    let lane = LaneKey::hand(&"m".into(), chat);
    house.store.queued(&lane, 50).await.expect("a read")
}

async fn settle(
    house: &House,
    held: &Claimed,
    id: DeliveryId,
    to: Settled,
    pause_after: Option<u32>,
) -> (bool, bool) {
    let settle = Step::Settle(Box::new(Settle {
        lane: held.lane.clone(),
        fence: held.fence,
        delivery: Some(id),
        to,
        pause_after,
        may_wait: false,
    }));
    match house.one(settle).await {
        Outcome::Done(Done::Settled { more, paused }) => (more, paused),
        other => panic!("not settled: {other:?}"),
    }
}

fn failed() -> Settled {
    Settled::Failed {
        reason: "410".to_owned(),
    }
}

async fn stand(house: &House, standing: Standing) {
    let mailbox = MailboxId::from("m");
    house.admin(Admin::SetStanding { mailbox, standing }).await;
}

async fn switch(house: &House, to: Option<ChatId>) {
    let mailbox = MailboxId::from("m");
    house.one(Step::Switch(Switch { mailbox, to })).await;
}

pub(crate) async fn every_message_is_handed_in_order(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let here = house.hear(message("e1", "d1", "one")).await;
    switch(&house, Some(here.chat)).await;
    let unheard = Accept {
        hand: None,
        ..accept("c", message("e2", "d1", "old"))
    };
    let batch = vec![
        step(quiet("c", message("e3", "d1", "focal"))),
        step(unheard),
        step(accept("c", message("e4", "g1", "a notice"))),
        step(accept("c", message("e4", "g1", "again"))),
    ];
    house.all(batch).await;
    let rows = queued(&house, here.chat).await;
    let focal: Vec<_> = rows.iter().map(|it| it.parcel.clone()).collect();
    // The first was superseded by the switch that read it.
    assert_eq!(focal, [Parcel::Hand { focal: true }]);
    let group = house.store.chats(&"m".into(), 1).await.expect("a read")[0].id;
    let rows = queued(&house, group).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].parcel, Parcel::Hand { focal: false });
    assert!(house.claim(LaneKind::Turn).await.is_empty(), "no turns");
    let lanes = house.claim(LaneKind::Push).await;
    assert_eq!(lanes.len(), 2, "each chat by itself: {lanes:?}");
}

/// An event of a pushed mailbox, whose hand-out somebody would take at once.
fn offered(id: &str, handle: &str) -> Step {
    step(Accept {
        hand: Some(Hand {
            within_ms: LONG,
            offer: Some(offer(LONG)),
        }),
        ..accept("c", message(id, handle, "hello"))
    })
}

pub(crate) async fn an_offer_takes_the_push_lane_once(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let batch = vec![
        step(accept("c", message("e1", "g1", "offered by nobody"))),
        offered("e2", "g1"),
        offered("e3", "g1"),
        offered("e4", "g2"),
    ];
    let outcomes = house.all(batch).await;
    let rows: Vec<_> = outcomes.into_iter().map(accepted).collect();
    let lanes: Vec<_> = rows.iter().map(|row| row.claimed.is_some()).collect();
    assert_eq!(lanes, [false, true, false, true], "the first offer of each");
    let queue = queued(&house, rows[1].chat).await;
    let after: Vec<_> = rows[..3].iter().map(|row| handing(row).after).collect();
    assert_eq!(after, [None, Some(queue[0].id), Some(queue[1].id)]);
    let held = rows[3].claimed.clone().expect("it was taken");
    assert_eq!(held.lane, LaneKey::hand(&"m".into(), rows[3].chat));
    assert_eq!((held.fence.0, held.attempts), (1, 1));
    let queue = queued(&house, rows[3].chat).await;
    let first = Handing {
        delivery: queue[0].id,
        focal: false,
        after: None,
    };
    assert_eq!(rows[3].handing, Some(first));
    assert!(
        house.claim(LaneKind::Push).await.is_empty(),
        "both are held"
    );

    switch(&house, Some(rows[3].chat)).await;
    let behind = accepted(house.one(offered("e5", "g2")).await);
    assert_eq!(handing(&behind).after, None, "that was superseded");
    let next = accepted(house.one(offered("e5b", "g2")).await);
    assert_eq!(handing(&next).after, Some(handing(&behind).delivery));
    assert_eq!(behind.claimed, None, "it is held");
    for waiting in queued(&house, rows[3].chat).await {
        settle(&house, &held, waiting.id, delivered("x"), None).await;
    }
    let again = accepted(house.one(offered("e6", "g2")).await);
    let held = again.claimed.expect("it sleeps");
    assert_eq!((held.fence.0, held.attempts), (2, 1));
    let last = again.handing.expect("it is handed");
    assert_eq!((last.focal, last.after), (true, None), "nothing is left");
}

fn handing(row: &Accepted) -> Handing {
    row.handing.expect("it is handed")
}

pub(crate) async fn what_waits_longer_is_not_taken_by_an_offer(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let first = accepted(house.one(offered("e1", "d1")).await);
    let id = handing(&first).delivery;
    let held = first.claimed.expect("it sleeps");
    let again = Settled::Retry {
        after_ms: LONG,
        reason: "busy".to_owned(),
    };
    settle(&house, &held, id, again, None).await;
    let behind = accepted(house.one(offered("e2", "d1")).await);
    assert_eq!(behind.claimed, None, "the one before it waits");

    stand(&house, Standing::Paused).await;
    let paused = accepted(house.one(offered("e3", "d2")).await);
    assert_eq!(paused.claimed, None, "it is paused");
    stand(&house, Standing::Active).await;
    let next = accepted(house.one(offered("e4", "d2")).await);
    assert!(next.claimed.is_some());
    let waits = handing(&paused).delivery;
    assert_eq!(handing(&next).after, Some(waits), "it goes first");
}

pub(crate) async fn a_hand_out_that_ended_hands_over(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let second = house.hear(message("e2", "d1", "two")).await;
    let held = house.claim_push().await;
    let rows = queued(&house, first.chat).await;
    let retry = Settled::Custody;
    settle(&house, &held, rows[0].id, retry, None).await;
    assert_eq!(house.handed(first.chat).await, Seq::ZERO);
    settle(&house, &held, rows[0].id, delivered("x"), None).await;
    assert_eq!(house.handed(first.chat).await, first.seq);
    let (more, paused) = settle(&house, &held, rows[1].id, failed(), Some(5)).await;
    assert!(!more && !paused);
    assert_eq!(house.handed(first.chat).await, second.seq);
    assert_eq!(mailbox(&house).await.fails, 1);
    let head = house.store.chat(first.chat).await.expect("a read");
    let head = head.expect("the chat").head;
    assert_eq!(head, second.seq, "the chat is not told of hand-outs");
}

pub(crate) async fn too_many_failures_in_a_row_pause(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let mut chat = ChatId(0);
    for n in 0..4 {
        chat = house.hear(message(&format!("e{n}"), "d1", "hi")).await.chat;
    }
    let held = house.claim_push().await;
    let rows = queued(&house, chat).await;
    assert!(!settle(&house, &held, rows[0].id, failed(), Some(2)).await.1);
    assert!(
        !settle(&house, &held, rows[1].id, delivered("x"), Some(2))
            .await
            .1
    );
    assert!(!settle(&house, &held, rows[2].id, failed(), Some(2)).await.1);
    let again = Settled::Retry {
        after_ms: 0,
        reason: "gone".to_owned(),
    };
    let (_, paused) = settle(&house, &held, rows[3].id, again, Some(0)).await;
    assert!(paused, "0 pauses whatever became of it");
    assert_eq!(mailbox(&house).await.standing, Standing::Paused);

    // What waits goes on waiting, and what comes waits behind it.
    assert!(house.claim(LaneKind::Push).await.is_empty());
    let due = house.next_due(LaneKind::Push).await;
    assert_eq!(due, None);
    house.hear(message("e9", "d1", "later")).await;
    assert!(house.claim(LaneKind::Push).await.is_empty());
    stand(&house, Standing::Active).await;
    assert_eq!(mailbox(&house).await.fails, 0);
    let held = house.claim_push().await;
    let waiting = queued(&house, chat).await;
    assert_eq!(waiting[0].id, rows[3].id, "in order");
    assert_eq!((waiting.len(), held.lane.owner.as_str()), (2, "m"));
    let nobody = Admin::SetStanding {
        mailbox: "nobody".into(),
        standing: Standing::Active,
    };
    assert!(is_stale(&house.admin(nobody).await));
}

pub(crate) async fn a_muted_chat_is_kept_and_not_handed(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    for muted in [true, false] {
        let mailbox = MailboxId::from("m");
        let chat = first.chat;
        house
            .admin(Admin::Mute {
                mailbox,
                chat,
                muted,
            })
            .await;
        house.hear(message(&format!("{muted}"), "d1", "more")).await;
    }
    assert_eq!(queued(&house, first.chat).await.len(), 2);
    let all = house.store.overview(&"m".into(), 5).await.expect("a read");
    assert_eq!(all[0].unread, 3, "muted messages are unread all the same");
}

pub(crate) async fn what_is_not_pushed_any_more_is_superseded(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let held = house.claim_push().await;
    let id = queued(&house, first.chat).await[0].id;
    house
        .admin(put_mailbox("m", Door::Pull, LaneScope::Chat))
        .await;
    let late = Step::Settle(Box::new(Settle {
        lane: held.lane.clone(),
        fence: held.fence,
        delivery: Some(id),
        to: delivered("x"),
        pause_after: None,
        may_wait: false,
    }));
    assert!(matches!(house.one(late).await, Outcome::Fenced));
    let superseded = DeliveryFilter {
        states: vec![DeliveryState::Superseded],
        limit: 5,
        ..DeliveryFilter::default()
    };
    let ended = house.store.deliveries(&superseded).await.expect("a read");
    assert_eq!(ended[0].id, id);
    house.hear(message("e2", "d1", "two")).await;
    assert!(house.claim(LaneKind::Push).await.is_empty());
}

pub(crate) async fn a_hand_out_that_failed_can_be_sent_again(store: Arc<dyn Store>) {
    let house = pushed(store).await;
    let first = house.hear(message("e1", "d1", "one")).await;
    let held = house.claim_push().await;
    let id = queued(&house, first.chat).await[0].id;
    settle(&house, &held, id, failed(), None).await;
    let retry = |ttl_ms| Admin::RetryDelivery {
        delivery: id,
        ttl_ms,
    };
    house.admin(retry(LONG)).await;
    assert_eq!(queued(&house, first.chat).await[0].id, id, "the same id");
    let held = house.claim_push().await;
    settle(&house, &held, id, failed(), None).await;
    house
        .admin(put_mailbox("m", Door::Pull, LaneScope::Chat))
        .await;
    assert!(is_stale(&house.admin(retry(LONG)).await), "to nobody");
}

pub(crate) async fn a_backlog_is_counted_whole_and_by_its_owner(store: Arc<dyn Store>) {
    const MANY: u64 = 1100;
    let house = pushed(store).await;
    let backlog = async |owner: &str| house.store.backlog(owner).await.expect("a read");
    assert_eq!(backlog("m").await, Backlog::default());
    let first = house.hear(message("e0", "d0", "first")).await;
    let rest = (1..MANY).map(|n| {
        let event = message(&format!("e{n}"), &format!("d{}", n % 7), "hi");
        step(accept("c", event))
    });
    house.all(rest.collect()).await;
    let waits = backlog("m").await;
    assert_eq!((waits.rows, waits.oldest), (MANY, Some(first.at)));
    for other in ["c", "nobody", ""] {
        assert_eq!(backlog(other).await, Backlog::default(), "{other}");
    }

    // What is in custody waits as well; what came to an end does not.
    let lanes = house.claim(LaneKind::Push).await;
    let lane = LaneKey::hand(&"m".into(), first.chat);
    let held = lanes.into_iter().find(|it| it.lane == lane);
    let held = held.expect("it is due");
    let rows = queued(&house, first.chat).await;
    settle(&house, &held, rows[0].id, Settled::Custody, None).await;
    assert_eq!(backlog("m").await, waits);
    settle(&house, &held, rows[0].id, delivered("x"), None).await;
    let waits = backlog("m").await;
    assert_eq!(waits.rows, MANY - 1);
    assert!(waits.oldest >= Some(first.at), "{waits:?}");
}
