//! Turns: takes lanes that are due, runs the backend, commits what it says.

mod ending;
mod show;
mod turn;

use crate::house::House;
use crate::id::Millis;
use crate::lease::Lease;
use crate::router;
use crate::store::{Claim, Done, LaneKind, Outcome, Pending, Step, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

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
    let answered = house.answered().map(|these| {
        let these = these.into_iter();
        these.map(|it| it.as_str().to_owned()).collect::<Vec<_>>()
    });
    let owners = match &answered {
        None => vec![None],
        Some(these) => these.iter().cloned().map(Some).collect(),
    };
    for owner in owners {
        let asked = Instant::now();
        let claim = Claim {
            kind: LaneKind::Turn,
            owner,
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
                begin(house, room, Lease::new(house, lane, asked), None);
            }
            if full {
                return Ok(Duration::ZERO);
            }
        }
    }
    until_due(house, LaneKind::Turn, answered.as_deref()).await
}

/// How long until a lane of this kind and of one of these owners, or of anybody, is due, at most one sweep.
pub(crate) async fn until_due(
    house: &House,
    kind: LaneKind,
    owners: Option<&[String]>,
) -> Result<Duration, StoreError> {
    let wait = due_in(house, kind, owners).await?.unwrap_or(SWEEP);
    // A lane that is due and was not claimed is somebody else's by now, or beyond the limit: never spin on it.
    let least = if wait == Duration::ZERO {
        OVERDUE
    } else {
        Duration::from_millis(5)
    };
    Ok(wait.clamp(least, SWEEP))
}

/// How long until a lane of this kind and of one of these owners is due; nothing where none will be.
pub(crate) async fn due_in(
    house: &House,
    kind: LaneKind,
    owners: Option<&[String]>,
) -> Result<Option<Duration>, StoreError> {
    if owners.is_some_and(<[String]>::is_empty) {
        return Ok(None);
    }
    let Some(due) = house.store.next_due(kind, owners).await? else {
        return Ok(None);
    };
    let Millis(now) = house.store.now().await?;
    let wait = u64::try_from(due.0.saturating_sub(now)).unwrap_or(0);
    Ok(Some(Duration::from_millis(wait)))
}

/// Begins the turns of lanes that arrivals took.
pub(crate) fn begin_taken(house: &Arc<House>, taken: Vec<router::Taking>) {
    for router::Taking { lease, pending } in taken {
        begin(house, None, lease, pending);
    }
}

/// Begins the turn of a claimed lane, with what is pending in it where that is known.
fn begin(
    house: &Arc<House>,
    room: Option<OwnedSemaphorePermit>,
    lease: Lease,
    pending: Option<Pending>,
) {
    let house = house.clone();
    house.tasks.clone().spawn(async move {
        let _room = room;
        if let Err(error) = turn::one(&house, &lease, pending).await {
            tracing::error!(%error, lane = %lease.lane.key, "a turn could not be committed");
        }
    });
}
