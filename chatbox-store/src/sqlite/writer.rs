//! The one writer: a task that owns the one connection that writes. It drains what is queued, with no timer, and makes
//! it one transaction; callers are answered after the commit is on disk. What nobody waits for is kept for a moment, so
//! that it costs no commit of its own where another comes.

use super::batch::{Batch, undone};
use super::encode::Encoded;
use super::open::Lock;
use super::search;
use super::tokens::{self, Tokens};
use chatbox_core::store::{Outcome, PATIENCE, Step, StoreError};
use futures_util::{Stream, TryStreamExt};
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult, SqliteRow};
use sqlx::{Connection, Either, Executor};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// The most steps in one transaction. A call with more is a transaction by itself.
const BATCH: usize = 512;
/// Calls waiting for the writer. A caller beyond that waits for its place.
const QUEUE: usize = 1024;
/// How long nothing was asked before the search index is brought up.
const IDLE: Duration = Duration::from_millis(500);

// A batch is one statement, which is a transaction by itself: one command to the connection's thread, whatever it holds.
// What it answers is read before it commits and told after.
const BATCH_SQL: &str = "INSERT INTO batches (handed, arrivals, acts) VALUES (?1, ?2, ?3) RETURNING \
     CASE ?1 WHEN '[]' THEN '[]' ELSE (SELECT outcomes FROM handed_over) END AS handed, \
     CASE ?2 WHEN '[]' THEN '[]' ELSE (SELECT outcomes FROM arrived) END AS arrived, \
     CASE ?3 WHEN '[]' THEN '[]' ELSE (SELECT outcomes FROM acted) END AS acted";

/// Where steps are handed in.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    calls: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Commit(Call),
    Index(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Call {
    steps: Vec<Encoded>,
    may_wait: bool,
    writes_tokens: bool,
    answer: oneshot::Sender<Result<Vec<Outcome>, StoreError>>,
}

impl Writer {
    /// Starts the task. The lock is given up when the connection is closed.
    pub(super) fn start(connection: SqliteConnection, lock: Lock, tokens: Tokens) -> Self {
        let (calls, queue) = mpsc::channel(QUEUE);
        let task = Task {
            connection,
            queue,
            lock,
            unindexed: true,
            tokens,
        };
        tokio::spawn(task.run());
        Self { calls }
    }

    pub(super) async fn commit(&self, steps: &[Step]) -> Result<Vec<Outcome>, StoreError> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let may_wait = steps.iter().all(Step::may_wait);
        let writes_tokens = steps.iter().any(tokens::writes);
        let steps: Result<_, _> = steps.iter().map(Encoded::of).collect();
        let steps = steps?;
        let (answer, answered) = oneshot::channel();
        let call = Call {
            steps,
            may_wait,
            writes_tokens,
            answer,
        };
        self.ask(Request::Commit(call), answered).await?
    }

    /// Brings the search index up to the log's head.
    pub(super) async fn index(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Index(answer), answered).await?
    }

    /// Ends the task after what is queued, closes the file and gives up the lock.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        // An error means that it is closed.
        let _ = self.ask(Request::Close(answer), answered).await;
    }

    async fn ask<T>(
        &self,
        request: Request,
        answered: oneshot::Receiver<T>,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Closed;
        self.calls
            .send(request)
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(closed)
    }
}

struct Task {
    connection: SqliteConnection,
    queue: mpsc::Receiver<Request>,
    lock: Lock,
    /// The search index may be behind the log.
    unindexed: bool,
    tokens: Tokens,
}

