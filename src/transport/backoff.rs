//! How long to wait before something is tried again.
//!
//! In: attempts, response headers, wall time, random bits. Out: durations, always bounded.

use std::time::Duration;

use channelsync_contract::{Rng, Timestamp};
use http::HeaderMap;
use http::header::RETRY_AFTER;

const BACKOFF_MIN_MILLIS: u64 = 1000;
const BACKOFF_MAX_MILLIS: u64 = 60_000;

/// A server that asks for more is asked again after this long: no answer disables a channel for
/// good.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The pause before the n-th repetition: doubling from one second to a minute, the upper half
/// random.
pub(super) fn backoff(attempt: u32, rng: &dyn Rng) -> Duration {
    let doublings = attempt.saturating_sub(1).min(10);
    let full = (BACKOFF_MIN_MILLIS << doublings).min(BACKOFF_MAX_MILLIS);
    let half = full / 2;
    Duration::from_millis(half + rng.below(half + 1))
}

/// What `Retry-After` asks for: seconds (decimals are rounded up) or an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(text).or_else(|| {
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Timestamp(date.as_microsecond()).since(now))
    })?;
    Some(wait.min(RETRY_AFTER_MAX))
}

/// `2` or, as Shopify writes it, `2.0`.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let extra = u64::from(decimals.bytes().any(|byte| byte != b'0'));
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(extra)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::ports::SeededRng;

    #[test]
    fn pauses_double_up_to_a_minute_with_a_random_upper_half() {
        let rng = SeededRng::new(1);
        for (attempt, full) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (6, 32),
            (7, 60),
            (u32::MAX, 60),
        ] {
            let full = Duration::from_secs(full);
            for _ in 0..50 {
                let pause = backoff(attempt, &rng);
                assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
            }
        }
        assert_ne!(backoff(7, &rng), backoff(7, &rng));
    }

    #[test]
    fn retry_after_is_read_in_seconds_or_as_a_date() {
        let now = Timestamp::parse("2026-11-21T18:45:00Z").unwrap();
        for (text, expected) in [
            ("2", Some(2)),
            (" 2.0 ", Some(2)),
            ("0.2", Some(1)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(3600)),
            ("Sat, 21 Nov 2026 18:45:07 GMT", Some(7)),
            ("Sat, 21 Nov 2026 18:44:00 GMT", Some(0)),
            ("Sun, 21 Nov 2027 18:45:07 GMT", Some(3600)),
            ("soon", None),
            ("-1", None),
            ("1.", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    proptest! {
        /// R69
        #[test]
        fn no_bytes_make_retry_after_panic(bytes in any::<Vec<u8>>(), now in any::<i64>()) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
                let wait = retry_after(&headers, Timestamp(now));
                prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
            }
        }
    }
}
