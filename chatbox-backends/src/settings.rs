//! The `[backend]` table of the configuration file: what can be written and what it means. A key is never written
//! there; `api_key_file` names the file that holds it.

use crate::SettingsError;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The `[backend]` table. Every key may be left out.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BackendSettings {
    /// What answers.
    pub kind: Kind,
    /// Whose wire the model speaks. Without it, `base_url` means [`Provider::OpenAi`].
    pub provider: Option<Provider>,
    /// The model's name, as its server knows it.
    pub model: Option<String>,
    /// The server's address, where it is not the provider's own.
    pub base_url: Option<String>,
    /// A file that holds the key.
    pub api_key_file: Option<PathBuf>,
    /// What the model is told before everything else.
    pub system_prompt: Option<String>,
    /// How long an answer may be, in the model's tokens.
    pub max_response_tokens: u32,
    /// How much of a chat a turn is told, in [`chatbox_core::session::tokens`].
    pub context_tokens: u32,
    /// How long a turn may take: `"120s"`.
    #[serde(deserialize_with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub timeout: Duration,
}

impl Default for BackendSettings {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            provider: None,
            model: None,
            base_url: None,
            api_key_file: None,
            system_prompt: None,
            max_response_tokens: 4_096,
            context_tokens: 8_000,
            timeout: Duration::from_secs(120),
        }
    }
}

impl BackendSettings {
    /// Whether the numbers are usable.
    ///
    /// # Errors
    /// `Invalid`, with the range.
    pub fn check(&self) -> Result<(), SettingsError> {
        within(
            "max_response_tokens",
            self.max_response_tokens,
            1..=1_000_000,
        )?;
        within("context_tokens", self.context_tokens, 256..=10_000_000)?;
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&self.timeout) {
            let wrong = "must be between 1s and 1h, such as \"120s\"";
            return Err(SettingsError::invalid("timeout", wrong));
        }
        if self
            .model
            .as_deref()
            .is_some_and(|model| model.trim().is_empty())
        {
            return Err(SettingsError::invalid(
                "model",
                "is empty; write the model's name or leave it out",
            ));
        }
        Ok(())
    }
}

fn within(key: &'static str, value: u32, range: RangeInclusive<u32>) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (from, to) = (range.start(), range.end());
    Err(SettingsError::invalid(
        key,
        format!("is {value}; it must be between {from} and {to}"),
    ))
}

/// What answers a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A model if one is found at start, else echo.
    #[default]
    Auto,
    /// Everything is said back.
    Echo,
    /// A model; the house does not start without one.
    Llm,
    /// Nothing: messages are stored and start no turn.
    None,
}

/// Whose wire a model speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// OpenAI's chat completions, which most servers speak.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama's own.
    Ollama,
}

impl Provider {
    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
        }
    }

    /// The variable that may hold its key.
    pub(crate) fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("OPENAI_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Ollama => None,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationText)
}

struct DurationText;

impl Visitor<'_> for DurationText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time with its unit, such as \"120s\", \"2m\", \"1h\" or \"500ms\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Duration, E> {
        Err(E::invalid_type(Unexpected::Signed(number), &self))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(table: serde_json::Value) -> Result<BackendSettings, String> {
        let settings: BackendSettings =
            serde_json::from_value(table).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn an_empty_table_is_the_defaults() {
        assert_eq!(read(json!({})), Ok(BackendSettings::default()));
    }

    #[test]
    fn everything_can_be_written() {
        let read = read(json!({
            "kind": "llm", "provider": "anthropic", "model": "m", "base_url": "http://alpha/", "api_key_file": "k",
            "system_prompt": "Be brief.", "max_response_tokens": 5, "context_tokens": 600, "timeout": "2m",
        }))
        .expect("it is all allowed");
        assert_eq!(
            (read.kind, read.provider),
            (Kind::Llm, Some(Provider::Anthropic))
        );
        assert_eq!(read.timeout, Duration::from_secs(120));
    }

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in [
            ("120s", 120_000),
            ("2m", 120_000),
            ("1 h", 3_600_000),
            ("1500ms", 1_500),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "30",
            "s",
            "30 parsecs",
            "-1s",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_to_write() {
        for (table, told) in [
            (json!({"timeout": 120}), "\"120s\""),
            (json!({"timeout": "30 parsecs"}), "\"120s\""),
            (json!({"timeout": "2h"}), "between 1s and 1h"),
            (json!({"kind": "gpt"}), "`auto`, `echo`, `llm`, `none`"),
            (json!({"max_response_tokens": 0}), "between 1 and"),
            (json!({"context_tokens": 5}), "between 256 and"),
            (json!({"modle": "m"}), "unknown field `modle`"),
            (json!({"model": " "}), "`model` in [backend] is empty"),
        ] {
            let error = read(table.clone()).expect_err("it is a mistake");
            assert!(error.contains(told), "{table}: {error}");
        }
    }

    #[test]
    fn a_key_cannot_be_written_and_is_not_repeated() {
        let error = read(json!({"api_key": "sk-hunter2"})).expect_err("there is no such setting");
        assert!(
            error.contains("unknown field `api_key`") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
