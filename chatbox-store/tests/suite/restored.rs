//! What a database that was brought back does: nothing twice, and everything new.

use crate::suite::house::{
    DONE, House, LONG, accept, add_connection, delivered, emit, message, put_mailbox, step,
};
use chatbox_core::event::EventBody;
use chatbox_core::id::Seq;
use chatbox_core::store::{Admin, DeliveryFilter, DeliveryState, Door, LaneKind, LaneScope, Store};
use chatbox_store::Doubtful;
use std::sync::Arc;

/// Leaves one answer half sent, one message with a turn under way, one with none, and one not yet handed out.
pub(crate) async fn busy(store: Arc<dyn Store>) -> Vec<Seq> {
    let house = House::with_scope(store, LaneScope::Chat).await;
    house
        .admin(put_mailbox("w", Door::Push, LaneScope::Chat))
        .await;
    house.admin(add_connection("cw", "w", "beta", "them")).await;
    let first = house.hear(message("1", "d1", "first")).await;
    let held = house.claim_turn().await;
    house.end(&held, DONE, vec![emit(first.chat, 2)]).await;
    let held = house.claim_out().await;
    let queued = house.store.queued(&held.lane, 9).await.expect("a read");
    house.settle(&held, queued[0].id, delivered("there")).await;
    let second = house.hear(message("2", "d2", "second")).await;
    house.claim_turn().await;
    let third = house.hear(message("3", "d3", "third")).await;
    house
        .one(step(accept("cw", message("4", "d4", "fourth"))))
        .await;
    vec![second.seq, third.seq]
}

/// Nothing of it is done again; all of it is told; what comes afterwards is answered and has a name of its own.
pub(crate) async fn at_rest(store: Arc<dyn Store>, doubtful: &Doubtful, unanswered: Vec<Seq>) {
    let told = Doubtful {
        deliveries: 2,
        unanswered,
    };
    assert_eq!(*doubtful, told);
    let house = House { store };
    assert!(house.claim(LaneKind::Turn).await.is_empty());
    assert!(house.claim(LaneKind::Out).await.is_empty());
    let filter = DeliveryFilter {
        states: vec![DeliveryState::Unknown],
        limit: 9,
        ..DeliveryFilter::default()
    };
    let unknown = house.store.deliveries(&filter).await.expect("a read");
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    let why = |reason: &Option<String>| reason.as_deref() == Some("restored from a backup");
    assert!(unknown.iter().all(|it| why(&it.reason)), "{unknown:?}");
    for seq in &doubtful.unanswered {
        let row = house.row(*seq).await;
        let after = house
            .store
            .since(row.chat, row.seq, 9)
            .await
            .expect("a read");
        let told = |body: &EventBody| matches!(body, EventBody::Outcome { of, state, .. } if of == seq && state == "dead_letter");
        assert!(after.iter().any(|row| told(&row.body)), "{after:?}");
    }

    let next = house.hear(message("5", "d2", "fifth")).await;
    assert!(next.seq.0 > 1_000_000_000, "{next:?}");
    let held = house.claim_turn().await;
    let pending = house.pending_seqs(&held.lane).await;
    assert_eq!(pending.last(), Some(&next.seq.0));
    assert!(
        pending.iter().all(|seq| *seq > 1_000_000_000),
        "{pending:?}"
    );
    house.end(&held, DONE, vec![emit(next.chat, 1)]).await;
    let held = house.claim_out().await;
    let queued = house.store.queued(&held.lane, 9).await.expect("a read");
    assert!(queued[0].id.0 > 1_000_000_000, "{queued:?}");
    house
        .settle(&held, queued[0].id, delivered("there too"))
        .await;

    let again = unknown.iter().find(|it| it.lane.owner == "c");
    let again = again.expect("the half that was not sent").id;
    let retry = Admin::RetryDelivery {
        delivery: again,
        ttl_ms: LONG,
    };
    house.admin(retry).await;
    let held = house.claim_out().await;
    let queued = house.store.queued(&held.lane, 9).await.expect("a read");
    assert_eq!(queued[0].id, again, "a person may have it sent");
}
