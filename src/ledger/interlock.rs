//! A channel that is held because too much would change on it at once.

use std::collections::BTreeMap;
use std::fmt;

use channelsync_contract::ids::{ChannelId, ItemId, ListingId, Sku};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::Ledger;
use crate::catalog::{Part, SkuIx};

/// More than a channel may change without a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassChange {
    /// What caused it.
    pub cause: String,
    /// Listings that would fall to zero, lose half, or more than double.
    pub listings: u32,
    /// Of so many with a number.
    pub of: u32,
    /// Some of them.
    pub samples: Vec<Swing>,
    /// All items that changed, as they were before.
    pub before: Vec<Showed>,
}

/// A listing whose number would change by much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swing {
    /// Which.
    pub listing: ListingId,
    /// Whole listings for sale before.
    pub before: i64,
    /// And after.
    pub after: i64,
}

/// An item before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showed {
    /// Which.
    pub item: ItemId,
    /// Whole listings of it for sale.
    pub for_sale: i64,
    /// What it stood for.
    pub parts: Vec<(Sku, u32)>,
}

impl fmt::Display for MassChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (listings, of, cause) = (self.listings, self.of, &self.cause);
        write!(
            out,
            "{listings} of {of} listings would change by much, caused by {cause}: "
        )?;
        for (place, swing) in self.samples.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            let Swing {
                listing,
                before,
                after,
            } = swing;
            write!(out, "{between}{listing} {before} -> {after}")?;
        }
        Ok(())
    }
}

/// A channel's hold: until it goes on, of what is held back only orders lower the quantities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interlock {
    /// Entry that began it.
    pub seq: u64,
    /// Its time.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
    /// What is held back, by item.
    pub items: BTreeMap<u32, HeldBack>,
}

/// An item that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Whole listings for sale before.
    pub before: i64,
    /// What orders had taken of everything that it stood for, then or since.
    pub took: Vec<Took>,
}

/// What orders had taken of a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Which, and its units in a listing.
    pub part: Part,
    /// Units ever taken by then.
    pub taken: i64,
}

impl Ledger {
    /// Units of a SKU that orders ever took, less those they gave back: promised, owed, or with customers.
    ///
    /// Neither counts nor parcels change it.
    pub fn taken(&self, sku: SkuIx) -> i64 {
        let row = self.sku(sku);
        let committed = row
            .stocks
            .iter()
            .map(|stock| stock.balance.committed.signed());
        let owed = self.backordered(sku).signed();
        committed
            .sum::<i64>()
            .saturating_add(owed)
            .saturating_add(row.outside.customer)
    }

    /// Holds a channel, or holds back more of it.
    pub(super) fn interlock(&mut self, channel: &ChannelId, change: &MassChange) {
        let Some(number) = self.channel_ix(channel.as_str()) else {
            return;
        };
        let lock = self.channel_mut(number).interlock.take();
        let mut lock = lock.unwrap_or_else(|| Interlock {
            seq: self.seq,
            at: self.at,
            why: change.to_string(),
            items: BTreeMap::new(),
        });
        let known = self.channel(number);
        for row in &change.before {
            let Some(item) = known.items.find(row.item.as_str()) else {
                continue;
            };
            let held = lock.items.entry(item).or_insert_with(|| HeldBack {
                before: row.for_sale,
                took: Vec::new(),
            });
            let then = row.parts.iter().filter_map(|(sku, per)| {
                let sku = self.sku_ix(sku.as_str())?;
                Some(Part { sku, per: *per })
            });
            let listings = known.items.at(item).listings.iter();
            let now = listings.filter_map(|listing| known.listings.at(*listing).mapping.parts());
            for part in then.chain(now.flatten().copied()) {
                if held.took.iter().all(|took| took.part != part) {
                    let taken = self.taken(part.sku);
                    held.took.push(Took { part, taken });
                }
            }
        }
        self.channel_mut(number).interlock = Some(lock);
    }

    /// One SKU is about to go into another: what orders take of either counts from now on for both.
    pub(super) fn interlock_merged(&mut self, old: SkuIx, new: SkuIx) {
        let (of_old, of_new) = (self.taken(old), self.taken(new));
        let locks = self.channels.iter_mut();
        let locks = locks.filter_map(|channel| channel.interlock.as_mut());
        for took in locks.flat_map(|lock| lock.items.values_mut().flat_map(|held| &mut held.took)) {
            if took.part.sku == old {
                took.part.sku = new;
                took.taken = took.taken.saturating_add(of_new);
            } else if took.part.sku == new {
                took.taken = took.taken.saturating_add(of_old);
            }
        }
    }
}
