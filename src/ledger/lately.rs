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

/// Units that came to or left a location, or a count there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    sku: SkuIx,
    location: LocIx,
    by: i64,
    is_count: bool,
    at: Timestamp,
    booked: Timestamp,
}

/// The last days of all shelves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    passed: VecDeque<Passed>,
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
        let all = self.passed.iter();
        all.filter(move |one| one.sku == sku && one.location == location)
    }

    /// Takes note of units of an entry that passed at an earlier time.
    pub(super) fn earlier(
        &mut self,
        (sku, location): (SkuIx, LocIx),
        by: i64,
        (at, booked): (Timestamp, Timestamp),
    ) {
        let one = Passed {
            sku,
            location,
            by,
            is_count: false,
            at: at.min(booked),
            booked,
        };
        self.put(one);
        let (by, at) = (0_i64.saturating_sub(by), booked);
        self.put(Passed { by, at, ..one });
    }

    /// Takes note of a count, as of the time of its entry or of an earlier one.
    pub(super) fn counted(
        &mut self,
        (sku, location): (SkuIx, LocIx),
        as_of: Option<Timestamp>,
        booked: Timestamp,
    ) {
        match as_of {
            Some(at) => self.as_of.insert((sku, location), at),
            None => self.as_of.remove(&(sku, location)),
        };
        self.put(Passed {
            sku,
            location,
            by: 0,
            is_count: true,
            at: as_of.unwrap_or(booked),
            booked,
        });
    }

    /// What is known of one SKU belongs to another.
    pub(super) fn merge(&mut self, from: SkuIx, into: SkuIx) {
        for one in self.passed.iter_mut().filter(|one| one.sku == from) {
            one.sku = into;
        }
        // Both are to be counted again.
        self.as_of
            .retain(|(sku, _), _| *sku != from && *sku != into);
    }

    fn put(&mut self, passed: Passed) {
        let kept = passed.booked.minus(KEPT);
        while let Some(first) = self.passed.front() {
            if first.booked >= kept && self.passed.len() < PASSED_MAX {
                break;
            }
            self.from = self.from.max(first.booked);
            self.passed.pop_front();
        }
        self.passed.push_back(passed);
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
            ledger.lately.put(Passed {
                sku,
                location,
                by,
                is_count: false,
                at: ledger.at,
                booked: ledger.at,
            });
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
