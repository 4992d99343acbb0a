//! A store that keeps every promise but one.

use async_trait::async_trait;
use chatbox_core::id::{ChatId, EventId, Seq, SessionId, fresh};
use chatbox_core::store::{Accepted, Claimed, Done, Layer, Outcome, Step, Store, StoreError, Wake};
use std::sync::Arc;
use std::time::Duration;

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// An event it has seen is new to it.
    ForgetsDuplicates,
    /// It says yes to an event and writes it down later.
    ConfirmsFirst,
    /// It gives a lane to two at once and writes down what both say.
    IgnoresFences,
}

impl Lie {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "forgets-duplicates" => Some(Self::ForgetsDuplicates),
            "confirms-first" => Some(Self::ConfirmsFirst),
            "ignores-fences" => Some(Self::IgnoresFences),
            _ => None,
        }
    }
}

/// How much later.
const LATER: Duration = Duration::from_millis(400);

/// An honest store behind a lie.
#[derive(Debug)]
pub(crate) struct Liar {
    honest: Arc<dyn Store>,
    lie: Lie,
}

impl Liar {
    pub(crate) fn new(honest: Arc<dyn Store>, lie: Lie) -> Self {
        Self { honest, lie }
    }

    async fn forget(&self, mut steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        for step in &mut steps {
            if let Step::Accept(accept) = step {
                accept.event.id = EventId::from(
                    format!("{}-{}", accept.event.id.as_str(), fresh("again")).as_str(),
                );
            }
        }
        self.honest.commit(steps).await
    }

    async fn confirm(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        // Only about what waits for an answer: a greeting needs the chat that accepting makes.
        let waits = |step: &Step| matches!(step, Step::Accept(it) if it.wake != Wake::Never);
        if !steps.iter().all(waits) {
            return self.honest.commit(steps).await;
        }
        let yes = Accepted {
            seq: Seq(1),
            prev: Seq(0),
            chat: ChatId(0),
            session: SessionId(0),
            at: self.honest.now().await?,
            new_chat: false,
            name: None,
            claimed: None,
            handing: None,
            alone: false,
        };
        let yes = vec![Outcome::Done(Done::Accepted(yes)); steps.len()];
        let honest = self.honest.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            let mut steps = steps;
            for step in &mut steps {
                if let Step::Accept(accept) = step {
                    accept.offer = None;
                }
            }
            // Who said yes already has nobody left to tell.
            let _ = honest.commit(steps).await;
        });
        Ok(yes)
    }

    async fn ignore(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = self.honest.commit(steps.clone()).await?;
        for (step, outcome) in steps.into_iter().zip(&mut outcomes) {
            match (step, &mut *outcome) {
                (_, Outcome::Done(Done::Claimed { lanes })) => {
                    let twice: Vec<Claimed> = lanes
                        .iter()
                        .flat_map(|lane| [lane.clone(), lane.clone()])
                        .collect();
                    *lanes = twice;
                }
                (Step::Commit(commit), Outcome::Fenced) => {
                    let mut rows = Vec::new();
                    for emit in commit.emits {
                        let said = self.honest.commit(vec![Step::Emit(Box::new(emit))]).await?;
                        if let Some(Outcome::Done(Done::Appended { rows: new, .. })) =
                            said.into_iter().next()
                        {
                            rows.extend(new);
                        }
                    }
                    *outcome = Outcome::Done(Done::Appended { rows, more: false });
                }
                (Step::Renew(_), Outcome::Fenced) => *outcome = Outcome::Done(Done::Nothing),
                _ => {}
            }
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl Layer for Liar {
    fn beneath(&self) -> &dyn Store {
        &*self.honest
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        match self.lie {
            Lie::ForgetsDuplicates => self.forget(steps).await,
            Lie::ConfirmsFirst => self.confirm(steps).await,
            Lie::IgnoresFences => self.ignore(steps).await,
        }
    }
}
