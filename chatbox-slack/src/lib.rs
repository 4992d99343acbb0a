//! The Slack adapter of chatbox.
//!
//! ```text
//!  events <── inbound <── link ───────────── websocket (Socket Mode)
//!                ├─────── ingress ── webhook (requests to an address of ours)
//!                └─────── history ──┐
//!  verbs  ──> outbound ── upload ── client ── Web API
//! ```
//!
//! One connection is one stream. An event is acknowledged once it is on disk, and only then; what was said while nobody was
//! connected is read from the conversations' history, before what is said now. A channel, each of its threads, and a direct
//! conversation are chats; within a direct conversation a thread is a reply. Nobody is called by what an agent says, and links
//! get no previews.
//!
//! Events come over a socket of ours, to an address of ours, or both: what comes twice is stored once.
//!
//! [`Slack`] describes the platform and builds adapters; [`SlackAdapter`] is one app in one workspace.
//!
//! ```
//! use chatbox_connector_api::secret::Secret;
//! use chatbox_connector_api::{AdapterFactory, Egress};
//! use chatbox_slack::{Config, Slack};
//!
//! assert_eq!(Slack.manifest().secrets[0].env, "CHATBOX_SLACK_BOT_TOKEN");
//!
//! // Tokens are checked before anything is sent anywhere.
//! let (bot, app) = (Secret::new("xoxb-0000"), Secret::new("xapp-0000"));
//! assert!(Config::new(None, &bot, &app, Egress::Public).is_ok());
//! let refused = Config::new(None, &app, &bot, Egress::Public).unwrap_err();
//! assert!(refused.to_string().starts_with("this is an app-level token"));
//! ```

mod adapter;
mod client;
mod config;
mod emoji;
mod error;
mod factory;
mod history;
mod inbound;
mod ingress;
mod link;
mod outbound;
mod upload;
mod webhook;

pub use adapter::SlackAdapter;
pub use config::{Config, DEFAULT_API_BASE};
pub use factory::Slack;
