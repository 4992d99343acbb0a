//! The Telegram adapter of chatbox.
//!
//! ```text
//!             ┌──────── poll ─────── getUpdates ──┐
//!  events <── inbound                             client ── Bot API
//!  verbs  ──> outbound ─── upload ────────────────┘
//! ```
//!
//! It long-polls the Bot API and asks for the next batch only when the last one is on disk; it sends text with
//! entities, never with a markup string, and never sends anything twice.
//!
//! [`Telegram`] describes the platform and builds adapters; [`TelegramAdapter`] is one bot.
//!
//! ```
//! use chatbox_connector_api::secret::Secret;
//! use chatbox_connector_api::{AdapterFactory, Egress};
//! use chatbox_telegram::{Config, Telegram};
//!
//! assert_eq!(Telegram.manifest().secrets[0].env, "CHATBOX_TELEGRAM_TOKEN");
//!
//! // A token is checked before anything is sent anywhere.
//! let slack = Secret::new("xoxb-0000");
//! let refused = Config::new(None, &slack, Egress::Public).unwrap_err();
//! assert!(refused.to_string().starts_with("this is a Slack token"));
//! ```

mod adapter;
mod address;
mod client;
mod config;
mod error;
mod factory;
mod inbound;
mod outbound;
mod poll;
mod upload;

pub use adapter::TelegramAdapter;
pub use config::{Config, DEFAULT_API_BASE};
pub use factory::Telegram;
