//! The settings as the adapter uses them: checked once, before anything is sent.
//!
//! It owns the shape of the tokens and the rule of where requests may go. It never speaks to Slack.

use chatbox_connector_api::kit::egress;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// Where Slack is unless told otherwise.
pub const DEFAULT_API_BASE: &str = "https://slack.com";
/// Where the bot's token stands.
const BOT_PLACE: &str = "it begins with xoxb- and stands at https://api.slack.com/apps under OAuth & Permissions, Bot User OAuth Token";
/// Where the app's token stands.
const APP_PLACE: &str = "it begins with xapp- and is made at https://api.slack.com/apps under Basic Information, App-Level Tokens, with the \
     scope connections:write";

/// Where the signing secret stands.
const SIGNING_PLACE: &str = "it stands at https://api.slack.com/apps under Basic Information, App Credentials, Signing Secret";

/// The settings as written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// The server in the place of `https://slack.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_base: Option<String>,
    /// The workspace the tokens must belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) team_id: Option<String>,
}

/// Everything the adapter needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The server in the place of `https://slack.com`.
    pub api_base: Url,
    /// The bot's token: everything but connecting.
    pub bot: Secret,
    /// The app's token: connecting. `None` where Slack only posts to an address of ours.
    pub app: Option<Secret>,
    /// What Slack signs with when it posts to an address of ours. `None` where it does not.
    pub signing: Option<Secret>,
    /// Where requests may go.
    pub egress: Egress,
    /// The workspace the tokens must belong to; `None` for whichever they do.
    pub team: Option<String>,
    /// The longest time between two signs of life. Slack pings about every five seconds.
    pub heartbeat: Duration,
    /// How long a request may take. Uploads get more with their size.
    pub request: Duration,
    /// How long a socket that Slack asked us to leave is still listened to, for what is under way to it. What comes later
    /// is told again over the new one.
    pub leave: Duration,
    /// How long a send whose answer was lost may still be on its way.
    pub settle: Duration,
    /// How often is noted, where Slack posts, that something was heard, and what is safe.
    pub note: Duration,
}

impl Config {
    /// For an app that connects: checks settings and tokens. `egress` is what the house allows; a private `api_base` that is
    /// named outright is allowed by naming it.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what to change and holds no part of a token.
    pub fn new(api_base: Option<&str>, bot: &Secret, app: &Secret, egress: Egress) -> Result<Self> {
        let mut config = Self::of(api_base, bot, egress)?;
        config.app = Some(checked(app, "xapp-", "a Slack app token", APP_PLACE)?);
        Ok(config)
    }

    /// For an app whose events Slack posts to an address of ours, signed with this secret. Checks as [`Config::new`] does.
    ///
    /// # Errors
    /// As [`Config::new`].
    pub fn posted(
        api_base: Option<&str>,
        bot: &Secret,
        signing: &Secret,
        egress: Egress,
    ) -> Result<Self> {
        Self::of(api_base, bot, egress)?.and_posted(signing)
    }

    /// The same app, whose events Slack may post as well.
    ///
    /// # Errors
    /// `Invalid` for what is no signing secret: an empty one would let everybody in.
    pub fn and_posted(mut self, signing: &Secret) -> Result<Self> {
        self.signing = Some(signing_secret(signing)?);
        Ok(self)
    }

    fn of(api_base: Option<&str>, bot: &Secret, egress: Egress) -> Result<Self> {
        let bot = checked(bot, "xoxb-", "a Slack bot token", BOT_PLACE)?;
        let api_base = parse_base(api_base.unwrap_or(DEFAULT_API_BASE))?;
        let egress = match is_named_private(&api_base) {
            true => Egress::Private,
            false => egress,
        };
        egress::check(&api_base, egress)?;
        if api_base.scheme() == "http" && egress == Egress::Public {
            return Err(invalid(
                "`api_base` is plain http: the tokens would cross the internet in the open; use https",
            ));
        }
        Ok(Self {
            api_base,
            bot,
            app: None,
            signing: None,
            egress,
            team: None,
            heartbeat: Duration::from_secs(15),
            request: Duration::from_secs(20),
            leave: Duration::from_secs(1),
            settle: Duration::from_secs(2),
            note: Duration::from_secs(5 * 60),
        })
    }

    /// Takes in the rest of what is written.
    pub(crate) fn with(mut self, written: Written) -> Result<Self> {
        if let Some(team) = &written.team_id {
            let word = team.bytes().all(|b| b.is_ascii_alphanumeric());
            if !(word && team.starts_with(['T', 'E'])) {
                return Err(invalid(format!(
                    "`team_id`: {team:?} is no workspace; it stands in the address of Slack in a browser, app.slack.com/client/T…"
                )));
            }
        }
        self.team = written.team_id;
        Ok(self)
    }
}

