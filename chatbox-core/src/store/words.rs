//! What it means that a text holds a word: one rule for every store, whatever index it searches with first.

use std::collections::HashSet;

/// Whether a text holds every word asked for, whole and in any case. Asking for no word finds nothing.
pub fn holds_every_word(text: &str, words: &str) -> bool {
    let text = text.to_lowercase();
    let held: HashSet<&str> = split(&text).collect();
    let words = words.to_lowercase();
    let mut asked = split(&words).peekable();
    asked.peek().is_some() && asked.all(|word| held.contains(word))
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::holds_every_word;

    #[test]
    fn words_are_whole_and_in_any_case() {
        let text = "The red Fox, jumping over 3 dogs.";
        assert!(holds_every_word(text, "fox RED"));
        assert!(holds_every_word(text, "3 dogs!"));
        assert!(!holds_every_word(text, "jump"));
        assert!(!holds_every_word(text, "fox cat"));
    }

    #[test]
    fn no_word_finds_nothing() {
        assert!(!holds_every_word("anything", " - "));
    }
}
