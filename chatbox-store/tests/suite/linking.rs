//! Who reads a connection, where several could.

use super::house::{House, accept, accepted, is_stale, message, only, step};
use chatbox_core::connector::Cursor;
use chatbox_core::id::{ConnectionId, Fence};
use chatbox_core::store::{Accept, Admin, LaneKey, LaneKind, Outcome, Renew, Skip, Step, Store};
use std::sync::Arc;

fn read_under(fence: i64, event: &str) -> Step {
    step(Accept {
        fence: Some(Fence(fence)),
        cursor: Some(Cursor(format!("{fence}/{event}"))),
        ..accept("c", message(event, "d1", "hello"))
    })
}

async fn cursor(house: &House) -> Option<String> {
    let row = house.store.connection(&ConnectionId::new("c")).await;
    let row = row.expect("a read").expect("connected");
    row.cursor.map(|it| it.0)
}

pub(crate) async fn a_connection_is_read_by_one_at_a_time(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let held = only(house.claim(LaneKind::Link).await);
    assert_eq!(held.lane, LaneKey::link(&"c".into()));
    assert!(house.claim(LaneKind::Link).await.is_empty());
    let back = Renew::give_back(held.lane.clone(), held.fence);
    house.one(Step::Renew(back.clone())).await;
    let next = only(house.claim(LaneKind::Link).await);
    assert_eq!(next.fence, Fence(held.fence.0 + 1));
    // Who gave it back has nothing left to give.
    let twice = house.one(Step::Renew(back)).await;
    assert!(matches!(twice, Outcome::Fenced), "{twice:?}");
    assert!(house.claim(LaneKind::Link).await.is_empty());
}

pub(crate) async fn who_lost_the_connection_takes_nothing_in(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    only(house.claim_for(LaneKind::Link, -1).await);
    accepted(house.one(read_under(1, "e1")).await);
    only(house.claim(LaneKind::Link).await);
    let skip = Step::Skip(Skip {
        connection: "c".into(),
        cursor: Cursor("skipped".to_owned()),
        fence: Some(Fence(1)),
    });
    let outcomes = house
        .all(vec![read_under(1, "e2"), skip, read_under(2, "e2")])
        .await;
    assert!(matches!(outcomes[0], Outcome::Fenced), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Fenced), "{outcomes:?}");
    accepted(outcomes[2].clone());
    assert_eq!(cursor(&house).await.as_deref(), Some("2/e2"));
    // What is handed in from outside is nobody's reading.
    accepted(
        house
            .one(step(accept("c", message("e3", "d1", "three"))))
            .await,
    );
}

pub(crate) async fn a_removed_connection_is_nobodys(store: Arc<dyn Store>) {
    let house = House::new(store).await;
    let held = only(house.claim(LaneKind::Link).await);
    let connection = ConnectionId::new("c");
    house.admin(Admin::RemoveConnection { connection }).await;
    assert!(is_stale(&house.one(read_under(held.fence.0, "e1")).await));
    assert_eq!(house.next_due(LaneKind::Link).await, None);
    assert!(house.claim(LaneKind::Link).await.is_empty());
}
