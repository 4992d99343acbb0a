//! The push door: hands rows to a mailbox's own endpoint, in order in each chat, service events to a subscription's, and
//! settles every one of them. The endpoint says what became of one attempt; when the next one is due is decided with it, and
//! kept in the outbox. One that has too much to do, or is dead, takes no room from the others.

use crate::dispatch::until_due;
use crate::house::{House, millis};
use crate::id::{DeliveryId, MailboxId, Millis};
use crate::lease::Lease;
use crate::room::Place;
use crate::store::{
    Chat, Claim, Delivery, Done, LaneKind, LogRow, Outcome, Parcel, ServiceEvent, ServiceKind,
    Settle, Settled, Step, StoreError,
};
use crate::{meters, router};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// So many lanes are claimed at once: no more than a few of one that is full are held for nothing.
const CLAIM: usize = 16;
/// How soon it is looked again where somebody is handed as much as may be at once.
const CROWDED: Duration = Duration::from_millis(250);
/// How many rows of a lane are read at once.
const ROWS: u32 = 32;
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
            let lease = Lease::new(house, lane, asked);
            begin(house, endpoint.clone(), place, lease, None);
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
    } in taken
    {
        begin(house, endpoint.clone(), Some(place), lease, first);
    }
}

fn begin(
    house: &Arc<House>,
    endpoint: Arc<dyn Endpoint>,
    place: Option<Place>,
    lease: Lease,
    first: Option<HandOut>,
) {
    let house = house.clone();
    house.tasks.clone().spawn(async move {
        let work = async {
            let (rooms, owner) = (&house.rooms, &lease.lane.owner);
            let _place = match place {
                Some(place) => Some(place),
                None => rooms.wait(owner, house.tuning.hands).await,
            };
            drain(&house, &*endpoint, &lease, first).await
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

/// Hands out the rows of a claimed lane in order, until none is left or one must wait. Whether none is left.
#[tracing::instrument(skip_all, fields(owner = %lease.lane.owner, lane = %lease.lane.key))]
async fn drain(
    house: &House,
    endpoint: &dyn Endpoint,
    lease: &Lease,
    first: Option<HandOut>,
) -> Result<bool, StoreError> {
    let owner = &lease.lane.owner;
    let mut left = Left::More;
    let mut begun = false;
    if let Some(hand_out) = first {
        let became = attempt(endpoint, house, &hand_out).await;
        left = decide(house, lease, hand_out.delivery, became, None).await?;
        begun = true;
    }
    while left == Left::More {
        // A chat that never falls silent must not keep its place from those who wait for one.
        let ends = begun && house.rooms.is_crowded_for(owner) || house.closing.is_cancelled();
        let rows = match ends {
            true => Vec::new(),
            false => house.store.queued(&lease.lane, ROWS).await?,
        };
        if rows.is_empty() {
            let release = Settled::Release { after_ms: 0 };
            left = settle(house, lease, None, release, None).await?;
            break;
        }
        for row in &rows {
            if !lease.is_ours() {
                return Ok(false);
            }
            let became = one(house, endpoint, row).await?;
            let event = match &row.parcel {
                Parcel::Event { event } => Some(event.kind),
                _ => None,
            };
            left = decide(house, lease, row.id, became, event).await?;
            begun = true;
            let ends = house.rooms.is_crowded_for(owner) || house.closing.is_cancelled();
            if left != Left::More || ends {
                break;
            }
        }
    }
    Ok(left == Left::Nothing)
}

/// What is left of a lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Nothing: it rests.
    Nothing,
    /// Rows, and the lane is still ours.
    More,
    /// Rows that wait, or the lane is somebody else's.
    Later,
}

/// Settles what became of one.
async fn decide(
    house: &House,
    lease: &Lease,
    delivery: DeliveryId,
    (to, pause_after): (Settled, Option<u32>),
    event: Option<ServiceKind>,
) -> Result<Left, StoreError> {
    if let Some(outcome) = ended(&to) {
        match event {
            Some(kind) => meters::event_ended(kind, outcome),
            None => meters::hand_out_ended(outcome),
        }
    }
    settle(house, lease, Some(delivery), to, pause_after).await
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

/// One attempt with one row: what becomes of it, and after how many failures in a row the mailbox pauses.
async fn one(
    house: &House,
    endpoint: &dyn Endpoint,
    delivery: &Delivery,
) -> Result<(Settled, Option<u32>), StoreError> {
    let Millis(now) = house.store.now().await?;
    if now >= delivery.expires.0 {
        return Ok((Settled::Expired, Some(house.tuning.pause_after)));
    }
    let Some(hand_out) = hand_out(house, delivery).await? else {
        let reason = "there is nothing left to hand out".to_owned();
        return Ok((Settled::Failed { reason }, None));
    };
    Ok(attempt(endpoint, house, &hand_out).await)
}

async fn attempt(
    endpoint: &dyn Endpoint,
    house: &House,
    hand_out: &HandOut,
) -> (Settled, Option<u32>) {
    let delivery = hand_out.delivery;
    let began = Instant::now();
    let handed = endpoint.hand(hand_out).await;
    meters::hand_out_tried(began.elapsed());
    match handed {
        Handed::Delivered => {
            let receipt = crate::connector::Receipt::default();
            (Settled::Delivered { receipt }, None)
        }
        Handed::Retry { after, reason } => {
            let after_ms = millis(after);
            tracing::debug!(delivery = %delivery, reason, after_ms, "not handed out yet");
            (Settled::Retry { after_ms, reason }, None)
        }
        Handed::Failed { reason } => {
            tracing::warn!(delivery = %delivery, reason, "not handed out");
            (Settled::Failed { reason }, Some(house.tuning.pause_after))
        }
        Handed::Gone { reason } => {
            tracing::warn!(delivery = %delivery, reason, "nobody is there: the mailbox is paused");
            let after_ms = 0;
            (Settled::Retry { after_ms, reason }, Some(0))
        }
    }
}

async fn hand_out(house: &House, delivery: &Delivery) -> Result<Option<HandOut>, StoreError> {
    let item = match &delivery.parcel {
        Parcel::Perform(_) => return Ok(None),
        Parcel::Event { event } => Item::Event {
            subscription: delivery.lane.owner.clone(),
            event: event.clone(),
        },
        Parcel::Hand { focal } => {
            let chat = house.store.chat(delivery.chat).await?;
            let row = house.store.row(delivery.seq).await?;
            let (Some(chat), Some(row)) = (chat, row) else {
                return Ok(None);
            };
            Item::Row {
                mailbox: MailboxId::new(delivery.lane.owner.clone()),
                focal: *focal,
                chat: Box::new(chat),
                row: Box::new(row),
            }
        }
    };
    Ok(Some(HandOut {
        delivery: delivery.id,
        attempts: delivery.attempts,
        at: delivery.at,
        item,
    }))
}

/// What is left of the lane. A row that was decided otherwise meanwhile is passed over.
async fn settle(
    house: &House,
    lease: &Lease,
    delivery: Option<DeliveryId>,
    to: Settled,
    pause_after: Option<u32>,
) -> Result<Left, StoreError> {
    let is_final = ended(&to).is_some();
    let settle = Step::Settle(Box::new(Settle {
        lane: lease.lane.clone(),
        fence: lease.fence,
        delivery,
        to,
        pause_after,
    }));
    Ok(match router::single(house, settle).await? {
        Outcome::Done(Done::Settled { more, paused }) if more && paused => {
            let release = Settled::Release { after_ms: 0 };
            Box::pin(self::settle(house, lease, None, release, None)).await?;
            Left::Later
        }
        Outcome::Done(Done::Settled { more: true, .. }) | Outcome::Stale => Left::More,
        Outcome::Done(_) if is_final => Left::Nothing,
        _ => Left::Later,
    })
}
