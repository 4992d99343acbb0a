//! Makes JSON text storable: half of a surrogate pair and NUL become U+FFFD.
//!
//! JSON may escape both, Rust strings and several databases can hold neither.

use std::borrow::Cow;

/// The same JSON with every `\ud8xx`-like escape that has no partner, and every `\u0000`, replaced.
pub fn repair(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0 | 0xD800..=0xDFFF), _) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // Any other escape is two characters; the second may be a backslash itself.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The UTF-16 unit of an escape at the start of the text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_and_nul_are_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#""plain \n \\ text""#, r#""plain \n \\ text""#),
            (r#""\ud83d\ude00 ok""#, r#""\ud83d\ude00 ok""#),
            (r#""\ud83d ok""#, r#""\ufffd ok""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""a\u0000b\u0041""#, r#""a\ufffdb\u0041""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
        ] {
            assert_eq!(repair(json), expected);
            assert!(
                serde_json::from_str::<String>(&repair(json)).is_ok(),
                "{json}"
            );
        }
    }
}
