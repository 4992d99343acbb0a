//! What an operator may set.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

/// The settings of a Template connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service is.
    pub api_base: Url,
    /// How long the service holds a question for news, in milliseconds.
    pub poll_ms: u64,
    /// How long any other answer may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_base: Url::parse("https://api.template.example/").expect("a constant URL"),
            poll_ms: 25_000,
            timeout_ms: 10_000,
        }
    }
}

impl Config {
    /// How long the service holds a question for news.
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    /// How long a request may take in all.
    pub fn total(&self) -> Duration {
        Duration::from_millis(self.poll_ms + self.timeout_ms)
    }
}
