//! Which backend answers, decided once at start: what the configuration says, else what the environment offers, else
//! echo. [`choose`] is pure; [`detect`] asks Ollama first, where that can matter.

use crate::address::{base_url, ollama_host, place};
use crate::{BackendSettings, Choice, Key, Kind, ModelChoice, Provider, SettingsError, WhyEcho};
use chatbox_core::secret::Secret;
use url::Url;

const OPENAI_URL: &str = "https://api.openai.com/v1/";
const ANTHROPIC_URL: &str = "https://api.anthropic.com/v1/";
/// Asked for where nobody names a model.
const OPENAI_MODEL: &str = "gpt-5-mini";
const ANTHROPIC_MODEL: &str = "claude-haiku-4-5";

/// A variable of the environment.
type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Decides. `ollama` is what the Ollama at [`ollama_to_probe`] has to chat with, newest first; `None` if none answers.
///
/// # Errors
/// What is configured cannot work.
pub fn choose(
    settings: &BackendSettings,
    env: Env<'_>,
    ollama: Option<&[String]>,
) -> Result<Choice, SettingsError> {
    settings.check()?;
    let set = Set { settings, env };
    match settings.kind {
        Kind::None => return Ok(Choice::None),
        Kind::Echo => return Ok(Choice::Echo(WhyEcho::Configured)),
        Kind::Auto | Kind::Llm => {}
    }
    let named = set.named()?;
    if !cfg!(feature = "llm") {
        return match (settings.kind, named) {
            (Kind::Auto, None) => Ok(Choice::Echo(WhyEcho::NotBuilt)),
            _ => Err(SettingsError::FeatureMissing),
        };
    }
    let found = named.or_else(|| set.offered());
    match (found, ollama) {
        (Some((Provider::Ollama, source)), ollama) => set.ollama(source, ollama.unwrap_or_default()),
        (Some((provider, source)), _) => set.service(provider, source),
        (None, Some(models)) if settings.model.is_some() || !models.is_empty() => set.ollama("found", models),
        (None, _) if settings.kind == Kind::Llm => Err(SettingsError::NothingFound(
            "kind = \"llm\" in [backend], but no model is named or found; set `provider` and `model`, or OPENAI_API_KEY, \
             or ANTHROPIC_API_KEY, or start Ollama"
                .to_owned(),
        )),
        (None, Some(_)) => Ok(Choice::Echo(WhyEcho::OllamaHasNoModel)),
        (None, None) => Ok(Choice::Echo(WhyEcho::NothingFound)),
    }
}

/// The Ollama whose models decide, if any does: the one configured without a model, or the last resort.
///
/// # Errors
/// Its address cannot be one.
pub fn ollama_to_probe(
    settings: &BackendSettings,
    env: Env<'_>,
) -> Result<Option<Url>, SettingsError> {
    let set = Set { settings, env };
    if matches!(settings.kind, Kind::None | Kind::Echo) || !cfg!(feature = "llm") {
        return Ok(None);
    }
    match set.named()?.or_else(|| set.offered()) {
        Some((Provider::Ollama, _)) if settings.model.is_none() => set.ollama_url().map(Some),
        Some(_) => Ok(None),
        None => set.ollama_url().map(Some),
    }
}

/// Decides after asking Ollama, where that matters, what it has; it gets 300 ms to answer.
///
/// # Errors
/// What is configured cannot work.
pub async fn detect(settings: &BackendSettings, env: Env<'_>) -> Result<Choice, SettingsError> {
    #[cfg(feature = "llm")]
    let models = match ollama_to_probe(settings, env)? {
        Some(url) => crate::llm::probe(&url).await,
        None => None,
    };
    #[cfg(not(feature = "llm"))]
    let models: Option<Vec<String>> = std::future::ready(None).await;
    choose(settings, env, models.as_deref())
}

/// Settings and environment, asked together.
#[derive(Clone, Copy)]
struct Set<'a> {
    settings: &'a BackendSettings,
    env: Env<'a>,
}

