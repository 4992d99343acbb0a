//! Stretches of a Rust string: checked, sorted, outer before inner.

use std::ops::Range;

/// What a stretch of text is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Struck through.
    Strike,
    /// Code within a line.
    Code,
    /// A block of code and its language.
    Pre(Option<String>),
    /// Somebody else's words.
    Quote,
    /// A link, or a person without a user name as a link to them.
    Link(String),
    /// An address that stands in the text.
    Url,
}

impl Kind {
    /// Whether it stands on lines of its own.
    pub(super) fn is_block(&self) -> bool {
        matches!(self, Self::Pre(_) | Self::Quote)
    }
}

/// A stretch of text, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// Where, on character borders.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// The spans outer before inner, without the empty ones.
pub fn sort(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.range.is_empty());
    spans.sort_by_key(|span| {
        (
            span.range.start,
            usize::MAX - span.range.end,
            rank(&span.kind),
        )
    });
    spans
}

/// Of two over the same stretch, which is the outer one: code holds nothing, a link holds styles.
fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Quote | Kind::Pre(_) => 0,
        Kind::Link(_) => 1,
        Kind::Bold | Kind::Italic | Kind::Strike => 2,
        Kind::Url | Kind::Code => 3,
    }
}

/// For each UTF-16 unit the byte where its character starts; `None` in the middle of a pair.
pub fn units(text: &str) -> Vec<Option<usize>> {
    let mut places = Vec::with_capacity(text.len() + 1);
    for (at, c) in text.char_indices() {
        places.push(Some(at));
        if c.len_utf16() == 2 {
            places.push(None);
        }
    }
    places.push(Some(text.len()));
    places
}
