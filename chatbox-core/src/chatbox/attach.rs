//! Stored connections as they start and stop here.

use super::Chatbox;
use super::connect::Connect;
use crate::connector::{
    AdapterContext, AdapterError, AdapterFactory, Egress, ErrorKind, Identity, LinkState, News,
    Parts, Secrets, Settings,
};
use crate::house::Error;
use crate::id::{ConnectionId, MailboxId};
use crate::link::{Health, Link};
use crate::seal::CONNECTION;
use crate::state::Memory;
use crate::store::Connection;
use crate::supervise;
use crate::transcript::Window;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

impl Chatbox {
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
        let secrets = self.secrets(&row)?;
        let settings = Settings::from_json(&row.settings)?;
        self.attach(row, factory, settings, secrets, egress).await
    }

    /// The secrets a connection was stored with.
    ///
    /// # Errors
    /// Secrets that do not open.
    pub fn secrets(&self, row: &Connection) -> Result<Secrets, Error> {
        let refused =
            |text: String| Error::Adapter(AdapterError::new(ErrorKind::Unauthorized, text));
        let Some(sealed) = &row.secret else {
            return Ok(Secrets::default());
        };
        let plain = self.house.seal.open(CONNECTION, row.id.as_str(), sealed);
        let plain = plain.map_err(|error| refused(error.to_string()))?;
        serde_json::from_slice(&plain)
            .map_err(|_| refused("the stored secrets are not readable".to_owned()))
    }

    /// Asks a running connection's platform who we are, now.
    ///
    /// # Errors
    /// `NotRunning`, or what the platform says.
    pub async fn probe(&self, id: &ConnectionId) -> Result<Identity, Error> {
        let link = self.house.running(id)?;
        Ok(link.parts.adapter.probe().await?)
    }

    pub(super) async fn build(&self, id: &ConnectionId, connect: &Connect) -> Result<Parts, Error> {
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
        news: broadcast::Sender<News>,
    ) -> AdapterContext {
        let store = self.house.store.clone();
        let (connection, mailbox) = (id.clone(), mailbox.clone());
        AdapterContext {
            connection: id.clone(),
            egress,
            state: Arc::new(Memory {
                store: store.clone(),
                seal: self.house.seal.clone(),
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

    pub(super) async fn attach(
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
        self.house.links.send_modify(|links| {
            if let Some(old) = links.insert(row.id.clone(), link.clone()) {
                old.stop.cancel();
            }
        });
        self.house
            .tasks
            .spawn(supervise::run(self.house.clone(), link));
        Ok(())
    }

    /// Stops a connection here. Its row stays as it is.
    pub async fn let_go(&self, id: &ConnectionId) {
        self.detach(id).await;
    }

    /// Whether a connection runs here as its row says. Who may talk is taken from the row.
    pub fn takes_up(&self, row: &Connection) -> bool {
        let Some(link) = self.house.link(&row.id) else {
            return false;
        };
        if link.policy().1 < row.policy_rev {
            link.set_policy(row.policy.clone(), row.policy_rev);
        }
        // A value that was sealed with another key since is the same value.
        link.is_made_of(row, |own, stored| {
            let open = |sealed| self.house.seal.open(CONNECTION, row.id.as_str(), sealed);
            own == stored
                || matches!((own, stored), (Some(own), Some(stored))
                    if open(own).is_ok_and(|own| open(stored) == Ok(own)))
        })
    }

    pub(super) async fn detach(&self, id: &ConnectionId) {
        let mut old = None;
        self.house.links.send_modify(|links| old = links.remove(id));
        if let Some(old) = old {
            old.stop.cancel();
            let mut health = old.watch_health();
            let down = |health: &Health| matches!(health.state, LinkState::Down { .. });
            // One reader per credential: the old one has let go before the new one begins.
            let _ = tokio::time::timeout(Duration::from_secs(2), health.wait_for(down)).await;
        }
    }
}
