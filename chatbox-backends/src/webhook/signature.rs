//! Signing: `v1` with a shared secret, `v1a` with a private key.

use super::id::WebhookId;
use super::key::{Key, SecretError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_core::secret::Secret;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use sha2_11::Sha256;
use std::fmt;

/// How many secrets may be live at once: a rotation needs two.
pub const MOST_SECRETS: usize = 3;

/// Signs with every live secret, so that a receiver who knows one of them can check.
#[derive(Clone)]
pub struct Signer(Vec<Key>);

impl Signer {
    /// Reads the live secrets, the newest first: one to [`MOST_SECRETS`], each `whsec_` or `whsk_`.
    ///
    /// # Errors
    /// One of them is none, or there are too few or too many.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self, SecretError> {
        let keys = secrets.into_iter().map(Key::parse);
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        if keys.iter().any(|key| matches!(key, Key::Public(_))) {
            return Err(SecretError::Public);
        }
        if !(1..=MOST_SECRETS).contains(&keys.len()) {
            let (found, most) = (keys.len(), MOST_SECRETS);
            return Err(SecretError::Count { found, most });
        }
        Ok(Self(keys))
    }

    /// The header [`SIGNATURE`](super::SIGNATURE) of these very bytes. `at` in seconds since 1970.
    pub fn sign(&self, id: &WebhookId, at: u64, body: &[u8]) -> String {
        let content = content(id.as_str(), &at.to_string(), body);
        let signatures = self.0.iter().filter_map(|key| match key {
            Key::Shared(key) => {
                let code = mac(key, &content).finalize().into_bytes();
                Some(format!("v1,{}", STANDARD.encode(code)))
            }
            Key::Private(key) => {
                let signature = key.sign(&content).to_bytes();
                Some(format!("v1a,{}", STANDARD.encode(signature)))
            }
            Key::Public(_) => None,
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets)", self.0.len())
    }
}

/// What is signed.
pub(super) fn content(id: &str, at: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), at.as_bytes(), body].join(&b'.')
}

pub(super) fn mac(key: &[u8], content: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(content);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(secret: &str, id: &str, at: u64, body: &str) -> String {
        let signer = Signer::new([&Secret::new(secret)]).expect("a good secret");
        let id = WebhookId::new(id).expect("a good id");
        signer.sign(&id, at, body.as_bytes())
    }

    #[test]
    fn the_published_vectors_come_out() {
        assert_eq!(
            sign(
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
            ),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
        let key = STANDARD.encode("0123456789abcdef0123456789abcdef");
        assert_eq!(
            sign(
                &format!("whsec_{key}"),
                "msg_1",
                1_700_000_000,
                r#"{"a":1}"#
            ),
            "v1,rkwp5YuvdrMkcu0ZhuMsXoTg44mHAr1Q0+FFgFpXsjY="
        );
        assert_eq!(
            sign(
                "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
            ),
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        );
    }

    #[test]
    fn one_to_three_secrets_sign_and_no_public_key() {
        use super::super::{fresh_key_pair, fresh_secret, public_key};
        let (a, b) = (fresh_secret(), fresh_key_pair());
        let both = Signer::new([&a, &b]).expect("two good secrets");
        let id = WebhookId::new("x").expect("a good id");
        let header = both.sign(&id, 1, b"x");
        let versions: Vec<&str> = header
            .split(' ')
            .map(|it| &it[..it.find(',').unwrap_or(0)])
            .collect();
        assert_eq!(versions, ["v1", "v1a"]);
        let count = |found| SecretError::Count { found, most: 3 };
        assert_eq!(Signer::new([]).expect_err("none"), count(0));
        assert_eq!(Signer::new([&a; 10]).expect_err("too many"), count(10));
        let public = Secret::new(public_key(&b).expect("a key pair"));
        assert_eq!(
            Signer::new([&public]).expect_err("no secret"),
            SecretError::Public
        );
    }

    #[test]
    fn a_signer_does_not_print_its_secrets() {
        let secret = Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let signer = Signer::new([&secret]).expect("a good secret");
        assert_eq!(format!("{signer:?}"), "Signer(1 secrets)");
    }
}
