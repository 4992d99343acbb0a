//! The push door: hands rows to a mailbox's own endpoint, in order in each chat, service events to a subscription's, and
//! settles every one of them. The endpoint says what became of one attempt; when the next one is due is decided with it, and
//! kept in the outbox. One that has too much to do, or is dead, takes no room from the others.

mod drain;
mod passing;
mod settling;

pub(crate) use passing::{Came, Passed, Passing};

use crate::dispatch::until_due;
use crate::house::House;
use crate::id::{DeliveryId, MailboxId, Millis};
use crate::lease::Lease;
use crate::room::Place;
use crate::router;
use crate::store::{Chat, Claim, Done, LaneKind, LogRow, Outcome, ServiceEvent, Step, StoreError};
use async_trait::async_trait;
use drain::drain;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// So many lanes are claimed at once: no more than a few of one that is full are held for nothing.
const CLAIM: usize = 16;
/// How soon it is looked again where somebody is handed as much as may be at once.
const CROWDED: Duration = Duration::from_millis(250);
/// Lanes are looked for at least so often, in case a hint was lost.
const SWEEP: Duration = Duration::from_secs(1);

/// Where messages of mailboxes that are pushed go, and service events: webhooks, or whatever an embedder puts there.
#[async_trait]
pub trait Endpoint: Debug + Send + Sync + 'static {
    /// Hands one thing over, once. Called again for the same delivery, it is the same hand-out: whoever receives knows it by
    /// its id. Must end well within a lane's lease or be cut off by its own timeout.
    async fn hand(&self, hand_out: &HandOut) -> Handed;
}

/// One thing on its way to an endpoint.
#[derive(Clone, Debug)]
pub struct HandOut {
    /// Which. The same in every attempt.
    pub delivery: DeliveryId,
    /// How many attempts came to nothing before.
    pub attempts: u32,
    /// When it was to be handed out first.
    pub at: Millis,
    /// What it is, and whose.
    pub item: Item,
}

/// What is handed out.
#[derive(Clone, Debug)]
pub enum Item {
    /// A row, to its mailbox.
    Row {
        /// Whose.
        mailbox: MailboxId,
        /// Whether the mailbox looked at the chat when the row came in.
        focal: bool,
        /// The row's chat.
        chat: Box<Chat>,
        /// The row, as it reads now.
        row: Box<LogRow>,
    },
    /// A service event, to a subscription.
    Event {
        /// Whose.
        subscription: String,
        /// What happened.
        event: ServiceEvent,
    },
}

/// What became of one attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handed {
    /// It was taken.
    Delivered,
    /// Not now.
    Retry {
        /// The next attempt is due after this.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// It will not be taken: the answer was final, or there were enough attempts.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody is there any more: the mailbox is paused, and what waits goes on waiting.
    Gone {
        /// Why.
        reason: String,
    },
}

/// A push lane taken by an arrival, with the place that was kept for it, and what is handed out first where that is known.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) lease: Lease,
    pub(crate) place: Place,
    pub(crate) first: Option<HandOut>,
    pub(crate) came: Came,
}

/// A place for an arrival's hand-out, if it can be handed out at once from here.
pub(crate) fn place(house: &House, mailbox: &MailboxId) -> Option<Place> {
    let is_open = !house.closing.is_cancelled() && house.endpoint().is_some();
    is_open
        .then(|| house.rooms.new_place(mailbox.as_str(), house.tuning.hands))
        .flatten()
}

/// Hands out what is due until the house closes.
pub(crate) async fn run(house: Arc<House>) {
    while !house.closing.is_cancelled() {
        let wait = match take_due(&house).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "hand-outs cannot be claimed");
                SWEEP
            }
        };
        tokio::select! {
            biased;
            () = house.closing.cancelled() => return,
            () = house.hands_due.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

/// Claims what is due and begins it. How long until something else may be due.
async fn take_due(house: &Arc<House>) -> Result<Duration, StoreError> {
    let Some(endpoint) = house.endpoint() else {
        return Ok(SWEEP);
    };
    loop {
        let limit = house.rooms.left().min(CLAIM);
        if limit == 0 {
            return Ok(SWEEP);
        }
        let asked = Instant::now();
        let claim = Claim {
            kind: LaneKind::Push,
            owner: None,
            except: house.rooms.full(),
            offer: house.offer(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let outcome = router::single(house, Step::Claim(claim)).await?;
        let Outcome::Done(Done::Claimed { lanes }) = outcome else {
            return Ok(SWEEP);
        };
        let left = lanes.len() == limit;
        for lane in lanes {
            // Taken now if there is room, so that the next claim sees who is full.
            let place = house.rooms.place(&lane.lane.owner, house.tuning.hands);
            let came = house.passing.open(&lane.lane);
            let lease = Lease::new(house, lane, asked);
            begin(house, endpoint.clone(), place, lease, (None, came));
        }
        if !left {
            let wait = until_due(house, LaneKind::Push, None).await?;
            // What is due of those who are full is looked at when one of them has room again.
            let least = match house.rooms.is_crowded() {
                true => CROWDED,
                false => Duration::ZERO,
            };
            return Ok(wait.max(least));
        }
    }
}

/// Begins the hand-outs of lanes that arrivals took.
pub(crate) fn begin_taken(house: &Arc<House>, taken: Vec<Taking>) {
    let Some(endpoint) = house.endpoint() else {
        return;
    };
    for Taking {
        lease,
        place,
        first,
        came,
    } in taken
    {
        begin(house, endpoint.clone(), Some(place), lease, (first, came));
    }
}

fn begin(
    house: &Arc<House>,
    endpoint: Arc<dyn Endpoint>,
    place: Option<Place>,
    lease: Lease,
    known: (Option<HandOut>, Came),
) {
    let house = house.clone();
    house.tasks.clone().spawn(async move {
        let work = async {
            let (rooms, owner) = (&house.rooms, &lease.lane.owner);
            let _place = match place {
                Some(place) => Some(place),
                None => rooms.wait(owner, house.tuning.hands).await,
            };
            drain(&house, &*endpoint, &lease, known).await
        };
        let is_drained = match lease.hold(&house, work).await {
            Some(Ok(is_drained)) => is_drained,
            Some(Err(error)) => {
                tracing::error!(%error, lane = %lease.lane.key, "a hand-out could not be settled");
                false
            }
            None => false,
        };
        // Looking for lanes is a commit: only where this one is due later. Who waits for the place is told by its end.
        if !is_drained {
            house.hands_due.notify_one();
        }
    });
}
