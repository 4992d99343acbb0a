//! What a delivery is called by its receiver.

use chatbox_core::id::DeliveryId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A delivery's id: what a receiver recognises a repetition by. It holds no `.`, which separates what is signed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookId(String);

/// A text that cannot be an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a webhook id is 1 to 64 letters, digits, `_` and `-`")]
pub struct BadWebhookId;

impl WebhookId {
    /// An id made elsewhere.
    ///
    /// # Errors
    /// It is empty, too long, or holds something else than letters, digits, `_` and `-`.
    pub fn new(id: impl Into<String>) -> Result<Self, BadWebhookId> {
        let id = id.into();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=64).contains(&id.len()) && id.bytes().all(good) {
            Ok(Self(id))
        } else {
            Err(BadWebhookId)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<DeliveryId> for WebhookId {
    fn from(id: DeliveryId) -> Self {
        Self(format!("dlv_{id}"))
    }
}

impl TryFrom<String> for WebhookId {
    type Error = BadWebhookId;

    fn try_from(id: String) -> Result<Self, BadWebhookId> {
        Self::new(id)
    }
}

impl From<WebhookId> for String {
    fn from(id: WebhookId) -> Self {
        id.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_nothing_that_could_move_the_signature() {
        assert_eq!(WebhookId::from(DeliveryId(7)).as_str(), "dlv_7");
        for id in ["", "a.b", "a b", "a\r\nx: y", "é", &"x".repeat(65)] {
            assert_eq!(WebhookId::new(id), Err(BadWebhookId), "{id}");
        }
        assert!(serde_json::from_str::<WebhookId>("\"a.b\"").is_err());
        assert!(WebhookId::new("x".repeat(64)).is_ok());
    }
}
