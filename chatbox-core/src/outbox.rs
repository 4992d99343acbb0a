//! Sends: takes out lanes that are due, does what their rows say, settles every one of them. The only place that
//! retries.

mod target;

use crate::connector::{
    self, AdapterError, DeliveryClass, ErrorKind, Outbound, Receipt, Scope, Verb, Verdict, check,
};
use crate::dispatch::until_due;
use crate::house::{House, millis};
use crate::id::Millis;
use crate::lease::Lease;
use crate::link::Link;
use crate::store::{
    Admin, Chat, Claim, Delivery, DeliveryState, Done, LaneKind, Outcome, Parcel, Settle, Settled,
    Step, StoreError,
};
use crate::{meters, router};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// How many rows of a lane are read at once.
const ROWS: u32 = 32;
/// Lanes are looked for at least so often, in case a hint was lost.
const SWEEP: Duration = Duration::from_secs(1);

/// Sends what is queued for one connection, while it is up, until it stops.
pub(crate) async fn run(house: Arc<House>, link: Arc<Link>) {
    let room = Arc::new(Semaphore::new(house.tuning.sends));
    let mut health = link.watch_health();
    loop {
        let wait = match take_due(&house, &link, &room).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "deliveries cannot be claimed");
                SWEEP
            }
        };
        tokio::select! {
            () = link.stop.cancelled() => return,
            () = house.closing.cancelled() => return,
            () = link.due.notified() => {}
            _ = health.changed() => {}
            () = sleep(wait) => {}
        }
    }
}

/// Claims what is due and begins it. A connection that is down or told to wait claims nothing, so waiting costs no
/// attempt.
async fn take_due(
    house: &Arc<House>,
    link: &Arc<Link>,
    room: &Arc<Semaphore>,
) -> Result<Duration, StoreError> {
    if !link.is_up() {
        return Ok(SWEEP);
    }
    if let Some(until) = link.paused_until() {
        return Ok(until.duration_since(Instant::now()));
    }
    let free = room.available_permits();
    if free == 0 {
        return Ok(SWEEP);
    }
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let owner = link.id.as_str().to_owned();
    let asked = Instant::now();
    let claim = Claim {
        kind: LaneKind::Out,
        owner: Some(owner.clone()),
        except: Vec::new(),
        offer: house.offer(),
        limit,
    };
    if let Outcome::Done(Done::Claimed { lanes }) =
        router::single(house, Step::Claim(claim)).await?
    {
        let full = lanes.len() == free;
        for lane in lanes {
            let room = room.clone().try_acquire_owned().ok();
            begin(house, link, room, Lease::new(house, lane, asked));
        }
        if full {
            return Ok(SWEEP);
        }
    }
    until_due(house, LaneKind::Out, Some(&[owner])).await
}

fn begin(house: &Arc<House>, link: &Arc<Link>, room: Option<OwnedSemaphorePermit>, lease: Lease) {
    let (house, link) = (house.clone(), link.clone());
    house.tasks.clone().spawn(async move {
        let work = drain(&house, &link, &lease);
        if let Some(Err(error)) = lease.hold(&house, work).await {
            tracing::error!(%error, lane = %lease.lane.key, "a delivery could not be settled");
        }
        drop(room);
        link.due.notify_one();
    });
}

/// Sends the rows of a claimed lane in order, until none is left or one must wait.
#[tracing::instrument(skip_all, fields(connection = %link.id, lane = %lease.lane.key))]
async fn drain(house: &House, link: &Link, lease: &Lease) -> Result<(), StoreError> {
    loop {
        let rows = house.store.queued(&lease.lane, ROWS).await?;
        let Some(first) = rows.first() else {
            let release = Settled::Release { after_ms: 0 };
            return settle(house, lease, None, release).await.map(drop);
        };
        let Some(chat) = house.store.chat(first.chat).await? else {
            let failed = Settled::Failed {
                reason: "the chat is gone".to_owned(),
            };
            settle(house, lease, Some(first), failed).await?;
            continue;
        };
        for row in &rows {
            if house.closing.is_cancelled() || link.stop.is_cancelled() || !link.is_up() {
                return settle(house, lease, None, Settled::Release { after_ms: 0 })
                    .await
                    .map(drop);
            }
            if let Some(until) = link.rests_until(&chat.handle) {
                let after_ms = millis(until.saturating_duration_since(Instant::now())) + 1;
                return settle(house, lease, None, Settled::Release { after_ms })
                    .await
                    .map(drop);
            }
            if !send(house, link, lease, &chat, row).await? {
                return Ok(());
            }
        }
    }
}