impl Task {
    async fn run(mut self) {
        let mut told = None;
        while let Some(request) = self.next().await {
            match self.serve(request).await {
                None => {}
                Some(close) => {
                    told = Some(close);
                    break;
                }
            }
        }
        self.queue.close();
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the database failed");
        }
        drop(self.lock);
        if let Some(told) = told {
            let _ = told.send(());
        }
    }

    /// The next request. While none comes, the search index is brought up, a little at a time so that nobody waits long.
    async fn next(&mut self) -> Option<Request> {
        while self.unindexed {
            match timeout(IDLE, self.queue.recv()).await {
                Ok(request) => return request,
                Err(_) => self.index_while_idle().await,
            }
        }
        self.queue.recv().await
    }

    async fn index_while_idle(&mut self) {
        while self.unindexed && self.queue.is_empty() {
            self.unindexed = match search::index(&mut self.connection, search::LITTLE).await {
                Ok(left) => left > 0,
                Err(error) => {
                    // Whoever searches tries again and is told.
                    tracing::warn!(%error, "the search index stays behind");
                    false
                }
            };
        }
    }

    /// Serves a request and the commits that wait behind it; where nobody waits for those, after a moment with what comes
    /// meanwhile. `Some` when it is time to close.
    async fn serve(&mut self, request: Request) -> Option<oneshot::Sender<()>> {
        let until = Instant::now() + PATIENCE;
        let mut calls = Vec::new();
        let mut steps = 0;
        let mut may_wait = true;
        let mut next = Some(request);
        let mut other = None;
        while let Some(request) = next.take() {
            match request {
                Request::Commit(call) => {
                    steps += call.steps.len();
                    may_wait &= call.may_wait;
                    calls.push(call);
                }
                request => other = Some(request),
            }
            if steps < BATCH && other.is_none() {
                next = match may_wait {
                    true => timeout_at(until, self.queue.recv()).await.ok().flatten(),
                    false => self.queue.try_recv().ok(),
                };
            }
        }
        // What goes together and cannot be made ends its transaction: it must not be anybody else's as well.
        let (together, calls): (Vec<Call>, Vec<Call>) = calls
            .into_iter()
            .partition(|call| call.steps.iter().any(Encoded::may_end_all));
        if !calls.is_empty() {
            self.commit(calls).await;
            self.unindexed = true;
        }
        for call in together {
            self.commit(vec![call]).await;
        }
        match other {
            None | Some(Request::Commit(_)) => None,
            Some(Request::Index(answer)) => {
                let brought = search::catch_up(&mut self.connection).await;
                self.unindexed &= brought.is_err();
                let _ = answer.send(brought);
                None
            }
            Some(Request::Close(answer)) => Some(answer),
        }
    }

    /// One transaction for all; if that fails, one for each, so that only the caller whose step is at fault is told.
    async fn commit(&mut self, calls: Vec<Call>) {
        let writes_tokens = calls.iter().any(|call| call.writes_tokens);
        let all = calls.iter().flat_map(|call| &call.steps);
        let result = self.transact(all).await;
        if writes_tokens {
            self.tokens.written();
        }
        let error = match result {
            Ok(outcomes) => return answer(calls, outcomes),
            Err(error) => error,
        };
        if calls.len() == 1 && undone(&error).is_none() {
            return tell(calls, &error);
        }
        for call in calls {
            let result = self.commit_alone(&call.steps).await;
            if call.writes_tokens {
                self.tokens.written();
            }
            // A caller that went away does not want to know.
            let _ = call.answer.send(result);
        }
    }

    /// One caller's steps. What goes together and could not be made ends the transaction that it is in: then each step
    /// is one of its own.
    async fn commit_alone(&mut self, steps: &[Encoded]) -> Result<Vec<Outcome>, StoreError> {
        let error = match self.transact(steps).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(error) => error,
        };
        match (undone(&error), steps) {
            (None, _) => Err(error),
            (Some(undone), [_]) => Ok(vec![undone]),
            (Some(_), steps) => {
                let mut outcomes = Vec::with_capacity(steps.len());
                for step in steps {
                    outcomes.extend(Box::pin(self.commit_alone(std::slice::from_ref(step))).await?);
                }
                Ok(outcomes)
            }
        }
    }

    async fn transact<'a>(
        &mut self,
        steps: impl IntoIterator<Item = &'a Encoded>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut batch = Batch::default();
        steps.into_iter().for_each(|step| batch.push(step));
        let arrays = batch.finish();
        let query = sqlx::query(BATCH_SQL).bind(arrays.handed);
        let query = query.bind(arrays.arrivals).bind(arrays.acts);
        let row = answer_of(self.connection.fetch_many(query)).await;
        arrays.order.outcomes(row.map_err(failed)?.as_ref())
    }
}

/// A statement's row, once it has ended: it commits after its last row, and whoever stops at the first is told before. To
/// wait beyond its end would only be another crossing between threads.
async fn answer_of<S>(mut steps: S) -> Result<Option<SqliteRow>, sqlx::Error>
where
    S: Stream<Item = Result<Either<SqliteQueryResult, SqliteRow>, sqlx::Error>> + Unpin,
{
    let mut answer = None;
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => answer = Some(row),
            Either::Left(_ended) => return Ok(answer),
        }
    }
    Ok(None)
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn answer(calls: Vec<Call>, outcomes: Vec<Outcome>) {
    let mut outcomes = outcomes.into_iter();
    for call in calls {
        let theirs = outcomes.by_ref().take(call.steps.len()).collect();
        // A caller that went away does not want to know.
        let _ = call.answer.send(Ok(theirs));
    }
}

fn tell(calls: Vec<Call>, error: &StoreError) {
    for call in calls {
        let _ = call.answer.send(Err(failed(error)));
    }
}
