//! The tree as the markdown that Slack's markdown block reads. Every sign of a text that could be taken for markup is escaped.
//!
//! Slack reads its own `<…>` there as well, and calls people by it: an angle bracket is written as the word for one, which Slack
//! shows as one, and in code, where words are not read, what would call somebody is kept apart.

use super::address;
use chatbox_connector_api::kit::lines::Lines;
use chatbox_connector_api::markup::{Block, Inline, Markup, plain};
use url::Url;

/// Keeps two signs apart and is not seen.
const APART: char = '\u{200B}';

/// The tree as markdown.
pub(crate) fn render(markup: &Markup) -> String {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    page.lines.into_string()
}

/// The text so far.
#[derive(Debug, Default)]
struct Page {
    lines: Lines,
    /// Inside a cell of a table.
    cell: bool,
}

impl Page {
    fn blocks(&mut self, blocks: &[Block], between: &str) {
        for (nth, block) in blocks.iter().enumerate() {
            if nth > 0 {
                self.raw(between);
                // Two lists in a row would be one.
                if let (Block::List { .. }, Block::List { .. }) = (&blocks[nth - 1], block) {
                    self.raw(&format!("{APART}\n\n"));
                }
            }
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(content) => self.inlines(content),
            Block::Heading { level, content } => {
                self.raw(&"#".repeat(usize::from((*level).clamp(1, 6))));
                self.raw(" ");
                self.inlines(content);
            }
            Block::Code { lang, text } => self.pre(lang.as_deref(), text),
            Block::Quote(blocks) => {
                self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n"));
            }
            Block::List { start, items } => self.list(*start, items),
            Block::Table { header, rows } => self.table(header, rows),
            Block::Rule => self.raw("---"),
            other => self.words(&plain(&Markup(vec![other.clone()]))),
        }
    }

