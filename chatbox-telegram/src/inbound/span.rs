//! Entities as stretches of a Rust string: checked, sorted, outer before inner.

use super::wire::Entity;
use std::ops::Range;

/// What a stretch of text is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
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

    fn of(entity: &Entity) -> Option<Self> {
        Some(match entity.kind.as_str() {
            "bold" => Self::Bold,
            "italic" => Self::Italic,
            "strikethrough" => Self::Strike,
            "code" => Self::Code,
            "pre" => Self::Pre(entity.language.clone()),
            "blockquote" | "expandable_blockquote" => Self::Quote,
            "url" => Self::Url,
            "text_link" => Self::Link(entity.url.clone().filter(|url| !url.is_empty())?),
            "text_mention" => Self::Link(format!("tg://user?id={}", entity.user.as_ref()?.id)),
            // Underline, spoiler, mention, hashtag … have no mark of their own or are marked by their letters.
            _ => return None,
        })
    }
}

/// A stretch of text, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// The entities we have a mark for, outer before inner. One that points outside the text, into the middle of a
/// character or nowhere is left out.
pub(super) fn spans(text: &str, entities: &[Entity]) -> Vec<Span> {
    let places = places(text);
    let at = |unit: usize| places.get(unit).copied().flatten();
    let span = |entity: &Entity| {
        let end = entity.offset.checked_add(entity.length)?;
        let range = at(entity.offset)?..at(end)?;
        let kind = Kind::of(entity)?;
        (!range.is_empty()).then_some(Span { range, kind })
    };
    let mut spans: Vec<Span> = entities.iter().filter_map(span).collect();
    spans.sort_by_key(|span| {
        (
            span.range.start,
            usize::MAX - span.range.end,
            rank(&span.kind),
        )
    });
    spans
}

/// The text an entity covers.
pub(super) fn covered<'a>(text: &'a str, entity: &Entity) -> Option<&'a str> {
    let places = places(text);
    let end = entity.offset.checked_add(entity.length)?;
    let start = places.get(entity.offset).copied().flatten()?;
    text.get(start..places.get(end).copied().flatten()?)
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
fn places(text: &str) -> Vec<Option<usize>> {
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