impl Set<'_> {
    /// An empty variable is none.
    fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    fn named(&self) -> Result<Option<(Provider, &'static str)>, SettingsError> {
        let BackendSettings {
            provider,
            base_url,
            api_key_file,
            ..
        } = self.settings;
        match (provider, base_url, api_key_file) {
            (Some(provider), _, _) => Ok(Some((*provider, "config"))),
            (None, Some(_), _) => Ok(Some((Provider::OpenAi, "config"))),
            (None, None, None) => Ok(None),
            (None, None, Some(_)) => Err(SettingsError::invalid(
                "api_key_file",
                "says no whose key it is; set `provider` to \"openai\" or \"anthropic\" too",
            )),
        }
    }

    fn offered(&self) -> Option<(Provider, &'static str)> {
        let offers = [
            ("OPENAI_BASE_URL", Provider::OpenAi),
            ("OPENAI_API_KEY", Provider::OpenAi),
            ("ANTHROPIC_API_KEY", Provider::Anthropic),
        ];
        let mut offers = offers.into_iter();
        let (variable, provider) = offers.find(|(name, _)| self.variable(name).is_some())?;
        Some((provider, variable))
    }

    fn service(&self, provider: Provider, source: &'static str) -> Result<Choice, SettingsError> {
        let (url_variable, own_url, model_variable, own_model) = match provider {
            Provider::Anthropic => (
                "ANTHROPIC_BASE_URL",
                ANTHROPIC_URL,
                "ANTHROPIC_MODEL",
                ANTHROPIC_MODEL,
            ),
            Provider::OpenAi | Provider::Ollama => {
                ("OPENAI_BASE_URL", OPENAI_URL, "OPENAI_MODEL", OPENAI_MODEL)
            }
        };
        let written = match &self.settings.base_url {
            Some(url) => Some(base_url("base_url", url)?),
            None => self
                .variable(url_variable)
                .map(|url| base_url(url_variable, &url))
                .transpose()?,
        };
        let key = self.key(provider);
        if key == Key::None && written.is_none() {
            let variable = provider.key_variable().unwrap_or_default();
            return Err(SettingsError::NothingFound(format!(
                "{provider} needs a key; set `api_key_file` in [backend] to a file that holds it, or {variable}"
            )));
        }
        let mut url = match written {
            Some(url) => url,
            None => base_url(url_variable, own_url)?,
        };
        if provider == Provider::Anthropic && !url.path().ends_with("/v1/") {
            url.set_path(&format!("{}v1/", url.path()));
        }
        let model = self
            .settings
            .model
            .clone()
            .or_else(|| self.variable(model_variable));
        Ok(self.model(
            provider,
            model.unwrap_or_else(|| own_model.to_owned()),
            url,
            key,
            source,
        ))
    }

    fn ollama(&self, source: &'static str, models: &[String]) -> Result<Choice, SettingsError> {
        let url = self.ollama_url()?;
        let Some(model) = self.settings.model.as_ref().or(models.first()) else {
            return Err(SettingsError::NothingFound(format!(
                "no model is named for Ollama and none was found at {}; set `model` in [backend], or start Ollama and run \
                 `ollama pull llama3.2`",
                place(&url)
            )));
        };
        Ok(self.model(
            Provider::Ollama,
            model.clone(),
            url,
            self.key(Provider::Ollama),
            source,
        ))
    }

    fn ollama_url(&self) -> Result<Url, SettingsError> {
        match (&self.settings.base_url, self.variable("OLLAMA_HOST")) {
            (Some(url), _) => base_url("base_url", url),
            (None, Some(host)) => ollama_host(&host),
            (None, None) => base_url("base_url", "http://127.0.0.1:11434/"),
        }
    }

    fn key(&self, provider: Provider) -> Key {
        if let Some(file) = &self.settings.api_key_file {
            return Key::File(file.clone());
        }
        let variable = provider.key_variable();
        variable
            .and_then(|name| {
                self.variable(name)
                    .map(|key| Key::Variable(name, Secret::new(key)))
            })
            .unwrap_or(Key::None)
    }

    fn model(
        &self,
        provider: Provider,
        model: String,
        base_url: Url,
        key: Key,
        source: &'static str,
    ) -> Choice {
        let settings = self.settings;
        Choice::Llm(Box::new(ModelChoice {
            provider,
            model,
            base_url,
            key,
            source,
            system_prompt: settings
                .system_prompt
                .clone()
                .filter(|prompt| !prompt.trim().is_empty()),
            max_response_tokens: settings.max_response_tokens,
            context_tokens: settings.context_tokens,
            timeout: settings.timeout,
        }))
    }
}

#[cfg(all(test, feature = "llm"))]
mod tests;
