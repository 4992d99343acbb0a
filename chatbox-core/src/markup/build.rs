//! Builds a tidy tree from a flat sequence of "open", "text", "close".
//!
//! Both the parser and the splitter speak in such sequences, so the rules of a tidy tree live here
//! once: no empty wrappers, no style within itself, no link within a link.

use std::borrow::Cow;

use super::tree::{Block, Inline, Markup, push_text};

/// What can be opened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    Paragraph,
    Heading(u8),
    CodeBlock(Option<Cow<'a, str>>),
    Quote,
    List(Option<u64>),
    Item,
    Table,
    Header,
    Row,
    Cell,
    Rule,
    Strong,
    Emphasis,
    Strike,
    Code,
    Link(Cow<'a, str>),
}

/// An open node with what it holds so far. Which field is used follows from the node.
#[derive(Debug)]
struct Frame<'a> {
    node: Node<'a>,
    /// A wrapper that adds nothing (a style within itself, a link within a link): its content
    /// goes to its parent as it is.
    hollow: bool,
    blocks: Vec<Block>,
    inlines: Vec<Inline>,
    text: String,
    items: Vec<Vec<Block>>,
    header: Vec<Vec<Inline>>,
    rows: Vec<Vec<Vec<Inline>>>,
    cells: Vec<Vec<Inline>>,
}

impl<'a> Frame<'a> {
    fn new(node: Node<'a>, hollow: bool) -> Self {
        Self {
            node,
            hollow,
            blocks: Vec::new(),
            inlines: Vec::new(),
            text: String::new(),
            items: Vec::new(),
            header: Vec::new(),
            rows: Vec::new(),
            cells: Vec::new(),
        }
    }
}

impl Frame<'_> {
    /// True for a wrapper around nothing. Items, rows and cells keep their place when empty, a
    /// fence is a fence, and a link can show its address.
    fn is_empty(&self) -> bool {
        match &self.node {
            Node::Paragraph | Node::Heading(_) | Node::Strong | Node::Emphasis | Node::Strike => {
                self.inlines.is_empty()
            }
            Node::Quote => self.blocks.is_empty(),
            Node::List(_) => self.items.is_empty(),
            Node::Table => self.header.is_empty() && self.rows.is_empty(),
            Node::Code => self.text.is_empty(),
            Node::Link(href) => self.inlines.is_empty() && href.is_empty(),
            Node::CodeBlock(_)
            | Node::Item
            | Node::Header
            | Node::Row
            | Node::Cell
            | Node::Rule => false,
        }
    }
}

/// Collects opened nodes and text. The root is a quote nobody sees.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    root: Frame<'a>,
    stack: Vec<Frame<'a>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new() -> Self {
        Self {
            root: Frame::new(Node::Quote, false),
            stack: Vec::new(),
        }
    }

    /// How many nodes are open.
    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// The innermost open node; the root counts as a quote.
    pub(super) fn top(&self) -> &Node<'a> {
        &self.stack.last().unwrap_or(&self.root).node
    }

    pub(super) fn open(&mut self, node: Node<'a>) {
        let hollow = match &node {
            Node::Strong | Node::Emphasis | Node::Strike => {
                self.stack.iter().any(|frame| frame.node == node)
            }
            Node::Link(href) => href.is_empty() || self.in_link(),
            _ => false,
        };
        self.stack.push(Frame::new(node, hollow));
    }

    /// Adds text to the innermost open node.
    pub(super) fn text(&mut self, text: &str) {
        let frame = self.stack.last_mut().unwrap_or(&mut self.root);
        match frame.node {
            Node::Code | Node::CodeBlock(_) => frame.text.push_str(text),
            _ => push_text(&mut frame.inlines, text),
        }
    }

    /// Drops the line feed that ends a code block's last line.
    pub(super) fn end_code(&mut self) {
        if let Some(frame) = self.stack.last_mut()
            && frame.text.ends_with('\n')
        {
            frame.text.pop();
        }
    }

    /// Closes the innermost open node and hands it to its parent.
    pub(super) fn close(&mut self) {
        let Some(mut frame) = self.stack.pop() else {
            return;
        };
        if matches!(frame.node, Node::Paragraph | Node::Heading(_) | Node::Cell) {
            while frame.inlines.last() == Some(&Inline::Break) {
                frame.inlines.pop();
            }
        }
        let parent = self.stack.last_mut().unwrap_or(&mut self.root);
        if frame.is_empty() {
            return;
        }
        if frame.hollow {
            dissolve(parent, frame);
        } else {
            attach(parent, frame);
        }
    }

    pub(super) fn finish(mut self) -> Markup {
        while !self.stack.is_empty() {
            self.close();
        }
        Markup(self.root.blocks)
    }

    fn in_link(&self) -> bool {
        self.stack
            .iter()
            .any(|frame| matches!(frame.node, Node::Link(_)))
    }
}

/// Hands a finished node to its parent, in the place the parent keeps for its kind.
fn attach<'a>(parent: &mut Frame<'a>, frame: Frame<'a>) {
    match frame.node {
        Node::Paragraph => parent.blocks.push(Block::Paragraph(frame.inlines)),
        Node::Heading(level) => parent.blocks.push(Block::Heading {
            level,
            content: frame.inlines,
        }),
        Node::CodeBlock(lang) => parent.blocks.push(Block::Code {
            lang: lang.map(Cow::into_owned),
            text: frame.text,
        }),
        Node::Quote => parent.blocks.push(Block::Quote(frame.blocks)),
        Node::List(start) => parent.blocks.push(Block::List {
            start,
            items: frame.items,
        }),
        Node::Item => parent.items.push(frame.blocks),
        Node::Table => parent.blocks.push(Block::Table {
            header: frame.header,
            rows: frame.rows,
        }),
        Node::Header => parent.header = frame.cells,
        Node::Row => parent.rows.push(frame.cells),
        Node::Cell => parent.cells.push(frame.inlines),
        Node::Rule => parent.blocks.push(Block::Rule),
        Node::Code => parent.inlines.push(Inline::Code(frame.text)),
        Node::Strong => parent.inlines.push(Inline::Strong(frame.inlines)),
        Node::Emphasis => parent.inlines.push(Inline::Emphasis(frame.inlines)),
        Node::Strike => parent.inlines.push(Inline::Strike(frame.inlines)),
        Node::Link(href) => {
            let mut content = frame.inlines;
            if content.is_empty() {
                push_text(&mut content, &href);
            }
            let href = href.into_owned();
            parent.inlines.push(Inline::Link { href, content });
        }
    }
}

/// Gives a hollow wrapper's content to its parent. A link within a link keeps its address as text,
/// for no wire can nest links and no text may be lost.
fn dissolve<'a>(parent: &mut Frame<'a>, frame: Frame<'a>) {
    let said = matches!(&frame.inlines[..], [Inline::Text(text)] if matches!(&frame.node, Node::Link(href) if href == text));
    let silent = frame.inlines.is_empty();
    for inline in frame.inlines {
        match inline {
            Inline::Text(text) => push_text(&mut parent.inlines, &text),
            other => parent.inlines.push(other),
        }
    }
    if let Node::Link(href) = &frame.node
        && !said
        && !href.is_empty()
    {
        let note = if silent {
            href.to_string()
        } else {
            format!(" ({href})")
        };
        push_text(&mut parent.inlines, &note);
    }
}
