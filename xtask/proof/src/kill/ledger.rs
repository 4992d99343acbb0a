//! Who said what, and what was confirmed to them: the outside's own record.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One thing somebody said.
#[derive(Clone, Debug)]
struct Entry {
    /// Who: its messages were said one after the other.
    line: String,
    /// The platform's number of it, where confirming is by number.
    update: Option<i64>,
    confirmed: bool,
}

/// Everything that was said, by its marker. Markers grow within a line.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<BTreeMap<String, Entry>>,
    lines_seen: Mutex<Vec<i64>>,
    socket: Mutex<Vec<String>>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is about to say this.
    pub(crate) fn said(&self, marker: &str, line: &str, update: Option<i64>) {
        let entry = Entry {
            line: line.to_owned(),
            update,
            confirmed: false,
        };
        self.entries().entry(marker.to_owned()).or_insert(entry);
    }

    /// Somebody was told that it is safe.
    pub(crate) fn confirm(&self, marker: &str) {
        if let Some(entry) = self.entries().get_mut(marker) {
            entry.confirmed = true;
        }
    }

    /// Everything numbered that is not among these waits no more.
    pub(crate) fn confirm_all_but(&self, waiting: &[i64]) {
        for entry in self.entries().values_mut() {
            if entry
                .update
                .is_some_and(|update| !waiting.contains(&update))
            {
                entry.confirmed = true;
            }
        }
    }

    pub(crate) fn confirmed(&self) -> Vec<String> {
        let entries = self.entries();
        entries
            .iter()
            .filter(|(_, entry)| entry.confirmed)
            .map(|(marker, _)| marker.clone())
            .collect()
    }

    /// What was said and never confirmed.
    pub(crate) fn open(&self) -> Vec<String> {
        let entries = self.entries();
        entries
            .iter()
            .filter(|(_, entry)| !entry.confirmed)
            .map(|(marker, _)| marker.clone())
            .collect()
    }

    /// Markers by who said them, in the order said.
    pub(crate) fn by_line(&self) -> BTreeMap<String, Vec<String>> {
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (marker, entry) in self.entries().iter() {
            lines
                .entry(entry.line.clone())
                .or_default()
                .push(marker.clone());
        }
        lines
    }

    /// A socket showed these lines; they must be new, and each later than the last.
    pub(crate) fn saw(&self, lines: &[i64]) {
        let mut seen = self
            .lines_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            if let Some(last) = seen.last().filter(|last| *last >= line) {
                let fault = format!("line {line} came after line {last}");
                self.socket
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(fault);
            }
            seen.push(*line);
        }
    }

    /// The newest line a socket showed.
    pub(crate) fn last_seen(&self) -> Option<i64> {
        self.lines_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last()
            .copied()
    }

    pub(crate) fn socket_faults(&self) -> Vec<String> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
