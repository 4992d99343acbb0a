//! CommonMark to tree, losing nothing.
//!
//! CommonMark drops text that a chat must keep: unused link definitions, cells beyond a table's
//! header, link titles, words after a fence's language. This reader keeps them visible. Raw HTML
//! and character references (`&amp;`) stay literal, for what a person types is meant as typed.
//! It never fails and never recurses: nesting below [`MAX_DEPTH`] becomes literal text.

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::{
    build::{Builder, Node},
    kept::{self, Spanned},
    tree::{Markup, literal, tidy},
};

/// How many containers and styles may lie within each other before the rest is literal text.
pub const MAX_DEPTH: usize = 32;

/// Reads CommonMark with GFM's tables and strikethrough.
///
/// Soft line breaks are breaks. Task boxes, footnotes and front matter stay text. A list whose
/// numbers jump becomes several lists, so that each item keeps its number. Text that would show
/// nothing at all ("#", "```") is returned as [`literal`].
pub fn parse(text: &str) -> Markup {
    let source = tidy(text);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut events = Parser::new_ext(&source, options).into_offset_iter();
    let spanned: Vec<Spanned<'_>> = events.by_ref().collect();
    let mut reader = Reader::new(&source, kept::used_definitions(&spanned, &events));
    for (event, range) in &spanned {
        reader.event(event, range);
    }
    reader.gap(source.len());
    let markup = reader.build.finish();
    if markup.is_blank() && !source.trim().is_empty() {
        return literal(&source);
    }
    markup
}

