//! Finds the entities the platform finds by itself in what people write.
//!
//! Pure and deliberately small: mentions, commands, hashtags, web addresses and mail addresses.

use super::types::Entity;

/// Entities of a person's text, in order.
pub(crate) fn entities(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut offset = 0_i64;
    for (is_word, word) in words(text) {
        let length = units(word);
        if is_word {
            found.extend(in_word(word, offset));
        }
        offset += length;
    }
    found
}

fn units(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}

/// The text cut into blank and non-blank stretches.
fn words(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let blank = first.is_whitespace();
        let end = rest
            .find(|c: char| c.is_whitespace() != blank)
            .unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        rest = tail;
        Some((!blank, word))
    })
}

fn in_word(word: &str, offset: i64) -> Option<Entity> {
    let opening = word.len() - word.trim_start_matches(['(', '[', '"', '\'']).len();
    let (before, core) = word.split_at(opening);
    let at = offset + units(before);
    let named = |prefix: char| {
        let name = core.strip_prefix(prefix)?;
        let length = name
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        (length > 0).then(|| &core[..prefix.len_utf8() + length])
    };
    if let Some(mention) = named('@').filter(|m| m.len() > 3) {
        return Some(Entity::new("mention", at, units(mention)));
    }
    if let Some(command) = named('/').filter(|c| c.is_ascii()) {
        let rest = &core[command.len()..];
        let addressed = rest.strip_prefix('@').map_or(0, |name| {
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            1 + end.unwrap_or(name.len())
        });
        let whole = &core[..command.len() + addressed];
        return Some(Entity::new("bot_command", at, units(whole)));
    }
    if let Some(tag) = named('#') {
        return Some(Entity::new("hashtag", at, units(tag)));
    }
    let core = core.trim_end_matches(['.', ',', '!', '?', ')', ']', '"', '\'', ':', ';']);
    if core.starts_with("http://") || core.starts_with("https://") {
        return Some(Entity::new("url", at, units(core)));
    }
    let mail = core
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    mail.then(|| Entity::new("email", at, units(core)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_people_mean() {
        let found = |text: &str| -> Vec<(String, i64, i64)> {
            let all = entities(text).into_iter();
            all.map(|e| (e.kind, e.offset, e.length)).collect()
        };
        let one = |kind: &str, offset: i64, length: i64| vec![(kind.to_owned(), offset, length)];
        assert_eq!(found("😀 @someone, hi"), one("mention", 3, 8));
        assert_eq!(found("/go@the_bot now"), one("bot_command", 0, 11));
        assert_eq!(found("see (https://example.org/a_b)."), one("url", 5, 23));
        assert_eq!(found("mail me@example.org!"), one("email", 5, 14));
        assert_eq!(found("#größe"), one("hashtag", 0, 6));
        for nothing in ["a/b", "@x", "1 @ 2", "# 1", "//", "https", ""] {
            assert_eq!(found(nothing), [], "{nothing}");
        }
    }
}