/// Does one row. Whether the lane is still ours with rows in it.
async fn send(
    house: &House,
    link: &Link,
    lease: &Lease,
    chat: &Chat,
    row: &Delivery,
) -> Result<bool, StoreError> {
    let Parcel::Perform(verb) = &row.parcel else {
        let reason = "a connection hands nothing to an endpoint".to_owned();
        settle(house, lease, Some(row), Settled::Failed { reason }).await?;
        return Ok(true);
    };
    let Some(verb) = target::named(house, row, verb).await? else {
        // There never was what is to be taken back.
        let receipt = Receipt::default();
        let hold = settle(house, lease, Some(row), Settled::Delivered { receipt }).await?;
        return Ok(matches!(hold, Hold::Ours { more: true }));
    };
    let out = Outbound {
        id: Some(row.id),
        chat: chat.handle.clone(),
        verb,
    };
    let now = house.store.now().await?;
    let to = match opening(row, now) {
        Opening::Settle(to) => Some(to),
        Opening::LookUp => match (look_up(link, &target::sought(row, &out)).await, &out.verb) {
            (Found::Delivered(receipt), _) => Some(Settled::Delivered { receipt }),
            // A change may be made again.
            (Found::Missing, _) | (Found::Doubt(_), Verb::Edit { .. }) => {
                perform(house, link, lease, row, &out).await?
            }
            (Found::Doubt(reason), _) => Some(Settled::Unknown { reason }),
        },
        Opening::Perform { custody } => {
            if custody
                && !matches!(
                    settle(house, lease, Some(row), Settled::Custody).await?,
                    Hold::Ours { .. }
                )
            {
                return Ok(false);
            }
            perform(house, link, lease, row, &out).await?
        }
    };
    let Some(to) = to else {
        return Ok(false);
    };
    count(link, row, &out.verb, &to);
    match settle(house, lease, Some(row), to).await? {
        Hold::Ours { more } => Ok(more),
        Hold::Lost => Ok(false),
    }
}

fn count(link: &Link, row: &Delivery, verb: &Verb, to: &Settled) {
    meters::outbound(&link.platform, settled_name(to));
    let Settled::Delivered { receipt } = to else {
        return;
    };
    if let Some(lost) = &receipt.degraded {
        meters::degraded(&link.platform, verb);
        tracing::info!(delivery = %row.id, lost, "delivered, and not as asked");
    }
}

/// What to do first with a row.
#[derive(Debug, PartialEq)]
enum Opening {
    /// Its end is certain without asking anybody.
    Settle(Settled),
    /// Somebody began it: ask the platform.
    LookUp,
    /// Do it, noting the intent first where a crash would leave doubt.
    Perform { custody: bool },
}

/// Decides by the row's state and class. Pure.
fn opening(row: &Delivery, now: Millis) -> Opening {
    match (row.state, row.class) {
        (DeliveryState::Custody, DeliveryClass::Ambiguous) => {
            let reason = "the process ended while this was being sent".to_owned();
            Opening::Settle(Settled::Unknown { reason })
        }
        (DeliveryState::Custody, DeliveryClass::Reconcilable) => Opening::LookUp,
        _ if now >= row.expires => Opening::Settle(Settled::Expired),
        (_, DeliveryClass::Idempotent | DeliveryClass::Native) => {
            Opening::Perform { custody: false }
        }
        (_, DeliveryClass::Reconcilable | DeliveryClass::Ambiguous) => {
            Opening::Perform { custody: true }
        }
    }
}

/// What the platform knows of a send in doubt.
enum Found {
    Delivered(Receipt),
    Missing,
    Doubt(String),
}

