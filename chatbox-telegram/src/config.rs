//! The settings as the adapter uses them: checked once, before anything is sent.
//!
//! It owns the shape of a token and the rule of where requests may go. It never speaks to Telegram.

use crate::address;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

/// Where the Bot API is unless told otherwise.
pub const DEFAULT_API_BASE: &str = "https://api.telegram.org";

/// The settings as written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// The Bot API server, for those who run their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_base: Option<String>,
}

/// Everything the adapter needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The Bot API server.
    pub api_base: Url,
    /// The bot's token.
    pub token: Secret,
    /// Where requests may go.
    pub egress: Egress,
    /// How long the server holds a `getUpdates` open when there is nothing to say.
    pub poll: Duration,
    /// How much longer than that we wait before we call the connection dead.
    pub poll_grace: Duration,
    /// How long any other request may take. Uploads get more with their size.
    pub request: Duration,
    /// The first wait after another poller was met (409); doubles up to a minute.
    pub conflict_wait: Duration,
}

impl Config {
    /// Checks settings and token. `egress` is what the house allows; a private `api_base` that is named outright is
    /// allowed by naming it.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what to change and holds no part of the token.
    pub fn new(api_base: Option<&str>, token: &Secret, egress: Egress) -> Result<Self> {
        let token = token.expose().trim();
        check_token(token)?;
        let base = api_base.unwrap_or(DEFAULT_API_BASE);
        let api_base = parse_base(base)?;
        let named_private = address::is_named_private(&api_base);
        let egress = if named_private {
            Egress::Private
        } else {
            egress
        };
        if named_private {
            // A name is looked at when it is resolved.
            chatbox_connector_api::kit::egress::check(&api_base, egress)?;
        }
        if api_base.scheme() == "http" && egress == Egress::Public {
            return Err(invalid(
                "`api_base` is plain http: the token would cross the internet in the open; use https",
            ));
        }
        Ok(Self {
            api_base,
            token: Secret::new(token),
            egress,
            poll: Duration::from_secs(25),
            poll_grace: Duration::from_secs(10),
            request: Duration::from_secs(20),
            conflict_wait: Duration::from_secs(25),
        })
    }

    /// The bot's number, which is the first half of its token.
    pub fn bot_id(&self) -> i64 {
        let digits = self.token.expose().split(':').next();
        digits
            .and_then(|digits| digits.parse().ok())
            .expect("the token's shape was checked")
    }
}

fn parse_base(base: &str) -> Result<Url> {
    let url = Url::parse(base)
        .map_err(|error| invalid(format!("`api_base` is not a web address: {error}")))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !plain || !anonymous {
        return Err(invalid(
            "`api_base` must be like https://host or https://host/path, without a query or a password",
        ));
    }
    Ok(url)
}

/// Whether the text can be a bot token at all. What Telegram thinks of it is for `probe` to find out.
fn check_token(token: &str) -> Result<()> {
    if let Some(other) = someone_elses(token) {
        return Err(invalid(format!(
            "this is {other}, not a Telegram bot token; a bot token comes from @BotFather and looks like 123456789:AA…"
        )));
    }
    let good = token.split_once(':').is_some_and(|(id, key)| {
        let number = (5..=16).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        number && (8..=80).contains(&key.len()) && key.bytes().all(word)
    });
    if good {
        return Ok(());
    }
    Err(invalid(
        "this does not look like a Telegram bot token: it is a number, a colon and about 35 letters, digits, - or _",
    ))
}

/// Whose credential it looks like, for those that are often mixed up.
fn someone_elses(token: &str) -> Option<&'static str> {
    let lower = token.to_ascii_lowercase();
    if ["xoxb-", "xoxp-", "xapp-", "xoxe"]
        .iter()
        .any(|p| lower.starts_with(p))
    {
        return Some("a Slack token");
    }
    if lower.starts_with("sk-") {
        return Some("a model provider's key");
    }
    if lower.starts_with("http://") || lower.starts_with("https://") || lower.contains("t.me/") {
        return Some("a web address");
    }
    if token.starts_with('@') {
        return Some("a user name");
    }
    if !token.contains(':') && token.split('.').count() == 3 {
        return Some("a Discord token");
    }
    None
}

fn invalid(sentence: impl Into<String>) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456789:AAcanaryAAcanaryAAcanaryAAcanaryAAc";

    fn config(base: Option<&str>, token: &str, egress: Egress) -> Result<Config> {
        Config::new(base, &Secret::new(token), egress)
    }

    #[test]
    fn a_token_from_botfather_is_taken() {
        let config = config(None, &format!(" {TOKEN}\n"), Egress::Public).expect("a good token");
        assert_eq!(config.bot_id(), 123_456_789);
        assert_eq!(config.api_base.as_str(), "https://api.telegram.org/");
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn other_credentials_are_named_and_never_repeated() {
        let cases = [
            ("xoxb-canary-canary", "Slack"),
            ("sk-canarycanary", "model provider"),
            ("MTcanary.canary.canary", "Discord"),
            ("@canary_bot", "user name"),
            ("https://t.me/canary", "web address"),
            ("123456789:canary", "does not look like"),
            (
                "bot123456789:AAcanaryAAcanaryAAcanaryAAcanaryAAc",
                "does not look like",
            ),
            ("", "does not look like"),
        ];
        for (token, word) in cases {
            let error = config(None, token, Egress::Public).expect_err(token);
            assert_eq!(error.kind(), &ErrorKind::Invalid);
            assert!(error.to_string().contains(word), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_private_server_is_allowed_by_naming_it() {
        let named = config(Some("http://127.0.0.1:8081"), TOKEN, Egress::Public);
        assert_eq!(named.expect("loopback").egress, Egress::Private);
        let localhost = config(Some("http://localhost:8081/x"), TOKEN, Egress::Public);
        assert_eq!(localhost.expect("localhost").egress, Egress::Private);
        let named = config(Some("http://bot-api:8081"), TOKEN, Egress::Private);
        assert_eq!(named.expect("allowed by the house").egress, Egress::Private);
        for bad in [
            "http://example.org",
            "http://bot-api:8081",
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "ftp://example.org",
            "https://user:pw@example.org",
            "https://example.org/?x=1",
            "not an address",
        ] {
            assert!(config(Some(bad), TOKEN, Egress::Public).is_err(), "{bad}");
        }
        let neighbours = config(Some("http://169.254.169.254"), TOKEN, Egress::Private);
        assert!(neighbours.is_err(), "a cloud keeps credentials there");
    }
}
