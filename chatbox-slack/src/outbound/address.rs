//! Addresses among words: Slack links them by itself, and reads no escapes in them.

use std::ops::Range;

/// What is rather behind an address than in it.
const BEHIND: [char; 14] = [
    '.', ',', ';', ':', '!', '?', '\'', '"', '*', '_', '~', ']', '}', '>',
];

/// The first address of a text in which a sign of markup stands.
pub(super) fn with_signs(text: &str, signs: &[char]) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(found) = next(&text[from..]) {
        let (start, end) = (from + found.start, from + found.end);
        if text[start..end].contains(signs) {
            return Some(start..end);
        }
        from = end;
    }
    None
}

fn next(text: &str) -> Option<Range<usize>> {
    let schemes = ["http://", "https://"];
    let start = schemes.into_iter().filter_map(|it| text.find(it)).min()?;
    let ends = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '|' | '`');
    let length = text[start..].find(ends).unwrap_or(text.len() - start);
    let mut address = &text[start..start + length];
    loop {
        let count = |sign: char| address.matches(sign).count();
        let closes = address.ends_with(')') && count(')') > count('(');
        match address.strip_suffix(|c: char| BEHIND.contains(&c) || (closes && c == ')')) {
            Some(shorter) => address = shorter,
            None => break,
        }
    }
    let scheme = address.find("//").map_or(0, |at| at + 2);
    // A scheme alone leads nowhere, and is passed over.
    let length = address.len().max(scheme).max("http://".len());
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_before_what_closes_the_sentence() {
        for (text, address) in [
            ("see https://x.org/a_b.", Some("https://x.org/a_b")),
            ("(https://x.org/_a_(b))", Some("https://x.org/_a_(b)")),
            (
                "https://x.org/ab https://y.org/*c|d",
                Some("https://y.org/*c"),
            ),
            ("**https://x.org/a_b**", Some("https://x.org/a_b")),
            ("https://x.org/ab", None),
            ("http:// and https://_", None),
            ("no_address", None),
        ] {
            let found = with_signs(text, &['_', '*']).map(|it| &text[it]);
            assert_eq!(found, address, "{text}");
        }
    }
}
