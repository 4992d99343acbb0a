//! Where a webhook goes and what it is signed with.

use super::signature::Signer;
use chatbox_connector_api::Egress;
use chatbox_connector_api::kit::egress;
use chatbox_core::secret::Secret;
use reqwest::header::HeaderValue;
use std::fmt;
use url::Url;

/// The longest address, in bytes.
const ADDRESS_MOST: usize = 2048;
/// The longest credential, in bytes.
const BEARER_MOST: usize = 4096;

/// One receiver.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) url: Url,
    pub(super) signer: Option<Signer>,
    pub(super) bearer: Option<HeaderValue>,
}

/// Why nothing is sent there. No text repeats the address or the credential.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It cannot be read as an address.
    #[error("the webhook's address is none; write it whole, such as https://agent.example/hook")]
    Unreadable,
    /// It is too long.
    #[error("the webhook's address is longer than {ADDRESS_MOST} bytes")]
    TooLong,
    /// It holds a name or password.
    #[error("the webhook's address holds a name or password; give the credential apart from it")]
    Credential,
    /// Nothing may be sent there.
    #[error("{0}")]
    Blocked(String),
    /// The credential fits into no header.
    #[error("the webhook's credential holds something else than visible ASCII, or is too long")]
    Bearer,
}

impl EndpointError {
    /// A stable short name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable | Self::TooLong | Self::Credential => "invalid_url",
            Self::Blocked(_) => "url_blocked",
            Self::Bearer => "invalid_credential",
        }
    }
}

impl Endpoint {
    /// A receiver at an address that may be asked within `egress`. The credential goes as `Authorization: Bearer`.
    ///
    /// # Errors
    /// The address is none or may not be asked, or the credential cannot be sent. A name is looked at again when it is
    /// dialled.
    pub fn new(
        address: &str,
        egress: Egress,
        signer: Option<Signer>,
        bearer: Option<&Secret>,
    ) -> Result<Self, EndpointError> {
        if address.len() > ADDRESS_MOST {
            return Err(EndpointError::TooLong);
        }
        let url = Url::parse(address.trim()).map_err(|_| EndpointError::Unreadable)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointError::Unreadable);
        }
        if !(url.username().is_empty() && url.password().is_none()) {
            return Err(EndpointError::Credential);
        }
        egress::check(&url, egress).map_err(|error| EndpointError::Blocked(error.to_string()))?;
        Ok(Self {
            url,
            signer,
            bearer: bearer.map(authorization).transpose()?,
        })
    }
}

impl Endpoint {
    /// Its host and port, for people.
    pub fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }
}

fn authorization(bearer: &Secret) -> Result<HeaderValue, EndpointError> {
    let token = bearer.expose();
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || token.len() > BEARER_MOST || !visible {
        return Err(EndpointError::Bearer);
    }
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| EndpointError::Bearer)?;
    value.set_sensitive(true);
    Ok(value)
}

/// An address may hold a key in its path: only host and port are shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.place())
    }
}
