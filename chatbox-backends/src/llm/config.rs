//! What a language model backend needs to know, and the key's file.

use crate::{Key, ModelChoice, Provider, SettingsError};
use chatbox_core::secret::Secret;
use std::path::Path;
use std::time::Duration;

/// No key is longer.
const LONGEST_KEY_FILE: u64 = 16 * 1_024;

/// Which model to ask, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LlmConfig {
    /// Its wire.
    pub provider: Provider,
    /// Its name, as its server knows it.
    pub model: String,
    /// What stands before `chat/completions`, `messages` or `api/chat`.
    pub base_url: String,
    /// Empty where the server asks for none.
    pub api_key: Secret,
    /// What it is told before everything else.
    pub system_prompt: Option<String>,
    /// How long an answer may be, in its tokens.
    pub max_response_tokens: u32,
    /// How much of a chat a turn is told, in [`chatbox_core::session::tokens`].
    pub context_tokens: u32,
    /// How long a turn may take.
    pub timeout: Duration,
}

impl LlmConfig {
    /// A model that asks for no key, with the numbers of an empty `[backend]` table.
    pub fn new(provider: Provider, model: impl Into<String>, base_url: impl Into<String>) -> Self {
        let defaults = crate::BackendSettings::default();
        Self {
            provider,
            model: model.into(),
            base_url: base_url.into(),
            api_key: Secret::default(),
            system_prompt: None,
            max_response_tokens: defaults.max_response_tokens,
            context_tokens: defaults.context_tokens,
            timeout: defaults.timeout,
        }
    }
}

impl TryFrom<&ModelChoice> for LlmConfig {
    type Error = SettingsError;

    /// Reads the key's file.
    fn try_from(chosen: &ModelChoice) -> Result<Self, SettingsError> {
        Ok(Self {
            provider: chosen.provider,
            model: chosen.model.clone(),
            base_url: chosen.base_url.to_string(),
            api_key: key(&chosen.key)?,
            system_prompt: chosen.system_prompt.clone(),
            max_response_tokens: chosen.max_response_tokens,
            context_tokens: chosen.context_tokens,
            timeout: chosen.timeout,
        })
    }
}

fn key(key: &Key) -> Result<Secret, SettingsError> {
    let (secret, from) = match key {
        Key::None => return Ok(Secret::default()),
        Key::Variable(name, secret) => (secret.clone(), (*name).to_owned()),
        Key::File(path) => (read(path)?, path.display().to_string()),
    };
    let text = secret.expose();
    let wrong = if text.to_lowercase().starts_with("your") || text.eq_ignore_ascii_case("changeme")
    {
        "is a placeholder; put the real key there"
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
        "holds spaces, line breaks or other characters no key has"
    } else {
        return Ok(secret);
    };
    Err(SettingsError::Key { from, wrong })
}

fn read(path: &Path) -> Result<Secret, SettingsError> {
    let wrong = |wrong: &str, source| SettingsError::KeyFile {
        path: path.to_owned(),
        wrong: wrong.to_owned(),
        source,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| wrong(&format!("cannot be read: {error}"), Some(error)))?;
    if !size.is_file() {
        return Err(wrong("is not a file", None));
    }
    if size.len() > LONGEST_KEY_FILE {
        return Err(wrong(
            "is too large to hold a key; name the file that holds only the key",
            None,
        ));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(&format!("cannot be read: {error}"), Some(error)))?;
    match text.trim() {
        "" => Err(wrong("is empty", None)),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn file(name: &str, text: &[u8]) -> Key {
        let path = std::env::temp_dir().join(format!("chatbox-key-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder can be written");
        Key::File(path)
    }

    #[test]
    fn a_key_is_read_without_its_line_break() {
        let written = file("good", b"sk-good\n");
        assert_eq!(key(&written).expect("it is a key"), Secret::new("sk-good"));
        let Key::File(path) = written else {
            unreachable!("it was made as a file")
        };
        std::fs::remove_file(path).expect("it was there");
    }

    #[test]
    fn a_bad_key_is_refused_and_not_repeated() {
        for (written, told) in [
            (
                Key::File(PathBuf::from("/nowhere/key")),
                "/nowhere/key cannot be read",
            ),
            (Key::File(std::env::temp_dir()), "is not a file"),
            (file("empty", b" \n"), "is empty"),
            (file("large", &[b'k'; 20_000]), "too large"),
            (file("two", b"hunter2 hunter2"), "spaces"),
            (
                Key::Variable("OPENAI_API_KEY", Secret::new("hunter2\u{e9}")),
                "OPENAI_API_KEY holds",
            ),
            (
                Key::Variable("OPENAI_API_KEY", Secret::new("your-key-here")),
                "placeholder",
            ),
        ] {
            let error = key(&written).expect_err("it is no key").to_string();
            assert!(
                error.contains(told) && !error.contains("hunter2"),
                "{error}"
            );
            if let Key::File(path) = written {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
