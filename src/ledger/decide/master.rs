//! What a channel shows at a location that it is master of.
//!
//! A difference that neither known acts nor writes of ours explain is units that came or are gone, and
//! is booked as such; it is never written back. It waits until orders are known past its first reading:
//! a fall may be a parcel, and a rise a return, whose word has not arrived.

use channelsync_contract::ids::SlotKey;
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::command::ShownReport;
use super::super::entry::{Bucket, Exception, Fact, Reading, Recheck};
use super::super::master::Shelf;
use super::super::push::{PushState, SlotState};
use super::super::refusal::Refusal;
use super::desk::{Desk, Spot};
use super::push::{Seen, is_told, plain};
use super::stock;

/// What a reading means, and the units it books; none where it says nothing new. `written` is its figure,
/// `expected` what the slot should hold.
///
/// What a slot should hold is its first reading and all acts since, these too; it is taken from another
/// reading only where something may have happened or not. So an act that is heard of too late shows as a
/// difference the other way.
pub(super) fn judge(
    desk: &mut Desk<'_>,
    (known, shelf): (&Channel, Shelf),
    slot: &PushState,
    report: &ShownReport,
    (written, expected): (i64, i64),
    seen: Seen,
) -> Option<Reading> {
    let mut reading = plain(report);
    let doubted = doubted(desk, slot, &report.slot, expected);
    let in_doubt = matches!(slot.state, SlotState::InDoubt(_));
    let is_open = slot.maybe != 0 || in_doubt;
    let apart = report.unsellable.signed();
    let apart = apart.saturating_sub(slot.unsellable.signed());
    let difference = written.saturating_sub(expected).saturating_sub(apart);
    let by = unexplained(difference, [slot.maybe, doubted]);
    let waited = slot.recheck.filter(|recheck| recheck.difference == by);
    let sure = waited.filter(|recheck| is_sure(known, &report.slot, *recheck, seen));
    let mut moved = apart;
    if let Some(recheck) = sure {
        let booked = book(desk, known, &report.slot, shelf, (by, recheck.began));
        reading.park = booked.err().map(|refusal| refusal.to_string());
        moved = moved.saturating_add(by);
    } else if by != 0 {
        reading.recheck = Some(waited.unwrap_or(Recheck {
            began: seen.began,
            difference: by,
        }));
        if doubted != 0 {
            let fact = Fact::MovedMaybe(known.id.clone(), report.slot.clone(), doubted);
            desk.facts.push(fact);
        }
    }
    reading.adopt = is_open && reading.recheck.is_none();
    if moved != 0 && !reading.adopt {
        desk.facts
            .push(Fact::Moved(known.id.clone(), report.slot.clone(), moved));
    }
    let is_known = match reading.recheck {
        None => by == 0 && !is_open && is_told(slot, report),
        waiting => slot.recheck == waiting && !slot.reread && !in_doubt,
    };
    (moved != 0 || !is_known).then_some(reading)
}

/// What a call in doubt would have changed.
fn doubted(desk: &Desk<'_>, slot: &PushState, key: &SlotKey, expected: i64) -> i64 {
    let SlotState::InDoubt(call) = &slot.state else {
        return 0;
    };
    let call = desk.ledger.calls.get(call);
    let mut rows = call.into_iter().flat_map(|call| &call.rows);
    let row = rows.find(|row| row.slot == *key);
    row.map_or(0, |row| slot.if_written(row).saturating_sub(expected))
}

/// The part of a difference that is not explained by what may have happened, in part or all of it.
/// Beyond that the least units: we would rather miss a sale than owe one.
fn unexplained(difference: i64, maybe: [i64; 2]) -> i64 {
    let sum = |sign: fn(i64) -> i64| maybe.into_iter().map(sign).fold(0, i64::saturating_add);
    let (low, high) = (sum(|by| by.min(0)), sum(|by| by.max(0)));
    if (low..=high).contains(&difference) {
        return 0;
    }
    difference.saturating_sub(high)
}

/// Whether all is known that may explain a difference: orders up to its first reading, those that are
/// to be read, and what became of parcels of ours that the channel is being told of.
fn is_sure(known: &Channel, slot: &SlotKey, recheck: Recheck, seen: Seen) -> bool {
    let complete = seen.complete_to.is_some_and(|to| to > recheck.began);
    let is_it = |(item, place)| known.slot_key(item, place) == *slot;
    complete && known.wanted.is_empty() && !known.reporting().any(is_it)
}

/// Books units that came to a shelf, or are gone from it. Of those that the book does not have there,
/// a person is told.
fn book(
    desk: &mut Desk<'_>,
    known: &Channel,
    slot: &SlotKey,
    shelf: Shelf,
    (by, since): (i64, Timestamp),
) -> Result<(), Refusal> {
    let Shelf { location, sku, per } = shelf;
    let all = by.unsigned_abs().saturating_mul(u64::from(per));
    let all = Units(u32::try_from(all).unwrap_or(u32::MAX));
    let here = Spot::At(location, Bucket::Available);
    let (name, place) = (desk.sku_id(sku).clone(), desk.ledger.location_id(location));
    let moved = if by > 0 {
        stock::room(desk, sku, location, all)?;
        desk.shift(sku, Spot::Supplier, here, all);
        all.signed()
    } else {
        let balance = desk.balance(sku, location);
        let taken = all.min(balance.available.plus(balance.committed));
        desk.take(sku, location, taken, Spot::Adjustment);
        if taken < all {
            desk.note(Exception::Short {
                sku: name.clone(),
                location: place.clone(),
                units: all.minus(taken),
            });
        }
        0_i64.saturating_sub(taken.signed())
    };
    let channel = known.id.clone();
    desk.facts.extend([
        Fact::Mastered(channel, slot.clone(), name.clone(), place.clone(), moved),
        Fact::Passed(name, place.clone(), moved, since),
    ]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_happened_explains_what_it_fits_and_else_the_least_is_taken() {
        for (difference, maybe, left) in [
            (5, [0, 0], 5),
            (-5, [0, 0], -5),
            (0, [-2, 0], 0),
            (-1, [-2, 0], 0),
            (-2, [-2, 0], 0),
            (3, [-2, 0], 3),
            (-6, [-2, 0], -6),
            (3, [2, 0], 1),
            (-1, [2, 0], -3),
            (4, [0, 4], 0),
            (7, [-2, 4], 3),
        ] {
            assert_eq!(
                unexplained(difference, maybe),
                left,
                "{difference} {maybe:?}"
            );
        }
    }
}
