//! Items of a channel whose number is known to differ, in the order in which they leave.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::Timestamp;

/// Of so many items that a call could take, that many are considered by how long they wait.
const CONSIDERED_TIMES: usize = 4;
/// This part of a call's places goes to those who have waited longest, whatever they are.
const OLDEST_PART: usize = 4;

/// Order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing may be sold any more.
    ZeroOut,
    /// Less may be sold.
    Fall,
    /// More may be sold.
    Raise,
}

/// How pressing an item is: the lesser goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Above all.
    pub urgency: Urgency,
    /// Of equal urgency what is at stake: units times how often they are sold lately.
    pub stake: Reverse<u64>,
}

/// Items in line.
#[derive(Debug, Default)]
pub(super) struct Line {
    items: BTreeMap<u32, (Rank, Timestamp)>,
    by_rank: BTreeSet<(Rank, u32)>,
    by_age: BTreeSet<(Timestamp, u32)>,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Puts an item in line that differs since a time.
    pub(super) fn put(&mut self, item: u32, rank: Rank, since: Timestamp) {
        self.remove(item);
        self.items.insert(item, (rank, since));
        self.by_rank.insert((rank, item));
        self.by_age.insert((since, item));
    }

    /// Takes an item out of line; since when it differs.
    pub(super) fn remove(&mut self, item: u32) -> Option<Timestamp> {
        let (rank, since) = self.items.remove(&item)?;
        self.by_rank.remove(&(rank, item));
        self.by_age.remove(&(since, item));
        Some(since)
    }

    /// Takes up to `most` items out of line, with the time since when they differ: most of them by rank,
    /// what is at stake growing with the time they wait; the others are the oldest. So whoever is the
    /// n-th oldest leaves within 4 n / `most` calls, however many come that are more urgent.
    pub(super) fn take(&mut self, most: usize, now: Timestamp) -> Vec<(u32, Timestamp)> {
        let considered = self
            .by_rank
            .iter()
            .take(most.saturating_mul(CONSIDERED_TIMES));
        let mut considered: Vec<(Urgency, Reverse<u64>, u32)> = considered
            .filter_map(|(rank, item)| {
                let (_, since) = self.items.get(item)?;
                let waited = now.since(*since).as_secs().saturating_add(1);
                let stake = rank.stake.0.saturating_mul(waited);
                Some((rank.urgency, Reverse(stake), *item))
            })
            .collect();
        considered.sort_unstable();
        let by_rank = most.saturating_sub(most.div_euclid(OLDEST_PART));
        let mut taken = Vec::new();
        for (_, _, item) in considered.into_iter().take(by_rank) {
            taken.extend(self.remove(item).map(|since| (item, since)));
        }
        while taken.len() < most
            && let Some((since, item)) = self.by_age.first().copied()
        {
            self.remove(item);
            taken.push((item, since));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(secs))
    }

    fn rank(urgency: Urgency, stake: u64) -> Rank {
        let stake = Reverse(stake);
        Rank { urgency, stake }
    }

    #[test]
    fn the_most_urgent_leave_first_and_a_quarter_are_the_oldest() {
        let mut line = Line::default();
        line.put(1, rank(Urgency::Raise, 9), at(0));
        line.put(2, rank(Urgency::Fall, 5), at(8));
        line.put(3, rank(Urgency::Fall, 7), at(9));
        line.put(4, rank(Urgency::ZeroOut, 0), at(9));
        line.put(5, rank(Urgency::Raise, 1), at(9));
        let taken = line.take(4, at(9));
        // 5 × 2 s is more than 7 × 1 s.
        assert_eq!(taken, [(4, at(9)), (2, at(8)), (3, at(9)), (1, at(0))]);
        assert_eq!(line.take(4, at(9)), [(5, at(9))]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn an_item_stands_in_line_once_with_its_last_rank() {
        let mut line = Line::default();
        line.put(1, rank(Urgency::Raise, 9), at(2));
        line.put(2, rank(Urgency::Fall, 1), at(3));
        line.put(1, rank(Urgency::ZeroOut, 0), at(3));
        assert_eq!(line.len(), 2);
        assert_eq!(line.take(1, at(3)), [(1, at(3))]);
        assert_eq!((line.remove(1), line.remove(2)), (None, Some(at(3))));
        assert_eq!(line.take(1, at(3)), []);
    }

    proptest! {
        /// R39: however much is at stake elsewhere.
        #[test]
        fn nobody_waits_for_ever(
            older in 0..40_u32, most in 4..12_usize, zero_outs in 1..30_u32,
        ) {
            let mut line = Line::default();
            for item in 0..older {
                line.put(item, rank(Urgency::Raise, 1), at(0));
            }
            line.put(1_000, rank(Urgency::Raise, 0), at(1));
            let calls = (older as usize + 1).div_ceil(most / 4);
            let mut left = false;
            for call in 0..calls {
                let now = at(2 + call as u64);
                for item in 0..zero_outs {
                    line.put(2_000 + item, rank(Urgency::ZeroOut, 9), now);
                }
                left = left || line.take(most, now).iter().any(|(item, _)| *item == 1_000);
            }
            prop_assert!(left, "not within {} calls", calls);
        }
    }
}
