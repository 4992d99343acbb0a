//! Words that stand where a secret belongs: copied from an example and never replaced.

const WORDS: [&str; 8] = [
    "changeme",
    "example",
    "insert",
    "placeholder",
    "replaceme",
    "secret",
    "todo",
    "token",
];
const FRAMES: [(char, char); 3] = [('<', '>'), ('{', '}'), ('[', ']')];

/// Whether a text is such a word and no secret.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim().trim_start_matches('$');
    let framed = FRAMES
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let one = letters.chars().next();
    let repeated = letters.chars().all(|c| Some(c) == one);
    let yours = ["your", "insertyour", "enteryour", "putyour"]
        .iter()
        .any(|start| letters.starts_with(start));
    framed || repeated || yours || WORDS.contains(&letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn examples_are_no_secrets() {
        for text in [
            "changeme",
            "CHANGE_ME",
            "YOUR_TOKEN_HERE",
            "your-bot-token",
            "<token>",
            "${TOKEN}",
            "{{ token }}",
            "xxxxxxxx",
            "...",
            "[insert token]",
            "TODO",
            " token\n",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "7000001:TEST-token-TEST-token",
            "xoxb-1-2-abc",
            "hunter2",
            "aaaaaaab",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
