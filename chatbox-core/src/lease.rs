//! A lane as its holder sees it: ours until our own clock says that it may soon be somebody else's.
//!
//! The store's clock decides when a lease ends. A holder that cannot reach the store cannot ask it, so it lets go by its own
//! clock, a third of the lease before: what it was doing outside is over when the next holder begins.

use crate::house::{House, millis};
use crate::id::Fence;
use crate::link::locked;
use crate::router;
use crate::store::{Claimed, LaneKey, Outcome, Renew, Step};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// A lane that was taken.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) lane: LaneKey,
    pub(crate) fence: Fence,
    /// How often the lane was taken since its last success.
    pub(crate) attempts: u32,
    until: Mutex<Instant>,
}

impl Lease {
    /// A lane that was taken by a step committed after `asked`.
    pub(crate) fn new(house: &House, claimed: Claimed, asked: Instant) -> Self {
        Self {
            lane: claimed.lane,
            fence: claimed.fence,
            attempts: claimed.attempts,
            until: Mutex::new(asked + ours(house)),
        }
    }

    /// Whether nobody else can have it yet. To be asked right before anything that cannot be taken back.
    pub(crate) fn is_ours(&self) -> bool {
        Instant::now() < self.until()
    }

    fn until(&self) -> Instant {
        *locked(&self.until)
    }

    /// Keeps it. Ends when it is lost, or may soon be.
    pub(crate) async fn keep(&self, house: &House) {
        let mut wait = house.tuning.lease / 3;
        loop {
            sleep_until((Instant::now() + wait).min(self.until())).await;
            if !self.is_ours() {
                return;
            }
            let asked = Instant::now();
            let renewed = timeout_at(self.until(), self.renew(house)).await;
            match renewed {
                Ok(Ok(Outcome::Done(_))) => {
                    *locked(&self.until) = asked + ours(house);
                    wait = house.tuning.lease / 3;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, lane = %self.lane.key, "a lease could not be renewed");
                    wait = house.tuning.lease / 30;
                }
                Ok(Ok(_)) | Err(_) => return,
            }
        }
    }

    async fn renew(&self, house: &House) -> Result<Outcome, crate::store::StoreError> {
        let renew = Renew {
            lane: self.lane.clone(),
            fence: self.fence,
            lease_ms: millis(house.tuning.lease),
        };
        router::single(house, Step::Renew(renew)).await
    }

    /// Does `work` under it; `None` when it was lost first. Then what was begun is cut off, as if the process had died: the
    /// next holder decides about it.
    pub(crate) async fn hold<T>(&self, house: &House, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.keep(house) => {
                tracing::warn!(lane = %self.lane.key, "a lane was lost; what was being done in it is cut off");
                None
            }
            done = work => Some(done),
        }
    }

    /// Lets go of a lane that is always wanted.
    pub(crate) async fn give_back(self, house: &House) {
        if !self.is_ours() {
            return;
        }
        let (until, step) = (self.until(), Renew::give_back(self.lane, self.fence));
        let given = timeout_at(until, router::single(house, Step::Renew(step))).await;
        if !matches!(given, Ok(Ok(_))) {
            tracing::warn!(?given, "a lease was not given back; it ends by itself");
        }
    }
}

/// How long a lane is ours after it was asked for.
fn ours(house: &House) -> Duration {
    house.tuning.lease * 2 / 3
}