    fn pre(&mut self, lang: Option<&str>, text: &str) {
        let word = |lang: &&str| {
            lang.len() <= 20
                && lang
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_+-.#".contains(&b))
        };
        let lang = lang.filter(word).unwrap_or_default();
        let fence = "`".repeat(longest_run(text).max(2) + 1);
        let text = uncalling(text);
        self.raw(&format!("{fence}{lang}\n{text}\n{fence}"));
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>]) {
        let mut number = start;
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.raw("\n");
            }
            // CommonMark knows numbers of nine digits.
            let sign = number.map_or_else(
                || "- ".to_owned(),
                |number| format!("{}. ", number.min(999_999_999)),
            );
            let indent = " ".repeat(sign.len());
            let between = match item
                .iter()
                .any(|block| !matches!(block, Block::List { .. }))
            {
                true if item.len() > 2 => "\n\n",
                _ => "\n",
            };
            self.indented(&sign, &indent, |page| page.blocks(item, between));
            number = number.map(|number| number.saturating_add(1));
        }
    }

    fn table(&mut self, header: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) {
        let width = rows.iter().map(Vec::len).chain([header.len()]).max();
        let width = width.unwrap_or(0).max(1);
        self.row(header, width);
        self.raw("\n|");
        self.raw(&"---|".repeat(width));
        for row in rows {
            self.raw("\n");
            self.row(row, width);
        }
    }

    fn row(&mut self, cells: &[Vec<Inline>], width: usize) {
        self.raw("|");
        let outer = std::mem::replace(&mut self.cell, true);
        for nth in 0..width {
            self.raw(" ");
            self.inlines(cells.get(nth).map_or(&[], Vec::as_slice));
            self.raw(" |");
        }
        self.cell = outer;
    }

    fn inlines(&mut self, content: &[Inline]) {
        for inline in content {
            match inline {
                Inline::Text(text) => self.words(text),
                Inline::Strong(content) => self.styled("**", content),
                Inline::Emphasis(content) => self.styled("*", content),
                Inline::Strike(content) => self.styled("~~", content),
                Inline::Code(text) => self.code(text),
                Inline::Link { href, content } => self.link(href, content),
                Inline::Break if self.cell => self.raw(" "),
                Inline::Break => self.raw("\n"),
                other => self.words(&plain(&Markup(vec![Block::Paragraph(vec![other.clone()])]))),
            }
        }
    }

    /// A style around words. What it cannot stand around has none: people would read its signs.
    fn styled(&mut self, mark: &str, content: &[Inline]) {
        let mut inner = Self {
            lines: self.lines.inside(),
            cell: self.cell,
        };
        inner.inlines(content);
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let bare = edge(inner.lines.as_str().chars().next()) || edge(inner.lines.last());
        if bare {
            return self.lines.append(&inner.lines);
        }
        let sign = mark.chars().next().unwrap_or('*');
        if self.lines.last() == Some(sign) {
            self.lines.push(APART);
        }
        self.raw(mark);
        self.lines.append(&inner.lines);
        self.raw(mark);
    }

    /// Code within a line.
    fn code(&mut self, text: &str) {
        if text.trim().is_empty() || text.contains('\n') || (self.cell && text.contains('|')) {
            return self.words(text);
        }
        let fence = "`".repeat(longest_run(text) + 1);
        let edge = |c: char| c == '`' || c == ' ';
        let pad = match text.starts_with(edge) || text.ends_with(edge) {
            true => " ",
            false => "",
        };
        if self.lines.last() == Some('`') {
            self.lines.push(APART);
        }
        let text = uncalling(text);
        self.raw(&format!("{fence}{pad}{text}{pad}{fence}"));
    }

    /// A link that people may follow; any other is written out.
    fn link(&mut self, href: &str, content: &[Inline]) {
        let shown = plain(&Markup(vec![Block::Paragraph(content.to_vec())]));
        let followed = Url::parse(href)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
        let itself = href == shown || href.strip_prefix("mailto:") == Some(&shown);
        if itself || href.is_empty() {
            self.words(&shown);
        } else if shown.trim().is_empty() {
            self.words(href);
        } else if followed.is_some() && !shown.contains(['\n', '|']) && !shown.contains("://") {
            // Words that are an address are not let lead to another.
            self.raw("[");
            self.inlines(content);
            self.raw(&format!("]({})", destination(href)));
        } else {
            self.inlines(content);
            self.raw(" (");
            self.words(href);
            self.raw(")");
        }
    }

    /// Words without any markup. An address with signs is a link to itself.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(found) = address::with_signs(rest, &['*', '_', '~', '[', ']', '\\']) {
            self.signs(&rest[..found.start]);
            let address = &rest[found.clone()];
            self.raw("[");
            self.signs(address);
            self.raw(&format!("]({})", destination(address)));
            rest = &rest[found.end..];
        }
        self.signs(rest);
    }

    fn signs(&mut self, text: &str) {
        for c in text.chars() {
            if c == '\n' {
                self.raw("\n");
                continue;
            }
            let first = self.lines.is_at_start();
            match c {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '\\' | '*' | '_' | '~' | '`' | '[' | ']' => self.escaped(c),
                '|' if self.cell => self.escaped(c),
                '#' | '-' | '+' | '=' if first => self.escaped(c),
                // `1.` at the start of a line begins a list.
                '.' | ')' if is_number(self.lines.line()) => self.escaped(c),
                // Blanks at the start of a line may mean code, and are not seen.
                ' ' | '\t' if first => {}
                c => self.lines.push(c),
            }
        }
    }

    fn escaped(&mut self, c: char) {
        self.lines.push('\\');
        self.lines.push(c);
    }

    fn indented(&mut self, sign: &str, indent: &str, inside: impl FnOnce(&mut Self)) {
        let outer = self.lines.enter(sign, indent);
        inside(self);
        self.lines.leave(outer);
    }

    fn raw(&mut self, text: &str) {
        self.lines.put(text);
    }
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.len() <= 9 && line.bytes().all(|b| b.is_ascii_digit())
}

/// Code that calls nobody.
fn uncalling(code: &str) -> String {
    let apart =
        |code: String, sign: &str| code.replace(&format!("<{sign}"), &format!("<{APART}{sign}"));
    ["@", "!", "#"].into_iter().fold(code.to_owned(), apart)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// An address that nothing in it ends. Slack reads no escapes in one.
fn destination(href: &str) -> String {
    let odd = |c: char| matches!(c, '\\' | '<' | '>' | '(' | ')' | '|' | ' ');
    let one = |c: char| match c {
        c if odd(c) => format!("%{:02X}", u32::from(c)),
        c if c.is_control() || c.is_whitespace() => String::new(),
        c => c.to_string(),
    };
    href.chars().map(one).collect()
}
