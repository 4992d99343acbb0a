//! The configuration file: TOML, every key optional, every mistake named with its place and the way out.

use crate::compose::Platforms;
use crate::failure::{Exit, Failure};
use crate::http::Limits;
use crate::nodes::NodesSettings;
use crate::paths::me;
use crate::webhook::WebhookSettings;
use chatbox_backends::{BackendSettings, Kind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use url::Url;

/// A configuration is a few lines; a megabyte is a mistake.
const LARGEST: u64 = 1024 * 1024;

/// Everything an operator may set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on, `127.0.0.1:7700` unless set.
    pub listen: Option<String>,
    /// `sqlite:PATH` or `postgres://…`; a file in the data folder unless set.
    pub database_url: Option<String>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: Option<String>,
    /// The address people use, when a proxy stands in front.
    pub public_url: Option<Url>,
    /// Says that a proxy in front asks for TLS and is the only one that can reach `listen`.
    pub behind_proxy: bool,
    /// What connections may take.
    pub limits: Limits,
    /// What several servers on one database agree on.
    pub nodes: NodesSettings,
    /// What answers.
    pub backend: BackendSettings,
    /// Where every message is posted, for an agent that lives elsewhere.
    pub webhook: Option<WebhookSettings>,
    /// Settings of each channel, by its name.
    pub channels: BTreeMap<String, toml::Table>,
}

impl Config {
    /// Reads a file. `named` says that a person named it, so it must exist.
    ///
    /// # Errors
    /// Every mistake, with a stable code, its place and what to do.
    pub fn load(path: &Path, named: bool) -> Result<Self, Failure> {
        let show = path.display();
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
                return Ok(Self::default());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let fix = "check the path, or leave --config away: an empty configuration works";
                return Err(Failure::new(
                    "config_not_found",
                    format!("{show} does not exist"),
                    fix,
                ));
            }
            Err(error) => {
                return Err(Failure::io(&format!("cannot read {show}"), &error).exit(Exit::Usage));
            }
            Ok(meta) => check_file(path, &meta)?,
        }
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|error| Failure::io(&format!("cannot read {show}"), &error))?;
        let text = text(&bytes).map_err(|failure| in_file(failure, path))?;
        Self::parse(text).map_err(|failure| in_file(failure, path))
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// Every mistake, with a stable code, its place and what to do.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let config: Self = toml::from_str(text).map_err(|error| explain(&error, text))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Failure> {
        if let Some(listen) = &self.listen {
            self.address(listen)?;
        }
        if let Some(level) = &self.log_level {
            log_level(level)?;
        }
        if let Some(url) = &self.public_url {
            origin(url)?;
        }
        self.nodes.check()?;
        self.backend.check().map_err(|error| {
            Failure::new(
                "invalid_backend",
                error.to_string(),
                "correct the [backend] table",
            )
        })?;
        if let Some(webhook) = &self.webhook {
            webhook.check()?;
            if !matches!(self.backend.kind, Kind::Auto | Kind::None) {
                let what = "[backend] and [webhook] would both answer the mailbox";
                let fix = "take one of them away; with [webhook] nothing answers here";
                return Err(Failure::new("two_answers", what, fix));
            }
        }
        self.channels.iter().try_for_each(|(name, table)| {
            no_secrets(name, table)?;
            known(name, table)
        })
    }

    /// An address that is safe to listen on.
    ///
    /// # Errors
    /// `invalid_listen`, or `insecure_bind` for an address others can reach without `behind_proxy`.
    pub fn address(&self, listen: &str) -> Result<SocketAddr, Failure> {
        let address: SocketAddr = listen.parse().map_err(|_| {
            let what = format!("`{listen}` is not an address and port");
            Failure::new(
                "invalid_listen",
                what,
                "write it as 127.0.0.1:7700 or [::1]:7700",
            )
        })?;
        let is_https = |url: &Url| url.scheme() == "https";
        let sheltered = self.behind_proxy && self.public_url.as_ref().is_some_and(is_https);
        if !(address.ip().is_loopback() || sheltered) {
            let what = format!("{address} can be reached by other machines without encryption");
            let fix = "listen on 127.0.0.1, or put a TLS proxy in front and set behind_proxy = true and an https public_url";
            return Err(Failure::new("insecure_bind", what, fix));
        }
        Ok(address)
    }
}

