//! How much of what was said before a turn is told: a budget of tokens, the newest kept first. Pure; knows no model.
//!
//! A token here is an estimate that needs no model's vocabulary: four bytes of UTF-8 each, rounded up, and
//! [`PER_MESSAGE`] more for the frame every model puts around a message. It errs high for English and about right for
//! most other scripts; pictures are not counted.

use crate::event::EventBody;
use crate::store::{Author, LogRow};

/// What the frame around one message costs.
pub const PER_MESSAGE: u32 = 4;

/// What a text costs, without a frame.
pub fn text_tokens(text: &str) -> u32 {
    whole(text.len())
}

/// What a row costs. Only messages of people and agents cost anything: edits are already in the message they change,
/// and the rest is not told.
pub fn tokens(row: &LogRow) -> u32 {
    let EventBody::Message(content) = &row.body else {
        return 0;
    };
    if row.author == Author::System {
        return 0;
    }
    let names: usize = content.attachments.iter().map(|file| file.name.len()).sum();
    whole(content.text.len() + names).saturating_add(PER_MESSAGE)
}

/// What rows cost together: the number shown as a session's context.
pub fn total(rows: &[LogRow]) -> u32 {
    rows.iter().map(tokens).fold(0, u32::saturating_add)
}

/// The newest part of `context` (oldest first) that fits into `budget` beside `new`. It has no gaps: at the first row
/// that does not fit everything older is left out too. The new rows are always told, so where they alone are over the
/// budget nothing remains for the context.
pub fn fit(mut context: Vec<LogRow>, new: &[LogRow], budget: u32) -> Vec<LogRow> {
    let mut left = budget.saturating_sub(total(new));
    if left == 0 {
        return Vec::new();
    }
    let mut start = context.len();
    for row in context.iter().rev() {
        let Some(rest) = left.checked_sub(tokens(row)) else {
            break;
        };
        left = rest;
        start -= 1;
    }
    context.split_off(start)
}

fn whole(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(4)).unwrap_or(u32::MAX)
}

/// What a turn is told, from a chat's past and its pending rows, both oldest first: the context, and what is new.
///
/// What the agent said itself meanwhile is context, though it stands between new rows. Commands are neither: they were
/// answered when they came. Nothing before the last `new` command is told but what still waits for an answer.
pub fn arrange(past: Vec<LogRow>, pending: Vec<LogRow>) -> (Vec<LogRow>, Vec<LogRow>) {
    let past = past.into_iter().map(|row| (false, row));
    let pending = pending.into_iter().map(|row| (true, row));
    let mut rows: Vec<(bool, LogRow)> = past.chain(pending).collect();
    let begins =
        |row: &LogRow| matches!(&row.body, EventBody::Action(action) if action.name == "new");
    if let Some(at) = rows.iter().rposition(|(_, row)| begins(row)) {
        let since = rows.split_off(at);
        rows.retain(|(pending, row)| *pending && row.wakes);
        rows.extend(since);
    }
    rows.retain(|(_, row)| !matches!(row.body, EventBody::Action(_)));
    let (new, context): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|(pending, row)| *pending && !row.out);
    let bare = |rows: Vec<(bool, LogRow)>| rows.into_iter().map(|(_, row)| row).collect();
    (bare(context), bare(new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Content;
    use crate::id::{ChatId, EventId, Millis, Seq};
    use proptest::prelude::*;

    fn row(seq: i64, text: &str) -> LogRow {
        LogRow {
            seq: Seq(seq),
            chat: ChatId(1),
            author: Author::Person {
                id: "7".into(),
                name: None,
            },
            out: false,
            body: EventBody::Message(Content::text(text)),
            event: Some(EventId::new(seq.to_string())),
            target: None,
            late: false,
            wakes: true,
            at: Millis(seq),
        }
    }

    fn rows(texts: &[String], from: i64) -> Vec<LogRow> {
        (from..)
            .zip(texts)
            .map(|(seq, text)| row(seq, text))
            .collect()
    }

    #[test]
    fn a_message_costs_its_bytes_and_its_frame() {
        assert_eq!(tokens(&row(1, "")), 4);
        assert_eq!(tokens(&row(1, "abcd")), 5);
        assert_eq!(tokens(&row(1, "abcde")), 6);
        assert_eq!(tokens(&row(1, "日本")), 6);
    }

    #[test]
    fn what_is_not_told_costs_nothing() {
        let mut notice = row(1, "the backend is busy");
        notice.author = Author::System;
        let mut deletion = row(2, "");
        deletion.body = EventBody::Delete { target: "1".into() };
        assert_eq!(total(&[notice, deletion]), 0);
    }

    #[test]
    fn the_newest_are_kept() {
        let context = vec![row(1, "aaaa"), row(2, "bbbb"), row(3, "cccc")];
        let kept = fit(context, &[row(4, "dddd")], 15);
        assert_eq!(kept.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn an_older_small_row_does_not_slip_past_a_large_one() {
        let context = vec![row(1, "a"), row(2, &"b".repeat(400)), row(3, "c")];
        let kept = fit(context, &[row(4, "d")], 20);
        assert_eq!(kept.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_is_kept_is_the_longest_newest_part_within_the_budget(
            old in prop::collection::vec("\\PC{0,60}", 0..12),
            new in prop::collection::vec("\\PC{0,60}", 1..4),
            budget in 0_u32..400,
        ) {
            let (context, new) = (rows(&old, 1), rows(&new, 100));
            let kept = fit(context.clone(), &new, budget);
            let start = context.len() - kept.len();
            prop_assert_eq!(&context[start..], &kept[..]);
            prop_assert!(kept.is_empty() || total(&kept) + total(&new) <= budget);
            if start > 0 {
                prop_assert!(total(&context[start - 1..]) + total(&new) > budget);
            }
        }

        #[test]
        fn a_budget_of_nothing_keeps_nothing(old in prop::collection::vec("\\PC{0,60}", 0..12)) {
            prop_assert!(fit(rows(&old, 1), &rows(&["hi".to_owned()], 100), 0).is_empty());
        }
    }

    fn command(seq: i64, name: &str) -> LogRow {
        let action = crate::event::Action {
            name: name.into(),
            argument: String::new(),
            token: None,
            target: None,
        };
        LogRow {
            body: EventBody::Action(action),
            wakes: false,
            ..row(seq, "")
        }
    }

    fn seqs(rows: &[LogRow]) -> Vec<i64> {
        rows.iter().map(|row| row.seq.0).collect()
    }

    #[test]
    fn what_the_agent_said_meanwhile_is_context() {
        let own = LogRow {
            out: true,
            wakes: false,
            ..row(3, "own")
        };
        let (context, new) = arrange(vec![row(1, "a")], vec![row(2, "b"), own, row(4, "c")]);
        assert_eq!((seqs(&context), seqs(&new)), (vec![1, 3], vec![2, 4]));
    }

    #[test]
    fn a_new_conversation_forgets_the_past_but_not_what_waits() {
        let waiting = LogRow {
            wakes: true,
            ..row(2, "b")
        };
        let (context, new) = arrange(
            vec![row(1, "a")],
            vec![waiting, command(3, "new"), row(4, "c")],
        );
        assert_eq!((seqs(&context), seqs(&new)), (vec![], vec![2, 4]));
    }
}
