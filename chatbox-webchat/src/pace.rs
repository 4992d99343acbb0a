//! How fast one socket may speak. This keeps a socket from costing more than a person could; how fast a person may
//! write is decided elsewhere, where every device of theirs is counted.

use crate::error::Closing;
use std::time::Duration;
use tokio::time::Instant;

/// Frames at once, and per second.
const FRAMES: (f64, f64) = (60.0, 20.0);
/// Pings and pongs at once, and per second.
const CONTROLS: (f64, f64) = (60.0, 2.0);
/// Refusals before the socket ends, and how many are forgiven per second.
const PATIENCE: (f64, f64) = (100.0, 1.0);

/// One socket's buckets.
#[derive(Debug)]
pub(crate) struct Pace {
    frames: Bucket,
    controls: Bucket,
    patience: Bucket,
}

#[derive(Debug)]
struct Bucket {
    level: f32,
    at: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        let full = |(most, _): (f64, f64)| Bucket {
            level: most as f32,
            at: now,
        };
        Self {
            frames: full(FRAMES),
            controls: full(CONTROLS),
            patience: full(PATIENCE),
        }
    }

    /// A frame came. `Some` says how long to wait before the next; `Err` that there is no next.
    pub(crate) fn frame(&mut self, now: Instant) -> Result<Option<Duration>, Closing> {
        if self.frames.take(FRAMES, now) {
            return Ok(None);
        }
        if self.patience.take(PATIENCE, now) {
            return Ok(Some(Duration::from_secs(1)));
        }
        Err(Closing::Flood)
    }

    /// A ping or pong came.
    pub(crate) fn control(&mut self, now: Instant) -> Result<(), Closing> {
        let fine = self.controls.take(CONTROLS, now);
        fine.then_some(()).ok_or(Closing::Flood)
    }
}

impl Bucket {
    fn take(&mut self, (most, per_second): (f64, f64), now: Instant) -> bool {
        let gained = now.duration_since(self.at).as_secs_f64() * per_second;
        self.at = now;
        self.level = (f64::from(self.level) + gained).min(most) as f32;
        let has = self.level >= 1.0;
        if has {
            self.level -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_never_too_fast() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..1000 {
            now += Duration::from_millis(100);
            assert_eq!(pace.frame(now), Ok(None));
        }
    }

    #[test]
    fn a_flood_is_told_first_and_ended_then() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut told = 0;
        for nth in 0.. {
            now += Duration::from_millis(10);
            match pace.frame(now) {
                Ok(None) => {}
                Ok(Some(_)) => told += 1,
                Err(closing) => {
                    assert_eq!(closing, Closing::Flood);
                    assert!(told >= 50, "told {told} times");
                    assert!(nth < 500, "ended after {nth}");
                    return;
                }
            }
        }
    }

    #[test]
    fn a_flood_of_pings_ends_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let fine = (0..1000).take_while(|_| pace.control(now).is_ok()).count();
        assert_eq!(fine, 60);
    }
}
