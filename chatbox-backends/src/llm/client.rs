//! How requests reach a model: one HTTP client that uses no proxy, follows no redirect and repeats nothing.

use super::LlmConfig;
use crate::address::base_url;
use crate::{Provider, SettingsError};
use chatbox_core::secret::Secret;
use genai::adapter::AdapterKind;
use genai::chat::{ChatOptions, ChatRequest, ChatStream, ReasoningEffort};
use genai::resolver::{AuthData, Endpoint};
use genai::{Headers, ModelIden, ServiceTarget};
use reqwest13::redirect;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// One model at one address.
pub(super) struct Service {
    client: genai::Client,
    target: ServiceTarget,
    options: ChatOptions,
}

impl Service {
    pub(super) fn new(config: &LlmConfig) -> Result<Self, SettingsError> {
        let url = base_url("base_url", &config.base_url)?;
        let client = genai::Client::builder().with_reqwest(http(&url)?).build();
        Ok(Self {
            client: client.map_err(|error| SettingsError::Client(error.to_string()))?,
            target: target(config, &url),
            options: options(config),
        })
    }

    pub(super) async fn stream(&self, request: ChatRequest) -> genai::Result<ChatStream> {
        let response =
            self.client
                .exec_chat_stream(self.target.clone(), request, Some(&self.options));
        Ok(response.await?.stream)
    }
}

fn target(config: &LlmConfig, url: &Url) -> ServiceTarget {
    let kind = match config.provider {
        Provider::OpenAi => AdapterKind::OpenAI,
        Provider::Anthropic => AdapterKind::Anthropic,
        Provider::Ollama => AdapterKind::Ollama,
    };
    // Without a key no header is sent at all: some servers refuse an empty one.
    let auth = if config.provider == Provider::OpenAi && config.api_key.is_empty() {
        AuthData::RequestOverride {
            url: format!("{url}chat/completions"),
            headers: Headers::default(),
        }
    } else {
        AuthData::from_single(config.api_key.expose())
    };
    ServiceTarget {
        endpoint: Endpoint::from_owned(url.as_str()),
        auth,
        model: ModelIden::new(kind, config.model.as_str()),
    }
}

fn options(config: &LlmConfig) -> ChatOptions {
    let mut options = ChatOptions::default()
        .with_max_tokens(config.max_response_tokens)
        .with_capture_usage(true);
    if config.provider == Provider::OpenAi
        && ReasoningEffort::from_model_name(&config.model).0.is_some()
    {
        // The library takes a name such as `alpha-max` for `alpha` with an effort. An effort this wire has no word for
        // keeps the name whole and sends nothing.
        options = options.with_reasoning_effort(ReasoningEffort::Budget(0));
    }
    if config.provider == Provider::Ollama && !config.api_key.is_empty() {
        options = options.with_extra_headers(bearer(&config.api_key));
    }
    options
}

fn bearer(key: &Secret) -> Headers {
    Headers::from((
        "Authorization".to_owned(),
        format!("Bearer {}", key.expose()),
    ))
}

/// A client for this address.
pub(super) fn http(url: &Url) -> Result<reqwest13::Client, SettingsError> {
    let builder = reqwest13::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest13::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_WITHIN);
    if url.scheme() == "http" {
        // The certificates of the system are large to keep and may be missing; nothing here would look at them.
        let builder = builder.tls_backend_preconfigured(no_certificates()?);
        return builder
            .build()
            .map_err(|error| SettingsError::Client(error.to_string()));
    }
    provide_ring();
    builder.build().map_err(|_| {
        let fix =
            "the certificates of this system cannot be read; install its package `ca-certificates`";
        SettingsError::Client(fix.to_owned())
    })
}

fn provide_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that somebody else was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

fn no_certificates() -> Result<rustls::ClientConfig, SettingsError> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::Client(error.to_string()))?;
    Ok(config
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}
