//! When a delivery is tried again, and when its endpoint is left alone. Pure.

use super::verdict::{Attempt, Verdict};
use std::time::Duration;

/// How often a delivery is tried.
pub const ATTEMPTS: u32 = 10;
/// How long an endpoint rests that is asked too much, where it does not say itself.
pub const REST: Duration = Duration::from_secs(5);

/// The wait after each attempt but the last, before chance lengthens or shortens it by up to a fifth.
pub const WAITS: [Duration; ATTEMPTS as usize - 1] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// What follows an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing: it is delivered.
    Done,
    /// It is tried again.
    Again {
        /// This long from now at the earliest.
        wait: Duration,
        /// And until then nothing else is sent to the endpoint for this long.
        rest: Option<Duration>,
    },
    /// It has failed, and counts among those in a row, after which the engine pauses the mailbox.
    Fail,
    /// It stays where it is, and its endpoint is left alone at once.
    Pause,
}

/// What follows an attempt that was the `made`th of its delivery, counted from 1. `chance` is between 0 and 1.
///
/// An endpoint that says how long to wait is never asked earlier. It cannot shorten the schedule: one that always says
/// "in a second" would use up all attempts in ten.
pub fn next(attempt: &Attempt, made: u32, chance: f64) -> Next {
    let rest = match attempt.verdict {
        Verdict::Delivered => return Next::Done,
        Verdict::Failed => return Next::Fail,
        Verdict::Gone => return Next::Pause,
        Verdict::Retry => None,
        Verdict::SlowDown => Some(attempt.retry_after.unwrap_or(REST)),
    };
    let index = made.saturating_sub(1) as usize;
    let Some(wait) = WAITS.get(index) else {
        return Next::Fail;
    };
    let wait = wait.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
    Next::Again {
        wait: wait.max(attempt.retry_after.unwrap_or_default()),
        rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attempt(verdict: Verdict, retry_after: Option<u64>) -> Attempt {
        Attempt {
            verdict,
            status: None,
            retry_after: retry_after.map(Duration::from_secs),
            reason: String::new(),
        }
    }

    fn wait(attempt: &Attempt, made: u32, chance: f64) -> Option<Duration> {
        match next(attempt, made, chance) {
            Next::Again { wait, .. } => Some(wait),
            _ => None,
        }
    }

    #[test]
    fn ten_attempts_take_seventy_five_hours() {
        let retry = attempt(Verdict::Retry, None);
        let waits: Vec<Duration> = (1..).map_while(|made| wait(&retry, made, 0.5)).collect();
        assert_eq!(waits, WAITS);
        let whole: Duration = waits.iter().sum();
        assert_eq!(whole, Duration::from_secs((75 * 60 + 35) * 60 + 5));
        assert_eq!(next(&retry, ATTEMPTS, 0.5), Next::Fail);
        assert_eq!(next(&retry, u32::MAX, 0.5), Next::Fail);
    }

    #[test]
    fn an_endpoint_that_asks_for_time_gets_it_and_no_less_than_planned() {
        for (asked, made, waited) in [
            (Some(60), 1, 60),
            (Some(86_400), 9, 86_400),
            (Some(1), 2, 300),
            (None, 2, 300),
        ] {
            let waited = Some(Duration::from_secs(waited));
            assert_eq!(wait(&attempt(Verdict::Retry, asked), made, 0.5), waited);
        }
    }

    #[test]
    fn only_an_endpoint_that_is_asked_too_much_rests() {
        let rest = |attempt: &Attempt| match next(attempt, 1, 0.5) {
            Next::Again { rest, .. } => rest,
            other => panic!("{other:?}"),
        };
        assert_eq!(rest(&attempt(Verdict::Retry, Some(7))), None);
        assert_eq!(rest(&attempt(Verdict::SlowDown, None)), Some(REST));
        assert_eq!(
            rest(&attempt(Verdict::SlowDown, Some(7))),
            Some(Duration::from_secs(7))
        );
    }

    #[test]
    fn the_rest_is_final() {
        for (verdict, end) in [
            (Verdict::Delivered, Next::Done),
            (Verdict::Failed, Next::Fail),
            (Verdict::Gone, Next::Pause),
        ] {
            assert_eq!(next(&attempt(verdict, Some(9)), 1, 0.5), end);
        }
    }

    proptest! {
        #[test]
        fn chance_moves_a_wait_by_a_fifth_at_most(made in 1..ATTEMPTS, chance in 0.0..=1.0_f64) {
            let planned = WAITS[made as usize - 1];
            let wait = wait(&attempt(Verdict::Retry, None), made, chance).expect("again");
            prop_assert!(wait >= planned.mul_f64(0.799) && wait <= planned.mul_f64(1.201));
        }

        #[test]
        fn no_number_is_too_strange(made in any::<u32>(), chance in any::<f64>(), asked in any::<Option<u32>>()) {
            next(&attempt(Verdict::SlowDown, asked.map(u64::from)), made, chance);
        }
    }
}
