//! How long a platform asks us to wait.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// The longest wait that is believed.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait in a `Retry-After` header: seconds, seconds with a fraction, or a date. Nonsense and the past are no wait.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    read(value, SystemTime::now())
}

/// The same for one value, at a given time.
pub fn read(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let looks_like_a_number = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if looks_like_a_number {
        return value.parse().ok().and_then(seconds);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let wait = date.duration_since(now).ok()?;
    Some(wait.min(LONGEST)).filter(|wait| !wait.is_zero())
}

/// A wait in seconds as platforms put it into a body, with a fraction.
pub fn seconds(seconds: f64) -> Option<Duration> {
    if !seconds.is_finite() || seconds <= 0.0 {
        return None;
    }
    let capped = seconds.min(LONGEST.as_secs_f64());
    // Rounded up to a whole millisecond: never a moment too early.
    let millis = (capped * 1000.0).ceil();
    Some(Duration::from_secs_f64(millis / 1000.0).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000;

    fn at(value: &str) -> Option<Duration> {
        read(value, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn waits_are_read_in_every_form_platforms_use() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (value, wait) in [
            ("3", ms(3000)),
            (" 3 ", ms(3000)),
            ("0.25", ms(250)),
            ("1.0001", ms(1001)),
            ("86400", Some(LONGEST)),
            ("86401", Some(LONGEST)),
            ("99999999999999999999999999", Some(LONGEST)),
            ("Sun, 09 Sep 2001 01:46:50 GMT", ms(10_000)),
            ("Thu, 31 Dec 2099 23:59:59 GMT", Some(LONGEST)),
        ] {
            assert_eq!(at(value), wait, "{value}");
        }
    }

    #[test]
    fn nonsense_and_the_past_are_no_wait() {
        for value in [
            "",
            "0",
            "-1",
            "-0.5",
            "NaN",
            "inf",
            "1e9",
            "soon",
            "1,5",
            "1.2.3",
            ".",
            "0x10",
            "5s",
            "Sun, 09 Sep 2001 01:46:40 GMT",
            "Sun, 09 Sep 1990 01:46:40 GMT",
            "2001-09-09T01:46:50Z",
        ] {
            assert_eq!(at(value), None, "{value}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, -0.0] {
            assert_eq!(seconds(number), None, "{number}");
        }
    }
}
