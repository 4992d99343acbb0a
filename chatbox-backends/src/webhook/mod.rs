//! The sender of a mailbox's push door: one signed POST, and what its answer means.
//!
//! What is sent and how it is signed is [Standard Webhooks](https://www.standardwebhooks.com): [`Body`] is the message,
//! [`Signer`] its signature, [`Sender`] one attempt, [`schedule`] what follows it. Nothing here retries, sleeps or keeps
//! state; that is the outbox's.
//!
//! ```
//! use chatbox_backends::webhook::{Signer, Verifier, WebhookId, fresh_secret};
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = fresh_secret();
//! let id = WebhookId::new("dlv_1")?;
//! let signed = Signer::new([&secret])?.sign(&id, 1_700_000_000, b"{}");
//!
//! let now = UNIX_EPOCH + Duration::from_secs(1_700_000_010);
//! Verifier::new([&secret])?.verify(id.as_str(), "1700000000", &signed, b"{}", now)?;
//! # Ok(())
//! # }
//! ```

mod body;
mod endpoint;
mod id;
mod key;
pub mod schedule;
mod sender;
mod signature;
mod verdict;
mod verify;

pub use body::Body;
pub use endpoint::{Endpoint, EndpointError};
pub use id::{BadWebhookId, WebhookId};
pub use key::{SecretError, fresh_key_pair, fresh_secret, public_key};
pub use sender::{Sender, TIMEOUT};
pub use signature::{MOST_SECRETS, Signer};
pub use verdict::{Attempt, Verdict};
pub use verify::{TOLERANCE, Verifier, VerifyError};

/// The header with the delivery's id: the same in every attempt.
pub const ID: &str = "webhook-id";
/// The header with the attempt's time, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE: &str = "webhook-signature";
