//! chatbox in one binary: transport and wiring around [`chatbox_core`], and nothing that decides.

mod adding;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod compose;
pub mod config;
#[cfg(feature = "connector")]
pub mod connector;
pub mod database;
pub mod doctor;
pub mod failure;
pub mod feed;
mod gauges;
pub mod http;
pub mod mcp;
pub mod media;
pub mod nodes;
pub mod paths;
mod placeholder;
mod records;
mod reseal;
pub mod serve;
#[cfg(feature = "otel")]
mod telemetry;
pub mod tidings;
mod vault;
pub mod webhook;
