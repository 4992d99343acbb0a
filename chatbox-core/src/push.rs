//! The push door: hands rows to a mailbox's own endpoint, in order in each chat, and settles every one of them. The endpoint
//! says what became of one attempt; when the next one is due is decided with it, and kept in the outbox.

use crate::dispatch::{keep_lane, until_due};
use crate::house::{House, millis};
use crate::id::{DeliveryId, MailboxId, Millis};
use crate::store::{
    Chat, Claim, Claimed, Delivery, Done, LaneKind, LogRow, Outcome, Parcel, Settle, Settled, Step,
    StoreError,
};
use crate::{meters, router};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// How many rows of a lane are read at once.
const ROWS: u32 = 32;
/// Lanes are looked for at least so often, in case a hint was lost.
const SWEEP: Duration = Duration::from_secs(1);

/// Where a mailbox's messages go: a webhook, or whatever an embedder puts there.
#[async_trait]
pub trait Endpoint: Debug + Send + Sync + 'static {
    /// Hands one row over, once. Called again for the same delivery, it is the same hand-out: whoever receives knows it by
    /// its id. Must end well within a lane's lease or be cut off by its own timeout.
    async fn hand(&self, hand_out: &HandOut) -> Handed;
}

/// One row on its way to an endpoint.
#[derive(Clone, Debug)]
pub struct HandOut {
    /// Which. The same in every attempt.
    pub delivery: DeliveryId,
    /// How many attempts came to nothing before.
    pub attempts: u32,
    /// Whether the mailbox looked at the chat when the row came in.
    pub focal: bool,
    /// Whose.
    pub mailbox: MailboxId,
    /// The row's chat.
    pub chat: Chat,
    /// The row, as it reads now.
    pub row: LogRow,
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

/// An endpoint and how much of it is in use.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) endpoint: Arc<dyn Endpoint>,
    pub(crate) room: Arc<Semaphore>,
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
    let endpoints = house.endpoints();
    if endpoints.is_empty() {
        return Ok(SWEEP);
    }
    // All at once: the store commits what comes together together, however many mailboxes there are.
    let claims = endpoints
        .into_iter()
        .map(|(mailbox, pushed)| take(house, mailbox, pushed));
    for taken in join_all(claims).await {
        taken?;
    }
    until_due(house, LaneKind::Out).await
}

/// Claims what is due of one mailbox, as far as its endpoint has room, and begins it.
async fn take(house: &Arc<House>, mailbox: MailboxId, pushed: Pushed) -> Result<(), StoreError> {
    let free = pushed.room.available_permits();
    if free == 0 {
        return Ok(());
    }
    let claim = Claim {
        kind: LaneKind::Out,
        owner: Some(mailbox.as_str().to_owned()),
        offer: house.offer(),
        limit: u32::try_from(free).unwrap_or(u32::MAX),
    };
    let outcome = router::single(house, Step::Claim(claim)).await?;
    if let Outcome::Done(Done::Claimed { lanes }) = outcome {
        for lane in lanes {
            let room = pushed.room.clone().try_acquire_owned().ok();
            begin(house, &mailbox, pushed.clone(), room, lane);
        }
    }
    Ok(())
}

fn begin(
    house: &Arc<House>,
    mailbox: &MailboxId,
    pushed: Pushed,
    room: Option<OwnedSemaphorePermit>,
    claimed: Claimed,
) {
    let (house, mailbox) = (house.clone(), mailbox.clone());
    house.tasks.clone().spawn(async move {
        let work = drain(&house, &mailbox, &*pushed.endpoint, &claimed);
        if let Err(error) = keep_lane(&house, &claimed, work).await {
            tracing::error!(%error, lane = %claimed.lane.key, "a hand-out could not be settled");
        }
        drop(room);
        house.hands_due.notify_one();
    });
}

