//! Putting what older keys sealed under the key that seals: in small steps, and only where nobody was faster.

use crate::http::REPLY;
use crate::records::{self, CredentialRecord};
use chatbox_core::seal::{CONNECTION, STATE, Seal};
use chatbox_core::store::{
    Admin, Outcome, Sealed, SealedOf, SealedPlace, SecretBox, Step, Store, StoreError,
};
use chatbox_store::seal::Vault;

/// What one step came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resealed {
    /// So many values.
    pub(crate) count: u64,
    /// Where to go on; nowhere after the last.
    pub(crate) after: Option<SealedPlace>,
    /// Values that do not open with the key they name: they stay as they are.
    pub(crate) unreadable: Vec<SealedPlace>,
}

/// Seals again what another key than the vault's first sealed: at most so many values, from a place on. Who writes one of
/// them meanwhile wins.
///
/// # Errors
/// The store. What was done is done, and asking again goes on.
pub(crate) async fn reseal(
    store: &dyn Store,
    vault: &Vault,
    after: Option<&SealedPlace>,
    limit: u32,
) -> Result<Resealed, StoreError> {
    let found = store.sealed(&vault.key_id(), after, limit).await?;
    let mut resealed = Resealed {
        after: found.last().map(|it| it.place.clone()),
        ..Resealed::default()
    };
    if found.len() < limit as usize {
        resealed.after = None;
    }
    let mut steps = Vec::with_capacity(found.len());
    for value in found {
        match again(vault, &value) {
            Some(becomes) => steps.push(Step::Admin(Box::new(Admin::Reseal {
                place: value.place,
                was: value.text,
                becomes,
            }))),
            None => resealed.unreadable.push(value.place),
        }
    }
    let outcomes = store.commit(steps).await?;
    let done = |outcome: &&Outcome| matches!(outcome, Outcome::Done(_));
    resealed.count = outcomes.iter().filter(done).count() as u64;
    Ok(resealed)
}

/// The text with the same value in it, sealed by the key that seals.
fn again(vault: &dyn Seal, sealed: &Sealed) -> Option<String> {
    let SealedPlace { of, id, key } = &sealed.place;
    let anew = |purpose: &str, row: &str, value: &SecretBox| {
        let plain = vault.open(purpose, row, value).ok()?;
        Some(vault.seal(purpose, row, &plain))
    };
    if *of == SealedOf::Credential {
        let record: CredentialRecord = serde_json::from_str(&sealed.text).ok()?;
        let sealed = anew(record.kind.purpose(), id, &record.sealed)?;
        return Some(records::written(&CredentialRecord { sealed, ..record }));
    }
    let value = sealed.value()?;
    let value = match of {
        SealedOf::State => anew(STATE, &format!("{id}/{key}"), &value)?,
        SealedOf::Reply => anew(REPLY, id, &value)?,
        _ => anew(CONNECTION, id, &value)?,
    };
    Some(records::written(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::CredentialKind;
    use chatbox_core::secret::Secret;

    fn place(text: &str) -> SealedPlace {
        text.parse().expect("a place")
    }

    #[test]
    fn every_value_opens_afterwards_where_it_stands() {
        let vault = Vault::from_base64(&Vault::generate()).expect("a key");
        let credential = CredentialRecord::seal(
            &vault,
            "crd_1",
            CredentialKind::Signing,
            &Secret::new("hush"),
        );
        let bare = |purpose, row| records::written(&vault.seal(purpose, row, b"hush"));
        let values = [
            ("connection/con_1", bare(CONNECTION, "con_1")),
            ("credential/crd_1", records::written(&credential)),
            ("state/con_1/a/b", bare(STATE, "con_1/a/b")),
            ("reply/00ff", bare(REPLY, "00ff")),
        ];
        vault.seal_with(&Vault::generate()).expect("a key");
        for (at, text) in values {
            let old = Sealed {
                place: place(at),
                text,
            };
            let text = again(&vault, &old).expect(at);
            let new = Sealed {
                text,
                ..old.clone()
            };
            assert_eq!(new.value().expect(at).key, vault.key_id());
            // It opens in its place: it can be sealed again from there, and from no other.
            assert!(again(&vault, &new).is_some());
            let elsewhere = Sealed {
                place: place(&format!("{at}x")),
                ..old
            };
            assert_eq!(again(&vault, &elsewhere), None, "{at}");
        }
        let none = Sealed {
            place: place("credential/crd_1"),
            text: "no JSON".to_owned(),
        };
        assert_eq!(again(&vault, &none), None);
    }
}
