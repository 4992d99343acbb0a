//! Rebuilds what a person sees from a text and its entities, so that a test can compare it with what was meant.
//!
//! Pure. Knows no markup language: the result is stretches of text, each with the set of marks upon it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::types::Entity;

/// One property of a stretch of text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Underlined.
    Underline,
    /// Struck through.
    Strike,
    /// Hidden until touched.
    Spoiler,
    /// Inline code.
    Code,
    /// A code block, with its language or an empty string.
    Block(String),
    /// A quotation.
    Quote,
    /// A link to this address.
    Link(String),
    /// A mention of this user id.
    Mention(i64),
    /// Anything else, by the wire's name.
    Other(String),
}

impl Mark {
    fn of(entity: &Entity) -> Self {
        match entity.kind.as_str() {
            "bold" => Self::Bold,
            "italic" => Self::Italic,
            "underline" => Self::Underline,
            "strikethrough" => Self::Strike,
            "spoiler" => Self::Spoiler,
            "code" => Self::Code,
            "pre" => Self::Block(entity.language.clone().unwrap_or_default()),
            "blockquote" | "expandable_blockquote" => Self::Quote,
            "text_link" => Self::Link(entity.url.clone().unwrap_or_default()),
            "text_mention" => {
                let user = entity.user.as_ref();
                Self::Mention(user.and_then(|u| u["id"].as_i64()).unwrap_or_default())
            }
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A stretch of text under one set of marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The characters.
    pub text: String,
    /// Everything that holds for all of them.
    pub marks: BTreeSet<Mark>,
}

/// Cuts `text` wherever an entity begins or ends. Neighbours with equal marks are joined, so two ways of saying the
/// same thing compare equal.
///
/// # Errors
/// Names the entity that lies outside the text or cuts a character in half.
pub fn runs(text: &str, entities: &[Entity]) -> Result<Vec<Run>, String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut borders = BTreeSet::from([0, units.len()]);
    let mut spans = Vec::new();
    for entity in entities {
        let begin = usize::try_from(entity.offset);
        let end = usize::try_from(entity.end());
        let (Ok(begin), Ok(end)) = (begin, end) else {
            return Err(format!("before the text: {entity:?}"));
        };
        if begin > end || end > units.len() {
            return Err(format!("behind the text: {entity:?}"));
        }
        borders.extend([begin, end]);
        spans.push((begin..end, Mark::of(entity)));
    }
    let borders: Vec<usize> = borders.into_iter().collect();
    let mut runs: Vec<Run> = Vec::new();
    for pair in borders.windows(2) {
        let piece = String::from_utf16(&units[pair[0]..pair[1]])
            .map_err(|_| format!("an entity cuts the character at unit {}", pair[1]))?;
        let over = spans.iter().filter(|(span, _)| span.contains(&pair[0]));
        let marks: BTreeSet<Mark> = over.map(|(_, mark)| mark.clone()).collect();
        match runs.last_mut() {
            Some(last) if last.marks == marks => last.text.push_str(&piece),
            _ => runs.push(Run { text: piece, marks }),
        }
    }
    Ok(runs)
}

/// The bare characters of all runs.
#[must_use]
pub fn plain(runs: &[Run]) -> String {
    runs.iter().map(|run| run.text.as_str()).collect()
}
