//! Calls, their outcomes, and readings.

use channelsync_contract::ids::{CallId, ChannelId, SlotKey};
use channelsync_contract::time::Timestamp;

use super::super::channel::Item;
use super::super::command::RowOutcome;
use super::super::entry::Reading;
use super::super::push::{Call, Confirmed, LastShown, PushState, Row, SlotState};
use super::super::state::Ledger;
use super::{Touched, channel_number};

pub(super) fn intend(
    ledger: &mut Ledger,
    call: CallId,
    channel: &ChannelId,
    rows: &[Row],
    touched: &mut Touched,
) {
    let number = channel_number(ledger, channel);
    for row in rows {
        slot(ledger, number, &row.slot, touched).state = SlotState::InFlight(call);
    }
    let seq = ledger.seq;
    let under_way = Call {
        channel: number,
        rows: rows.to_vec(),
        seq,
        in_doubt: false,
    };
    ledger.calls.insert(call, under_way);
}

pub(super) fn doubt(ledger: &mut Ledger, call: CallId, at: Timestamp, touched: &mut Touched) {
    let Some(under_way) = ledger.calls.get_mut(&call) else {
        return;
    };
    under_way.in_doubt = true;
    let (number, rows) = (under_way.channel, under_way.rows.clone());
    for row in &rows {
        let slot = slot(ledger, number, &row.slot, touched);
        if slot.state == SlotState::InFlight(call) {
            slot.state = SlotState::InDoubt(call);
            slot.changed_at = at;
        }
    }
}

/// From now on only a reading that begins later lets the slot be written.
pub(super) fn must_read(slot: &mut PushState, at: Timestamp) {
    slot.reread = true;
    slot.changed_at = at;
}

pub(super) fn shown(
    ledger: &mut Ledger,
    channel: &ChannelId,
    when: (Timestamp, Timestamp),
    readings: &[Reading],
    touched: &mut Touched,
) {
    let number = channel_number(ledger, channel);
    for reading in readings {
        read(ledger, number, when, reading, touched);
    }
}

pub(super) fn slot_named<'a>(
    ledger: &'a mut Ledger,
    channel: &ChannelId,
    key: &SlotKey,
    touched: &mut Touched,
) -> &'a mut PushState {
    let number = channel_number(ledger, channel);
    slot(ledger, number, key, touched)
}

fn slot<'a>(
    ledger: &'a mut Ledger,
    channel: u16,
    key: &SlotKey,
    touched: &mut Touched,
) -> &'a mut PushState {
    let channel_row = ledger.channel_mut(channel);
    let item = channel_row.items.entry(&key.item, Item::default);
    touched.items.push((channel, item));
    channel_row.slot_entry(key)
}

pub(super) fn came_back(
    ledger: &mut Ledger,
    call: CallId,
    outcomes: &[RowOutcome],
    at: Timestamp,
    touched: &mut Touched,
) {
    let Some(under_way) = ledger.calls.remove(&call) else {
        return;
    };
    let seq = ledger.seq;
    let mut unsettled: Vec<Row> = Vec::new();
    for (row, outcome) in under_way.rows.iter().zip(outcomes) {
        let slot = slot(ledger, under_way.channel, &row.slot, touched);
        if slot.state != SlotState::InFlight(call) && slot.state != SlotState::InDoubt(call) {
            continue;
        }
        slot.state = SlotState::Free;
        if under_way.in_doubt {
            must_read(slot, at);
        }
        match outcome {
            RowOutcome::Applied => {
                // Acts learned since the intent came after the write: before it they would have
                // made the comparison fail.
                let moved = match (slot.expected, row.expected) {
                    (Some(now), Some(then)) => now.saturating_sub(then),
                    (Some(_) | None, None) | (None, Some(_)) => 0,
                };
                slot.expected = Some(row.quantity.signed().saturating_add(moved));
                slot.changed_at = at;
                slot.confirmed = Some(Confirmed {
                    quantity: row.quantity,
                    seq,
                    at,
                });
            }
            RowOutcome::Accepted(_) | RowOutcome::Stale => must_read(slot, at),
            RowOutcome::Refused(why) => slot.state = SlotState::Parked(why.clone()),
            RowOutcome::NotApplied => {}
            RowOutcome::InDoubt => {
                slot.state = SlotState::InDoubt(call);
                slot.changed_at = at;
                unsettled.push(row.clone());
            }
        }
    }
    if !unsettled.is_empty() {
        ledger.calls.insert(
            call,
            Call {
                in_doubt: true,
                ..under_way
            },
        );
    }
}

fn read(
    ledger: &mut Ledger,
    channel: u16,
    (began, at): (Timestamp, Timestamp),
    reading: &Reading,
    touched: &mut Touched,
) {
    let seq = ledger.seq;
    let slot = slot(ledger, channel, &reading.slot, touched);
    slot.reread = false;
    slot.recheck = reading.recheck;
    slot.unsellable = reading.unsellable;
    if reading.drift.is_some() {
        slot.corrections = slot.corrections.saturating_add(1);
    } else if reading.recheck.is_none() {
        slot.corrections = 0;
    }
    let settled_call = match &slot.state {
        SlotState::InDoubt(call) => Some(*call),
        SlotState::Free | SlotState::InFlight(_) | SlotState::Parked(_) | SlotState::Absent => None,
    };
    match reading.written {
        Some(written) => {
            slot.shown = Some(LastShown {
                written,
                sellable: reading.sellable,
                seq,
                began,
            });
            if reading.adopt {
                slot.expected = Some(written);
                slot.adopted_at = Some(began);
                slot.changed_at = at;
            }
            if slot.state == SlotState::Absent || settled_call.is_some() {
                slot.state = SlotState::Free;
            }
        }
        None => {
            slot.state = SlotState::Absent;
            slot.expected = None;
        }
    }
    if let Some(why) = &reading.park {
        slot.state = SlotState::Parked(why.clone());
    }
    if let Some(call) = settled_call {
        drop_settled(ledger, call);
    }
}

/// Forgets a call in doubt once none of its slots waits for it.
fn drop_settled(ledger: &mut Ledger, call: CallId) {
    let Some(under_way) = ledger.calls.get(&call) else {
        return;
    };
    let channel = ledger.channel(under_way.channel);
    let waits = |row: &Row| {
        channel
            .slot(&row.slot)
            .is_some_and(|slot| slot.state == SlotState::InDoubt(call))
    };
    if !under_way.rows.iter().any(waits) {
        ledger.calls.remove(&call);
    }
}
