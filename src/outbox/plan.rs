//! Which slots to push now (pure).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use channelsync_contract::Timestamp;

use crate::ats::{SlotNumber, exposure, number, to_write};
use crate::bookkeeper::{Dirty, Marked, Rank, Urgency};
use crate::ledger::{Channel, Ledger, PlaceIx, PushState, Row, SlotState};

/// What is to be written of an item now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Due {
    /// Rows to send, most urgent first.
    rows: Vec<(Urgency, Row)>,
    /// Listings that buyers may still buy and should not.
    over: i64,
    /// Whether it may be raised once more is known of what was sold.
    guarded: bool,
}

/// Looks at up to `most` marked items of a channel, and puts those that differ in line.
pub fn look(ledger: &Ledger, channel: u16, dirty: &mut Dirty, most: usize, now: Timestamp) {
    let reporting = reporting(ledger.channel(channel));
    for marked in dirty.take(ledger, channel, most) {
        let due = due(ledger, channel, marked.item, &reporting);
        if due.guarded {
            dirty.guard(channel, marked.item);
        }
        if let Some((urgency, _)) = due.rows.first() {
            let rank = rank(
                ledger,
                (channel, marked.item),
                (*urgency, due.over),
                (dirty, now),
            );
            dirty.line_up(channel, marked, rank);
        }
    }
}

/// Takes out of line the rows that a call writes, at most `batch_max`, most urgent first.
///
/// The numbers are those of this moment: what no longer differs leaves the line without a row. Slots
/// that are under way, in doubt, parked or unread are passed over: they mark their item again when
/// that changes.
pub fn next_rows(
    ledger: &Ledger,
    channel: u16,
    dirty: &mut Dirty,
    batch_max: usize,
    now: Timestamp,
) -> Vec<Row> {
    let reporting = reporting(ledger.channel(channel));
    let mut rows: Vec<(Urgency, Row)> = Vec::new();
    while rows.len() < batch_max {
        let leaving = dirty.leave(channel, batch_max.saturating_sub(rows.len()), now);
        if leaving.is_empty() {
            break;
        }
        for Marked { item, since } in leaving {
            let mut due = due(ledger, channel, item, &reporting);
            if due.guarded {
                dirty.guard(channel, item);
            }
            let room = batch_max.saturating_sub(rows.len());
            if due.rows.len() > room
                && let Some((urgency, _)) = due.rows.get(room)
            {
                let rank = rank(ledger, (channel, item), (*urgency, due.over), (dirty, now));
                dirty.line_up(channel, Marked { item, since }, rank);
            }
            due.rows.truncate(room);
            rows.append(&mut due.rows);
        }
    }
    rows.sort_by_key(|(urgency, _)| *urgency);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Slots that the channel may be lowering for a parcel of ours at this moment.
fn reporting(channel: &Channel) -> BTreeSet<(u32, Option<PlaceIx>)> {
    channel.reporting().collect()
}

/// How pressing an item is: units that may be oversold and would not be any more, or for a raise listings
/// that nobody can buy, times how often the item is sold.
fn rank(
    ledger: &Ledger,
    (channel, item): (u16, u32),
    (urgency, over): (Urgency, i64),
    (dirty, now): (&Dirty, Timestamp),
) -> Rank {
    let known = ledger.channel(channel);
    let listings = known.items.at(item).listings.iter();
    let parts = listings.filter_map(|listing| known.listings.at(*listing).mapping.parts());
    let exposed = parts.flatten().map(|part| {
        let units = over.saturating_mul(i64::from(part.per));
        let exposed = exposure(ledger, part.sku).units();
        exposed.map_or(units, |exposed| exposed.min(units))
    });
    let units = match urgency {
        Urgency::ZeroOut | Urgency::Fall => exposed.max().unwrap_or(0),
        Urgency::Raise => over.saturating_neg(),
    };
    let units = u64::try_from(units).unwrap_or(0);
    // Also what was not sold lately may be.
    let pace = dirty.sold_lately(channel, item, now).saturating_add(1);
    Rank {
        urgency,
        stake: Reverse(units.saturating_mul(pace)),
    }
}

fn due(
    ledger: &Ledger,
    channel: u16,
    item: u32,
    reporting: &BTreeSet<(u32, Option<PlaceIx>)>,
) -> Due {
    let known = ledger.channel(channel);
    let setup = known.setup.as_ref().filter(|setup| setup.live);
    let mut all = Due::default();
    let (Some(setup), Some(_)) = (setup, known.complete_to()) else {
        return all;
    };
    let Ok(found) = number(ledger, channel, item) else {
        return all;
    };
    let to_write = to_write(ledger, channel, item, &found);
    all.guarded = to_write.guarded;
    let kept = |slot: &&SlotNumber| to_write.kept.contains(&slot.place);
    for slot in to_write.slots.iter().filter(|slot| !kept(slot)) {
        let Some(state) = known.items.at(item).slot(slot.place) else {
            continue;
        };
        let Some((urgency, expected)) = differs(state, slot) else {
            continue;
        };
        if urgency == Urgency::Raise && known.interlock.is_some() {
            continue;
        }
        // The item is looked at again once it is known what the channel made of the parcel.
        if urgency != Urgency::ZeroOut && reporting.contains(&(item, slot.place)) {
            continue;
        }
        let over = expected.saturating_sub(slot.low.signed());
        all.over = all.over.saturating_add(over);
        let row = Row {
            slot: known.slot_key(item, slot.place),
            quantity: slot.low,
            expected: setup.compare_and_set.then_some(expected),
        };
        all.rows.push((urgency, row));
    }
    all.rows.sort_by_key(|(urgency, _)| *urgency);
    all
}

/// Whether a slot is to be pushed, and what it is believed to hold.
fn differs(state: &PushState, slot: &SlotNumber) -> Option<(Urgency, i64)> {
    let expected = state.expected?;
    if state.state != SlotState::Free || state.to_be_read() {
        return None;
    }
    if slot.is_held(expected) {
        return None;
    }
    let low = slot.low.signed();
    let urgency = if slot.part <= 0 && low < expected {
        Urgency::ZeroOut
    } else if low < expected {
        Urgency::Fall
    } else {
        Urgency::Raise
    };
    Some((urgency, expected))
}
