//! Names and texts that cannot pretend to be somebody else's: what stands between a person's words and the frame.

use chatbox_core::store::Author;
use std::collections::{HashMap, HashSet};

const LONGEST_NAME: usize = 64;

/// A name for each author, no two the same.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    pub(super) fn of<'a>(authors: impl Iterator<Item = &'a Author>) -> Self {
        let mut names = HashMap::new();
        let mut taken = HashSet::new();
        for author in authors {
            names.entry(key(author)).or_insert_with(|| {
                let wanted = wanted_name(author);
                let numbered = (2..).map(|number: u32| format!("{wanted} {number}"));
                let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
                candidates
                    .find(|name| taken.insert(name.to_lowercase()))
                    .expect("numbers do not end")
            });
        }
        Self(names)
    }

    pub(super) fn name(&self, author: &Author) -> &str {
        self.0.get(&key(author)).map_or("someone", String::as_str)
    }
}

fn key(author: &Author) -> String {
    match author {
        Author::Person { id, .. } => format!("person {id}"),
        Author::Mailbox { id } => format!("mailbox {id}"),
        Author::System => String::new(),
    }
}

fn wanted_name(author: &Author) -> String {
    let name = match author {
        Author::Person { id, name } => {
            let name = plain(name.as_deref().unwrap_or_default());
            if name.is_empty() {
                plain(id.as_str())
            } else {
                name
            }
        }
        Author::Mailbox { id } => plain(id.as_str()),
        Author::System => String::new(),
    };
    if name.is_empty() {
        "someone".to_owned()
    } else {
        name
    }
}

/// One short line without brackets and without characters that are not seen.
pub(super) fn plain(name: &str) -> String {
    let seen = name.chars().filter_map(|c| match c {
        '[' | '［' | '【' | '⟦' => Some('('),
        ']' | '］' | '】' | '⟧' => Some(')'),
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}' => None,
        '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => Some(' '),
        c => Some(c),
    });
    let short: String = seen.take(LONGEST_NAME).collect();
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text whose lines, but the first, begin with two spaces.
pub(super) fn indented(text: &str) -> String {
    let mut indented = String::with_capacity(text.len() + 16);
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                indented.push_str("\n  ");
            }
            c => indented.push(c),
        }
    }
    indented
}
