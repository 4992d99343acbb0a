//! What a hosted adapter is given in place of the house.

use super::spool::Spool;
use crate::id::{ConnectionId, ExternalId, Handle, Seq};
use crate::{
    AdapterContext, AdapterState, Egress, Line, News, Positions, Revision, StateError, Transcript,
    TranscriptError,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

pub(super) fn context(egress: Egress, spool: Arc<Spool>) -> AdapterContext {
    AdapterContext {
        connection: ConnectionId::from("hosted"),
        egress,
        state: Arc::new(Memory::default()),
        blobs: spool,
        transcript: Arc::new(NoLog),
    }
}

/// An adapter's small memory, for as long as the process runs.
#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<String, (Revision, Vec<u8>)>>);

#[async_trait]
impl AdapterState for Memory {
    async fn load(&self, key: &str) -> Result<Option<(Revision, Vec<u8>)>, StateError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(key).cloned())
    }

    async fn save(&self, key: &str, revision: Revision, value: &[u8]) -> Result<bool, StateError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = kept.get(key).map_or(0, |(revision, _)| *revision);
        if now != revision {
            return Ok(false);
        }
        kept.insert(key.to_owned(), (revision + 1, value.to_owned()));
        Ok(true)
    }
}

/// The log is the server's. Only native platforms read it, and those are not hosted.
#[derive(Debug)]
struct NoLog;

fn no_log() -> TranscriptError {
    TranscriptError::Failed("the log is the server's".to_owned())
}

#[async_trait]
impl Transcript for NoLog {
    async fn since(&self, _: &Handle, _: Seq, _: u32) -> Result<Vec<Line>, TranscriptError> {
        Err(no_log())
    }

    async fn before(
        &self,
        _: &Handle,
        _: Option<Seq>,
        _: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        Err(no_log())
    }

    async fn positions(&self, _: &Handle) -> Result<Positions, TranscriptError> {
        Err(no_log())
    }

    async fn mark_seen(&self, _: &Handle, _: &ExternalId, _: Seq) -> Result<(), TranscriptError> {
        Err(no_log())
    }

    fn news(&self) -> broadcast::Receiver<News> {
        broadcast::Sender::new(1).subscribe()
    }
}
