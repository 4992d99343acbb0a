//! What answers a chatbox mailbox.
//!
//! [`Echo`] says everything back and needs nothing; [`Llm`] asks a language model: any server that speaks OpenAI's wire,
//! Anthropic, or Ollama. [`BackendSettings`] is the `[backend]` table of the configuration file; [`detect`] turns it and
//! the environment into a [`Choice`], once, when the house starts; [`build`] makes the backend of it:
//!
//! ```
//! use chatbox_backends::{BackendSettings, Kind, build, choose};
//!
//! # fn main() -> Result<(), chatbox_backends::SettingsError> {
//! let settings = BackendSettings { kind: Kind::Echo, ..BackendSettings::default() };
//! let choice = choose(&settings, &|name| std::env::var(name).ok(), None)?;
//! assert_eq!(choice.to_string(), "echo (config)");
//! let backend = build(&choice)?.expect("only `kind = \"none\"` has no backend");
//! assert_eq!(backend.name(), "echo");
//! # Ok(())
//! # }
//! ```
//!
//! A backend is chosen at start only. One that fails later says so; it is never replaced by another.

mod address;
mod auto;
mod choice;
#[cfg(feature = "llm")]
mod context;
mod echo;
mod error;
#[cfg(feature = "llm")]
mod llm;
mod settings;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use auto::{choose, detect, ollama_to_probe};
pub use choice::{Choice, Key, ModelChoice, WhyEcho, build};
pub use echo::Echo;
pub use error::SettingsError;
#[cfg(feature = "llm")]
pub use llm::{Llm, LlmConfig};
pub use settings::{BackendSettings, Kind, Provider};
