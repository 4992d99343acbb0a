//! What became of hand-outs, on its way to the store. What was taken is settled while the next is handed out already: should
//! this process die in between, both are handed out again, in their order and under their ids.

use super::Handed;
use crate::connector::Receipt;
use crate::house::{House, millis};
use crate::id::DeliveryId;
use crate::lease::Lease;
use crate::store::{Done, Outcome, ServiceKind, Settle, Settled, Step, StoreError};
use crate::{meters, router};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::pin::pin;

/// So much is settled at once of a lane.
const AT_ONCE: usize = 64;

/// What is left of a lane. Of several answers the greatest counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Left {
    /// Rows, and the lane is still ours.
    More,
    /// The same, and nobody is handed anything: it is to be given back.
    Paused,
    /// Rows that wait, or the lane is somebody else's.
    Later,
    /// Nothing: it rests.
    Nothing,
}

/// What became of one.
#[derive(Debug)]
pub(super) struct Became {
    pub(super) to: Settled,
    pub(super) pause_after: Option<u32>,
}

impl Became {
    /// What an endpoint's answer means.
    pub(super) fn of(handed: Handed, house: &House) -> Self {
        let (to, pause_after) = match handed {
            Handed::Delivered => {
                let receipt = Receipt::default();
                (Settled::Delivered { receipt }, None)
            }
            Handed::Retry { after, reason } => {
                let after_ms = millis(after);
                tracing::debug!(reason, after_ms, "not handed out yet");
                (Settled::Retry { after_ms, reason }, None)
            }
            Handed::Failed { reason } => {
                tracing::warn!(reason, "not handed out");
                (Settled::Failed { reason }, Some(house.tuning.pause_after))
            }
            Handed::Gone { reason } => {
                tracing::warn!(reason, "nobody is there: the mailbox is paused");
                let after_ms = 0;
                (Settled::Retry { after_ms, reason }, Some(0))
            }
        };
        Self { to, pause_after }
    }

    fn is_taken(&self) -> bool {
        matches!(self.to, Settled::Delivered { .. })
    }
}

/// What is being settled of one lane.
pub(super) struct Settling<'a> {
    house: &'a House,
    lease: &'a Lease,
    open: FuturesUnordered<BoxFuture<'a, Result<Left, StoreError>>>,
    /// What is left, as far as is known.
    pub(super) left: Left,
}

impl<'a> Settling<'a> {
    pub(super) fn new(house: &'a House, lease: &'a Lease) -> Self {
        Self {
            house,
            lease,
            open: FuturesUnordered::new(),
            left: Left::More,
        }
    }

    /// Whether more may be handed out.
    pub(super) fn is_ours(&self) -> bool {
        self.left == Left::More && self.lease.is_ours()
    }

    /// Does something while what is being settled goes on.
    pub(super) async fn beside<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, StoreError> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                Some(left) = self.open.next() => self.left = self.left.max(left?),
            }
        }
    }

    /// Settles what became of one: in a moment if it was taken; else now, after those before it.
    pub(super) async fn settle(
        &mut self,
        delivery: DeliveryId,
        became: Became,
        event: Option<ServiceKind>,
    ) -> Result<(), StoreError> {
        count(&became.to, event);
        let may_wait = became.is_taken();
        let is_final = ended(&became.to).is_some();
        let settle = Settle {
            lane: self.lease.lane.clone(),
            fence: self.lease.fence,
            delivery: Some(delivery),
            to: became.to,
            pause_after: became.pause_after,
            may_wait,
        };
        if may_wait {
            let settled = commit(self.house, settle, is_final);
            self.open.push(Box::pin(settled));
            while self.open.len() > AT_ONCE {
                self.next().await?;
            }
        } else {
            self.all().await?;
            if self.is_held() {
                self.left = commit(self.house, settle, is_final).await?;
            }
        }
        Ok(())
    }

    /// Waits until everything is settled.
    pub(super) async fn all(&mut self) -> Result<(), StoreError> {
        while !self.open.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(), StoreError> {
        if let Some(left) = self.open.next().await {
            self.left = self.left.max(left?);
        }
        Ok(())
    }

    /// Whether the lane is ours as far as the store has said: what was begun in it can be settled.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.left, Left::More | Left::Paused)
    }

    /// Gives the lane back, with what is left in it.
    pub(super) async fn release(&mut self) -> Result<(), StoreError> {
        self.all().await?;
        if self.is_held() {
            self.left = release(self.house, self.lease).await?;
        }
        Ok(())
    }
}

async fn release(house: &House, lease: &Lease) -> Result<Left, StoreError> {
    let settle = Settle {
        lane: lease.lane.clone(),
        fence: lease.fence,
        delivery: None,
        to: Settled::Release { after_ms: 0 },
        pause_after: None,
        may_wait: false,
    };
    commit(house, settle, false).await
}

/// What is left of the lane. A row that was decided otherwise meanwhile is passed over.
async fn commit(house: &House, settle: Settle, is_final: bool) -> Result<Left, StoreError> {
    let outcome = router::single(house, Step::Settle(Box::new(settle))).await?;
    Ok(match outcome {
        // Given back once what is being handed out is settled: before, it could not be.
        Outcome::Done(Done::Settled { more, paused }) if more && paused => Left::Paused,
        Outcome::Done(Done::Settled { more: true, .. }) | Outcome::Stale => Left::More,
        Outcome::Done(_) if is_final => Left::Nothing,
        _ => Left::Later,
    })
}

fn count(to: &Settled, event: Option<ServiceKind>) {
    match (ended(to), event) {
        (None, _) => {}
        (Some(outcome), Some(kind)) => meters::event_ended(kind, outcome),
        (Some(outcome), None) => meters::hand_out_ended(outcome),
    }
}

/// How a hand-out ended, if it did.
fn ended(to: &Settled) -> Option<&'static str> {
    match to {
        Settled::Delivered { .. } => Some("delivered"),
        Settled::Failed { .. } => Some("failed"),
        Settled::Expired => Some("expired"),
        Settled::Unknown { .. } => Some("unknown"),
        Settled::Custody | Settled::Retry { .. } | Settled::Release { .. } => None,
    }
}
