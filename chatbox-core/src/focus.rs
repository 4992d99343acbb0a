//! The zero-or-one focal chat of a mailbox, and what moving it consumes. Pure; its doors are elsewhere.

use crate::id::{ChatId, Seq};

/// Where a mailbox looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Focus {
    /// The focal chat.
    pub chat: Option<ChatId>,
    /// How often it moved. A send decided under another revision is decided again.
    pub revision: i64,
}

/// What a switch does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Switch {
    /// It looks there already: nothing is consumed.
    Same,
    /// It looks nowhere from now on: nothing is consumed.
    Cleared(Focus),
    /// It looks there from now on, and everything up to the chat's head is consumed.
    Moved {
        /// The new focus.
        focus: Focus,
        /// The recap starts after this row.
        from: Seq,
        /// The recap ends with this row, and so does what is consumed.
        to: Seq,
    },
}

impl Focus {
    /// Moves the focus. `seen` and `head` are the target chat's, both zero when clearing.
    pub fn switch(self, to: Option<ChatId>, seen: Seq, head: Seq) -> Switch {
        let next = Self {
            chat: to,
            revision: self.revision + 1,
        };
        match to {
            _ if to == self.chat => Switch::Same,
            None => Switch::Cleared(next),
            Some(_) => Switch::Moved {
                focus: next,
                from: seen,
                to: head,
            },
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
            revision: 0,
        };
        assert_eq!(focus.seen_after(HERE, Seq(1), Seq(5)), Seq(5));
        assert_eq!(focus.seen_after(THERE, Seq(1), Seq(5)), Seq(1));
    }

    #[test]
    fn a_switch_consumes_up_to_the_head_and_a_repetition_nothing() {
        let focus = Focus::default();
        let Switch::Moved { focus, from, to } = focus.switch(Some(HERE), Seq(3), Seq(9)) else {
            panic!("it did not move");
        };
        assert_eq!((from, to, focus.revision), (Seq(3), Seq(9), 1));
        assert_eq!(focus.switch(Some(HERE), Seq(9), Seq(12)), Switch::Same);
        assert!(matches!(
            focus.switch(None, Seq::ZERO, Seq::ZERO),
            Switch::Cleared(_)
        ));
    }
}
