//! The keys that seal secrets: from the environment, from their file, or made for data that has nothing sealed yet.
//!
//! The first key seals, the others only open. A key is in its file before anything is sealed with it, and leaves it after
//! nothing names it any more: at every moment in between, what lies on the disk can be opened with what lies beside it.

use crate::failure::Failure;
use crate::paths::{DataDir, read_small, secret_from_env, write_private};
use chatbox_core::store::KeyUse;
use chatbox_store::seal::{Vault, WeakKey, each, id_of};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const VARIABLE: &str = "CHATBOX_VAULT_KEY";
/// What was sealed with a key so long ago is written, or never will be.
const WRITTEN: Duration = Duration::from_secs(60);

/// The vault, and where its keys are kept.
#[derive(Debug)]
pub struct Keys {
    /// What seals and opens.
    pub vault: Arc<Vault>,
    /// Their file, where they are ours to change.
    file: Option<PathBuf>,
    /// Since when the newest key seals, if another did before in this process. Held while keys change.
    since: Mutex<Option<Instant>>,
}

impl Keys {
    /// The keys of data in which these are named. Writes one only where nothing is sealed yet and there is none.
    ///
    /// # Errors
    /// `weak_key`, or `wrong_vault_key` when something was sealed with a key that is not there: nothing was written then.
    pub(crate) fn open(data: &DataDir, named: &[KeyUse]) -> Result<Self, Failure> {
        let (given, file) = match secret_from_env(VARIABLE)? {
            Some(keys) => (Some(keys), None),
            None => (read_small(&data.vault_key())?, Some(data.vault_key())),
        };
        let keys = match (given, named.first()) {
            (Some(keys), _) => keys,
            (None, Some(other)) => return Err(wrong("there is no vault key", other)),
            (None, None) => {
                let key = Vault::generate();
                write_private(&data.vault_key(), key.as_bytes())?;
                key
            }
        };
        let vault = Vault::from_base64(&keys).map_err(weak)?;
        let held = vault.key_ids();
        if let Some(other) = named.iter().find(|it| !held.contains(&it.key)) {
            let held = format!("the vault key is {}", held.join(", "));
            return Err(wrong(&held, other));
        }
        Ok(Self {
            vault: Arc::new(vault),
            file,
            since: Mutex::default(),
        })
    }

    /// Makes a key that seals from now on, and its id. The ones before open what they sealed.
    ///
    /// # Errors
    /// `key_not_ours` where the keys do not stand in the data folder, `key_file_changed` where they are others there, or
    /// the file's trouble. Nothing has changed then.
    pub(crate) fn make(&self) -> Result<String, Failure> {
        let mut since = self.since();
        let (file, before) = self.ours(
            "put a new one before them, a comma between, and start again: \
             CHATBOX_VAULT_KEY=\"$(head -c 32 /dev/urandom | base64),$CHATBOX_VAULT_KEY\"; then ask for `chatbox vault rotate` again",
        )?;
        let key = Vault::generate();
        let all = std::iter::once(&key).chain(&before);
        write_private(file, lines(all).as_bytes())?;
        self.vault.seal_with(&key).map_err(weak)?;
        *since = Some(Instant::now());
        Ok(self.vault.key_id())
    }

    /// Forgets a key that nothing names.
    ///
    /// # Errors
    /// `key_in_use` for the one that seals, `too_soon` where what it sealed may not be written yet, or as [`Keys::make`].
    /// Nothing has changed then.
    pub(crate) fn forget(&self, id: &str) -> Result<(), Failure> {
        let since = self.since();
        if self.vault.key_id() == id {
            let what = "this is the key that seals";
            let fix = "make another with `chatbox vault rotate` first";
            return Err(Failure::new("key_in_use", what, fix));
        }
        let (file, mut keys) = self.ours("leave it out there, and start again")?;
        if since.is_some_and(|since| since.elapsed() < WRITTEN) {
            let what = "it sealed until a moment ago, and not all of that may be written";
            return Err(Failure::new("too_soon", what, "wait a minute"));
        }
        keys.retain(|key| id_of(key).is_ok_and(|it| it != id));
        write_private(file, lines(&keys).as_bytes())?;
        self.vault.forget(id);
        Ok(())
    }

    /// Whether it is here, to open with.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.vault.key_ids().iter().any(|it| it == id)
    }

    /// The file of the keys, and the keys in it, where they are ours to change; else what to do.
    fn ours(&self, elsewhere: &str) -> Result<(&PathBuf, Vec<String>), Failure> {
        let Some(file) = &self.file else {
            let what = format!("the vault keys come from {VARIABLE} or the file it names");
            return Err(Failure::new("key_not_ours", what, elsewhere));
        };
        let text = read_small(file)?.unwrap_or_default();
        let held = Vault::from_base64(&text).map(|it| it.key_ids());
        if held.as_ref() != Ok(&self.vault.key_ids()) {
            let what = format!("{} has other keys than this server", file.display());
            let fix = "start the server again, so that it has those, and try again";
            return Err(Failure::new("key_file_changed", what, fix));
        }
        Ok((file, each(&text).map(str::to_owned).collect()))
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lines<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    keys.into_iter().map(|key| format!("{key}\n")).collect()
}

fn wrong(held: &str, other: &KeyUse) -> Failure {
    let KeyUse { key, values } = other;
    let what = format!("{held}, but {values} secrets of this data were sealed with key {key}");
    let fix = format!(
        "bring that key back, on a line of its own in vault.key of the data folder or after a comma in {VARIABLE}; \
         nothing was changed"
    );
    Failure::new("wrong_vault_key", what, fix)
}

fn weak(error: WeakKey) -> Failure {
    let fix = "make one with `head -c 32 /dev/urandom | base64`";
    Failure::new("weak_key", error.to_string(), fix)
}
