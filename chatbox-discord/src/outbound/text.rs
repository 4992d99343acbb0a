//! The tree in Discord's markup. Every sign of a text that could be taken for markup is escaped; what Discord cannot say
//! is said in text: deep headings are bold, tables are preformatted.

use chatbox_connector_api::kit::lines::Lines;
use chatbox_connector_api::markup::{Block, Dialect, Inline, Markup, plain};
use url::Url;

/// What a message holds, in Unicode code points.
pub(crate) const MAX_TEXT: usize = 2000;
/// A rule, in letters no reader takes for a word.
const RULE: &str = "———";
/// Keeps two signs apart and is not seen.
const APART: char = '\u{200B}';

/// Measures a piece as it will be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiscordDialect;

impl Dialect for DiscordDialect {
    fn measure(&self, piece: &Markup) -> usize {
        render(piece).chars().count()
    }
}

/// The tree as Discord's markup.
pub(crate) fn render(markup: &Markup) -> String {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    page.lines.into_string()
}

/// The text so far.
#[derive(Debug, Default)]
struct Page {
    lines: Lines,
    /// Inside a quotation: Discord nests none.
    quoted: bool,
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
            Block::Heading { level, content } if *level <= 3 && self.lines.is_outermost() => {
                self.raw(&"#".repeat(usize::from((*level).max(1))));
                self.raw(" ");
                self.inlines(content);
            }
            Block::Heading { content, .. } => self.styled("**", content),
            Block::Code { lang, text } => self.pre(lang.as_deref(), text),
            Block::Quote(blocks) if self.quoted => {
                self.indented("\\> ", "\\> ", |page| page.blocks(blocks, "\n\n"));
            }
            Block::Quote(blocks) => {
                self.quoted = true;
                self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n"));
                self.quoted = false;
            }
            Block::List { start, items } => self.list(*start, items),
            Block::Rule => self.raw(RULE),
            // A table, or a kind of block yet to come.
            other => self.pre(None, &plain(&Markup(vec![other.clone()]))),
        }
    }

    /// Preformatted text stands at the margin, wherever its block is.
    fn pre(&mut self, lang: Option<&str>, text: &str) {
        let word = |lang: &&str| {
            lang.len() <= 20
                && lang
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_+-.#".contains(&b))
        };
        let lang = lang.filter(word).unwrap_or_default();
        // There is no longer fence: a fence in the text is taken apart.
        let text = text.replace("```", "`\u{200B}`\u{200B}`");
        let last = if text.ends_with('`') { "\u{200B}" } else { "" };
        self.lines
            .put_at_margin(&format!("```{lang}\n{text}{last}\n```"));
    }

    fn list(&mut self, start: Option<u64>, items: &[Vec<Block>]) {
        let mut number = start;
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.raw("\n");
            }
            let sign = number.map_or_else(|| "- ".to_owned(), |number| format!("{number}. "));
            let indent = " ".repeat(sign.len());
            self.indented(&sign, &indent, |page| page.blocks(item, "\n"));
            number = number.map(|number| number.saturating_add(1));
        }
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
                Inline::Break => self.raw("\n"),
                other => self.words(&plain(&Markup(vec![Block::Paragraph(vec![other.clone()])]))),
            }
        }
    }

    /// A style around words. What begins or ends with a blank has none: Discord would show the signs.
    fn styled(&mut self, mark: &str, content: &[Inline]) {
        let mut inner = Self {
            lines: self.lines.inside(),
            quoted: self.quoted,
        };
        inner.inlines(content);
        let (first, last) = (inner.lines.as_str().chars().next(), inner.lines.last());
        let edge = |c: Option<char>| c.is_none_or(char::is_whitespace);
        if edge(first) || edge(last) {
            return self.lines.append(&inner.lines);
        }
        let sign = mark.chars().next();
        self.lines.begin();
        if self.lines.last() == sign {
            self.lines.push(APART);
        }
        self.raw(mark);
        if first == sign && mark.len() == 1 {
            self.lines.push(APART);
        }
        self.lines.append(&inner.lines);
        if last == sign {
            self.lines.push(APART);
        }
        self.raw(mark);
    }

    /// Code within a line; where its own ticks leave no fence, words.
    fn code(&mut self, text: &str) {
        let fence = match (text.contains('`'), text.contains("``")) {
            (false, _) => "`",
            (true, false) => "``",
            (true, true) => return self.words(text),
        };
        if text.trim().is_empty() || text.contains('\n') {
            return self.words(text);
        }
        let space = |edge: bool| if edge { " " } else { "" };
        let (before, after) = (space(text.starts_with('`')), space(text.ends_with('`')));
        self.lines.begin();
        if self.lines.last() == Some('`') {
            self.lines.push(APART);
        }
        self.raw(&format!("{fence}{before}{text}{after}{fence}"));
    }

    /// A link that Discord follows; any other is written out.
    fn link(&mut self, href: &str, content: &[Inline]) {
        let shown = plain(&Markup(vec![Block::Paragraph(content.to_vec())]));
        let followed = Url::parse(href)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let address = href.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>'));
        let itself = href == shown || href.strip_prefix("mailto:") == Some(&shown);
        if href.is_empty() || itself {
            self.words(&shown);
        } else if shown.trim().is_empty() {
            self.words(href);
        } else if followed.is_some() && !address && !shown.contains("://") {
            // Discord shows the signs of a link whose words are an address.
            self.raw("[");
            self.inlines(content);
            self.raw(&format!("](<{href}>)"));
        } else {
            self.inlines(content);
            self.raw(" (");
            self.words(href);
            self.raw(")");
        }
    }

    /// Words without any markup: signs are escaped, addresses stay as they are.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = next_address(rest) {
            self.signs(&rest[..at]);
            let end = rest[at..]
                .find(|c: char| c.is_whitespace() || c == '<')
                .unwrap_or(rest.len() - at);
            // A sign behind it stays bare as well: Discord would take a backslash for a part of the address.
            self.raw(&rest[at..at + end]);
            rest = &rest[at + end..];
        }
        self.signs(rest);
    }

    fn signs(&mut self, text: &str) {
        for c in text.chars() {
            if c == '\n' {
                self.raw("\n");
                continue;
            }
            let sign = matches!(
                c,
                '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '[' | ']' | '@'
            );
            let opens = self.lines.is_at_start() && matches!(c, '#' | '>' | '-' | '+');
            // `1.` at the start of a line begins a list.
            let numbered = c == '.' && is_number(self.lines.line().trim_start());
            if sign || opens || numbered {
                self.lines.push('\\');
            }
            self.lines.push(c);
        }
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
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

fn next_address(text: &str) -> Option<usize> {
    let found = ["http://", "https://"]
        .into_iter()
        .filter_map(|scheme| text.find(scheme));
    found.min()
}
