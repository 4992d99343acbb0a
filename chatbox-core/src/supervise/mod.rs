//! Connections: opens them, reads them, opens them again. Health comes from what they show, never from a side probe.

mod hold;
mod tell;

use crate::connector::{AdapterError, Arrival, Incoming, LinkState, Outbound, Verb, Verdict};
use crate::event::{Action, Media};
use crate::house::House;
use crate::id::{Fence, Seq};
use crate::link::Link;
use crate::outbox::backoff;
use crate::router::{self, Say, Taken, Terms, ToFetch};
use crate::store::{Author, Chat, LaneKey, MediaStep, Step, StoreError};
use crate::{connector, dispatch, outbox, push};
use futures_util::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

/// How many arrivals are committed together at most.
const BATCH: usize = 256;
/// A stream that stayed up so long has recovered: the next loss waits briefly again.
const RECOVERED: Duration = Duration::from_secs(60);
/// So long a connection that is stopped may take to hand on what is on its way.
const LEAVE: Duration = Duration::from_secs(2);
/// How long one file may take.
const FETCH: Duration = Duration::from_secs(60);

/// Keeps one connection open until it is stopped. Where several nodes could, the one that holds its lane does.
#[tracing::instrument(skip_all, fields(connection = %link.id, platform = %link.platform))]
pub(crate) async fn run(house: Arc<House>, link: Arc<Link>) {
    house.tasks.spawn(outbox::run(house.clone(), link.clone()));
    house.tasks.spawn(tell::run(house.clone(), link.clone()));
    match house.shared && link.is_exclusive() {
        true => by_turns(&house, &link).await,
        false => tokio::select! {
            () = stay(&house, &link, None) => {}
            () = told_to_leave(&house, &link) => {}
        },
    }
    stopped(&link);
}

pub(super) async fn told_to_stop(house: &House, link: &Link) {
    tokio::select! {
        () = link.stop.cancelled() => {}
        () = house.closing.cancelled() => {}
    }
}

/// The same, once what was on its way had its time. Whoever waits for this goes on reading.
async fn told_to_leave(house: &House, link: &Link) {
    told_to_stop(house, link).await;
    if let Some(leave) = &link.parts.leave {
        leave.leave();
        sleep(LEAVE).await;
    }
}

fn is_stopped(house: &House, link: &Link) -> bool {
    link.stop.is_cancelled() || house.closing.is_cancelled()
}

/// Keeps it open whenever it is ours. What we hold is given back when we are told to stop, so that nobody has to wait for
/// the lease to end.
async fn by_turns(house: &Arc<House>, link: &Arc<Link>) {
    loop {
        let lease = tokio::select! {
            lease = hold::take(house, link) => lease,
            () = told_to_stop(house, link) => return,
        };
        tracing::info!(fence = %lease.fence, "this node reads the connection");
        tokio::select! {
            biased;
            _lost = lease.hold(house, stay(house, link, Some(lease.fence))) => {}
            () = told_to_leave(house, link) => {}
        }
        if is_stopped(house, link) {
            stopped(link);
            return lease.give_back(house).await;
        }
        tracing::warn!("this node does not read the connection any more");
        link.set_state(LinkState::Elsewhere);
    }
}

/// Keeps it open, until somebody else does.
async fn stay(house: &Arc<House>, link: &Arc<Link>, fence: Option<Fence>) {
    resume_files(house, link).await;
    let mut losses = 0;
    // Later on, why it was lost stays shown until it shows life: opening it may take longer than waiting to.
    link.set_state(LinkState::Connecting);
    loop {
        let began = tokio::time::Instant::now();
        let reading = AssertUnwindSafe(read(house, link, fence)).catch_unwind();
        let lost = reading.await;
        let lost = lost.unwrap_or_else(|_| Lost::Broken("the adapter crashed".to_owned()));
        if matches!(lost, Lost::Fenced) || is_stopped(house, link) {
            return;
        }
        losses = if began.elapsed() > RECOVERED {
            0
        } else {
            losses + 1
        };
        sleep(report(house, link, lost, losses)).await;
    }
}

fn stopped(link: &Link) {
    link.set_state(LinkState::Down {
        reason: "stopped".to_owned(),
    });
}

/// What a connection has shown since it was opened.
#[derive(Clone, Copy, Default)]
struct Shown {
    /// That the platform answers on it.
    life: bool,
    /// That it did, and does not any more.
    fades: bool,
}

/// Why a connection was lost.
enum Lost {
    Adapter(AdapterError),
    /// It showed life, and its adapter said that it fades before it ended.
    Faded(AdapterError),
    Store(StoreError),
    Silent(Duration, Shown),
    Broken(String),
    Ended,
    Fenced,
}

