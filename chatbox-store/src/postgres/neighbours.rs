//! The other processes on this database: told of what is committed here, and heard.
//!
//! One connection tells and one listens, apart from the one that commits: nothing here can hold up or fail a commit. What
//! is told waits in one place and goes together, so that a busy process tells no more often than once in [`PACE`]. A process
//! that has not heard of another lately tells nobody. Whoever listens hears its own voice too: when that fails to come, the
//! connection is dead though nobody said so, and after the next is there everything is looked at once.

use super::failed;
use chatbox_core::id::ChatId;
use chatbox_core::store::{Hint, Hints, Outcome, Step, StoreError, Whither};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgConnection};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// What the processes on one database call to each other on.
const CHANNEL: &str = "chatbox";
/// A process says so often that it is there.
const BEAT: Duration = Duration::from_secs(4);
/// Another that was not heard for so long is gone; so is a connection on which not even we are heard.
const GONE: Duration = Duration::from_secs(10);
/// The time between two calls where there is always something to tell.
const PACE: Duration = Duration::from_millis(5);
/// How many calls may come at once after less was told for a while.
const BURST: u32 = 8;
/// How soon it is tried again after the server could not be reached.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest call, in bytes.
const LONGEST: usize = 190;
/// The most calls at once; more chats than fit into them are any chats.
const CALLS: usize = 16;
/// How many hints may wait for whoever takes them up.
const WAITING: usize = 256;

/// What this process hears of others.
#[derive(Debug)]
pub(super) struct Neighbours {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

/// Tells the others.
#[derive(Clone, Debug)]
pub(super) struct Teller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Which process this is.
    me: String,
    hints: broadcast::Sender<Hint>,
    untold: Mutex<Hint>,
    wake: Notify,
    /// When another process was last heard.
    heard: Mutex<Option<Instant>>,
}

impl Neighbours {
    pub(super) fn start(options: PgConnectOptions) -> Self {
        let shared = Arc::new(Shared {
            me: format!("{:016x}", rand::random::<u64>()),
            hints: broadcast::Sender::new(WAITING),
            untold: Mutex::default(),
            wake: Notify::new(),
            heard: Mutex::default(),
        });
        let listening = tokio::spawn(listen(options.clone(), shared.clone()));
        let telling = tokio::spawn(tell(options, shared.clone()));
        let tasks = [listening.abort_handle(), telling.abort_handle()];
        Self { shared, tasks }
    }

    pub(super) fn teller(&self) -> Teller {
        Teller(self.shared.clone())
    }

    pub(super) fn hints(&self) -> Hints {
        self.shared.hints.subscribe()
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Teller {
    /// Whether another process was heard lately.
    pub(super) fn has_neighbours(&self) -> bool {
        self.0.has_neighbours()
    }

    /// Tells of what was committed, if there is anybody to tell. Never waits.
    pub(super) fn tell(&self, steps: &[&Step], outcomes: &[Outcome]) {
        if !self.0.has_neighbours() {
            return;
        }
        let mut untold = self.0.untold();
        for (step, outcome) in steps.iter().zip(outcomes) {
            untold.note(step, outcome);
        }
        if !untold.is_empty() {
            self.0.wake.notify_one();
        }
    }
}

impl Shared {
    fn has_neighbours(&self) -> bool {
        locked(&self.heard).is_some_and(|at| at.elapsed() < GONE)
    }

    fn untold(&self) -> MutexGuard<'_, Hint> {
        locked(&self.untold)
    }

    /// Takes a call up. Whoever is new does not know that we are here.
    fn hear(&self, call: &str) {
        let Some((from, hint)) = read(call) else {
            return;
        };
        if from == self.me {
            return;
        }
        if !self.has_neighbours() {
            self.wake.notify_one();
        }
        *locked(&self.heard) = Some(Instant::now());
        if !hint.is_empty() {
            self.pass_on(hint);
        }
    }

    fn pass_on(&self, hint: Hint) {
        // Nobody may be there to take it up.
        let _ = self.hints.send(hint);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for ever.
async fn listen(options: PgConnectOptions, shared: Arc<Shared>) {
    loop {
        if let Err(error) = listen_once(&options, &shared).await {
            tracing::warn!(%error, "other nodes are not heard; what is due is found by looking");
        }
        sleep(AGAIN).await;
    }
}

/// Listens until the connection is lost.
async fn listen_once(options: &PgConnectOptions, shared: &Shared) -> Result<(), StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(GONE)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
    listener.listen(CHANNEL).await.map_err(failed)?;
    // Whatever was told before that was not heard.
    shared.pass_on(Hint::everything());
    shared.wake.notify_one();
    loop {
        match timeout(GONE, listener.try_recv()).await {
            Ok(Ok(Some(call))) => shared.hear(call.payload()),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => return Err(StoreError::Failed("not even we are heard".to_owned())),
        }
    }
}

/// Tells for ever: that we are here, and what was committed.
async fn tell(options: PgConnectOptions, shared: Arc<Shared>) {
    let mut connection = None;
    // When the next call would come, if each waited for the one before it.
    let mut turn = Instant::now();
    loop {
        let hint = match shared.has_neighbours() {
            true => std::mem::take(&mut *shared.untold()),
            false => Hint::default(),
        };
        let calls = write(&shared.me, &hint);
        match timeout(GONE, call(&mut connection, &options, &calls)).await {
            Ok(Ok(())) => {
                turn = turn.max(Instant::now()) + PACE;
                sleep_until(turn - PACE * BURST).await;
            }
            other => {
                tracing::debug!(?other, "other nodes were not told");
                connection = None;
                shared.untold().merge(hint);
                sleep(AGAIN).await;
            }
        }
        let _ = timeout_at(Instant::now() + BEAT, shared.wake.notified()).await;
    }
}

async fn call(
    connection: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    calls: &[String],
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(connect(options).await?),
    };
    let all = sqlx::query("SELECT pg_notify($1, it) FROM unnest($2::text[]) it");
    let all = all.bind(CHANNEL).bind(calls);
    connection.execute(all).await.map(drop)
}

/// Nothing is kept by a call, so that it need not wait for the disk.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    connection.execute("SET synchronous_commit = off").await?;
    Ok(connection)
}

