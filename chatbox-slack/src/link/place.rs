//! A place in an app's events: what a cursor says, and what outlives a connection.

use crate::history::From;
use crate::inbound::Ts;
use chatbox_connector_api::Cursor;
use chatbox_connector_api::id::EventId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many chats' newest messages a cursor names; the others' are all before its floor.
pub(crate) const MAX_CHATS: usize = 64;
/// How many events are remembered to be safe.
const MAX_SAFE: usize = 4096;
/// How many people's names are remembered.
const MAX_PEOPLE: usize = 10_000;

/// Up to where everything is safe, chat by chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Whose events. Another bot's mean nothing.
    pub(crate) bot: String,
    /// Everything up to here is safe in every chat that is not named.
    pub(crate) floor: String,
    /// Chats by handle and their newest message, the one heard of last at the end.
    #[serde(default)]
    pub(crate) chats: Vec<(String, String)>,
}

impl Place {
    /// Nothing before this moment is asked for.
    pub(crate) fn now(bot: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        Self {
            bot: bot.to_owned(),
            floor: format!("{:010}.{:06}", now.as_secs(), now.subsec_micros()),
            chats: Vec::new(),
        }
    }

    pub(crate) fn read(cursor: &Cursor, bot: &str) -> Option<Self> {
        let place: Self = serde_json::from_str(&cursor.0).ok()?;
        let sound = Ts::of(&place.floor).is_some() && place.bot == bot;
        sound.then_some(place)
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("texts are JSON"))
    }

    /// A message of a chat.
    pub(crate) fn met(&mut self, chat: &str, ts: &str) {
        let known = self.chats.iter().position(|(known, _)| known == chat);
        let known = known.map(|nth| self.chats.remove(nth).1);
        let newest = known.filter(|known| known.as_str() > ts);
        let newest = newest.unwrap_or_else(|| ts.to_owned());
        self.chats.push((chat.to_owned(), newest));
    }

    /// Names no more chats than a cursor does. Only where every chat is known to be safe up to now: whatever was said in one
    /// that is left out lies before the floor.
    pub(crate) fn trim(&mut self) {
        while self.chats.len() > MAX_CHATS {
            let (_, left) = self.chats.remove(0);
            self.floor = std::mem::take(&mut self.floor).max(left);
        }
    }

    /// From where on a conversation is read.
    pub(crate) fn from(&self, channel: &str) -> From {
        let ts = |text: &str| Ts::of(text).unwrap_or_else(|| Ts(self.floor.clone()));
        let named = |chat: &str| self.chats.iter().find(|(known, _)| known == chat);
        let floor = Ts(self.floor.clone());
        let own = named(channel).map_or(floor.clone(), |(_, newest)| ts(newest));
        let threads = self.chats.iter().filter_map(|(chat, newest)| {
            let root = chat.strip_prefix(channel)?.strip_prefix('/')?;
            Some((Ts::of(root)?, ts(newest)))
        });
        let threads: BTreeMap<Ts, Ts> = threads.collect();
        // What is said in a thread of two stands in their one chat.
        let others = match channel.starts_with('D') {
            true => own.clone(),
            false => floor,
        };
        From {
            own,
            threads,
            others,
        }
    }

    /// The later of both, chat by chat: each says that it is safe up to there.
    fn and(mut self, other: Self) -> Self {
        for (chat, ts) in other.chats {
            self.met(&chat, &ts);
        }
        self.floor = self.floor.max(other.floor);
        self
    }
}

/// What outlives a connection, within this process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The newest safe place.
    pub(crate) place: Option<Place>,
    safe: HashSet<EventId>,
    order: VecDeque<EventId>,
    /// People's names.
    pub(crate) people: HashMap<String, String>,
}

impl Memory {
    /// The later of what is stored and what is known here.
    pub(crate) fn best(&self, stored: Option<Place>, bot: &str) -> Option<Place> {
        let known = self.place.clone().filter(|place| place.bot == bot);
        match (known, stored) {
            (Some(known), Some(stored)) => Some(known.and(stored)),
            (known, stored) => known.or(stored),
        }
    }

    /// Whether an event is known to be safe.
    pub(crate) fn is_safe(&self, id: &EventId) -> bool {
        self.safe.contains(id)
    }

    /// An event is safe.
    pub(crate) fn keep(&mut self, id: EventId) {
        if !self.safe.insert(id.clone()) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MAX_SAFE {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.safe.remove(&oldest));
        }
    }

    pub(crate) fn name(&mut self, person: &str, name: &str) {
        if self.people.len() >= MAX_PEOPLE {
            self.people.clear();
        }
        self.people.insert(person.to_owned(), name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(n: u64) -> String {
        format!("{:010}.000000", 1_700_000_000 + n)
    }

    #[test]
    fn a_place_is_read_by_its_own_bot_only_and_bounded() {
        let mut place = Place::now("U1");
        place.floor = ts(0);
        for n in 0..200 {
            place.met(&format!("C{n}"), &ts(n));
        }
        assert_eq!(place.from("C0").own.0, ts(0), "nothing is left out unasked");
        place.trim();
        assert_eq!(place.chats.len(), MAX_CHATS);
        assert_eq!(
            place.floor,
            ts(135),
            "what is named no more is before the floor"
        );
        place.met("C199", &ts(1));
        assert_eq!(place.from("C199").own.0, ts(199), "no chat goes back");
        assert_eq!(Place::read(&place.cursor(), "U1"), Some(place.clone()));
        assert_eq!(Place::read(&place.cursor(), "U2"), None);
        for odd in ["nonsense", "{}", r#"{"bot":"U1","floor":"x","chats":[]}"#] {
            assert_eq!(Place::read(&Cursor(odd.to_owned()), "U1"), None);
        }
    }

    #[test]
    fn a_conversation_is_read_from_where_it_and_its_threads_are_safe() {
        let mut place = Place::now("U1");
        place.floor = ts(0);
        place.met("C1", &ts(5));
        place.met(&format!("C1/{}", ts(2)), &ts(7));
        place.met("D1", &ts(9));
        let from = place.from("C1");
        assert_eq!((from.own.0, from.others.0), (ts(5), ts(0)));
        assert_eq!(from.threads, [(Ts(ts(2)), Ts(ts(7)))].into());
        assert_eq!(place.from("D1").others.0, ts(9));
        assert_eq!(place.from("C2").own.0, ts(0));
    }

    #[test]
    fn of_two_places_each_chats_later_one_counts() {
        let mut stored = Place::now("U1");
        stored.floor = ts(1);
        stored.met("C1", &ts(5));
        let mut memory = Memory {
            place: Some(stored.clone()),
            ..Memory::default()
        };
        let mut other = stored.clone();
        other.floor = ts(2);
        other.met("C2", &ts(6));
        let best = memory.best(Some(other), "U1").expect("a place");
        assert_eq!(best.floor, ts(2));
        assert_eq!(
            (best.from("C1").own.0, best.from("C2").own.0),
            (ts(5), ts(6))
        );
        assert_eq!(memory.best(None, "U2"), None);
        for n in 0..5000 {
            memory.keep(EventId::new(n.to_string()));
        }
        assert!(memory.is_safe(&EventId::new("4999")) && !memory.is_safe(&EventId::new("1")));
        assert_eq!(memory.safe.len(), MAX_SAFE);
    }
}