/// Hands out the rows of a claimed lane in order, until none is left or one must wait.
#[tracing::instrument(skip_all, fields(%mailbox, lane = %claimed.lane.key))]
async fn drain(
    house: &House,
    mailbox: &MailboxId,
    endpoint: &dyn Endpoint,
    claimed: &Claimed,
) -> Result<(), StoreError> {
    loop {
        let rows = house.store.queued(&claimed.lane, ROWS).await?;
        if rows.is_empty() || house.closing.is_cancelled() {
            let release = Settled::Release { after_ms: 0 };
            return settle(house, claimed, None, release, None).await.map(drop);
        }
        for row in &rows {
            if house.closing.is_cancelled() {
                break;
            }
            let (to, pause_after) = one(house, mailbox, endpoint, row).await?;
            if let Some(outcome) = ended(&to) {
                meters::hand_out_ended(outcome);
            }
            if !settle(house, claimed, Some(row.id), to, pause_after).await? {
                return Ok(());
            }
        }
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

/// One attempt with one row: what becomes of it, and after how many failures in a row the mailbox pauses.
async fn one(
    house: &House,
    mailbox: &MailboxId,
    endpoint: &dyn Endpoint,
    delivery: &Delivery,
) -> Result<(Settled, Option<u32>), StoreError> {
    let most = Some(house.tuning.pause_after);
    let Millis(now) = house.store.now().await?;
    if now >= delivery.expires.0 {
        return Ok((Settled::Expired, most));
    }
    let Some(hand_out) = hand_out(house, mailbox, delivery).await? else {
        let reason = "there is nothing left to hand out".to_owned();
        return Ok((Settled::Failed { reason }, None));
    };
    let began = Instant::now();
    let handed = endpoint.hand(&hand_out).await;
    meters::hand_out_tried(began.elapsed());
    Ok(match handed {
        Handed::Delivered => {
            let receipt = crate::connector::Receipt::default();
            (Settled::Delivered { receipt }, None)
        }
        Handed::Retry { after, reason } => {
            let after_ms = millis(after);
            tracing::debug!(delivery = %delivery.id, reason, after_ms, "not handed out yet");
            (Settled::Retry { after_ms, reason }, None)
        }
        Handed::Failed { reason } => {
            tracing::warn!(delivery = %delivery.id, reason, "not handed out");
            (Settled::Failed { reason }, most)
        }
        Handed::Gone { reason } => {
            tracing::warn!(delivery = %delivery.id, reason, "nobody is there: the mailbox is paused");
            let after_ms = 0;
            (Settled::Retry { after_ms, reason }, Some(0))
        }
    })
}

async fn hand_out(
    house: &House,
    mailbox: &MailboxId,
    delivery: &Delivery,
) -> Result<Option<HandOut>, StoreError> {
    let Parcel::Hand { focal } = delivery.parcel else {
        return Ok(None);
    };
    let chat = house.store.chat(delivery.chat).await?;
    let row = house.store.row(delivery.seq).await?;
    Ok(chat.zip(row).map(|(chat, row)| HandOut {
        delivery: delivery.id,
        attempts: delivery.attempts,
        focal,
        mailbox: mailbox.clone(),
        chat,
        row,
    }))
}

/// Whether the lane is still ours with rows in it. A row that was decided otherwise meanwhile is passed over.
async fn settle(
    house: &House,
    claimed: &Claimed,
    delivery: Option<DeliveryId>,
    to: Settled,
    pause_after: Option<u32>,
) -> Result<bool, StoreError> {
    let settle = Step::Settle(Box::new(Settle {
        lane: claimed.lane.clone(),
        fence: claimed.fence,
        delivery,
        to,
        pause_after,
    }));
    Ok(match router::single(house, settle).await? {
        Outcome::Done(Done::Settled { more, paused }) => {
            if more && paused {
                let release = Settled::Release { after_ms: 0 };
                Box::pin(self::settle(house, claimed, None, release, None)).await?;
            }
            more && !paused
        }
        Outcome::Stale => true,
        _ => false,
    })
}
