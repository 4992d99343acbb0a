//! Whose reactions stand on a message, for platforms that tell of one at a time: the house wants all of a person's.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// How many messages' reactions are remembered, per person. An older message's are counted anew.
const MOST: usize = 1000;

/// The reactions of people to messages, as far as they were told of lately. A key is a person and a message.
#[derive(Debug)]
pub struct Reactions<K> {
    known: HashMap<K, BTreeSet<String>>,
    order: VecDeque<K>,
}

impl<K> Default for Reactions<K> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Reactions<K> {
    /// One more or one less; all of them now.
    pub fn change(&mut self, key: K, emoji: String, added: bool) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_persons_reactions_are_known_for_a_while() {
        let mut reactions = Reactions::default();
        let mut change = |key: u32, emoji: &str, added| {
            let emoji = emoji.to_owned();
            reactions.change(key, emoji, added)
        };
        assert_eq!(change(1, "a", true), ["a"]);
        assert_eq!(change(1, "b", true), ["a", "b"]);
        assert_eq!(change(1, "a", false), ["b"]);
        for key in 2..3000 {
            change(key, "a", true);
        }
        assert_eq!(change(1, "c", true), ["c"], "long ago");
        assert_eq!(reactions.known.len(), MOST);
    }
}
