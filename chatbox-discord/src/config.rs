//! The settings as the adapter uses them: checked once, before anything is sent.
//!
//! It owns the shape of a token and the rule of where requests may go. It never speaks to Discord.

use chatbox_connector_api::kit::egress;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// Where Discord is unless told otherwise.
pub const DEFAULT_API_BASE: &str = "https://discord.com";

/// The settings as written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// The server in the place of `https://discord.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_base: Option<String>,
    /// The numbers of the guilds whose messages come in, with commas or spaces between; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_guilds: Option<String>,
    /// Whether to ask for the text of guild messages that are not meant for the bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_content: Option<YesNo>,
}

/// Settings are texts, wherever they are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum YesNo {
    #[serde(rename = "true")]
    Yes,
    #[serde(rename = "false")]
    No,
}

/// Everything the adapter needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The server in the place of `https://discord.com`.
    pub api_base: Url,
    /// The bot's token.
    pub token: Secret,
    /// Where requests may go.
    pub egress: Egress,
    /// The guilds whose messages come in; `None` for all.
    pub allowed_guilds: Option<BTreeSet<u64>>,
    /// Whether the text of all guild messages is asked for, which Discord grants in the developer portal.
    pub message_content: bool,
    /// The longest time between two signs of life. Discord asks for one each 41 s.
    pub heartbeat: Duration,
    /// How long a request may take. Uploads get more with their size.
    pub request: Duration,
    /// How long to wait for the answer to a login, and before one after a session was refused. Discord wants 1 to 5 s.
    pub identify_wait: Duration,
    /// How long after a login a guild is waited for that Discord does not tell of: it is out of order then.
    pub guild_wait: Duration,
}

impl Config {
    /// Checks settings and token. `egress` is what the house allows; a private `api_base` that is named outright is
    /// allowed by naming it.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what to change and holds no part of the token.
    pub fn new(api_base: Option<&str>, token: &Secret, egress: Egress) -> Result<Self> {
        let token = token.expose().trim();
        let token = token.strip_prefix("Bot ").unwrap_or(token);
        check_token(token)?;
        let api_base = parse_base(api_base.unwrap_or(DEFAULT_API_BASE))?;
        let egress = match is_named_private(&api_base) {
            true => Egress::Private,
            false => egress,
        };
        egress::check(&api_base, egress)?;
        if api_base.scheme() == "http" && egress == Egress::Public {
            return Err(invalid(
                "`api_base` is plain http: the token would cross the internet in the open; use https",
            ));
        }
        Ok(Self {
            api_base,
            token: Secret::new(token),
            egress,
            allowed_guilds: None,
            message_content: true,
            heartbeat: Duration::from_secs(42),
            request: Duration::from_secs(20),
            identify_wait: Duration::from_secs(3),
            guild_wait: Duration::from_secs(30),
        })
    }

    /// Takes in the rest of what is written.
    pub(crate) fn with(mut self, written: Written) -> Result<Self> {
        if let Some(guilds) = written.allowed_guilds {
            let number = |guild: &str| {
                guild.parse::<u64>().map_err(|_| {
                    invalid(format!("`allowed_guilds`: {guild:?} is not the number of a guild; copy it with Discord's developer mode on"))
                })
            };
            let guilds = guilds.split([',', ' ']).filter(|it| !it.is_empty());
            let guilds: BTreeSet<u64> = guilds.map(number).collect::<Result<_>>()?;
            if guilds.is_empty() {
                return Err(invalid(
                    "`allowed_guilds` names none; leave it away to hear them all",
                ));
            }
            self.allowed_guilds = Some(guilds);
        }
        self.message_content = written.message_content != Some(YesNo::No);
        Ok(self)
    }

    /// Whether this is Discord itself.
    pub(crate) fn is_public(&self) -> bool {
        self.api_base.as_str().trim_end_matches('/') == DEFAULT_API_BASE
    }
}

