//! Where a template writes to, as long as there is room.

use super::OUTPUT_MOST;
use std::io;

#[derive(Default)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Bounded {
    /// Whether something did not fit.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn text(self) -> String {
        String::from_utf8(self.bytes).expect("a template writes text")
    }
}

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > OUTPUT_MOST {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
