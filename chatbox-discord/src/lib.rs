//! The Discord adapter of chatbox.
//!
//! ```text
//!  events <── inbound <── gateway ──────────── websocket
//!                            └── history ──┐
//!  verbs  ──> outbound ── upload ────── client ── REST
//! ```
//!
//! One gateway connection is one stream. It resumes its session behind the last event that is on disk, also after a
//! restart; where the session is gone, what was said meanwhile is read from the channels. Sends carry a key by which
//! Discord recognises a repetition for some minutes; nobody is called by what an agent says, and links get no previews.
//!
//! [`Discord`] describes the platform and builds adapters; [`DiscordAdapter`] is one bot.
//!
//! ```
//! use chatbox_connector_api::secret::Secret;
//! use chatbox_connector_api::{AdapterFactory, Egress};
//! use chatbox_discord::{Config, Discord};
//!
//! assert_eq!(Discord.manifest().secrets[0].env, "CHATBOX_DISCORD_TOKEN");
//!
//! // A token is checked before anything is sent anywhere.
//! let slack = Secret::new("xoxb-0000");
//! let refused = Config::new(None, &slack, Egress::Public).unwrap_err();
//! assert!(refused.to_string().starts_with("this is a Slack token"));
//! ```

mod adapter;
mod client;
mod config;
mod error;
mod factory;
mod gateway;
mod history;
mod inbound;
mod outbound;
mod upload;

pub use adapter::DiscordAdapter;
pub use config::{Config, DEFAULT_API_BASE};
pub use factory::Discord;
