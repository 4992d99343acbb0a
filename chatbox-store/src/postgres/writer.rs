//! The writer: one task that drains what is queued, commits it in one transaction and then answers. What nobody waits for
//! is kept for a moment, so that it costs no commit of its own where another comes.

use super::neighbours::Teller;
use super::{SILENCE, failed, silent, wire};
use chatbox_core::store::{Outcome, PATIENCE, Step, StoreError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor, PgConnection};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// The most steps in one transaction, unless one call brings more.
const BATCH: usize = 512;
/// The longest wait for callers who are likely to come.
const GATHERING: Duration = Duration::from_millis(1);
/// Calls that may wait before callers have to.
const QUEUE: usize = 4096;
/// The function's statements are planned once for all batches, and always by index: they are planned while the
/// tables are small.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                     SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off";

/// The way to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Call>,
}

type Answer = Result<Vec<Outcome>, StoreError>;

/// One caller's steps.
struct Call {
    steps: Vec<Step>,
    answer: oneshot::Sender<Answer>,
}

impl Call {
    fn may_wait(&self) -> bool {
        self.steps.iter().all(Step::may_wait)
    }
}

impl Writer {
    /// Starts the task. It ends when the way to it is dropped and what is queued is committed.
    pub(super) fn start(options: PgConnectOptions, teller: Teller) -> Self {
        let (queue, calls) = mpsc::channel(QUEUE);
        tokio::spawn(write(options, teller, calls));
        Self { queue }
    }

    pub(super) async fn commit(&self, steps: Vec<Step>) -> Answer {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let call = Call { steps, answer };
        let queued = self.queue.send(call).await;
        queued.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn write(options: PgConnectOptions, teller: Teller, mut calls: mpsc::Receiver<Call>) {
    let mut connection = None;
    let mut expected = 0;
    while let Some(mut batch) = next(&mut calls).await {
        if teller.has_neighbours() {
            gather(&mut calls, &mut batch, expected).await;
        }
        let mut size: usize = batch.iter().map(|call| call.steps.len()).sum();
        while size < BATCH {
            let Ok(call) = calls.try_recv() else {
                break;
            };
            size += call.steps.len();
            batch.push(call);
        }
        let answered = batch.len();
        connection = commit_all(connection, &options, &teller, batch).await;
        expected = answered + calls.len();
    }
}

/// Who was just answered and calls again comes along, so that a process whose neighbours wait for the head takes it seldom
/// and with much.
async fn gather(calls: &mut mpsc::Receiver<Call>, batch: &mut Vec<Call>, expected: usize) {
    let until = Instant::now() + GATHERING;
    let mut size: usize = batch.iter().map(|call| call.steps.len()).sum();
    while batch.len() < expected && size < BATCH {
        let Ok(Some(call)) = timeout_at(until, calls.recv()).await else {
            break;
        };
        size += call.steps.len();
        batch.push(call);
    }
}

/// The next call that somebody waits for, behind those that nobody waits for; or these alone, when they are kept long
/// enough.
async fn next(calls: &mut mpsc::Receiver<Call>) -> Option<Vec<Call>> {
    let mut batch = vec![calls.recv().await?];
    let until = Instant::now() + PATIENCE;
    while batch.len() < BATCH && batch.iter().all(Call::may_wait) {
        match timeout_at(until, calls.recv()).await {
            Ok(Some(call)) => batch.push(call),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// Commits the calls and answers them. Returns the connection if it can be used again.
async fn commit_all(
    connection: Option<PgConnection>,
    options: &PgConnectOptions,
    teller: &Teller,
    batch: Vec<Call>,
) -> Option<PgConnection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => match connect(options).await {
            Ok(connection) => connection,
            Err(error) => {
                answer_all(batch, &error.to_string());
                return None;
            }
        },
    };
    let steps: Vec<&Step> = batch.iter().flat_map(|call| &call.steps).collect();
    match commit(&mut connection, &steps).await {
        Ok(outcomes) => {
            teller.tell(&steps, &outcomes);
            let mut outcomes = outcomes.into_iter();
            for call in batch {
                let count = call.steps.len();
                let theirs = outcomes.by_ref().take(count).collect();
                // A caller who went away does not need the answer.
                let _ = call.answer.send(Ok(theirs));
            }
            Some(connection)
        }
        // The server says that it rolled back: the fault is in one step, and the others can do without it.
        Err(sqlx::Error::Database(error)) if steps.len() > 1 => {
            tracing::warn!(%error, steps = steps.len(), "a batch failed and is committed step by step");
            one_by_one(connection, teller, batch).await
        }
        Err(error) => {
            answer_all(batch, &error.to_string());
            matches!(error, sqlx::Error::Database(_)).then_some(connection)
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let connecting = async {
        let mut connection = options.connect().await?;
        connection.execute(PLANS).await?;
        Ok(connection)
    };
    timeout(SILENCE, connecting).await.map_err(|_| silent())?
}

/// Each step in a transaction of its own. After a step of a call failed the rest of the call is not tried.
async fn one_by_one(
    mut connection: PgConnection,
    teller: &Teller,
    batch: Vec<Call>,
) -> Option<PgConnection> {
    let mut batch = batch.into_iter();
    while let Some(call) = batch.next() {
        let mut outcomes = Ok(Vec::new());
        for step in &call.steps {
            match commit(&mut connection, &[step]).await {
                Ok(answer) => {
                    teller.tell(&[step], &answer);
                    if let Ok(outcomes) = &mut outcomes {
                        outcomes.extend(answer);
                    }
                }
                Err(error) => {
                    let lost = !matches!(error, sqlx::Error::Database(_));
                    let message = error.to_string();
                    outcomes = Err(failed(error));
                    if lost {
                        let _ = call.answer.send(outcomes);
                        answer_all(batch.collect(), &message);
                        return None;
                    }
                    break;
                }
            }
        }
        let _ = call.answer.send(outcomes);
    }
    Some(connection)
}

fn answer_all(batch: Vec<Call>, error: &str) {
    for call in batch {
        let _ = call.answer.send(Err(StoreError::Failed(error.to_owned())));
    }
}

/// One transaction: the function call is its only statement, so its answer comes after the commit.
async fn commit(
    connection: &mut PgConnection,
    steps: &[&Step],
) -> Result<Vec<Outcome>, sqlx::Error> {
    let batch = wire::encode(steps).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let answer = sqlx::query_scalar::<_, String>("SELECT chatbox_commit_v1($1::text::jsonb)::text")
        .bind(batch)
        .fetch_one(connection);
    let answer = timeout(SILENCE, answer).await.map_err(|_| silent())??;
    wire::decode(steps, &answer).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
