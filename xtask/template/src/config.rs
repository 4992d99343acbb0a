//! What an operator may set.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;
use url::Url;

/// The settings of a Template connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service is.
    pub api_base: Url,
    /// How long the service holds a question for news, in milliseconds.
    #[serde(deserialize_with = "number")]
    pub poll_ms: u64,
    /// How long any other answer may take, in milliseconds.
    #[serde(deserialize_with = "number")]
    pub timeout_ms: u64,
}

/// A number, also as operators write it: settings are texts.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(from)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_a_text() {
        for settings in [r#"{"poll_ms": 7}"#, r#"{"poll_ms": "7"}"#] {
            let config: Config = serde_json::from_str(settings).expect("settings");
            assert_eq!(config.poll(), Duration::from_millis(7));
        }
        let wrong = serde_json::from_str::<Config>(r#"{"poll_ms": "seven"}"#);
        assert!(wrong.is_err());
    }
}
