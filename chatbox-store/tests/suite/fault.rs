//! A step that the database refuses to carry out, among neighbours that wait for the same transaction.

use crate::suite::house::{House, accept, emit, message, step};
use chatbox_core::event::{Content, EventBody};
use chatbox_core::id::ChatId;
use chatbox_core::store::{DeliveryFilter, Emit, Outcome, Span, Step, Store};
use futures_util::future::join_all;
use std::sync::Arc;

const CALLS: i64 = 40;
const FAULTY: i64 = 20;

/// What the database must have been made to refuse as part of a body.
pub(crate) const REFUSED: &str = "poison";

/// Every call at once: on a single thread all of them wait before the writer looks, so that they are one batch.
pub(crate) async fn a_step_at_fault_fails_alone(store: Arc<dyn Store>) {
    let house = House::new(store.clone()).await;
    let chat = house.hear(message("e0", "d1", "hello")).await.chat;
    let calls = (1..=CALLS).map(|n| store.commit(vec![call(n, chat)]));
    for (n, answer) in (1..).zip(join_all(calls).await) {
        let done = answer.map(|outcomes| matches!(outcomes[..], [Outcome::Done(_)]));
        match n {
            FAULTY => assert!(done.is_err(), "it was to be refused"),
            _ => assert!(matches!(done, Ok(true)), "call {n}: {done:?}"),
        }
    }
    let rows = store.history(Span::Chat(chat), None, 1000).await;
    let seqs: Vec<i64> = rows.expect("a read").iter().map(|it| it.seq.0).collect();
    assert_eq!(seqs, (1..=CALLS).collect::<Vec<_>>(), "all but one");
    let all = DeliveryFilter {
        states: vec![],
        limit: 1000,
        ..DeliveryFilter::default()
    };
    let said = store.deliveries(&all).await.expect("a read").len();
    assert_eq!(said, 19, "nothing of it was written");
    house.hear(message("later", "d1", "still there?")).await;
}

/// Arrivals and emits by turns, one of which is refused.
fn call(n: i64, chat: ChatId) -> Step {
    match n {
        FAULTY => Step::Emit(Box::new(Emit {
            body: EventBody::Message(Content::text(REFUSED)),
            ..emit(chat, 1)
        })),
        n if n % 2 == 0 => Step::Emit(Box::new(emit(chat, 1))),
        n => step(accept("c", message(&format!("e{n}"), "d1", "hello"))),
    }
}