async fn look_up(link: &Link, out: &Outbound) -> Found {
    let Some(reconcile) = &link.parts.reconcile else {
        return Found::Doubt("the platform cannot be asked".to_owned());
    };
    match reconcile.look_up(out).await {
        Ok(Some(receipt)) => Found::Delivered(receipt),
        Ok(None) => Found::Missing,
        Err(error) => Found::Doubt(format!("the platform was asked and did not say: {error}")),
    }
}

/// Asks the adapter once and says what that means; nothing where the lane may be somebody else's by now.
async fn perform(
    house: &House,
    link: &Link,
    lease: &Lease,
    row: &Delivery,
    out: &Outbound,
) -> Result<Option<Settled>, StoreError> {
    if !lease.is_ours() {
        return Ok(None);
    }
    let asked = ask(link, out).await;
    let anew = match (&asked, &row.parcel) {
        (Err(error), Parcel::Perform(planned)) => target::anew(planned, &out.verb, error),
        _ => None,
    };
    let Some(verb) = anew else {
        return meant(house, link, row, out, asked).await;
    };
    let anew = Outbound {
        verb,
        ..out.clone()
    };
    let asked = ask(link, &anew).await;
    if let (Ok(_), Verb::Edit { target, .. }) = (&asked, &out.verb) {
        // What stands there as it was begun goes, if it can.
        let (id, chat, target) = (None, out.chat.clone(), target.clone());
        let verb = Verb::Delete { target };
        let _ = ask(link, &Outbound { id, chat, verb }).await;
    }
    meant(house, link, row, &anew, asked).await
}

/// What the adapter's answer to what it was asked means.
async fn meant(
    house: &House,
    link: &Link,
    row: &Delivery,
    out: &Outbound,
    asked: connector::Result<Receipt>,
) -> Result<Option<Settled>, StoreError> {
    match asked {
        Ok(receipt) => Ok(Some(Settled::Delivered { receipt })),
        Err(error) => refused(house, link, row, out, error).await.map(Some),
    }
}

async fn ask(link: &Link, out: &Outbound) -> connector::Result<Receipt> {
    check(&link.capabilities, &out.verb)?;
    link.parts.adapter.perform(out).await
}

/// What it means that the adapter did not do it.
async fn refused(
    house: &House,
    link: &Link,
    row: &Delivery,
    out: &Outbound,
    error: AdapterError,
) -> Result<Settled, StoreError> {
    tracing::warn!(%error, delivery = %row.id, "not delivered");
    if let (Some(wait), Scope::Connection) = (error.retry_after(), error.scope()) {
        link.pause(wait);
    }
    match error.verdict() {
        Verdict::Follow(to) => {
            let (connection, from) = (link.id.clone(), out.chat.clone());
            router::single(
                house,
                Step::Admin(Box::new(Admin::MoveChat {
                    connection,
                    from,
                    to,
                })),
            )
            .await?;
            Ok(Settled::Retry {
                after_ms: 0,
                reason: error.to_string(),
            })
        }
        Verdict::Unknown if row.class == DeliveryClass::Reconcilable => {
            Ok(match look_up(link, out).await {
                Found::Delivered(receipt) => Settled::Delivered { receipt },
                Found::Missing => retry(house, row, None, &error),
                Found::Doubt(reason) => Settled::Unknown { reason },
            })
        }
        Verdict::Reauthenticate => {
            let reason = format!("{error}; give it a new credential with `chatbox channels add`");
            link.set_state(crate::connector::LinkState::NeedsAttention { reason });
            Ok(Settled::Retry {
                after_ms: millis(house.tuning.refused),
                reason: error.to_string(),
            })
        }
        verdict => Ok(meaning(house, row, verdict, &error)),
    }
}

/// What a verdict means for a row, where no further question is needed.
fn meaning(house: &House, row: &Delivery, verdict: Verdict, error: &AdapterError) -> Settled {
    match verdict {
        Verdict::Retry(wait) => retry(house, row, wait, error),
        Verdict::Unknown if row.class == DeliveryClass::Idempotent => {
            retry(house, row, None, error)
        }
        Verdict::Unknown => Settled::Unknown {
            reason: error.to_string(),
        },
        Verdict::Never | Verdict::Follow(_) | Verdict::Reauthenticate => Settled::Failed {
            reason: error.to_string(),
        },
    }
}

