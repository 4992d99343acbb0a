//! Lanes: a lock with a fence, a wish, and a time. Every change of a lane is a method here.

use super::world::{TurnEntry, World};
use crate::id::{Fence, Millis, WorkerId};
use crate::store::{
    Claim, Claimed, Done, LaneKey, LaneKind, Offer, Outcome, Renew, TurnRow, Under,
};

/// One lane. It holds no queue: `wanted` and `done` only say whether looking is worth it.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// The newest row or delivery that somebody should look at.
    pub(super) wanted: i64,
    /// The newest one that needs no more looking at.
    pub(super) done: i64,
    /// Who holds it, if anybody does.
    pub(super) holder: Option<WorkerId>,
    pub(super) fence: Fence,
    /// When the holder's lease ends.
    pub(super) until: Millis,
    /// Not to be taken before.
    pub(super) due: Millis,
    /// Claims since the last success, but for those that were released.
    pub(super) attempts: u32,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            wanted: 0,
            done: 0,
            holder: None,
            fence: Fence(0),
            until: Millis(0),
            due: Millis(0),
            attempts: 0,
        }
    }

    pub(super) fn wants(&self) -> bool {
        self.wanted > self.done
    }

    pub(super) fn is_held_under(&self, fence: Fence) -> bool {
        self.holder.is_some() && self.fence == fence
    }

    /// Something new: not before `due`, and not before what the lane waits for anyway.
    pub(super) fn wake(&mut self, wanted: i64, due: Millis) {
        self.due = if self.wants() { self.due.max(due) } else { due };
        self.wanted = self.wanted.max(wanted);
    }

    pub(super) fn is_claimable(&self, now: Millis) -> bool {
        let free = match self.holder {
            None => self.wants(),
            Some(_) => self.until < now,
        };
        free && self.due <= now
    }

    pub(super) fn take(&mut self, offer: &Offer, now: Millis) {
        self.holder = Some(offer.worker.clone());
        self.fence = Fence(self.fence.0 + 1);
        self.until = Millis(now.0 + offer.lease_ms);
        self.attempts += 1;
    }

    /// Given back with work left in it.
    pub(super) fn sleep_until(&mut self, due: Millis) {
        self.holder = None;
        self.due = due;
    }

    /// The last claim was no attempt.
    pub(super) fn forget_attempt(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
    }

    /// Given back with nothing left to do.
    pub(super) fn rest(&mut self) {
        self.holder = None;
        self.done = self.wanted;
        self.attempts = 0;
    }
}

impl World {
    pub(super) fn lane_mut(&mut self, key: &LaneKey) -> &mut Lane {
        self.lanes.entry(key.clone()).or_insert_with(Lane::new)
    }

    pub(super) fn is_held(&self, key: &LaneKey, fence: Fence) -> bool {
        self.lanes
            .get(key)
            .is_some_and(|lane| lane.is_held_under(fence))
    }

    /// Whether a turn still runs. From the moment its lane can be taken it does not.
    pub(super) fn runs(&self, turn: &Under, now: Millis) -> bool {
        let held = |lane: &Lane| lane.is_held_under(turn.fence) && lane.until >= now;
        turn.lane.kind == LaneKind::Turn && self.lanes.get(&turn.lane).is_some_and(held)
    }

    pub(super) fn claim(&mut self, claim: &Claim, now: Millis) -> Outcome {
        let theirs = |key: &LaneKey| {
            key.kind == claim.kind
                && claim.owner.as_ref().is_none_or(|it| *it == key.owner)
                && !claim.except.contains(&key.owner)
        };
        let mut due: Vec<(Millis, LaneKey)> = self
            .lanes
            .iter()
            .filter(|(key, lane)| theirs(key) && lane.is_claimable(now) && !self.is_paused(key))
            .map(|(key, lane)| (lane.due, key.clone()))
            .collect();
        due.sort();
        due.truncate(claim.limit as usize);
        let lanes = due
            .into_iter()
            .map(|(_, key)| self.take(key, &claim.offer, now))
            .collect();
        Outcome::Done(Done::Claimed { lanes })
    }

    /// Takes a lane. A turn lane's claim is on record; a holder who never ended its turn has lost it.
    pub(super) fn take(&mut self, key: LaneKey, offer: &Offer, now: Millis) -> Claimed {
        let head = self.head();
        let lane = self.lane_mut(&key);
        lane.take(offer, now);
        let (fence, attempts) = (lane.fence, lane.attempts);
        if key.kind == LaneKind::Turn {
            self.lose_turns(&key);
            self.turns.push(TurnEntry {
                lane: key.clone(),
                head,
                chat: None,
                upto: None,
                turn: TurnRow {
                    fence,
                    attempt: attempts,
                    state: "claimed".to_owned(),
                    at: now,
                    reason: None,
                },
            });
        }
        Claimed {
            lane: key,
            fence,
            attempts,
        }
    }

    /// Whoever held the lane and did not end its turn has lost it.
    pub(super) fn lose_turns(&mut self, key: &LaneKey) {
        for entry in &mut self.turns {
            if entry.lane == *key && entry.turn.state == "claimed" {
                entry.turn.state = "lost".to_owned();
            }
        }
    }

    pub(super) fn renew(&mut self, renew: &Renew, now: Millis) -> Outcome {
        if !self.is_held(&renew.lane, renew.fence) {
            return Outcome::Fenced;
        }
        self.lane_mut(&renew.lane).until = Millis(now.0 + renew.lease_ms);
        Outcome::Done(Done::Nothing)
    }

    /// When a lane of this kind and of one of these owners can next be taken.
    pub(super) fn next_due(&self, kind: LaneKind, owners: Option<&[String]>) -> Option<Millis> {
        let lanes = self.lanes.iter();
        let theirs = |key: &LaneKey| {
            key.kind == kind && owners.is_none_or(|these| these.contains(&key.owner))
        };
        let lanes = lanes.filter(|(key, _)| theirs(key) && !self.is_paused(key));
        lanes
            .filter_map(|(_, lane)| match lane.holder {
                None => lane.wants().then_some(lane.due),
                Some(_) => Some(lane.due.max(Millis(lane.until.0 + 1))),
            })
            .min()
    }
}
