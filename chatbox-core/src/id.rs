//! Opaque identifiers. Only their maker may look inside one; everybody else carries, compares and prints it.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier made elsewhere.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(value)
            }
        }
    };
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// A kind of network, such as `webchat`: an open set. Lower-case letters, digits and `-`; never a `:`.
    Platform
);
text_id!(
    /// One conversation as its platform names it. May hold any character, `:` and `/` included.
    Handle
);
text_id!(
    /// An event as its platform names it: the key by which a repetition is recognised within one connection.
    EventId
);
text_id!(
    /// Somebody as a platform names them: stable, never a display name.
    ExternalId
);
text_id!(
    /// A tenant.
    AccountId
);
text_id!(
    /// One agent's attention surface.
    MailboxId
);
text_id!(
    /// One configured account on a platform.
    ConnectionId
);
text_id!(
    /// A stored file.
    MediaId
);
text_id!(
    /// One process that works on lanes; a new process is a new worker.
    WorkerId
);
row_id!(
    /// A position in the log. Positions follow commit order and are never reused.
    Seq
);
row_id!(
    /// A chat's row.
    ChatId
);
row_id!(
    /// A session's row.
    SessionId
);
row_id!(
    /// An outbox row: one thing to be sent to one place.
    DeliveryId
);
row_id!(
    /// How often a lane was claimed. A holder whose fence is no longer the lane's may write nothing.
    Fence
);
row_id!(
    /// Milliseconds since 1970-01-01 UTC, by the store's clock unless said otherwise.
    Millis
);

impl Seq {
    /// Before the first row.
    pub const ZERO: Self = Self(0);
}

impl Platform {
    /// Whether the text is a platform name: 1–32 of `a`–`z`, `0`–`9`, `-`.
    pub fn is_valid(&self) -> bool {
        let name = self.as_str();
        (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
}

/// A chat's public name: `<platform>:<handle>`, unique within a mailbox.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    /// The network.
    pub platform: Platform,
    /// The conversation on it.
    pub handle: Handle,
}

/// The text is not `<platform>:<handle>`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a chat address; write it as `<platform>:<handle>`")]
pub struct BadAddress(pub String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.handle)
    }
}

impl std::str::FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let (platform, handle) = text.split_once(':').ok_or_else(bad)?;
        let platform = Platform::new(platform);
        if !platform.is_valid() || handle.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            platform,
            handle: Handle::new(handle),
        })
    }
}

/// A fresh identifier: the prefix, `_`, and 20 characters (100 bits) of a lower-case alphabet without look-alikes.
pub fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", code(20))
}

/// `length` random characters, five bits each, none of which is easily read as another.
pub fn code(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";
    let random = || char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]);
    std::iter::repeat_with(random).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_address_survives_its_text(handle in "[^\\x00]{1,40}") {
            let address = Address { platform: "alpha".into(), handle: handle.into() };
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "alpha", "alpha:", ":7", "Al pha:7"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
