//! What an answer, or its absence, means for the outbox.

use super::retry_after::retry_after;
use crate::{AdapterError, ErrorKind};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::error::Error as _;

/// Whether doing a request twice does no more than doing it once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idempotent {
    /// Reading, and writing under a key the platform recognises. What is in doubt may be asked again.
    Yes,
    /// A plain send. What is in doubt stays in doubt.
    No,
}

impl Idempotent {
    fn doubt(self) -> ErrorKind {
        match self {
            Self::Yes => ErrorKind::Unavailable,
            Self::No => ErrorKind::Ambiguous,
        }
    }
}

/// What a status means that is no success. A platform that says more in its body is believed before this.
pub fn kind(status: StatusCode, idempotent: Idempotent) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        408 | 425 => ErrorKind::Unavailable,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        // Redirects are never followed: with a credential in the request they would give it away.
        300..=499 => ErrorKind::Invalid,
        500..=599 => idempotent.doubt(),
        _ => ErrorKind::Malformed,
    }
}

/// An error for an answer that is no success, with the wait it asks for. `doing` completes "the platform refused to …".
pub fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    idempotent: Idempotent,
    doing: &str,
) -> AdapterError {
    let error = AdapterError::new(
        kind(status, idempotent),
        format!("the platform refused to {doing} ({status})"),
    );
    match retry_after(headers) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// An error for a request that got no answer, or half of one. Names the cause and never the address.
pub fn failed(error: reqwest::Error, idempotent: Idempotent, doing: &str) -> AdapterError {
    let kind = if error.is_connect() {
        ErrorKind::Unavailable
    } else if error.is_builder() || error.is_redirect() {
        ErrorKind::Invalid
    } else {
        idempotent.doubt()
    };
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, _) => "the platform cannot be reached",
        (false, true) => "the platform did not answer in time",
        (false, false) => "the platform's answer was lost",
    };
    let text = format!("could not {doing}: {what}{}", cause(&error));
    AdapterError::new(kind, text).with_source(error.without_url())
}

/// The innermost cause, in brackets. Outer ones repeat the address.
fn cause(error: &reqwest::Error) -> String {
    let mut inner = error.source();
    while let Some(deeper) = inner.and_then(std::error::Error::source) {
        inner = Some(deeper);
    }
    inner.map_or_else(String::new, |inner| format!(" ({inner})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning() {
        use ErrorKind as Kind;
        for (status, expected) in [
            (301, Kind::Invalid),
            (400, Kind::Invalid),
            (401, Kind::Unauthorized),
            (403, Kind::Forbidden),
            (404, Kind::NotFound),
            (408, Kind::Unavailable),
            (409, Kind::Conflict),
            (410, Kind::NotFound),
            (413, Kind::Invalid),
            (418, Kind::Invalid),
            (425, Kind::Unavailable),
            (429, Kind::RateLimited),
            (500, Kind::Ambiguous),
            (502, Kind::Ambiguous),
            (503, Kind::Ambiguous),
            (599, Kind::Ambiguous),
            (999, Kind::Malformed),
        ] {
            let status = StatusCode::from_u16(status).expect("a status has three digits");
            assert_eq!(kind(status, Idempotent::No), expected, "{status}");
        }
        assert_eq!(
            kind(StatusCode::BAD_GATEWAY, Idempotent::Yes),
            Kind::Unavailable
        );
    }
}
