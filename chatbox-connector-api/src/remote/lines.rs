//! An answer that stays open, cut into lines.

use crate::kit::status::{Idempotent, failed};
use crate::wire::{LONGEST, SILENCE};
use crate::{AdapterError, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::time::timeout;

/// The lines of an answer as they come.
#[derive(Debug)]
pub(super) struct Lines {
    answer: Response,
    read: BytesMut,
    /// How much of `read` holds no end of a line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(answer: Response) -> Self {
        Self {
            answer,
            read: BytesMut::new(),
            searched: 0,
        }
    }

    /// The next line that says something; none where the answer ends.
    ///
    /// # Errors
    /// A lost connection, one that is silent for too long, a line that never ends.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            while let Some(line) = self.take() {
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Ok(Some(line));
                }
            }
            if self.read.len() > LONGEST {
                let text = format!("a line of the connector is longer than {LONGEST} bytes");
                return Err(AdapterError::new(ErrorKind::Unavailable, text));
            }
            let piece = timeout(SILENCE, self.answer.chunk()).await.map_err(|_| {
                let text = format!("the connector said nothing for {SILENCE:?}");
                AdapterError::new(ErrorKind::Unavailable, text)
            })?;
            let piece = piece.map_err(|error| failed(error, Idempotent::Yes, "listen"))?;
            match piece {
                Some(piece) => self.read.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let fresh = &self.read[self.searched..];
        match fresh.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let line = self.read.split_to(self.searched + end + 1).freeze();
                self.searched = 0;
                Some(line)
            }
            None => {
                self.searched = self.read.len();
                None
            }
        }
    }
}
