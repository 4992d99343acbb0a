//! What comes into a lane while it is drained: whoever takes a message in passes it on, so that it need not be read back.
//! The store is what counts. What is passed on is handed out only where nothing can stand between it and the one before it.

use super::HandOut;
use crate::id::DeliveryId;
use crate::link::locked;
use crate::store::LaneKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// So much is kept for a lane; more is read when it is its turn.
const KEPT: usize = 32;
/// What waited longer is read as well: it may have been changed or taken back since.
const FRESH: Duration = Duration::from_millis(100);

/// The ways to those who drain lanes here.
#[derive(Debug, Default)]
pub(crate) struct Passing(Mutex<HashMap<LaneKey, mpsc::Sender<Passed>>>);

/// A hand-out as it was written.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The last one before it in its lane that was not decided then.
    pub(crate) after: DeliveryId,
    /// When it was.
    pub(crate) since: Instant,
    pub(crate) hand_out: HandOut,
}

impl Passed {
    fn is_next(&self, last: DeliveryId) -> bool {
        self.after == last && self.since.elapsed() < FRESH
    }
}

/// What came into a lane that is drained here. While it is held, its lane can be passed to.
#[derive(Debug)]
pub(crate) struct Came {
    lane: LaneKey,
    passing: Arc<Passing>,
    way: mpsc::Sender<Passed>,
    passed: mpsc::Receiver<Passed>,
}

impl Passing {
    /// From now on what comes into this lane is passed on to who holds this.
    pub(crate) fn open(self: &Arc<Self>, lane: &LaneKey) -> Came {
        let (way, passed) = mpsc::channel(KEPT);
        locked(&self.0).insert(lane.clone(), way.clone());
        Came {
            lane: lane.clone(),
            passing: self.clone(),
            way,
            passed,
        }
    }

    /// Passes a hand-out on, if somebody drains its lane here and there is room.
    pub(crate) fn pass(&self, lane: &LaneKey, passed: impl FnOnce() -> Option<Passed>) {
        let way = locked(&self.0).get(lane).cloned();
        if let Some(way) = way
            && let Some(passed) = passed()
        {
            // Without room it is read when it is its turn.
            let _ = way.try_send(passed);
        }
    }
}

impl Came {
    /// What was passed on and comes right after this one.
    pub(super) fn right_after(&mut self, last: DeliveryId) -> Option<HandOut> {
        while let Ok(passed) = self.passed.try_recv() {
            // Others were handed out before, or something stands between.
            if passed.is_next(last) {
                return Some(passed.hand_out);
            }
        }
        None
    }

    /// The same, once something is passed on.
    pub(super) async fn comes_after(&mut self, last: DeliveryId) -> HandOut {
        loop {
            match self.passed.recv().await {
                Some(passed) if passed.is_next(last) => return passed.hand_out,
                Some(_) => {}
                // It is held here as well, so that it is never closed.
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Came {
    fn drop(&mut self) {
        let mut ways = locked(&self.passing.0);
        if ways
            .get(&self.lane)
            .is_some_and(|way| way.same_channel(&self.way))
        {
            ways.remove(&self.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Millis;
    use crate::push::Item;
    use crate::store::{ServiceEvent, ServiceKind};

    fn passed(after: i64, delivery: i64) -> Passed {
        Passed {
            after: DeliveryId(after),
            since: Instant::now(),
            hand_out: HandOut {
                delivery: DeliveryId(delivery),
                attempts: 0,
                at: Millis(0),
                item: Item::Event {
                    subscription: "s".to_owned(),
                    event: ServiceEvent::new(ServiceKind::NewChat, "m".into()),
                },
            },
        }
    }

    fn next(came: &mut Came, last: i64) -> Option<i64> {
        let next = came.right_after(DeliveryId(last));
        next.map(|it| it.delivery.0)
    }

    #[test]
    fn only_what_comes_right_after_is_handed_on() {
        let passing = Arc::<Passing>::default();
        let lane = LaneKey::events("s");
        let mut came = passing.open(&lane);
        for (after, delivery) in [(1, 2), (2, 5), (6, 7)] {
            passing.pass(&lane, || Some(passed(after, delivery)));
        }
        assert_eq!(next(&mut came, 1), Some(2));
        assert_eq!(next(&mut came, 2), Some(5));
        assert_eq!(next(&mut came, 5), None, "6 stands between");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_is_not_handed_on() {
        let passing = Arc::<Passing>::default();
        let lane = LaneKey::events("s");
        let mut came = passing.open(&lane);
        passing.pass(&lane, || Some(passed(1, 2)));
        tokio::time::advance(FRESH).await;
        assert_eq!(next(&mut came, 1), None);
    }

    #[test]
    fn what_finds_no_room_or_nobody_is_not_kept() {
        let passing = Arc::<Passing>::default();
        let lane = LaneKey::events("s");
        passing.pass(&lane, || panic!("nobody drains it"));
        let mut came = passing.open(&lane);
        for nth in 0..100 {
            passing.pass(&lane, || Some(passed(nth, nth + 1)));
        }
        let mut last = 0;
        while let Some(delivery) = next(&mut came, last) {
            last = delivery;
        }
        assert_eq!(last, KEPT as i64);
        drop(came);
        passing.pass(&lane, || panic!("nobody drains it"));
    }

    #[test]
    fn who_drains_it_next_is_passed_to() {
        let passing = Arc::<Passing>::default();
        let lane = LaneKey::events("s");
        let first = passing.open(&lane);
        let mut second = passing.open(&lane);
        drop(first);
        passing.pass(&lane, || Some(passed(1, 2)));
        assert_eq!(next(&mut second, 1), Some(2));
    }
}
