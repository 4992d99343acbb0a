//! Where sealed values stand in a store: what a change of keys goes through, whatever they are for.

use super::row::SecretBox;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a sealed value belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedOf {
    /// A connection, archived ones included: its secrets.
    Connection,
    /// A record that is a credential. Its body has the sealed value under `sealed`.
    Credential,
    /// An adapter's memory.
    State,
    /// A remembered reply.
    Reply,
}

impl SealedOf {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Connection, Self::Credential, Self::State, Self::Reply];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Credential => "credential",
            Self::State => "state",
            Self::Reply => "reply",
        }
    }
}

/// Where one sealed value stands. Places have an order, so that one can go through all of them in steps. Written as
/// `connection/con_1`, or `state/con_1/key`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SealedPlace {
    /// What it belongs to.
    pub of: SealedOf,
    /// The row: a connection's or record's id, a reply's key.
    pub id: String,
    /// Which of an adapter's values; empty elsewhere.
    pub key: String,
}

impl fmt::Display for SealedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of.as_str(), self.id)?;
        match self.of {
            SealedOf::State => write!(f, "/{}", self.key),
            _ => Ok(()),
        }
    }
}

/// A text that names no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this names no sealed value")]
pub struct NoPlace;

impl FromStr for SealedPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (of, id) = text.split_once('/').ok_or(NoPlace)?;
        let of = SealedOf::ALL.into_iter().find(|it| it.as_str() == of);
        let of = of.ok_or(NoPlace)?;
        let (id, key) = match of {
            SealedOf::State => id.split_once('/').ok_or(NoPlace)?,
            _ => (id, ""),
        };
        Ok(Self {
            of,
            id: id.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// A sealed value where it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// Where.
    pub place: SealedPlace,
    /// The text it stands in, to the letter: a [`SecretBox`] as JSON, or a credential's body with one in it.
    pub text: String,
}

impl Sealed {
    /// The sealed value in its text, if there is one.
    pub fn value(&self) -> Option<SecretBox> {
        match serde_json::from_str(&self.text).ok()? {
            Text::Within { sealed } | Text::Bare(sealed) => Some(sealed),
        }
    }
}

/// What the text is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Within { sealed: SecretBox },
    Bare(SecretBox),
}

/// How many sealed values name a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyUse {
    /// The key's id.
    pub key: String,
    /// How many values name it.
    pub values: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in [
            "connection/con_1",
            "credential/crd_1",
            "state/con_1/a/b",
            "reply/00ff",
        ] {
            let place: SealedPlace = text.parse().expect(text);
            assert_eq!(place.to_string(), text);
        }
        for none in ["", "connection", "state/con_1", "elsewhere/x"] {
            assert_eq!(none.parse::<SealedPlace>(), Err(NoPlace), "{none:?}");
        }
    }

    #[test]
    fn the_value_is_found_bare_and_within() {
        let place: SealedPlace = "reply/k".parse().expect("a place");
        let key = |text: &str| {
            let sealed = Sealed {
                place: place.clone(),
                text: text.to_owned(),
            };
            sealed.value().map(|it| it.key)
        };
        assert_eq!(key(r#"{"key":"k","sealed":"x"}"#).as_deref(), Some("k"));
        let within = r#"{"kind":"signing","sealed":{"key":"k","sealed":"x"}}"#;
        assert_eq!(key(within).as_deref(), Some("k"));
        assert_eq!(key("anything"), None);
    }
}
