//! Faults of the channel: how often it misbehaves, and in which way.
//!
//! In: `NAME[=RATE]` as written on a command line. Out: rates that the double consults. They never
//! touch `/control`, which always tells the truth.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often something happens: 0 to 1, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u32);

impl Rate {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(1_000_000);
    /// One in ten, where a fault is named without a rate.
    pub const DEFAULT: Self = Self(100_000);

    /// Reads a decimal from `0` to `1` with at most six decimals, without a float.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole: u32 = match whole {
            "" if !fraction.is_empty() => 0,
            "0" => 0,
            "1" => 1_000_000,
            _ => return None,
        };
        if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part: u32 = format!("{fraction:0<6}").parse().ok()?;
        let rate = whole.checked_add(part)?;
        (rate <= 1_000_000).then_some(Self(rate))
    }

    /// Times out of a million.
    pub const fn per_million(self) -> u32 {
        self.0
    }
}

/// What goes wrong, and how often. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// A webhook that is never sent.
    pub webhooks_lost: Rate,
    /// A webhook that is sent twice, with the same id.
    pub webhooks_doubled: Rate,
    /// A webhook that is held back up to ten seconds, so that later ones overtake it.
    pub webhooks_reordered: Rate,
    /// HTTP 429 with or without `Retry-After`, or `THROTTLED` in HTTP 200; nothing was done.
    pub answer_429: Rate,
    /// A server error before anything was done.
    pub answer_5xx: Rate,
    /// The effect happens, the answer does not come: broken connection, or an error after it.
    pub applied_then_timeout: Rate,
    /// A page of a search with three rows at most, which says that more follow.
    pub pages_cut: Rate,
    /// A bulk operation that fails after half of what it was to write.
    pub bulk_fails: Rate,
    /// A download that breaks off.
    pub downloads_cut: Rate,
    /// The whole shop answers 503 and sends nothing for so long, once, early in the run.
    pub away: Option<Duration>,
}

/// Why a fault could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No fault has this name.
    #[error("unknown fault `{0}`, expected one of {names}", names = Faults::NAMES.join(", "))]
    UnknownName(String),
    /// The rate is no decimal from 0 to 1.
    #[error("rate `{rate}` of fault `{name}` is not a decimal from 0 to 1")]
    BadRate {
        /// The fault.
        name: String,
        /// What was written.
        rate: String,
    },
    /// `away` needs whole seconds, at most a day.
    #[error("fault `away` needs whole seconds from 1 to 86400, as in away=60")]
    BadAway,
}

impl Faults {
    /// The names that [`Faults::parse`] knows.
    pub const NAMES: [&'static str; 10] = [
        "webhooks-lost",
        "webhooks-doubled",
        "webhooks-reordered",
        "answer-429",
        "answer-5xx",
        "applied-then-timeout",
        "pages-cut",
        "bulk-fails",
        "downloads-cut",
        "away",
    ];

    /// Reads any number of `NAME[=RATE]`; a later one replaces an earlier one of the same name.
    ///
    /// # Errors
    /// An unknown name, or a rate that is none.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, FaultError> {
        let mut faults = Self::default();
        for text in texts {
            faults.add(text.as_ref())?;
        }
        Ok(faults)
    }

    /// Adds one `NAME[=RATE]`.
    ///
    /// # Errors
    /// An unknown name, or a rate that is none.
    pub fn add(&mut self, text: &str) -> Result<(), FaultError> {
        let (name, rate) = match text.split_once('=') {
            Some((name, rate)) => (name, Some(rate)),
            None => (text, None),
        };
        let slot = match name {
            "webhooks-lost" => &mut self.webhooks_lost,
            "webhooks-doubled" => &mut self.webhooks_doubled,
            "webhooks-reordered" => &mut self.webhooks_reordered,
            "answer-429" => &mut self.answer_429,
            "answer-5xx" => &mut self.answer_5xx,
            "applied-then-timeout" => &mut self.applied_then_timeout,
            "pages-cut" => &mut self.pages_cut,
            "bulk-fails" => &mut self.bulk_fails,
            "downloads-cut" => &mut self.downloads_cut,
            "away" => {
                let secs: Option<u64> = rate.and_then(|text| text.parse().ok());
                let secs = secs.filter(|secs| (1..=86_400).contains(secs));
                self.away = Some(Duration::from_secs(secs.ok_or(FaultError::BadAway)?));
                return Ok(());
            }
            _ => return Err(FaultError::UnknownName(name.to_owned())),
        };
        *slot = match rate {
            None => Rate::DEFAULT,
            Some(text) => Rate::parse(text).ok_or_else(|| FaultError::BadRate {
                name: name.to_owned(),
                rate: text.to_owned(),
            })?,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_by_name_with_an_optional_rate() {
        let faults = Faults::parse(&["webhooks-lost", "answer-5xx=0.5", "away=60"]).unwrap();
        assert_eq!(faults.webhooks_lost, Rate::DEFAULT);
        assert_eq!(faults.answer_5xx.per_million(), 500_000);
        assert_eq!(faults.away, Some(Duration::from_secs(60)));
        assert_eq!(faults.answer_429, Rate::NEVER);
        assert!(Faults::parse(&["webhooks"]).is_err());
        assert!(Faults::parse(&["away"]).is_err());
        for rate in ["", "1.1", "2", "-0.1", "0,1", ".", "0.1234567"] {
            let text = format!("answer-429={rate}");
            assert!(Faults::parse(&[text]).is_err(), "{rate}");
        }
        assert_eq!(Rate::parse("1.0"), Some(Rate::ALWAYS));
        assert_eq!(Rate::parse("0.000001").map(Rate::per_million), Some(1));
    }
}
