//! Text with styled stretches, as several platforms carry it, written as CommonMark that reads back as the same text.
//!
//! CommonMark cannot say everything entities can (bold that ends inside a word before a bracket, say). What is written
//! is therefore read back; if a single letter would be shown differently, the text goes without its styles.

mod escape;
mod span;

pub use span::{Kind, Span, sort, units};

use crate::markup::{Block, Inline, parse};
use escape::Line;
use std::ops::Range;

/// The text as CommonMark, with these styles if they can be said. The spans are those [`sort`] leaves, of a text that
/// [`one_line_end`] made.
pub fn commonmark(text: &str, spans: &[Span]) -> String {
    let page = Page { text };
    let styled = page.blocks(0..text.len(), spans);
    if spans.is_empty() || shows(&styled, text) {
        return styled;
    }
    page.blocks(0..text.len(), &[])
}

/// One kind of line end and no NUL, unit for unit, so that no offset in UTF-16 moves.
pub fn one_line_end(text: &str) -> String {
    text.replace('\r', "\n").replace('\0', "\u{FFFD}")
}

/// Whether a reader of the CommonMark sees the text, white space aside.
fn shows(commonmark: &str, text: &str) -> bool {
    let mut shown = String::new();
    show_blocks(&parse(commonmark).0, &mut shown);
    let letters = |text: &str| {
        text.chars()
            .filter(|c| !c.is_whitespace())
            .collect::<String>()
    };
    letters(&shown) == letters(text)
}

fn show_blocks(blocks: &[Block], shown: &mut String) {
    for block in blocks {
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => show(content, shown),
            Block::Code { text, .. } => shown.push_str(text),
            Block::Quote(blocks) => show_blocks(blocks, shown),
            // Never written by us: whatever is shown then is not the text.
            _ => shown.push('\u{FFFF}'),
        }
    }
}

fn show(content: &[Inline], shown: &mut String) {
    for inline in content {
        match inline {
            Inline::Text(text) | Inline::Code(text) => shown.push_str(text),
            Inline::Strong(content)
            | Inline::Emphasis(content)
            | Inline::Strike(content)
            | Inline::Link { content, .. } => show(content, shown),
            _ => {}
        }
    }
}

/// The text being written. Ranges are bytes of it.
struct Page<'a> {
    text: &'a str,
}

impl Page<'_> {
    /// Paragraphs, code and quotes, a blank line apart.
    fn blocks(&self, range: Range<usize>, spans: &[Span]) -> String {
        let mut parts = Vec::new();
        let mut at = range.start;
        let blocks = spans.iter().filter(|span| span.kind.is_block());
        for span in blocks {
            if span.range.start < at || span.range.end > range.end {
                continue;
            }
            parts.push(self.paragraphs(at..span.range.start, spans));
            parts.push(match &span.kind {
                Kind::Pre(lang) => fenced(&self.text[span.range.clone()], lang.as_deref()),
                _ => quoted(&self.blocks(span.range.clone(), &within(spans, span))),
            });
            at = span.range.end;
        }
        parts.push(self.paragraphs(at..range.end, spans));
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n\n")
    }

    fn paragraphs(&self, range: Range<usize>, spans: &[Span]) -> String {
        let text = &self.text[range.clone()];
        let start = range.end - text.trim_start_matches('\n').len();
        let end = start + self.text[start..range.end].trim_end_matches('\n').len();
        let mut out = String::new();
        self.inline(start..end, spans, Line::Text, &mut out);
        out
    }

    /// Running text with the styles that lie within it.
    fn inline(&self, range: Range<usize>, spans: &[Span], line: Line, out: &mut String) {
        let mut at = range.start;
        for (nth, span) in spans.iter().enumerate() {
            let start = span.range.start.max(at);
            let end = span.range.end.min(range.end);
            // What overlaps its neighbour or its surroundings is cut to fit.
            if span.kind.is_block() || start >= end {
                continue;
            }
            escape::write(self.text, at..start, line, out);
            self.styled(span, start..end, &spans[nth + 1..], line, out);
            at = end;
        }
        escape::write(self.text, at..range.end, line, out);
    }

    fn styled(
        &self,
        span: &Span,
        range: Range<usize>,
        inner: &[Span],
        line: Line,
        out: &mut String,
    ) {
        for piece in paragraphs_of(self.text, range) {
            let shown = &self.text[piece.clone()];
            let core_start = piece.end - shown.trim_start().len();
            let core = core_start..core_start + self.text[core_start..piece.end].trim_end().len();
            escape::write(self.text, piece.start..core.start, line, out);
            if !core.is_empty() {
                self.wrapped(&span.kind, core.clone(), inner, line, out);
            }
            escape::write(self.text, core.end..piece.end, line, out);
        }
    }

    /// One styled stretch without white space at its ends and without a blank line.
    fn wrapped(
        &self,
        kind: &Kind,
        core: Range<usize>,
        inner: &[Span],
        line: Line,
        out: &mut String,
    ) {
        let text = &self.text[core.clone()];
        let style = |mark: &str, out: &mut String| {
            out.push_str(mark);
            self.inline(core.clone(), inner, line, out);
            out.push_str(mark);
        };
        match kind {
            Kind::Bold if self.flanks(&core, inner) => style("**", out),
            Kind::Italic if self.stands_alone(&core) => style("_", out),
            Kind::Italic if self.flanks(&core, inner) => style("*", out),
            Kind::Strike if self.flanks(&core, inner) => style("~~", out),
            Kind::Code => out.push_str(&code(text)),
            Kind::Link(href) if line == Line::Text => {
                out.push('[');
                self.inline(core.clone(), inner, Line::Link, out);
                out.push_str("](");
                out.push_str(&destination(href));
                out.push(')');
            }
            Kind::Url if line == Line::Text && needs_brackets(self.text, &core) => {
                out.push('<');
                out.push_str(text);
                out.push('>');
            }
            _ => self.inline(core, inner, line, out),
        }
    }

    /// Whether marks around this stretch open and close: a mark between a letter and a sign does neither.
    fn flanks(&self, core: &Range<usize>, inner: &[Span]) -> bool {
        let sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
        let apart =
            |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || c.is_ascii_punctuation());
        let text = &self.text[core.clone()];
        let opens_sign = text.chars().next().is_some_and(sign)
            || inner.iter().any(|span| span.range.start == core.start);
        let closes_sign = text.chars().next_back().is_some_and(sign)
            || inner.iter().any(|span| span.range.end == core.end);
        let (before, after) = self.around(core);
        (!opens_sign || apart(before)) && (!closes_sign || apart(after))
    }

    /// Whether no letter touches this stretch, so that the gentler `_` works.
    fn stands_alone(&self, core: &Range<usize>) -> bool {
        let (before, after) = self.around(core);
        let apart =
            |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || c.is_ascii_punctuation());
        apart(before) && apart(after)
    }

    fn around(&self, core: &Range<usize>) -> (Option<char>, Option<char>) {
        let before = self.text[..core.start].chars().next_back();
        (before, self.text[core.end..].chars().next())
    }
}

