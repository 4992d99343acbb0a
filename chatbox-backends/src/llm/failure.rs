//! What went wrong with a model, in words that say what to do. No sentence repeats what the server sent, except one
//! plain word of its error code: a server may echo the key or the chat.

use super::LlmConfig;
use crate::address::{base_url, place};
use crate::{Provider, SettingsError};
use chatbox_core::backend::{BackendError, TurnOutcome};
use genai::chat::StreamEnd;
use reqwest13::StatusCode;
use reqwest13::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
const LONGEST_CODE: usize = 40;

/// Whom we asked, for sentences.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) provider: Provider,
    pub(super) model: String,
    host: String,
}

impl Place {
    pub(super) fn of(config: &LlmConfig) -> Result<Self, SettingsError> {
        Ok(Self {
            provider: config.provider,
            model: config.model.clone(),
            host: place(&base_url("base_url", &config.base_url)?),
        })
    }

    /// The stream ended, and nobody said it was whole.
    pub(super) fn cut(&self, begun: bool) -> BackendError {
        let host = &self.host;
        unavailable(if begun {
            format!("{host} stopped in the middle of its answer")
        } else {
            format!(
                "{host} did not answer as {} does; if it goes on, check `provider` and `base_url`",
                self.provider
            )
        })
    }

    /// The stream does not end.
    pub(super) fn endless(&self) -> BackendError {
        unavailable(format!("{} sends more than an answer can be", self.host))
    }

    /// What a failed request means.
    pub(super) fn failure(&self, error: genai::Error) -> BackendError {
        tracing::debug!(host = self.host, kind = kind(&error), "the model failed");
        match error {
            genai::Error::HttpError {
                status,
                body,
                headers,
                ..
            } => self.status(status, &body, &headers),
            genai::Error::WebStream { error, .. } => match error.downcast::<genai::Error>() {
                Ok(inner) => self.failure(*inner),
                Err(other) => self.transport(&*other),
            },
            genai::Error::ChatResponse { body, .. } => self.event(&body),
            genai::Error::StreamParse { .. }
            | genai::Error::InvalidJsonResponseElement { .. }
            | genai::Error::JsonValueExt(_)
            | genai::Error::SerdeJson(_) => self.nonsense(),
            other => {
                let what = kind(&other);
                BackendError::Refused(format!(
                    "the request to {} could not be made ({what})",
                    self.host
                ))
            }
        }
    }

    fn status(&self, status: StatusCode, body: &str, headers: &HeaderMap) -> BackendError {
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        let said = code(&body).map_or_else(
            || status.as_str().to_owned(),
            |code| format!("{} {code}", status.as_str()),
        );
        let host = &self.host;
        if status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 425 | 429) {
            let message = match status {
                StatusCode::TOO_MANY_REQUESTS => format!(
                    "{host} takes no more requests for now, or its quota is used up ({said})"
                ),
                _ => format!("{host} has a problem of its own ({said})"),
            };
            return BackendError::Unavailable {
                message,
                retry_after: retry_after(headers),
            };
        }
        BackendError::Refused(match status.as_u16() {
            300..=399 => format!(
                "{host} points elsewhere ({said}); write the address it means into `base_url`"
            ),
            401 | 403 => format!(
                "{host} does not accept the key ({said}); check {} and start again",
                self.key_place()
            ),
            404 => self.unknown_model(&said),
            _ => format!(
                "{host} refuses the request ({said}); check `model`, `context_tokens` and `max_response_tokens` in [backend]"
            ),
        })
    }

    fn key_place(&self) -> String {
        match self.provider.key_variable() {
            Some(variable) => format!("`api_key_file` or {variable}"),
            None => "`api_key_file`".to_owned(),
        }
    }

    fn unknown_model(&self, said: &str) -> String {
        let Self { host, model, .. } = self;
        match self.provider {
            Provider::Ollama => {
                format!("{host} has no model `{model}` ({said}); run `ollama pull {model}` there")
            }
            _ => format!(
                "{host} knows no model `{model}` or no such address ({said}); check `model` and `base_url`"
            ),
        }
    }

    /// An error that came inside the stream, under a good status.
    fn event(&self, body: &Value) -> BackendError {
        let code = code(body).unwrap_or("no reason given");
        let host = &self.host;
        match code {
            "authentication_error" | "permission_error" => BackendError::Refused(format!(
                "{host} does not accept the key ({code}); check {}",
                self.key_place()
            )),
            "not_found_error" => BackendError::Refused(self.unknown_model(code)),
            "invalid_request_error" => BackendError::Refused(format!(
                "{host} refuses the request ({code}); check `model` in [backend]"
            )),
            _ => unavailable(format!("{host} gave up while answering ({code})")),
        }
    }

    fn transport(&self, error: &(dyn std::error::Error + 'static)) -> BackendError {
        let host = &self.host;
        match error.downcast_ref::<reqwest13::Error>() {
            Some(error) if error.is_connect() => unavailable(format!(
                "{host} cannot be reached; check that it runs and `base_url` is right"
            )),
            Some(error) if error.is_builder() => BackendError::Refused(format!(
                "the request to {host} could not be made; check `base_url` and the key"
            )),
            Some(_) => unavailable(format!("the connection to {host} broke")),
            None => self.nonsense(),
        }
    }

    fn nonsense(&self) -> BackendError {
        let Self { host, provider, .. } = self;
        unavailable(format!(
            "what {host} sent is not {provider}'s; if it goes on, check `provider` and `base_url`"
        ))
    }
}

/// A whole answer.
pub(super) fn outcome(text: &str, end: &StreamEnd) -> Result<TurnOutcome, BackendError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BackendError::Refused(
            "the model answered nothing".to_owned(),
        ));
    }
    let usage = end.captured_usage.as_ref();
    let tokens = usage
        .and_then(|usage| usage.total_tokens)
        .and_then(|tokens| u32::try_from(tokens).ok());
    Ok(TurnOutcome {
        tokens: tokens.unwrap_or(0),
        ..TurnOutcome::say(text)
    })
}

fn unavailable(message: String) -> BackendError {
    BackendError::Unavailable {
        message,
        retry_after: None,
    }
}

/// The one word of an error that is worth repeating. Letters and `_` only: no key looks like that.
fn code(body: &Value) -> Option<&str> {
    let error = body.get("error").unwrap_or(body);
    let words = ["code", "type"]
        .into_iter()
        .filter_map(|name| error.get(name)?.as_str());
    let mut plain = words.filter(|word| {
        word.len() <= LONGEST_CODE
            && !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    });
    plain.next()
}

/// Seconds, or milliseconds where the server is exact. A date is not read: the house waits as it usually does.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|ms| ms / 1_000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|wait| wait.min(LONGEST_WAIT))
}

/// What kind of error it is, for people who look for it; its text may hold what was said.
fn kind(error: &genai::Error) -> &'static str {
    match error {
        genai::Error::HttpError { .. } => "status",
        genai::Error::WebStream { .. } => "stream",
        genai::Error::ChatResponse { .. } => "error event",
        genai::Error::StreamParse { .. } => "not JSON",
        genai::Error::WebModelCall { .. } | genai::Error::WebAdapterCall { .. } => "request",
        genai::Error::Resolver { .. } | genai::Error::NoAuthData { .. } => "key",
        genai::Error::MessageContentTypeNotSupported { .. } => "kind of content",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
