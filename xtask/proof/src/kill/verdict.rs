//! Judges the rows at the end against what people know. Pure: values in, faults out.

use super::ledger::Ledger;
use crate::book::{Book, Came};
use std::collections::BTreeMap;

/// Whether nothing is left to do.
pub(crate) fn is_at_rest(book: &Book) -> bool {
    terminal(book).is_empty() && unanswered(book).is_empty()
}

/// Everything confirmed is there, and nothing is there twice.
pub(crate) fn once(book: &Book, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    for marker in ledger.confirmed() {
        let count = book
            .came
            .iter()
            .filter(|came| came.body.contains(&marker))
            .count();
        if count != 1 {
            faults.push(format!(
                "{marker} was confirmed and stands {count} times in the log"
            ));
        }
    }
    for marker in ledger.open() {
        faults.push(format!("{marker} was never confirmed"));
    }
    faults
}

fn unanswered(book: &Book) -> Vec<&Came> {
    let mut upto: BTreeMap<i64, i64> = BTreeMap::new();
    for turn in &book.ended {
        let newest = upto.entry(turn.chat).or_default();
        *newest = turn.upto.max(*newest);
    }
    let waits =
        |came: &&Came| came.wakes && upto.get(&came.chat).is_none_or(|upto| *upto < came.seq);
    book.came.iter().filter(waits).collect()
}

/// Every message that asks for a turn was handed to exactly one that was committed.
pub(crate) fn one_turn(book: &Book) -> Vec<String> {
    let unanswered = unanswered(book);
    let mut faults: Vec<String> = unanswered
        .iter()
        .map(|came| format!("row {} was not answered", came.seq))
        .collect();
    let mut newest: BTreeMap<i64, i64> = BTreeMap::new();
    for turn in &book.ended {
        let before = newest.insert(turn.chat, turn.upto).unwrap_or(0);
        if turn.upto <= before {
            faults.push(format!(
                "turn {} answered chat {} up to {} again",
                turn.id, turn.chat, turn.upto
            ));
        }
        if turn.replies > 1 {
            faults.push(format!("turn {} said {} things", turn.id, turn.replies));
        }
        if turn.state == "done" && turn.replies == 0 {
            faults.push(format!("turn {} is done and said nothing", turn.id));
        }
    }
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for marker in book.said.iter().filter_map(|body| marker(body)) {
        *answers.entry(marker).or_default() += 1;
    }
    let twice = answers.iter().filter(|(_, count)| **count > 1);
    faults.extend(twice.map(|(marker, count)| format!("{marker} was answered {count} times")));
    faults
}

/// What one speaker said stands in the order said.
pub(crate) fn order(book: &Book, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, markers) in ledger.by_line() {
        let place = |marker: &String| {
            book.came
                .iter()
                .find(|came| came.body.contains(marker))
                .map(|came| came.seq)
        };
        let places: Vec<i64> = markers.iter().filter_map(place).collect();
        if places.windows(2).any(|pair| pair[0] >= pair[1]) {
            faults.push(format!(
                "what {line} said stands in another order: {places:?}"
            ));
        }
    }
    faults
}

/// Every delivery is in a state that does not change by itself.
pub(crate) fn terminal(book: &Book) -> Vec<String> {
    let open = book
        .sent
        .iter()
        .filter(|sent| matches!(sent.state.as_str(), "queued" | "custody"));
    open.map(|sent| format!("delivery {} is {}", sent.id, sent.state))
        .collect()
}

/// No reply was shown twice; one called delivered was shown, one called failed or expired was not.
pub(crate) fn sent(book: &Book, shown: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for text in shown {
        if let Some(marker) = marker(text) {
            *times.entry(marker).or_default() += 1;
        }
    }
    faults.extend(
        times
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(marker, count)| format!("{marker} was shown {count} times")),
    );
    for delivery in &book.sent {
        let Some(marker) = marker(&delivery.body) else {
            continue;
        };
        let count = times.get(marker).copied().unwrap_or(0);
        let wrong = match delivery.state.as_str() {
            "delivered" => count != 1,
            "failed" | "expired" => count != 0,
            _ => false,
        };
        if wrong {
            faults.push(format!(
                "delivery {} is {} and {marker} was shown {count} times",
                delivery.id, delivery.state
            ));
        }
    }
    faults
}

/// The word that is unique to what was said: a letter, digits and more, ending in `x`.
fn marker(text: &str) -> Option<&str> {
    let is_marker = |word: &&str| {
        let bytes = word.as_bytes();
        bytes.len() > 6
            && bytes.ends_with(b"x")
            && bytes.iter().filter(|it| it.is_ascii_digit()).count() >= 4
    };
    text.split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .find(is_marker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{Ended, Sent};

    fn came(seq: i64, body: &str) -> Came {
        Came {
            seq,
            chat: 1,
            body: body.to_owned(),
            wakes: true,
        }
    }

    fn ended(id: i64, upto: i64) -> Ended {
        Ended {
            id,
            chat: 1,
            upto,
            state: "done".to_owned(),
            replies: 1,
        }
    }

    fn delivery(state: &str) -> Book {
        let sent = Sent {
            id: 1,
            state: state.to_owned(),
            body: "hello t41n000001x".to_owned(),
        };
        Book {
            sent: vec![sent],
            ..Book::default()
        }
    }

    #[test]
    fn one_turn_for_each_message_is_right_and_two_or_none_are_not() {
        let book = |ended| Book {
            came: vec![came(1, "a"), came(2, "b")],
            ended,
            ..Book::default()
        };
        assert!(one_turn(&book(vec![ended(1, 2)])).is_empty());
        assert!(one_turn(&book(vec![ended(1, 1), ended(2, 2)])).is_empty());
        assert_eq!(one_turn(&book(vec![ended(1, 1)])).len(), 1);
        assert_eq!(one_turn(&book(vec![ended(1, 2), ended(2, 2)])).len(), 1);
    }

    #[test]
    fn what_was_confirmed_stands_once() {
        let ledger = Ledger::default();
        ledger.said("f0n000001x", "f0", None);
        ledger.confirm("f0n000001x");
        let book = |rows| Book {
            came: rows,
            ..Book::default()
        };
        assert!(once(&book(vec![came(1, "f0n000001x")]), &ledger).is_empty());
        assert_eq!(once(&book(vec![]), &ledger).len(), 1);
        assert_eq!(
            once(
                &book(vec![came(1, "f0n000001x"), came(2, "f0n000001x")]),
                &ledger
            )
            .len(),
            1
        );
    }

    #[test]
    fn a_send_is_shown_as_its_state_says() {
        let shown = |count| vec!["hello t41n000001x".to_owned(); count];
        assert!(sent(&delivery("delivered"), &shown(1)).is_empty());
        assert!(!sent(&delivery("delivered"), &shown(0)).is_empty());
        assert!(!sent(&delivery("unknown"), &shown(2)).is_empty());
        assert!(sent(&delivery("unknown"), &shown(0)).is_empty());
        assert!(!sent(&delivery("expired"), &shown(1)).is_empty());
        assert_eq!(terminal(&delivery("custody")).len(), 1);
    }

    #[test]
    fn markers_are_found_in_text() {
        assert_eq!(marker("hello t41n000001x"), Some("t41n000001x"));
        assert_eq!(
            marker("{\"text\":\"hello probe0003x\"}"),
            Some("probe0003x")
        );
        assert_eq!(marker("hello box"), None);
    }
}
