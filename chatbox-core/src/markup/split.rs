//! Cuts a text into parts that each fit a limit, measured as they will be sent.
//!
//! The dialect is a black box. Each part is found by measuring trial pieces of about its size, so
//! the work grows with the text and not with its square. Pure: values in, values out.

use super::{
    border,
    dialect::Dialect,
    flat::Flat,
    layout::lay_out,
    loosen::{Strictness, loosen},
    tree::Markup,
};

/// A part is full enough when at most this fraction of the limit is unused.
const SLACK: usize = 32;

/// A link whose address takes at least this much in every part may be written out instead.
const LONG_ADDRESS: usize = 64;

/// Cuts `markup` into parts of which each measures at most `limit` in `dialect`.
///
/// Order is kept and no text is lost, save white space at the cuts. Cuts lie between blocks where
/// possible, else between items, lines, sentences, words and at last grapheme clusters. What is
/// cut in two keeps its markup in both halves: styles, links, quotes, the fence and language of
/// code, the numbers of a list (the rest of a cut item stands without a marker, the next item
/// goes on counting).
///
/// Where one grapheme does not fit with its markup, the markup gives way: a link becomes its text
/// followed by its address, then a stretch of text becomes [`plain`](super::plain()). Where it does not fit even
/// so, it is cut between scalars; a single scalar above the limit is a part of its own and the
/// only kind of part that exceeds it. Parts are never blank, and blank text has no parts.
/// A limit of zero counts as one.
pub fn split(markup: &Markup, dialect: &dyn Dialect, limit: usize) -> Vec<Markup> {
    let mut parts = Vec::new();
    cut(
        markup,
        Strictness::Styled,
        dialect,
        limit.max(1),
        &mut parts,
    );
    parts
}

fn cut(
    markup: &Markup,
    strictness: Strictness,
    dialect: &dyn Dialect,
    limit: usize,
    parts: &mut Vec<Markup>,
) {
    let flat = lay_out(markup);
    let mut cutter = Cutter {
        flat: &flat,
        dialect,
        limit,
        density: 1.0,
    };
    let mut from = 0;
    loop {
        from = flat.trim_start(from);
        if from >= flat.len() {
            return;
        }
        let (fits, link) = (cutter.fits(from), cutter.costly_link(from));
        match (cutter.choose(from, fits), link) {
            (Some((to, piece)), None) => {
                keep(piece, parts);
                from = to;
            }
            _ if strictness == Strictness::Literal => {
                let to = fits.max(border::ceil_char(&flat.text, from + 1));
                keep(flat.slice(from, to), parts);
                from = to;
            }
            (_, link) => {
                let (end, has_text) = flat.run_end(from);
                let end = link.unwrap_or(end);
                if has_text {
                    let (looser, next) = loosen(&flat.slice(from, end), strictness);
                    cut(&looser, next, dialect, limit, parts);
                }
                from = end;
            }
        }
    }
}

fn keep(piece: Markup, parts: &mut Vec<Markup>) {
    if !piece.is_blank() {
        parts.push(piece);
    }
}

/// Finds one part after another.
#[derive(Debug)]
struct Cutter<'f, 'a> {
    flat: &'f Flat<'a>,
    dialect: &'f dyn Dialect,
    limit: usize,
    /// Bytes of text per unit of size, as the last piece had it.
    density: f64,
}

impl Cutter<'_, '_> {
    fn measure(&self, from: usize, to: usize) -> usize {
        self.dialect.measure(&self.flat.slice(from, to))
    }

    /// About how many bytes of text make up this size, at most all there are: a limit may be beyond every text.
    fn bytes(&self, size: usize) -> usize {
        // Sizes that matter are far below 2^52, and the result is a guess.
        ((size as f64 * self.density) as usize).min(self.flat.len())
    }

    /// The largest offset (nearly) up to which a piece from `from` fits; `from` if none does.
    fn fits(&mut self, from: usize) -> usize {
        let total = self.flat.len();
        let (mut low, mut high) = (from, total + 1);
        let mut guess = from + self.bytes(self.limit) + 1;
        let mut halve = false;
        loop {
            guess = self.within(guess, low, high);
            if guess <= low || guess >= high {
                return low;
            }
            let size = self.measure(from, guess);
            if size > 0 {
                self.density = ((guess - from) as f64 / size as f64).clamp(0.01, 16.0);
            }
            if size <= self.limit {
                low = guess;
                let spare = self.limit - size;
                if low == total || (high <= total && spare <= self.limit / SLACK) {
                    return low;
                }
                let step = self.bytes(spare).min((low - from) * 8) + 1;
                let least = if high > total { (low - from) / 4 } else { 0 };
                guess = low + step.max(least);
            } else {
                high = guess;
                guess = high.saturating_sub(self.bytes(size - self.limit) + 1);
            }
            // A guess by density may creep; every other one halves what is left.
            if halve && high <= total {
                guess = low + (high - low) / 2;
            }
            halve = !halve;
        }
    }

    /// The character border nearest to `guess` strictly between `low` and `high`, or one of these
    /// if there is none.
    fn within(&self, guess: usize, low: usize, high: usize) -> usize {
        let text = &self.flat.text;
        let guess = text.floor_char_boundary(guess.min(high - 1));
        if guess > low {
            guess
        } else {
            border::ceil_char(text, low + 1)
        }
    }

    /// The cut for a piece of which `fits` is the most, and the piece.
    fn choose(&self, from: usize, fits: usize) -> Option<(usize, Markup)> {
        if (from + 1..self.flat.len()).contains(&fits)
            && let Some(cut) = self.before_whole_block(from, fits)
        {
            return Some(cut);
        }
        let mut room = fits;
        while room > from {
            let Some(to) = border::best(self.flat, from, room) else {
                break;
            };
            if let Some(piece) = self.fitting(from, to) {
                return Some((to, piece));
            }
            // The dialect is not quite monotone. Halving keeps a strange one from creeping.
            let half = from + (to - from) / 2;
            room = self.flat.text.floor_char_boundary(half.min(room - 1));
        }
        let bound = border::ceil_char(&self.flat.text, from + self.bytes(self.limit) * 2 + 64);
        let to = border::grapheme_end(&self.flat.text, from, bound);
        self.fitting(from, to).map(|piece| (to, piece))
    }

    fn fitting(&self, from: usize, to: usize) -> Option<Markup> {
        let piece = self.flat.slice(from, to);
        (self.dialect.measure(&piece) <= self.limit).then_some(piece)
    }

    /// A cut between blocks that keeps the next block whole, however little comes before it.
    fn before_whole_block(&self, from: usize, fits: usize) -> Option<(usize, Markup)> {
        let to = border::block_border(self.flat, from, fits)?;
        let bound = to + self.bytes(self.limit) * 5 / 4;
        let end = border::block_end(self.flat, to, bound)?;
        self.fitting(to, end)?;
        self.fitting(from, to).map(|piece| (to, piece))
    }

    /// The end of the link around `from`, if it reaches beyond what can be one part and its
    /// address alone takes most of the room: it would be repeated in every part.
    fn costly_link(&self, from: usize) -> Option<usize> {
        let end = self.flat.link_end(from)?;
        let first = border::grapheme_end(&self.flat.text, from, end);
        let costly = self.measure(from, first) > LONG_ADDRESS.max(self.limit / 2);
        (costly && self.fitting(from, end).is_none()).then_some(end)
    }
}
