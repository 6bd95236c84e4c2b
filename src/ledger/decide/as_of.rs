//! Counts of what was there at an earlier time, and what passed before it and is heard of after it.
//!
//! In: units counted at an instant. Out: what must be there now: those units, with what came since and
//! without what left since. What a channel tells late of the time before is in the count already.

use std::time::Duration;

use channelsync_contract::ids::{LocationId, OrderId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::command::StockLine;
use super::super::entry::{Bucket, Exception, Fact};
use super::super::order::{Passing, stock_units};
use super::super::refusal::Refusal;
use super::super::state::{Ledger, LocIx};
use super::desk::{Desk, LineAt, Spot};
use super::stock::{known_sku, set_on_hand};
use crate::catalog::SkuIx;

/// Parcels and returns of a line whose times are kept; of more they count as later ones.
const PASSED_MAX: usize = 64;

/// How far the clocks of a channel, of who counts and our own may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);

/// Books a count as of a time. What every channel of the location did until then must be known.
pub(super) fn count(
    desk: &mut Desk<'_>,
    line: &StockLine,
    as_of: Timestamp,
) -> Result<(), Refusal> {
    let location = desk.location(&line.location)?;
    let sku = known_sku(desk, &line.sku)?;
    let lately = &desk.ledger.lately;
    if as_of > desk.at {
        let why = format!("{as_of} is not over yet: nobody can have counted then");
        return Err(Refusal::Senseless(why));
    }
    if as_of < lately.from() {
        let from = lately.from();
        return Err(Refusal::CountTooOld { as_of, from });
    }
    if let Some(at) = lately.counted_after(sku, location, as_of) {
        return Err(Refusal::CountedSince {
            sku: line.sku.clone(),
            location: line.location.clone(),
            at,
        });
    }
    covered(desk, location, as_of)?;
    let since = lately.since(sku, location, as_of);
    let now = line.units.signed().saturating_add(since);
    let too_many = || Refusal::Senseless(format!("{now} units are too many"));
    let target = Units::from_signed(now.max(0)).ok_or_else(too_many)?;
    if let Some(short) = Units::from_signed(0_i64.saturating_sub(now)).filter(|it| !it.is_zero()) {
        desk.note(Exception::Short {
            sku: line.sku.clone(),
            location: line.location.clone(),
            units: short,
        });
    }
    let before = desk.balance(sku, location).on_hand().signed();
    set_on_hand(desk, (sku, location), target)?;
    let (sku, place) = (line.sku.clone(), line.location.clone());
    let by = target.signed().saturating_sub(before);
    if by != 0 {
        desk.facts
            .push(Fact::Passed(sku.clone(), place.clone(), by, as_of));
    }
    desk.facts.push(Fact::CountedAsOf(sku, place, as_of));
    Ok(())
}

/// Whether a count as of a time would change anything, were it booked now.
///
/// # Errors
/// As when it is booked.
pub fn would_change(
    ledger: &Ledger,
    now: Timestamp,
    (line, as_of): (&StockLine, Timestamp),
) -> Result<bool, Refusal> {
    let mut desk = Desk::new(ledger, now);
    count(&mut desk, line, as_of)?;
    let sku = ledger.sku_ix(line.sku.as_str());
    let stock = sku.and_then(|sku| ledger.stock(sku, ledger.location(line.location.as_str())?));
    let is_counted = stock.is_some_and(|stock| stock.counted.is_some());
    Ok(!is_counted || !desk.finish().movements.is_empty())
}

/// Whether all is known that channels of a location did until a time, and is since then.
fn covered(desk: &Desk<'_>, location: LocIx, as_of: Timestamp) -> Result<(), Refusal> {
    for channel in &desk.ledger.channels {
        let serves = channel.places_served().any(|(ours, _)| ours == location);
        if channel.setup.is_none() || !serves || channel.is_over() {
            continue;
        }
        let from = channel.setup.as_ref().and_then(|setup| setup.book_from);
        if let Some(from) = from.filter(|from| as_of < *from) {
            let channel = channel.id.clone();
            return Err(Refusal::CountBeforeBook {
                as_of,
                channel,
                from,
            });
        }
        let known = channel.complete_to();
        let is_behind = known.is_none_or(|known| known < as_of);
        let waits = channel
            .wanted
            .iter()
            .any(|(order, wanted)| wanted.since <= desk.at && !is_read(channel, order, as_of));
        if is_behind || waits {
            return Err(Refusal::NotYetKnown {
                channel: channel.id.clone(),
                as_of,
                known: known.unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// Whether nothing of an order that must be read again can be of the time up to `as_of`: it was placed
/// later, or fetched later. Else a shop that never rests would let no count through.
fn is_read(channel: &Channel, order: &OrderId, as_of: Timestamp) -> bool {
    let later = as_of.plus(CLOCKS_DIFFER);
    channel
        .orders
        .get(order.as_str())
        .is_some_and(|known| known.placed_at > later || known.fetched > later)
}

/// Books what left and came back of a line before it was mapped. Where a count was made after the order
/// changed last, it found all that so: what lies there stays as it was counted. Else it found what
/// passed before its time, as far as that is told.
pub(super) fn waiting(
    desk: &mut Desk<'_>,
    at: LineAt,
    units: Units,
    book: impl FnOnce(&mut Desk<'_>),
) {
    let order = desk.order(at.work);
    let changed = order.version.unwrap_or(order.began);
    let passed = std::mem::take(&mut desk.line_mut(at).passed);
    let parts = desk.parts(at);
    let served = desk.served(desk.order_ref(at.work).channel);
    let spots = parts.iter().flat_map(|part| {
        let units = stock_units(units, part.per);
        served
            .iter()
            .map(move |location| (part.sku, *location, units))
    });
    let counted: Vec<(SkuIx, LocIx, Units)> = spots
        .filter(|(sku, location, _)| is_counted(desk, *sku, *location, changed))
        .collect();
    let before: Vec<Units> = counted
        .iter()
        .map(|(sku, location, _)| desk.balance(*sku, *location).on_hand())
        .collect();
    let free = |location| Spot::At(location, Bucket::Available);
    for (sku, location, units) in &counted {
        desk.shift(*sku, Spot::Adjustment, free(*location), *units);
    }
    let found_so = |sku, location| counted.iter().any(|(s, l, _)| (*s, *l) == (sku, location));
    let mut timed: Vec<(SkuIx, Passing)> = Vec::new();
    for part in &parts {
        let others = passed
            .iter()
            .filter(|one| !found_so(part.sku, one.location));
        timed.extend(others.map(|one| {
            let units = stock_units(one.units, part.per);
            (part.sku, Passing { units, ..*one })
        }));
    }
    let (seen, later): (Vec<_>, Vec<_>) = timed.into_iter().partition(|(sku, one)| {
        counted_at(desk, *sku, one.location).is_some_and(|counted| one.at <= counted)
    });
    let back = |came: bool, desk: &mut Desk<'_>| {
        for (sku, one) in seen.iter().filter(|(_, one)| one.came == came) {
            let here = Spot::At(one.location, one.bucket);
            if came {
                let there = desk.balance(*sku, one.location).bucket(one.bucket);
                desk.shift(*sku, here, Spot::Adjustment, one.units.min(there));
            } else {
                desk.shift(*sku, Spot::Adjustment, here, one.units);
            }
        }
    };
    // Before it leaves it must be there.
    back(false, desk);
    book(desk);
    back(true, desk);
    for (sku, one) in later {
        note_passed(desk, sku, (one.location, one.units, one.came), one.at);
    }
    for ((sku, location, _), before) in counted.into_iter().zip(before) {
        let now = desk.balance(sku, location);
        let beyond = now.on_hand().minus_or_zero(before).min(now.available);
        desk.shift(sku, free(location), Spot::Adjustment, beyond);
    }
}

/// As of when a SKU was counted last at a location, in this entry or before it.
fn counted_at(desk: &Desk<'_>, sku: SkuIx, location: LocIx) -> Option<Timestamp> {
    let (name, place) = (desk.sku_id(sku), desk.ledger.location_id(location));
    let is_here = |sku: &Sku, there: &LocationId| sku == name && there == place;
    let now = desk.facts.iter().rev().find_map(|fact| {
        if let Fact::CountedAsOf(sku, there, as_of) = fact {
            return is_here(sku, there).then_some(*as_of);
        }
        let is_now = matches!(fact, Fact::Counted(sku, there) if is_here(sku, there));
        is_now.then_some(desk.at)
    });
    let is_known = sku.0 < desk.ledger.skus.len();
    let before = || desk.ledger.stock(sku, location)?.counted;
    now.or_else(|| is_known.then(before).flatten())
}

/// Whether a SKU was counted at a location after a time, in this entry or before it.
pub(super) fn is_counted(desk: &Desk<'_>, sku: SkuIx, location: LocIx, at: Timestamp) -> bool {
    let (name, place) = (desk.sku_id(sku), desk.ledger.location_id(location));
    let is_here = |sku: &Sku, there: &LocationId| sku == name && there == place;
    let now = desk.facts.iter().any(|fact| {
        matches!(fact, Fact::Counted(sku, there) if is_here(sku, there))
            || matches!(fact, Fact::CountedAsOf(sku, there, as_of)
                if is_here(sku, there) && at <= *as_of)
    });
    let lately = &desk.ledger.lately;
    now || lately.counted_after(sku, location, at).is_some()
}

/// Listing units of a line left a location (below zero) or came to it at a time that the channel
/// tells.
///
/// Where a count of a later time was booked before this was heard of, it found them so: what it
/// booked as missing or found is booked back, and nothing changes on the shelf.
pub(super) fn passed(
    desk: &mut Desk<'_>,
    at: LineAt,
    (location, bucket): (LocIx, Bucket),
    (units, came): (Units, bool),
    when: Timestamp,
) {
    if desk.line(at).is_parked() {
        return remember(
            desk,
            at,
            Passing {
                location,
                bucket,
                units,
                came,
                at: when,
            },
        );
    }
    let here = Spot::At(location, bucket);
    for part in desk.parts(at) {
        let units = stock_units(units, part.per);
        let counted = desk.ledger.lately.as_of(part.sku, location);
        if units.is_zero() {
            continue;
        }
        if counted.is_some_and(|counted| when <= counted) {
            let (from, to) = if came {
                (here, Spot::Adjustment)
            } else {
                (Spot::Adjustment, here)
            };
            desk.shift(part.sku, from, to, units);
        } else {
            note_passed(desk, part.sku, (location, units, came), when);
        }
    }
}

/// Keeps when units of a line passed that waits for its mapping.
fn remember(desk: &mut Desk<'_>, at: LineAt, passing: Passing) {
    let known = &mut desk.line_mut(at).passed;
    if !passing.units.is_zero() && known.len() < PASSED_MAX {
        *known = known.iter().copied().chain([passing]).collect();
    }
}

/// What is booked now passed at an earlier time.
fn note_passed(
    desk: &mut Desk<'_>,
    sku: SkuIx,
    (location, units, came): (LocIx, Units, bool),
    when: Timestamp,
) {
    if when >= desk.at {
        return;
    }
    let by = if came {
        units.signed()
    } else {
        0_i64.saturating_sub(units.signed())
    };
    let (sku, place) = (desk.sku_id(sku), desk.ledger.location_id(location));
    let fact = Fact::Passed(sku.clone(), place.clone(), by, when);
    desk.facts.push(fact);
}
