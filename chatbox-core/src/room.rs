//! How much is handed to each endpoint at once: a slow one takes no room from the others.

use crate::link::locked;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// So many lanes are handed out at once, whosever they are.
const AT_ONCE: usize = 1024;

/// How much is handed to each mailbox or subscription at once, and to all together: forgotten where nothing is.
#[derive(Debug)]
pub(crate) struct Rooms {
    all: Arc<Semaphore>,
    each: Mutex<Each>,
    /// Told when something waits that finds room.
    due: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Each {
    rooms: HashMap<String, Arc<Semaphore>>,
    /// Those for whom something waits that found no room, in theirs or in all.
    crowded: HashSet<String>,
}

/// Room for one lane's hand-outs. Once it is left, what waits for it is looked for.
#[derive(Debug)]
pub(crate) struct Place {
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    owner: String,
    rooms: Arc<Rooms>,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.held.take());
        if self.rooms.relieves(&self.owner) {
            self.rooms.due.notify_one();
        }
    }
}

impl Rooms {
    /// All of them free.
    pub(crate) fn new(due: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            each: Mutex::default(),
            due,
        })
    }

    /// A place for what has just come, if this owner is not handed as much as may be. What waits already goes first.
    pub(crate) fn new_place(self: &Arc<Self>, owner: &str, size: usize) -> Option<Place> {
        let is_crowded = locked(&self.each).crowded.contains(owner);
        (!is_crowded).then(|| self.place(owner, size)).flatten()
    }

    /// A place, if this owner is not handed as much as may be.
    pub(crate) fn place(self: &Arc<Self>, owner: &str, size: usize) -> Option<Place> {
        let room = locked(&self.each).of(owner, size);
        let of_owner = room.try_acquire_owned().ok()?;
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(self.held(owner, (of_owner, of_all)))
    }

    /// A place, once there is one.
    pub(crate) async fn wait(self: &Arc<Self>, owner: &str, size: usize) -> Option<Place> {
        let room = locked(&self.each).of(owner, size);
        let of_owner = room.acquire_owned().await.ok()?;
        let of_all = self.all.clone().acquire_owned().await.ok()?;
        Some(self.held(owner, (of_owner, of_all)))
    }

    fn held(
        self: &Arc<Self>,
        owner: &str,
        held: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    ) -> Place {
        Place {
            held: Some(held),
            owner: owner.to_owned(),
            rooms: self.clone(),
        }
    }

    /// How many places are left for all.
    pub(crate) fn left(&self) -> usize {
        self.all.available_permits()
    }

    /// Those who are handed as much as may be at once. From here on nothing is known to wait for anybody else: to be asked
    /// before it is looked.
    pub(crate) fn full(&self) -> Vec<String> {
        let mut each = locked(&self.each);
        each.rooms.retain(|_, room| Arc::strong_count(room) > 1);
        let rooms = each.rooms.iter();
        let full = rooms.filter(|(_, room)| room.available_permits() == 0);
        let full: Vec<String> = full.map(|(owner, _)| owner.clone()).collect();
        each.crowded = full.iter().cloned().collect();
        full
    }

    /// Whether anything is known to wait for room.
    pub(crate) fn is_crowded(&self) -> bool {
        !locked(&self.each).crowded.is_empty()
    }

    /// Whether anything of this owner is known to wait for room.
    pub(crate) fn is_crowded_for(&self, owner: &str) -> bool {
        locked(&self.each).crowded.contains(owner)
    }

    /// Something waits for this owner that found no room. Whether there is room by now.
    pub(crate) fn crowds(&self, owner: &str) -> bool {
        let mut each = locked(&self.each);
        each.crowded.insert(owner.to_owned());
        let is_full = |room: &Arc<Semaphore>| room.available_permits() == 0;
        self.left() > 0 && !each.rooms.get(owner).is_some_and(is_full)
    }

    /// A place of this owner was left. Whether something waits that finds room now.
    fn relieves(&self, owner: &str) -> bool {
        let each = locked(&self.each);
        let room = each.rooms.get(owner);
        let has_room = room.is_none_or(|room| room.available_permits() > 0);
        let is_relieved = has_room && each.crowded.contains(owner);
        // The first place of all that is left may be for anybody.
        is_relieved || self.left() == 1 && !each.crowded.is_empty()
    }
}

impl Each {
    fn of(&mut self, owner: &str, size: usize) -> Arc<Semaphore> {
        let room = self.rooms.entry(owner.to_owned());
        let room = room.or_insert_with(|| Arc::new(Semaphore::new(size)));
        room.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn rooms() -> (Arc<Rooms>, impl Fn() -> bool) {
        let due = Arc::new(Notify::new());
        let told = due.clone();
        (Rooms::new(due), move || {
            told.notified().now_or_never().is_some()
        })
    }

    #[test]
    fn who_waits_for_room_is_looked_for_when_there_is_some() {
        let (rooms, told) = rooms();
        assert!(rooms.full().is_empty());
        let first = rooms.new_place("a", 2).expect("there is room");
        let second = rooms.new_place("a", 2).expect("there is room");
        assert!(rooms.new_place("a", 2).is_none(), "two is all");
        assert!(
            rooms.new_place("b", 2).is_some(),
            "another has room of its own"
        );
        assert_eq!(rooms.full(), ["a"]);
        assert!(!rooms.crowds("a"), "it is full");
        assert!(!told());
        drop(first);
        assert!(told());
        assert!(rooms.new_place("a", 2).is_none(), "what waits goes first");
        assert!(rooms.full().is_empty(), "it is looked for");
        assert!(rooms.new_place("a", 2).is_some());
        assert!(!told(), "nothing waits any more");
        assert!(rooms.crowds("a"), "there is room");
        drop(second);
        assert!(told());
    }

    #[tokio::test]
    async fn a_place_goes_to_who_waits_before_it_is_looked_for_more() {
        let (rooms, told) = rooms();
        let held = rooms.place("a", 1).expect("there is room");
        let waiting = rooms.clone();
        let waiter = tokio::spawn(async move { waiting.wait("a", 1).await });
        tokio::task::yield_now().await;
        assert!(!rooms.crowds("a"));
        drop(held);
        assert!(!told(), "somebody had it already");
        drop(waiter.await.expect("it ends").expect("a place"));
        assert!(told());
    }

    #[test]
    fn one_takes_no_more_than_there_is_for_all() {
        let (rooms, told) = rooms();
        let place = || rooms.place("a", 2 * AT_ONCE);
        let mut places: Vec<_> = (0..AT_ONCE).map_while(|_| place()).collect();
        assert_eq!((places.len(), rooms.left()), (AT_ONCE, 0));
        assert!(rooms.place("b", 1).is_none());
        assert!(!rooms.crowds("b"));
        places.pop();
        assert!(told(), "b waits, and a place of a's is free");
    }
}
