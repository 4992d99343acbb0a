//! The Template adapter: people on Template talk with an agent.
//!
//! [`TemplateFactory`] is all that is named elsewhere. Inside, `inbound` and `outbound` translate and touch no socket,
//! `client` speaks to the service, `adapter` joins them, `config` reads settings, `error` says what failures mean.

mod adapter;
mod client;
mod config;
mod error;
mod inbound;
mod outbound;

pub use adapter::TemplateFactory;
pub use config::Config;