fn is_named_private(url: &Url) -> bool {
    let private = |ip: IpAddr| !egress::is_public(ip);
    match url.host() {
        Some(Host::Ipv4(ip)) => private(ip.into()),
        Some(Host::Ipv6(ip)) => private(ip.into()),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn parse_base(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let url = url.ok_or_else(|| {
        invalid("`api_base` is not a web address; it looks like https://slack.com")
    })?;
    if !(url.username().is_empty() && url.password().is_none()) {
        return Err(invalid("`api_base` names a user; leave that out"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "`api_base` is a server's address alone: without /api and without anything behind it",
        ));
    }
    Ok(url)
}

/// A token of this kind. What is something else is named, for that is the usual mistake.
fn checked(token: &Secret, prefix: &str, wanted: &str, place: &str) -> Result<Secret> {
    let token = token.expose().trim();
    let lower = token.to_ascii_lowercase();
    let begins = |with: &str| lower.starts_with(with);
    if begins(prefix) {
        let sound = token.len() <= 400
            && token.len() > prefix.len()
            && token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        return match sound {
            true => Ok(Secret::new(token)),
            false => Err(invalid(format!(
                "this is not all of {wanted}, or more than it: {place}"
            ))),
        };
    }
    let other = kind_of(token)
        .ok_or_else(|| invalid(format!("this does not look like {wanted}: {place}")))?;
    Err(invalid(format!("this is {other}, not {wanted}: {place}")))
}

/// The secret that Slack signs with. What is something else is named.
fn signing_secret(secret: &Secret) -> Result<Secret> {
    let wanted = "a Slack signing secret";
    let secret = secret.expose().trim();
    let sound =
        (16..=128).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    match (sound, kind_of(secret)) {
        (true, _) => Ok(Secret::new(secret)),
        (false, Some(other)) => Err(invalid(format!(
            "this is {other}, not {wanted}: {SIGNING_PLACE}"
        ))),
        (false, None) => Err(invalid(format!(
            "this does not look like {wanted}: {SIGNING_PLACE}"
        ))),
    }
}

/// What a credential looks like.
fn kind_of(token: &str) -> Option<&'static str> {
    let lower = token.to_ascii_lowercase();
    let begins = |with: &str| lower.starts_with(with);
    Some(if begins("xoxb-") {
        "a bot token"
    } else if begins("xapp-") {
        "an app-level token"
    } else if begins("xoxp-") {
        "a user's token"
    } else if begins("xoxe") {
        "a token that is exchanged for others"
    } else if begins("xox") {
        "a token of Slack's own programs"
    } else if begins("http://") || begins("https://") {
        "a web address"
    } else if token.contains(':') {
        "a Telegram token"
    } else if token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit()) {
        "a signing or client secret"
    } else if token.split('.').count() == 3 {
        "a Discord token"
    } else {
        return None;
    })
}

fn invalid(sentence: impl Into<String>) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: &str = "xoxb-0000-0000-canarycanary";
    const APP: &str = "xapp-1-A0-0000-canarycanary";

    fn config(base: Option<&str>, bot: &str, app: &str, egress: Egress) -> Result<Config> {
        Config::new(base, &Secret::new(bot), &Secret::new(app), egress)
    }

    #[test]
    fn tokens_from_slacks_pages_are_taken_and_never_shown() {
        let config = config(None, &format!(" {BOT}\n"), APP, Egress::Public).expect("good");
        assert_eq!(config.bot.expose(), BOT);
        assert!(!format!("{config:?} {config:#?}").contains("canary"));
    }

    #[test]
    fn other_credentials_are_named_and_never_repeated() {
        for (bot, word) in [
            (APP, "app-level token"),
            ("xoxp-canary-1", "user's token"),
            ("xoxe.xoxb-canary", "exchanged"),
            ("123456789:canary", "Telegram"),
            ("https://hooks.slack.com/canary", "web address"),
            ("canary.canary.canary", "Discord"),
            ("ca0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "signing"),
            ("canary", "does not look like"),
            ("", "does not look like"),
            ("xoxb-", "not all of"),
            ("xoxb-canary canary", "not all of"),
        ] {
            let error = config(None, bot, APP, Egress::Public).expect_err(bot);
            assert_eq!(error.kind(), &ErrorKind::Invalid);
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains("OAuth & Permissions"), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let swapped = config(None, BOT, BOT, Egress::Public).expect_err("no app token");
        assert!(swapped.to_string().contains("a bot token"), "{swapped}");
        assert!(swapped.to_string().contains("connections:write"));
    }

    #[test]
    fn a_private_server_is_allowed_by_naming_it() {
        let named = config(Some("http://127.0.0.1:8081"), BOT, APP, Egress::Public);
        assert_eq!(named.expect("loopback").egress, Egress::Private);
        for bad in [
            "http://example.org",
            "http://169.254.169.254",
            "https://u:p@example.org",
            "https://slack.com/api",
            "slack.com",
        ] {
            assert!(
                config(Some(bad), BOT, APP, Egress::Public).is_err(),
                "{bad}"
            );
        }
        let written = Written {
            team_id: Some("my team".to_owned()),
            ..Written::default()
        };
        let config = config(None, BOT, APP, Egress::Public).expect("good");
        let error = config.with(written).expect_err("no workspace");
        assert!(error.to_string().contains("app.slack.com"), "{error}");
    }
}
