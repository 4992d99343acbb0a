//! The tree: blocks and inlines, as data.
//!
//! It owns the shape and its serialised form, and knows neither CommonMark nor any wire. Trees made
//! by [`parse`](super::parse()), [`literal`] and [`split`](super::split()) are tidy: no empty or
//! doubled wrappers, no link inside a link, neighbouring texts joined, no line feed inside
//! [`Inline::Text`]. Trees from elsewhere may be untidy; every function of this module takes them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A text with its markup: blocks in reading order. Empty means nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Markup(pub Vec<Block>);

/// A piece of text that starts on its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// A title.
    Heading {
        /// 1 (largest) to 6.
        level: u8,
        /// What it says.
        content: Vec<Inline>,
    },
    /// Preformatted text.
    Code {
        /// One word naming the language, as the author wrote it. Not checked against any list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lang: Option<String>,
        /// The text, without the line feed that ends its last line.
        text: String,
    },
    /// Somebody else's words.
    Quote(Vec<Block>),
    /// A list of items.
    List {
        /// The number of the first item; `None` for bullets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        /// The blocks of each item. An item may be empty.
        items: Vec<Vec<Block>>,
    },
    /// A table. Rows may have fewer or more cells than the header.
    Table {
        /// The cells of the title row; empty where there is none (a table continued from an
        /// earlier part).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        header: Vec<Vec<Inline>>,
        /// The cells of each further row.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A line between two thoughts.
    Rule,
}

/// A piece of text within a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inline {
    /// Text as it is.
    Text(String),
    /// Important, usually bold.
    Strong(Vec<Inline>),
    /// Stressed, usually italic.
    Emphasis(Vec<Inline>),
    /// No longer valid, usually struck through.
    Strike(Vec<Inline>),
    /// Preformatted text within a line.
    Code(String),
    /// A link. Images arrive as links to the image.
    Link {
        /// The address as the author wrote it: not validated, any scheme. Whoever renders it
        /// decides which schemes may be followed.
        href: String,
        /// What is shown.
        content: Vec<Inline>,
    },
    /// The line ends here. Soft and hard breaks are one: whoever breaks a line in a chat means it.
    Break,
}

impl Markup {
    /// True when a reader would see nothing: no character but white space, and no rule.
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(blank_block)
    }
}

/// The text as it is, with no character read as markup. Line feeds become [`Inline::Break`],
/// NUL becomes U+FFFD; empty text is an empty tree.
pub fn literal(text: &str) -> Markup {
    let text = tidy(text);
    let mut inlines = Vec::new();
    push_text(&mut inlines, &text);
    if inlines.is_empty() {
        return Markup::default();
    }
    Markup(vec![Block::Paragraph(inlines)])
}

/// One kind of line end, and no NUL (which several platforms and databases refuse).
pub(super) fn tidy(text: &str) -> Cow<'_, str> {
    if !text.contains(['\r', '\0']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(text.replace('\0', "\u{FFFD}"))
}

/// Appends text, turning line feeds into breaks and joining neighbours.
pub(super) fn push_text(inlines: &mut Vec<Inline>, text: &str) {
    for (nth, line) in text.split('\n').enumerate() {
        if nth > 0 {
            inlines.push(Inline::Break);
        }
        if line.is_empty() {
            continue;
        }
        if let Some(Inline::Text(last)) = inlines.last_mut() {
            last.push_str(line);
        } else {
            inlines.push(Inline::Text(line.to_owned()));
        }
    }
}

fn blank_block(block: &Block) -> bool {
    match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => blank_inlines(content),
        Block::Code { text, .. } => blank_text(text),
        Block::Quote(blocks) => blocks.iter().all(blank_block),
        Block::List { items, .. } => items.iter().flatten().all(blank_block),
        Block::Table { header, rows } => header
            .iter()
            .chain(rows.iter().flatten())
            .all(|cell| blank_inlines(cell)),
        Block::Rule => false,
    }
}

/// True when a reader would see nothing of it.
pub(super) fn blank_inlines(inlines: &[Inline]) -> bool {
    inlines.iter().all(|inline| match inline {
        Inline::Text(text) | Inline::Code(text) => blank_text(text),
        Inline::Strong(content) | Inline::Emphasis(content) | Inline::Strike(content) => {
            blank_inlines(content)
        }
        Inline::Link { content, .. } => blank_inlines(content),
        Inline::Break => true,
    })
}

fn blank_text(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}
