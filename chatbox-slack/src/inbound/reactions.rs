//! Whose reactions stand on a message: Slack tells of one at a time, the house wants all of a person's.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// How many messages' reactions are remembered, per person. An older message's are counted anew.
const MOST: usize = 1000;

/// A person and a message.
type Key = (String, String);

/// The reactions of people to messages, as far as they were told of lately.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    known: HashMap<Key, BTreeSet<String>>,
    order: VecDeque<Key>,
}

impl Reactions {
    /// One more or one less; all of them now.
    pub(crate) fn change(&mut self, key: Key, emoji: String, added: bool) -> Vec<String> {
        if !self.known.contains_key(&key) {
            if self.order.len() >= MOST {
                let oldest = self.order.pop_front();
                oldest.and_then(|oldest| self.known.remove(&oldest));
            }
            self.order.push_back(key.clone());
        }
        let all = self.known.entry(key).or_default();
        if added {
            all.insert(emoji);
        } else {
            all.remove(&emoji);
        }
        all.iter().cloned().collect()
    }
}
