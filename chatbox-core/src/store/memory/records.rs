//! What people set up: records, remembered replies, notes, and changes that go together.

use super::admin::{NOT_TWICE, changed};
use super::world::World;
use crate::connector::Revision;
use crate::id::{AccountId, Millis};
use crate::store::{
    Admin, Done, NewRecord, Note, Noted, Once, Outcome, Record, RecordKind, Remembered,
};

impl World {
    /// All of it or nothing.
    pub(super) fn together(&mut self, all: Vec<Admin>, now: Millis) -> Outcome {
        let before = self.clone();
        let mut count = 0;
        for admin in all {
            match self.admin(admin, now) {
                Outcome::Done(Done::Changed { count: more }) => count += more,
                Outcome::Done(_) => {}
                undone => {
                    *self = before;
                    return undone;
                }
            }
        }
        Outcome::Done(Done::Changed { count })
    }

    pub(super) fn put_record(&mut self, new: NewRecord, now: Millis) -> Outcome {
        let place = (new.kind, new.id.clone());
        let known = self.records.get(&place);
        let theirs = known.is_none_or(|it| it.account == new.account);
        let rev = known.map_or(0, |it| it.rev);
        if !theirs || new.rev.is_some_and(|decided| decided != rev) || !self.can_use(&new) {
            return Outcome::Stale;
        }
        let at = known.map_or(now, |it| it.at);
        let named = |it: &Record| {
            (it.kind, &it.account, &it.name) == (new.kind, &new.account, &new.name)
                && it.id != new.id
        };
        if self.records.values().any(named) {
            return NOT_TWICE;
        }
        let record = Record {
            kind: new.kind,
            account: new.account,
            id: new.id,
            name: new.name,
            rev: rev + 1,
            body: new.body,
            uses: new.uses,
            at,
        };
        self.records.insert(place, record);
        changed(1)
    }

    fn can_use(&self, new: &NewRecord) -> bool {
        new.uses.iter().all(|id| {
            let used = self.records.get(&(RecordKind::Credential, id.clone()));
            used.is_some_and(|it| it.account == new.account)
        })
    }

    pub(super) fn remove_record(
        &mut self,
        kind: RecordKind,
        account: &AccountId,
        id: &str,
    ) -> Outcome {
        let place = (kind, id.to_owned());
        if self
            .records
            .get(&place)
            .is_none_or(|it| it.account != *account)
        {
            return Outcome::Stale;
        }
        let is_credential = kind == RecordKind::Credential;
        let uses = |it: &Record| it.uses.iter().any(|used| used == id);
        if is_credential && self.records.values().any(uses) {
            return NOT_TWICE;
        }
        self.records.remove(&place);
        changed(1)
    }

    pub(super) fn once(&mut self, once: Once, now: Millis) -> Outcome {
        self.remembered.retain(|_, (_, until)| *until > now);
        if self.remembered.contains_key(&once.key) {
            return NOT_TWICE;
        }
        let reply = Remembered {
            asked: once.asked,
            reply: once.reply,
        };
        let until = Millis(now.0 + once.ttl_ms);
        self.remembered.insert(once.key, (reply, until));
        changed(1)
    }

    pub(super) fn note(&mut self, note: Note, now: Millis) -> Outcome {
        let id = self.notes.len() as Revision + 1;
        self.notes.push(Noted { id, at: now, note });
        changed(1)
    }
}
