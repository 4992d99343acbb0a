//! Service events, told to those who subscribed.

use super::house::{
    House, LONG, accept, accepted, add_connection, changed, message, put_mailbox, settle, step,
};
use chatbox_core::id::{ChatId, DeliveryId};
use chatbox_core::store::{
    Admin, Delivery, Door, EVENTS_WAITING, LaneKey, LaneKind, LaneScope, Parcel, ServiceEvent,
    ServiceKind, Settled, Standing, Step, Store, Subscription, Switch,
};
use std::sync::Arc;

async fn subscribe(house: &House, account: &str, id: &str, events: &[ServiceKind]) {
    let subscribe = Admin::Subscribe {
        account: account.into(),
        id: id.to_owned(),
        events: events.to_vec(),
    };
    assert_eq!(changed(&house.admin(subscribe).await), 1);
}

async fn told(house: &House, id: &str) -> Vec<ServiceEvent> {
    let queued = house.store.queued(&LaneKey::events(id), 2000).await;
    let event = |delivery: Delivery| match delivery.parcel {
        Parcel::Event { event } => event,
        other => panic!("an event was expected: {other:?}"),
    };
    queued.expect("a read").into_iter().map(event).collect()
}

async fn kinds(house: &House, id: &str) -> Vec<ServiceKind> {
    told(house, id).await.iter().map(|it| it.kind).collect()
}

async fn one(house: &House, id: &str) -> Subscription {
    let all = house.store.subscriptions(None).await.expect("a read");
    let found = all.into_iter().find(|it| it.id == id);
    found.expect("a subscription")
}

pub(crate) async fn a_new_chat_is_told_once_in_its_account(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    subscribe(&house, "home", "s", &[ServiceKind::NewChat]).await;
    subscribe(&house, "away", "t", &ServiceKind::ALL).await;
    subscribe(&house, "home", "u", &[ServiceKind::FocusChanged]).await;
    let arrivals = (0..6).map(|n| {
        let handle = format!("g{}", n % 2);
        step(accept("c", message(&format!("e{n}"), &handle, "hello")))
    });
    house.all(arrivals.collect()).await;
    house.hear(message("e9", "g1", "again")).await;
    let events = told(&house, "s").await;
    let chats: Vec<Option<ChatId>> = events.iter().map(|it| it.chat).collect();
    assert_eq!(chats, [Some(ChatId(1)), Some(ChatId(2))]);
    assert_eq!(events[0].mailbox, "m".into());
    assert_eq!(events[0].connection, Some("c".into()));
    assert!(told(&house, "t").await.is_empty(), "another account's");
    assert!(told(&house, "u").await.is_empty(), "another kind");
    let held = house.claim_push().await;
    assert_eq!(held.lane, LaneKey::events("s"));
}

pub(crate) async fn what_failed_and_what_paused_is_told(store: Arc<dyn Store>) {
    let house = House { store };
    house
        .admin(put_mailbox("m", Door::Push, LaneScope::Chat))
        .await;
    house.admin(add_connection("c", "m", "alpha", "us")).await;
    let kinds_heard = [
        ServiceKind::DeliveryFailed,
        ServiceKind::MailboxPaused,
        ServiceKind::MailboxUnpaused,
    ];
    subscribe(&house, "home", "s", &kinds_heard).await;
    house.hear(message("e1", "7", "hello")).await;
    let held = house.claim_push().await;
    let reason = "no such place".to_owned();
    let mut failed = settle(&held, Some(DeliveryId(1)), Settled::Failed { reason });
    if let Step::Settle(settle) = &mut failed {
        settle.pause_after = Some(1);
    }
    house.one(failed).await;
    let events = told(&house, "s").await;
    assert_eq!(events[0].kind, ServiceKind::DeliveryFailed);
    assert_eq!(events[0].delivery, Some(DeliveryId(1)));
    assert_eq!(events[0].chat, Some(ChatId(1)));
    assert_eq!(events[0].reason.as_deref(), Some("no such place"));
    assert_eq!(events[1].kind, ServiceKind::MailboxPaused);
    for standing in [Standing::Active, Standing::Active] {
        let mailbox = "m".into();
        house.admin(Admin::SetStanding { mailbox, standing }).await;
    }
    assert_eq!(kinds(&house, "s").await, kinds_heard, "each once");
}

pub(crate) async fn a_switch_and_a_link_are_told(store: Arc<dyn Store>) {
    let house = House { store };
    house
        .admin(put_mailbox("m", Door::Pull, LaneScope::Chat))
        .await;
    house.admin(add_connection("c", "m", "alpha", "us")).await;
    let chat = accepted(house.one(step(accept("c", message("e1", "7", "x")))).await).chat;
    subscribe(&house, "home", "s", &ServiceKind::ALL).await;
    for to in [Some(chat), Some(chat), None] {
        let mailbox = "m".into();
        house.one(Step::Switch(Switch { mailbox, to })).await;
    }
    for up in [true, false] {
        let report = Admin::ReportLink {
            connection: "c".into(),
            up,
            reason: (!up).then(|| "refused".to_owned()),
        };
        house.admin(report).await;
    }
    let events = told(&house, "s").await;
    let seen: Vec<_> = events.iter().map(|it| (it.kind, it.chat)).collect();
    let expected = [
        (ServiceKind::FocusChanged, Some(chat)),
        (ServiceKind::FocusChanged, None),
        (ServiceKind::ConnectionUp, None),
        (ServiceKind::ConnectionDown, None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(events[3].reason.as_deref(), Some("refused"));
}

pub(crate) async fn too_many_are_dropped_and_counted(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    subscribe(&house, "home", "s", &[ServiceKind::ConnectionUp]).await;
    let report = || {
        Step::Admin(Box::new(Admin::ReportLink {
            connection: "c".into(),
            up: true,
            reason: None,
        }))
    };
    let many = EVENTS_WAITING as usize + 3;
    house.all((0..many).map(|_| report()).collect()).await;
    assert_eq!(told(&house, "s").await.len(), EVENTS_WAITING as usize);
    assert_eq!(one(&house, "s").await.dropped, 3);
    let gone = Admin::Unsubscribe {
        account: "home".into(),
        id: "s".to_owned(),
    };
    house.admin(gone).await;
    assert!(told(&house, "s").await.is_empty());
    assert!(house.claim_for(LaneKind::Push, LONG).await.is_empty());
}

pub(crate) async fn a_subscription_is_paused_by_its_own_failures(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    subscribe(&house, "home", "s", &ServiceKind::ALL).await;
    house.hear(message("e1", "g1", "hello")).await;
    house.hear(message("e2", "g2", "hello")).await;
    let held = house.claim_push().await;
    let reason = "no".to_owned();
    let mut failed = settle(&held, Some(DeliveryId(1)), Settled::Failed { reason });
    if let Step::Settle(settle) = &mut failed {
        settle.pause_after = Some(1);
    }
    house.one(failed).await;
    let paused = one(&house, "s").await;
    assert_eq!((paused.standing, paused.fails), (Standing::Paused, 1));
    assert_eq!(
        kinds(&house, "s").await,
        [ServiceKind::NewChat],
        "no news of it"
    );
    house
        .one(settle(&held, None, Settled::Release { after_ms: 0 }))
        .await;
    assert!(house.claim(LaneKind::Push).await.is_empty(), "it waits");
    let mailbox = "s".into();
    let standing = Standing::Active;
    house.admin(Admin::SetStanding { mailbox, standing }).await;
    assert_eq!(house.claim_push().await.lane, LaneKey::events("s"));
}
