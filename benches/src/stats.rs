//! Sums over samples. Pure.

use std::time::Duration;

/// Times that were measured.
#[derive(Clone, Debug, Default)]
pub struct Times {
    sorted: Vec<Duration>,
}

impl Times {
    /// Of these.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { sorted: times }
    }

    /// The time below which this part of all lies, in milliseconds. Not a number without samples.
    pub fn quantile(&self, part: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let at = (part * last as f64).round() as usize;
        self.sorted
            .get(at)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }

    /// The middle, in milliseconds.
    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    /// What one in a hundred exceeds, in milliseconds.
    pub fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    /// The part of all that took 38 to 50 ms: where a delayed acknowledgement puts them.
    pub fn near_40_ms(&self) -> f64 {
        let (from, to) = (Duration::from_millis(38), Duration::from_millis(50));
        let near = self.sorted.iter().filter(|time| (from..to).contains(*time));
        near.count() as f64 / self.sorted.len().max(1) as f64
    }

    /// Whether a hump stands at 40 ms: more there than in the 12 ms before and after it together, one in a hundred, and
    /// more than the few that a busy machine puts anywhere.
    pub fn has_40_ms_mode(&self) -> bool {
        let count = |from: u64, to: u64| {
            let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
            let within = self.sorted.iter().filter(|time| (from..to).contains(*time));
            within.count()
        };
        let near = count(38, 50);
        near >= 5 && near * 100 >= self.sorted.len() && near > count(26, 38) + count(50, 62)
    }
}

/// The middle of these. Not a number if there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// How far apart the least and the most are, as a part of the median.
pub fn spread(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (most - least) / median(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(of: impl IntoIterator<Item = u64>) -> Times {
        Times::new(of.into_iter().map(Duration::from_millis).collect())
    }

    #[test]
    fn quantiles_are_samples() {
        let times = times(1..=101);
        assert_eq!((times.p50(), times.p99()), (51.0, 100.0));
        assert!(Times::default().p50().is_nan());
    }

    #[test]
    fn a_stall_is_a_hump_and_a_slow_run_is_none() {
        assert!(times((0..100).map(|n| if n % 4 == 0 { 41 } else { 1 })).has_40_ms_mode());
        assert!(!times((0..100).map(|n| 20 + n % 50)).has_40_ms_mode());
        assert!(!times([1; 100]).has_40_ms_mode());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!((spread(&[1.0, 2.0, 3.0]) - 1.0).abs() < 1e-9);
    }
}
