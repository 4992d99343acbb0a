//! A connection before it is stored: what is asked of its platform, and what is to be committed. Between the two halves
//! whoever adds it may put more into the same commit.

use super::{Added, Chatbox, Connect};
use crate::admit::{self, Policy};
use crate::connector::Identity;
use crate::house::Error;
use crate::id::{ConnectionId, ExternalId, MailboxId, Platform, fresh};
use crate::router;
use crate::seal::CONNECTION;
use crate::store::{Admin, Connection, NewConnection, Outcome, StoreError};

/// A connection about to be added: nothing of it is stored yet, and nothing runs.
#[derive(Debug)]
pub struct Adding {
    /// What it will be.
    pub added: Added,
    pub(super) connect: Connect,
    saves: Vec<Admin>,
}

impl Adding {
    /// What stores it: to be committed all together, and with whatever else is to be true from then on.
    pub fn saves(&self) -> Vec<Admin> {
        self.saves.clone()
    }
}

impl Chatbox {
    /// The first half of [`Chatbox::add`]: verifies a credential with its platform, and stores nothing. Whoever commits
    /// [`Adding::saves`] goes on with [`Chatbox::start_added`].
    ///
    /// # Errors
    /// What the platform says of the credential, or the store.
    pub async fn verify(&self, connect: Connect) -> Result<Adding, Error> {
        let provisional = ConnectionId::new(fresh("con"));
        let parts = self.build(&provisional, &connect).await?;
        let identity = parts.adapter.probe().await?;
        let code = crate::id::code(admit::CODE_LENGTH);
        let linked = |policy: &Policy| policy.clone().with_link(&code, router::now());
        let ident = identity.id.clone();
        let (id, saves) = match self.existing(&connect, Some(&ident)).await? {
            Some(row) => {
                let new = self.row(&connect, row.id.clone(), row.ident, row.policy.clone());
                let set = Admin::SetPolicy {
                    connection: row.id.clone(),
                    rev: row.policy_rev,
                    policy: linked(&row.policy),
                };
                (row.id, vec![Admin::RenewConnection(Box::new(new)), set])
            }
            None => {
                let id = ConnectionId::new(fresh("con"));
                let new = self.row(&connect, id.clone(), ident, linked(&connect.policy));
                (id, vec![Admin::AddConnection(Box::new(new))])
            }
        };
        let takes_posts = parts.ingress.is_some();
        let pairing_link = parts
            .setup
            .and_then(|setup| setup.pairing_link(&identity, &code));
        let added = Added {
            id,
            identity,
            pairing_link,
            pairing_code: Some(code),
            takes_posts,
        };
        Ok(Adding {
            added,
            connect,
            saves,
        })
    }

    /// A connection to be made anew without asking its platform anything. Its account has its mailbox's name.
    pub fn draft(&self, connect: Connect) -> Adding {
        let (id, ident) = (
            ConnectionId::new(fresh("con")),
            ExternalId::new(connect.mailbox.as_str()),
        );
        let policy = connect.policy.clone();
        let new = self.row(&connect, id.clone(), ident.clone(), policy);
        let identity = Identity {
            id: ident,
            name: new.platform.to_string(),
            link: None,
            notes: Vec::new(),
        };
        let added = Added {
            id,
            identity,
            pairing_link: None,
            pairing_code: None,
            takes_posts: false,
        };
        Adding {
            added,
            connect,
            saves: vec![Admin::AddConnection(Box::new(new))],
        }
    }

    /// Starts a connection whose [`Adding::saves`] were committed. One that ran under its id is stopped first.
    ///
    /// # Errors
    /// `NotFound` where they were not, the settings, or the store.
    pub async fn start_added(&self, adding: Adding) -> Result<Added, Error> {
        let Adding { added, connect, .. } = adding;
        let row = self.stored(&added.id).await?;
        self.detach(&added.id).await;
        self.begin(row, connect).await?;
        Ok(added)
    }

    /// Why a connection's [`Adding::saves`] were not committed.
    ///
    /// # Errors
    /// The store.
    pub async fn not_added(&self, adding: &Adding, undone: &Outcome) -> Result<Error, StoreError> {
        let platform = adding.connect.factory.manifest().platform;
        let mailbox = &adding.connect.mailbox;
        match undone {
            Outcome::Duplicate { .. } => {
                let account = adding.added.identity.id.clone();
                self.taken(platform, account, mailbox).await
            }
            _ => Ok(Error::Conflict(format!(
                "{mailbox} or its {platform} connection was changed meanwhile; try again"
            ))),
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
        let same = |row: &&Connection| {
            row.platform == platform && row.ident == account && row.mailbox != *mailbox
        };
        Ok(match rows.iter().find(same) {
            Some(row) => Error::AccountInUse {
                platform,
                account,
                connection: row.id.clone(),
                mailbox: row.mailbox.clone(),
            },
            None => Error::Conflict(format!(
                "{mailbox} has a connection to `{platform}` already; remove that one first"
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
}
