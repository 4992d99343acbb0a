//! What an adapter needs around it to be run alone.

use async_trait::async_trait;
use chatbox_core::blobs::MemoryBlobs;
use chatbox_core::connector::{
    AdapterContext, AdapterState, Egress, Line, News, Positions, Revision, StateError, Transcript,
    TranscriptError,
};
use chatbox_core::id::{ConnectionId, ExternalId, Handle, Seq};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// A house without a log.
pub fn context() -> AdapterContext {
    AdapterContext {
        connection: ConnectionId::new("con_bench"),
        egress: Egress::Private,
        state: Arc::<Notes>::default(),
        blobs: Arc::<MemoryBlobs>::default(),
        transcript: Arc::new(Nothing(broadcast::Sender::new(1))),
    }
}

#[derive(Debug, Default)]
struct Notes(Mutex<HashMap<String, (Revision, Vec<u8>)>>);

#[async_trait]
impl AdapterState for Notes {
    async fn load(&self, key: &str) -> Result<Option<(Revision, Vec<u8>)>, StateError> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes.get(key).cloned())
    }

    async fn save(&self, key: &str, rev: Revision, value: &[u8]) -> Result<bool, StateError> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = notes.get(key).map_or(0, |(stands, _)| *stands);
        if stands == rev {
            notes.insert(key.to_owned(), (rev + 1, value.to_vec()));
        }
        Ok(stands == rev)
    }
}

#[derive(Debug)]
struct Nothing(broadcast::Sender<News>);

#[async_trait]
impl Transcript for Nothing {
    async fn since(&self, _: &Handle, _: Seq, _: u32) -> Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn before(
        &self,
        _: &Handle,
        _: Option<Seq>,
        _: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn positions(&self, _: &Handle) -> Result<Positions, TranscriptError> {
        Ok(Positions::default())
    }

    async fn mark_seen(&self, _: &Handle, _: &ExternalId, _: Seq) -> Result<(), TranscriptError> {
        Ok(())
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}
