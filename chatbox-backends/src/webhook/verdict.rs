//! What one attempt came to.

use std::time::Duration;

/// What an answer means. The one place where this is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// Not now; later perhaps.
    Retry,
    /// Later perhaps, and the whole endpoint needs a rest.
    SlowDown,
    /// The receiver wants nothing more at this address.
    Gone,
    /// This delivery will never be taken.
    Failed,
}

impl Verdict {
    /// What a status means. Redirects are not followed: the address that was checked is the one that is asked.
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            410 => Self::Gone,
            429 | 502 | 504 => Self::SlowDown,
            408 | 425 | 500..=599 => Self::Retry,
            _ => Self::Failed,
        }
    }
}

/// One attempt, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// What it means.
    pub verdict: Verdict,
    /// The answer's status, where one came.
    pub status: Option<u16>,
    /// How long the receiver asks us to wait: at most a day.
    pub retry_after: Option<Duration>,
    /// Why, for people. Holds no address and no word of the answer.
    pub reason: String,
}

impl Attempt {
    /// An attempt that was answered.
    pub(super) fn answered(status: u16, retry_after: Option<Duration>) -> Self {
        let verdict = Verdict::of(status);
        let why = match (verdict, status) {
            (Verdict::Gone, _) => ": nothing more is wanted there",
            (_, 300..=399) => ": redirects are not followed, set the address it leads to",
            _ => "",
        };
        Self {
            verdict,
            status: Some(status),
            retry_after,
            reason: format!("the endpoint answered {status}{why}"),
        }
    }

    /// An attempt without an answer.
    pub(super) fn unanswered(verdict: Verdict, reason: String) -> Self {
        Self {
            verdict,
            status: None,
            retry_after: None,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning() {
        for (statuses, verdict) in [
            (&[200, 201, 202, 204, 299][..], Verdict::Delivered),
            (&[429, 502, 504], Verdict::SlowDown),
            (&[408, 425, 500, 501, 503, 599], Verdict::Retry),
            (&[410], Verdict::Gone),
            (
                &[
                    301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 413, 418, 422,
                ],
                Verdict::Failed,
            ),
            (&[100, 199, 600, 999], Verdict::Failed),
        ] {
            for &status in statuses {
                assert_eq!(Verdict::of(status), verdict, "{status}");
            }
        }
    }
}