/// Says why the connection was lost, and how long to wait before it is opened again.
fn report(house: &House, link: &Link, lost: Lost, losses: u32) -> Duration {
    let tuning = &house.tuning;
    let mut wait = backoff(
        tuning.reopen_first,
        tuning.reopen_most,
        losses.saturating_sub(1),
    );
    let state = match lost {
        Lost::Adapter(error) => match error.verdict() {
            Verdict::Reauthenticate => {
                wait = tuning.refused;
                let reason = format!(
                    "{error}; give it a new credential with `chatbox channels add {}`",
                    link.platform
                );
                LinkState::NeedsAttention { reason }
            }
            _ => {
                wait = error.retry_after().map_or(wait, |asked| asked.max(wait));
                LinkState::Down {
                    reason: error.to_string(),
                }
            }
        },
        Lost::Faded(error) => LinkState::Degraded {
            reason: error.to_string(),
        },
        Lost::Store(error) => LinkState::Down {
            reason: error.to_string(),
        },
        Lost::Silent(silence, shown) => {
            let reason = format!("nothing was heard for {silence:?}");
            // To open it helps against silence. Where it was opened and stayed silent it did not.
            match shown.life {
                true => LinkState::Degraded { reason },
                false => LinkState::Down { reason },
            }
        }
        Lost::Broken(reason) => LinkState::Down { reason },
        Lost::Ended => LinkState::Down {
            reason: "the platform closed the connection".to_owned(),
        },
        Lost::Fenced => LinkState::Elsewhere,
    };
    tracing::warn!(?state, ?wait, "connection lost");
    link.set_state(state);
    wait
}

/// Opens the connection and reads it until it is lost.
async fn read(house: &Arc<House>, link: &Arc<Link>, fence: Option<Fence>) -> Lost {
    let resume = match house.store.connection(&link.id).await {
        Ok(Some(row)) => row.cursor,
        Ok(None) => return Lost::Broken("the connection was removed".to_owned()),
        Err(error) => return Lost::Store(error),
    };
    let stream = match link.parts.adapter.open(resume).await {
        Ok(stream) => stream,
        Err(error) => return Lost::Adapter(error),
    };
    if link.is_native() {
        link.alive(false);
    }
    let silence = link.capabilities.heartbeat.map(|beat| beat * 2);
    let mut ready = stream.ready_chunks(BATCH);
    let mut shown = Shown::default();
    loop {
        let next = match silence {
            Some(silence) => match timeout(silence, ready.next()).await {
                Ok(next) => next,
                Err(_) => return Lost::Silent(silence, shown),
            },
            None => ready.next().await,
        };
        let Some(items) = next else {
            return Lost::Ended;
        };
        let (arrivals, lost) = sort(link, items, &mut shown);
        let fenced = match take_in(house, link, fence, arrivals).await {
            Ok(fenced) => fenced,
            Err(error) => return Lost::Store(error),
        };
        if fenced {
            return Lost::Fenced;
        }
        if let Some(error) = lost {
            let faded = shown.life && shown.fades && error.verdict() != Verdict::Reauthenticate;
            return match faded {
                true => Lost::Faded(error),
                false => Lost::Adapter(error),
            };
        }
    }
}

/// Takes arrivals in and begins what follows, whether the connection is stopped meanwhile or not: a lane that was taken with
/// them waits for a whole lease where nobody begins it. Whether the next ones are for somebody else only.
pub(crate) async fn take_in(
    house: &Arc<House>,
    link: &Arc<Link>,
    fence: Option<Fence>,
    arrivals: Vec<Arrival>,
) -> Result<bool, StoreError> {
    let (tasks, house, link) = (&house.tasks, house.clone(), link.clone());
    let taking = async move {
        let taken = router::accept(&house, &link, fence, arrivals).await?;
        Ok(follow_up(&house, &link, taken))
    };
    let taken = tasks.spawn(taking.in_current_span()).await;
    taken.unwrap_or(Err(StoreError::Closed))
}

/// The arrivals among what was yielded; health is noted on the way. Nothing after an error counts.
fn sort(
    link: &Link,
    items: Vec<connector::Result<Incoming>>,
    shown: &mut Shown,
) -> (Vec<Arrival>, Option<AdapterError>) {
    let mut arrivals = Vec::new();
    for item in items {
        match item {
            Ok(Incoming::Event(arrival)) => {
                (shown.life, shown.fades) = (true, false);
                link.alive(true);
                arrivals.push(arrival);
            }
            Ok(Incoming::Alive) => {
                (shown.life, shown.fades) = (true, false);
                link.alive(false);
            }
            Ok(Incoming::Link(state)) => {
                shown.life |= state == LinkState::Connected;
                shown.fades = matches!(state, LinkState::Degraded { .. });
                link.set_state(state);
            }
            Ok(Incoming::Gap { since }) => {
                tracing::warn!(%since, "messages may be missing: the platform no longer has them");
            }
            Err(error) => return (arrivals, Some(error)),
        }
    }
    (arrivals, None)
}

