//! Answers that stay open: so many for a mailbox, and none for a token that was replaced.

use chatbox_core::id::MailboxId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How many open answers one mailbox may have.
pub(crate) const MOST: usize = 64;

/// The open answers of every mailbox in this process.
#[derive(Debug, Default)]
pub struct Streams {
    closing: CancellationToken,
    open: Mutex<HashMap<MailboxId, Open>>,
}

#[derive(Debug)]
struct Open {
    /// The hash of the token that opened them.
    token: String,
    places: Arc<Semaphore>,
    end: CancellationToken,
}

/// A place among a mailbox's open answers, and when to leave it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) end: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    /// A place for one more, if there is one. `token` is the hash of the one that was shown: what another opened ends.
    pub(super) fn place(&self, mailbox: &MailboxId, token: &str) -> Option<Place> {
        let mut open = self.open();
        if open.get(mailbox).is_some_and(|open| open.token != token)
            && let Some(old) = open.remove(mailbox)
        {
            old.end.cancel();
        }
        let open = open.entry(mailbox.clone()).or_insert_with(|| Open {
            token: token.to_owned(),
            places: Arc::new(Semaphore::new(MOST)),
            end: self.closing.child_token(),
        });
        let place = open.places.clone().try_acquire_owned().ok()?;
        Some(Place {
            end: open.end.clone(),
            _place: place,
        })
    }

    /// Who has open answers, and the hashes of the tokens that opened them.
    pub(crate) fn held(&self) -> Vec<(MailboxId, String)> {
        let open = self.open();
        let held = open
            .iter()
            .map(|(id, open)| (id.clone(), open.token.clone()));
        held.collect()
    }

    /// Ends the open answers of a mailbox: whoever holds them has to show a token again.
    pub(crate) fn end(&self, mailbox: &MailboxId) {
        if let Some(open) = self.open().remove(mailbox) {
            open.end.cancel();
        }
    }

    /// Ends them all: the server stops.
    pub fn close(&self) {
        self.closing.cancel();
    }

    fn open(&self) -> MutexGuard<'_, HashMap<MailboxId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_so_many_places_and_each_comes_back() {
        let (streams, mailbox) = (Streams::default(), MailboxId::from("main"));
        let mut held: Vec<Place> = (0..MOST)
            .filter_map(|_| streams.place(&mailbox, "t"))
            .collect();
        assert_eq!(held.len(), MOST);
        assert!(streams.place(&mailbox, "t").is_none());
        assert!(streams.place(&"other".into(), "t").is_some());
        held.pop();
        assert!(streams.place(&mailbox, "t").is_some());
    }

    #[test]
    fn a_replaced_token_ends_what_was_open_and_nothing_else() {
        let streams = Streams::default();
        let (old, other) = (
            streams.place(&"main".into(), "t"),
            streams.place(&"other".into(), "t"),
        );
        streams.end(&"main".into());
        let new = streams.place(&"main".into(), "t");
        let ended = |place: &Option<Place>| place.as_ref().is_some_and(|it| it.end.is_cancelled());
        assert!(ended(&old) && !ended(&other) && !ended(&new));
        streams.close();
        assert!(ended(&other) && ended(&new));
    }

    #[test]
    fn a_new_token_ends_what_another_opened() {
        let (streams, main) = (Streams::default(), MailboxId::from("main"));
        let old = streams.place(&main, "old").expect("a place");
        let same = streams.place(&main, "old").expect("a place");
        assert!(!old.end.is_cancelled() && !same.end.is_cancelled());
        let new = streams.place(&main, "new").expect("a place");
        assert!(old.end.is_cancelled() && !new.end.is_cancelled());
        assert_eq!(streams.held(), [(main, "new".to_owned())]);
    }
}
