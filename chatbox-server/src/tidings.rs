//! Who waits for news of a mailbox is told of every commit that may have made some.

use async_trait::async_trait;
use chatbox_core::id::{ConnectionId, MailboxId};
use chatbox_core::store::{LaneKind, Layer, Outcome, Step, Store, StoreError};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// The bells of this process, one for each mailbox that somebody waits for. A ring is a hint: the log is what counts.
#[derive(Clone, Debug, Default)]
pub struct Tidings(Arc<Mutex<HashMap<MailboxId, Weak<Notify>>>>);

impl Tidings {
    /// A mailbox's bell. It is there for as long as it is held.
    pub fn bell(&self, mailbox: &MailboxId) -> Arc<Notify> {
        let mut bells = self.bells();
        if let Some(bell) = bells.get(mailbox).and_then(Weak::upgrade) {
            return bell;
        }
        bells.retain(|_, bell| bell.strong_count() > 0);
        let bell = Arc::new(Notify::new());
        bells.insert(mailbox.clone(), Arc::downgrade(&bell));
        bell
    }

    /// Whoever waits for news of any mailbox looks again.
    pub(crate) fn ring_all(&self) {
        let bells: Vec<_> = self.bells().values().filter_map(Weak::upgrade).collect();
        bells.iter().for_each(|bell| bell.notify_waiters());
    }

    /// Whoever waits for news of this mailbox looks again.
    pub(crate) fn ring(&self, mailbox: &MailboxId) {
        let bell = self.bells().get(mailbox).and_then(Weak::upgrade);
        if let Some(bell) = bell {
            bell.notify_waiters();
        }
    }

    /// Whether nobody waits for any.
    pub(crate) fn nobody_waits(&self) -> bool {
        self.bells().is_empty()
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<MailboxId, Weak<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store that tells of what it committed.
#[derive(Debug)]
pub struct Telling {
    beneath: Arc<dyn Store>,
    tidings: Tidings,
    mailboxes: Mutex<HashMap<ConnectionId, MailboxId>>,
}

/// Whose news a step would be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Whose {
    Mailbox(MailboxId),
    Connection(ConnectionId),
}

impl Telling {
    /// Tells of everything that is committed through it.
    pub fn new(beneath: Arc<dyn Store>, tidings: Tidings) -> Self {
        Self {
            beneath,
            tidings,
            mailboxes: Mutex::default(),
        }
    }

    /// A connection belongs to one mailbox for ever, so what was once found is kept.
    async fn mailbox(&self, whose: Whose) -> Result<Option<MailboxId>, StoreError> {
        let id = match whose {
            Whose::Mailbox(id) => return Ok(Some(id)),
            Whose::Connection(id) => id,
        };
        let known = self.known().get(&id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let found = self.beneath.connection(&id).await?.map(|row| row.mailbox);
        if let Some(mailbox) = &found {
            self.known().insert(id, mailbox.clone());
        }
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ConnectionId, MailboxId>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Layer for Telling {
    fn beneath(&self) -> &dyn Store {
        self.beneath.as_ref()
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        if self.tidings.nobody_waits() {
            return self.beneath.commit(steps).await;
        }
        let whose: Vec<Option<Whose>> = steps.iter().map(whose).collect();
        let outcomes = self.beneath.commit(steps).await?;
        let done = whose.into_iter().zip(&outcomes);
        let done = done.filter(|(_, outcome)| matches!(outcome, Outcome::Done(_)));
        let news: HashSet<Whose> = done.filter_map(|(whose, _)| whose).collect();
        for whose in news {
            // What was committed is committed: who waits looks again by itself, only later.
            if let Ok(Some(mailbox)) = self.mailbox(whose).await {
                self.tidings.ring(&mailbox);
            }
        }
        Ok(outcomes)
    }
}

/// Steps that append a row or move the focus.
fn whose(step: &Step) -> Option<Whose> {
    let owner = |owner: &String, kind| match kind {
        LaneKind::Turn | LaneKind::Push => Whose::Mailbox(owner.as_str().into()),
        LaneKind::Out | LaneKind::Link => Whose::Connection(owner.as_str().into()),
    };
    match step {
        Step::Accept(accept) => Some(Whose::Connection(accept.connection.clone())),
        Step::Switch(switch) => Some(Whose::Mailbox(switch.mailbox.clone())),
        Step::Emit(emit) => Some(Whose::Mailbox(emit.mailbox.clone())),
        Step::Commit(commit) => Some(owner(&commit.lane.owner, commit.lane.kind)),
        Step::Settle(settle) => Some(owner(&settle.lane.owner, settle.lane.kind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_core::event::{Content, EventBody};
    use chatbox_core::store::{Author, Emit, MemoryStore};

    fn emit(mailbox: &str) -> Step {
        Step::Emit(Box::new(Emit {
            mailbox: mailbox.into(),
            author: Author::System,
            chat: chatbox_core::id::ChatId(1),
            body: EventBody::Message(Content::text("x")),
            target: None,
            parts: Vec::new(),
            class: chatbox_core::connector::DeliveryClass::Native,
            ttl_ms: 1,
            idem: None,
            under: None,
        }))
    }

    #[test]
    fn a_step_that_appends_is_news_of_its_mailbox() {
        assert_eq!(whose(&emit("a")), Some(Whose::Mailbox("a".into())));
    }

    #[tokio::test]
    async fn what_was_not_committed_is_no_news() {
        let tidings = Tidings::default();
        let bell = tidings.bell(&"a".into());
        let heard = bell.notified();
        tokio::pin!(heard);
        heard.as_mut().enable();
        let store = Telling::new(Arc::new(MemoryStore::new()), tidings.clone());
        let outcomes = Layer::commit(&store, vec![emit("a")]).await;
        let outcomes = outcomes.expect("the store answers");
        assert!(!matches!(outcomes[..], [Outcome::Done(_)]), "{outcomes:?}");
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), heard).await;
        assert!(waited.is_err(), "it rang for nothing");
    }

    #[tokio::test]
    async fn a_bell_is_heard_by_all_who_hold_it_and_by_nobody_else() {
        let tidings = Tidings::default();
        let (first, second, other) = (
            tidings.bell(&"a".into()),
            tidings.bell(&"a".into()),
            tidings.bell(&"b".into()),
        );
        let (first, second, other) = (first.notified(), second.notified(), other.notified());
        tokio::pin!(first, second, other);
        first.as_mut().enable();
        second.as_mut().enable();
        other.as_mut().enable();
        tidings.ring(&"a".into());
        first.await;
        second.await;
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), other).await;
        assert!(waited.is_err(), "the other mailbox's bell rang");
    }

    #[test]
    fn a_bell_that_nobody_holds_is_forgotten() {
        let tidings = Tidings::default();
        drop(tidings.bell(&"a".into()));
        let held = tidings.bell(&"b".into());
        assert_eq!(tidings.bells().len(), 1);
        drop(held);
    }
}
