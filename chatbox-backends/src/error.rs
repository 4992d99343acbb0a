//! Why no backend could be made from what is written.

use std::io;
use std::path::PathBuf;

/// What is wrong with the `[backend]` table or the environment. Every text says what to do and holds no secret; the
/// house does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A setting cannot be what it is.
    #[error("`{key}` in [backend] {wrong}")]
    Invalid {
        /// Which setting.
        key: &'static str,
        /// What is wrong, and what to write instead.
        wrong: String,
    },
    /// A model is asked for, and nothing says which.
    #[error("{0}")]
    NothingFound(String),
    /// The key's file cannot be used.
    #[error("the key file {path} {wrong}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: String,
        /// The system's own error, if there was one.
        source: Option<io::Error>,
    },
    /// The key cannot be a key.
    #[error("the key from {from} {wrong}")]
    Key {
        /// Where the key came from.
        from: String,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// This build has no language models.
    #[error(
        "a language model is configured, but this build has none; build with `--features llm`, or write `kind = \"echo\"`"
    )]
    FeatureMissing,
    /// The client that would speak to the model cannot be made.
    #[error("no connection to a model can be prepared: {0}")]
    Client(String),
}

impl SettingsError {
    /// A stable short name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_backend",
            Self::NothingFound(_) => "no_model",
            Self::KeyFile { .. } => "key_file",
            Self::Key { .. } => "invalid_key",
            Self::FeatureMissing => "feature_missing",
            Self::Client(_) => "no_client",
        }
    }

    /// The key of the `[backend]` table it is about.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { key, .. } => Some(key),
            _ => None,
        }
    }

    pub(crate) fn invalid(key: &'static str, wrong: impl Into<String>) -> Self {
        Self::Invalid {
            key,
            wrong: wrong.into(),
        }
    }
}
