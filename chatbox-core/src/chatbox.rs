//! The whole engine behind one door: what an embedder and the server hold.

use crate::admit::{self, Policy};
use crate::backend::CognitiveBackend;
use crate::connector::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Blobs, Confirm, Egress, ErrorKind, Fate,
    Identity, Parts, Secrets, Settings,
};
use crate::event::{Content, Event};
use crate::house::{Error, House, Tuning, millis};
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, ExternalId, MailboxId, Platform, Seq, fresh,
};
use crate::link::{Health, Link};
use crate::router::{self, Say};
use crate::seal::{Seal, Unsealed};
use crate::state::Memory;
use crate::store::{
    Admin, Appended, Author, Chat, Connection, Done, Door, LaneScope, NewConnection, NewMailbox,
    Outcome, Step, Store, StoreError,
};
use crate::transcript::Window;
use crate::{dispatch, supervise};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// A store, files in memory, and the usual times and numbers.
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
    seal: Arc<dyn Seal>,
}

/// A connection to be started.
#[derive(Debug)]
pub struct Connect {
    /// Who builds its adapter.
    pub factory: Arc<dyn AdapterFactory>,
    /// The mailbox it belongs to.
    pub mailbox: MailboxId,
    /// Its settings.
    pub settings: Settings,
    /// Its secrets.
    pub secrets: Secrets,
    /// Who may talk.
    pub policy: Policy,
    /// Where its requests may go.
    pub egress: Egress,
}

impl Connect {
    /// A connection of `mailbox` with no settings and no secrets, whose platform proves who writes.
    pub fn new(factory: impl AdapterFactory, mailbox: impl Into<MailboxId>) -> Self {
        Self {
            factory: Arc::new(factory),
            mailbox: mailbox.into(),
            settings: Settings::none(),
            secrets: Secrets::default(),
            policy: Policy::trusted(),
            egress: Egress::Public,
        }
    }
}

/// A connection as added.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its row.
    pub id: ConnectionId,
    /// Who it is on its platform.
    pub identity: Identity,
    /// The link that makes whoever opens it first the owner, where the platform has such links.
    pub pairing_link: Option<String>,
    /// The code in that link, for platforms without links.
    pub pairing_code: Option<String>,
}

const SECRETS: &str = "connection_secrets";

impl Chatbox {
    /// Starts the engine. Turns of mailboxes begin once [`Chatbox::mailbox`] gives them a backend.
    pub fn start(options: Options) -> Self {
        let Options {
            store,
            blobs,
            seal,
            tuning,
        } = options;
        let house = Arc::new(House::new(store, blobs, tuning));
        house.tasks.spawn(dispatch::run(house.clone()));
        Self { house, seal }
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
        let name = id.as_str().to_owned();
        let account = AccountId::from("main");
        let put = Admin::PutMailbox(NewMailbox {
            account,
            id: id.clone(),
            name,
            door,
            scope,
        });
        self.admin(put).await?;
        let mut backends = self
            .house
            .backends
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match backend {
            Some(backend) => drop(backends.insert(id.clone(), backend)),
            None => drop(backends.remove(&id)),
        }
        drop(backends);
        self.house.turns_due.notify_one();
        Ok(id)
    }

    /// Starts a connection without asking its platform anything: made anew, or found under the same account.
    ///
    /// # Errors
    /// The settings, the store, or another connection in its place.
    pub async fn connect(&self, connect: Connect) -> Result<ConnectionId, Error> {
        let platform = connect.factory.manifest().platform;
        let found = self
            .house
            .store
            .connections()
            .await?
            .into_iter()
            .find(|row| row.platform == platform && row.mailbox == connect.mailbox);
        let row = match found {
            Some(row) => row,
            None => {
                let ident = connect.mailbox.as_str().into();
                self.insert(&connect, ident, connect.policy.clone()).await?
            }
        };
        let id = row.id.clone();
        self.attach(
            row,
            &connect.factory,
            connect.settings,
            connect.secrets,
            connect.egress,
        )
        .await?;
        Ok(id)
    }

