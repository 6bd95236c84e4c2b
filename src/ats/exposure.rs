//! How many units of a SKU may be sold beyond what is there: what the channels may still sell unseen,
//! and what is owed already, less what is free.
//!
//! A sale that is not known yet can only have been made of what a slot held since the last time up to
//! which all orders are known. That is the bound, and it holds while channels tell of orders within
//! their lag and nobody but us raises what they show.

use channelsync_contract::units::Units;

use super::own::open_on;
use crate::catalog::{Mapping, Part, SkuIx};
use crate::ledger::{Counting, Ledger};

/// How many listings of an item its channel may still sell unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// At most so many.
    Listings(i64),
    /// Nobody knows: what it shows was not read, or not all orders of that time are known.
    Unknown,
    /// Any number: it sells without stock.
    Unbounded,
}

/// An item that takes from a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seller {
    /// Its channel.
    pub channel: u16,
    /// The item.
    pub item: u32,
    /// Units of the SKU that leave with one listing.
    pub per: u32,
    /// What it may still sell.
    pub unseen: Unseen,
}

/// The exposure of a SKU, in its units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Free to promise, everywhere.
    pub available: i64,
    /// Owed to orders that are known.
    pub owed: i64,
    /// Who sells it.
    pub sellers: Vec<Seller>,
}

impl Exposure {
    /// Units that may be oversold at most; none where nothing bounds it.
    pub fn units(&self) -> Option<i64> {
        let units = self.sold_unseen(|_| true)?;
        Some(units.saturating_sub(self.spare()).max(0))
    }

    /// Units that sellers may still sell unseen.
    fn sold_unseen(&self, of: impl Fn(&Seller) -> bool) -> Option<i64> {
        let sellers = self.sellers.iter().filter(|seller| of(seller));
        sellers
            .map(|seller| match seller.unseen {
                Unseen::Listings(listings) => Some(listings.saturating_mul(i64::from(seller.per))),
                Unseen::Unknown | Unseen::Unbounded => None,
            })
            .try_fold(0_i64, |sum, units| Some(sum.saturating_add(units?)))
    }

    /// Units free beyond what is owed; below zero what is owed beyond them.
    fn spare(&self) -> i64 {
        self.available.saturating_sub(self.owed)
    }

    /// Listings that one of the sellers may be able to sell so that nothing can be oversold; below zero
    /// where the others may sell more than there is, and nothing may be raised.
    fn room(&self, channel: u16, item: u32, per: u32) -> Option<i64> {
        let others = |seller: &Seller| (seller.channel, seller.item) != (channel, item);
        let left = self
            .spare()
            .max(0)
            .saturating_sub(self.sold_unseen(others)?);
        left.checked_div_euclid(i64::from(per))
    }
}

/// The exposure of a SKU.
pub fn exposure(ledger: &Ledger, sku: SkuIx) -> Exposure {
    Exposure {
        sellers: sellers(ledger, sku)
            .into_iter()
            .map(|(channel, item, per)| Seller {
                channel,
                item,
                per,
                unseen: unseen(ledger, channel, item),
            })
            .collect(),
        ..unsold(ledger, sku)
    }
}

fn unsold(ledger: &Ledger, sku: SkuIx) -> Exposure {
    let stocks = ledger.sku(sku).stocks.iter();
    Exposure {
        available: sum(stocks.map(|stock| stock.balance.available)),
        owed: ledger.backordered(sku).signed(),
        sellers: Vec::new(),
    }
}

/// Units of a SKU that are free beyond what is owed.
pub(super) fn spare(ledger: &Ledger, sku: SkuIx) -> i64 {
    unsold(ledger, sku).spare()
}

fn sum(units: impl Iterator<Item = Units>) -> i64 {
    units.fold(0, |sum, units| sum.saturating_add(units.signed()))
}

/// Items that take from a SKU, with the units of one listing: by channel and item, each once. What its
/// channel no longer lists sells nothing, and of a channel that no file names nothing is known.
pub(super) fn sellers(ledger: &Ledger, sku: SkuIx) -> Vec<(u16, u32, u32)> {
    let sold = ledger.sku(sku).listings.iter();
    let mut sellers: Vec<(u16, u32, u32)> = sold
        .filter_map(|sold| {
            let channel = ledger.channel(sold.channel);
            let listing = channel.listings.at(sold.listing);
            if channel.setup.is_none() || listing.flags.gone {
                return None;
            }
            let part = |part: &&Part| part.sku == sku;
            let per = listing.mapping.parts()?.iter().find(part)?.per;
            Some((sold.channel, sold.item, per))
        })
        .collect();
    sellers.sort_unstable();
    // The largest `per` of an item comes first: of two listings that stand for different things the one
    // that takes more counts.
    sellers.reverse();
    sellers.dedup_by_key(|(channel, item, _)| (*channel, *item));
    sellers.reverse();
    sellers
}

/// How many listings of an item its channel may still sell unseen.
pub fn unseen(ledger: &Ledger, channel: u16, item: u32) -> Unseen {
    let known = ledger.channel(channel);
    let listings = known.items.at(item).listings.iter();
    let mut flags = listings.map(|listing| known.listings.at(*listing).flags);
    if flags.any(|flags| !flags.gone && (flags.sells_without_limit || flags.unpushable)) {
        return Unseen::Unbounded;
    }
    let sight = known.sight();
    let slots = known.items.at(item).slots.iter();
    let levels = slots.map(|(_, slot)| slot.most(sight));
    match levels.sum::<Option<i64>>() {
        Some(levels) => Unseen::Listings(sellable(ledger, channel, item, levels)),
        None => Unseen::Unknown,
    }
}

/// Listings that are for sale where an item's slots hold so much together: a channel sells what all its
/// locations have, wherever it takes it from.
pub(super) fn sellable(ledger: &Ledger, channel: u16, item: u32, levels: i64) -> i64 {
    let known = ledger.channel(channel);
    let counting = known.setup.as_ref().map(|setup| setup.counting);
    if counting != Some(Counting::Gross) {
        return levels.max(0);
    }
    let slots = known.items.at(item).slots.iter();
    let unsellable = sum(slots.map(|(_, slot)| slot.unsellable));
    let open = open_on(ledger, channel, item).signed();
    levels
        .saturating_sub(unsellable.saturating_add(open))
        .max(0)
}

/// Listings of an item that may be for sale so that none of its SKUs can be oversold; none where what
/// others sell is not bounded.
pub(super) fn room(ledger: &Ledger, channel: u16, item: u32, mapping: &Mapping) -> Option<i64> {
    let parts = mapping.parts().into_iter().flatten();
    let rooms = parts.map(|part| exposure(ledger, part.sku).room(channel, item, part.per));
    rooms.collect::<Option<Vec<_>>>()?.into_iter().min()
}
