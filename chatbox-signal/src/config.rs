//! The settings as the adapter uses them: checked once, before anything is sent.

use chatbox_connector_api::{AdapterError, Egress, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Where signal-cli listens unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "tcp://127.0.0.1:7583";

/// The settings as written in the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// Where the daemon listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_base: Option<String>,
    /// Which of the daemon's accounts, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
}

/// Where a daemon listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Host and port: one JSON object a line.
    Tcp(String, u16),
    /// A socket of this machine: one JSON object a line.
    Unix(PathBuf),
    /// The base of `/api/v1/rpc` and `/api/v1/events`.
    Http(Url),
}

/// Everything the adapter needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the daemon listens.
    pub endpoint: Endpoint,
    /// The account's number; `None` takes the only one there is.
    pub account: Option<String>,
    /// How long a request may take: a send waits for Signal's own servers. Files get more with their size.
    pub request: Duration,
    /// How often the listening connection is asked for a sign of life. Over HTTP the daemon sends one by itself, every
    /// 15 s.
    pub beat: Duration,
    /// How long a daemon that nobody has reached yet may take to start.
    pub start: Duration,
}

impl Config {
    /// Checks the settings. `egress` is what the house allows: the daemon takes orders from whoever reaches it, so it is
    /// looked for on this machine unless private networks are allowed.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what to change.
    pub fn new(api_base: Option<&str>, account: Option<&str>, egress: Egress) -> Result<Self> {
        let account = account.map(str::trim).filter(|it| !it.is_empty());
        if let Some(number) = account {
            check_number(number)?;
        }
        Ok(Self {
            endpoint: parse(api_base.unwrap_or(DEFAULT_ENDPOINT), egress)?,
            account: account.map(str::to_owned),
            request: Duration::from_secs(60),
            beat: Duration::from_secs(15),
            start: Duration::from_secs(120),
        })
    }
}

fn parse(endpoint: &str, egress: Egress) -> Result<Endpoint> {
    const FORMS: &str = "`api_base` must be like tcp://127.0.0.1:7583, unix:///run/signal-cli/socket or http://127.0.0.1:8080";
    let url = Url::parse(endpoint).map_err(|error| invalid(format!("{FORMS}: {error}")))?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !plain {
        return Err(invalid(FORMS));
    }
    match (url.scheme(), url.host_str()) {
        ("unix", None | Some("")) if url.path().len() > 1 => {
            Ok(Endpoint::Unix(PathBuf::from(url.path())))
        }
        ("tcp", Some(host)) => {
            check_near(&url, egress)?;
            let port = url.port().ok_or_else(|| invalid(FORMS))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Ok(Endpoint::Tcp(host.to_owned(), port))
        }
        ("http" | "https", Some(_)) => {
            check_near(&url, egress)?;
            Ok(Endpoint::Http(url))
        }
        _ => Err(invalid(FORMS)),
    }
}

/// Whoever reaches the daemon speaks as the account, and the wire is plain: another machine has to be allowed.
fn check_near(url: &Url, egress: Egress) -> Result<()> {
    let near = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // Of schemes it does not know, the library reads addresses as names.
        Some(Host::Domain(name)) => {
            let ip = name.parse().map(|ip: std::net::IpAddr| ip.is_loopback());
            name == "localhost" || ip.unwrap_or(false)
        }
        None => false,
    };
    if near || egress == Egress::Private {
        return Ok(());
    }
    Err(invalid(
        "`api_base` is on another machine: signal-cli has no password and no encryption; run it here, or allow private networks",
    ))
}

fn check_number(number: &str) -> Result<()> {
    let digits = number.strip_prefix('+').unwrap_or("");
    let good = (5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    match good {
        true => Ok(()),
        false => Err(invalid(
            "`account` must be the account's number with its country, like +4915112345678",
        )),
    }
}

fn invalid(sentence: impl Into<String>) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_endpoint_is_read() {
        let endpoint = |text| Config::new(Some(text), None, Egress::Public).map(|it| it.endpoint);
        let tcp = |host: &str| Endpoint::Tcp(host.to_owned(), 7583);
        assert_eq!(
            endpoint("tcp://127.0.0.1:7583").ok(),
            Some(tcp("127.0.0.1"))
        );
        assert_eq!(endpoint("tcp://[::1]:7583").ok(), Some(tcp("::1")));
        assert_eq!(
            endpoint("tcp://localhost:7583").ok(),
            Some(tcp("localhost"))
        );
        let unix = Endpoint::Unix("/run/signal-cli/socket".into());
        assert_eq!(endpoint("unix:///run/signal-cli/socket").ok(), Some(unix));
        assert!(matches!(
            endpoint("http://127.0.0.1:8080"),
            Ok(Endpoint::Http(_))
        ));
        for bad in [
            "tcp://127.0.0.1",
            "tcp://10.0.0.7:7583",
            "http://signal.example:8080",
            "unix://",
            "127.0.0.1:7583",
            "ftp://127.0.0.1:1",
            "http://user:pw@127.0.0.1:8080",
            "",
        ] {
            let error = endpoint(bad).expect_err(bad);
            assert_eq!(error.kind(), &ErrorKind::Invalid);
            assert!(error.to_string().contains("`api_base`"), "{error}");
        }
        let house = Config::new(Some("tcp://10.0.0.7:7583"), None, Egress::Private);
        assert!(house.is_ok());
    }

    #[test]
    fn an_account_is_a_number() {
        assert!(Config::new(None, Some(" +4915112345678 "), Egress::Public).is_ok());
        for bad in ["015112345678", "+49 151", "+", "ana", "+12345678901234567"] {
            assert!(
                Config::new(None, Some(bad), Egress::Public).is_err(),
                "{bad}"
            );
        }
    }
}
