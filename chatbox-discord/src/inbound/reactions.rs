//! Whose reactions stand on a message: Discord tells of one at a time, the house wants all of a person's.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// How many messages' reactions are remembered, per person. An older message's are counted anew.
const MOST: usize = 1000;

/// The reactions of people to messages, as far as they were told of lately.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    known: HashMap<(u64, u64), BTreeSet<String>>,
    order: VecDeque<(u64, u64)>,
}

impl Reactions {
    /// One more or one less; all of them now.
    pub(crate) fn change(&mut self, key: (u64, u64), emoji: String, added: bool) -> Vec<String> {
        if !self.known.contains_key(&key) {
            if self.order.len() >= MOST {
                let oldest = self.order.pop_front();
                oldest.and_then(|oldest| self.known.remove(&oldest));
            }
            self.order.push_back(key);
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
