//! Turns: takes lanes that are due, runs the backend, commits what it says.

mod show;
mod turn;

use crate::house::House;
use crate::id::Millis;
use crate::router;
use crate::store::{Claim, Claimed, Done, LaneKind, Outcome, Pending, Step, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Lanes are looked for at least so often, in case a hint was lost.
const SWEEP: Duration = Duration::from_secs(1);
/// How soon it is looked again at a lane that is due and could not be taken.
const OVERDUE: Duration = Duration::from_millis(50);

/// Takes due lanes until the house closes.
pub(crate) async fn run(house: Arc<House>) {
    let room = Arc::new(Semaphore::new(house.tuning.turns));
    // A house that closes must not take what it would only give back.
    while !house.closing.is_cancelled() {
        let free = room.available_permits();
        let wait = match take_due(&house, &room, free).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "lanes cannot be claimed");
                SWEEP
            }
        };
        tokio::select! {
            biased;
            () = house.closing.cancelled() => return,
            () = house.turns_due.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

/// Claims what is due and begins it. How long until something else may be due.
async fn take_due(
    house: &Arc<House>,
    room: &Arc<Semaphore>,
    free: usize,
) -> Result<Duration, StoreError> {
    if free == 0 {
        return Ok(SWEEP);
    }
    let limit = u32::try_from(free.min(64)).unwrap_or(64);
    // Only what somebody here answers: anything else would be taken for nothing, and kept from who does answer it.
    let answered = house.answered();
    let owners = match answered {
        None => vec![None],
        Some(these) => these.into_iter().map(Some).collect(),
    };
    for owner in owners {
        let claim = Claim {
            kind: LaneKind::Turn,
            owner: owner.map(|mailbox| mailbox.as_str().to_owned()),
            except: Vec::new(),
            offer: house.offer(),
            limit,
        };
        if let Outcome::Done(Done::Claimed { lanes }) =
            router::single(house, Step::Claim(claim)).await?
        {
            let full = lanes.len() == limit as usize;
            for lane in lanes {
                let room = room.clone().try_acquire_owned().ok();
                begin(house, room, lane, None);
            }
            if full {
                return Ok(Duration::ZERO);
            }
        }
    }
    until_due(house, LaneKind::Turn).await
}

/// How long until a lane of this kind is due, at most one sweep.
pub(crate) async fn until_due(house: &House, kind: LaneKind) -> Result<Duration, StoreError> {
    let Some(due) = house.store.next_due(kind).await? else {
        return Ok(SWEEP);
    };
    let Millis(now) = house.store.now().await?;
    let wait = u64::try_from(due.0.saturating_sub(now)).unwrap_or(0);
    // A lane that is due and was not claimed is somebody else's, of a connection that is down, or beyond the limit:
    // never spin on it.
    let least = if wait == 0 {
        OVERDUE
    } else {
        Duration::from_millis(5)
    };
    Ok(Duration::from_millis(wait).clamp(least, SWEEP))
}

/// Keeps a lane while `work` is done under it. Work goes on when the lane is lost, since what was begun outside cannot be
/// undone: its fence decides what is written.
pub(crate) async fn keep_lane<T>(
    house: &House,
    claimed: &Claimed,
    work: impl Future<Output = T>,
) -> T {
    let keep = async {
        turn::keep(house, claimed).await;
        std::future::pending().await
    };
    tokio::select! {
        biased;
        done = work => done,
        never = keep => never,
    }
}

/// Begins the turns of lanes that arrivals took.
pub(crate) fn begin_taken(house: &Arc<House>, taken: Vec<router::Taking>) {
    for router::Taking { claimed, pending } in taken {
        begin(house, None, claimed, pending);
    }
}

/// Begins the turn of a claimed lane, with what is pending in it where that is known.
fn begin(
    house: &Arc<House>,
    room: Option<OwnedSemaphorePermit>,
    claimed: Claimed,
    pending: Option<Pending>,
) {
    let house = house.clone();
    house.tasks.clone().spawn(async move {
        let _room = room;
        let lane = claimed.lane.clone();
        if let Err(error) = turn::one(&house, claimed, pending).await {
            tracing::error!(%error, lane = %lane.key, "a turn could not be committed");
        }
    });
}