    /// Verifies a credential with its platform, and only then saves and starts the connection, with a link that makes
    /// its opener the owner. An existing connection of the same account gets the new credential.
    ///
    /// # Errors
    /// What the platform says of the credential, the store, another connection in its place, or
    /// [`Error::AccountInUse`] where another connection is this account.
    pub async fn add(&self, connect: Connect) -> Result<Added, Error> {
        let provisional = ConnectionId::new(fresh("con"));
        let parts = self.build(&provisional, &connect).await?;
        let identity = parts.adapter.probe().await?;
        let code = crate::id::code(admit::CODE_LENGTH);
        let existing = self
            .house
            .store
            .connections()
            .await?
            .into_iter()
            .find(|row| {
                row.mailbox == connect.mailbox
                    && row.platform == parts.adapter.platform()
                    && row.ident == identity.id
            });
        let row = match existing {
            Some(row) => self.renew(&connect, row, &code).await?,
            None => {
                self.insert(
                    &connect,
                    identity.id.clone(),
                    connect.policy.clone().with_link(&code, router::now()),
                )
                .await?
            }
        };
        let id = row.id.clone();
        self.detach(&id).await;
        self.attach(
            row,
            &connect.factory,
            connect.settings,
            connect.secrets,
            connect.egress,
        )
        .await?;
        let pairing_link = parts
            .setup
            .and_then(|setup| setup.pairing_link(&identity, &code));
        Ok(Added {
            id,
            identity,
            pairing_link,
            pairing_code: Some(code),
        })
    }

    /// Gives an existing connection a new credential and a new owner link.
    async fn renew(
        &self,
        connect: &Connect,
        row: Connection,
        code: &str,
    ) -> Result<Connection, Error> {
        let new = self.row(
            connect,
            row.id.clone(),
            row.ident.clone(),
            row.policy.clone(),
        );
        self.admin(Admin::PutCredential(Box::new(new))).await?;
        let policy = row.policy.clone().with_link(code, router::now());
        let set = Admin::SetPolicy {
            connection: row.id.clone(),
            rev: row.policy_rev,
            policy,
        };
        self.admin(set).await?;
        self.stored(&row.id).await
    }

    async fn insert(
        &self,
        connect: &Connect,
        ident: ExternalId,
        policy: Policy,
    ) -> Result<Connection, Error> {
        let id = ConnectionId::new(fresh("con"));
        let new = self.row(connect, id.clone(), ident.clone(), policy);
        let platform = new.platform.clone();
        match router::single(
            &self.house,
            Step::Admin(Box::new(Admin::AddConnection(Box::new(new)))),
        )
        .await?
        {
            Outcome::Done(_) => self.stored(&id).await,
            _ => Err(self.taken(platform, ident, &connect.mailbox).await?),
        }
    }

    /// Why there is no room for a connection: its account or its place is taken.
    async fn taken(
        &self,
        platform: Platform,
        account: ExternalId,
        mailbox: &MailboxId,
    ) -> Result<Error, StoreError> {
        let rows = self.house.store.connections().await?;
        let same = |row: &&Connection| row.platform == platform && row.ident == account;
        Ok(match rows.iter().find(same) {
            Some(row) => Error::AccountInUse {
                platform,
                account,
                connection: row.id.clone(),
                mailbox: row.mailbox.clone(),
            },
            None => Error::Conflict(format!(
                "{mailbox} has a {platform} connection already; remove that one first"
            )),
        })
    }

    fn row(
        &self,
        connect: &Connect,
        id: ConnectionId,
        ident: ExternalId,
        policy: Policy,
    ) -> NewConnection {
        let secrets = serde_json::to_vec(&connect.secrets).expect("a map of texts is JSON");
        let secret =
            (!connect.secrets.0.is_empty()).then(|| self.seal.seal(SECRETS, id.as_str(), &secrets));
        NewConnection {
            id,
            mailbox: connect.mailbox.clone(),
            platform: connect.factory.manifest().platform,
            ident,
            settings: connect.settings.as_json().to_owned(),
            secret,
            policy,
        }
    }

    async fn stored(&self, id: &ConnectionId) -> Result<Connection, Error> {
        let row = self.house.store.connection(id).await?;
        row.ok_or_else(|| Error::NotFound(format!("connection {id}")))
    }

