//! Several servers on one database: what an operator may set, and taking up here what was changed on another.

use crate::app::App;
use crate::failure::Failure;
use chatbox_core::store::{Connection, Hint, StoreError, Whither};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// What changed elsewhere is looked for at least so often, in case nobody tells.
const SWEEP: Duration = Duration::from_secs(30);

/// What several servers on one database agree on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodesSettings {
    /// How long after a server's last sign of life another takes over what it did.
    #[serde(deserialize_with = "crate::http::duration")]
    #[schemars(schema_with = "crate::config::duration")]
    pub lease: Duration,
}

impl Default for NodesSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
        }
    }
}

impl NodesSettings {
    /// Whether the numbers are usable.
    ///
    /// # Errors
    /// `invalid_lease`, with the range.
    pub fn check(&self) -> Result<(), Failure> {
        if (Duration::from_secs(2)..=Duration::from_secs(300)).contains(&self.lease) {
            return Ok(());
        }
        let what = "the lease of [nodes] must be between 2s and 5m";
        Err(Failure::new(
            "invalid_lease",
            what,
            "leave it away: 30s is used then",
        ))
    }
}

/// Takes up what other servers change for as long as the app is there. Does nothing where there can be no other.
pub(crate) fn follow(app: &Arc<App>) {
    if let Some(mut hints) = app.chatbox.store().hints() {
        let app = Arc::downgrade(app);
        tokio::spawn(async move {
            let mut known = Vec::new();
            loop {
                let hint = match timeout(SWEEP, hints.recv()).await {
                    Ok(Ok(hint)) => hint,
                    Ok(Err(RecvError::Closed)) => return,
                    Ok(Err(RecvError::Lagged(_))) | Err(_) => Hint::everything(),
                };
                let Some(app) = Weak::upgrade(&app) else {
                    return;
                };
                if let Err(error) = take_up(&app, hint, &mut known).await {
                    tracing::warn!(%error, "what changed on other nodes cannot be read");
                }
            }
        });
    }
}

async fn take_up(app: &App, hint: Hint, known: &mut Vec<Connection>) -> Result<(), StoreError> {
    ring(app, hint.chats).await?;
    if hint.house {
        app.webhooks.forget_all();
        connections(app, known).await?;
        app.streams.doubt();
        for (mailbox, token) in app.streams.held() {
            if !app.auth.is_agents(&mailbox, &token).await? {
                app.streams.end(&mailbox);
            }
        }
    }
    Ok(())
}

/// Whoever waits for news of a mailbox looks again.
async fn ring(app: &App, chats: Whither) -> Result<(), StoreError> {
    if app.tidings.nobody_waits() {
        return Ok(());
    }
    let Whither::Some(chats) = chats else {
        app.tidings.ring_all();
        return Ok(());
    };
    for chat in chats {
        if let Some(mailbox) = app.chatbox.mailbox_of(chat).await? {
            app.tidings.ring(&mailbox);
        }
    }
    Ok(())
}

/// Connections that were added, changed or removed elsewhere. One that cannot start is tried again when it changes.
async fn connections(app: &App, known: &mut Vec<Connection>) -> Result<(), StoreError> {
    let mut rows = app.chatbox.store().connections().await?;
    // Where it is read up to is its reader's.
    rows.iter_mut().for_each(|row| row.cursor = None);
    for link in app.chatbox.links() {
        if !rows.iter().any(|row| row.id == link.id) {
            tracing::info!(id = %link.id, "a connection was removed on another node");
            app.chatbox.let_go(&link.id).await;
        }
    }
    for row in rows.iter().filter(|row| !known.contains(row)) {
        app.resume(row.clone()).await;
    }
    *known = rows;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_neither_too_short_nor_too_long() {
        let lease = |seconds| NodesSettings {
            lease: Duration::from_secs(seconds),
        };
        for bad in [1, 301] {
            let refused = lease(bad).check().expect_err("it is refused");
            assert_eq!(refused.code, "invalid_lease");
        }
        for good in [2, 30, 300] {
            assert_eq!(lease(good).check(), Ok(()));
        }
    }
}