/// How an origin is written.
const ORIGIN: &str =
    "write it as https://chat.example.org, with nothing after the name or its port";

/// An address that browsers name as the origin of our pages: the pages' own addresses begin at its root.
fn origin(url: &Url) -> Result<(), Failure> {
    let web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if web && bare && url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    let what = "public_url is not the address of a web site";
    Err(Failure::new("invalid_origin", what, ORIGIN))
}

/// A level the log knows.
///
/// # Errors
/// `invalid_log_level`.
pub fn log_level(level: &str) -> Result<&str, Failure> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let known = LEVELS
        .iter()
        .find(|known| level.eq_ignore_ascii_case(known));
    known.copied().ok_or_else(|| {
        let what = format!("`{level}` is not a log level");
        Failure::new(
            "invalid_log_level",
            what,
            "use error, warn, info, debug or trace",
        )
    })
}

fn check_file(path: &Path, meta: &std::fs::Metadata) -> Result<(), Failure> {
    let show = path.display();
    if !meta.is_file() {
        return Err(Failure::new(
            "not_a_file",
            format!("{show} is not a file"),
            "name a regular file",
        ));
    }
    if meta.len() > LARGEST {
        let what = format!("{show} is {} bytes long", meta.len());
        return Err(Failure::new(
            "too_large",
            what,
            "a configuration is a few lines; check the path",
        ));
    }
    if meta.permissions().mode() & 0o022 != 0 {
        let what = format!("others may write {show}");
        return Err(Failure::new(
            "permissions_too_open",
            what,
            format!("chmod 600 {show}"),
        ));
    }
    if !is_trusted(meta.uid(), me().unwrap_or(meta.uid())) {
        let what = format!("{show} belongs to another user");
        return Err(Failure::new(
            "wrong_owner",
            what,
            format!("chown it: chown $(id -un) {show}"),
        ));
    }
    Ok(())
}

/// Whether a file of this owner may tell us what to do: our own, or the system's.
fn is_trusted(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let what = format!("byte {} is not UTF-8", error.valid_up_to());
        Failure::new("not_utf8", what, "save the file as UTF-8")
    })
}

fn in_file(mut failure: Failure, path: &Path) -> Failure {
    failure.what = format!("{}: {}", path.display(), failure.what);
    failure
}

/// Turns the parser's words into ours: place first, and what was probably meant.
fn explain(error: &toml::de::Error, text: &str) -> Failure {
    let place = error
        .span()
        .map_or_else(String::new, |span| place(text, span.start));
    let message = error.message();
    if let Some((unknown, known)) = unknown_key(message) {
        let what = format!("{place}unknown key `{unknown}`");
        return Failure::new("unknown_key", what, meant(&unknown, &known));
    }
    if message.starts_with("relative URL without a base") {
        let what = format!("{place}this is not the address of a web site");
        return Failure::new("invalid_origin", what, ORIGIN);
    }
    let code = if message.contains("duplicate key") {
        "duplicate_key"
    } else if message.contains("invalid type")
        || message.contains("expected") && error.span().is_none()
    {
        "wrong_type"
    } else if ["invalid value", "unknown variant"]
        .iter()
        .any(|start| message.starts_with(start))
    {
        "invalid_value"
    } else if looks_like_yaml(text) {
        let what = format!("{place}{message}");
        return Failure::new(
            "looks_like_yaml",
            what,
            "the file is TOML: write `key = \"value\"`, not `key: value`",
        );
    } else {
        "config_syntax"
    };
    Failure::new(
        code,
        format!("{place}{}", message.trim()),
        "correct that line; `chatbox config check` shows the next",
    )
}

