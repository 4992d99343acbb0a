//! The agent in the suite: says what it is told, or nothing, or takes its time.

use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::event::Content;
use chatbox_core::store::LaneScope;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// How the agent answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    /// Each message by itself, as "re" and the text.
    Echo,
    /// Not at all.
    Silent,
    /// As `Echo`, word by word and slowly.
    Slow,
    /// As `Slow`, for some seconds.
    Long,
}

/// The agent, and what it was asked.
#[derive(Debug)]
pub(crate) struct Mirror {
    mood: Mood,
    turns: Mutex<Vec<Vec<String>>>,
}

impl Mirror {
    pub(crate) fn new(mood: Mood) -> Self {
        Self {
            mood,
            turns: Mutex::default(),
        }
    }

    /// The texts of every turn that was run.
    pub(crate) fn turns(&self) -> Vec<Vec<String>> {
        self.turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl CognitiveBackend for Mirror {
    fn name(&self) -> String {
        "mirror".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Chat
    }

    fn context_tokens(&self) -> u32 {
        0
    }

    async fn turn(&self, turn: Turn, reply: ReplySink) -> Result<TurnOutcome, BackendError> {
        // What the agent said meanwhile itself is new as well, and nothing to answer.
        let said = turn.new.iter().filter(|row| !row.out);
        let said = said.filter_map(|row| row.body.content());
        let texts: Vec<String> = said.map(|content| content.text.clone()).collect();
        self.turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(texts.clone());
        let replies = match self.mood {
            Mood::Silent => Vec::new(),
            Mood::Echo | Mood::Slow | Mood::Long => {
                texts.iter().map(|text| format!("re {text}")).collect()
            }
        };
        let pause = match self.mood {
            Mood::Echo | Mood::Silent => None,
            Mood::Slow => Some(Duration::from_millis(60)),
            Mood::Long => Some(Duration::from_millis(500)),
        };
        if let Some(pause) = pause {
            sleep(Duration::from_millis(250)).await;
            for word in replies.iter().flat_map(|reply| reply.split_inclusive(' ')) {
                reply.push(word);
                sleep(pause).await;
            }
        }
        Ok(TurnOutcome {
            replies: replies.into_iter().map(Content::text).collect(),
            tokens: 0,
        })
    }
}
