//! The key that seals secrets: from the environment, from its file, or made for data that has nothing sealed yet.

use crate::failure::Failure;
use crate::paths::{DataDir, read_small, secret_from_env, write_private};
use chatbox_core::store::Store;
use chatbox_store::seal::{Vault, WeakKey};

const VARIABLE: &str = "CHATBOX_VAULT_KEY";

/// A vault that opens what the data holds. Writes a key only where nothing is sealed yet.
///
/// # Errors
/// `weak_key`, or `wrong_vault_key` when the data was sealed with another one: nothing was written then.
pub(crate) async fn open(data: &DataDir, store: &dyn Store) -> Result<Vault, Failure> {
    let sealed_with = sealed_with(store).await?;
    let given = match secret_from_env(VARIABLE)? {
        Some(key) => Some(key),
        None => read_small(&data.vault_key())?,
    };
    let key = match (given, sealed_with.first()) {
        (Some(key), _) => key,
        (None, Some(other)) => return Err(wrong("there is no vault key", other)),
        (None, None) => {
            let key = Vault::generate();
            write_private(&data.vault_key(), key.as_bytes())?;
            key
        }
    };
    let vault = Vault::from_base64(&key).map_err(weak)?;
    let fits = sealed_with.iter().any(|key| key == vault.key_id());
    match sealed_with.first().filter(|_| !fits) {
        Some(other) => Err(wrong(
            &format!("the vault key is {}", vault.key_id()),
            other,
        )),
        None => Ok(vault),
    }
}

/// The keys, by their ids, that the connections' secrets were sealed with.
async fn sealed_with(store: &dyn Store) -> Result<Vec<String>, Failure> {
    let secrets = store.connections().await?.into_iter();
    Ok(secrets
        .filter_map(|row| row.secret)
        .map(|secret| secret.key)
        .collect())
}

fn wrong(held: &str, sealed_with: &str) -> Failure {
    let what = format!("{held}, but this data was sealed with key {sealed_with}");
    let fix = format!(
        "bring that key back, in vault.key of the data folder or {VARIABLE}; nothing was changed"
    );
    Failure::new("wrong_vault_key", what, fix)
}

fn weak(error: WeakKey) -> Failure {
    let fix = "make one with `head -c 32 /dev/urandom | base64`";
    Failure::new("weak_key", error.to_string(), fix)
}
