//! The parts of `cargo xtask test`, cheapest first.

mod deny;
mod features;
mod judges;
mod metrics;
mod offline;
pub(crate) mod proof;
mod rust;
pub(crate) mod suites;
mod walls;

use crate::part::Part;
use crate::{channel, rows};

/// All of them, in the order they run.
pub(crate) fn all() -> Vec<Part> {
    let part = |name, about, check| Part { name, about, check };
    vec![
        part("fmt", "every file is formatted", rust::fmt as fn(&_) -> _),
        part("walls", "no crate reaches over a wall", walls::walls),
        part("deny", "dependencies: bans, licences, sources", deny::deny),
        part("clippy", "the linter finds nothing", rust::clippy),
        part(
            "features",
            "each adapter can be left out, and compiles alone",
            features::features,
        ),
        part(
            "tests",
            "unit, property and integration tests",
            suites::tests,
        ),
        part(
            "store",
            "one suite on memory, SQLite and a real PostgreSQL",
            suites::store,
        ),
        part(
            "conformance",
            "every adapter keeps the adapter's contract, as the README shows",
            suites::conformance,
        ),
        part("doc", "examples in the documentation run", rust::doc),
        part(
            "rustdoc",
            "the documentation builds without a warning",
            rust::rustdoc,
        ),
        part(
            "examples",
            "every example runs without a credential",
            suites::examples,
        ),
        part(
            "new-channel",
            "an adapter made from the template compiles",
            channel::part,
        ),
        part(
            "metrics",
            "a live /metrics pleases promtool",
            metrics::metrics,
        ),
        part(
            "fakes",
            "bots and clients of others work with the fakes",
            judges::fakes,
        ),
        part(
            "signal-cli",
            "the Signal adapter and its fake beside a real signal-cli",
            judges::signal_cli,
        ),
        part(
            "mcp",
            "the protocol's own client works with the agents' door, on both wires",
            judges::mcp,
        ),
        part(
            "mcp-conformance",
            "the protocol's conformance suite finds nothing wrong with the agents' door",
            judges::conformance,
        ),
        part(
            "inspector",
            "the protocol's inspector lists and calls tools",
            judges::inspector,
        ),
        part(
            "webhooks",
            "the standard's own libraries verify what a running server posts",
            judges::webhooks,
        ),
        part(
            "hooks",
            "what Slack's own library signs is taken in, and nothing else",
            judges::hooks,
        ),
        part(
            "api",
            "the API is what its document says, whatever is sent",
            judges::api,
        ),
        part(
            "browser",
            "keys typed and answers read in a real browser",
            judges::browser,
        ),
        part(
            "fsync",
            "on disk before answered, 1,000 of 1,000",
            proof::fsync_part,
        ),
        part(
            "offline",
            "installed by one command, it answers where there is no network",
            offline::offline,
        ),
        part(
            "kill",
            "20 kills lose nothing and double nothing",
            proof::kill_part,
        ),
        part(
            "kill-webhook",
            "10 kills between a message's answer and its delivery lose nothing",
            proof::kill_webhook_part,
        ),
        part(
            "sabotage",
            "each broken promise turns a test red",
            proof::sabotage_part,
        ),
        part(
            "rows",
            "requirements called done have tests that ran",
            rows::part,
        ),
    ]
}
