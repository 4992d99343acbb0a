//! The way in for platforms that post to an address of ours: what comes, and what it says once it is proven.

use crate::event::Event;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt::{self, Debug};

/// Reads what a platform posts to an address of ours.
///
/// It translates as `inbound` does: it stores nothing and answers nobody. Whoever asked it takes the events in, and tells the
/// platform that they came once they are on disk. Any node may be asked, whether it reads the connection or not, and often by
/// people who only found the address: what is not proven must cost next to nothing.
#[async_trait]
pub trait Ingress: Debug + Send + Sync + 'static {
    /// Proves a request and says what it holds. A second is a long time here: platforms wait three, the commit among them.
    ///
    /// # Errors
    /// A [`Refusal`]: nothing of the request may be believed, or it cannot be read now.
    async fn read(&self, posted: &Posted) -> Result<Heard, Refusal>;
}

/// One request as it came.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Posted {
    /// Its headers in order, each under its name in small letters. One that is said twice is there twice.
    pub headers: Vec<(String, Bytes)>,
    /// Its body, byte for byte.
    pub body: Bytes,
}

impl Posted {
    /// A request with these headers and this body.
    pub fn new(headers: Vec<(String, Bytes)>, body: Bytes) -> Self {
        Self { headers, body }
    }

    /// Every value of a header that is text.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(own, _)| own == name);
        named
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .collect()
    }
}

/// Neither signatures nor what people wrote are shown.
impl Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posted")
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish()
    }
}

/// What a proven request says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Heard {
    /// The platform asks whether the address is ours: this text is the answer.
    Challenge(String),
    /// Something happened, or nothing that is for us.
    Events {
        /// What happened, in order.
        events: Vec<Event>,
        /// Whether the platform shows to whoever did it that it was taken. To a stranger nothing is shown.
        shown: bool,
    },
}

impl Heard {
    /// Nothing for us.
    pub const NOTHING: Self = Self::Events {
        events: Vec::new(),
        shown: false,
    };
}

/// Why a request is not taken. Nothing of it was stored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// Which kind of refusal.
    pub reason: Unread,
    /// What to do about it, for whoever set the platform up. Holds nothing of the request.
    pub detail: String,
}

impl Refusal {
    /// A refusal, in words.
    pub fn new(reason: Unread, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { reason, detail }
    }
}

/// Why a request could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unread {
    /// Not proven: no signature, several, or another one.
    Unsigned,
    /// Proven, for another time.
    Stale,
    /// Larger than what the platform sends.
    TooLarge,
    /// Proven, and nothing the platform says.
    Unreadable,
    /// It cannot be read now; the platform is to send it again.
    Unavailable,
}

impl Unread {
    /// A stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Unavailable => "unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_said_twice_is_there_twice_and_none_is_shown() {
        let header = |value: &'static str| ("x-sign".to_owned(), Bytes::from(value));
        let headers = vec![header("canary1"), header("canary2")];
        let posted = Posted::new(headers, Bytes::from("canary3"));
        assert_eq!(posted.values("x-sign"), ["canary1", "canary2"]);
        assert!(posted.values("x-other").is_empty());
        assert!(!format!("{posted:?}").contains("canary"));
    }
}
