//! What an entry's orders take of units that are set aside for their channel, or give back.

use std::collections::BTreeMap;

use channelsync_contract::ids::Sku;

use super::super::channel::Channel;
use super::super::entry::Fact;
use super::super::order::{Line, Order, stock_units, total};
use super::super::set_aside::SetAside;
use super::desk::{Desk, Work};
use crate::catalog::SkuIx;

/// One fact for each channel and SKU of which more or less is sold after the entry.
pub(super) fn sold(desk: &Desk<'_>) -> Vec<Fact> {
    let mut sums: BTreeMap<(u16, &Sku), i64> = BTreeMap::new();
    for work in &desk.works {
        let channel = desk.ledger.channel(work.at.channel);
        if channel.set_aside.is_empty() {
            continue;
        }
        let before = before(desk, work).map(|order| (order, -1));
        for (order, sign) in before.into_iter().chain([(&work.order, 1)]) {
            for (sku, units) in order.lines.iter().flat_map(ordered) {
                let rule = rule(desk, channel, sku);
                let Some((name, _)) = rule.filter(|(_, rule)| order.placed_at >= rule.since) else {
                    continue;
                };
                let sum = sums.entry((work.at.channel, name)).or_default();
                *sum = sum.saturating_add(units.saturating_mul(sign));
            }
        }
    }
    let changed = sums.into_iter().filter(|(_, by)| *by != 0);
    let facts = changed.map(|((channel, sku), by)| {
        let channel = desk.ledger.channel(channel).id.clone();
        Fact::SoldOfSetAside(channel, sku.clone(), by)
    });
    facts.collect()
}

/// The rule for a SKU, which may be one of this very entry.
fn rule<'a>(desk: &Desk<'a>, channel: &'a Channel, sku: SkuIx) -> Option<(&'a Sku, SetAside)> {
    if sku.0 < desk.ledger.skus.len() {
        return desk.ledger.set_aside(channel, sku);
    }
    let (name, rule) = channel.set_aside.get_key_value(desk.sku_id(sku))?;
    Some((name, *rule))
}

/// The order as the ledger has it; none of a new one.
fn before<'a>(desk: &Desk<'a>, work: &Work) -> Option<&'a Order> {
    let orders = &desk.ledger.channel(work.at.channel).orders;
    (work.at.order < orders.len()).then(|| orders.at(work.at.order))
}

/// Units of each SKU that a line took for good: committed, owed, or gone. What comes back later was
/// sold all the same.
fn ordered(line: &Line) -> impl Iterator<Item = (SkuIx, i64)> + '_ {
    let units = total([line.wanted(), line.gone()].into_iter());
    let parts = line.parts.iter().flatten();
    parts.map(move |part| (part.sku, stock_units(units, part.per).signed()))
}
