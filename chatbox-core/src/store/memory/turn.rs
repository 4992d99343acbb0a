//! Ending a turn.

use super::world::{NewRow, World};
use crate::id::{ChatId, Fence, Millis, Seq};
use crate::store::{Commit, DEAD_LETTER, Done, LaneKey, Outcome, TurnEnd};

impl World {
    pub(super) fn commit_turn(&mut self, commit: Commit, now: Millis) -> Outcome {
        if !self.is_held(&commit.lane, commit.fence) {
            return Outcome::Fenced;
        }
        let sayable = commit.emits.iter().all(|emit| self.can_say(emit));
        let put_off = commit.end.puts_off();
        if self.chat(commit.chat).is_none() || (put_off.is_none() && !sayable) {
            return Outcome::Stale;
        }
        let turn = self.end_turn(&commit);
        if let Some(after_ms) = put_off {
            let lane = self.lane_mut(&commit.lane);
            lane.sleep_until(Millis(now.0 + after_ms));
            if let TurnEnd::Released { .. } = commit.end {
                lane.forget_attempt();
            }
            return Outcome::Done(Done::Appended {
                rows: Vec::new(),
                more: true,
            });
        }
        match &commit.end {
            TurnEnd::Poisoned { reason } => self.bury(&commit, reason, turn, now),
            _ => self.hand_over(commit.chat, &commit.lane, commit.upto),
        }
        let emits = commit.emits.into_iter();
        let rows = emits.map(|emit| self.say(emit, turn, now)).collect();
        let more = self.give_back_turn(&commit.lane, now);
        Outcome::Done(Done::Appended { rows, more })
    }

    /// Puts on record how the turn under this fence ended.
    fn end_turn(&mut self, commit: &Commit) -> Option<usize> {
        let place = self.turn_under(&commit.lane, commit.fence)?;
        let (state, reason) = match &commit.end {
            TurnEnd::Done { .. } => ("done", None),
            TurnEnd::Failed { reason } => ("failed", Some(reason)),
            TurnEnd::Again { reason, .. } => ("again", Some(reason)),
            TurnEnd::Released { reason, .. } => ("released", Some(reason)),
            TurnEnd::Poisoned { reason } => ("poisoned", Some(reason)),
        };
        let entry = &mut self.turns[place];
        entry.chat = Some(commit.chat);
        entry.upto = Some(commit.upto);
        entry.turn.state = state.to_owned();
        entry.turn.reason = reason.cloned();
        Some(place)
    }

    pub(super) fn turn_under(&self, lane: &LaneKey, fence: Fence) -> Option<usize> {
        self.turns
            .iter()
            .position(|entry| entry.lane == *lane && entry.turn.fence == fence)
    }

    fn hand_over(&mut self, chat: ChatId, lane: &LaneKey, upto: Seq) {
        let member = self.members.entry((chat, lane.owner.clone())).or_default();
        member.handed = member.handed.max(upto);
        member.seen = member.seen.max(upto);
    }

    /// The oldest message that asks for a turn is handed over alone, and its chat is told.
    fn bury(&mut self, commit: &Commit, reason: &str, turn: Option<usize>, now: Millis) {
        let Some(seq) = self.oldest_waking(commit.chat, &commit.lane.owner) else {
            return;
        };
        self.hand_over(commit.chat, &commit.lane, seq);
        self.append(NewRow::outcome(commit.chat, seq, DEAD_LETTER, reason), now);
        if let Some(place) = turn {
            self.turns[place].upto = Some(seq);
        }
    }

    /// The lane sleeps. It is due again, after what it waits for anyway, if a message is left in one of its chats.
    fn give_back_turn(&mut self, key: &LaneKey, now: Millis) -> bool {
        let mut chats = self.lane_chats(key).into_iter();
        let more = chats.any(|chat| self.oldest_waking(chat, &key.owner).is_some());
        let lane = self.lane_mut(key);
        lane.attempts = 0;
        match more {
            true => lane.sleep_until(lane.due.max(now)),
            false => lane.rest(),
        }
        more
    }
}
