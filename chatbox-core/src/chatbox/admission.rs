//! Who may talk, as people decide it.

use super::Chatbox;
use crate::admit::Policy;
use crate::house::Error;
use crate::id::ConnectionId;
use crate::router;
use crate::store::{Admin, Connection, Outcome, Step};

impl Chatbox {
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
}
