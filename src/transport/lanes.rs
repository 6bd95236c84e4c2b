//! Who goes next: the calls that wait for one bucket, as a pure value.
//!
//! In: waiting calls with their lane. Out: the one that goes next. First in, first out within a
//! lane; a waiting push goes before a waiting poll, that before backfill.
//!
//! Lower lanes do not starve: a call that has waited for `OVERTAKE_AFTER` goes before everything
//! else, but only one in each such period. So at least one poll or backfill call leaves every ten
//! seconds, which keeps orders coming in (and with them the proof that raises are safe), and pushes
//! lose at most that one call; a scan of listings comes to its end under endless order reads. Of two that are due the higher lane goes, unless it was the one to
//! overtake last time.

use std::collections::VecDeque;
use std::time::Duration;

use channelsync_contract::transport::Lane;

/// How long a call of a lower lane may be held back by higher ones.
const OVERTAKE_AFTER: Duration = Duration::from_secs(10);

const ORDER: [Lane; 3] = [Lane::Push, Lane::Poll, Lane::Backfill];

/// The waiting calls of one bucket.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: [VecDeque<Entry<T>>; 3],
    /// When a call of a lower lane last overtook, and which lane that was.
    overtook: (Duration, Lane),
}

/// The lesser goes first: those that overtake, then by lane, then by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    ordinary: bool,
    lane: Lane,
    pub(super) number: u64,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    since: Duration,
    value: T,
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self {
            lanes: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
            overtook: (Duration::ZERO, Lane::Backfill),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Waits at the end of its lane. `number` is unique.
    pub(super) fn push(&mut self, lane: Lane, number: u64, value: T, now: Duration) {
        self.lanes[place(lane)].push_back(Entry {
            number,
            since: now,
            value,
        });
    }

    /// The call that goes next, and its rank among the first ones of other buckets.
    pub(super) fn first(&self, now: Duration) -> Option<(Rank, &T)> {
        let overtaker = self.overtaker(now);
        let waits = |lane: &Lane| !self.lanes[place(*lane)].is_empty();
        let lane = overtaker.or_else(|| ORDER.into_iter().find(waits))?;
        let entry = self.lanes[place(lane)].front()?;
        let rank = Rank {
            ordinary: overtaker.is_none(),
            lane,
            number: entry.number,
        };
        Some((rank, &entry.value))
    }

    /// Takes out the call that goes next.
    pub(super) fn pop(&mut self, now: Duration) -> Option<T> {
        let Rank { lane, ordinary, .. } = self.first(now)?.0;
        if !ordinary {
            self.overtook = (now, lane);
        }
        let entry = self.lanes[place(lane)].pop_front()?;
        Some(entry.value)
    }

    /// Takes out one that does not want to wait any more; whether it was there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let before = self.len();
        for lane in &mut self.lanes {
            lane.retain(|entry| entry.number != number);
        }
        self.len() < before
    }

    /// Takes out all, in no particular order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        let entries = self.lanes.iter_mut().flat_map(|lane| lane.drain(..));
        entries.map(|entry| entry.value)
    }

    /// The lane whose first call has waited too long, if it is time for one.
    fn overtaker(&self, now: Duration) -> Option<Lane> {
        let (at, last) = self.overtook;
        if now.saturating_sub(at) < OVERTAKE_AFTER {
            return None;
        }
        let due = |lane: &Lane| {
            let first = self.lanes[place(*lane)].front();
            first.is_some_and(|entry| now.saturating_sub(entry.since) >= OVERTAKE_AFTER)
        };
        let turns = match last {
            Lane::Poll => [Lane::Backfill, Lane::Poll],
            Lane::Push | Lane::Backfill => [Lane::Poll, Lane::Backfill],
        };
        turns.into_iter().find(due)
    }
}

fn place(lane: Lane) -> usize {
    match lane {
        Lane::Push => 0,
        Lane::Poll => 1,
        Lane::Backfill => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn waiting(calls: &[(Lane, &'static str)]) -> Lanes<&'static str> {
        let mut lanes = Lanes::new();
        for (number, (lane, name)) in calls.iter().enumerate() {
            lanes.push(*lane, number as u64, *name, secs(0));
        }
        lanes
    }

    fn all(mut lanes: Lanes<&'static str>, now: Duration) -> Vec<&'static str> {
        std::iter::from_fn(|| lanes.pop(now)).collect()
    }

    #[test]
    fn pushes_go_before_polls_before_backfill_each_in_order() {
        let lanes = waiting(&[
            (Lane::Backfill, "scan 1"),
            (Lane::Poll, "poll 1"),
            (Lane::Push, "push 1"),
            (Lane::Backfill, "scan 2"),
            (Lane::Push, "push 2"),
            (Lane::Poll, "poll 2"),
        ]);
        let order = ["push 1", "push 2", "poll 1", "poll 2", "scan 1", "scan 2"];
        assert_eq!(all(lanes, secs(9)), order);
    }

    #[test]
    fn one_call_that_waited_too_long_overtakes_then_pushes_go_on() {
        let lanes = waiting(&[
            (Lane::Poll, "poll 1"),
            (Lane::Poll, "poll 2"),
            (Lane::Push, "push 1"),
            (Lane::Push, "push 2"),
        ]);
        let order = ["poll 1", "push 1", "push 2", "poll 2"];
        assert_eq!(all(lanes, secs(10)), order);
    }

    #[test]
    fn polls_and_backfill_take_turns_in_overtaking() {
        let mut lanes = waiting(&[
            (Lane::Backfill, "scan"),
            (Lane::Poll, "poll 1"),
            (Lane::Poll, "poll 2"),
            (Lane::Push, "push"),
        ]);
        let turns = [10, 20, 30, 40].map(|now| lanes.pop(secs(now)).unwrap());
        assert_eq!(turns, ["poll 1", "scan", "poll 2", "push"]);
    }

    #[test]
    fn one_that_left_is_not_met_again() {
        let mut lanes = waiting(&[(Lane::Push, "push 0"), (Lane::Push, "push 1")]);
        assert!(lanes.remove(0));
        assert!(!lanes.remove(0));
        assert_eq!(lanes.first(secs(0)).map(|(rank, _)| rank.number), Some(1));
        assert_eq!(lanes.drain().count(), 1);
        assert_eq!(lanes.len(), 0);
    }

    proptest! {
        #[test]
        fn under_endless_pushes_every_poll_leaves(polls in 1..20_u64) {
            let mut lanes = Lanes::new();
            for number in 0..polls {
                lanes.push(Lane::Poll, number, "poll", secs(0));
            }
            let mut left = 0;
            for second in 0..(polls + 1) * 10 {
                lanes.push(Lane::Push, 1000 + second, "push", secs(second));
                left += u64::from(lanes.pop(secs(second)) == Some("poll"));
            }
            prop_assert_eq!(left, polls);
        }

        #[test]
        fn under_endless_polls_every_scan_leaves(scans in 1..20_u64, pushes in any::<bool>()) {
            let mut lanes = Lanes::new();
            for number in 0..scans {
                lanes.push(Lane::Backfill, number, "scan", secs(0));
            }
            let mut left = 0;
            for second in 0..(scans + 1) * 20 {
                lanes.push(Lane::Poll, 1000 + second, "poll", secs(second));
                if pushes {
                    lanes.push(Lane::Push, 9000 + second, "push", secs(second));
                }
                left += u64::from(lanes.pop(secs(second)) == Some("scan"));
            }
            prop_assert_eq!(left, scans);
        }
    }
}