/// The spans inside another, cut to fit.
fn within(spans: &[Span], outer: &Span) -> Vec<Span> {
    let cut = |span: &Span| {
        let start = span.range.start.max(outer.range.start);
        let range = start..span.range.end.min(outer.range.end);
        let kind = span.kind.clone();
        (!range.is_empty() && kind != Kind::Quote).then_some(Span { range, kind })
    };
    spans.iter().filter_map(cut).collect()
}

/// The stretches between blank lines; the blank lines go with the stretch before them.
fn paragraphs_of(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = range.start;
    let mut blank = false;
    let mut line_start = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        let empty = line.trim().is_empty();
        if blank && !empty && line_start > start {
            pieces.push(start..line_start);
            start = line_start;
        }
        blank = empty;
        line_start += line.len();
    }
    pieces.push(start..range.end);
    pieces
}

fn fenced(text: &str, lang: Option<&str>) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let word = |lang: &str| {
        let clean = |c: char| !c.is_whitespace() && !c.is_control() && c != '`';
        lang.chars()
            .filter(|&c| clean(c))
            .take(40)
            .collect::<String>()
    };
    let lang = lang.map(word).unwrap_or_default();
    let text = text.strip_suffix('\n').unwrap_or(text);
    format!("{fence}{lang}\n{text}\n{fence}")
}

fn quoted(text: &str) -> String {
    let line = |line: &str| format!("> {line}").trim_end().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Code within a line; a line feed inside ends one and begins the next.
fn code(text: &str) -> String {
    let line = |text: &str| {
        if text.trim().is_empty() {
            return text.to_owned();
        }
        let fence = "`".repeat(longest_run(text) + 1);
        let edge = |c: char| c == '`' || c == ' ';
        let pad = if text.starts_with(edge) || text.ends_with(edge) {
            " "
        } else {
            ""
        };
        format!("{fence}{pad}{text}{pad}{fence}")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A link's address so that nothing in it ends the link or is read as an escape or a character reference.
fn destination(href: &str) -> String {
    let mut out = String::with_capacity(href.len());
    for c in href.chars() {
        match c {
            '\\' | '<' | '>' | '(' | ')' | ' ' => out.push_str(&format!("%{:02X}", u32::from(c))),
            ';' if href.contains('&') => out.push_str("%3B"),
            c if c.is_control() || c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a bare address would be changed by escaping, and can stand in angle brackets instead.
fn needs_brackets(text: &str, range: &Range<usize>) -> bool {
    let url = &text[range.clone()];
    let web = url.starts_with("http://") || url.starts_with("https://");
    let plain =
        !url.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>'));
    let mut escaped = String::new();
    escape::write(text, range.clone(), Line::Text, &mut escaped);
    web && plain && escaped != url
}
