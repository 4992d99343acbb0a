//! One turn, from what is pending to what is committed.

use super::ending;
use super::show::{Begun, Stage};
use crate::backend::{BackendError, CognitiveBackend, ReplySink, Turn};
use crate::house::{House, millis};
use crate::id::{ChatId, ConnectionId, MailboxId, Seq};
use crate::lease::Lease;
use crate::link::Link;
use crate::store::{
    Appended, CONNECTION_REMOVED, Chat, Commit, Done, Emit, Outcome, Pending, Span, Step,
    StoreError, TurnEnd, Under,
};
use crate::turn::{self, Next, Stop};
use crate::turn_token::RunningTurn;
use crate::{meters, router, session};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How much of the past is read for a turn's context, in rows.
const CONTEXT_ROWS: u32 = 400;
/// How long a turn waits for the connection it came from to run here: at the start lanes are due before connections run,
/// and one that gets a new credential is away for a moment.
const PATIENCE: Duration = Duration::from_secs(3);

/// One claim, from what is pending to what is committed.
#[tracing::instrument(skip_all, fields(lane = %lease.lane.key, fence = %lease.fence))]
pub(super) async fn one(
    house: &Arc<House>,
    lease: &Lease,
    pending: Option<Pending>,
) -> Result<(), StoreError> {
    let pending = match pending {
        Some(known) => Some(known),
        None => house.store.pending(&lease.lane).await?,
    };
    match turn::next(pending, lease.attempts) {
        Next::Release(pending) => {
            let upto = pending.as_ref().map_or(Seq::ZERO, |pending| pending.upto);
            let chat = pending
                .as_ref()
                .map_or(ChatId(0), |pending| pending.chat.id);
            let end = TurnEnd::Done { tokens: 0 };
            finish(house, lease, chat, upto, end, Vec::new())
                .await
                .map(drop)
        }
        Next::Poison(pending) => {
            let end = TurnEnd::Poisoned {
                reason: format!("{} attempts did not end", turn::CLAIMS),
            };
            let emits = ending::left_over(house, lease, &pending).await?;
            finish(house, lease, pending.chat.id, pending.upto, end, emits)
                .await
                .map(drop)
        }
        Next::Run(pending) => answer(house, lease, *pending).await,
    }
}

/// Runs the backend over what is pending and commits what it says.
async fn answer(house: &Arc<House>, lease: &Lease, pending: Pending) -> Result<(), StoreError> {
    let began = Instant::now();
    let chat = pending.chat.clone();
    let upto = pending.upto;
    let Some(link) = origin(house, &chat.connection).await else {
        return put_off(house, lease, &chat, upto, "the connection is not running").await;
    };
    let Some(backend) = house.backend(&chat.mailbox) else {
        return put_off(house, lease, &chat, upto, "no backend answers here").await;
    };
    let stage = Stage::new(house, &link, lease, &pending);
    let (stop, begun) = attempt(house, lease, pending, backend, &stage).await?;
    let begun = match begun {
        Some(begun) => Some(begun),
        None => stage.left_over().await?,
    };
    let conclusion = turn::conclude(stop, lease.attempts);
    let end = conclusion.end.clone();
    meters::turn(outcome_name(&end), began.elapsed());
    if let TurnEnd::Failed { reason } | TurnEnd::Again { reason, .. } = &end {
        tracing::warn!(reason, "the turn did not succeed");
    }
    let emits = ending::emits(house, &link, &chat, conclusion, begun);
    if let Some(rows) = finish(house, lease, chat.id, upto, end.clone(), emits.clone()).await? {
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
    lease: &Lease,
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
    finish(house, lease, chat.id, upto, end, Vec::new())
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
    lease: &Lease,
    chat: ChatId,
    upto: Seq,
    end: TurnEnd,
    emits: Vec<Emit>,
) -> Result<Option<Vec<Appended>>, StoreError> {
    let (lane, fence) = (lease.lane.clone(), lease.fence);
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

/// Runs the backend once, keeping the lane and showing the reply while it grows: how that stopped, and what was begun.
async fn attempt(
    house: &Arc<House>,
    lease: &Lease,
    pending: Pending,
    backend: Arc<dyn CognitiveBackend>,
    stage: &Stage<'_>,
) -> Result<(Stop, Option<Begun>), StoreError> {
    let cancelled = house.closing.child_token();
    let asked = CancellationToken::new();
    let over = CancellationToken::new();
    let turn = prepare(house, lease, pending, &*backend, cancelled.clone()).await?;
    let (sink, growing) = ReplySink::channel();
    house.turn_began(&lease.lane, lease.fence, asked.clone());
    let limit = house.tuning.turn_timeout;
    let mut work = tokio::spawn(async move { timeout(limit, backend.turn(turn, sink)).await });
    let show = stage.show(growing, &over);
    let keep = lease.keep(house);
    tokio::pin!(show, keep);
    let stop = loop {
        tokio::select! {
            biased;
            // First: a process that was stopped for long must not go on where it was.
            () = &mut keep => break Stop::Interrupted,
            ended = &mut work => break match ended {
                Ok(Ok(Err(BackendError::Cancelled))) if cancelled.is_cancelled() => Stop::Interrupted,
                Ok(Ok(result)) => Stop::Ended(result),
                Ok(Err(_)) => Stop::Ended(Err(BackendError::TimedOut(limit))),
                Err(crash) => Stop::Crashed(crash.to_string()),
            },
            () = asked.cancelled() => break Stop::Asked,
            () = house.closing.cancelled() => break Stop::Interrupted,
            // It is not over.
            _ = &mut show => {}
        }
    };
    cancelled.cancel();
    work.abort();
    over.cancel();
    // An edit that is still under way must not come after the last one.
    let begun = match &stop {
        Stop::Interrupted => None,
        _ => tokio::select! {
            biased;
            () = &mut keep => None,
            begun = &mut show => begun,
        },
    };
    house.turn_ended(&lease.lane, lease.fence);
    Ok((stop, begun))
}

/// What the backend is given.
async fn prepare(
    house: &House,
    lease: &Lease,
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
    let running = RunningTurn {
        under: Under {
            lane: lease.lane.clone(),
            fence: lease.fence,
        },
        chat: chat.id,
    };
    Ok(Turn {
        mailbox: MailboxId::new(lease.lane.owner.clone()),
        chat,
        new,
        context,
        upto,
        fence: lease.fence,
        attempt: lease.attempts,
        token: running.token(&*house.seal),
        cancelled,
        blobs: Some(house.blobs.clone()),
    })
}
