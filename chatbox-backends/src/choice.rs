//! What was chosen to answer, its line for people, and the backend made of it.

use crate::address::place;
use crate::{Echo, Provider, SettingsError};
use chatbox_core::backend::CognitiveBackend;
use chatbox_core::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What answers, and why. Its text is the start line's: `ollama llama3.2 at 127.0.0.1:11434 (found)`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Choice {
    /// Nothing: messages are stored and start no turn.
    None,
    /// Everything is said back.
    Echo(WhyEcho),
    /// A language model.
    Llm(Box<ModelChoice>),
}

/// Why nothing better than echo answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhyEcho {
    /// The configuration says so.
    Configured,
    /// Neither configuration nor environment names a model, and no Ollama answers.
    NothingFound,
    /// An Ollama answers, but has no model to chat with.
    OllamaHasNoModel,
    /// This build has no language models.
    NotBuilt,
}

/// A model that was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelChoice {
    /// Its wire.
    pub provider: Provider,
    /// Its name.
    pub model: String,
    /// Where it is: ends with `/`, holds neither user, query nor fragment.
    pub base_url: Url,
    /// Where its key is.
    pub key: Key,
    /// What named it: `config`, a variable, or `found`.
    pub source: &'static str,
    /// What it is told before everything else.
    pub system_prompt: Option<String>,
    /// How long an answer may be, in its tokens.
    pub max_response_tokens: u32,
    /// How much of a chat a turn is told.
    pub context_tokens: u32,
    /// How long a turn may take.
    pub timeout: Duration,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// Nowhere: the server asks for none.
    None,
    /// In a file.
    File(PathBuf),
    /// It came with the environment variable of this name.
    Variable(&'static str, Secret),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none - messages are stored, nothing answers"),
            Self::Echo(WhyEcho::Configured) => f.write_str("echo (config)"),
            Self::Echo(WhyEcho::NothingFound) => f.write_str("echo - no AI found"),
            Self::Echo(WhyEcho::OllamaHasNoModel) => f.write_str(
                "echo - Ollama has no model; run `ollama pull llama3.2` and start again",
            ),
            Self::Echo(WhyEcho::NotBuilt) => f.write_str("echo - built without AI"),
            Self::Llm(chosen) => {
                let ModelChoice {
                    provider,
                    model,
                    base_url,
                    source,
                    ..
                } = &**chosen;
                write!(f, "{provider} {model} at {} ({source})", place(base_url))
            }
        }
    }
}

/// Makes the chosen backend; nothing where nothing shall answer. Reads the key's file; asks nobody.
///
/// # Errors
/// The key cannot be read or used, or the client cannot be made.
pub fn build(choice: &Choice) -> Result<Option<Arc<dyn CognitiveBackend>>, SettingsError> {
    match choice {
        Choice::None => Ok(None),
        Choice::Echo(_) => Ok(Some(Arc::new(Echo))),
        #[cfg(feature = "llm")]
        Choice::Llm(chosen) => Ok(Some(Arc::new(crate::Llm::new(
            crate::LlmConfig::try_from(&**chosen)?,
        )?))),
        #[cfg(not(feature = "llm"))]
        Choice::Llm(_) => Err(SettingsError::FeatureMissing),
    }
}