/// What accepting made necessary: turns, files, answers to commands. None of it holds up the next batch. Whether there is
/// a next batch for somebody else only.
fn follow_up(house: &Arc<House>, link: &Arc<Link>, taken: Taken) -> bool {
    dispatch::begin_taken(house, taken.claims);
    push::begin_taken(house, taken.hands);
    for (chat, action) in taken.actions {
        let (house, link) = (house.clone(), link.clone());
        house.tasks.clone().spawn(async move {
            if let Err(error) = act(&house, &link, &chat, action).await {
                tracing::warn!(%error, "a command was not answered");
            }
        });
    }
    for file in taken.files {
        fetch_later(house, link, file);
    }
    // An album's or a slow file's lane falls due without a claim of ours. Looking for lanes is a commit: only then.
    if taken.owed {
        house.turns_due.notify_one();
    }
    taken.fenced
}

/// Answers a command. With the sender's rights, which here are those of anybody who may talk.
async fn act(
    house: &House,
    link: &Link,
    chat: &Chat,
    action: Action,
) -> Result<(), crate::house::Error> {
    if let Some(token) = action.token {
        let out = Outbound {
            id: None,
            chat: chat.handle.clone(),
            verb: Verb::Answer {
                token,
                text: String::new(),
            },
        };
        if connector::check(&link.capabilities, &out.verb).is_ok() {
            link.parts.adapter.perform(&out).await?;
        }
        return Ok(());
    }
    let text = match action.name.as_str() {
        "start" => "Hello! Write to me and I will answer.".to_owned(),
        "new" => "A new conversation begins here.".to_owned(),
        "status" => status(house, link),
        "stop" => match stop_turn(house, chat) {
            true => return Ok(()),
            false => "There is nothing to stop.".to_owned(),
        },
        "link" => "There is nothing to link here yet.".to_owned(),
        _ => return Ok(()),
    };
    let content = crate::event::Content::text(text);
    let say = Say::Message(content);
    router::say(house, chat, Author::System, say, Terms::default())
        .await
        .map(drop)
}

fn status(house: &House, link: &Link) -> String {
    let backend = house
        .backend(&link.mailbox)
        .map_or("none".to_owned(), |backend| backend.name());
    format!("I am here. Answered by: {backend}.")
}

fn stop_turn(house: &House, chat: &Chat) -> bool {
    let Some(backend) = house.backend(&chat.mailbox) else {
        return false;
    };
    house.stop_turn(&LaneKey::turn(
        &chat.mailbox,
        backend.lane(),
        chat.id,
        chat.session,
    ))
}

/// Fetches what a crash left with the platform.
async fn resume_files(house: &Arc<House>, link: &Arc<Link>) {
    match house.store.pending_media(&link.id).await {
        Ok(files) => {
            for file in files {
                let (seq, index) = (file.seq, file.index);
                let file = ToFetch {
                    seq,
                    index,
                    source: file.source,
                    name: file.name,
                    mime: file.mime,
                    wait_ms: 0,
                };
                fetch_later(house, link, file);
            }
        }
        Err(error) => tracing::error!(%error, "unfinished files cannot be listed"),
    }
}

fn fetch_later(house: &Arc<House>, link: &Arc<Link>, file: ToFetch) {
    let (house, link) = (house.clone(), link.clone());
    house.tasks.clone().spawn(async move {
        let _turn = link.fetches.acquire().await;
        let seq = file.seq;
        let step = tokio::select! {
            fetched = fetch(&house, &link, file) => fetched,
            () = link.stop.cancelled() => return,
            () = house.closing.cancelled() => return,
        };
        match router::single(&house, Step::Media(step)).await {
            Ok(_) => house.turns_due.notify_one(),
            Err(error) => tracing::error!(%error, %seq, "a file's state was not stored"),
        }
    });
}

/// Brings one file here, or says why it does not come. The text it belongs to was delivered long since.
async fn fetch(house: &House, link: &Link, file: ToFetch) -> MediaStep {
    let fetched = timeout(FETCH, bring(house, link, &file)).await;
    let outcome = fetched.unwrap_or_else(|_| Err(format!("it took longer than {FETCH:?}")));
    let (seq, index, wait_ms): (Seq, u32, i64) = (file.seq, file.index, file.wait_ms);
    match outcome {
        Ok(kept) => MediaStep {
            seq,
            index,
            media: kept.media,
            name: Some(kept.name),
            mime: Some(kept.mime),
            size: kept.size,
            wait_ms,
        },
        Err(reason) => {
            tracing::warn!(reason, %seq, "a file did not come");
            MediaStep {
                seq,
                index,
                media: Media::Failed { reason },
                name: None,
                mime: None,
                size: None,
                wait_ms,
            }
        }
    }
}

async fn bring(
    house: &House,
    link: &Link,
    file: &ToFetch,
) -> Result<crate::event::Attachment, String> {
    let source = link
        .parts
        .media
        .as_ref()
        .ok_or("this platform's files cannot be fetched")?;
    let most = link
        .capabilities
        .media_in
        .and_then(|limits| limits.max_bytes)
        .unwrap_or(u64::MAX);
    let bytes = source
        .fetch(&file.source)
        .await
        .map_err(|error| error.to_string())?;
    house
        .blobs
        .put(&file.name, &file.mime, most, bytes)
        .await
        .map_err(|error| error.to_string())
}
