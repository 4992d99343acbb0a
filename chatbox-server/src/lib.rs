//! chatbox in one binary: transport and wiring around [`chatbox_core`], and nothing that decides.

pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod compose;
pub mod config;
pub mod doctor;
pub mod failure;
pub mod feed;
pub mod http;
pub mod mcp;
pub mod media;
pub mod nodes;
pub mod paths;
mod placeholder;
pub mod serve;
pub mod tidings;
mod vault;
pub mod webhook;
