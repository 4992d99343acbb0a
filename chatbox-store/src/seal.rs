//! Seals secrets for the database. Owns the key and the shape of a sealed value; reads no files and stores nothing.
//!
//! A sealed value belongs to one purpose and one row: both are authenticated with it, so that a ciphertext copied to
//! another place does not open there. What was sealed names the key it was sealed with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use chatbox_core::store::SecretBox;
use sha2::{Digest, Sha256};
use std::fmt;

/// How long a key is, in bytes.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Seals and opens with one key. `Debug` shows the key's id only.
pub struct Vault {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// A key that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeakKey {
    /// It is not base64.
    #[error("the vault key is not base64")]
    NotBase64,
    /// It has another length.
    #[error("the vault key has {0} bytes instead of 32")]
    Length(usize),
    /// One byte, 32 times.
    #[error("the vault key is one byte repeated")]
    Repeated,
}

/// A sealed value that does not open.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed with another key.
    #[error("sealed with key {sealed_with}, but the vault holds key {held}")]
    OtherKey {
        /// The key it names.
        sealed_with: String,
        /// The vault's key.
        held: String,
    },
    /// It was changed, cut off, or sealed for another row or purpose.
    #[error("the sealed value is damaged or belongs elsewhere")]
    Damaged,
}

impl Vault {
    /// A vault with this key.
    ///
    /// # Errors
    /// The key has another length than 32 bytes, or is one byte repeated.
    pub fn new(key: &[u8]) -> Result<Self, WeakKey> {
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| WeakKey::Length(key.len()))?;
        if key.iter().all(|byte| *byte == key[0]) {
            return Err(WeakKey::Repeated);
        }
        Ok(Self {
            id: key_id(key),
            cipher: XChaCha20Poly1305::new(key.into()),
        })
    }

    /// A vault with a key in base64, as an environment variable or file holds it. Space around it does not count.
    ///
    /// # Errors
    /// It is not base64, or the key in it is weak.
    pub fn from_base64(text: &str) -> Result<Self, WeakKey> {
        let key = BASE64.decode(text.trim()).map_err(|_| WeakKey::NotBase64)?;
        Self::new(&key)
    }

    /// A fresh key in base64, to be kept by the caller.
    pub fn generate() -> String {
        BASE64.encode(rand::random::<[u8; KEY_BYTES]>())
    }

    /// What the key is called: the first eight bytes of its SHA-256, in hexadecimal.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// Seals a value for one row of one purpose. Each call gives another ciphertext.
    pub fn seal(&self, purpose: &str, row: &str, value: &[u8]) -> SecretBox {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let place = place(&self.id, purpose, row);
        let payload = Payload {
            msg: value,
            aad: &place,
        };
        let ciphertext = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a value in memory is shorter than the cipher's limit of 256 GiB");
        SecretBox {
            key: self.id.clone(),
            sealed: BASE64.encode([&nonce[..], &ciphertext].concat()),
        }
    }

    /// Opens what was sealed for this row of this purpose.
    ///
    /// # Errors
    /// It was sealed with another key, changed, cut off, or sealed for another place.
    pub fn open(&self, purpose: &str, row: &str, sealed: &SecretBox) -> Result<Vec<u8>, SealError> {
        if sealed.key != self.id {
            return Err(SealError::OtherKey {
                sealed_with: sealed.key.clone(),
                held: self.id.clone(),
            });
        }
        let bytes = BASE64
            .decode(&sealed.sealed)
            .map_err(|_| SealError::Damaged)?;
        let (nonce, ciphertext) = bytes
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Damaged)?;
        let place = place(&self.id, purpose, row);
        let payload = Payload {
            msg: ciphertext,
            aad: &place,
        };
        self.cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Damaged)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("key", &self.id)
            .finish_non_exhaustive()
    }
}

