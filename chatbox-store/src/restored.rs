//! What a database that was brought back is not allowed to do again.

use chatbox_core::id::Seq;

/// What a database was about to do when it was saved. It may have been done since, so it is not done again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubtful {
    /// How many deliveries were waiting or on their way: they are `unknown` now.
    pub deliveries: u64,
    /// Messages whose answer was not yet committed, oldest first: nobody answers them unasked.
    pub unanswered: Vec<Seq>,
}

impl Doubtful {
    /// From the rows that the scripts leave: a message's number, and what its delivery or it became.
    pub(crate) fn of(rows: impl IntoIterator<Item = (i64, String)>) -> Self {
        let mut all = Self::default();
        for (seq, state) in rows {
            match state.as_str() {
                chatbox_core::store::DEAD_LETTER => all.unanswered.push(Seq(seq)),
                _ => all.deliveries += 1,
            }
        }
        all
    }
}
