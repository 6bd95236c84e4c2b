//! What came to the shelves and left them lately, each at its own time: so a count of an earlier
//! instant can be booked. A parcel or a return has its channel's time, everything else that of its
//! entry.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Bucket, Movement, Place};
use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How much is kept at most.
const PASSED_MAX: usize = 200_000;

/// Units that came to or left a shelf, or a count of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    by: i64,
    is_count: bool,
    at: Timestamp,
    booked: Timestamp,
}

/// The last days of all shelves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    /// By what lies where, each in the order in which it was booked.
    shelves: BTreeMap<(SkuIx, LocIx), VecDeque<Passed>>,
    /// The shelf of each, all in the order in which they were booked.
    order: VecDeque<(SkuIx, LocIx)>,
    from: Timestamp,
    as_of: BTreeMap<(SkuIx, LocIx), Timestamp>,
}

impl Lately {
    /// Since when everything is known.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Units that came to a location after a time, less those that left it.
    pub fn since(&self, sku: SkuIx, location: LocIx, at: Timestamp) -> i64 {
        let later = self.of(sku, location).filter(|one| one.at > at);
        later.fold(0, |sum, one| sum.saturating_add(one.by))
    }

    /// The newest count after a time.
    pub fn counted_after(&self, sku: SkuIx, location: LocIx, at: Timestamp) -> Option<Timestamp> {
        let counts = self.of(sku, location).filter(|one| one.is_count);
        counts.map(|one| one.at).filter(|count| *count > at).max()
    }

    /// The time as of which a SKU was counted at a location, if its last count was of an earlier time.
    pub fn as_of(&self, sku: SkuIx, location: LocIx) -> Option<Timestamp> {
        self.as_of.get(&(sku, location)).copied()
    }

    fn of(&self, sku: SkuIx, location: LocIx) -> impl Iterator<Item = &Passed> {
        self.shelves.get(&(sku, location)).into_iter().flatten()
    }

    /// Takes note of units of an entry that passed at an earlier time.
    pub(super) fn earlier(
        &mut self,
        shelf: (SkuIx, LocIx),
        by: i64,
        (at, booked): (Timestamp, Timestamp),
    ) {
        let one = Passed {
            by,
            is_count: false,
            at: at.min(booked),
            booked,
        };
        self.put(shelf, one);
        let (by, at) = (0_i64.saturating_sub(by), booked);
        self.put(shelf, Passed { by, at, ..one });
    }

    /// Takes note of a count, as of the time of its entry or of an earlier one.
    pub(super) fn counted(
        &mut self,
        shelf: (SkuIx, LocIx),
        as_of: Option<Timestamp>,
        booked: Timestamp,
    ) {
        match as_of {
            Some(at) => self.as_of.insert(shelf, at),
            None => self.as_of.remove(&shelf),
        };
        let one = Passed {
            by: 0,
            is_count: true,
            at: as_of.unwrap_or(booked),
            booked,
        };
        self.put(shelf, one);
    }

    /// What is known of one SKU belongs to another.
    pub(super) fn merge(&mut self, from: SkuIx, into: SkuIx) {
        let here = |(sku, _): &&(SkuIx, LocIx)| *sku == from;
        let moved: Vec<_> = self.shelves.keys().filter(here).copied().collect();
        for (sku, location) in moved {
            let passed = self.shelves.remove(&(sku, location)).unwrap_or_default();
            let both = self.shelves.entry((into, location)).or_default();
            both.extend(passed);
            both.make_contiguous().sort_by_key(|one| one.booked);
        }
        for (sku, _) in self.order.iter_mut().filter(|(sku, _)| *sku == from) {
            *sku = into;
        }
        // Both are to be counted again.
        self.as_of
            .retain(|(sku, _), _| *sku != from && *sku != into);
    }

    fn put(&mut self, shelf: (SkuIx, LocIx), passed: Passed) {
        let kept = passed.booked.minus(KEPT);
        while let Some(first) = self.oldest() {
            if first.booked >= kept && self.order.len() < PASSED_MAX {
                break;
            }
            self.from = self.from.max(first.booked);
            self.drop_oldest();
        }
        self.order.push_back(shelf);
        self.shelves.entry(shelf).or_default().push_back(passed);
    }

    fn oldest(&self) -> Option<Passed> {
        let shelf = self.shelves.get(self.order.front()?)?;
        shelf.front().copied()
    }

    fn drop_oldest(&mut self) {
        let Some(shelf) = self.order.pop_front() else {
            return;
        };
        if let Some(passed) = self.shelves.get_mut(&shelf) {
            passed.pop_front();
            if passed.is_empty() {
                self.shelves.remove(&shelf);
            }
        }
    }
}

/// Takes note of a movement.
pub(super) fn note(ledger: &mut Ledger, sku: SkuIx, movement: &Movement) {
    let (from, to) = (shelf(&movement.from), shelf(&movement.to));
    if from == to {
        return;
    }
    let units = movement.units.signed();
    for (place, by) in [(from, 0_i64.saturating_sub(units)), (to, units)] {
        if let Some(location) = place.and_then(|place| ledger.location(place)) {
            let one = Passed {
                by,
                is_count: false,
                at: ledger.at,
                booked: ledger.at,
            };
            ledger.lately.put((sku, location), one);
        }
    }
}

/// The location whose shelves a place is part of.
fn shelf(place: &Place) -> Option<&str> {
    match place {
        Place::At(location, Bucket::Available | Bucket::Committed | Bucket::Unavailable) => {
            Some(location.as_str())
        }
        Place::At(_, Bucket::InTransit) | Place::Supplier | Place::Customer | Place::Adjustment => {
            None
        }
    }
}
