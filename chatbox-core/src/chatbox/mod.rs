//! The whole engine behind one door: what an embedder and the server hold.

mod adding;
mod admission;
mod attach;
mod attention;
mod connect;
mod posted;
mod talk;

pub use adding::Adding;
pub use attention::Switched;
pub use connect::{Added, Connect};
pub use posted::Answer;

use crate::backend::CognitiveBackend;
use crate::connector::Blobs;
use crate::dispatch;
use crate::house::{Error, House, Tuning};
use crate::id::{AccountId, MailboxId};
use crate::link::Link;
use crate::neighbours;
use crate::push::{self, Endpoint};
use crate::router;
use crate::seal::{Seal, Unsealed};
use crate::store::{Admin, Door, LaneScope, NewMailbox, Outcome, Standing, Step, Store};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What the engine is built from.
#[derive(Debug)]
pub struct Options {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where files are kept.
    pub blobs: Arc<dyn Blobs>,
    /// How secrets are kept.
    pub seal: Arc<dyn Seal>,
    /// Times and numbers.
    pub tuning: Tuning,
}

impl Options {
    /// A store, files in memory, secrets unsealed, and the usual times and numbers. For a store on disk set `blobs` and
    /// `seal` too: files are otherwise gone with the process, and secrets can be read by whoever reads the store.
    pub fn new(store: impl Store) -> Self {
        Self {
            store: Arc::new(store),
            blobs: Arc::new(crate::blobs::MemoryBlobs::default()),
            seal: Arc::new(Unsealed),
            tuning: Tuning::default(),
        }
    }
}

/// Messages in, turns, replies out. Cheap to clone; every clone is the same engine.
#[derive(Clone, Debug)]
pub struct Chatbox {
    house: Arc<House>,
}

impl Chatbox {
    /// Starts the engine. Turns of mailboxes begin once [`Chatbox::mailbox`] gives them a backend.
    pub fn start(options: Options) -> Self {
        let Options {
            store,
            blobs,
            seal,
            tuning,
        } = options;
        let house = Arc::new(House::new(store, blobs, seal, tuning));
        house.tasks.spawn(dispatch::run(house.clone()));
        house.tasks.spawn(push::run(house.clone()));
        if let Some(hints) = house.store.hints() {
            house.tasks.spawn(neighbours::run(house.clone(), hints));
        }
        Self { house }
    }

    /// Makes sure a mailbox exists, and answers it with this backend from now on; with none, its messages are kept
    /// until somebody comes for them.
    ///
    /// # Errors
    /// The store.
    pub async fn mailbox(
        &self,
        id: impl Into<MailboxId>,
        backend: Option<Arc<dyn CognitiveBackend>>,
    ) -> Result<MailboxId, Error> {
        let id = id.into();
        let door = if backend.is_some() {
            Door::Run
        } else {
            Door::Pull
        };
        let scope = backend
            .as_ref()
            .map_or(LaneScope::Session, |backend| backend.lane());
        self.put_mailbox(&id, door, scope).await?;
        self.answer(&id, backend);
        Ok(id)
    }

    /// Makes sure a mailbox exists whose messages are handed to the endpoint: see [`Chatbox::push_through`].
    ///
    /// # Errors
    /// The store.
    pub async fn pushed_mailbox(&self, id: impl Into<MailboxId>) -> Result<MailboxId, Error> {
        let id = id.into();
        self.put_mailbox(&id, Door::Push, LaneScope::Chat).await?;
        self.answer(&id, None);
        Ok(id)
    }

    /// Hands to this endpoint from now on what mailboxes that are pushed are to be handed, and subscriptions. Until
    /// somebody does, it waits.
    pub fn push_through(&self, endpoint: Arc<dyn Endpoint>) {
        let place = self.house.endpoint.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        self.house.hands_due.notify_one();
    }

    /// Answers with this backend every mailbox that runs turns and was given none of its own.
    pub fn answer_others(&self, backend: Arc<dyn CognitiveBackend>) {
        let place = self.house.backend.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Some(backend);
        self.house.turns_due.notify_one();
    }

    /// Goes on handing out to a mailbox that was paused, or pauses it. What waits is handed out in order.
    ///
    /// # Errors
    /// `NotFound` for a mailbox that does not exist.
    pub async fn set_standing(&self, id: &MailboxId, standing: Standing) -> Result<(), Error> {
        let mailbox = id.clone();
        let set = Admin::SetStanding { mailbox, standing };
        match self.admin(set).await? {
            Outcome::Done(_) => {
                self.house.hands_due.notify_one();
                Ok(())
            }
            _ => Err(Error::NotFound(format!("mailbox {id}"))),
        }
    }

    async fn put_mailbox(&self, id: &MailboxId, door: Door, scope: LaneScope) -> Result<(), Error> {
        let put = Admin::PutMailbox(NewMailbox {
            account: AccountId::from("main"),
            id: id.clone(),
            name: id.as_str().to_owned(),
            door,
            scope,
        });
        self.admin(put).await.map(drop)
    }

    /// Who answers a mailbox here from now on.
    fn answer(&self, id: &MailboxId, backend: Option<Arc<dyn CognitiveBackend>>) {
        let backends = self.house.backends.write();
        let mut backends = backends.unwrap_or_else(PoisonError::into_inner);
        match backend {
            Some(backend) => drop(backends.insert(id.clone(), backend)),
            None => drop(backends.remove(id)),
        }
        self.house.turns_due.notify_one();
        self.house.hands_due.notify_one();
    }

    /// Every running connection.
    pub fn links(&self) -> Vec<Arc<Link>> {
        let mut links = self.house.links();
        links.sort_by(|a, b| a.id.cmp(&b.id));
        links
    }

    /// Commits an administrative step.
    ///
    /// # Errors
    /// The store.
    pub async fn admin(&self, admin: Admin) -> Result<Outcome, Error> {
        Ok(router::single(&self.house, Step::Admin(Box::new(admin))).await?)
    }

    /// Commits administrative steps, all or none.
    ///
    /// # Errors
    /// The store.
    pub async fn together(&self, all: Vec<Admin>) -> Result<Outcome, Error> {
        let outcome = router::single(&self.house, Step::Together { all }).await?;
        self.house.turns_due.notify_one();
        self.house.hands_due.notify_one();
        Ok(outcome)
    }

    /// Commits steps that archive a mailbox, and lets its connections go.
    ///
    /// # Errors
    /// The store.
    pub async fn archive(&self, mailbox: &MailboxId, all: Vec<Admin>) -> Result<Outcome, Error> {
        let outcome = self.together(all).await?;
        if let Outcome::Done(_) = outcome {
            let theirs = self.links().into_iter();
            for link in theirs.filter(|link| link.mailbox == *mailbox) {
                self.detach(&link.id).await;
            }
        }
        Ok(outcome)
    }

    /// The store, to read from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.house.store
    }

    /// The files, to read from.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.house.blobs
    }

    /// The seal.
    pub fn seal(&self) -> &Arc<dyn Seal> {
        &self.house.seal
    }

    /// Stops taking work, gives running turns back to their lanes, and waits for everything to let go, at most so
    /// long. Whether everything did.
    pub async fn drain(&self, most: Duration) -> bool {
        self.house.closing.cancel();
        self.house.tasks.close();
        tokio::time::timeout(most, self.house.tasks.wait())
            .await
            .is_ok()
    }
}