fn place(text: &str, at: usize) -> String {
    let before = text.get(..at.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("line {line}, column {column}: ")
}

/// The unknown key and the known ones, from `unknown field `x`, expected one of `a`, `b``.
fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    Some((unknown.to_owned(), known))
}

/// What was probably meant, or what there is.
fn meant(unknown: &str, known: &[String]) -> String {
    let near = known
        .iter()
        .max_by(|a, b| similarity(a, unknown).total_cmp(&similarity(b, unknown)));
    match near.filter(|near| similarity(near, unknown) > 0.6) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "take it out".to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn looks_like_yaml(text: &str) -> bool {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut lines = lines.take(3).peekable();
    lines.peek().is_some()
        && lines
            .all(|line| line == "---" || line == "{" || line.contains(": ") || line.ends_with(':'))
}

/// Tokens have no place in a file that is copied, shown and kept in version control.
fn no_secrets(channel: &str, table: &toml::Table) -> Result<(), Failure> {
    let named = |key: &&String| {
        ["token", "password", "secret", "api_key"]
            .iter()
            .any(|word| key.ends_with(word))
    };
    match table.keys().find(named) {
        None => Ok(()),
        Some(key) => {
            let what = format!("channels.{channel}.{key} holds a secret");
            let fix = format!(
                "take it out, and give it to `chatbox channels add {channel}`, which seals it"
            );
            Err(Failure::new("secret_in_config", what, fix))
        }
    }
}

/// A channel's table must be of a channel this program has, and set what that channel takes.
fn known(channel: &str, table: &toml::Table) -> Result<(), Failure> {
    let platforms = Platforms::outside();
    let Some(factory) = platforms.get(&channel.into()) else {
        let what = format!("[channels.{channel}]: this program was built without such a channel");
        return Err(Failure::new(
            "unknown_channel",
            what,
            meant(channel, &platforms.names()),
        ));
    };
    let settings = factory.manifest().settings.into_iter();
    let settings: Vec<String> = settings.map(|setting| setting.name).collect();
    match table.keys().find(|key| !settings.contains(key)) {
        None => Ok(()),
        Some(key) => {
            let what = format!("[channels.{channel}]: unknown key `{key}`");
            Err(Failure::new("unknown_key", what, meant(key, &settings)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_is_not_trusted() {
        assert!(is_trusted(1000, 1000) && is_trusted(0, 1000));
        assert!(!is_trusted(1001, 1000) && !is_trusted(1000, 0));
    }

    fn code(text: &str) -> String {
        Config::parse(text).expect_err("it should be refused").code
    }

    #[test]
    fn an_empty_file_is_enough() {
        assert!(Config::parse("").is_ok());
        assert!(Config::parse("# nothing\r\n").is_ok());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_what_was_meant() {
        let failure =
            Config::parse("\nlisten = \"127.0.0.1:1\"\nlog_levl = \"info\"\n").expect_err("a typo");
        assert_eq!(failure.code, "unknown_key");
        assert!(
            failure.what.contains("line 3, column 1"),
            "{}",
            failure.what
        );
        assert!(failure.fix.contains("`log_level`"), "{}", failure.fix);
    }

    #[test]
    fn each_mistake_has_its_code() {
        for (text, expected) in [
            ("listen = 8080", "wrong_type"),
            ("listen = \"a\"\nlisten = \"b\"", "duplicate_key"),
            ("listen = ", "config_syntax"),
            ("listen: 127.0.0.1:7700", "looks_like_yaml"),
            ("{ \"listen\": \"x\" }", "looks_like_yaml"),
            ("listen = \"0.0.0.0:7700\"", "insecure_bind"),
            (
                "listen = \"0.0.0.0:7700\"\nbehind_proxy = true\npublic_url = \"http://a.test\"",
                "insecure_bind",
            ),
            ("listen = \"localhost.evil.com:1\"", "invalid_listen"),
            ("listen = \"127.0.0.1:65536\"", "invalid_listen"),
            ("log_level = \"loud\"", "invalid_log_level"),
            ("[channels.alpha]\ntoken = \"x\"", "secret_in_config"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
