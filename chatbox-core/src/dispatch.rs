//! Turns: takes lanes that are due, runs the backend, commits what it says.

use crate::backend::{BackendError, CognitiveBackend, Growing, ReplySink, Turn};
use crate::connector::{Outbound, Verb};
use crate::house::{House, millis};
use crate::id::{ChatId, ConnectionId, MailboxId, Millis, Seq};
use crate::link::Link;
use crate::store::{
    Author, CONNECTION_REMOVED, Chat, Claim, Claimed, Commit, Done, Emit, LaneKind, Outcome,
    Pending, Renew, Span, Step, StoreError, TurnEnd,
};
use crate::turn::{self, Conclusion, Next, Stop};
use crate::{markup, meters, router, session};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Lanes are looked for at least so often, in case a hint was lost.
const SWEEP: Duration = Duration::from_secs(1);
/// How soon it is looked again at a lane that is due and could not be taken.
const OVERDUE: Duration = Duration::from_millis(50);
/// How much of the past is read for a turn's context, in rows.
const CONTEXT_ROWS: u32 = 400;
/// A reply that is there sooner than this is not shown growing.
const FIRST_DRAFT: Duration = Duration::from_millis(20);
/// How long a turn waits for the connection it came from to run here: at the start lanes are due before connections run,
/// and one that gets a new credential is away for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// A person sees that somebody is writing after this.
const FIRST_TYPING: Duration = Duration::from_millis(150);
/// How often "is writing" is said again while nothing else shows.
const TYPING_AGAIN: Duration = Duration::from_secs(4);

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
    for mailbox in house.answered() {
        let claim = Claim {
            kind: LaneKind::Turn,
            owner: Some(mailbox.as_str().to_owned()),
            offer: house.offer(),
            limit,
        };
        if let Outcome::Done(Done::Claimed { lanes }) =
            router::single(house, Step::Claim(claim)).await?
        {
            let full = lanes.len() == limit as usize;
            for lane in lanes {
                begin(house, room.clone().try_acquire_owned().ok(), lane);
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

/// Begins the turn of a claimed lane.
pub(crate) fn begin(house: &Arc<House>, room: Option<OwnedSemaphorePermit>, claimed: Claimed) {
    let house = house.clone();
    house.tasks.clone().spawn(async move {
        let _room = room;
        let lane = claimed.lane.clone();
        if let Err(error) = one(&house, claimed).await {
            tracing::error!(%error, lane = %lane.key, "a turn could not be committed");
        }
    });
}

/// One claim, from what is pending to what is committed.
#[tracing::instrument(skip_all, fields(lane = %claimed.lane.key, fence = %claimed.fence))]
async fn one(house: &Arc<House>, claimed: Claimed) -> Result<(), StoreError> {
    let pending = house.store.pending(&claimed.lane).await?;
    match turn::next(pending, claimed.attempts) {
        Next::Release(pending) => {
            let upto = pending.as_ref().map_or(Seq::ZERO, |pending| pending.upto);
            let chat = pending
                .as_ref()
                .map_or(ChatId(0), |pending| pending.chat.id);
            let end = TurnEnd::Done { tokens: 0 };
            finish(house, &claimed, chat, upto, end, Vec::new())
                .await
                .map(drop)
        }
        Next::Poison(pending) => {
            let end = TurnEnd::Poisoned {
                reason: format!("{} attempts did not end", turn::CLAIMS),
            };
            finish(
                house,
                &claimed,
                pending.chat.id,
                pending.upto,
                end,
                Vec::new(),
            )
            .await
            .map(drop)
        }
        Next::Run(pending) => answer(house, &claimed, *pending).await,
    }
}

/// Runs the backend over what is pending and commits what it says.
async fn answer(house: &Arc<House>, claimed: &Claimed, pending: Pending) -> Result<(), StoreError> {
    let began = Instant::now();
    let chat = pending.chat.clone();
    let upto = pending.upto;
    let Some(link) = origin(house, &chat.connection).await else {
        return put_off(house, claimed, &chat, upto, "the connection is not running").await;
    };
    let Some(backend) = house.backend(&chat.mailbox) else {
        return put_off(house, claimed, &chat, upto, "no backend answers here").await;
    };
    let stop = attempt(house, claimed, pending, backend, &link).await?;
    let Conclusion {
        end,
        replies,
        notice,
    } = turn::conclude(stop, claimed.attempts);
    meters::turn(outcome_name(&end), began.elapsed());
    if let TurnEnd::Failed { reason } | TurnEnd::Again { reason, .. } = &end {
        tracing::warn!(reason, "the turn did not succeed");
    }
    let author = Author::Mailbox {
        id: chat.mailbox.clone(),
    };
    let said = replies
        .into_iter()
        .map(|content| router::compose(house, &link, chat.id, author.clone(), content));
    let told = notice.filter(|_| house.may_notify(chat.id, turn::NOTICE_MS));
    let told = told.map(|text| router::notice(house, &link, chat.id, text));
    let emits: Vec<Emit> = said.chain(told).filter_map(Result::ok).collect();
    if let Some(rows) = finish(house, claimed, chat.id, upto, end.clone(), emits.clone()).await? {
        if end.puts_off().is_none() {
            router::announce_positions(&link, &chat, upto);
        }
        router::announce_emitted(&link, &chat, emits, &rows);
    }
    Ok(())
}

/// The connection a reply would leave by.
async fn origin(house: &House, id: &ConnectionId) -> Option<Arc<Link>> {
    // The lease outlasts it.
    let patience = PATIENCE.min(house.tuning.lease / 3);
    tokio::select! {
        biased;
        link = house.link_soon(id, patience) => link,
        () = house.closing.cancelled() => None,
    }
}

/// Ends a turn before it has begun: nobody here could say anything, or nobody knows how to send it. Waiting for that costs
/// no attempt. Where the connection is gone for good, there is nothing to wait for.
async fn put_off(
    house: &House,
    claimed: &Claimed,
    chat: &Chat,
    upto: Seq,
    reason: &str,
) -> Result<(), StoreError> {
    let wait = match house.closing.is_cancelled() {
        true => Duration::ZERO,
        false => house.tuning.reopen_most,
    };
    let end = match house.store.connection(&chat.connection).await? {
        Some(_) => TurnEnd::Released {
            after_ms: millis(wait),
            reason: reason.to_owned(),
        },
        None => TurnEnd::Failed {
            reason: CONNECTION_REMOVED.to_owned(),
        },
    };
    finish(house, claimed, chat.id, upto, end, Vec::new())
        .await
        .map(drop)
}

fn outcome_name(end: &TurnEnd) -> &'static str {
    match end {
        TurnEnd::Done { .. } => "done",
        TurnEnd::Failed { .. } => "failed",
        TurnEnd::Again { .. } => "again",
        TurnEnd::Released { .. } => "released",
        TurnEnd::Poisoned { .. } => "poisoned",
    }
}

/// Commits the end of a turn; the rows it appended, or `None` when the lane is somebody else's by now.
async fn finish(
    house: &House,
    claimed: &Claimed,
    chat: ChatId,
    upto: Seq,
    end: TurnEnd,
    emits: Vec<Emit>,
) -> Result<Option<Vec<crate::store::Appended>>, StoreError> {
    let (lane, fence) = (claimed.lane.clone(), claimed.fence);
    let waits = end.puts_off().is_some();
    let step = Step::Commit(Box::new(Commit {
        lane,
        fence,
        chat,
        upto,
        end,
        emits,
    }));
    match router::single(house, step).await? {
        Outcome::Done(Done::Appended { rows, more }) => {
            if more || waits {
                house.turns_due.notify_one();
            }
            Ok(Some(rows))
        }
        outcome => {
            tracing::warn!(
                ?outcome,
                "the turn belongs to another worker by now; its result is dropped"
            );
            Ok(None)
        }
    }
}

/// Runs the backend once, keeping the lane and showing the reply while it grows.
async fn attempt(
    house: &Arc<House>,
    claimed: &Claimed,
    pending: Pending,
    backend: Arc<dyn CognitiveBackend>,
    link: &Link,
) -> Result<Stop, StoreError> {
    let cancelled = house.closing.child_token();
    let asked = CancellationToken::new();
    let chat = pending.chat.clone();
    let turn = prepare(house, claimed, pending, &*backend, cancelled.clone()).await?;
    let draft_id = turn.upto.0;
    let (sink, growing) = ReplySink::channel();
    house.turn_began(&claimed.lane, claimed.fence, asked.clone());
    let limit = house.tuning.turn_timeout;
    let mut work = tokio::spawn(async move { timeout(limit, backend.turn(turn, sink)).await });
    let show = show(link, &chat.handle, draft_id, growing);
    let keep = keep(house, claimed);
    tokio::pin!(show, keep);
    let stop = loop {
        tokio::select! {
            biased;
            ended = &mut work => break match ended {
                Ok(Ok(Err(BackendError::Cancelled))) if cancelled.is_cancelled() => Stop::Interrupted,
                Ok(Ok(result)) => Stop::Ended(result),
                Ok(Err(_)) => Stop::Ended(Err(BackendError::TimedOut(limit))),
                Err(crash) => Stop::Crashed(crash.to_string()),
            },
            () = asked.cancelled() => break Stop::Asked,
            () = house.closing.cancelled() => break Stop::Interrupted,
            () = &mut keep => break Stop::Interrupted,
            () = &mut show => {}
        }
    };
    cancelled.cancel();
    work.abort();
    house.turn_ended(&claimed.lane, claimed.fence);
    Ok(stop)
}

/// What the backend is given.
async fn prepare(
    house: &House,
    claimed: &Claimed,
    pending: Pending,
    backend: &dyn CognitiveBackend,
    cancelled: CancellationToken,
) -> Result<Turn, StoreError> {
    let Pending { chat, rows, upto } = pending;
    let budget = backend.context_tokens();
    let past = match rows.first() {
        Some(first) if budget > 0 => {
            let span = Span::Session(chat.session);
            house
                .store
                .history(span, Some(first.seq), CONTEXT_ROWS)
                .await?
        }
        _ => Vec::new(),
    };
    let (context, new) = session::arrange(past, rows);
    let context = session::fit(context, &new, budget);
    Ok(Turn {
        mailbox: MailboxId::new(claimed.lane.owner.clone()),
        chat,
        new,
        context,
        upto,
        fence: claimed.fence,
        attempt: claimed.attempts,
        cancelled,
        blobs: Some(house.blobs.clone()),
    })
}

/// Keeps the lane; ends when it is lost.
async fn keep(house: &House, claimed: &Claimed) {
    let lease_ms = millis(house.tuning.lease);
    loop {
        sleep(house.tuning.lease / 3).await;
        let renew = Renew {
            lane: claimed.lane.clone(),
            fence: claimed.fence,
            lease_ms,
        };
        match router::single(house, Step::Renew(renew)).await {
            Ok(Outcome::Done(_)) => {}
            Ok(_) => return,
            // The lease may still hold; the commit's fence decides.
            Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
        }
    }
}

/// Shows that a reply is being written, and the reply itself as it grows, at the platform's pace. Never ends.
async fn show(
    link: &Link,
    chat: &crate::id::Handle,
    id: i64,
    mut growing: watch::Receiver<Growing>,
) {
    let mut wait = FIRST_TYPING;
    loop {
        let grown = tokio::time::timeout(wait, growing.changed()).await;
        match grown {
            Err(_) => {
                ephemeral(link, chat, Verb::Typing).await;
                wait = TYPING_AGAIN;
            }
            Ok(Err(_)) => return std::future::pending().await,
            Ok(Ok(())) => {
                sleep(FIRST_DRAFT).await;
                let text = growing.borrow_and_update().text.clone();
                ephemeral(
                    link,
                    chat,
                    Verb::Draft {
                        id,
                        markup: markup::parse(&text),
                    },
                )
                .await;
                let pace = link
                    .capabilities
                    .draft
                    .and_then(|limits| limits.pace)
                    .unwrap_or_default();
                sleep(pace).await;
                wait = TYPING_AGAIN;
            }
        }
    }
}

/// Shows something that is never stored, if the platform can; whether it worked matters to nobody.
async fn ephemeral(link: &Link, chat: &crate::id::Handle, verb: Verb) {
    if crate::connector::check(&link.capabilities, &verb).is_err()
        || !link.is_up()
        || link.paused_until().is_some()
    {
        return;
    }
    let out = Outbound {
        id: None,
        chat: chat.clone(),
        verb,
    };
    if let Err(error) = link.parts.adapter.perform(&out).await {
        if let Some(wait) = error.retry_after() {
            link.pause(wait);
        }
        tracing::debug!(%error, "a draft was not shown");
    }
}