fn is_named_private(url: &Url) -> bool {
    let private = |ip: IpAddr| !egress::is_public(ip);
    match url.host() {
        Some(Host::Ipv4(ip)) => private(ip.into()),
        Some(Host::Ipv6(ip)) => private(ip.into()),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn parse_base(base: &str) -> Result<Url> {
    let url = Url::parse(base)
        .map_err(|error| invalid(format!("`api_base` is not a web address: {error}")))?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain || !anonymous {
        return Err(invalid(
            "`api_base` must be like https://host, without a path, a query or a password",
        ));
    }
    Ok(url)
}

/// Whether the text can be a bot token at all. What Discord thinks of it is for `probe` to find out.
fn check_token(token: &str) -> Result<()> {
    let lower = token.to_ascii_lowercase();
    let other = if ["xoxb-", "xoxp-", "xapp-"]
        .iter()
        .any(|it| lower.starts_with(it))
    {
        Some("a Slack token")
    } else if lower.starts_with("http://") || lower.starts_with("https://") {
        Some("a web address")
    } else if token.contains(':') {
        Some("a Telegram token")
    } else if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("an application id")
    } else if token.len() == 32 && !token.contains('.') {
        Some("a client secret")
    } else {
        None
    };
    if let Some(other) = other {
        return Err(invalid(format!(
            "this is {other}, not a Discord bot token; it stands in the developer portal under Bot, Reset Token"
        )));
    }
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let parts: Vec<&str> = token.split('.').collect();
    match parts.len() == 3 && parts.iter().all(|part| word(part)) && token.len() <= 200 {
        true => Ok(()),
        false => Err(invalid(
            "this does not look like a Discord bot token: it is three words with dots between them",
        )),
    }
}

fn invalid(sentence: impl Into<String>) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "MTcanary.canary.canary-canary_canary";

    fn config(base: Option<&str>, token: &str, egress: Egress) -> Result<Config> {
        Config::new(base, &Secret::new(token), egress)
    }

    #[test]
    fn a_token_from_the_portal_is_taken() {
        let config =
            config(None, &format!(" Bot {TOKEN}\n"), Egress::Public).expect("a good token");
        assert!(config.is_public());
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn other_credentials_are_named_and_never_repeated() {
        for (token, word) in [
            ("xoxb-canary-canary", "Slack"),
            ("123456789:canary", "Telegram"),
            ("https://discord.com/canary", "web address"),
            ("123456789012345678", "application id"),
            ("canarycanarycanarycanarycanaryca", "client secret"),
            ("canary.canary", "does not look like"),
            ("", "does not look like"),
        ] {
            let error = config(None, token, Egress::Public).expect_err(token);
            assert_eq!(error.kind(), &ErrorKind::Invalid);
            assert!(error.to_string().contains(word), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_private_server_is_allowed_by_naming_it() {
        let named = config(Some("http://127.0.0.1:8081"), TOKEN, Egress::Public).expect("loopback");
        assert_eq!(named.egress, Egress::Private);
        assert!(!named.is_public());
        for bad in [
            "http://example.org",
            "http://169.254.169.254",
            "https://u:p@example.org",
            "https://example.org/x",
        ] {
            assert!(config(Some(bad), TOKEN, Egress::Public).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_are_texts() {
        let with = |json: &str| {
            let written =
                serde_json::from_str::<Written>(json).map_err(|it| invalid(it.to_string()))?;
            config(None, TOKEN, Egress::Public)?.with(written)
        };
        let usual = with("{}").expect("defaults");
        assert!(usual.message_content && usual.allowed_guilds.is_none());
        let set = with(r#"{"allowed_guilds": "100, 200", "message_content": "false"}"#);
        let set = set.expect("good settings");
        assert_eq!(set.allowed_guilds, Some([100, 200].into()));
        assert!(!set.message_content);
        for (json, word) in [
            (r#"{"allowed_guilds": "a guild"}"#, "developer mode"),
            (r#"{"allowed_guilds": " , "}"#, "names none"),
            (r#"{"message_content": "maybe"}"#, "`true` or `false`"),
        ] {
            let error = with(json).expect_err(json);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
