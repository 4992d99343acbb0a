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
use std::sync::{Arc, PoisonError, RwLock};

/// How long a key is, in bytes.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Seals with one key, and opens with that one and any number of older ones. `Debug` shows the keys' ids only.
///
/// Which key seals can change while others seal and open: what was sealed before is opened by the key it names.
pub struct Vault {
    /// The first seals. Never empty.
    keys: RwLock<Arc<[Arc<Key>]>>,
}

struct Key {
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
    /// It was sealed with a key that is not held.
    #[error("sealed with key {sealed_with}, but the vault holds {held}")]
    OtherKey {
        /// The key it names.
        sealed_with: String,
        /// The vault's keys, a comma between.
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
        Ok(Self::of(vec![Key::new(key)?]))
    }

    fn of(keys: Vec<Key>) -> Self {
        let mut held: Vec<Arc<Key>> = Vec::with_capacity(keys.len());
        for key in keys {
            if !held.iter().any(|it| it.id == key.id) {
                held.push(Arc::new(key));
            }
        }
        Self {
            keys: RwLock::new(held.into()),
        }
    }

    /// A vault with keys in base64, as an environment variable or file holds them: one, or several on lines of their own
    /// or with commas between, of which the first seals. Space around them does not count.
    ///
    /// # Errors
    /// One of them is not base64, or weak; or there is none.
    pub fn from_base64(text: &str) -> Result<Self, WeakKey> {
        let keys = each(text).map(Key::from_base64);
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(WeakKey::Length(0)),
            false => Ok(Self::of(keys)),
        }
    }

    /// A fresh key in base64, to be kept by the caller.
    pub fn generate() -> String {
        BASE64.encode(rand::random::<[u8; KEY_BYTES]>())
    }

    /// What the key that seals is called: the first eight bytes of its SHA-256, in hexadecimal.
    pub fn key_id(&self) -> String {
        self.keys()[0].id.clone()
    }

    /// What the keys are called, the one that seals first.
    pub fn key_ids(&self) -> Vec<String> {
        self.keys().iter().map(|key| key.id.clone()).collect()
    }

    /// Seals with this key, in base64, from now on. The others only open.
    ///
    /// # Errors
    /// It is not base64, or weak. Nothing changes then.
    pub fn seal_with(&self, key: &str) -> Result<(), WeakKey> {
        let key = Arc::new(Key::from_base64(key)?);
        self.change(|held| {
            let others = held.iter().filter(|it| it.id != key.id);
            std::iter::once(&key).chain(others).cloned().collect()
        });
        Ok(())
    }

    /// Opens nothing any more with this key. The one that seals stays.
    pub fn forget(&self, id: &str) {
        self.change(|held| {
            let (seals, others) = (&held[..1], &held[1..]);
            let others = others.iter().filter(|it| it.id != id);
            seals.iter().chain(others).cloned().collect()
        });
    }

    fn keys(&self) -> Arc<[Arc<Key>]> {
        let keys = self.keys.read();
        keys.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, to: impl FnOnce(&[Arc<Key>]) -> Arc<[Arc<Key>]>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = to(&keys);
    }

    /// Seals a value for one row of one purpose. Each call gives another ciphertext.
    pub fn seal(&self, purpose: &str, row: &str, value: &[u8]) -> SecretBox {
        let key = &self.keys()[0];
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let place = place(&key.id, purpose, row);
        let payload = Payload {
            msg: value,
            aad: &place,
        };
        let ciphertext = key
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a value in memory is shorter than the cipher's limit of 256 GiB");
        SecretBox {
            key: key.id.clone(),
            sealed: BASE64.encode([&nonce[..], &ciphertext].concat()),
        }
    }

    /// Opens what was sealed for this row of this purpose.
    ///
    /// # Errors
    /// It was sealed with a key that is not held, changed, cut off, or sealed for another place.
    pub fn open(&self, purpose: &str, row: &str, sealed: &SecretBox) -> Result<Vec<u8>, SealError> {
        let keys = self.keys();
        let Some(key) = keys.iter().find(|key| key.id == sealed.key) else {
            return Err(SealError::OtherKey {
                sealed_with: sealed.key.clone(),
                held: self.key_ids().join(", "),
            });
        };
        let bytes = BASE64
            .decode(&sealed.sealed)
            .map_err(|_| SealError::Damaged)?;
        let (nonce, ciphertext) = bytes
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Damaged)?;
        let place = place(&key.id, purpose, row);
        let payload = Payload {
            msg: ciphertext,
            aad: &place,
        };
        key.cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Damaged)
    }
}

