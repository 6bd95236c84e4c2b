//! A SKU takes another name, or goes into a SKU that has it.

use channelsync_contract::ids::Sku;

use super::super::freeze::Scope;
use super::super::order::Line;
use super::super::state::Ledger;
use super::{Touched, stock_entry};
use crate::catalog::{Mapping, SkuIx, merge_parts};

/// Gives a SKU its new name. Where another SKU has it, all of the one goes into the other, which then
/// counts as never counted.
///
/// Old entries keep the old name; it is remembered with the entry up to which it was used.
pub(super) fn rename(ledger: &mut Ledger, old: &Sku, new: &Sku, touched: &mut Touched) {
    let from = ledger.sku_ix(old.as_str());
    let from = from.unwrap_or_else(|| panic!("unknown SKU {old}"));
    let into = match ledger.sku_ix(new.as_str()) {
        None => {
            ledger.skus.rename(from.0, new.clone());
            from
        }
        Some(into) => {
            merge(ledger, from, into);
            into
        }
    };
    if let Some(frozen) = ledger.frozen.remove(&Scope::Sku(old.clone())) {
        let scope = Scope::Sku(new.clone());
        ledger.frozen.entry(scope).or_insert(frozen);
    }
    super::rule::rename(ledger, old, new);
    let mut names = ledger.former.remove(&from).unwrap_or_default();
    names.extend(ledger.former.remove(&into).unwrap_or_default());
    names.push((old.clone(), ledger.seq));
    ledger.former.insert(into, names);
    touched.touch_sku(ledger, into);
}

fn merge(ledger: &mut Ledger, from: SkuIx, into: SkuIx) {
    ledger.interlock_merged(from, into);
    let row = std::mem::take(ledger.skus.at_mut(from.0));
    // A row without a name is nobody's any more; rows keep their numbers.
    ledger.skus.rename(from.0, Sku::new(""));
    let seq = ledger.seq;
    let target = ledger.skus.at_mut(into.0);
    for stock in &row.stocks {
        let sum = &mut stock_entry(target, stock.location).balance;
        sum.available = sum.available.plus(stock.balance.available);
        sum.committed = sum.committed.plus(stock.balance.committed);
        sum.unavailable = sum.unavailable.plus(stock.balance.unavailable);
        sum.in_transit = sum.in_transit.plus(stock.balance.in_transit);
    }
    for stock in &mut target.stocks {
        (stock.counted, stock.seq) = (None, seq);
    }
    super::add(&mut target.outside.supplier, row.outside.supplier);
    super::add(&mut target.outside.customer, row.outside.customer);
    super::add(&mut target.outside.adjustment, row.outside.adjustment);
    for order in row.open {
        if !target.open.contains(&order) {
            target.open.push(order);
        }
    }
    for sold in row.listings {
        let listings = &mut ledger.skus.at_mut(into.0).listings;
        if !listings.contains(&sold) {
            listings.push(sold);
        }
        let listings = &mut ledger.channel_mut(sold.channel).listings;
        listings.change(sold.listing, |listing| match &mut listing.mapping {
            Mapping::Automatic(parts) | Mapping::Barcode(parts) | Mapping::Manual(parts) => {
                merge_parts(parts, from, into);
            }
            Mapping::Unmapped(_) => {}
        });
    }
    // Closed orders too: what they sold may come back.
    for channel in &mut ledger.channels {
        for order in channel.orders.values_mut() {
            order
                .lines
                .iter_mut()
                .for_each(|line| line.merge(from, into));
        }
    }
    let gtins = std::mem::take(&mut ledger.gtins).into_iter();
    let moved = |(gtin, sku)| (gtin, if sku == from { into } else { sku });
    ledger.gtins = gtins.map(moved).collect();
    ledger.lately.merge(from, into);
    for purchase in ledger.purchases.values_mut() {
        purchase.merge(from, into);
    }
}

impl Line {
    /// Stands for one SKU where it stood for another.
    pub(in super::super) fn merge(&mut self, from: SkuIx, into: SkuIx) {
        let Some(parts) = &mut self.parts else { return };
        if !parts.iter().any(|part| part.sku == from) {
            return;
        }
        merge_parts(parts, from, into);
        for held in std::mem::take(&mut self.held) {
            let sku = if held.sku == from { into } else { held.sku };
            let mut same = self.held.iter_mut();
            let same = same.find(|one| one.sku == sku && one.location == held.location);
            match same {
                Some(same) => same.units = same.units.plus(held.units),
                None => self.held.push(super::super::order::Held { sku, ..held }),
            }
        }
    }
}
