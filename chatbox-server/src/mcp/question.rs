//! A question put to people in a chat: how it reads, and which message answers it. Pure.
//!
//! A text answers only what it is bound to: by replying to the question; or, where one person and the agent are alone, by
//! being the first thing said after it, with nothing else asked in between; or by pressing one of its buttons. What is
//! typed anywhere else decides nothing.

use chatbox_core::event::{ChatKind, EventBody};
use chatbox_core::id::{ChatId, Millis, Seq};
use chatbox_core::store::{Author, LogRow};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A question as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Question {
    /// What the agent calls it.
    pub(super) id: String,
    /// Where it is put.
    pub(super) chat: ChatId,
    /// What is asked.
    pub(super) text: String,
    /// What may be answered; anything where there are none.
    pub(super) choices: Vec<String>,
    /// Answers after this are none.
    pub(super) until: Millis,
    /// The row it became.
    pub(super) row: Option<Seq>,
    /// What came of it. Stays as it is, whatever is said afterwards.
    pub(super) end: Option<End>,
}

/// What came of a question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(super) enum End {
    /// Somebody answered.
    Answered {
        /// The choice as it was put, or what they wrote.
        answer: String,
        /// Who, as their platform names them.
        by: String,
        /// How they call themselves.
        name: Option<String>,
        /// Their message.
        row: Seq,
    },
    /// Nobody did in time.
    Expired,
    /// It did not reach the chat.
    Undelivered {
        /// Why.
        reason: String,
    },
}

/// A row after the question, and the row it replies to or is a press on, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) row: LogRow,
    pub(super) replies_to: Option<Reply>,
}

/// What a message replies to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// A row of the log.
    To(Seq),
    /// Something that is not in the log.
    Elsewhere,
}

impl Question {
    /// How it is said. Where several people are, only a reply answers, and it says so.
    pub(super) fn said(&self, kind: ChatKind) -> String {
        let mut text = self.text.clone();
        if !self.choices.is_empty() {
            text += "\n\n";
            for (choice, number) in self.choices.iter().zip(1..) {
                text += &format!("{number}. {choice}\n");
            }
        }
        let how = match (kind, self.choices.is_empty()) {
            (ChatKind::Dm, true) => return text,
            (ChatKind::Dm, false) => "Answer with a number.",
            (_, true) => "Reply to this message to answer.",
            (_, false) => "Reply to this message with a number.",
        };
        format!("{}\n\n{how}", text.trim_end())
    }

    /// What has come of it by now. `heard` are the rows of its chat after it, oldest first.
    pub(super) fn end(&self, kind: ChatKind, heard: &[Heard], now: Millis) -> Option<End> {
        let row = self.row?;
        let changed: HashSet<Seq> = heard.iter().filter_map(|it| it.row.target).collect();
        let mut alone = kind == ChatKind::Dm;
        for Heard {
            row: said,
            replies_to,
        } in heard
        {
            match &said.body {
                EventBody::Outcome { of, reason, .. } if *of == row => {
                    let reason = reason.clone();
                    return Some(End::Undelivered { reason });
                }
                EventBody::Message(_) if said.out => alone = false,
                EventBody::Action(action)
                    if *replies_to == Some(Reply::To(row)) && said.at <= self.until =>
                {
                    if let Some(end) = self.nth(&action.name).and_then(|it| answered(said, it)) {
                        return Some(end);
                    }
                }
                // A message that was changed could have said anything when it was seen.
                EventBody::Message(content)
                    if said.at <= self.until && !changed.contains(&said.seq) =>
                {
                    let bound = match replies_to {
                        Some(reply) => *reply == Reply::To(row),
                        None => alone,
                    };
                    let answer = bound.then(|| self.answer(&content.text)).flatten();
                    if let Some(end) = answer.and_then(|it| answered(said, it)) {
                        return Some(end);
                    }
                }
                _ => {}
            }
        }
        (now > self.until).then_some(End::Expired)
    }

    /// The answer a text gives: a choice by its words or its number, or any words where there are no choices.
    fn answer(&self, text: &str) -> Option<String> {
        let text = text.trim();
        if self.choices.is_empty() {
            return (!text.is_empty()).then(|| text.to_owned());
        }
        let same = |choice: &&String| choice.to_lowercase() == text.to_lowercase();
        let by_words = self.choices.iter().find(same);
        let by_number = || self.nth(text.trim_end_matches(['.', ')']));
        by_words.cloned().or_else(by_number)
    }

    /// The choice of a number, from 1.
    fn nth(&self, number: &str) -> Option<String> {
        let number: usize = number.parse().ok()?;
        self.choices.get(number.checked_sub(1)?).cloned()
    }
}

