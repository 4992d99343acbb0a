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
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    open: HashMap<MailboxId, Open>,
    /// How often any were ended.
    ends: u64,
}

/// When somebody was let in: a token that was good then may not be since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Since(u64);

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
    _place: Option<OwnedSemaphorePermit>,
}

impl Streams {
    /// From now on: to be asked before a token is looked at.
    pub(super) fn now(&self) -> Since {
        Since(self.all().ends)
    }

    /// A place for one more, if there is one. `token` is the hash of the one that was shown: what another opened ends. Whoever
    /// was let in before some were ended may be one of those: their place is over as it begins.
    pub(super) fn place(&self, mailbox: &MailboxId, token: &str, since: Since) -> Option<Place> {
        let mut all = self.all();
        if Since(all.ends) != since {
            let end = self.closing.child_token();
            end.cancel();
            return Some(Place { end, _place: None });
        }
        let open = &mut all.open;
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
            _place: Some(place),
        })
    }

    /// Who has open answers, and the hashes of the tokens that opened them.
    pub(crate) fn held(&self) -> Vec<(MailboxId, String)> {
        let all = self.all();
        let held = all
            .open
            .iter()
            .map(|(id, open)| (id.clone(), open.token.clone()));
        held.collect()
    }

    /// Ends the open answers of a mailbox: whoever holds them has to show a token again.
    pub(crate) fn end(&self, mailbox: &MailboxId) {
        let mut all = self.all();
        all.ends += 1;
        if let Some(open) = all.open.remove(mailbox) {
            open.end.cancel();
        }
    }

    /// Tokens may have been replaced elsewhere: who was let in before and holds no place yet has to show theirs again.
    pub(crate) fn doubt(&self) {
        self.all().ends += 1;
    }

    /// Ends them all: the server stops.
    pub fn close(&self) {
        self.closing.cancel();
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_so_many_places_and_each_comes_back() {
        let (streams, mailbox) = (Streams::default(), MailboxId::from("main"));
        let mut held: Vec<Place> = (0..MOST)
            .filter_map(|_| streams.place(&mailbox, "t", streams.now()))
            .collect();
        assert_eq!(held.len(), MOST);
        assert!(streams.place(&mailbox, "t", streams.now()).is_none());
        assert!(streams.place(&"other".into(), "t", streams.now()).is_some());
        held.pop();
        assert!(streams.place(&mailbox, "t", streams.now()).is_some());
    }

    #[test]
    fn a_replaced_token_ends_what_was_open_and_nothing_else() {
        let streams = Streams::default();
        let (old, other) = (
            streams.place(&"main".into(), "t", streams.now()),
            streams.place(&"other".into(), "t", streams.now()),
        );
        streams.end(&"main".into());
        let new = streams.place(&"main".into(), "t", streams.now());
        let ended = |place: &Option<Place>| place.as_ref().is_some_and(|it| it.end.is_cancelled());
        assert!(ended(&old) && !ended(&other) && !ended(&new));
        streams.close();
        assert!(ended(&other) && ended(&new));
    }

    #[test]
    fn a_new_token_ends_what_another_opened() {
        let (streams, main) = (Streams::default(), MailboxId::from("main"));
        let old = streams.place(&main, "old", streams.now()).expect("a place");
        let same = streams.place(&main, "old", streams.now()).expect("a place");
        assert!(!old.end.is_cancelled() && !same.end.is_cancelled());
        let new = streams.place(&main, "new", streams.now()).expect("a place");
        assert!(old.end.is_cancelled() && !new.end.is_cancelled());
        assert_eq!(streams.held(), [(main, "new".to_owned())]);
    }

    #[test]
    fn who_was_let_in_before_some_were_ended_gets_no_place_and_ends_nobodys() {
        let (streams, main) = (Streams::default(), MailboxId::from("main"));
        let before = streams.now();
        streams.end(&main);
        let new = streams.place(&main, "new", streams.now());
        let new = new.expect("a place");
        let late = streams.place(&main, "old", before).expect("an end");
        assert!(late.end.is_cancelled() && !new.end.is_cancelled());
        let before = streams.now();
        streams.doubt();
        let late = streams.place(&main, "new", before).expect("an end");
        assert!(late.end.is_cancelled() && !new.end.is_cancelled());
    }
}
