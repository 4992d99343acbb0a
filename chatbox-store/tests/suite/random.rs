//! Random steps on the model and on another store: every outcome and every read must be equal, times aside.
//!
//! Waits are either over at once or longer than the test, and leases either ended or longer than the test, so that
//! the clock decides nothing. `SUITE_SEED` repeats one run, `SUITE_ROUNDS` makes more of them.

mod look;
mod play;

use super::house::House;
use chatbox_core::store::Store;
use play::Play;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;

/// Which runs to make.
pub(crate) fn seeds(rounds: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse().ok());
    if let Some(seed) = number("SUITE_SEED") {
        return vec![seed];
    }
    let rounds = number("SUITE_ROUNDS").unwrap_or(rounds);
    (0..rounds).map(|_| rand::random()).collect()
}

/// Plays so many random calls on both and compares them.
pub(crate) async fn compare(model: Arc<dyn Store>, other: Arc<dyn Store>, seed: u64, calls: usize) {
    let (model, other) = (House { store: model }, House { store: other });
    let mut play = Play::new(StdRng::seed_from_u64(seed), model.clone());
    for call in 0..calls {
        let steps = match call {
            0 => play.set_up(),
            _ => play.next().await,
        };
        let told = format!("{steps:#?}");
        let expected = look::outcomes(&model.all(steps.clone()).await);
        let got = look::outcomes(&other.all(steps).await);
        assert_eq!(got, expected, "seed {seed}, call {call}: {told}");
        play.learn(&expected);
        if call % 25 == 0 || call + 1 == calls {
            let expected = look::everything(&model.store).await;
            let got = look::everything(&other.store).await;
            for (expected, got) in expected.iter().zip(&got) {
                assert_eq!(got, expected, "seed {seed}, after call {call}: {told}");
            }
            assert_eq!(got.len(), expected.len());
        }
    }
}
