//! How secrets are kept: sealed by somebody who holds a key.

use crate::store::SecretBox;
use std::fmt::Debug;

/// What the secrets of a connection are sealed as. Their row is its id.
pub const CONNECTION: &str = "connection_secrets";
/// What an adapter's memory is sealed as. Its row is the connection's id and the value's key, with `/` between.
pub const STATE: &str = "adapter_state";

/// Seals and opens. What is sealed for one purpose and row opens for no other.
pub trait Seal: Debug + Send + Sync + 'static {
    /// Seals a value.
    fn seal(&self, purpose: &str, row: &str, value: &[u8]) -> SecretBox;

    /// Opens a sealed value.
    ///
    /// # Errors
    /// It was sealed with another key, for another purpose or row, or altered.
    fn open(&self, purpose: &str, row: &str, sealed: &SecretBox) -> Result<Vec<u8>, SealError>;
}

/// A sealed value that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open: another key, another row, or altered")]
pub struct SealError;

/// Seals nothing: for a [`crate::store::MemoryStore`], which never touches a disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsealed;

impl Seal for Unsealed {
    fn seal(&self, _purpose: &str, _row: &str, value: &[u8]) -> SecretBox {
        use base64::Engine;
        let sealed = base64::engine::general_purpose::STANDARD.encode(value);
        SecretBox {
            key: "unsealed".to_owned(),
            sealed,
        }
    }

    fn open(&self, _purpose: &str, _row: &str, sealed: &SecretBox) -> Result<Vec<u8>, SealError> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD
            .decode(&sealed.sealed)
            .map_err(|_| SealError)
    }
}
