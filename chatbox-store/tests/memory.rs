//! The store suite, run on the model itself.

mod suite;

use chatbox_core::store::{MemoryStore, Store};
use std::sync::Arc;

#[expect(clippy::unused_async, reason = "opening the other stores awaits")]
async fn open() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

every_scenario!(open);

/// Two models cannot differ: this proves that what the comparison does not look at is time and nothing else.
#[tokio::test]
async fn random_steps_agree_with_the_model() {
    for seed in suite::random::seeds(20) {
        let (model, other) = (open().await.0, open().await.0);
        suite::random::compare(model, other, seed, 150).await;
    }
}
