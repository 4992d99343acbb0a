//! The one door of an adapter author: the contract of `chatbox-core`, re-exported, and nothing of its engine.

pub use chatbox_core::connector::*;
pub use chatbox_core::{event, id, markup, secret};

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "host")]
pub mod host;
pub mod kit;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(any(feature = "remote", feature = "host"))]
pub mod wire;
