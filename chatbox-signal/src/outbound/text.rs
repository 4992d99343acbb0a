//! The tree as text and styled stretches, counted in UTF-16 units, as Signal counts them.
//!
//! Never a markup string: there is nothing to escape. What styles cannot say is said in text: headings are bold, lists and
//! quotes have their signs, a link's address stands behind its words.

use chatbox_connector_api::kit::lines::Lines;
use chatbox_connector_api::markup::{Block, Dialect, Inline, Markup, plain};

/// What a message holds, in bytes of UTF-8: past 2,000 the daemon sends the rest as a file that clients join again, and
/// this is where they stop.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// A style of Signal's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    Bold,
    Italic,
    Strikethrough,
    Monospace,
}

impl Style {
    fn name(self) -> &'static str {
        match self {
            Self::Bold => "BOLD",
            Self::Italic => "ITALIC",
            Self::Strikethrough => "STRIKETHROUGH",
            Self::Monospace => "MONOSPACE",
        }
    }
}

/// A styled stretch, in UTF-16 units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) style: Style,
}

impl Range {
    /// As the daemon takes it.
    pub(crate) fn written(&self) -> String {
        format!("{}:{}:{}", self.start, self.length, self.style.name())
    }
}

/// Text ready for the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Formatted {
    /// The text.
    pub(crate) text: String,
    /// Its styles, outer before inner.
    pub(crate) ranges: Vec<Range>,
}

/// Measures a piece as it will be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalDialect;

impl Dialect for SignalDialect {
    fn measure(&self, piece: &Markup) -> usize {
        format(piece).text.len()
    }
}

/// The tree as text and styles.
pub(crate) fn format(markup: &Markup) -> Formatted {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    Formatted {
        text: page.lines.into_string(),
        ranges: page.ranges,
    }
}

/// The text so far.
#[derive(Debug, Default)]
struct Page {
    lines: Lines,
    ranges: Vec<Range>,
}

impl Page {
    fn blocks(&mut self, blocks: &[Block], between: &str) {
        for (nth, block) in blocks.iter().enumerate() {
            if nth > 0 {
                self.write(between);
            }
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(content) => self.inlines(content),
            Block::Heading { content, .. } => {
                self.styled(Style::Bold, |page| page.inlines(content));
            }
            Block::Code { text, .. } => self.code(text),
            Block::Quote(blocks) => {
                self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n"));
            }
            Block::List { start, items } => self.list(*start, items),
            // Rules, tables and kinds yet to come say their words; a table's columns need letters of one width.
            Block::Table { .. } => {
                let drawn = plain(&Markup(vec![block.clone()]));
                self.styled(Style::Monospace, |page| page.write(&drawn));
            }
            other => self.write(&plain(&Markup(vec![other.clone()]))),
        }
    }

    /// Code stands at the margin, wherever its block is, so that it can be copied.
    fn code(&mut self, text: &str) {
        let outer = self.lines.enter_margin();
        self.styled(Style::Monospace, |page| page.write(text));
        self.lines.leave_margin(outer);
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>]) {
        let mut number = start;
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.write("\n");
            }
            let sign = number.map_or_else(|| "• ".to_owned(), |number| format!("{number}. "));
            let indent = " ".repeat(sign.chars().count());
            self.indented(&sign, &indent, |page| page.blocks(item, "\n"));
            number = number.map(|number| number.saturating_add(1));
        }
    }

    fn inlines(&mut self, content: &[Inline]) {
        for inline in content {
            match inline {
                Inline::Text(text) => self.write(text),
                Inline::Strong(content) => self.styled(Style::Bold, |page| page.inlines(content)),
                Inline::Emphasis(content) => {
                    self.styled(Style::Italic, |page| page.inlines(content));
                }
                Inline::Strike(content) => {
                    self.styled(Style::Strikethrough, |page| page.inlines(content));
                }
                Inline::Code(text) => self.styled(Style::Monospace, |page| page.write(text)),
                Inline::Link { href, content } => self.link(href, content),
                Inline::Break => self.write("\n"),
                other => {
                    let block = Block::Paragraph(vec![other.clone()]);
                    self.write(&plain(&Markup(vec![block])));
                }
            }
        }
    }

    /// Signal's texts have no links: the address is written out, once.
    fn link(&mut self, href: &str, content: &[Inline]) {
        let shown = plain(&Markup(vec![Block::Paragraph(content.to_vec())]));
        if href.is_empty() || href == shown || href.strip_prefix("mailto:") == Some(&shown) {
            self.inlines(content);
        } else if shown.trim().is_empty() {
            self.write(href);
        } else {
            self.inlines(content);
            self.write(" (");
            self.write(href);
            self.write(")");
        }
    }

    fn styled(&mut self, style: Style, inside: impl FnOnce(&mut Self)) {
        self.lines.begin();
        let (nth, start) = (self.ranges.len(), self.lines.units());
        inside(self);
        let length = self.lines.units() - start;
        if length > 0 {
            let range = Range {
                start,
                length,
                style,
            };
            self.ranges.insert(nth, range);
        }
    }

    fn indented(&mut self, sign: &str, indent: &str, inside: impl FnOnce(&mut Self)) {
        let outer = self.lines.enter(sign, indent);
        inside(self);
        self.lines.leave(outer);
    }

    fn write(&mut self, text: &str) {
        self.lines.put(text);
    }
}
