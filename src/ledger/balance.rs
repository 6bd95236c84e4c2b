//! Units of one SKU, by place.

use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::entry::Bucket;
use super::state::LocIx;

/// Units of one SKU at one location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Free to promise.
    pub available: Units,
    /// Promised to open orders.
    pub committed: Units,
    /// Not sellable.
    pub unavailable: Units,
    /// On the way here.
    pub in_transit: Units,
}

impl Balance {
    /// Units physically there.
    pub fn on_hand(&self) -> Units {
        self.available.plus(self.committed).plus(self.unavailable)
    }

    /// Units physically there or on the way there.
    pub(super) fn all(&self) -> Units {
        self.on_hand().plus(self.in_transit)
    }

    /// Units that may come so that all buckets together can still be counted.
    pub(super) fn room(&self) -> Units {
        Units(u32::MAX).minus(self.all())
    }

    /// One bucket.
    pub fn bucket(&self, bucket: Bucket) -> Units {
        match bucket {
            Bucket::Available => self.available,
            Bucket::Committed => self.committed,
            Bucket::Unavailable => self.unavailable,
            Bucket::InTransit => self.in_transit,
        }
    }

    /// One bucket, to be changed.
    pub fn bucket_mut(&mut self, bucket: Bucket) -> &mut Units {
        match bucket {
            Bucket::Available => &mut self.available,
            Bucket::Committed => &mut self.committed,
            Bucket::Unavailable => &mut self.unavailable,
            Bucket::InTransit => &mut self.in_transit,
        }
    }
}

/// A SKU at one location, as the ledger keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Where.
    pub location: LocIx,
    /// As of when it was last counted here, if ever.
    pub counted: Option<Timestamp>,
    /// How many.
    pub balance: Balance,
    /// Entry that changed it last.
    pub seq: u64,
}

/// A SKU at all its locations.
pub(super) type Stocks = SmallVec<[Stock; 1]>;
