//! Names: of people, of conversations, of messages; on the way in and back out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chatbox_connector_api::id::{EventId, Handle};
use serde::Serialize;

/// What a group's handle begins with.
const GROUP: &str = "group.";

/// A person: by the identifier Signal gives them, and by number only where there is none. We ourselves are always our
/// number, which the daemon knows without asking.
pub(crate) fn person(
    account: &str,
    number: Option<&str>,
    uuid: Option<&str>,
    any: Option<&str>,
) -> Option<String> {
    let said = |it: &&str| !it.is_empty();
    let (number, uuid) = (number.filter(said), uuid.filter(said));
    if number == Some(account) || any == Some(account) {
        return Some(account.to_owned());
    }
    let name = uuid.or(number).or(any.filter(said))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b':');
    name.bytes().all(plain).then(|| name.to_owned())
}

/// A message's name: who wrote it and when, to the millisecond, is all Signal has.
pub(crate) fn message(author: &str, timestamp: i64) -> EventId {
    EventId::new(format!("{author}/{timestamp}"))
}

/// A group's handle. Its own name has letters that stand for something else in addresses.
pub(crate) fn group(id: &str) -> Option<Handle> {
    let bytes = STANDARD.decode(id).ok().filter(|it| !it.is_empty())?;
    Some(Handle::new(format!(
        "{GROUP}{}",
        URL_SAFE_NO_PAD.encode(bytes)
    )))
}

/// Where something goes, as the daemon's methods take it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// One person.
    Recipient(String),
    /// A group, by its own name.
    GroupId(String),
}

impl Place {
    /// Reads a handle back; `None` for what cannot be Signal's.
    pub(crate) fn of(handle: &str) -> Option<Self> {
        if let Some(id) = handle.strip_prefix(GROUP) {
            let bytes = URL_SAFE_NO_PAD
                .decode(id)
                .ok()
                .filter(|it| !it.is_empty())?;
            return Some(Self::GroupId(STANDARD.encode(bytes)));
        }
        is_person(handle).then(|| Self::Recipient(handle.to_owned()))
    }
}

/// Reads a message's name back.
pub(crate) fn target(id: &EventId) -> Option<(String, i64)> {
    let (author, timestamp) = id.as_str().split_once('/')?;
    let timestamp = timestamp.parse().ok().filter(|it| *it > 0)?;
    is_person(author).then(|| (author.to_owned(), timestamp))
}

/// Whether it is a number or an identifier: never an option or a path.
fn is_person(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':');
    let rest = name.strip_prefix('+').unwrap_or(name);
    (4..=64).contains(&rest.len()) && rest.bytes().all(plain) && !rest.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_again_by_its_handle() {
        let id = "1Xl5uwUU6BzO/Wmk2GqEu6lnIb+NMKbPBRmzLV7Tq0Q=";
        let handle = group(id).expect("a group");
        assert!(!handle.as_str().contains(['/', '+', '=']), "{handle}");
        assert_eq!(
            Place::of(handle.as_str()),
            Some(Place::GroupId(id.to_owned()))
        );
        assert_eq!(group("not base64!"), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [
            "",
            "../../x",
            "--version",
            "a b c d",
            "group.",
            "group.!",
            "x/1",
        ] {
            assert_eq!(Place::of(bad), None, "{bad}");
        }
        for bad in [
            "+4915112345678",
            "+4915112345678/x",
            "/5",
            "../x/5",
            "+4915112345678/-5",
        ] {
            assert_eq!(target(&EventId::new(bad)), None, "{bad}");
        }
        let good = target(&EventId::new("+4915112345678/1700000000000"));
        assert_eq!(good, Some(("+4915112345678".to_owned(), 1_700_000_000_000)));
    }
}
