//! The connections that read, and new ones for when the server does not answer on them any more: a machine that is gone
//! closes nothing, and the system would wait for it a quarter of an hour.

use super::{SILENCE, failed, open, silent};
use chatbox_core::store::StoreError;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use std::sync::{PoisonError, RwLock};
use tokio::time::timeout;

#[derive(Debug)]
pub(super) struct Readers {
    options: PgConnectOptions,
    pool: RwLock<PgPool>,
}

impl Readers {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        let pool = RwLock::new(open::pool(options.clone()));
        Self { options, pool }
    }

    pub(super) fn pool(&self) -> PgPool {
        let pool = self.pool.read();
        pool.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read; if nobody answers, the next read is made on a new connection.
    pub(super) async fn answer<T>(
        &self,
        read: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, StoreError> {
        if let Ok(answer) = timeout(SILENCE, read).await {
            return answer.map_err(failed);
        }
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        *pool = open::pool(self.options.clone());
        Err(failed(silent()))
    }
}