    /// Starts a stored connection with the secrets it was stored with.
    ///
    /// # Errors
    /// Secrets that do not open, settings that are refused, the store.
    pub async fn resume(
        &self,
        row: Connection,
        factory: &Arc<dyn AdapterFactory>,
        egress: Egress,
    ) -> Result<(), Error> {
        let refused =
            |text: String| Error::Adapter(AdapterError::new(ErrorKind::Unauthorized, text));
        let secrets = match &row.secret {
            None => Secrets::default(),
            Some(sealed) => {
                let plain = self
                    .seal
                    .open(SECRETS, row.id.as_str(), sealed)
                    .map_err(|error| refused(error.to_string()))?;
                serde_json::from_slice(&plain)
                    .map_err(|_| refused("the stored secrets are not readable".to_owned()))?
            }
        };
        let settings = Settings::from_json(&row.settings)?;
        self.attach(row, factory, settings, secrets, egress).await
    }

    async fn build(&self, id: &ConnectionId, connect: &Connect) -> Result<Parts, Error> {
        let context = self.context(id, &connect.mailbox, connect.egress, Link::news_channel());
        Ok(connect
            .factory
            .build(context, connect.settings.clone(), connect.secrets.clone())
            .await?)
    }

    fn context(
        &self,
        id: &ConnectionId,
        mailbox: &MailboxId,
        egress: Egress,
        news: tokio::sync::broadcast::Sender<crate::connector::News>,
    ) -> AdapterContext {
        let store = self.house.store.clone();
        let (connection, mailbox) = (id.clone(), mailbox.clone());
        AdapterContext {
            connection: id.clone(),
            egress,
            state: Arc::new(Memory {
                store: store.clone(),
                seal: self.seal.clone(),
                connection: id.clone(),
            }),
            blobs: self.house.blobs.clone(),
            transcript: Arc::new(Window {
                store,
                connection,
                mailbox,
                news,
            }),
        }
    }

    async fn attach(
        &self,
        row: Connection,
        factory: &Arc<dyn AdapterFactory>,
        settings: Settings,
        secrets: Secrets,
        egress: Egress,
    ) -> Result<(), Error> {
        let news = Link::news_channel();
        let context = self.context(&row.id, &row.mailbox, egress, news.clone());
        let parts = factory.build(context, settings, secrets).await?;
        let stop = self.house.closing.child_token();
        let link = Arc::new(Link::new(&row, parts, factory.dialect(), news, stop));
        let mut links = self
            .house
            .links
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = links.insert(row.id.clone(), link.clone()) {
            old.stop.cancel();
        }
        drop(links);
        self.house
            .tasks
            .spawn(supervise::run(self.house.clone(), link));
        Ok(())
    }

    async fn detach(&self, id: &ConnectionId) {
        let old = self
            .house
            .links
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        if let Some(old) = old {
            old.stop.cancel();
            let mut health = old.watch_health();
            let down =
                |health: &Health| matches!(health.state, crate::connector::LinkState::Down { .. });
            // One reader per credential: the old one has let go before the new one begins.
            let _ = tokio::time::timeout(Duration::from_secs(2), health.wait_for(down)).await;
        }
    }

    /// Stops a connection and archives it. Its history stays; what waits to be sent fails.
    ///
    /// # Errors
    /// `NotFound`, or the store.
    pub async fn remove(&self, id: &ConnectionId) -> Result<(), Error> {
        self.stored(id).await?;
        self.detach(id).await;
        self.admin(Admin::RemoveConnection {
            connection: id.clone(),
        })
        .await
        .map(drop)
    }

    /// Every running connection.
    pub fn links(&self) -> Vec<Arc<Link>> {
        let mut links = self.house.links();
        links.sort_by(|a, b| a.id.cmp(&b.id));
        links
    }

    /// Asks a running connection's platform who we are, now.
    ///
    /// # Errors
    /// `NotRunning`, or what the platform says.
    pub async fn probe(&self, id: &ConnectionId) -> Result<Identity, Error> {
        let link = self
            .house
            .link(id)
            .ok_or_else(|| Error::NotRunning(id.clone()))?;
        Ok(link.parts.adapter.probe().await?)
    }

    /// Takes one event in for a running connection, and answers when its fate is certain.
    ///
    /// # Errors
    /// `NotRunning`, or the store: then nothing is known to be stored.
    pub async fn receive(&self, id: &ConnectionId, event: Event) -> Result<Fate, Error> {
        let link = self
            .house
            .link(id)
            .ok_or_else(|| Error::NotRunning(id.clone()))?;
        let fate = Arc::new(Mutex::new(Fate::Refused("refused")));
        let told = fate.clone();
        let confirm = Confirm::new(move |fate| *crate::link::locked(&told) = fate);
        let arrival = Arrival {
            event,
            cursor: None,
            confirm: Some(confirm),
            may_wait: true,
        };
        let taken = router::accept(&self.house, &link, vec![arrival]).await?;
        for claimed in taken.claims {
            dispatch::begin(&self.house, None, claimed);
        }
        if taken.owed {
            self.house.turns_due.notify_one();
        }
        let fate = crate::link::locked(&fate).clone();
        Ok(fate)
    }

