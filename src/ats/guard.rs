//! The raise guard: what is guarded is raised only as far as it cannot be oversold, whatever the
//! channels have sold and not told yet.

use channelsync_contract::units::Units;

use super::exposure::{Unseen, room, sellable, sellers, spare, unseen};
use super::held::ToWrite;
use super::number::ItemNumber;
use super::rules::{Effective, effective};
use crate::catalog::{Part, Parts, SkuIx};
use crate::ledger::{ChannelSetup, Ledger, PlaceIx, Policy, PushState};

/// Whether the strictest policy of the parts guards a pool.
pub(super) fn is_guarded(pool: i64, rules: &[Effective]) -> bool {
    rules.iter().any(|rule| {
        let below = rule.guard_below_units.value;
        rule.policy.value == Policy::Guarded && below.is_none_or(|below| pool < i64::from(below))
    })
}

/// Whole listings of a guarded pool that are this item's: those who sell the same units have them by
/// their shares, the first channel the odd ones.
pub(super) fn split(ledger: &Ledger, (channel, item): (u16, u32), parts: &Parts, pool: i64) -> i64 {
    let of_part = |part: &Part| {
        let (mut before, mut own, mut all) = (0_i64, 0_i64, 0_i64);
        for (other, its, _) in sellers(ledger, part.sku) {
            let share = share(ledger, other, its, part.sku);
            if (other, its) == (channel, item) {
                (before, own) = (all, share);
            }
            all = all.saturating_add(share);
        }
        let spare = spare(ledger, part.sku).checked_div_euclid(i64::from(part.per));
        let there = pool.min(spare.unwrap_or(0)).max(0);
        let up_to = |shares: i64| {
            let whole = there.saturating_mul(shares);
            let up = whole.saturating_add(all.max(100).saturating_sub(1));
            up.checked_div(all.max(100)).unwrap_or(0)
        };
        up_to(before.saturating_add(own)).saturating_sub(up_to(before))
    };
    parts.iter().map(of_part).min().unwrap_or(0)
}

/// The share of one who sells a SKU; nothing of a channel that has ended.
fn share(ledger: &Ledger, channel: u16, item: u32, sku: SkuIx) -> i64 {
    let known = ledger.channel(channel);
    let setup: Option<&ChannelSetup> = known.setup.as_ref().filter(|_| known.retired.is_none());
    let mut listings = known.items.at(item).listings.iter();
    let listing = listings.find(|listing| !known.listings.at(**listing).flags.gone);
    let Some((setup, listing)) = setup.zip(listing) else {
        return 0;
    };
    let rules = effective(ledger, setup, known.listings.key(*listing), sku);
    i64::from(rules.share_percent.value)
}

/// Lowers the numbers of a guarded item, or keeps them from being written, so that no write lets it be
/// oversold.
///
/// A fall always leaves. Where a write does not compare, what is written comes on top of what may still
/// be sold unseen.
pub(super) fn guard(
    ledger: &Ledger,
    (channel, item): (u16, u32),
    number: &ItemNumber,
    to_write: &mut ToWrite,
) {
    if !is_guarded(number.pool.total, &number.rules) {
        return;
    }
    let known = ledger.channel(channel);
    let setup = known.setup.as_ref();
    let compares = setup.is_some_and(|setup| setup.compare_and_set);
    let mapping = &known.listings.at(number.listing).mapping;
    let allowed = match unseen(ledger, channel, item) {
        Unseen::Listings(_) => room(ledger, channel, item, mapping),
        Unseen::Unknown | Unseen::Unbounded => None,
    };
    for at in (0..to_write.slots.len()).rev() {
        let excess = match allowed {
            Some(allowed) => after(ledger, (channel, item), to_write).saturating_sub(allowed),
            // What may be sold unseen has no bound: nothing is raised.
            None => i64::MAX,
        };
        let Some(slot) = to_write.slots.get_mut(at).filter(|_| excess > 0) else {
            break;
        };
        let state = known.items.at(item).slot(slot.place);
        let Some(expected) = state.and_then(|state| state.expected) else {
            continue;
        };
        let before = slot.low.signed();
        let none = before.saturating_sub(slot.part.max(0));
        let low = match compares {
            true => before.saturating_sub(excess).max(expected),
            false if slot.is_held(expected) => continue,
            // First to nothing, and up once it is known what it sold.
            false if expected > none => none,
            false => before.saturating_sub(excess).max(none),
        };
        if low >= before {
            continue;
        }
        to_write.guarded = true;
        if low == expected {
            to_write.kept.push(slot.place);
        } else {
            slot.part = slot.part.saturating_sub(before.saturating_sub(low));
            slot.low = Units::from_signed(low).unwrap_or_default();
            slot.high = slot.low;
        }
    }
}

/// Listings that an item may sell unseen once its slots were written.
fn after(ledger: &Ledger, (channel, item): (u16, u32), to_write: &ToWrite) -> i64 {
    let known = ledger.channel(channel);
    let setup = known.setup.as_ref();
    let compares = setup.is_some_and(|setup| setup.compare_and_set);
    let level = |(place, state): &(Option<PlaceIx>, PushState)| {
        let mut slots = to_write.slots.iter();
        let slot = slots.find(|slot| slot.place == *place && !to_write.kept.contains(place));
        let written = slot.filter(|slot| state.expected.is_some_and(|now| !slot.is_held(now)));
        match written.map(|slot| slot.low.signed()) {
            Some(low) if compares => state.most_with(low, known.sight()),
            Some(low) => Some(state.most(known.sight())?.saturating_add(low)),
            None => state.most(known.sight()),
        }
    };
    let levels = known.items.at(item).slots.iter().filter_map(level);
    let levels = levels.fold(0_i64, i64::saturating_add);
    sellable(ledger, channel, item, levels)
}
