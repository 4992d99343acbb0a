//! The tree in Slack's older markup, for where the newer is not taken: notifications, and workspaces without the block. What it
//! cannot say is said in text: titles are bold, tables and rules are drawn.

use super::address;
use chatbox_connector_api::kit::lines::Lines;
use chatbox_connector_api::markup::{Block, Inline, Markup, plain};
use url::Url;

/// A rule, in letters no reader takes for a word.
const RULE: &str = "———";
/// Keeps a sign from its word, so that it is none: Slack has no escape. The thinnest blank there is.
const APART: char = '\u{200A}';

/// The tree as mrkdwn.
pub(crate) fn render(markup: &Markup) -> String {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    page.lines.into_string()
}

/// The three signs that mean something to Slack wherever they stand.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[derive(Debug, Default)]
struct Page {
    lines: Lines,
    /// Inside a quotation: Slack nests none.
    quoted: bool,
    /// A style has just ended; a letter right behind it would undo it.
    styled: bool,
}

impl Page {
    fn blocks(&mut self, blocks: &[Block], between: &str) {
        for (nth, block) in blocks.iter().enumerate() {
            if nth > 0 {
                self.raw(between);
            }
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(content) => self.inlines(content),
            Block::Heading { content, .. } => self.styled('*', content),
            Block::Code { text, .. } => self.pre(text),
            Block::Quote(blocks) if self.quoted => {
                self.indented("“ ", "  ", |page| page.blocks(blocks, "\n\n"));
            }
            Block::Quote(blocks) => {
                self.quoted = true;
                self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n"));
                self.quoted = false;
            }
            Block::List { start, items } => self.list(*start, items),
            Block::Rule => self.raw(RULE),
            // A table, or a kind of block yet to come.
            other => self.pre(&plain(&Markup(vec![other.clone()]))),
        }
    }

    /// Preformatted text stands at the margin, wherever its block is.
    fn pre(&mut self, text: &str) {
        // There is no longer fence: a fence in the text is taken apart.
        let text = escape(&text.replace("```", "`\u{200B}`\u{200B}`"));
        let last = if text.ends_with('`') { "\u{200B}" } else { "" };
        self.lines.put_at_margin(&format!("```\n{text}{last}\n```"));
        self.styled = false;
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>]) {
        let mut number = start;
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.raw("\n");
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
                Inline::Text(text) => self.words(text),
                Inline::Strong(content) => self.styled('*', content),
                Inline::Emphasis(content) => self.styled('_', content),
                Inline::Strike(content) => self.styled('~', content),
                Inline::Code(text) => self.code(text),
                Inline::Link { href, content } => self.link(href, content),
                Inline::Break => self.raw("\n"),
                other => self.words(&plain(&Markup(vec![Block::Paragraph(vec![other.clone()])]))),
            }
        }
    }

    /// A style around words. It stands between words only, and around nothing that begins or ends with a sign.
    fn styled(&mut self, mark: char, content: &[Inline]) {
        let mut inner = Self {
            lines: self.lines.inside(),
            quoted: self.quoted,
            ..Self::default()
        };
        inner.inlines(content);
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let shown = inner.lines.as_str();
        let bare =
            edge(shown.chars().next()) || edge(inner.lines.last()) || shown.contains(['\n', mark]);
        if bare {
            // Said again, for it stands elsewhere now.
            return self.inlines(content);
        }
        let before = self.lines.last();
        if !edge(before) || before == Some(mark) {
            self.lines.push(APART);
        }
        self.lines.push(mark);
        self.lines.append(&inner.lines);
        self.lines.push(mark);
        self.styled = true;
    }

    fn code(&mut self, text: &str) {
        if text.trim().is_empty() || text.contains(['`', '\n']) {
            return self.words(text);
        }
        let before = self.lines.last();
        if before.is_some_and(|c| c == '`' || c.is_alphanumeric()) {
            self.lines.push(APART);
        }
        self.raw(&format!("`{}`", escape(text)));
        self.styled = true;
    }

    /// A link that people may follow; any other is written out.
    fn link(&mut self, href: &str, content: &[Inline]) {
        let shown = plain(&Markup(vec![Block::Paragraph(content.to_vec())]));
        let followed = Url::parse(href)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
        let clean = !href.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|'));
        let itself = href == shown || href.strip_prefix("mailto:") == Some(&shown);
        if itself || href.is_empty() {
            self.words(&shown);
        } else if shown.trim().is_empty() {
            self.words(href);
        } else if followed.is_some()
            && clean
            && !shown.contains(['\n', '|', '>', '<'])
            && !shown.contains("://")
        {
            // Words that are an address are not let lead to another.
            self.raw(&format!("<{}|{}>", escape(href), escape(&shown)));
        } else {
            self.inlines(content);
            self.raw(" (");
            self.words(href);
            self.raw(")");
        }
    }

    /// Words. An address with signs is said to be one.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(found) = address::with_signs(rest, &['*', '_', '~']) {
            self.signs(&rest[..found.start]);
            self.raw(&format!("<{}>", escape(&rest[found.clone()])));
            rest = &rest[found.end..];
        }
        self.signs(rest);
    }

    /// Slack has no escape for a style's sign: one that would open a style is kept from its word.
    fn signs(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\n' {
                self.raw("\n");
                continue;
            }
            let first = self.lines.is_at_start();
            if std::mem::take(&mut self.styled) && (c.is_alphanumeric() || "*_~`".contains(c)) {
                self.lines.push(APART);
            }
            let before = self.lines.last();
            let opens = before.is_none_or(|c| !c.is_alphanumeric())
                && chars.peek().is_none_or(|next| !next.is_whitespace());
            match c {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                // At the start of a line it would quote.
                '>' if first => self.raw("\u{200A}&gt;"),
                '>' => self.raw("&gt;"),
                '*' | '_' | '~' | '`' if opens => {
                    self.lines.push(c);
                    self.lines.push(APART);
                }
                c => self.lines.push(c),
            }
        }
    }

    fn indented(&mut self, sign: &str, indent: &str, inside: impl FnOnce(&mut Self)) {
        let outer = self.lines.enter(sign, indent);
        inside(self);
        self.lines.leave(outer);
    }

    fn raw(&mut self, text: &str) {
        if text.contains('\n') {
            self.styled = false;
        }
        self.lines.put(text);
    }
}