    /// Lets a stranger who wrote talk from now on.
    ///
    /// # Errors
    /// `NotFound` when no such request waits.
    pub async fn approve(&self, request: &str) -> Result<ConnectionId, Error> {
        for row in self.house.store.connections().await? {
            let Some(policy) = row.policy.clone().approve(request, router::now()) else {
                continue;
            };
            self.set_policy(&row, policy).await?;
            return Ok(row.id);
        }
        Err(Error::NotFound(format!("pairing request {request}")))
    }

    /// Replaces the policy a connection was read with.
    ///
    /// # Errors
    /// `Conflict` when it changed meanwhile.
    pub async fn set_policy(&self, row: &Connection, policy: Policy) -> Result<(), Error> {
        let set = Admin::SetPolicy {
            connection: row.id.clone(),
            rev: row.policy_rev,
            policy,
        };
        match router::single(&self.house, Step::Admin(Box::new(set))).await? {
            Outcome::Done(_) => {}
            _ => {
                return Err(Error::Conflict(
                    "the policy changed meanwhile; try again".to_owned(),
                ));
            }
        }
        if let Some(link) = self.house.link(&row.id) {
            router::refresh(&self.house, &link).await?;
        }
        Ok(())
    }

    /// Says something in a mailbox's name, or as the house, outside a turn.
    ///
    /// # Errors
    /// What the platform does not offer, a chat or message that does not exist, or the store.
    pub async fn say(&self, chat: ChatId, author: Author, say: Say) -> Result<Appended, Error> {
        let chat = self.house.store.chat(chat).await?;
        let chat: Chat = chat.ok_or_else(|| Error::NotFound("such chat".to_owned()))?;
        router::say(&self.house, &chat, author, say).await
    }

    /// Says one text in the newest one-to-one chat of every connection of a mailbox, or of the platforms named. One
    /// that fails does not stop the others.
    pub async fn broadcast(
        &self,
        mailbox: &MailboxId,
        content: &Content,
        platforms: Option<&[Platform]>,
    ) -> Vec<(ConnectionId, Result<Seq, Error>)> {
        let mut results = Vec::new();
        for link in self.links() {
            let meant = platforms.is_none_or(|platforms| platforms.contains(&link.platform));
            if link.mailbox == *mailbox && meant {
                results.push((link.id.clone(), self.say_newest(&link, content).await));
            }
        }
        results
    }

    async fn say_newest(&self, link: &Link, content: &Content) -> Result<Seq, Error> {
        let chat = router::newest_dm(&self.house, &link.mailbox, link).await?;
        let chat = chat.ok_or_else(|| Error::NotFound(format!("chat on {} yet", link.platform)))?;
        let author = Author::Mailbox {
            id: link.mailbox.clone(),
        };
        let said = router::say(&self.house, &chat, author, Say::Message(content.clone())).await?;
        Ok(said.seq)
    }

    /// Sends a delivery once more that failed, expired or is unknown: a person's decision.
    ///
    /// # Errors
    /// `NotFound` when there is no such delivery in such a state.
    pub async fn retry(&self, delivery: DeliveryId) -> Result<(), Error> {
        let ttl_ms = millis(self.house.tuning.reply_ttl);
        match self
            .admin(Admin::RetryDelivery { delivery, ttl_ms })
            .await?
        {
            Outcome::Done(Done::Changed { count: 0 }) | Outcome::Stale => Err(Error::NotFound(
                format!("failed, expired or unknown delivery {delivery}"),
            )),
            _ => {
                self.house
                    .links()
                    .iter()
                    .for_each(|link| link.due.notify_one());
                Ok(())
            }
        }
    }

    /// Commits an administrative step.
    ///
    /// # Errors
    /// The store.
    pub async fn admin(&self, admin: Admin) -> Result<Outcome, Error> {
        Ok(router::single(&self.house, Step::Admin(Box::new(admin))).await?)
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
        &self.seal
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
