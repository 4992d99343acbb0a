//! Checking a signature, as a receiver does.

use super::key::{Key, SecretError};
use super::signature::{content, mac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_core::secret::Secret;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::Mac;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the sender's clock may be from the receiver's.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Checks what came with any of the secrets it knows: `whsec_`, `whpk_`, or the `whsk_` of its own.
#[derive(Clone)]
pub struct Verifier(Vec<Key>);

/// Why something is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The header is no time.
    #[error("`webhook-timestamp` is no number of seconds")]
    Timestamp,
    /// It was signed long ago, or will be.
    #[error("it was signed at another time than now")]
    Time,
    /// No signature is ours.
    #[error("no signature fits")]
    Signature,
}

impl Verifier {
    /// Reads the secrets.
    ///
    /// # Errors
    /// One of them is none, or there are none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self, SecretError> {
        let keys = secrets.into_iter().map(Key::parse);
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            let (found, most) = (0, super::MOST_SECRETS);
            return Err(SecretError::Count { found, most });
        }
        Ok(Self(keys))
    }

    /// Whether these very bytes were signed under this id at this time, which is now.
    ///
    /// # Errors
    /// What is not believed.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), VerifyError> {
        let at: u64 = timestamp.parse().map_err(|_| VerifyError::Timestamp)?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now.abs_diff(at) > TOLERANCE.as_secs() {
            return Err(VerifyError::Time);
        }
        let content = content(id, timestamp, body);
        let fits = |signature: &str| self.0.iter().any(|key| fits(key, signature, &content));
        if signatures.split(' ').any(fits) {
            Ok(())
        } else {
            Err(VerifyError::Signature)
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} secrets)", self.0.len())
    }
}

/// Whether one signature, version and all, was made with a key. Takes the same time wherever the difference is.
fn fits(key: &Key, signature: &str, content: &[u8]) -> bool {
    let Some((version, code)) = signature.split_once(',') else {
        return false;
    };
    let Ok(code) = STANDARD.decode(code) else {
        return false;
    };
    match (version, key) {
        ("v1", Key::Shared(key)) => mac(key, content).verify_slice(&code).is_ok(),
        ("v1a", Key::Private(key)) => is_by(&key.verifying_key(), &code, content),
        ("v1a", Key::Public(key)) => is_by(key, &code, content),
        _ => false,
    }
}

fn is_by(key: &VerifyingKey, code: &[u8], content: &[u8]) -> bool {
    let signature = Signature::from_slice(code);
    signature.is_ok_and(|it| key.verify_strict(content, &it).is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::{Signer, WebhookId, fresh_key_pair, fresh_secret, public_key};
    use super::*;
    use proptest::prelude::*;

    const AT: u64 = 1_700_000_000;

    fn now(offset: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(AT.saturating_add_signed(offset))
    }

    fn id() -> WebhookId {
        WebhookId::new("dlv_1").expect("a good id")
    }

    fn secrets() -> [Secret; 2] {
        [fresh_secret(), fresh_key_pair()]
    }

    #[test]
    fn either_secret_of_a_rotation_is_enough() {
        let [old, new] = secrets();
        let header = Signer::new([&new, &old])
            .expect("two")
            .sign(&id(), AT, b"x");
        let public = Secret::new(public_key(&new).expect("a key pair"));
        for secret in [&old, &new, &public] {
            let verifier = Verifier::new([secret]).expect("a good secret");
            let verdict = verifier.verify("dlv_1", "1700000000", &header, b"x", now(0));
            assert_eq!(verdict, Ok(()));
        }
        let stranger = Verifier::new([&fresh_secret(), &fresh_key_pair()]).expect("two");
        let verdict = stranger.verify("dlv_1", "1700000000", &header, b"x", now(0));
        assert_eq!(verdict, Err(VerifyError::Signature));
    }

    #[test]
    fn what_was_altered_is_not_believed() {
        for secret in &secrets() {
            let header = Signer::new([secret]).expect("one").sign(&id(), AT, b"body");
            let verifier = Verifier::new([secret]).expect("a good secret");
            let check =
                |id, at, header: &str, body: &[u8]| verifier.verify(id, at, header, body, now(0));
            assert_eq!(check("dlv_1", "1700000000", &header, b"body"), Ok(()));
            let wrong = Err(VerifyError::Signature);
            assert_eq!(check("dlv_2", "1700000000", &header, b"body"), wrong);
            assert_eq!(check("dlv_1", "1700000001", &header, b"body"), wrong);
            assert_eq!(check("dlv_1", "1700000000", &header, b"Body"), wrong);
            assert_eq!(check("dlv_1", "1700000000", &header, b""), wrong);
            // Another version, half a header, none.
            assert_eq!(
                check("dlv_1", "1700000000", &header.replace("v1", "v2"), b"body"),
                wrong
            );
            assert_eq!(check("dlv_1", "1700000000", &header[..9], b"body"), wrong);
            assert_eq!(check("dlv_1", "1700000000", "", b"body"), wrong);
            // A shared secret's signature is none of a key's, and the other way round.
            let swapped = header.replacen("v1a,", "v1,", 1);
            let swapped = if swapped == header {
                header.replacen("v1,", "v1a,", 1)
            } else {
                swapped
            };
            assert_eq!(check("dlv_1", "1700000000", &swapped, b"body"), wrong);
        }
    }

    #[test]
    fn five_minutes_either_way_are_now() {
        let secret = fresh_secret();
        let header = Signer::new([&secret]).expect("one").sign(&id(), AT, b"x");
        let verifier = Verifier::new([&secret]).expect("a good secret");
        for (offset, verdict) in [
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(VerifyError::Time)),
            (-301, Err(VerifyError::Time)),
        ] {
            let found = verifier.verify("dlv_1", "1700000000", &header, b"x", now(offset));
            assert_eq!(found, verdict, "{offset}");
        }
        for timestamp in ["", "soon", "-1", "1.7e9", "99999999999999999999"] {
            let found = verifier.verify("dlv_1", timestamp, &header, b"x", now(0));
            assert_eq!(found, Err(VerifyError::Timestamp), "{timestamp}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn another_implementation_agrees(
            key in prop::collection::vec(any::<u8>(), 24..=64),
            body in "\\PC{0,200}",
            flip in any::<prop::sample::Index>(),
        ) {
            let secret = Secret::new(format!("whsec_{}", STANDARD.encode(&key)));
            let header = Signer::new([&secret]).expect("one").sign(&id(), AT, body.as_bytes());
            let oracle = standardwebhooks::Webhook::new(secret.expose()).expect("a good secret");
            let theirs = oracle.sign("dlv_1", AT as i64, body.as_bytes()).expect("it signs");
            prop_assert_eq!(&header, &theirs);
            let verifier = Verifier::new([&secret]).expect("one");
            let check = |body: &[u8]| verifier.verify("dlv_1", "1700000000", &theirs, body, now(0));
            prop_assert_eq!(check(body.as_bytes()), Ok(()));
            if !body.is_empty() {
                let mut altered = body.into_bytes();
                let at = flip.index(altered.len());
                altered[at] ^= 1;
                prop_assert_eq!(check(&altered), Err(VerifyError::Signature));
            }
        }
    }
}