fn key_id(key: &[u8; KEY_BYTES]) -> String {
    let hash = Sha256::digest(key);
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a value belongs. Each part carries its length, so that no two places read the same.
fn place(key: &str, purpose: &str, row: &str) -> Vec<u8> {
    let mut place = b"chatbox sealed 1".to_vec();
    for part in [key, purpose, row] {
        place.extend_from_slice(&(part.len() as u64).to_le_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}

impl chatbox_core::seal::Seal for Vault {
    fn seal(&self, purpose: &str, row: &str, value: &[u8]) -> SecretBox {
        Self::seal(self, purpose, row, value)
    }

    fn open(
        &self,
        purpose: &str,
        row: &str,
        sealed: &SecretBox,
    ) -> Result<Vec<u8>, chatbox_core::seal::SealError> {
        Self::open(self, purpose, row, sealed).map_err(|_| chatbox_core::seal::SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::from_base64(&Vault::generate()).expect("a generated key is strong")
    }

    fn damaged(vault: &Vault, bytes: &[u8]) -> bool {
        let sealed = SecretBox {
            key: vault.key_id().to_owned(),
            sealed: BASE64.encode(bytes),
        };
        vault.open("token", "con_1", &sealed) == Err(SealError::Damaged)
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let vault = vault();
        let sealed = vault.seal("token", "con_1", b"hunter2");
        assert_eq!(
            vault.open("token", "con_1", &sealed).as_deref(),
            Ok(&b"hunter2"[..])
        );
        for (purpose, row) in [
            ("token", "con_2"),
            ("state", "con_1"),
            ("tokenc", "on_1"),
            ("", ""),
        ] {
            assert_eq!(
                vault.open(purpose, row, &sealed),
                Err(SealError::Damaged),
                "{purpose} {row}"
            );
        }
    }

    #[test]
    fn values_swapped_between_rows_do_not_open() {
        let vault = vault();
        let sealed: Vec<_> = (0..33)
            .map(|row| vault.seal("token", &row.to_string(), b"x"))
            .collect();
        for (at, sealed) in sealed.iter().enumerate() {
            for row in (0..33).filter(|row| *row != at) {
                assert!(
                    vault.open("token", &row.to_string(), sealed).is_err(),
                    "{at} in {row}"
                );
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        let vault = vault();
        let sealed = vault.seal("token", "con_1", b"hunter2");
        let bytes = BASE64.decode(&sealed.sealed).expect("base64");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(damaged(&vault, &bytes), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_was_cut_off_or_garbled_is_an_error_and_no_panic() {
        let vault = vault();
        let sealed = vault.seal("token", "con_1", b"hunter2");
        let bytes = BASE64.decode(&sealed.sealed).expect("base64");
        for length in 0..bytes.len() {
            assert!(damaged(&vault, &bytes[..length]), "{length} bytes");
        }
        for garbled in ["", "=", "%%%", "AAAA", "é"] {
            let sealed = SecretBox {
                sealed: garbled.to_owned(),
                ..sealed.clone()
            };
            assert_eq!(
                vault.open("token", "con_1", &sealed),
                Err(SealError::Damaged),
                "{garbled}"
            );
        }
    }

    #[test]
    fn another_key_is_named() {
        let (ours, theirs) = (vault(), vault());
        let sealed = theirs.seal("token", "con_1", b"hunter2");
        assert_eq!(
            ours.open("token", "con_1", &sealed),
            Err(SealError::OtherKey {
                sealed_with: theirs.key_id().to_owned(),
                held: ours.key_id().to_owned(),
            })
        );
        let forged = SecretBox {
            key: ours.key_id().to_owned(),
            ..sealed
        };
        assert_eq!(
            ours.open("token", "con_1", &forged),
            Err(SealError::Damaged)
        );
    }

    #[test]
    fn weak_keys_are_refused() {
        assert_eq!(Vault::new(&[0; 32]).err(), Some(WeakKey::Repeated));
        assert_eq!(Vault::new(&[7; 32]).err(), Some(WeakKey::Repeated));
        assert_eq!(Vault::new(&[1, 2, 3]).err(), Some(WeakKey::Length(3)));
        assert_eq!(
            Vault::from_base64("not a key").err(),
            Some(WeakKey::NotBase64)
        );
        assert_eq!(Vault::from_base64("").err(), Some(WeakKey::Length(0)));
    }

    #[test]
    fn the_same_value_is_sealed_differently_and_the_key_does_not_print() {
        let key = Vault::generate();
        let vault = Vault::from_base64(&key).expect("a generated key is strong");
        assert_ne!(
            vault.seal("token", "1", b"x"),
            vault.seal("token", "1", b"x")
        );
        let printed = format!("{vault:?}");
        assert!(!printed.contains(&key) && printed.contains(vault.key_id()));
    }
}