/// A hint as calls: who calls, what is worth a look, and in which chats.
fn write(me: &str, hint: &Hint) -> Vec<String> {
    let flags = [
        (hint.turns, 't'),
        (hint.sends, 's'),
        (hint.links, 'l'),
        (hint.house, 'h'),
    ];
    let flags = flags.iter().filter(|(set, _)| *set);
    let flags: String = flags.map(|(_, flag)| flag).collect();
    let mut calls = vec![format!("{me} {flags} ")];
    let Whither::Some(chats) = &hint.chats else {
        calls[0].push('*');
        return calls;
    };
    for chat in chats {
        let id = chat.to_string();
        if calls[calls.len() - 1].len() + id.len() + 1 > LONGEST {
            calls.push(format!("{me}  "));
        }
        let last = calls.len() - 1;
        if !calls[last].ends_with(' ') {
            calls[last].push(',');
        }
        calls[last].push_str(&id);
    }
    if calls.len() > CALLS {
        return vec![format!("{me} {flags} *")];
    }
    calls
}

/// A call as it was made, whatever a later version may say besides.
fn read(call: &str) -> Option<(&str, Hint)> {
    let mut words = call.splitn(3, ' ');
    let (from, flags, chats) = (words.next()?, words.next()?, words.next()?);
    let chats = match chats.starts_with('*') {
        true => Whither::Any,
        false => Whither::Some(ids(chats)),
    };
    let hint = Hint {
        turns: flags.contains('t'),
        sends: flags.contains('s'),
        links: flags.contains('l'),
        house: flags.contains('h'),
        chats,
    };
    Some((from, hint))
}

fn ids(chats: &str) -> BTreeSet<ChatId> {
    let ids = chats.split(',').filter_map(|id| id.parse().ok());
    ids.map(ChatId).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(chats: Whither) -> Hint {
        Hint {
            turns: true,
            links: true,
            chats,
            ..Hint::default()
        }
    }

    fn heard(calls: &[String]) -> Hint {
        let mut all = Hint::default();
        for call in calls {
            let (from, hint) = read(call).expect("a call");
            assert_eq!(from, "me");
            assert!(call.len() < 200, "{call}");
            all.merge(hint);
        }
        all
    }

    #[test]
    fn what_is_told_is_heard() {
        let some = |count| Whither::Some((1..=count).map(ChatId).collect());
        for chats in [some(0), some(1), some(300), Whither::Any] {
            let told = hint(chats);
            assert_eq!(heard(&write("me", &told)), told);
        }
        assert_eq!(heard(&write("me", &Hint::default())), Hint::default());
    }

    #[test]
    fn too_many_chats_are_any() {
        let many = Whither::Some((1..100_000).map(ChatId).collect());
        assert_eq!(heard(&write("me", &hint(many))), hint(Whither::Any));
    }

    #[test]
    fn what_is_no_call_is_passed_over() {
        assert_eq!(read("nonsense"), None);
        let (_, hint) = read("x zt 4,five,6 and more").expect("a call");
        assert!(hint.turns);
        assert_eq!(hint.chats, Whither::Some([ChatId(4)].into()));
    }
}
