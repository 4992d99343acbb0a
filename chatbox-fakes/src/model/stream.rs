//! The pace of an answer: pauses, gate, faults. The same for every wire.
//!
//! Owns when a token exists and how a stream ends; the bytes of each event come from the wire's [`Speech`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::record::Request;
use super::script::{ModelFault, Script};
use super::state::Shared;
use crate::http::Line;

/// The words of one wire.
pub(crate) trait Speech: Send + Sync + 'static {
    /// Everything before the first token.
    fn begin(&self, request: &Request) -> String;
    /// One token.
    fn token(&self, request: &Request, token: &str) -> String;
    /// Everything behind the last token; `cut_short` when the limit of tokens was reached.
    fn end(&self, request: &Request, tokens: usize, cut_short: bool) -> String;
    /// An error in the middle of the stream.
    fn error(&self, request: &Request) -> String;
    /// Something that does not parse.
    fn wrong(&self) -> String;
}

/// The answer to one request, in the making.
pub(crate) struct Answer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) seq: usize,
    pub(crate) request: Request,
    pub(crate) script: Script,
    pub(crate) line: Line,
}

impl Answer {
    /// The tokens and whether the limit cut them short.
    fn tokens(&self) -> (Vec<String>, bool) {
        let mut tokens = self.script.tokens(self.request.last_words());
        let limit = self.request.max_tokens.map(usize::try_from);
        let limit = limit.and_then(Result::ok).unwrap_or(usize::MAX);
        let cut_short = tokens.len() > limit;
        tokens.truncate(limit);
        (tokens, cut_short)
    }

    /// Waits as the script says before the token with this index may exist.
    async fn wait(&self, index: usize) {
        let ms = if index == 0 {
            self.script.first_ms
        } else {
            self.script.pace_ms
        };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if self.script.holds(index) {
            self.shared.pass_gate(self.seq).await;
        }
    }

    /// Waits as if streaming and returns the whole text; `None` when the fault strikes instead.
    pub(crate) async fn whole(&self) -> Option<(String, usize, bool)> {
        let (tokens, cut_short) = self.tokens();
        for index in 0..tokens.len() {
            self.wait(index).await;
        }
        match self.script.fault {
            Some(ModelFault::Cut { .. } | ModelFault::Truncate { .. }) => {
                self.line.cut();
                return None;
            }
            Some(ModelFault::Error { .. } | ModelFault::WrongJson { .. }) => return None,
            _ => {}
        }
        self.shared.update(self.seq, |request| {
            request.tokens_sent = tokens.len();
            request.finished = true;
        });
        Some((tokens.concat(), tokens.len(), cut_short))
    }

    /// The body that streams the answer.
    pub(crate) fn body(self, speech: impl Speech) -> Body {
        let (tokens, cut_short) = self.tokens();
        let telling = Telling {
            watch: Watch {
                shared: Arc::clone(&self.shared),
                seq: self.seq,
                finished: false,
            },
            answer: self,
            speech,
            tokens,
            cut_short,
            next: Next::Begin,
        };
        Body::from_stream(stream::unfold(telling, |mut telling| async move {
            let bytes = telling.next().await?;
            Some((Ok::<_, io::Error>(Bytes::from(bytes)), telling))
        }))
    }
}

enum Next {
    Begin,
    Token(usize),
    Done,
}

struct Telling<S> {
    answer: Answer,
    speech: S,
    tokens: Vec<String>,
    cut_short: bool,
    next: Next,
    watch: Watch,
}

impl<S: Speech> Telling<S> {
    async fn next(&mut self) -> Option<String> {
        match self.next {
            Next::Begin => {
                self.next = Next::Token(0);
                Some(self.speech.begin(&self.answer.request))
            }
            Next::Token(index) => self.step(index).await,
            Next::Done => None,
        }
    }

    async fn step(&mut self, index: usize) -> Option<String> {
        if let Some(end) = self.fault_at(index).await {
            self.next = Next::Done;
            return end;
        }
        if index == self.tokens.len() {
            self.next = Next::Done;
            self.watch.finish();
            let request = &self.answer.request;
            return Some(self.speech.end(request, index, self.cut_short));
        }
        self.answer.wait(index).await;
        let sent = |request: &mut Request| request.tokens_sent = index + 1;
        self.answer.shared.update(self.answer.seq, sent);
        self.next = Next::Token(index + 1);
        Some(self.speech.token(&self.answer.request, &self.tokens[index]))
    }

    /// The fault due before this token: `Some(bytes)` ends the stream, with these bytes last.
    async fn fault_at(&self, index: usize) -> Option<Option<String>> {
        // A fault set behind the last token strikes at the end.
        let due = |after: usize| index == after.min(self.tokens.len());
        match self.answer.script.fault.as_ref()? {
            ModelFault::Cut { after } if due(*after) => {
                // What was said before shall arrive before the reset.
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.answer.line.cut();
                Some(None)
            }
            ModelFault::Truncate { after } if due(*after) => Some(None),
            ModelFault::Error { after } if due(*after) => {
                Some(Some(self.speech.error(&self.answer.request)))
            }
            ModelFault::WrongJson { after } if due(*after) => Some(Some(self.speech.wrong())),
            _ => None,
        }
    }
}

/// Notes whether a stream was told to its end, or its listener left.
struct Watch {
    shared: Arc<Shared>,
    seq: usize,
    finished: bool,
}

impl Watch {
    fn finish(&mut self) {
        self.finished = true;
        self.shared
            .update(self.seq, |request| request.finished = true);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.finished {
            self.shared.update(self.seq, |request| {
                request.held = false;
                request.abandoned = true;
            });
        }
    }
}
