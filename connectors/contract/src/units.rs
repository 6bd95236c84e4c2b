//! Quantities and money: integers only.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A number of units, 0 to 4,294,967,295. Arithmetic never wraps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Units(pub u32);

impl Units {
    /// No units.
    pub const ZERO: Self = Self(0);

    /// Whether there are none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether there are none; for serde.
    pub const fn is_zero_ref(&self) -> bool {
        self.0 == 0
    }

    /// The sum.
    ///
    /// # Panics
    /// Above 4,294,967,295: no channel takes such a quantity, so it is a bug upstream.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        match self.0.checked_add(other.0) {
            Some(sum) => Self(sum),
            None => panic!("units overflow"),
        }
    }

    /// The sum of figures that a channel tells, which have no bound; at most 4,294,967,295.
    #[must_use]
    pub const fn plus_or_max(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or none where `other` is larger.
    #[must_use]
    pub const fn checked_minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// The difference.
    ///
    /// # Panics
    /// Where `other` is larger: no bucket is ever negative.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        match self.0.checked_sub(other.0) {
            Some(rest) => Self(rest),
            None => panic!("units below zero"),
        }
    }

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub const fn minus_or_zero(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product.
    ///
    /// # Panics
    /// Above 4,294,967,295.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        match self.0.checked_mul(factor) {
            Some(product) => Self(product),
            None => panic!("units overflow"),
        }
    }

    /// As a signed number, for differences.
    pub const fn signed(self) -> i64 {
        self.0 as i64
    }

    /// From a signed number; negative gives none, too large gives none.
    pub fn from_signed(number: i64) -> Option<Self> {
        u32::try_from(number).ok().map(Self)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl std::iter::Sum for Units {
    fn sum<I: Iterator<Item = Self>>(units: I) -> Self {
        units.fold(Self::ZERO, Self::plus)
    }
}

/// An amount in minor units (cents) of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: 1234 is 12.34 for a currency with two decimals.
    pub minor: i64,
    /// ISO 4217 code, upper case.
    pub currency: SmolStr,
}

impl Money {
    /// Reads a decimal text such as `60.0`, `60.00` or `60` without a float.
    ///
    /// Decimals follow ISO 4217 (0 for JPY and its like, 3 for BHD and its like, else 2). None for
    /// text that is no number, has more significant decimals than the currency, or overflows.
    pub fn parse(amount: &str, currency: &str) -> Option<Self> {
        let decimals: usize = match currency {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        };
        let (negative, digits) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > decimals {
            return None;
        }
        let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
        Some(Self {
            minor: if negative { -minor } else { minor },
            currency: SmolStr::new(currency),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_without_floats() {
        let minor = |amount, currency| Money::parse(amount, currency).map(|money| money.minor);
        for (amount, currency, expected) in [
            ("60.0", "USD", Some(6000)),
            ("60.00", "USD", Some(6000)),
            ("60", "USD", Some(6000)),
            ("0.05", "USD", Some(5)),
            ("-1.5", "EUR", Some(-150)),
            ("1200", "JPY", Some(1200)),
            ("1.234", "BHD", Some(1234)),
            ("1.230000", "USD", Some(123)),
            ("1.234", "USD", None),
            ("", "USD", None),
            (".5", "USD", None),
            ("1e3", "USD", None),
            ("99999999999999999999", "USD", None),
        ] {
            assert_eq!(minor(amount, currency), expected, "{amount} {currency}");
        }
    }
}
