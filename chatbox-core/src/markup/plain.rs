//! The tree as readable text without markup, for platforms, logs and notices that have none.

use super::tree::{Block, Inline, Markup, blank_inlines};

/// Between the cells of a table row.
const CELL: &str = " | ";
/// A rule, in a character that no reader takes for a word.
const RULE: &str = "———";

/// Readable text: bullets as "• ", items with their numbers, quotes as "> ", a link as
/// "text (address)" unless the text is the address, code as it is, table cells between bars.
pub fn plain(markup: &Markup) -> String {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    page.out
}

/// The text so far and what every further line begins with.
#[derive(Debug, Default)]
struct Page {
    out: String,
    prefix: String,
    /// A line has ended and its successor's prefix is not yet written.
    at_start: bool,
}

impl Page {
    fn blocks(&mut self, blocks: &[Block], between: &str) {
        for (nth, block) in blocks.iter().enumerate() {
            if nth > 0 {
                self.text(between);
            }
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => self.inlines(content),
            Block::Code { text, .. } => self.text(text),
            Block::Quote(blocks) => self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n")),
            Block::List { start, items } => self.list(*start, items),
            Block::Table { header, rows } => self.table(header, rows),
            Block::Rule => self.text(RULE),
        }
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>]) {
        let mut number = start;
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.text("\n");
            }
            let marker = number.map_or_else(|| "• ".to_owned(), |number| format!("{number}. "));
            let indent = " ".repeat(marker.chars().count());
            self.indented(&marker, &indent, |page| page.blocks(item, "\n"));
            number = number.map(|number| number.saturating_add(1));
        }
    }

    fn table(&mut self, header: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) {
        let titled = header.iter().any(|cell| !blank_inlines(cell));
        if titled {
            self.row(header);
            self.text("\n");
            self.text(&vec!["---"; header.len()].join(CELL));
        }
        for (nth, row) in rows.iter().enumerate() {
            if nth > 0 || titled {
                self.text("\n");
            }
            self.row(row);
        }
    }

    fn row(&mut self, cells: &[Vec<Inline>]) {
        for (nth, cell) in cells.iter().enumerate() {
            if nth > 0 {
                self.text(CELL);
            }
            self.inlines(cell);
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) | Inline::Code(text) => self.text(text),
                Inline::Strong(content) | Inline::Emphasis(content) | Inline::Strike(content) => {
                    self.inlines(content);
                }
                Inline::Link { href, content } => self.link(href, content),
                Inline::Break => self.text("\n"),
            }
        }
    }

    fn link(&mut self, href: &str, content: &[Inline]) {
        self.begin_line();
        let start = self.out.len();
        self.inlines(content);
        let shown = &self.out[start..];
        let said = href == shown || href.strip_prefix("mailto:") == Some(shown);
        if shown.is_empty() {
            self.text(href);
        } else if !said && !href.is_empty() {
            self.text(" (");
            self.text(href);
            self.text(")");
        }
    }

    /// Writes `marker` here and begins every further line of `inside` with `indent`.
    fn indented(&mut self, marker: &str, indent: &str, inside: impl FnOnce(&mut Self)) {
        self.text(marker);
        let outer = self.prefix.len();
        self.prefix.push_str(indent);
        inside(self);
        self.prefix.truncate(outer);
    }

    fn text(&mut self, text: &str) {
        for (nth, line) in text.split('\n').enumerate() {
            if nth > 0 {
                self.line_end();
            }
            if !line.is_empty() {
                self.begin_line();
                self.out.push_str(line);
            }
        }
    }

    /// Ends the line; the next one's prefix waits for its first word, so that an empty line has
    /// no spaces at its end.
    fn line_end(&mut self) {
        if self.at_start {
            self.out.push_str(self.prefix.trim_end());
        }
        self.out.push('\n');
        self.at_start = true;
    }

    fn begin_line(&mut self) {
        if self.at_start {
            self.out.push_str(&self.prefix);
            self.at_start = false;
        }
    }
}
