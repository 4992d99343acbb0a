//! What the benchmarks are made of: clients that cost little, processes to measure, and the sums afterwards.
//!
//! Every figure stands beside a limit: a program of `limits/` that does the same with nothing around it, measured in
//! turn with ours on the same machine.

pub mod bot;
pub mod chat;
pub mod context;
pub mod fill;
pub mod hook;
pub mod http;
pub mod load;
pub mod mcp;
pub mod process;
pub mod report;
pub mod stats;
pub mod town;
pub mod vendors;
