//! What went wrong, for the outbox. No sentence here may hold the token or an address.

use chatbox_connector_api::{AdapterError, ErrorKind, Verb};

/// The service's answer makes no sense.
pub(crate) fn unreadable(doing: &str, error: &serde_json::Error) -> AdapterError {
    let text = format!("could not {doing}: the answer cannot be read ({error})");
    AdapterError::new(ErrorKind::Malformed, text)
}

/// The platform has no such thing.
pub(crate) fn unsupported(verb: &Verb) -> AdapterError {
    let text = format!("Template has no `{}`", verb.name());
    AdapterError::new(ErrorKind::Unsupported, text)
}
