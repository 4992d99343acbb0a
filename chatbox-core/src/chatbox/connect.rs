//! Connections as people add and remove them: what is asked of their platform, and what is stored.

use super::Chatbox;
use crate::admit::{self, Policy};
use crate::connector::{AdapterFactory, Egress, Identity, Secrets, Settings};
use crate::house::Error;
use crate::id::{ConnectionId, ExternalId, MailboxId, Platform, fresh};
use crate::router;
use crate::seal::CONNECTION;
use crate::store::{Admin, Connection, NewConnection, Outcome, Step, StoreError};
use std::sync::Arc;

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
    /// Who may talk, when the connection is made; one that is found keeps its own. [`Policy::default`] admits nobody yet.
    pub policy: Policy,
    /// Where its requests may go.
    pub egress: Egress,
}

impl Connect {
    /// A connection of `mailbox` with no settings and no secrets that admits everybody its platform lets in: see
    /// [`Policy::trusted`]. Where strangers can write, set `policy`.
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

impl Chatbox {
    /// Starts a connection without asking its platform anything: made anew, or found under the same account.
    ///
    /// # Errors
    /// The settings, the store, or another connection in its place.
    pub async fn connect(&self, connect: Connect) -> Result<ConnectionId, Error> {
        let row = match self.existing(&connect, None).await? {
            Some(row) => row,
            None => {
                let ident = connect.mailbox.as_str().into();
                let made = self.insert(&connect, ident, connect.policy.clone()).await;
                match made {
                    // Another node may have made it just now.
                    Err(Error::AccountInUse { .. } | Error::Conflict(_)) => {
                        let found = self.existing(&connect, None).await?;
                        found.map_or(made, Ok)?
                    }
                    made => made?,
                }
            }
        };
        self.begin(row, connect).await
    }

    /// As [`Chatbox::connect`], but never one that is there already.
    ///
    /// # Errors
    /// The settings, the store, or another connection in its place.
    pub async fn connect_anew(&self, connect: Connect) -> Result<ConnectionId, Error> {
        let ident = connect.mailbox.as_str().into();
        let row = self.insert(&connect, ident, connect.policy.clone()).await?;
        self.begin(row, connect).await
    }

    /// Verifies a credential with its platform, and only then saves and starts the connection, with a link that makes
    /// its opener the owner. An existing connection of the same account gets the new credential.
    ///
    /// # Errors
    /// What the platform says of the credential, the store, or another connection in its place, or
    /// [`Error::AccountInUse`] where another connection is this account.
    pub async fn add(&self, connect: Connect) -> Result<Added, Error> {
        let provisional = ConnectionId::new(fresh("con"));
        let parts = self.build(&provisional, &connect).await?;
        let identity = parts.adapter.probe().await?;
        let code = crate::id::code(admit::CODE_LENGTH);
        let row = match self.existing(&connect, Some(&identity.id)).await? {
            Some(row) => self.renew(&connect, row, &code).await?,
            None => {
                let policy = connect.policy.clone().with_link(&code, router::now());
                self.insert(&connect, identity.id.clone(), policy).await?
            }
        };
        self.detach(&row.id).await;
        let id = self.begin(row, connect).await?;
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

    /// The connection a mailbox has on this platform, under this account or any.
    async fn existing(
        &self,
        connect: &Connect,
        ident: Option<&ExternalId>,
    ) -> Result<Option<Connection>, Error> {
        let platform = connect.factory.manifest().platform;
        let same = |row: &Connection| {
            row.mailbox == connect.mailbox
                && row.platform == platform
                && ident.is_none_or(|ident| row.ident == *ident)
        };
        let rows = self.house.store.connections().await?;
        Ok(rows.into_iter().find(same))
    }

    /// Starts a connection's row as it was asked for.
    async fn begin(&self, row: Connection, connect: Connect) -> Result<ConnectionId, Error> {
        let id = row.id.clone();
        let Connect {
            factory,
            settings,
            secrets,
            egress,
            ..
        } = connect;
        self.attach(row, &factory, settings, secrets, egress)
            .await?;
        Ok(id)
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
        self.admin(Admin::RenewConnection(Box::new(new))).await?;
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
        let secret = (!connect.secrets.0.is_empty())
            .then(|| self.house.seal.seal(CONNECTION, id.as_str(), &secrets));
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
}
