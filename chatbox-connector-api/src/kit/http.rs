//! An HTTP client that does what it is told and no more: no redirects, no proxy from the environment, no retries, no
//! waiting for ever, and nowhere it may not go.

use super::egress::{self, Resolver};
use super::status::{Idempotent, failed};
use crate::{AdapterError, ByteStream, Egress, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use rustls::crypto::{CryptoProvider, ring};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long a connection may take to stand.
pub const CONNECT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: shorter than most servers keep it, so that few sends meet a closed one.
const IDLE: Duration = Duration::from_secs(20);

/// A client whose requests take at most `total`, answer included. For a long poll that is the poll and a margin.
///
/// Names are resolved within `egress`. An address written into a URL does not pass the resolver: use [`request`], or
/// [`egress::check`] where a vendor's library builds the request.
///
/// # Errors
/// `Unavailable` when TLS cannot be set up.
pub fn client(egress: Egress, total: Duration) -> Result<Client> {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster; then theirs is as good.
        let _ = ring::default_provider().install_default();
    }
    let built = Client::builder()
        .user_agent(concat!("chatbox/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Resolver(egress)))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(total)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .tcp_keepalive(IDLE)
        .build();
    built.map_err(|error| {
        AdapterError::new(ErrorKind::Unavailable, "no HTTP client can be made").with_source(error)
    })
}

/// A request to a URL that may be requested.
///
/// # Errors
/// `Invalid` for one that may not.
pub fn request(
    client: &Client,
    egress: Egress,
    method: Method,
    url: Url,
) -> Result<RequestBuilder> {
    egress::check(&url, egress)?;
    Ok(client.request(method, url))
}

/// An answer's body, at most `most` bytes of it: a platform, or somebody in its place, may send for ever.
///
/// # Errors
/// `Malformed` for a longer one (for reading: `Invalid`), and whatever [`failed`] says of a lost one.
pub async fn body(mut response: Response, most: usize, idempotent: Idempotent) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    loop {
        let piece = response.chunk().await;
        let piece = piece.map_err(|error| failed(error, idempotent, "read the answer"))?;
        let Some(piece) = piece else {
            return Ok(whole.freeze());
        };
        if whole.len() + piece.len() > most {
            let kind = match idempotent {
                Idempotent::Yes => ErrorKind::Invalid,
                Idempotent::No => ErrorKind::Malformed,
            };
            let text = format!("the answer is longer than {most} bytes");
            return Err(AdapterError::new(kind, text));
        }
        whole.extend_from_slice(&piece);
    }
}

/// An answer's bytes as they come; an error once there are more than `most`.
pub fn stream(response: Response, most: u64) -> ByteStream {
    let mut seen = 0_u64;
    let bytes = response.bytes_stream().map(move |piece| {
        // The address may hold a credential.
        let piece = piece.map_err(|error| io::Error::other(error.without_url()))?;
        seen += piece.len() as u64;
        match seen > most {
            true => Err(io::Error::other(format!(
                "the file is larger than {most} bytes"
            ))),
            false => Ok(piece),
        }
    });
    bytes.boxed()
}
