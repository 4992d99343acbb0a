//! What happens around one turn: whether to run it, and what its end means. Pure.

use crate::backend::{BackendError, TurnOutcome};
use crate::event::Content;
use crate::store::{Pending, TurnEnd};

/// After so many attempts without a commit the oldest message becomes a dead letter.
pub const CLAIMS: u32 = 5;
/// A person is told about a failure at most once in this time, per chat.
pub const NOTICE_MS: i64 = 5 * 60 * 1000;
/// How long a crashed turn waits for its next attempt, in milliseconds, per attempt so far.
pub const CRASH_BACKOFF_MS: i64 = 1000;

/// What to do with a claimed lane.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// Give it back: nothing is left to answer.
    Release(Option<Box<Pending>>),
    /// Its oldest message kills every attempt: put that one aside.
    Poison(Box<Pending>),
    /// Run the backend.
    Run(Box<Pending>),
}

/// Decides by what is pending and how often it was tried in vain.
pub fn next(pending: Option<Pending>, attempts: u32) -> Next {
    match pending {
        None => Next::Release(None),
        Some(pending) if !pending.rows.iter().any(|row| row.wakes) => {
            Next::Release(Some(Box::new(pending)))
        }
        Some(pending) if attempts > CLAIMS => Next::Poison(Box::new(pending)),
        Some(pending) => Next::Run(Box::new(pending)),
    }
}

/// How a turn stopped.
#[derive(Debug)]
pub enum Stop {
    /// The backend came to an end.
    Ended(Result<TurnOutcome, BackendError>),
    /// It crashed.
    Crashed(String),
    /// A person asked it to stop.
    Asked,
    /// The house closes or the lease is lost.
    Interrupted,
}

/// What to commit at the end of a turn.
#[derive(Clone, PartialEq, Debug)]
pub struct Conclusion {
    /// How it ended.
    pub end: TurnEnd,
    /// What the agent says.
    pub replies: Vec<Content>,
    /// What the house says, if it has not said so lately.
    pub notice: Option<&'static str>,
}

/// What a turn's stop means. `attempts` counts this one.
pub fn conclude(stop: Stop, attempts: u32) -> Conclusion {
    match stop {
        Stop::Ended(Ok(outcome)) => Conclusion {
            end: TurnEnd::Done {
                tokens: outcome.tokens,
            },
            replies: outcome.replies,
            notice: None,
        },
        Stop::Interrupted => put_off(TurnEnd::Released {
            after_ms: 0,
            reason: "interrupted".to_owned(),
        }),
        Stop::Ended(Err(BackendError::Cancelled)) => again(0, "cancelled".to_owned()),
        Stop::Ended(Err(error)) => Conclusion {
            end: TurnEnd::Failed {
                reason: error.to_string(),
            },
            replies: Vec::new(),
            notice: Some(notice(&error)),
        },
        Stop::Asked => Conclusion {
            end: TurnEnd::Done { tokens: 0 },
            replies: Vec::new(),
            notice: Some("Stopped."),
        },
        Stop::Crashed(reason) => again(CRASH_BACKOFF_MS * i64::from(attempts), reason),
    }
}

fn again(after_ms: i64, reason: String) -> Conclusion {
    put_off(TurnEnd::Again { after_ms, reason })
}

fn put_off(end: TurnEnd) -> Conclusion {
    Conclusion {
        end,
        replies: Vec::new(),
        notice: None,
    }
}

/// What a person reads. The operator finds the cause in the trace; it is nobody else's business.
fn notice(error: &BackendError) -> &'static str {
    match error {
        BackendError::TimedOut(_) => "Sorry, I took too long over that. Please try again.",
        BackendError::Unavailable { .. } => {
            "Sorry, I can't answer just now. Please try again in a moment."
        }
        BackendError::Refused(_) | BackendError::Cancelled => {
            "Sorry, I can't answer that. The person who runs me can see why."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_and_consumes_the_message() {
        let stop = Stop::Ended(Err(BackendError::Refused("401".into())));
        let conclusion = conclude(stop, 1);
        assert!(matches!(conclusion.end, TurnEnd::Failed { .. }));
        assert!(conclusion.notice.is_some_and(|text| !text.contains("401")));
    }

    #[test]
    fn what_did_not_come_to_an_end_is_tried_again_in_silence() {
        for stop in [
            Stop::Interrupted,
            Stop::Ended(Err(BackendError::Cancelled)),
            Stop::Crashed("boom".into()),
        ] {
            let conclusion = conclude(stop, 2);
            assert!(conclusion.end.puts_off().is_some());
            assert_eq!((conclusion.notice, conclusion.replies.len()), (None, 0));
        }
    }

    #[test]
    fn only_the_house_may_end_a_turn_for_nothing() {
        let counts = |stop| !matches!(conclude(stop, 1).end, TurnEnd::Released { .. });
        assert!(!counts(Stop::Interrupted));
        // A backend that cancels itself would otherwise do so for ever.
        assert!(counts(Stop::Ended(Err(BackendError::Cancelled))));
        assert!(counts(Stop::Crashed("boom".into())));
    }

    #[test]
    fn an_empty_lane_is_given_back() {
        assert_eq!(next(None, 1), Next::Release(None));
    }
}
