//! How foreign text is shown: names on one line, long text cut between two characters as people count them.

use crate::id::Millis;
use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};
use unicode_segmentation::UnicodeSegmentation;

use super::TEXT_MOST;

/// How much of a name is shown, in characters.
pub(super) const NAME: usize = 80;
/// A character as people count them may be built of many; no honest one is longer than this, in bytes.
const PER_CHARACTER: usize = 64;
const LAST_SECOND_OF_9999: i64 = 253_402_300_799;

/// A moment as RFC 3339 in UTC with milliseconds. What is before 1970 or after 9999 is shown as the nearest moment that
/// is not.
pub fn rfc3339(at: Millis) -> String {
    let millis = at.0.clamp(0, LAST_SECOND_OF_9999 * 1000);
    let since = Duration::from_millis(millis.unsigned_abs());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// A text on one line, white space run together, at most so many characters; `…` stands for the rest.
pub(super) fn line(text: &str, most: usize) -> String {
    let text = text.trim_start_matches(is_blank);
    let near = &text[..text.floor_char_boundary(most * PER_CHARACTER)];
    let words = near.split(is_blank).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join(" ");
    let end = joined.grapheme_indices(true).nth(most);
    match end {
        Some((end, _)) => format!("{}…", &joined[..end]),
        None if near.len() < text.trim_end_matches(is_blank).len() => format!("{joined}…"),
        None => joined,
    }
}

/// An identifier on one line. It is never shortened: it would name something else.
pub(super) fn id(text: &str) -> String {
    text.replace(|c: char| c.is_control() || is_line_end(c), "\u{fffd}")
}

/// A text of at most [`TEXT_MOST`] bytes; `…` stands for the rest.
pub(super) fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= TEXT_MOST {
        return text;
    }
    let most = TEXT_MOST - '…'.len_utf8();
    let room = &text[..text.floor_char_boundary(most)];
    // The last one may go on behind the border.
    let last = room.grapheme_indices(true).next_back();
    let end = last.map(|(start, _)| start).filter(|start| *start > 0);
    format!("{}…", &room[..end.unwrap_or(room.len())]).into()
}

/// Whether a text holds characters that show something else than they say: reversed, invisible, or tags.
pub(super) fn is_suspicious(text: &str) -> bool {
    let mut flag = false;
    text.chars().any(|c| {
        let tag = matches!(c, '\u{e0000}'..='\u{e007f}');
        // The flags of some countries are spelled in tags behind a black flag.
        flag = c == '\u{1f3f4}' || flag && tag;
        tag && !flag
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    })
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(
            line("SYSTEM\r\n\r\nfrom: \0you\u{2028}x", 80),
            "SYSTEM from: you x"
        );
        assert_eq!(line("  a\t b ", 80), "a b");
        assert_eq!(line(&"é".repeat(81), 80), format!("{}…", "é".repeat(80)));
        assert_eq!(line(&"é".repeat(80), 80), "é".repeat(80));
        assert_eq!(line(&"t".repeat(10 * 1024), 80).len(), 83);
        assert_eq!(line(&" ".repeat(100_000), 80), "");
    }

    #[test]
    fn one_endless_character_is_cut_too() {
        let zalgo = format!("a{}", "\u{301}".repeat(100_000));
        assert!(line(&zalgo, 60).len() <= 60 * PER_CHARACTER + 4);
        assert!(cut(zalgo.into()).len() <= TEXT_MOST);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let family = "👨‍👩‍👧‍👦";
        let long = family.repeat(1024 * 1024 / family.len());
        let shown = cut(long.into());
        assert!(shown.len() <= TEXT_MOST && shown.len() > TEXT_MOST - 64);
        let body = shown.strip_suffix('…').expect("it was cut");
        assert!(body.graphemes(true).all(|it| it == family));
    }

    #[test]
    fn a_text_that_fits_is_left_alone() {
        let text = "x".repeat(TEXT_MOST);
        assert_eq!(cut(text.as_str().into()), text);
    }

    #[test]
    fn moments_are_shown_whatever_a_platform_sent() {
        for (at, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(Millis(at)), shown);
        }
    }

    #[test]
    fn what_deceives_the_eye_is_noticed_and_honest_writing_is_not() {
        for text in [
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{e0041}",
            "\u{2066}x",
            "🏴x\u{e0067}",
        ] {
            assert!(is_suspicious(text), "{text:?}");
        }
        let scotland = "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";
        for text in ["hello", "👨‍👩‍👧‍👦", "می\u{200c}خواهم", "שלום", scotland]
        {
            assert!(!is_suspicious(text), "{text:?}");
        }
    }
}
