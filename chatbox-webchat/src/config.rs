//! What can be set: by the operator ([`Config`], a connection's settings) and by whoever embeds the crate ([`Limits`]).

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A web chat connection's settings. Every one has a default.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The largest file a visitor may send, in bytes.
    pub max_upload_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_upload_bytes: 20 * 1024 * 1024,
        }
    }
}

/// The bounds of every socket. The defaults suit a server on the open internet.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a socket may take to say `hello`.
    pub hello_within: Duration,
    /// How often the server pings. A peer that misses two is gone.
    pub ping_every: Duration,
    /// How long one write may be stuck before the peer counts as too slow.
    pub write_within: Duration,
    /// How long a closed socket may take to say goodbye.
    pub linger: Duration,
    /// The most sockets of one visitor.
    pub sockets_per_visitor: usize,
    /// The largest message a client may send, in bytes, however it is fragmented.
    pub frame_bytes: usize,
    /// The longest text of one message, in bytes of UTF-8.
    pub text_bytes: usize,
    /// The most files of one message.
    pub files_per_message: usize,
    /// The most messages of one socket whose fate is not known yet.
    pub in_flight: usize,
    /// The most arrivals waiting for the house, over all sockets.
    pub arrivals: usize,
    /// The most lines waiting for one socket before it reads the log instead.
    pub waiting_lines: usize,
    /// The most uploads at once, over all visitors.
    pub uploads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hello_within: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            write_within: Duration::from_secs(20),
            linger: Duration::from_secs(1),
            sockets_per_visitor: 10,
            frame_bytes: 256 * 1024,
            text_bytes: 200_000,
            files_per_message: 10,
            in_flight: 64,
            arrivals: 1024,
            waiting_lines: 64,
            uploads: 16,
        }
    }
}
