//! The backend that asks a language model: one request a turn, streamed, never repeated. Everything the model is told
//! is made in `context`; everything that goes wrong gets its words in `failure`.

mod client;
mod config;
mod failure;
mod pictures;
mod probe;

pub use config::LlmConfig;
pub(crate) use probe::probe;

use crate::context::{self, Role, Told};
use crate::{Provider, SettingsError};
use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::connector::Blobs;
use chatbox_core::store::LaneScope;
use client::Service;
use failure::Place;
use futures_util::StreamExt;
use genai::chat::{
    ChatMessage, ChatRequest, ChatStreamEvent, ContentPart, MessageContent, StreamEnd,
};
use std::fmt;
use std::time::Duration;

/// More than any model answers; a server that goes on is not one.
const LONGEST_ANSWER: usize = 4 << 20;

/// A language model: any server that speaks OpenAI's wire, Anthropic, or Ollama.
///
/// The answer is shown piece by piece as it comes and counts only when the server says it is whole. Proxies of the
/// environment are not used, redirects are not followed, and nothing is tried twice.
///
/// An Ollama cuts what it is told to its own context length, without a word. Start it with `OLLAMA_CONTEXT_LENGTH` of at
/// least `context_tokens` and `max_response_tokens` together.
pub struct Llm {
    service: Service,
    place: Place,
    system_prompt: Option<String>,
    context_tokens: u32,
    timeout: Duration,
}

impl fmt::Debug for Llm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llm")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Llm {
    /// A backend for this model. Asks nobody.
    ///
    /// # Errors
    /// The address or the key cannot be used, or the client cannot be made.
    pub fn new(config: LlmConfig) -> Result<Self, SettingsError> {
        Ok(Self {
            service: Service::new(&config)?,
            place: Place::of(&config)?,
            system_prompt: config.system_prompt,
            context_tokens: config.context_tokens,
            timeout: config.timeout,
        })
    }

    async fn answer(&self, turn: &Turn, reply: &ReplySink) -> Result<TurnOutcome, BackendError> {
        let told = context::told(turn, self.context_tokens);
        if told.is_empty() {
            return Ok(TurnOutcome::default());
        }
        let mut request = ChatRequest::default();
        if let Some(system) = context::system(turn, self.system_prompt.as_deref()) {
            request = request.with_system(system);
        }
        let mut space = pictures::Space::default();
        for told in told {
            request =
                request.append_message(message(told, turn.blobs.as_deref(), &mut space).await);
        }
        self.stream(request, reply).await
    }

    async fn stream(
        &self,
        request: ChatRequest,
        reply: &ReplySink,
    ) -> Result<TurnOutcome, BackendError> {
        let failed = |error| self.place.failure(error);
        let mut stream = self.service.stream(request).await.map_err(failed)?;
        let mut text = String::new();
        while let Some(event) = stream.next().await {
            match event.map_err(failed)? {
                ChatStreamEvent::Chunk(piece) => {
                    reply.push(&piece.content);
                    text.push_str(&piece.content);
                    if text.len() > LONGEST_ANSWER {
                        return Err(self.place.endless());
                    }
                }
                ChatStreamEvent::End(end) if self.is_whole(&end) => {
                    return failure::outcome(&text, &end);
                }
                ChatStreamEvent::End(_) => break,
                _ => {}
            }
        }
        Err(self.place.cut(!text.is_empty()))
    }

    /// The Ollama reader ends with the stream, whether or not the last line came; only that line brings the usage.
    fn is_whole(&self, end: &StreamEnd) -> bool {
        self.place.provider != Provider::Ollama || end.captured_usage.is_some()
    }
}

#[async_trait]
impl CognitiveBackend for Llm {
    fn name(&self) -> String {
        format!("{} {}", self.place.provider, self.place.model)
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Session
    }

    fn context_tokens(&self) -> u32 {
        self.context_tokens
    }

    async fn turn(&self, turn: Turn, reply: ReplySink) -> Result<TurnOutcome, BackendError> {
        // Dropping the answer closes its connection.
        let answer = Box::pin(tokio::time::timeout(
            self.timeout,
            self.answer(&turn, &reply),
        ));
        tokio::select! {
            biased;
            () = turn.cancelled.cancelled() => Err(BackendError::Cancelled),
            ended = answer => ended.unwrap_or(Err(BackendError::TimedOut(self.timeout))),
        }
    }
}

async fn message(
    told: Told,
    blobs: Option<&dyn Blobs>,
    space: &mut pictures::Space,
) -> ChatMessage {
    if told.role == Role::Agent {
        return ChatMessage::assistant(told.text);
    }
    let mut parts = vec![ContentPart::Text(told.text)];
    for file in &told.pictures {
        parts.extend(space.part(file, blobs).await);
    }
    ChatMessage::user(MessageContent::from_parts(parts))
}
