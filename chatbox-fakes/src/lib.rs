//! Servers that stand in for a chat platform and for AI models, over real HTTP.
//!
//! Each is an independent reading of the public wire: nothing here uses a chatbox crate, so a mistake made there
//! cannot hide behind the same mistake made here. Each is first proven with clients written by others
//! (`proof/run.py`) and only then trusted to prove ours.
//!
//! - [`discord`]: the REST API and the gateway, with people who write, faults on demand and a record.
//! - [`telegram`]: a Bot API server with people who write, faults on demand and a full record of what the bot did.
//! - [`slack`]: the Web API and Socket Mode, with people who write, faults on demand and a record.
//! - [`signal`]: a signal-cli daemon over TCP, inside a test only.
//! - [`model`]: one server with the OpenAI-compatible, Anthropic and Ollama wires, scripted per request.
//!
//! All can be started inside a test, and all but Signal's as the `chatbox-fakes` program, driven over HTTP below `/_control/`.

pub mod discord;
mod http;
pub mod model;
pub mod signal;
pub mod slack;
pub mod telegram;
