//! How long a piece is, in the terms of whoever will carry it.
//!
//! A [`Dialect`] is the splitter's only view of a platform. It must not cut, change or send.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::{plain::plain, tree::Markup};

/// Measures a piece of text as a platform will carry it: rendered, in the platform's unit.
///
/// A piece that says more should not measure less; the splitter searches on that assumption.
/// Where a platform bounds something else as well (the number of entities, say), answer with a
/// size above the limit for a piece that breaks that bound.
pub trait Dialect: Debug + Send + Sync {
    /// The size of the rendered piece. Must not fail: a piece that cannot be rendered is
    /// measured as what will be sent in its place.
    fn measure(&self, piece: &Markup) -> usize;
}

/// What a platform counts when it says "at most 4096 characters".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// UTF-16 code units: a character outside the basic plane counts two.
    Utf16,
    /// Unicode scalar values: each `char` counts one.
    Scalar,
    /// Bytes of UTF-8.
    Utf8,
}

impl Unit {
    /// The size of `text` in this unit.
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            // Each scalar has one byte that does not continue another; each scalar of four bytes
            // is a surrogate pair. Counting bytes is far cheaper than decoding.
            Self::Scalar => bytecount(text, |byte| (byte & 0xC0) != 0x80),
            Self::Utf16 => {
                bytecount(text, |byte| (byte & 0xC0) != 0x80) + bytecount(text, |byte| byte >= 0xF0)
            }
        }
    }
}

fn bytecount(text: &str, counts: impl Fn(u8) -> bool) -> usize {
    text.bytes().filter(|&byte| counts(byte)).count()
}

/// A platform without markup: what is sent is [`plain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainDialect {
    /// What the platform counts.
    pub unit: Unit,
}

impl PlainDialect {
    /// Measures plain text in `unit`.
    pub const fn new(unit: Unit) -> Self {
        Self { unit }
    }
}

impl Dialect for PlainDialect {
    fn measure(&self, piece: &Markup) -> usize {
        self.unit.measure(&plain(piece))
    }
}