/// An answer, where a person gave it.
fn answered(said: &LogRow, answer: String) -> Option<End> {
    let Author::Person { id, name } = &said.author else {
        return None;
    };
    Some(End::Answered {
        answer,
        by: id.to_string(),
        name: name.clone(),
        row: said.seq,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_core::event::{Action, Content};

    const ASKED: Seq = Seq(10);

    fn question(choices: &[&str]) -> Question {
        Question {
            id: "q".to_owned(),
            chat: ChatId(1),
            text: "Delete it?".to_owned(),
            choices: choices.iter().map(|&it| it.to_owned()).collect(),
            until: Millis(1000),
            row: Some(ASKED),
            end: None,
        }
    }

    fn row(seq: i64, author: Author, body: EventBody) -> LogRow {
        LogRow {
            seq: Seq(seq),
            chat: ChatId(1),
            out: !matches!(author, Author::Person { .. }),
            author,
            body,
            event: None,
            target: None,
            late: false,
            wakes: false,
            at: Millis(seq * 10),
        }
    }

    fn says(seq: i64, text: &str, replies_to: Option<Reply>) -> Heard {
        let ada = Author::Person {
            id: "ada".into(),
            name: None,
        };
        let row = row(seq, ada, EventBody::Message(Content::text(text)));
        Heard { row, replies_to }
    }

    fn answer(question: &Question, kind: ChatKind, heard: &[Heard]) -> Option<String> {
        match question.end(kind, heard, Millis(500))? {
            End::Answered { answer, .. } => Some(answer),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_choice_is_named_by_its_words_or_its_number() {
        let asked = question(&["Yes", "No", "1"]);
        for (text, expected) in [
            ("yes", Some("Yes")),
            (" NO ", Some("No")),
            ("2", Some("No")),
            ("2.", Some("No")),
            ("1", Some("1")),
            ("0", None),
            ("4", None),
            ("yes please", None),
            ("", None),
        ] {
            let heard = [says(11, text, None)];
            let given = answer(&asked, ChatKind::Dm, &heard);
            assert_eq!(given.as_deref(), expected, "{text:?}");
        }
        let free = question(&[]);
        let heard = [says(11, " on Monday ", None)];
        let given = answer(&free, ChatKind::Dm, &heard);
        assert_eq!(given.as_deref(), Some("on Monday"));
    }

    #[test]
    fn only_what_is_bound_to_the_question_answers_it() {
        let asked = question(&["Yes", "No"]);
        let (mine, other) = (Some(Reply::To(ASKED)), Some(Reply::To(Seq(9))));
        let group = |heard: Heard| answer(&asked, ChatKind::Group, &[heard]);
        assert_eq!(group(says(11, "1", None)), None);
        assert_eq!(group(says(11, "1", other)), None);
        assert_eq!(group(says(11, "1", Some(Reply::Elsewhere))), None);
        assert_eq!(group(says(11, "1", mine)).as_deref(), Some("Yes"));
        let alone = |heard: &[Heard]| answer(&asked, ChatKind::Dm, heard);
        assert_eq!(alone(&[says(11, "1", other)]), None);
        let agent = Author::Mailbox { id: "main".into() };
        let between = Heard {
            row: row(
                11,
                agent,
                EventBody::Message(Content::text("And the other?")),
            ),
            replies_to: None,
        };
        assert_eq!(alone(&[between.clone(), says(12, "1", None)]), None);
        assert!(alone(&[between, says(12, "1", mine)]).is_some());
        let chat = [
            says(11, "hm", None),
            says(12, "2", None),
            says(13, "1", None),
        ];
        assert_eq!(alone(&chat).as_deref(), Some("No"), "the first one");
    }

    #[test]
    fn a_pressed_button_of_the_question_answers_it_for_everybody() {
        let asked = question(&["Yes", "No"]);
        let press = |seq, name: &str, target: Option<Seq>| {
            let action = Action {
                name: name.to_owned(),
                argument: String::new(),
                token: Some("t".to_owned()),
                target: Some("platform's".into()),
            };
            let mut heard = says(seq, "", target.map(Reply::To));
            heard.row.body = EventBody::Action(action);
            heard
        };
        let given = |heard: Heard| answer(&asked, ChatKind::Group, &[heard]);
        assert_eq!(given(press(11, "2", Some(ASKED))).as_deref(), Some("No"));
        assert_eq!(
            given(press(11, "2", Some(Seq(9)))),
            None,
            "another message's"
        );
        assert_eq!(given(press(11, "2", None)), None, "nobody knows which");
        assert_eq!(given(press(11, "3", Some(ASKED))), None, "no such choice");
        assert_eq!(given(press(11, "status", Some(ASKED))), None);
        let late = [press(101, "1", Some(ASKED))];
        let end = asked.end(ChatKind::Group, &late, Millis(1001));
        assert_eq!(end, Some(End::Expired));
    }

    #[test]
    fn a_changed_message_and_a_late_one_are_no_answers() {
        let asked = question(&["Yes", "No"]);
        let mut edit = says(12, "1", None);
        edit.row.body = EventBody::Edit {
            target: "e".into(),
            content: Content::text("1"),
        };
        edit.row.target = Some(Seq(11));
        let heard = [says(11, "1", None), edit];
        assert_eq!(asked.end(ChatKind::Dm, &heard, Millis(500)), None);
        let late = [says(101, "1", None)];
        assert_eq!(
            asked.end(ChatKind::Dm, &late, Millis(1001)),
            Some(End::Expired)
        );
        assert_eq!(asked.end(ChatKind::Dm, &[], Millis(1000)), None);
        // In time, though nobody looked before it was over.
        let heard = [says(100, "1", None)];
        let end = asked.end(ChatKind::Dm, &heard, Millis(9000));
        assert!(matches!(end, Some(End::Answered { .. })), "{end:?}");
    }

    #[test]
    fn a_question_that_did_not_arrive_is_over() {
        let failed = EventBody::Outcome {
            of: ASKED,
            state: "failed".to_owned(),
            reason: "they left".to_owned(),
        };
        let heard = [Heard {
            row: row(11, Author::System, failed),
            replies_to: None,
        }];
        let end = question(&["Yes"]).end(ChatKind::Group, &heard, Millis(500));
        let reason = "they left".to_owned();
        assert_eq!(end, Some(End::Undelivered { reason }));
    }

    #[test]
    fn it_reads_as_people_answer_it() {
        let said = question(&["Yes", "No"]).said(ChatKind::Group);
        let expected = "Delete it?\n\n1. Yes\n2. No\n\nReply to this message with a number.";
        assert_eq!(said, expected);
        assert_eq!(question(&[]).said(ChatKind::Dm), "Delete it?");
    }
}
