//! What is counted in the store, at the moment somebody looks, and the names of what this crate counts itself.

use chatbox_core::store::{Standing, Store, StoreError};
use metrics::{describe_counter, describe_gauge, gauge};

/// Tells the recorder what they mean.
pub(crate) fn describe() {
    chatbox_core::meters::describe();
    describe_gauge!(
        "chatbox_delivery_queue_depth",
        "Hand-outs to mailboxes' endpoints that have not ended"
    );
    describe_gauge!("chatbox_mailboxes", "Mailboxes, by status");
    describe_counter!(
        "chatbox_mcp_calls_total",
        "Calls of tools by agents, by tool and outcome"
    );
}

/// Looks.
pub(crate) async fn look(store: &dyn Store) -> Result<(), StoreError> {
    let depth = store.outbox_depth().await?;
    gauge!("chatbox_outbox_depth").set(float(depth.all()));
    gauge!("chatbox_delivery_queue_depth").set(float(depth.hand_outs));
    let mailboxes = store.mailboxes().await?;
    let count = |standing| {
        mailboxes
            .iter()
            .filter(|it| it.standing == standing)
            .count()
    };
    for (status, standing) in [
        ("active", Standing::Active),
        ("paused", Standing::Paused),
        ("archived", Standing::Archived),
    ] {
        gauge!("chatbox_mailboxes", "status" => status).set(float(count(standing) as u64));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn float(number: u64) -> f64 {
    number as f64
}