/// Turns events into builder calls.
#[derive(Debug)]
struct Reader<'a> {
    source: &'a str,
    used: Vec<Range<usize>>,
    build: Builder<'a>,
    /// Up to where the source has been shown, or has nothing to show.
    shown: usize,
    /// A paragraph that the source implies: text straight in a tight list item.
    implied: bool,
    /// How many tags are open within one whose source was taken literally.
    skipping: usize,
    /// Per open list: the number its next item will have, and the one its last item was given.
    numbers: Vec<Option<(u64, u64)>>,
    /// Titles of open links, to be shown after them.
    titles: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, used: Vec<Range<usize>>) -> Self {
        Self {
            source,
            used,
            build: Builder::new(),
            shown: 0,
            implied: false,
            skipping: 0,
            numbers: Vec::new(),
            titles: Vec::new(),
        }
    }

    fn event(&mut self, event: &'a Event<'a>, range: &Range<usize>) {
        if self.skipping > 0 {
            match event {
                Event::Start(_) => self.skipping += 1,
                Event::End(_) => self.skipping -= 1,
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) if is_inline(tag) => self.start_inline(tag, range),
            Event::Start(tag) => self.start_block(tag, range),
            Event::End(tag) => self.end(*tag, range),
            Event::Text(text) => self.inline_text(self.as_typed(text, range), range),
            Event::Code(text) => {
                self.imply(range);
                self.build.open(Node::Code);
                self.build.text(text);
                self.build.close();
            }
            Event::SoftBreak | Event::HardBreak => self.inline_text("\n", range),
            Event::Html(text) | Event::InlineHtml(text) => self.inline_text(text, range),
            Event::Rule => {
                self.block_border(range.start);
                self.build.open(Node::Rule);
                self.build.close();
            }
            // Not enabled; kept readable should a later version send them.
            _ => self.inline_text(&self.source[range.clone()], range),
        }
        self.shown = self.shown.max(match event {
            _ if self.skipping > 0 => range.end,
            // What stands before an item is shown in it.
            Event::Start(Tag::Item) => return,
            Event::Start(_) => range.start,
            _ => range.end,
        });
    }

    fn start_block(&mut self, tag: &'a Tag<'a>, range: &Range<usize>) {
        self.block_border(range.start);
        if is_container(tag) && self.build.depth() + 2 > MAX_DEPTH {
            self.build.open(Node::Paragraph);
            self.build.text(self.source[range.clone()].trim_end());
            self.build.close();
            self.skipping = 1;
            return;
        }
        match tag {
            Tag::Heading { level, .. } => self.build.open(Node::Heading(*level as u8)),
            Tag::BlockQuote(_) => self.build.open(Node::Quote),
            Tag::CodeBlock(kind) => self.start_code(kind),
            Tag::List(start) => {
                self.numbers.push(start.map(|start| (start, start)));
                self.build.open(Node::List(*start));
            }
            Tag::Item => self.start_item(range),
            Tag::Table(_) => self.build.open(Node::Table),
            Tag::TableHead => self.build.open(Node::Header),
            Tag::TableRow => self.build.open(Node::Row),
            Tag::TableCell => self.build.open(Node::Cell),
            _ => self.build.open(Node::Paragraph),
        }
    }

    /// Opens a code block. Only the first word after the fence can name a language; further words
    /// are often the author's first line.
    fn start_code(&mut self, kind: &'a CodeBlockKind<'a>) {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.trim(),
            CodeBlockKind::Indented => "",
        };
        let (lang, rest) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
        let lang = (!lang.is_empty()).then_some(Cow::Borrowed(lang));
        self.build.open(Node::CodeBlock(lang));
        if !rest.is_empty() {
            self.build.text(rest.trim_start());
            self.build.text("\n");
        }
    }

    /// Opens an item, in a new list where its number neither follows nor repeats the last one:
    /// CommonMark would renumber it, and "2." and "4." would come out as 2 and 3.
    fn start_item(&mut self, range: &Range<usize>) {
        if let Some(Some((next, last))) = self.numbers.last_mut() {
            let digits = self.source[range.clone()].trim_start();
            let end = digits.find(|c: char| !c.is_ascii_digit());
            let typed = digits[..end.unwrap_or(digits.len())].parse();
            let typed = typed.unwrap_or(*next);
            if typed != *next && typed != *last && typed != last.saturating_add(1) {
                self.build.close();
                self.build.open(Node::List(Some(typed)));
                *next = typed;
            }
            *last = typed;
            *next = next.saturating_add(1);
        }
        self.build.open(Node::Item);
    }

    fn start_inline(&mut self, tag: &'a Tag<'a>, range: &Range<usize>) {
        self.imply(range);
        if self.build.depth() + 1 > MAX_DEPTH {
            self.build.text(&self.source[range.clone()]);
            self.skipping = 1;
            return;
        }
        match tag {
            Tag::Strong => self.build.open(Node::Strong),
            Tag::Strikethrough => self.build.open(Node::Strike),
            Tag::Link {
                link_type,
                dest_url,
                title,
                ..
            }
            | Tag::Image {
                link_type,
                dest_url,
                title,
                ..
            } => {
                let href: Cow<'a, str> = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}").into(),
                    _ => Cow::Borrowed(dest_url),
                };
                self.titles.push(title.to_string());
                self.build.open(Node::Link(href));
            }
            // Emphasis, and what is not enabled.
            _ => self.build.open(Node::Emphasis),
        }
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Item | TagEnd::List(_) | TagEnd::BlockQuote(_) => self.block_border(range.end),
            TagEnd::TableRow | TagEnd::TableHead => self.excess_cells(range),
            TagEnd::CodeBlock => self.build.end_code(),
            _ => {}
        }
        if let TagEnd::List(_) = tag {
            self.numbers.pop();
        }
        self.build.close();
        if let TagEnd::List(_) = tag {
            self.gap(range.end);
        }
        if let TagEnd::Link | TagEnd::Image = tag
            && let Some(title) = self.titles.pop()
            && !title.is_empty()
        {
            self.build.text(&format!(" “{title}”"));
        }
    }

    fn inline_text(&mut self, text: &str, range: &Range<usize>) {
        self.imply(range);
        self.build.text(text);
    }

    /// A character reference as it was typed; any other text as it was read.
    fn as_typed<'t>(&self, text: &'t str, range: &Range<usize>) -> &'t str
    where
        'a: 't,
    {
        let typed = &self.source[range.clone()];
        let reference = typed.starts_with('&') && typed.ends_with(';') && typed != text;
        if reference && !matches!(self.build.top(), Node::CodeBlock(_)) {
            return typed;
        }
        text
    }

    /// Before text: opens a paragraph if none of the open nodes can hold text.
    fn imply(&mut self, range: &Range<usize>) {
        if matches!(self.build.top(), Node::Quote | Node::Item) {
            self.gap(range.start);
            self.build.open(Node::Paragraph);
            self.implied = true;
        }
    }

    /// Before a block begins or its container ends: closes an implied paragraph.
    fn block_border(&mut self, at: usize) {
        if self.implied {
            self.build.close();
            self.implied = false;
        }
        self.gap(at);
    }

    /// Shows what lies between two blocks: link definitions nobody uses.
    fn gap(&mut self, until: usize) {
        if !matches!(self.build.top(), Node::Quote | Node::Item) || until <= self.shown {
            return;
        }
        let range = self.shown..until;
        self.shown = until;
        let lines = kept::definitions(self.source, range, &self.used);
        if !lines.is_empty() {
            self.build.open(Node::Paragraph);
            self.build.text(&lines.join("\n"));
            self.build.close();
        }
    }

    /// Shows the cells of a row that has more than its table's header.
    fn excess_cells(&mut self, row: &Range<usize>) {
        let rest = self.source.get(self.shown..row.end).unwrap_or("");
        for cell in kept::cells(rest) {
            self.build.open(Node::Cell);
            self.build.text(cell);
            self.build.close();
        }
    }
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::Superscript
            | Tag::Subscript
    )
}

fn is_container(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::BlockQuote(_) | Tag::List(_) | Tag::Item)
}
