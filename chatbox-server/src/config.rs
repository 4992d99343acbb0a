//! The configuration file: TOML, every key optional, every mistake named with its place and the way out.

mod foreign;
mod mistake;
mod schema;

pub(crate) use foreign::unheeded;
pub(crate) use schema::duration;
pub use schema::schema;

use crate::compose::Platforms;
use crate::failure::{Exit, Failure};
use crate::http::Limits;
use crate::nodes::NodesSettings;
use crate::paths::me;
use crate::webhook::WebhookSettings;
use chatbox_backends::{BackendSettings, Kind};
use mistake::{Mistake, meant};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use url::Url;

/// A configuration is a few lines; a megabyte is a mistake.
const LARGEST: u64 = 1024 * 1024;

/// Everything an operator may set.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on, `127.0.0.1:7700` unless set.
    pub listen: Option<String>,
    /// `sqlite:PATH` or `postgres://…`; a file in the data folder unless set.
    pub database_url: Option<String>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: Option<String>,
    /// The address people use, when a proxy stands in front.
    #[schemars(with = "Option<String>", extend("format" = "uri"))]
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
    /// Whether webhooks that are set up over the API may lead to this machine or a private network.
    pub allow_private_webhooks: bool,
    /// Where traces go; nowhere unless set. Only in a build with the feature `otel`.
    pub telemetry: Option<Telemetry>,
    /// Settings of each channel, by its name.
    #[schemars(schema_with = "schema::channels")]
    pub channels: BTreeMap<String, toml::Table>,
}

/// The `[telemetry]` table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// A collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`.
    #[schemars(with = "String", extend("format" = "uri"))]
    pub otlp_endpoint: Url,
}

impl Telemetry {
    fn check(&self) -> Result<(), Failure> {
        if !cfg!(feature = "otel") {
            let what = "this program was built without traces";
            let fix = "build it with `--features otel`, or take [telemetry] out";
            return Err(Failure::new("feature_missing", what, fix));
        }
        let url = &self.otlp_endpoint;
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if matches!(url.scheme(), "http" | "https") && url.host().is_some() && bare {
            return Ok(());
        }
        let what = "this is not the address of a collector";
        let fix =
            "write it as http://127.0.0.1:4318; a credential goes into OTEL_EXPORTER_OTLP_HEADERS";
        Err(Failure::new("invalid_endpoint", what, fix))
    }
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
        let read = mistake::read::<Self>(text)?;
        read.check().map_err(|mistake| mistake.placed(text))?;
        Ok(read)
    }

    fn check(&self) -> Result<(), Mistake> {
        let at = Mistake::value;
        if let Some(listen) = &self.listen {
            self.address(listen).map_err(at(&["listen"]))?;
        }
        if let Some(level) = &self.log_level {
            log_level(level).map_err(at(&["log_level"]))?;
        }
        if let Some(url) = &self.public_url {
            origin(url).map_err(at(&["public_url"]))?;
        }
        self.nodes.check().map_err(at(&["nodes", "lease"]))?;
        self.backend.check().map_err(|error| {
            let key = error.key().unwrap_or_default();
            let fix = "correct the [backend] table";
            let failure = Failure::new("invalid_backend", error.to_string(), fix);
            at(&["backend", key])(failure)
        })?;
        if let Some(webhook) = &self.webhook {
            webhook.check().map_err(at(&["webhook", "url"]))?;
            if !matches!(self.backend.kind, Kind::Auto | Kind::None) {
                let what = "[backend] and [webhook] would both answer the mailbox";
                let fix = "take one of them away; with [webhook] nothing answers here";
                let failure = Failure::new("two_answers", what, fix);
                return Err(Mistake::key(&["webhook"])(failure));
            }
        }
        if let Some(telemetry) = &self.telemetry {
            telemetry
                .check()
                .map_err(at(&["telemetry", "otlp_endpoint"]))?;
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

/// Tokens have no place in a file that is copied, shown and kept in version control.
fn no_secrets(channel: &str, table: &toml::Table) -> Result<(), Mistake> {
    match table.keys().find(|key| mistake::names_a_secret(key)) {
        None => Ok(()),
        Some(key) => {
            let what = format!("channels.{channel}.{key} holds a secret");
            let fix = format!(
                "take it out, and give it to `chatbox channels add {channel}`, which seals it"
            );
            let failure = Failure::new("secret_in_config", what, fix);
            Err(Mistake::key(&["channels", channel, key])(failure))
        }
    }
}

/// A channel's table must be of a channel this program has, and set what that channel takes.
fn known(channel: &str, table: &toml::Table) -> Result<(), Mistake> {
    let platforms = Platforms::outside();
    if let Some(failure) = Platforms::left_out(channel) {
        return Err(Mistake::key(&["channels", channel])(failure));
    }
    let Some(factory) = platforms.get(&channel.into()) else {
        let what = format!("[channels.{channel}]: this program was built without such a channel");
        let fix = meant(channel, &platforms.names());
        let failure = Failure::new("unknown_channel", what, fix);
        return Err(Mistake::key(&["channels", channel])(failure));
    };
    let settings = factory.manifest().settings.into_iter();
    let settings: Vec<String> = settings.map(|setting| setting.name).collect();
    for (key, value) in table {
        let path = ["channels", channel, key];
        if !settings.contains(key) {
            let what = format!("[channels.{channel}]: unknown key `{key}`");
            let failure = Failure::new("unknown_key", what, meant(key, &settings));
            return Err(Mistake::key(&path)(failure));
        }
        if !value.is_str() {
            let what = format!("[channels.{channel}]: `{key}` is no text");
            let failure = Failure::new("wrong_type", what, "write it in quotes");
            return Err(Mistake::value(&path)(failure));
        }
    }
    Ok(())
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
