//! Barcodes that trade knows: GTIN-8, UPC-A, EAN-13 and GTIN-14 as one kind of number.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// A GTIN. The shorter kinds are the longest with zeros in front, so that two writings of one code
/// are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gtin(NonZeroU64);

impl Gtin {
    /// Reads 8, 12, 13 or 14 digits whose last one checks the others; none for anything else.
    ///
    /// The check digit: weights 3 and 1 by turns from the right, the sum a multiple of 10 (GS1
    /// General Specifications, 7.9).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if !matches!(digits.len(), 8 | 12..=14) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let weighed = |(digit, weight): (&u8, u32)| u32::from(digit - b'0') * weight;
        let sum: u32 = digits
            .iter()
            .rev()
            .zip([1, 3].into_iter().cycle())
            .map(weighed)
            .sum();
        let number = text.parse().ok().and_then(NonZeroU64::new)?;
        sum.is_multiple_of(10).then_some(Self(number))
    }

    /// The number, for hashing.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:014}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_has_a_known_length_and_a_right_check_digit() {
        for (text, expected) in [
            ("4006381333931", Some("04006381333931")),
            ("036000291452", Some("00036000291452")),
            ("0036000291452", Some("00036000291452")),
            ("73513537", Some("00000073513537")),
            ("10614141000415", Some("10614141000415")),
            ("4006381333930", None),
            ("4006381333913", None),
            ("400638133393", None),
            ("40063813339310", None),
            ("0400638133393", None),
            ("", None),
            ("00000000", None),
            ("400638133393x", None),
            (" 4006381333931", None),
            ("٠٠٠٠", None),
        ] {
            let found = Gtin::parse(text).map(|gtin| gtin.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
