//! What most adapters need and none should write again: a careful HTTP client, where it may go, and what an answer
//! means.
//!
//! Nothing here retries, logs or keeps state; an error that leaves this module names no address, because many
//! platforms put the credential into it.

pub mod claimed;
pub mod egress;
pub mod http;
pub mod lines;
pub mod quarantine;
pub mod reactions;
pub mod repair;
pub mod retry_after;
pub mod status;
pub mod styled;
