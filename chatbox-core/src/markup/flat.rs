//! A tree laid out flat: one string, with the nodes as ranges of it.
//!
//! The splitter cuts at offsets of that string and asks for the tree between two cuts; the time
//! that takes depends on the piece, not on the whole. Every leaf (paragraph, code block, cell …)
//! ends with one line feed of its own, so that cuts between leaves are offsets too and no
//! grapheme cluster reaches over a leaf's end.

use std::ops::Range;

use super::{
    build::{Builder, Node},
    tree::Markup,
};

/// How good a place the start of a leaf is for a cut. Smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Between blocks of the text itself.
    Block,
    /// Between items, rows, or blocks within an item or a quote.
    Inner,
    /// After a heading (which belongs to what follows) or between cells of a row.
    Line,
}

/// A node in its place.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) node: Node<'a>,
    pub(super) parent: Option<usize>,
    pub(super) range: Range<usize>,
    /// Of an item: how many came before it in its list.
    pub(super) nth: u64,
}

/// A stretch of text directly within one node, or the line feed that ends a leaf.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) range: Range<usize>,
    pub(super) node: usize,
    pub(super) kind: RunKind,
}

#[derive(Debug, PartialEq)]
pub(super) enum RunKind {
    Text,
    /// The end of a leaf that held text.
    End,
    /// The end, and all there is, of a leaf without text.
    Blank,
}

/// A stretch that ends with its own line feed.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Including the line feed at its end.
    pub(super) range: Range<usize>,
    pub(super) rank: Rank,
    /// White space within it has meaning.
    pub(super) code: bool,
}

/// The laid-out tree.
#[derive(Debug, Default)]
pub(super) struct Flat<'a> {
    pub(super) text: String,
    pub(super) leaves: Vec<Leaf>,
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) runs: Vec<Run>,
}

impl<'a> Flat<'a> {
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The first offset from `at` on that a piece may begin with: what a cut leaves over at the
    /// start of its second half (the blanks around a word, the end of a leaf) is passed by.
    pub(super) fn trim_start(&self, at: usize) -> usize {
        let Some(leaf) = self.leaf(at) else {
            return at;
        };
        if at == leaf.range.start {
            return at;
        }
        let end = leaf.range.end - 1;
        let rest = &self.text[at..end];
        let blank = if leaf.code {
            0
        } else {
            rest.len() - rest.trim_start().len()
        };
        if at + blank == end {
            leaf.range.end
        } else {
            at + blank
        }
    }

    /// The last offset a piece from `from` to `at` needs to hold: without the blanks, or the line
    /// end, before a cut within a leaf.
    fn trim_end(&self, from: usize, at: usize) -> usize {
        let Some(leaf) = self.leaf(at) else {
            return at;
        };
        let start = leaf.range.start.max(from);
        if at <= start {
            return at;
        }
        let text = &self.text[start..at];
        if leaf.code {
            start + text.strip_suffix('\n').unwrap_or(text).len()
        } else {
            start + text.trim_end().len()
        }
    }

    /// The leaf that holds the byte at `at`.
    fn leaf(&self, at: usize) -> Option<&Leaf> {
        self.leaves.get(self.leaf_index(at))
    }

    /// The index of the leaf that holds the byte at `at`; one past the last at the end.
    pub(super) fn leaf_index(&self, at: usize) -> usize {
        self.leaves.partition_point(|leaf| leaf.range.end <= at)
    }

    /// True where a leaf begins.
    pub(super) fn starts_leaf(&self, at: usize) -> bool {
        self.leaf(at).is_some_and(|leaf| leaf.range.start == at)
    }

    /// The tree between two offsets. Nodes cut in two are whole in both halves, except that the
    /// rest of an item stands without a marker: its number was said.
    pub(super) fn slice(&self, from: usize, to: usize) -> Markup {
        let to = self.trim_end(from, to);
        let mut writer = Writer::new(self, from);
        let first = self.runs.partition_point(|run| run.range.end <= from);
        for run in self.runs[first..]
            .iter()
            .take_while(|run| run.range.start < to)
        {
            match run.kind {
                RunKind::Text => {
                    let range = run.range.start.max(from)..run.range.end.min(to);
                    writer.go_to(run.node);
                    writer.build.text(&self.text[range]);
                }
                RunKind::Blank => writer.go_to(run.node),
                RunKind::End => {}
            }
        }
        writer.build.finish()
    }

    /// The end of the run at `at`, and whether there is text in it.
    pub(super) fn run_end(&self, at: usize) -> (usize, bool) {
        let run = self.runs.partition_point(|run| run.range.end <= at);
        self.runs.get(run).map_or((self.len(), false), |run| {
            (run.range.end, run.kind == RunKind::Text)
        })
    }

    /// The end of the outermost link around `at`.
    pub(super) fn link_end(&self, at: usize) -> Option<usize> {
        let run = self.runs.partition_point(|run| run.range.end <= at);
        let mut next = self.runs.get(run).map(|run| run.node);
        let mut end = None;
        while let Some(node) = next {
            let entry = &self.entries[node];
            if let Node::Link(_) = entry.node {
                end = Some(entry.range.end);
            }
            next = entry.parent;
        }
        end
    }
}

/// Follows the runs of a slice, closing and opening what lies between one and the next.
#[derive(Debug)]
struct Writer<'f, 'a> {
    flat: &'f Flat<'a>,
    build: Builder<'a>,
    from: usize,
    open: Vec<usize>,
    path: Vec<usize>,
}

impl<'f, 'a> Writer<'f, 'a> {
    fn new(flat: &'f Flat<'a>, from: usize) -> Self {
        Self {
            flat,
            build: Builder::new(),
            from,
            open: Vec::new(),
            path: Vec::new(),
        }
    }

    fn go_to(&mut self, node: usize) {
        if self.open.last() == Some(&node) {
            return;
        }
        self.find_path(node);
        let pairs = self.open.iter().zip(&self.path);
        let shared = pairs.take_while(|(open, wanted)| open == wanted).count();
        for _ in shared..self.open.len() {
            self.build.close();
        }
        self.open.truncate(shared);
        for at in shared..self.path.len() {
            let id = self.path[at];
            let node = match &self.flat.entries[id].node {
                Node::List(Some(start)) => {
                    let before = self
                        .path
                        .get(at + 1)
                        .map_or(0, |&item| self.flat.entries[item].nth);
                    Node::List(Some(start.saturating_add(before)))
                }
                node => node.clone(),
            };
            self.build.open(node);
            self.open.push(id);
        }
    }

    /// The nodes around `node`, outermost first, without the items that began before this slice
    /// and the lists around these.
    fn find_path(&mut self, node: usize) {
        self.path.clear();
        let mut next = Some(node);
        let mut cut_list = None;
        while let Some(id) = next {
            let entry = &self.flat.entries[id];
            next = entry.parent;
            let cut = matches!(entry.node, Node::Item) && entry.range.start < self.from;
            if cut {
                cut_list = entry.parent;
            } else if cut_list != Some(id) {
                self.path.push(id);
            }
        }
        self.path.reverse();
    }
}
