//! How far the pages of a window came, by the channel's clock alone.
//!
//! Pages are sorted by an index that lags: a row may stand in it at an older time than the one it tells. So
//! the newest time on a page says nothing of what is behind the page. A row that changed longer ago than
//! the overlap, seen from the newest change, stands where it tells: what changed before it was read.

use std::time::Duration;

use channelsync_contract::Timestamp;

/// What the pages read so far prove.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    newest: Option<Timestamp>,
    settled: Option<Timestamp>,
}

impl Reach {
    /// Adds the times of a page's rows.
    pub(super) fn add(&mut self, times: &[Timestamp], overlap: Duration) {
        self.newest = self.newest.max(times.iter().max().copied());
        let Some(newest) = self.newest else { return };
        let stands = |at: &&Timestamp| **at <= newest.minus(overlap);
        let last = times.iter().filter(stands).max().copied();
        self.settled = self.settled.max(last);
    }

    /// What changed before this was read, while pages are to come.
    pub(super) fn so_far(&self) -> Option<Timestamp> {
        self.settled
    }

    /// Where the next window begins, less the overlap, once the last page was read so long after the
    /// first: what shows itself late may belong behind any page since then.
    pub(super) fn whole(&self, after: Duration) -> Option<Timestamp> {
        self.newest.map(|newest| newest.minus(after))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAG_SECS: u64 = 60;
    const OVERLAP: Duration = Duration::from_secs(600);

    fn at(secs: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(secs))
    }

    /// Rows of a shop at a moment: where they stand in the index and the time they tell.
    fn rows(now: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
        let row = (0..now, prop::option::weighted(0.2, 0..LAG_SECS));
        let row = row.prop_map(move |(key, touched)| {
            (key, touched.map_or(key, |before| (now - before).max(key)))
        });
        prop::collection::vec(row, 1..60)
    }

    proptest! {
        /// R11: however the index lags.
        #[test]
        fn nothing_that_was_not_read_changed_before_it(
            rows in rows(10_000), per_page in 1..9_usize, pages in 1..9_usize,
        ) {
            let mut rows = rows;
            rows.sort_unstable();
            let mut reach = Reach::default();
            let mut pages_left = rows.chunks(per_page);
            for page in pages_left.by_ref().take(pages) {
                let times: Vec<Timestamp> = page.iter().map(|(_, told)| at(*told)).collect();
                reach.add(&times, OVERLAP);
            }
            let unread = pages_left.flatten().map(|(key, _)| at(*key)).min();
            if let (Some(unread), Some(reached)) = (unread, reach.so_far()) {
                prop_assert!(reached <= unread, "{:?} is behind {:?}", unread, reached);
            }
        }
    }

    #[test]
    fn a_row_touched_a_moment_ago_moves_nothing() {
        let mut reach = Reach::default();
        reach.add(&[at(100), at(90_000), at(103)], OVERLAP);
        assert_eq!(reach.so_far(), Some(at(103)));
        reach.add(&[at(104), at(89_500)], OVERLAP);
        assert_eq!(reach.so_far(), Some(at(104)));
        assert_eq!(reach.whole(Duration::ZERO), Some(at(90_000)));
        assert_eq!(reach.whole(Duration::from_secs(900)), Some(at(89_100)));
    }

    #[test]
    fn an_empty_page_proves_nothing() {
        let mut reach = Reach::default();
        reach.add(&[], OVERLAP);
        assert_eq!((reach.so_far(), reach.whole(Duration::ZERO)), (None, None));
    }
}
