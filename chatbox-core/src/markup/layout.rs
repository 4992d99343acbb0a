//! Walks a tree once and lays it out flat.

use std::borrow::Cow;

use super::{
    build::Node,
    flat::{Entry, Flat, Leaf, Rank, Run, RunKind},
    tree::{Block, Inline, Markup},
};

/// The tree as one string with ranges.
pub(super) fn lay_out(markup: &Markup) -> Flat<'_> {
    let mut layout = Layout {
        flat: Flat::default(),
        at: None,
        rank: Rank::Block,
    };
    for block in &markup.0 {
        layout.top_block(block);
    }
    layout.flat
}

/// The layout so far, and where in the tree it is.
#[derive(Debug)]
struct Layout<'a> {
    flat: Flat<'a>,
    at: Option<usize>,
    /// What a cut before the next leaf is worth.
    rank: Rank,
}

impl<'a> Layout<'a> {
    fn top_block(&mut self, block: &'a Block) {
        self.block(block);
        if !matches!(block, Block::Heading { .. }) {
            self.rank = Rank::Block;
        }
    }

    fn block(&mut self, block: &'a Block) {
        match block {
            Block::Paragraph(content) => self.leaf(Node::Paragraph, content),
            Block::Heading { level, content } => {
                self.leaf(Node::Heading(*level), content);
                self.rank = Rank::Line;
            }
            Block::Code { lang, text } => {
                let lang = lang.as_deref().map(Cow::Borrowed);
                self.bare_leaf(Node::CodeBlock(lang), text);
            }
            Block::Quote(blocks) => self.within(Node::Quote, 0, |this| this.blocks(blocks)),
            Block::List { start, items } => self.within(Node::List(*start), 0, |this| {
                for (nth, item) in items.iter().enumerate() {
                    this.item(nth as u64, item);
                }
            }),
            Block::Table { header, rows } => self.within(Node::Table, 0, |this| {
                if !header.is_empty() {
                    this.row(Node::Header, header);
                }
                for row in rows {
                    this.row(Node::Row, row);
                }
            }),
            Block::Rule => self.bare_leaf(Node::Rule, ""),
        }
    }

    fn blocks(&mut self, blocks: &'a [Block]) {
        for block in blocks {
            self.block(block);
        }
    }

    fn item(&mut self, nth: u64, blocks: &'a [Block]) {
        self.within(Node::Item, nth, |this| {
            if blocks.is_empty() {
                this.end_leaf(false);
            }
            this.blocks(blocks);
        });
    }

    fn row(&mut self, node: Node<'a>, cells: &'a [Vec<Inline>]) {
        self.within(node, 0, |this| {
            for cell in cells {
                this.leaf(Node::Cell, cell);
                this.rank = Rank::Line;
            }
        });
        self.rank = Rank::Inner;
    }

    fn leaf(&mut self, node: Node<'a>, content: &'a [Inline]) {
        self.within(node, 0, |this| {
            this.inlines(content);
            this.end_leaf(false);
        });
    }

    /// A leaf with plain text: a code block, a rule.
    fn bare_leaf(&mut self, node: Node<'a>, text: &str) {
        self.within(node, 0, |this| {
            this.text(text);
            this.end_leaf(true);
        });
    }

    fn end_leaf(&mut self, code: bool) {
        let end = self.flat.len();
        let start = self.flat.leaves.last().map_or(0, |leaf| leaf.range.end);
        let kind = if end == start {
            RunKind::Blank
        } else {
            RunKind::End
        };
        self.run("\n", kind);
        self.flat.leaves.push(Leaf {
            range: start..end + 1,
            rank: self.rank,
            code,
        });
        self.rank = Rank::Inner;
    }

    fn inlines(&mut self, inlines: &'a [Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) => self.text(text),
                Inline::Break => self.text("\n"),
                Inline::Strong(content) => self.style(Node::Strong, content),
                Inline::Emphasis(content) => self.style(Node::Emphasis, content),
                Inline::Strike(content) => self.style(Node::Strike, content),
                Inline::Code(text) => self.within(Node::Code, 0, |this| this.text(text)),
                Inline::Link { href, content } if content.is_empty() => {
                    self.within(Node::Link(Cow::Borrowed(href)), 0, |this| this.text(href));
                }
                Inline::Link { href, content } => {
                    self.style(Node::Link(Cow::Borrowed(href)), content);
                }
            }
        }
    }

    fn style(&mut self, node: Node<'a>, content: &'a [Inline]) {
        self.within(node, 0, |this| this.inlines(content));
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.run(text, RunKind::Text);
        }
    }

    fn run(&mut self, text: &str, kind: RunKind) {
        let start = self.flat.len();
        self.flat.text.push_str(text);
        let range = start..self.flat.len();
        let node = self
            .at
            .expect("runs lie within a leaf, and a leaf is a node");
        self.flat.runs.push(Run { range, node, kind });
    }

    /// Lays out `inside` as the content of a new node.
    fn within(&mut self, node: Node<'a>, nth: u64, inside: impl FnOnce(&mut Self)) {
        let outer = self.at;
        let id = self.flat.entries.len();
        let start = self.flat.len();
        self.flat.entries.push(Entry {
            node,
            parent: outer,
            range: start..start,
            nth,
        });
        self.at = Some(id);
        inside(self);
        self.flat.entries[id].range.end = self.flat.len();
        self.at = outer;
    }
}
