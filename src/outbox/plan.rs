//! Which slots to push now (pure).

use std::collections::BTreeSet;

use crate::ats::{SlotNumber, number, to_write};
use crate::ledger::{Ledger, PushState, Row, SlotState};

/// A slot whose number differs from what the channel is believed to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRow {
    /// The item it belongs to.
    pub item: u32,
    /// What to send.
    pub row: Row,
    /// Its place in the order of sending.
    pub urgency: Urgency,
}

/// Order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing may be sold any more.
    ZeroOut,
    /// Less may be sold.
    Fall,
    /// More may be sold.
    Raise,
}

/// What to do about some items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Rows to send now, most urgent first.
    pub now: Vec<PlannedRow>,
    /// Items with rows that did not fit.
    pub later: Vec<u32>,
    /// Items that may be raised once more is known of what was sold.
    pub guarded: Vec<u32>,
}

/// Looks at items and gives the rows that differ, at most `batch_max`.
///
/// Slots that are under way, in doubt, parked or unread are passed over: they mark their item again
/// when that changes.
pub fn plan(ledger: &Ledger, channel: u16, items: &[u32], batch_max: usize) -> Planned {
    let known = ledger.channel(channel);
    let live = known.setup.as_ref().is_some_and(|setup| setup.live);
    let mut planned = Planned::default();
    if !live || known.complete_to().is_none() {
        return planned;
    }
    let compare = known
        .setup
        .as_ref()
        .is_some_and(|setup| setup.compare_and_set);
    let reporting: BTreeSet<_> = known.reporting().collect();
    for item in items {
        let Ok(found) = number(ledger, channel, *item) else {
            continue;
        };
        let to_write = to_write(ledger, channel, *item, &found);
        if to_write.guarded {
            planned.guarded.push(*item);
        }
        let kept = |slot: &&SlotNumber| to_write.kept.contains(&slot.place);
        for slot in to_write.slots.iter().filter(|slot| !kept(slot)) {
            let Some(state) = known.items.at(*item).slot(slot.place) else {
                continue;
            };
            let Some((urgency, expected)) = due(state, slot) else {
                continue;
            };
            if urgency == Urgency::Raise && known.interlock.is_some() {
                continue;
            }
            // The channel may be lowering it for a parcel of ours at this moment: the item is looked at
            // again once that is known.
            if urgency != Urgency::ZeroOut && reporting.contains(&(*item, slot.place)) {
                continue;
            }
            let row = Row {
                slot: known.slot_key(*item, slot.place),
                quantity: slot.low,
                expected: compare.then_some(expected),
            };
            planned.now.push(PlannedRow {
                item: *item,
                row,
                urgency,
            });
        }
    }
    planned.now.sort_by_key(|row| row.urgency);
    let beyond = planned.now.split_off(batch_max.min(planned.now.len()));
    planned.later = beyond.into_iter().map(|row| row.item).collect();
    planned.later.dedup();
    planned
}

/// Whether a slot is to be pushed, and what it is believed to hold.
fn due(state: &PushState, slot: &SlotNumber) -> Option<(Urgency, i64)> {
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
