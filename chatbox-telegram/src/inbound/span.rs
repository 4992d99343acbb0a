//! Entities as stretches of a Rust string: checked, sorted, outer before inner.

use super::wire::Entity;
use chatbox_connector_api::kit::styled::{self, Kind, Span, units};

/// The text as CommonMark. Entities that make no sense are left out; the text never is.
pub(super) fn commonmark(text: &str, entities: &[Entity]) -> String {
    let text = styled::one_line_end(text);
    styled::commonmark(&text, &spans(&text, entities))
}

/// What an entity is, if we have a mark for it.
fn kind(entity: &Entity) -> Option<Kind> {
    Some(match entity.kind.as_str() {
        "bold" => Kind::Bold,
        "italic" => Kind::Italic,
        "strikethrough" => Kind::Strike,
        "code" => Kind::Code,
        "pre" => Kind::Pre(entity.language.clone()),
        "blockquote" | "expandable_blockquote" => Kind::Quote,
        "url" => Kind::Url,
        "text_link" => Kind::Link(entity.url.clone().filter(|url| !url.is_empty())?),
        "text_mention" => Kind::Link(format!("tg://user?id={}", entity.user.as_ref()?.id)),
        // Underline, spoiler, mention, hashtag … have no mark of their own or are marked by their letters.
        _ => return None,
    })
}

/// The entities we have a mark for, outer before inner. One that points outside the text, into the middle of a
/// character or nowhere is left out.
fn spans(text: &str, entities: &[Entity]) -> Vec<Span> {
    let places = units(text);
    let at = |unit: usize| places.get(unit).copied().flatten();
    let span = |entity: &Entity| {
        let end = entity.offset.checked_add(entity.length)?;
        let range = at(entity.offset)?..at(end)?;
        let kind = kind(entity)?;
        Some(Span { range, kind })
    };
    styled::sort(entities.iter().filter_map(span).collect())
}

/// The text an entity covers.
pub(super) fn covered<'a>(text: &'a str, entity: &Entity) -> Option<&'a str> {
    let places = units(text);
    let end = entity.offset.checked_add(entity.length)?;
    let start = places.get(entity.offset).copied().flatten()?;
    text.get(start..places.get(end).copied().flatten()?)
}
