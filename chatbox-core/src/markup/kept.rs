//! What CommonMark drops from a text and a chat must show: link definitions that no link uses, and
//! cells beyond a table's header. Reads the source; builds nothing.

use std::ops::Range;

use pulldown_cmark::{Event, OffsetIter, Tag};

/// An event and where in the source it stands.
pub(super) type Spanned<'a> = (Event<'a>, Range<usize>);

/// Where the link definitions stand that a link refers to. Their content is shown by that link.
pub(super) fn used_definitions(
    spanned: &[Spanned<'_>],
    events: &OffsetIter<'_>,
) -> Vec<Range<usize>> {
    let definitions = events.reference_definitions();
    let mut used: Vec<Range<usize>> = spanned
        .iter()
        .filter_map(|(event, _)| match event {
            Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) if !id.is_empty() => {
                definitions.get(id).map(|found| found.span.clone())
            }
            _ => None,
        })
        .collect();
    used.sort_by_key(|span| span.start);
    used.dedup();
    used
}

/// The lines of the definitions between two blocks, save the `used` ones.
pub(super) fn definitions<'a>(
    source: &'a str,
    gap: Range<usize>,
    used: &[Range<usize>],
) -> Vec<&'a str> {
    // Between blocks stand the marks of their containers, then definitions, which begin so.
    let Some(first) = source[gap.clone()].find('[') else {
        return Vec::new();
    };
    let mut start = gap.start + first;
    let mut left = Vec::new();
    let from = used.partition_point(|span| span.end <= start);
    for span in used[from..].iter().take_while(|span| span.start < gap.end) {
        left.push(&source[start..span.start.max(start)]);
        start = span.end.min(gap.end);
    }
    left.push(&source[start..gap.end]);
    left.into_iter()
        .flat_map(str::lines)
        .map(|line| line.trim_start_matches(|c: char| c == '>' || c.is_whitespace()))
        .filter(|line| !line.is_empty())
        .collect()
}

/// The cells in what a row has beyond its last cell.
pub(super) fn cells(rest: &str) -> impl Iterator<Item = &str> {
    rest.split('|')
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
}
