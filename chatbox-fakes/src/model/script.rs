//! How the next request is answered: what is said, at which pace, and what goes wrong.
//!
//! Plain data. A script is used by one request; without one the last words are echoed.

use serde::{Deserialize, Serialize};

/// What is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The last text of the person, word by word.
    #[default]
    Echo,
    /// These words, word by word.
    Text(String),
    /// Exactly these tokens.
    Tokens(Vec<String>),
    /// Nothing, successfully.
    Empty,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ModelFault {
    /// The connection is reset after this many tokens.
    Cut {
        /// Tokens sent before.
        after: usize,
    },
    /// An error event in the stream after this many tokens; a 500 where nothing is streamed.
    Error {
        /// Tokens sent before.
        after: usize,
    },
    /// An HTTP error in the wire's own shape: 401, 404, 429, 500, 503, 529 …
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// An HTML page instead of JSON.
        #[serde(default)]
        html: bool,
    },
    /// 200 with a body that is no JSON; in a stream after this many tokens.
    WrongJson {
        /// Tokens sent before.
        #[serde(default)]
        after: usize,
    },
    /// 200 with JSON of an unknown shape.
    WrongShape,
    /// The request is read and never answered.
    Never,
    /// The stream ends without its closing events, in good order.
    Truncate {
        /// Tokens sent before.
        after: usize,
    },
}

/// The answer to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// What is said.
    pub reply: Reply,
    /// Milliseconds before the first token.
    pub first_ms: u64,
    /// Milliseconds before each further token.
    pub pace_ms: u64,
    /// Tokens sent before the gate closes: the next waits for a release.
    pub hold_after: Option<usize>,
    /// The gate closes again before every further token.
    pub hold_each: bool,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Option<ModelFault>,
}

impl Script {
    /// These words.
    #[must_use]
    pub fn say(text: &str) -> Self {
        Self {
            reply: Reply::Text(text.to_owned()),
            ..Self::default()
        }
    }

    /// Something going wrong.
    #[must_use]
    pub fn failing(fault: ModelFault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }

    /// An HTTP error.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::failing(ModelFault::Status {
            status,
            retry_after: None,
            html: false,
        })
    }

    /// The gate closes after this many tokens.
    #[must_use]
    pub fn holding_after(mut self, tokens: usize) -> Self {
        self.hold_after = Some(tokens);
        self
    }

    /// The tokens of the answer to `last_words`.
    pub(crate) fn tokens(&self, last_words: &str) -> Vec<String> {
        match &self.reply {
            Reply::Echo => words(last_words),
            Reply::Text(text) => words(text),
            Reply::Tokens(tokens) => tokens.clone(),
            Reply::Empty => Vec::new(),
        }
    }

    /// Whether the token with this index waits at the gate.
    pub(crate) fn holds(&self, index: usize) -> bool {
        self.hold_after
            .is_some_and(|after| index == after || (self.hold_each && index > after))
    }
}

/// Each word with the blanks behind it; joined they are the text again.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut behind_blank = true;
    for c in text.chars() {
        let blank = c.is_whitespace();
        match words.last_mut() {
            Some(word) if blank || !behind_blank => word.push(c),
            _ => words.push(c.to_string()),
        }
        behind_blank = blank;
    }
    words
}
