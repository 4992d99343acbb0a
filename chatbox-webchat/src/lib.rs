//! The web chat of chatbox: one socket, one custom element, no build step.
//!
//! A *native* platform: what is said is a row of the log, and appending the row is the delivery. A browser's socket hands
//! messages in, is told when they are on disk, and reads the log as it grows; whatever it misses it reads later, by log
//! number. [`Webchat`] is both the adapter's factory and the routes of its page.
//!
//! ```no_run
//! # use chatbox_webchat::{Visitor, Visitors, Webchat};
//! # use axum::http::HeaderMap;
//! # #[derive(Debug)] struct Owner;
//! # #[async_trait::async_trait] impl Visitors for Owner {
//! #     async fn redeem(&self, _: &str) -> Option<Visitor> { None }
//! #     async fn ticket(&self, _: &HeaderMap) -> Option<String> { None }
//! #     async fn known(&self, _: &HeaderMap) -> Option<Visitor> { None }
//! # }
//! let webchat = Webchat::new(std::sync::Arc::new(Owner));
//! let app: axum::Router = webchat.routes();
//! // `webchat` is also the `AdapterFactory` the house builds its connection with.
//! ```
//!
//! The wire is described in `docs/webchat-protocol.md`.

mod adapter;
mod assets;
mod config;
mod error;
mod fragments;
mod hub;
mod inbound;
mod outbound;
mod pace;
mod reader;
mod routes;
mod seat;
mod socket;
mod upload;
mod visitors;

pub use assets::{CONTENT_SECURITY_POLICY, login_page};
pub use config::{Config, Limits};
pub use visitors::{PLATFORM, Visitor, Visitors, Webchat};
