//! The one way in and the one way out.

mod accept;
mod announce;
mod emit;
mod policy;
mod say;

pub use say::Say;

pub(crate) use accept::{Taken, Taking, ToFetch, accept};
pub(crate) use announce::{announce_emitted, announce_positions};
pub(crate) use emit::{complete, compose, notice, take_back};
pub(crate) use policy::refresh;
pub(crate) use say::{Terms, newest_dm, say};

use crate::house::{House, wall_clock};
use crate::id::Millis;
use crate::store::{Outcome, Step, StoreError};

/// Commits one step.
pub(crate) async fn single(house: &House, step: Step) -> Result<Outcome, StoreError> {
    let outcome = house.store.commit(vec![step]).await?.pop();
    outcome.ok_or_else(|| StoreError::Failed("a step was not answered".to_owned()))
}

/// The time by which codes and links expire.
pub(crate) fn now() -> Millis {
    wall_clock()
}
