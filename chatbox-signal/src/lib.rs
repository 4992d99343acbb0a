//! The Signal adapter of chatbox: it speaks the JSON-RPC of a signal-cli daemon.
//!
//! ```text
//!             ┌──────── listen ──── subscribeReceive ──┐
//!  events <── inbound                                  client ── signal-cli ── Signal
//!  verbs  ──> outbound ────────────────────────────────┘
//! ```
//!
//! The daemon is a program of its own (GPL), linked to a Signal account once and started with
//! `--receive-mode manual`: it fetches messages only while somebody subscribes, so what is said while we are away waits
//! with Signal. What it has handed to a connection is gone from it: there is no acknowledgement.
//!
//! [`Signal`] describes the platform and builds adapters; [`SignalAdapter`] is one account; [`Linking`] makes an
//! account out of a QR code.

mod adapter;
mod client;
mod config;
mod error;
mod factory;
mod inbound;
mod link;
mod listen;
mod outbound;

pub use adapter::SignalAdapter;
pub use config::{Config, DEFAULT_ENDPOINT, Endpoint};
pub use factory::Signal;
pub use link::{Link, Linking, Seen};
