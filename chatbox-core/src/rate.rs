//! How fast one person may talk on one platform.

use crate::id::{ConnectionId, ExternalId};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;

/// How many messages at once.
pub const BURST: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// How many a second afterwards.
pub const PER_SECOND: NonZeroU32 = NonZeroU32::new(1).expect("one is not zero");

type Person = (ConnectionId, ExternalId);

/// A token bucket per person and connection. Keeps only those who spoke lately.
#[derive(Debug)]
pub struct Rates<C: Clock = DefaultClock> {
    buckets: RateLimiter<Person, HashMapStateStore<Person>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    /// Full buckets, by this clock.
    pub fn new(clock: C) -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        Self {
            buckets: RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Takes one token, or says how long until there is one.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&self, connection: &ConnectionId, person: &ExternalId) -> Result<(), Duration> {
        let taken = self
            .buckets
            .check_key(&(connection.clone(), person.clone()));
        taken.map_err(|early| early.wait_time_from(self.clock.now()))
    }

    /// Forgets who has been silent long enough to have a full bucket.
    pub fn forget_the_silent(&self) {
        self.buckets.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn ten_at_once_then_one_a_second_per_person_and_connection() {
        let clock = FakeRelativeClock::default();
        let rates = Rates::new(clock.clone());
        let (here, there) = (ConnectionId::from("here"), ConnectionId::from("there"));
        let (ana, ben) = (ExternalId::from("ana"), ExternalId::from("ben"));
        assert!((0..10).all(|_| rates.take(&here, &ana).is_ok()));
        let wait = rates.take(&here, &ana).expect_err("the bucket is empty");
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(1),
            "{wait:?}"
        );
        assert!(rates.take(&there, &ana).is_ok() && rates.take(&here, &ben).is_ok());
        clock.advance(Duration::from_secs(1));
        assert!(rates.take(&here, &ana).is_ok());
        assert!(rates.take(&here, &ana).is_err());
    }
}
