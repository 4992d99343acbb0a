//! Gives up markup for which a limit leaves no room.

use super::{
    plain::plain,
    tree::{Block, Inline, Markup, literal},
};

/// What may still be given up to make a piece smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Strictness {
    /// Links, then all markup.
    Styled,
    /// All markup.
    Unlinked,
    /// Nothing: it is literal text already.
    Literal,
}

/// The same text with less markup.
pub(super) fn loosen(piece: &Markup, strictness: Strictness) -> (Markup, Strictness) {
    if strictness == Strictness::Styled {
        let mut looser = piece.clone();
        looser.0.iter_mut().for_each(unlink_block);
        if looser != *piece {
            return (looser, Strictness::Unlinked);
        }
    }
    (literal(&plain(piece)), Strictness::Literal)
}

fn unlink_block(block: &mut Block) {
    match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => unlink(content),
        Block::Quote(blocks) => blocks.iter_mut().for_each(unlink_block),
        Block::List { items, .. } => items.iter_mut().flatten().for_each(unlink_block),
        Block::Table { header, rows } => {
            header.iter_mut().for_each(unlink);
            rows.iter_mut().flatten().for_each(unlink);
        }
        Block::Code { .. } | Block::Rule => {}
    }
}

/// Writes the address of each link behind its text, as [`plain`] does.
fn unlink(inlines: &mut Vec<Inline>) {
    let mut flat = Vec::with_capacity(inlines.len());
    for inline in inlines.drain(..) {
        match inline {
            Inline::Link { href, mut content } => {
                let link = Inline::Link {
                    href: href.clone(),
                    content: content.clone(),
                };
                let shown = plain(&Markup(vec![Block::Paragraph(content.clone())]));
                let noted = plain(&Markup(vec![Block::Paragraph(vec![link])]));
                unlink(&mut content);
                flat.append(&mut content);
                let note = noted.strip_prefix(&shown).unwrap_or(&href);
                flat.push(Inline::Text(note.to_owned()));
            }
            Inline::Strong(mut content) => {
                unlink(&mut content);
                flat.push(Inline::Strong(content));
            }
            Inline::Emphasis(mut content) => {
                unlink(&mut content);
                flat.push(Inline::Emphasis(content));
            }
            Inline::Strike(mut content) => {
                unlink(&mut content);
                flat.push(Inline::Strike(content));
            }
            other => flat.push(other),
        }
    }
    *inlines = flat;
}
