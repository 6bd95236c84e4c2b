//! Time: microseconds since 1970, always UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `by` later; stops at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// The instant `by` earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let passed = self.0.saturating_sub(earlier.0);
        u64::try_from(passed).map_or(Duration::ZERO, Duration::from_micros)
    }

    /// Reads RFC 3339 with any offset (`2026-11-20T09:03:11-05:00`); none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = jiff::Timestamp::from_str(text).ok()?;
        Some(Self(instant.as_microsecond()))
    }

    /// RFC 3339 in UTC with whole seconds, rounded down, as channels' search filters want it.
    pub fn to_second_text(self) -> String {
        let whole = Self(self.0.div_euclid(1_000_000).saturating_mul(1_000_000));
        whole.to_string()
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, decimals only as far as needed.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => instant.fmt(out),
            Err(_) => write!(out, "{} us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R9
    #[test]
    fn every_offset_becomes_the_same_utc_instant() {
        let utc = Timestamp::parse("2026-11-20T14:03:11Z").unwrap();
        for text in ["2026-11-20T09:03:11-05:00", "2026-11-20T23:03:11+09:00"] {
            assert_eq!(Timestamp::parse(text), Some(utc));
        }
        assert_eq!(utc.to_second_text(), "2026-11-20T14:03:11Z");
        assert_eq!(
            Timestamp(utc.0 + 1).to_second_text(),
            "2026-11-20T14:03:11Z"
        );
        assert_eq!(Timestamp::parse("2026-11-20 14:03"), None);
    }
}