fn retry(house: &House, row: &Delivery, wait: Option<Duration>, error: &AdapterError) -> Settled {
    let backoff = backoff(
        house.tuning.retry_first,
        house.tuning.retry_most,
        row.attempts,
    );
    // The platform's word wins: not a moment before, and a little after so that clocks may differ.
    let wait = wait.map_or(backoff, |asked| asked + Duration::from_millis(50));
    debug_assert!(
        error.kind() != &ErrorKind::Unsupported,
        "what is unsupported is never tried again"
    );
    Settled::Retry {
        after_ms: millis(wait),
        reason: error.to_string(),
    }
}

/// `first` doubled `attempts` times, at most `most`, give or take a fifth.
pub(crate) fn backoff(first: Duration, most: Duration, attempts: u32) -> Duration {
    let doubled = first
        .saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX))
        .min(most);
    doubled.mul_f64(rand::random_range(0.8..=1.2))
}

fn settled_name(to: &Settled) -> &'static str {
    match to {
        Settled::Custody => "custody",
        Settled::Delivered { .. } => "delivered",
        Settled::Retry { .. } => "retry",
        Settled::Failed { .. } => "failed",
        Settled::Unknown { .. } => "unknown",
        Settled::Expired => "expired",
        Settled::Release { .. } => "released",
    }
}

/// Whether the lane is still ours after settling.
enum Hold {
    Ours { more: bool },
    Lost,
}

async fn settle(
    house: &House,
    lease: &Lease,
    row: Option<&Delivery>,
    to: Settled,
) -> Result<Hold, StoreError> {
    let (lane, fence) = (lease.lane.clone(), lease.fence);
    let step = Settle {
        lane,
        fence,
        delivery: row.map(|row| row.id),
        to,
        pause_after: None,
        may_wait: false,
    };
    match router::single(house, Step::Settle(Box::new(step))).await? {
        Outcome::Done(Done::Settled { more, .. }) => Ok(Hold::Ours { more }),
        _ => Ok(Hold::Lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::OutMessage;
    use crate::id::{ChatId, DeliveryId, Seq};
    use crate::store::LaneKey;

    fn row(state: DeliveryState, class: DeliveryClass) -> Delivery {
        Delivery {
            id: DeliveryId(1),
            seq: Seq(1),
            part: 0,
            lane: LaneKey::out(&"c".into(), ChatId(1)),
            chat: ChatId(1),
            class,
            parcel: Parcel::Perform(Verb::Send(OutMessage::default())),
            state,
            attempts: 0,
            expires: Millis(100),
            receipt: None,
            reason: None,
            at: Millis(0),
        }
    }

    #[test]
    fn doubt_is_resolved_by_class_and_never_by_sending_again_blindly() {
        let custody = |class| opening(&row(DeliveryState::Custody, class), Millis(0));
        assert!(matches!(
            custody(DeliveryClass::Ambiguous),
            Opening::Settle(Settled::Unknown { .. })
        ));
        assert_eq!(custody(DeliveryClass::Reconcilable), Opening::LookUp);
        assert_eq!(
            custody(DeliveryClass::Idempotent),
            Opening::Perform { custody: false }
        );
    }

    #[test]
    fn the_intent_is_noted_first_only_where_a_crash_would_leave_doubt() {
        let queued = |class| opening(&row(DeliveryState::Queued, class), Millis(99));
        assert_eq!(
            queued(DeliveryClass::Ambiguous),
            Opening::Perform { custody: true }
        );
        assert_eq!(
            queued(DeliveryClass::Idempotent),
            Opening::Perform { custody: false }
        );
    }

    #[test]
    fn what_waited_too_long_is_not_sent() {
        let late = opening(
            &row(DeliveryState::Queued, DeliveryClass::Ambiguous),
            Millis(100),
        );
        assert_eq!(late, Opening::Settle(Settled::Expired));
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let wait = |attempts| {
            backoff(Duration::from_secs(1), Duration::from_secs(60), attempts).as_secs_f64()
        };
        for (attempts, expected) in [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (99, 60.0)] {
            let wait = wait(attempts);
            assert!(
                (expected * 0.8..=expected * 1.2).contains(&wait),
                "{attempts}: {wait}"
            );
        }
    }
}
