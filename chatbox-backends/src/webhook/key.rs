//! Signing secrets, as Standard Webhooks writes them: `whsec_` shared by both sides, `whsk_` with its public `whpk_`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_core::secret::Secret;
use ed25519_dalek::{SigningKey, VerifyingKey};

const SHARED: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

/// Why a text is no signing secret. No text repeats it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It says not what it is.
    #[error("a signing secret begins with `whsec_` or `whsk_`")]
    Prefix,
    /// It is the half that signs nothing.
    #[error("`whpk_` is what a receiver checks with; sign with the `whsk_` it belongs to")]
    Public,
    /// What follows the prefix is not base64.
    #[error("what follows the prefix is not base64")]
    Base64,
    /// Too short to be safe, or too long to be meant.
    #[error("`whsec_` holds 24 to 64 bytes, and here are {0}")]
    Length(usize),
    /// The two halves of a key do not belong together, or there are not two.
    #[error("`whsk_` holds 64 bytes, a key and the public key that belongs to it")]
    KeyPair,
    /// A public key that is none.
    #[error("`whpk_` holds the 32 bytes of a public key")]
    PublicKey,
    /// None, or more than a rotation needs.
    #[error("an endpoint is signed for with one to {most} secrets, and here are {found}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}

impl SecretError {
    /// A stable short name, for programs.
    pub fn code(&self) -> &'static str {
        "invalid_secret"
    }
}

/// What signs or is checked with.
#[derive(Clone)]
pub(super) enum Key {
    Shared(Vec<u8>),
    Private(Box<SigningKey>),
    Public(Box<VerifyingKey>),
}

impl Key {
    pub(super) fn parse(secret: &Secret) -> Result<Self, SecretError> {
        let text = secret.expose();
        if let Some(rest) = text.strip_prefix(SHARED) {
            return shared(decode(rest)?);
        }
        if let Some(rest) = text.strip_prefix(PRIVATE) {
            let pair = decode(rest)?.try_into().map_err(|_| SecretError::KeyPair)?;
            let key = SigningKey::from_keypair_bytes(&pair).map_err(|_| SecretError::KeyPair)?;
            return Ok(Self::Private(Box::new(key)));
        }
        let rest = text.strip_prefix(PUBLIC).ok_or(SecretError::Prefix)?;
        let half = decode(rest)?
            .try_into()
            .map_err(|_| SecretError::PublicKey)?;
        let key = VerifyingKey::from_bytes(&half).map_err(|_| SecretError::PublicKey)?;
        Ok(Self::Public(Box::new(key)))
    }
}

fn decode(text: &str) -> Result<Vec<u8>, SecretError> {
    STANDARD.decode(text).map_err(|_| SecretError::Base64)
}

fn shared(bytes: Vec<u8>) -> Result<Key, SecretError> {
    if (24..=64).contains(&bytes.len()) {
        Ok(Key::Shared(bytes))
    } else {
        Err(SecretError::Length(bytes.len()))
    }
}

/// A new secret for both sides: `whsec_` and 32 random bytes.
pub fn fresh_secret() -> Secret {
    let random: [u8; 32] = rand::random();
    Secret::new(format!("{SHARED}{}", STANDARD.encode(random)))
}

/// A new key of which the receiver needs the [`public_key`] only: `whsk_`.
pub fn fresh_key_pair() -> Secret {
    let key = SigningKey::from_bytes(&rand::random());
    Secret::new(format!(
        "{PRIVATE}{}",
        STANDARD.encode(key.to_keypair_bytes())
    ))
}

/// What a receiver checks a `whsk_` with: `whpk_`.
///
/// # Errors
/// It is no `whsk_`.
pub fn public_key(secret: &Secret) -> Result<String, SecretError> {
    match Key::parse(secret)? {
        Key::Private(key) => Ok(format!("{PUBLIC}{}", STANDARD.encode(key.verifying_key()))),
        Key::Shared(_) => Err(SecretError::KeyPair),
        Key::Public(_) => Err(SecretError::Public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), SecretError> {
        Key::parse(&Secret::new(text)).map(|_| ())
    }

    fn whsec(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_reason() {
        use SecretError as Error;
        for (text, error) in [
            ("", Error::Prefix),
            ("hunter2", Error::Prefix),
            ("WHSEC_AAAA", Error::Prefix),
            ("whsec_", Error::Length(0)),
            ("whsec_not base64!", Error::Base64),
            ("whsec_AAA", Error::Base64),
            (&whsec(8), Error::Length(8)),
            (&whsec(23), Error::Length(23)),
            (&whsec(65), Error::Length(65)),
            ("whsk_AAAA", Error::KeyPair),
            (&whsec(64).replace("whsec_", "whsk_"), Error::KeyPair),
            ("whpk_AAAA", Error::PublicKey),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
            assert!(text.len() < 10 || !error.to_string().contains(&text[6..]));
        }
        assert_eq!((parse(&whsec(24)), parse(&whsec(64))), (Ok(()), Ok(())));
    }

    #[test]
    fn fresh_ones_are_good_and_differ() {
        assert_ne!(fresh_secret(), fresh_secret());
        assert_ne!(fresh_key_pair(), fresh_key_pair());
        assert_eq!(parse(fresh_secret().expose()), Ok(()));
        let public = public_key(&fresh_key_pair()).expect("a key pair");
        assert!(public.starts_with("whpk_"));
        assert_eq!(parse(&public), Ok(()));
        assert_eq!(public_key(&fresh_secret()), Err(SecretError::KeyPair));
    }
}
