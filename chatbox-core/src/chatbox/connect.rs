//! Connections as people add and remove them.

use super::Chatbox;
use crate::admit::Policy;
use crate::connector::{AdapterFactory, Egress, Identity, Secrets, Settings};
use crate::house::Error;
use crate::id::{ConnectionId, ExternalId, MailboxId};
use crate::store::{Admin, Connection, Outcome};
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
    /// Whether its platform may post to an address of ours: see [`Chatbox::posted`].
    pub takes_posts: bool,
}

impl Chatbox {
    /// Starts a connection without asking its platform anything: made anew, or found under the same account.
    ///
    /// # Errors
    /// The settings, the store, or another connection in its place.
    pub async fn connect(&self, connect: Connect) -> Result<ConnectionId, Error> {
        if let Some(row) = self.existing(&connect, None).await? {
            return self.begin(row, connect).await;
        }
        let adding = self.draft(connect);
        let undone = match self.together(adding.saves()).await? {
            Outcome::Done(_) => return Ok(self.start_added(adding).await?.id),
            undone => undone,
        };
        // Another node may have made it just now.
        match self.existing(&adding.connect, None).await? {
            Some(row) => self.begin(row, adding.connect).await,
            None => Err(self.not_added(&adding, &undone).await?),
        }
    }

    /// Verifies a credential with its platform, and only then saves and starts the connection, with a link that makes
    /// its opener the owner. An existing connection of the same account gets the new credential.
    ///
    /// # Errors
    /// What the platform says of the credential, the store, or another connection in its place, or
    /// [`Error::AccountInUse`] where another connection is this account.
    pub async fn add(&self, connect: Connect) -> Result<Added, Error> {
        let adding = self.verify(connect).await?;
        match self.together(adding.saves()).await? {
            Outcome::Done(_) => self.start_added(adding).await,
            undone => Err(self.not_added(&adding, &undone).await?),
        }
    }

    /// The connection a mailbox has on this platform, under this account or any.
    pub(super) async fn existing(
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
    pub(super) async fn begin(
        &self,
        row: Connection,
        connect: Connect,
    ) -> Result<ConnectionId, Error> {
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

    pub(super) async fn stored(&self, id: &ConnectionId) -> Result<Connection, Error> {
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
