//! The only randomness of the crate: one seeded generator, split by label.
//!
//! Equal seed and label give equal numbers on every machine, so that no draw for one purpose moves
//! the draws for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use channelsync_contract::Rng;

use crate::faults::Rate;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator (`SplitMix64`) for one purpose.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    /// The generator of `label` under `seed`.
    pub(crate) fn new(seed: u64, label: &str) -> Self {
        let mixed = label.bytes().fold(mix(seed), |state, byte| {
            mix(state.wrapping_add(GOLDEN) ^ u64::from(byte))
        });
        Self(AtomicU64::new(mixed))
    }

    /// Whether something that happens at `rate` happens now.
    ///
    /// Draws even at rates 0 and 1, so that changing one rate moves no other draw.
    pub(crate) fn chance(&self, rate: Rate) -> bool {
        self.below(1_000_000) < u64::from(rate.per_million())
    }

    /// A duration from zero up to `max`.
    pub(crate) fn up_to(&self, max: Duration) -> Duration {
        let micros = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.saturating_add(1)))
    }

    /// A number from `low` to `high`, both possible.
    pub(crate) fn between(&self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)).saturating_add(1);
        low.saturating_add(u32::try_from(self.below(span)).unwrap_or(0))
    }

    /// One of `choices`; none when there are none.
    pub(crate) fn pick<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        let bound = u64::try_from(choices.len()).unwrap_or(0);
        choices.get(usize::try_from(self.below(bound)).unwrap_or(0))
    }

    /// An exponentially distributed duration with this mean, without floats.
    ///
    /// John von Neumann's method: compare descending runs of uniform numbers. The gaps between
    /// buyers of a Poisson process.
    pub(crate) fn exponential(&self, mean: Duration) -> Duration {
        let mut whole: u32 = 0;
        loop {
            let first = self.next_u64();
            let (mut last, mut run) = (first, 1_u32);
            loop {
                let next = self.next_u64();
                if next >= last {
                    break;
                }
                last = next;
                run = run.saturating_add(1);
            }
            if run % 2 == 1 {
                let mean_micros = mean.as_micros();
                let part = (mean_micros.saturating_mul(u128::from(first >> 32))) >> 32;
                let micros = mean_micros.saturating_mul(u128::from(whole)) + part;
                return Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
            }
            whole = whole.saturating_add(1);
        }
    }

    /// Text of `length` hexadecimal digits.
    pub(crate) fn hex(&self, length: usize) -> String {
        let mut text = String::with_capacity(length.saturating_add(16));
        while text.len() < length {
            text.push_str(&format!("{:016x}", self.next_u64()));
        }
        text.truncate(length);
        text
    }
}

impl Rng for Dice {
    fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(GOLDEN, Ordering::Relaxed);
        mix(state.wrapping_add(GOLDEN))
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_split_the_seed_and_the_gaps_have_their_mean() {
        let numbers = |seed, label| {
            let dice = Dice::new(seed, label);
            [dice.next_u64(), dice.next_u64()]
        };
        assert_eq!(numbers(7, "ids"), numbers(7, "ids"));
        assert_ne!(numbers(7, "ids"), numbers(7, "faults"));
        assert_ne!(numbers(7, "ids"), numbers(8, "ids"));
        let dice = Dice::new(1, "gaps");
        let mean = Duration::from_millis(20);
        let total: Duration = (0..10_000).map(|_| dice.exponential(mean)).sum();
        let millis = total.as_millis() / 10_000;
        assert!((19..=21).contains(&millis), "{millis} ms");
    }
}
