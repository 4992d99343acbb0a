//! An adapter's own small memory, sealed and kept in the store.

use crate::connector::{AdapterState, Revision, StateError};
use crate::id::ConnectionId;
use crate::seal::{STATE, Seal};
use crate::store::{Admin, Outcome, Step, Store, StoreError};
use async_trait::async_trait;
use std::sync::Arc;

/// One connection's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) connection: ConnectionId,
}

#[async_trait]
impl AdapterState for Memory {
    async fn load(&self, key: &str) -> Result<Option<(Revision, Vec<u8>)>, StateError> {
        let Some((rev, sealed)) = self.store.state(&self.connection, key).await? else {
            return Ok(None);
        };
        let value = self
            .seal
            .open(STATE, &self.row(key), &sealed)
            .map_err(|error| StateError(error.to_string()))?;
        Ok(Some((rev, value)))
    }

    async fn save(&self, key: &str, rev: Revision, value: &[u8]) -> Result<bool, StateError> {
        let value = self.seal.seal(STATE, &self.row(key), value);
        let put = Admin::PutState {
            connection: self.connection.clone(),
            key: key.to_owned(),
            rev,
            value,
        };
        let outcomes = self.store.commit(vec![Step::Admin(Box::new(put))]).await?;
        Ok(matches!(outcomes.first(), Some(Outcome::Done(_))))
    }
}

impl Memory {
    fn row(&self, key: &str) -> String {
        format!("{}/{key}", self.connection)
    }
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}
