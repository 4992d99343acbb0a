//! Where to cut, given how much fits: between blocks, lines, sentences, words, graphemes.
//!
//! Reads the laid-out text only; it never measures.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::flat::{Flat, Rank};

/// How far back a word border is looked for where words have no spaces between them, in bytes.
const WORD_REACH: usize = 96;

/// The end of the last block that ends in `from..=fits`, if another one begins there.
pub(super) fn block_border(flat: &Flat<'_>, from: usize, fits: usize) -> Option<usize> {
    leaf_border(flat, from, fits, Rank::Block)
}

/// The end of the block that begins at `start`, or `None` if that is beyond `bound`.
pub(super) fn block_end(flat: &Flat<'_>, start: usize, bound: usize) -> Option<usize> {
    let first = flat.leaf_index(start) + 1;
    let leaves = flat.leaves.get(first..).unwrap_or_default();
    let end = leaves
        .iter()
        .take_while(|leaf| leaf.range.start <= bound)
        .find(|leaf| leaf.rank == Rank::Block)
        .map(|leaf| leaf.range.start);
    end.or_else(|| (flat.len() <= bound).then_some(flat.len()))
}

/// The best place for a cut in `from + 1..=fits`, or `None` if one grapheme cluster fills it all.
///
/// A good border that leaves less than a third of the room used is not good: many small parts
/// read worse than a cut paragraph.
pub(super) fn best(flat: &Flat<'_>, from: usize, fits: usize) -> Option<usize> {
    if fits == flat.len() {
        return Some(fits);
    }
    // A line feed just beyond the room is dropped by the cut; it needs none. At the start of a
    // leaf it is all there is of a rule or an empty cell, and is not dropped.
    let line_end = flat.text[fits..].starts_with('\n') && !flat.starts_leaf(fits);
    let fits = fits + usize::from(line_end);
    let least = ceil_char(&flat.text, from + (fits - from).div_ceil(3));
    leaf_border(flat, least - 1, fits, Rank::Block)
        .or_else(|| leaf_border(flat, least - 1, fits, Rank::Inner))
        .or_else(|| line_border(flat, least, fits))
        .or_else(|| sentence_border(&flat.text, least, fits))
        .or_else(|| space_border(&flat.text, least, fits))
        .or_else(|| word_border(flat, from, least, fits))
        .or_else(|| grapheme_border(&flat.text, from, fits))
}

/// The last leaf start in `from + 1..=fits` of at least this rank.
fn leaf_border(flat: &Flat<'_>, from: usize, fits: usize, rank: Rank) -> Option<usize> {
    let end = flat.leaves.partition_point(|leaf| leaf.range.start <= fits);
    let starts = flat.leaves[..end].iter().rev();
    starts
        .take_while(|leaf| leaf.range.start > from)
        .find(|leaf| leaf.rank <= rank)
        .map(|leaf| leaf.range.start)
}

fn line_border(flat: &Flat<'_>, least: usize, fits: usize) -> Option<usize> {
    let end = flat.text[least..fits].rfind('\n')?;
    Some(least + end + 1)
}

/// After the blank that follows a sentence, or right after the full stop of a script without
/// blanks.
fn sentence_border(text: &str, least: usize, fits: usize) -> Option<usize> {
    let mut after = fits;
    let mut next = text[fits..].chars().next().unwrap_or(' ');
    for (at, c) in text[least..fits].char_indices().rev() {
        let blank = next.is_whitespace();
        if matches!(c, '。' | '！' | '？' | '｡') && !closes(next) {
            return Some(after);
        }
        if matches!(c, '.' | '!' | '?' | '…' | '؟' | '۔' | '।') && blank {
            return Some(after);
        }
        if closes(c) && blank && ends_sentence(&text[..least + at]) {
            return Some(after);
        }
        next = c;
        after = least + at;
    }
    None
}

fn closes(c: char) -> bool {
    matches!(
        c,
        ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '」' | '』' | '）'
    )
}

fn ends_sentence(text: &str) -> bool {
    text.ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

/// Before the last white space, or at the end if white space follows.
fn space_border(text: &str, least: usize, fits: usize) -> Option<usize> {
    if text[fits..].starts_with(char::is_whitespace) {
        return Some(fits);
    }
    let (at, space) = text[least..fits]
        .char_indices()
        .rev()
        .find(|(_, c)| c.is_whitespace())?;
    Some(least + at + space.len_utf8())
}

/// A border in a stretch without white space: where its script has words without spaces, between
/// two of these; else before the stretch, however little that leaves; else at a joint of it.
fn word_border(flat: &Flat<'_>, from: usize, least: usize, fits: usize) -> Option<usize> {
    let text = &flat.text;
    let spaced = !text[from..fits].chars().next_back().is_some_and(unspaced);
    if spaced && let Some(border) = space_border(text, from, fits) {
        let more = !text[from..border].trim().is_empty();
        if more {
            return Some(border);
        }
    }
    let start = ceil_char(text, fits.saturating_sub(WORD_REACH).max(from));
    let end = ceil_char(text, (fits + WORD_REACH).min(text.len()));
    let words: Vec<usize> = text[start..end]
        .split_word_bound_indices()
        .map(|(at, _)| start + at)
        .take_while(|&at| at <= fits)
        .collect();
    let mut borders = words
        .into_iter()
        .rev()
        .take_while(|&at| at >= least && at > start);
    borders.find(|&at| grapheme_border(text, from, at) == Some(at))
}

/// Scripts that put no spaces between words.
fn unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0xA4CF | 0xF900..=0xFAFF
        | 0xFF00..=0xFFEF | 0x20000..=0x3FFFF)
}

/// The last border between grapheme clusters in `from + 1..=fits`. Looks no further back than
/// `from`, itself a border, for a cluster's rules may reach back over the whole text.
pub(super) fn grapheme_border(text: &str, from: usize, fits: usize) -> Option<usize> {
    let text = &text[from..];
    let mut cursor = GraphemeCursor::new(fits - from, text.len(), true);
    if cursor.is_boundary(text, 0).unwrap_or(true) && fits > from {
        return Some(fits);
    }
    let back = cursor.prev_boundary(text, 0).ok().flatten()?;
    (back > 0).then_some(from + back)
}

/// The end of the grapheme cluster that begins at `from`, not looking beyond `bound`.
pub(super) fn grapheme_end(text: &str, from: usize, bound: usize) -> usize {
    let mut cursor = GraphemeCursor::new(0, bound - from, true);
    let end = cursor.next_boundary(&text[from..bound], 0);
    from + end.ok().flatten().unwrap_or(bound - from)
}

/// The first character border at or after `at`.
pub(super) fn ceil_char(text: &str, at: usize) -> usize {
    text.ceil_char_boundary(at.min(text.len()))
}
