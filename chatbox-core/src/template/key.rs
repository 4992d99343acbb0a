//! The names templates are kept under, and which of them an event is rendered with.

use super::error::{Fault, nearest};
use super::event_type::EventType;
use std::fmt;
use std::str::FromStr;

/// Which template.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// `focal_message`: for the focal chat.
    FocalMessage,
    /// `notification`: for every other chat.
    Notification,
    /// `ephemeral`: beside the other, and not for keeping.
    Ephemeral,
    /// `edit`, `reaction` …: for one type of event.
    Event(EventType),
    /// `edit.focal`, `reaction.focal` …: for one type of event in the focal chat.
    Focal(EventType),
}

impl Key {
    /// Every key.
    pub fn all() -> impl Iterator<Item = Self> {
        let events = EventType::WITH_TEMPLATE.into_iter();
        let both = events.flat_map(|it| [Self::Event(it), Self::Focal(it)]);
        [Self::FocalMessage, Self::Notification, Self::Ephemeral]
            .into_iter()
            .chain(both)
    }

    /// Where the template of an event is looked for, in this order. The last one is always there.
    pub fn order(event: EventType, focal: bool) -> impl Iterator<Item = Self> {
        let keys = if focal {
            [
                Some(Self::Focal(event)),
                Some(Self::Event(event)),
                Some(Self::FocalMessage),
            ]
        } else {
            [None, Some(Self::Event(event)), Some(Self::Notification)]
        };
        keys.into_iter().flatten()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FocalMessage => f.write_str("focal_message"),
            Self::Notification => f.write_str("notification"),
            Self::Ephemeral => f.write_str("ephemeral"),
            Self::Event(event) => f.write_str(event.as_str()),
            Self::Focal(event) => write!(f, "{event}.focal"),
        }
    }
}

impl FromStr for Key {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let found = Self::all().find(|key| key.to_string() == text);
        found.ok_or_else(|| Fault::UnknownKey {
            meant: nearest(text, Self::all().map(|key| key.to_string())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_name() {
        assert_eq!(Key::all().count(), 17);
        for key in Key::all() {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn what_is_no_key_is_told_the_nearest() {
        for (name, meant) in [
            ("focal_mesage", Some("focal_message")),
            ("Reaction", Some("reaction")),
            ("member_joined", Some("member_join")),
            ("edit.focus", Some("edit.focal")),
            ("xyz", None),
            ("", None),
        ] {
            let meant = meant.map(str::to_owned);
            assert_eq!(name.parse::<Key>(), Err(Fault::UnknownKey { meant }));
        }
    }
}