impl Key {
    fn new(key: &[u8]) -> Result<Self, WeakKey> {
        let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| WeakKey::Length(key.len()))?;
        if key.iter().all(|byte| *byte == key[0]) {
            return Err(WeakKey::Repeated);
        }
        Ok(Self {
            id: key_id(key),
            cipher: XChaCha20Poly1305::new(key.into()),
        })
    }

    fn from_base64(text: &str) -> Result<Self, WeakKey> {
        let key = BASE64.decode(text).map_err(|_| WeakKey::NotBase64)?;
        Self::new(&key)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keys", &self.key_ids())
            .finish_non_exhaustive()
    }
}

/// The keys of a text, in their order, as [`Vault::from_base64`] takes them.
pub fn each(text: &str) -> impl Iterator<Item = &str> {
    let keys = text.split(['\n', ',']).map(str::trim);
    keys.filter(|key| !key.is_empty())
}

/// What a key in base64 is called.
///
/// # Errors
/// It is not base64, or weak.
pub fn id_of(key: &str) -> Result<String, WeakKey> {
    Key::from_base64(key.trim()).map(|key| key.id)
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
            key: vault.key_id(),
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

    /// 1,000 pairs of rows, of one purpose and of two.
    #[test]
    fn values_swapped_between_rows_do_not_open() {
        const PURPOSES: [&str; 2] = ["token", "state"];
        let vault = vault();
        let sealed: Vec<_> = (0..1000)
            .map(|row| vault.seal(PURPOSES[row % 2], &format!("row_{}", row / 2), b"x"))
            .collect();
        for (at, sealed) in sealed.iter().enumerate() {
            let other = (at * 7 + 1) % 1000;
            let (purpose, row) = (PURPOSES[other % 2], format!("row_{}", other / 2));
            let opened = vault.open(purpose, &row, sealed);
            assert_eq!(opened, Err(SealError::Damaged), "{at} in {other}");
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
        assert!(bytes.len() > 40 && damaged(&vault, &[&bytes[..], &[0]].concat()));
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
                sealed_with: theirs.key_id(),
                held: ours.key_id(),
            })
        );
        let forged = SecretBox {
            key: ours.key_id(),
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
        assert!(!printed.contains(&key) && printed.contains(&vault.key_id()));
    }

    #[test]
    fn the_first_of_several_keys_seals_and_all_open() {
        let (old, new) = (Vault::generate(), Vault::generate());
        let before = Vault::from_base64(&old).expect("a key");
        let sealed = before.seal("token", "1", b"x");
        for text in [
            format!("{new}\n{old}\n"),
            format!(" {new} , {old}"),
            format!("{new}\r\n\r\n{old},{new}"),
        ] {
            let vault = Vault::from_base64(&text).expect("two keys");
            assert_eq!(
                vault.key_ids(),
                [id_of(&new), id_of(&old)].map(|it| it.expect("a key"))
            );
            assert_eq!(vault.open("token", "1", &sealed).as_deref(), Ok(&b"x"[..]));
            assert_eq!(vault.seal("token", "1", b"x").key, vault.key_id());
        }
        for weak in [format!("{new},AAAA"), format!("{new}\nnot a key")] {
            assert!(Vault::from_base64(&weak).is_err(), "{weak}");
        }
        assert_eq!(each("\n, \n").count(), 0);
    }

    #[test]
    fn a_key_changes_under_those_who_seal_and_open() {
        let (old, new) = (Vault::generate(), Vault::generate());
        let vault = Vault::from_base64(&old).expect("a key");
        let done = std::sync::atomic::AtomicBool::new(false);
        let over = || done.load(std::sync::atomic::Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over() {
                        let sealed = vault.seal("token", "1", b"x");
                        assert_eq!(vault.open("token", "1", &sealed).as_deref(), Ok(&b"x"[..]));
                    }
                });
            }
            for _ in 0..500 {
                vault.seal_with(&new).expect("a key");
                vault.seal_with(&old).expect("a key");
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(vault.seal_with("AAAA").is_err());
        let (old, new) = (id_of(&old).expect("a key"), id_of(&new).expect("a key"));
        assert_eq!(vault.key_ids(), [old.clone(), new.clone()]);
        vault.forget(&old);
        assert_eq!(
            vault.key_ids(),
            [old.clone(), new.clone()],
            "what seals stays"
        );
        let sealed = vault.seal("token", "1", b"x");
        vault.forget(&new);
        assert_eq!(vault.key_ids(), [old]);
        assert!(vault.open("token", "1", &sealed).is_ok());
    }
}
