//! The store in the suite: the one in memory, which can be made to hesitate or to fail, and counts.

use async_trait::async_trait;
use chatbox_core::store::{Layer, MemoryStore, Outcome, Step, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A store whose commits of arrivals can be held up and made to fail. Cloned, it is the same store.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    inner: Arc<MemoryStore>,
    failures: Arc<AtomicUsize>,
    repetitions: Arc<AtomicUsize>,
    held: watch::Sender<bool>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(MemoryStore::new()),
            failures: Arc::default(),
            repetitions: Arc::default(),
            held: watch::Sender::new(false),
        }
    }

    /// The next so many commits of arrivals fail.
    pub(crate) fn fail(&self, commits: usize) {
        self.failures.store(commits, Ordering::SeqCst);
    }

    /// How many commits are still to fail.
    pub(crate) fn failures_left(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// Commits of arrivals wait from now on, or go on.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How many arrivals were recognised as repetitions.
    pub(crate) fn repetitions(&self) -> usize {
        self.repetitions.load(Ordering::SeqCst)
    }

    async fn commit_arrivals(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        // A sender that is gone takes the whole world with it.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        let one_less = |left: usize| left.checked_sub(1);
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if failing.is_ok() {
            return Err(StoreError::Failed("the disk is full".to_owned()));
        }
        let outcomes = self.inner.commit(steps).await?;
        let again = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Duplicate { .. }));
        self.repetitions.fetch_add(again.count(), Ordering::SeqCst);
        Ok(outcomes)
    }
}

#[async_trait]
impl Layer for Ledger {
    fn beneath(&self) -> &dyn Store {
        &*self.inner
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let arrives = |step: &Step| matches!(step, Step::Accept(_) | Step::Skip(_));
        match steps.iter().any(arrives) {
            true => self.commit_arrivals(steps).await,
            false => self.inner.commit(steps).await,
        }
    }
}
