//! The tree as text and entities, counted in UTF-16 units, as Telegram counts.
//!
//! Never a markup string: there is nothing to escape, so nothing to get wrong. What entities cannot say is said in
//! text: headings are bold, lists have their signs, tables are preformatted.

use super::table;
use chatbox_connector_api::kit::lines::Lines;
use chatbox_connector_api::markup::{Block, Dialect, Inline, Markup, plain};
use teloxide_core::types::{MessageEntity, MessageEntityKind};
use url::{Host, Url};

/// What a message holds, in UTF-16 units.
pub(crate) const MAX_TEXT: usize = 4096;
/// What a caption holds, in UTF-16 units.
pub(crate) const MAX_CAPTION: usize = 1024;
/// More entities than this are dropped by the platform without a word.
pub(crate) const MAX_ENTITIES: usize = 100;

/// A rule, in letters no reader takes for a word.
const RULE: &str = "———";

/// Text ready for the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Formatted {
    /// The text.
    pub(crate) text: String,
    /// What stretches of it are, in order.
    pub(crate) entities: Vec<MessageEntity>,
    /// The text's length in UTF-16 units.
    pub(crate) units: usize,
}

/// Measures a piece as it will be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TelegramDialect;

impl Dialect for TelegramDialect {
    fn measure(&self, piece: &Markup) -> usize {
        let formatted = format(piece);
        if formatted.entities.len() > MAX_ENTITIES {
            return formatted.units.max(MAX_TEXT + 1);
        }
        formatted.units
    }
}

/// The tree as text and entities.
pub(crate) fn format(markup: &Markup) -> Formatted {
    let mut page = Page::default();
    page.blocks(&markup.0, "\n\n");
    page.finish()
}

/// The text so far.
#[derive(Debug, Default)]
struct Page {
    lines: Lines,
    entities: Vec<MessageEntity>,
    /// Inside a quotation: the platform nests none, deeper ones get a sign.
    quoted: bool,
    /// Inside a link: no other entity but a style fits there.
    linked: bool,
}

impl Page {
    fn finish(mut self) -> Formatted {
        let entities = around_code(std::mem::take(&mut self.entities));
        Formatted {
            entities,
            units: self.lines.units(),
            text: self.lines.into_string(),
        }
    }

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
                self.styled(MessageEntityKind::Bold, |page| page.inlines(content));
            }
            Block::Code { lang, text } => self.pre(lang.clone(), text),
            Block::Quote(blocks) => self.quote(blocks),
            Block::List { start, items } => self.list(*start, items),
            Block::Table { header, rows } => self.pre(None, &table::drawn(header, rows)),
            Block::Rule => self.write(RULE),
            // A kind of block yet to come still says its words.
            other => self.write(&plain(&Markup(vec![other.clone()]))),
        }
    }

    /// Preformatted text stands at the margin, wherever its block is.
    fn pre(&mut self, language: Option<String>, text: &str) {
        let outer = self.lines.enter_margin();
        self.styled(MessageEntityKind::Pre { language }, |page| page.write(text));
        self.lines.leave_margin(outer);
    }

    fn quote(&mut self, blocks: &[Block]) {
        if self.quoted {
            self.indented("> ", "> ", |page| page.blocks(blocks, "\n\n"));
            return;
        }
        self.quoted = true;
        self.styled(MessageEntityKind::Blockquote, |page| {
            page.blocks(blocks, "\n\n");
        });
        self.quoted = false;
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
                Inline::Strong(content) => {
                    self.styled(MessageEntityKind::Bold, |page| page.inlines(content));
                }
                Inline::Emphasis(content) => {
                    self.styled(MessageEntityKind::Italic, |page| page.inlines(content));
                }
                Inline::Strike(content) => {
                    self.styled(MessageEntityKind::Strikethrough, |page| {
                        page.inlines(content);
                    });
                }
                Inline::Code(text) if self.linked => self.write(text),
                Inline::Code(text) => {
                    self.styled(MessageEntityKind::Code, |page| page.write(text));
                }
                Inline::Link { href, content } => self.link(href, content),
                Inline::Break => self.write("\n"),
                other => {
                    let block = Block::Paragraph(vec![other.clone()]);
                    self.write(&plain(&Markup(vec![block])));
                }
            }
        }
    }

    /// A link the platform can follow is an entity; any other is written out.
    fn link(&mut self, href: &str, content: &[Inline]) {
        let shown = plain(&Markup(vec![Block::Paragraph(content.to_vec())]));
        if href.is_empty() || href == shown || href.strip_prefix("mailto:") == Some(&shown) {
            self.inlines(content);
        } else if shown.trim().is_empty() {
            self.write(href);
        } else if let Some(url) = followable(href).filter(|_| !self.linked) {
            self.linked = true;
            self.styled(MessageEntityKind::TextLink { url }, |page| {
                page.inlines(content);
            });
            self.linked = false;
        } else {
            self.inlines(content);
            self.write(" (");
            self.write(href);
            self.write(")");
        }
    }

    fn styled(&mut self, kind: MessageEntityKind, inside: impl FnOnce(&mut Self)) {
        self.lines.begin();
        let (nth, start) = (self.entities.len(), self.lines.units());
        inside(self);
        let length = self.lines.units() - start;
        if length > 0 {
            let entity = MessageEntity::new(kind, start, length);
            // Outer before inner, as the platform lists them.
            self.entities.insert(nth, entity);
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

/// The address if Telegram takes it as the target of a link.
fn followable(href: &str) -> Option<Url> {
    let url = Url::parse(href).ok()?;
    let named = match url.host() {
        Some(Host::Domain(name)) => name.contains('.'),
        Some(_) => true,
        None => false,
    };
    match url.scheme() {
        "http" | "https" => named.then_some(url),
        "tg" | "ton" => Some(url),
        _ => None,
    }
}

/// Styles end where code begins and go on behind it: code lies in no style.
fn around_code(entities: Vec<MessageEntity>) -> Vec<MessageEntity> {
    use MessageEntityKind::{Bold, Code, Italic, Pre, Strikethrough};
    let holes: Vec<(usize, usize)> = entities
        .iter()
        .filter(|entity| matches!(entity.kind, Code | Pre { .. }))
        .map(|entity| (entity.offset, entity.offset + entity.length))
        .collect();
    let mut out = Vec::with_capacity(entities.len());
    for entity in entities {
        if !matches!(entity.kind, Bold | Italic | Strikethrough) {
            out.push(entity);
            continue;
        }
        let (mut at, end) = (entity.offset, entity.offset + entity.length);
        for &(from, to) in holes
            .iter()
            .filter(|(from, to)| *from < end && *to > entity.offset)
        {
            if from > at {
                out.push(MessageEntity::new(entity.kind.clone(), at, from - at));
            }
            at = at.max(to);
        }
        if end > at {
            out.push(MessageEntity::new(entity.kind, at, end - at));
        }
    }
    out.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
    out
}
