//! Text as chatbox carries it: CommonMark parsed into a small tree.
//!
//! Core owns the [`parse`]r, the tree ([`Markup`]), the readable fallback ([`plain`]) and the
//! [`split`]ter. What a platform writes on its wire belongs to that platform's adapter, which
//! renders the tree and lends core a [`Dialect`] so that pieces are measured as they will be sent.
//! Nothing here awaits, keeps state or knows a platform.
//!
//! ```
//! use chatbox_core::markup::{PlainDialect, Unit, parse, plain, split};
//!
//! let text = parse("Hello **world**, see [the docs](https://example.org).");
//! assert_eq!(plain(&text), "Hello world, see the docs (https://example.org).");
//!
//! let parts = split(&parse("one two three"), &PlainDialect::new(Unit::Scalar), 8);
//! let parts: Vec<String> = parts.iter().map(plain).collect();
//! assert_eq!(parts, ["one two", "three"]);
//! ```

mod border;
mod build;
mod dialect;
mod flat;
mod kept;
mod layout;
mod loosen;
mod parse;
mod plain;
mod split;
mod tree;

pub use dialect::{Dialect, PlainDialect, Unit};
pub use parse::{MAX_DEPTH, parse};
pub use plain::plain;
pub use split::split;
pub use tree::{Block, Inline, Markup, literal};
