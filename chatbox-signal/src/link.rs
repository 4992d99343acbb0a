//! Whether the daemon speaks for an account: one small machine, and the way from nothing to an account.
//!
//! ```text
//!  Unlinked ──startLink──> Linking ──scanned──> Ready ──account gone──> Revoked ──startLink──> Linking
//! ```

use crate::client::Client;
use crate::config::Config;
use crate::error::Effect;
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a code may wait to be scanned. Signal's servers keep it shorter.
const SCAN: Duration = Duration::from_secs(10 * 60);

/// How an account stands with its daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Link {
    /// The daemon has no such account, and has had none that we saw.
    Unlinked,
    /// A code waits to be scanned.
    Linking {
        /// What the QR code says.
        uri: String,
    },
    /// The daemon speaks for this account.
    Ready {
        /// Its number.
        account: String,
    },
    /// It did, and does no more.
    Revoked {
        /// The number it was.
        account: String,
    },
}

/// What was seen of the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It has this account.
    Account(String),
    /// It has no account that is ours, or Signal refuses it.
    NoAccount,
    /// It gave a code to scan.
    Code(String),
}

impl Link {
    /// The state after something was seen.
    #[must_use]
    pub fn after(self, seen: Seen) -> Self {
        match (self, seen) {
            (_, Seen::Account(account)) => Self::Ready { account },
            // A code is good until it is scanned or another one is made.
            (_, Seen::Code(uri)) | (Self::Linking { uri }, Seen::NoAccount) => {
                Self::Linking { uri }
            }
            (Self::Ready { account } | Self::Revoked { account }, Seen::NoAccount) => {
                Self::Revoked { account }
            }
            (Self::Unlinked, Seen::NoAccount) => Self::Unlinked,
        }
    }

    /// Why nothing works, and the exact next step; `None` when all is well.
    pub fn complaint(&self) -> Option<String> {
        match self {
            Self::Ready { .. } => None,
            Self::Unlinked => Some(
                "unlinked: signal-cli has no account; run `signal-cli link -n chatbox`, make a QR code of the line it \
                 prints and scan it in Signal under Settings > Linked devices > Link new device"
                    .to_owned(),
            ),
            Self::Linking { uri } => Some(format!(
                "linking: scan the QR code of {uri} in Signal under Settings > Linked devices > Link new device, and then add \
                 the channel again"
            )),
            Self::Revoked { account } => Some(format!(
                "revoked: signal-cli speaks for {account} no more; run `signal-cli link -n chatbox` and scan the code in \
                 Signal under Settings > Linked devices > Link new device"
            )),
        }
    }

    /// The complaint as an error.
    pub(crate) fn refusal(&self) -> AdapterError {
        let sentence = self.complaint().unwrap_or_default();
        let error = AdapterError::new(ErrorKind::Unauthorized, sentence);
        match self {
            Self::Linking { uri } => error.to_scan(uri),
            _ => error,
        }
    }
}

/// A code that waits to be scanned.
#[derive(Debug)]
pub struct Linking {
    client: Client,
    uri: String,
}

impl Linking {
    /// Asks the daemon for a code. It speaks with Signal's servers for that.
    ///
    /// # Errors
    /// `Unavailable` when there is no daemon, or it reaches nobody.
    pub async fn start(config: &Config) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Code {
            device_link_uri: String,
        }
        #[derive(Serialize)]
        struct Nothing {}
        let client = Client::new(config)?;
        let code: std::result::Result<Code, _> =
            client.call("startLink", &Nothing {}, config.request).await;
        let uri = code
            .map_err(|failure| failure.into_error(Effect::Repeatable))?
            .device_link_uri;
        Ok(Self { client, uri })
    }

    /// What the QR code says.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The state in the meantime.
    pub fn link(&self) -> Link {
        Link::Unlinked.after(Seen::Code(self.uri.clone()))
    }

    /// Waits until a phone has scanned the code, up to ten minutes. `device` is how the phone will list us.
    ///
    /// # Errors
    /// `Ambiguous` when nobody scanned it in time, `Invalid` when Signal refuses.
    pub async fn finish(self, device: &str) -> Result<Link> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Scanned<'a> {
            device_link_uri: &'a str,
            device_name: &'a str,
        }
        #[derive(Deserialize)]
        struct Linked {
            number: String,
        }
        let scanned = Scanned {
            device_link_uri: &self.uri,
            device_name: device,
        };
        let linked = self.client.call("finishLink", &scanned, SCAN).await;
        let linked: Linked = linked.map_err(|failure| failure.into_error(Effect::Once))?;
        Ok(self.link().after(Seen::Account(linked.number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_follow_what_is_seen() {
        let account = || Seen::Account("+491".to_owned());
        let code = || Seen::Code("sgnl://x".to_owned());
        let mut link = Link::Unlinked.after(Seen::NoAccount);
        assert_eq!(link, Link::Unlinked);
        link = link.after(code()).after(Seen::NoAccount);
        assert!(matches!(link, Link::Linking { .. }));
        assert!(link.complaint().is_some_and(|it| it.contains("sgnl://x")));
        assert_eq!(link.refusal().scan(), Some("sgnl://x"));
        link = link.after(account());
        assert_eq!(link.complaint(), None);
        link = link.after(Seen::NoAccount);
        let revoked = Link::Revoked {
            account: "+491".to_owned(),
        };
        assert_eq!(link.clone().after(Seen::NoAccount), revoked);
        assert!(link.refusal().to_string().starts_with("revoked"));
        assert_eq!(link.refusal().kind(), &ErrorKind::Unauthorized);
        assert!(matches!(link.after(code()), Link::Linking { .. }));
    }
}
