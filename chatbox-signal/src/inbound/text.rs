//! Text with styles and mentions, counted in UTF-16 units, as CommonMark.

use super::wire::{DataMessage, Mention};
use chatbox_connector_api::kit::styled::{self, Kind, Span, units};
use std::ops::Range;

/// The text as CommonMark. `full` is the whole of a text too long for its message, once it is fetched. A style or mention
/// that makes no sense is left out; the text never is.
pub(super) fn commonmark(message: &DataMessage, full: Option<&str>) -> String {
    let body = full.or(message.message.as_deref()).unwrap_or_default();
    let mut text = styled::one_line_end(body);
    let places = units(&text);
    let at = |unit: usize| places.get(unit).copied().flatten();
    let range = |start: usize, length: usize| {
        let end = start.checked_add(length)?;
        Some(at(start)?..at(end)?)
    };
    let style = |style: &super::wire::Style| {
        let range = range(style.start, style.length)?;
        let kind = kind(&style.style, &text, &range)?;
        Some(Span { range, kind })
    };
    let mut spans: Vec<Span> = message.text_styles.iter().filter_map(style).collect();
    let mention = |it: &Mention| Some((range(it.start, it.length)?, shown(it)));
    let mut mentions: Vec<_> = message.mentions.iter().filter_map(mention).collect();
    mentions.sort_by_key(|(range, _)| range.start);
    // From the end, so that what is still to be replaced stays where it is.
    let mut free = text.len();
    for (range, name) in mentions.into_iter().rev() {
        if range.end > free {
            continue;
        }
        free = range.start;
        text.replace_range(range.clone(), &name);
        for span in &mut spans {
            span.range.start = moved(span.range.start, &range, name.len());
            span.range.end = moved(span.range.end, &range, name.len());
        }
    }
    styled::commonmark(&text, &styled::sort(spans))
}

/// Where a place is after the stretch was replaced by so many bytes.
fn moved(place: usize, replaced: &Range<usize>, by: usize) -> usize {
    if place >= replaced.end {
        place - replaced.len() + by
    } else {
        place.min(replaced.start)
    }
}

fn kind(style: &str, text: &str, range: &Range<usize>) -> Option<Kind> {
    Some(match style {
        "BOLD" => Kind::Bold,
        "ITALIC" => Kind::Italic,
        "STRIKETHROUGH" => Kind::Strike,
        "MONOSPACE" if is_block(text, range) => Kind::Pre(None),
        "MONOSPACE" => Kind::Code,
        // A spoiler has no mark of its own.
        _ => return None,
    })
}

/// Whether a stretch is several whole lines.
fn is_block(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let edge = |c: Option<char>| c.is_none_or(|c| c == '\n');
    text[range.clone()].contains('\n') && edge(before) && edge(after)
}

/// A mention in letters. The name is the person's own: no line of it.
fn shown(mention: &Mention) -> String {
    let said = [&mention.name, &mention.number, &mention.uuid];
    let name = said.into_iter().flatten().find(|it| !it.is_empty());
    let name = name.map_or("?", String::as_str);
    let clean = name.chars().filter(|c| !c.is_control());
    format!("@{}", clean.take(64).collect::<String>())
}
