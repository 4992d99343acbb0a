//! The zero-or-one focal chat of a mailbox, and what moving it consumes. Pure.

use crate::id::{ChatId, Seq};
use serde::{Deserialize, Serialize};

/// Where a mailbox looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Focus {
    /// The focal chat.
    pub chat: Option<ChatId>,
    /// How often it moved.
    pub revision: i64,
    /// What the last move consumed, for as long as asking again shows it again.
    pub recap: Option<Recap>,
}

/// The rows of the focal chat that a switch to it consumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recap {
    /// They begin after this row.
    pub after: Seq,
    /// They end with this one.
    pub upto: Seq,
}

impl Focus {
    /// Moves the focus. `seen` and `head` are the target chat's; they do not matter when clearing. `None` where it looks
    /// there already: nothing moves and nothing is consumed.
    pub fn switch(self, to: Option<ChatId>, seen: Seq, head: Seq) -> Option<Self> {
        let recap = Recap {
            after: seen,
            upto: head,
        };
        (to != self.chat).then(|| Self {
            chat: to,
            revision: self.revision + 1,
            recap: to.map(|_| recap),
        })
    }

    /// The focus once something else was asked: a repeated switch has nothing to show again.
    pub fn settled(self) -> Self {
        Self {
            recap: None,
            ..self
        }
    }

    /// Where `seen` stands after a row arrived in `chat`: a row of the focal chat is consumed as it comes.
    pub fn seen_after(self, chat: ChatId, seen: Seq, arrived: Seq) -> Seq {
        if self.chat == Some(chat) {
            seen.max(arrived)
        } else {
            seen
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ChatId = ChatId(1);
    const THERE: ChatId = ChatId(2);

    #[test]
    fn only_the_focal_chat_is_consumed_as_it_comes() {
        let focus = Focus {
            chat: Some(HERE),
            ..Focus::default()
        };
        assert_eq!(focus.seen_after(HERE, Seq(1), Seq(5)), Seq(5));
        assert_eq!(focus.seen_after(THERE, Seq(1), Seq(5)), Seq(1));
    }

    #[test]
    fn a_switch_consumes_up_to_the_head_and_a_repetition_nothing() {
        let focus = Focus::default();
        let here = focus.switch(Some(HERE), Seq(3), Seq(9)).expect("it moves");
        let consumed = Recap {
            after: Seq(3),
            upto: Seq(9),
        };
        assert_eq!(here.chat, Some(HERE));
        assert_eq!((here.revision, here.recap), (1, Some(consumed)));
        assert_eq!(here.switch(Some(HERE), Seq(9), Seq(12)), None);
        let nowhere = here.switch(None, Seq(9), Seq(12)).expect("it moves");
        assert_eq!((nowhere.chat, nowhere.revision), (None, 2));
        assert_eq!(nowhere.recap, None, "looking nowhere shows nothing");
        assert_eq!(nowhere.switch(None, Seq(9), Seq(12)), None);
        assert_eq!(here.settled().recap, None);
    }
}
