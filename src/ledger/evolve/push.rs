//! Calls, their outcomes, and readings.

use std::collections::BTreeSet;
use std::time::Duration;

use channelsync_contract::ids::{CallId, ChannelId, SlotKey};
use channelsync_contract::time::Timestamp;

use super::super::channel::{Item, Restored};
use super::super::command::RowOutcome;
use super::super::entry::{Reading, Recheck};
use super::super::push::{Call, Confirmed, LastShown, Now, PushState, Row, SlotState};
use super::super::state::Ledger;
use super::{Touched, channel_number};

/// Writes in a row that found something else, before a slot waits for word of orders.
const STALE_ROUNDS_MAX: u32 = 3;
/// A call that was given up may still arrive for so long.
const CALL_MAY_ARRIVE: Duration = Duration::from_secs(120);

pub(super) fn intend(
    ledger: &mut Ledger,
    call: CallId,
    channel: &ChannelId,
    rows: &[Row],
    touched: &mut Touched,
) {
    let number = channel_number(ledger, channel);
    let now = now(ledger, number);
    let setup = ledger.channel(number).setup.as_ref();
    let compares = setup.is_some_and(|setup| setup.compare_and_set);
    for row in rows {
        change(ledger, number, &row.slot, touched, |slot| {
            let written = row.quantity.signed();
            // Without a comparison it may bring back all that was sold unseen.
            let level = match compares {
                true => slot.level().map(|before| before.max(written)),
                false => slot
                    .most(now.sight)
                    .map(|most| most.saturating_add(written)),
            };
            slot.may_hold(level, None, now);
            slot.state = SlotState::InFlight(call);
        });
    }
    let seq = ledger.seq;
    let under_way = Call {
        channel: number,
        rows: rows.to_vec(),
        seq,
        at: ledger.at,
        in_doubt: false,
    };
    ledger.calls.insert(call, under_way);
}

fn now(ledger: &Ledger, channel: u16) -> Now {
    let (at, sight) = (ledger.at, ledger.channel(channel).sight());
    Now { at, sight }
}

pub(super) fn doubt(ledger: &mut Ledger, call: CallId, at: Timestamp, touched: &mut Touched) {
    let Some(under_way) = ledger.calls.get_mut(&call) else {
        return;
    };
    under_way.in_doubt = true;
    let (number, rows) = (under_way.channel, under_way.rows.clone());
    for row in &rows {
        change(ledger, number, &row.slot, touched, |slot| {
            if slot.state == SlotState::InFlight(call) {
                slot.state = SlotState::InDoubt(call);
                slot.changed_at = at;
            }
        });
    }
}

/// From now on only a reading that begins later lets the slot be written.
pub(super) fn must_read(slot: &mut PushState, at: Timestamp) {
    slot.reread = true;
    slot.changed_at = at;
}

/// A channel's slots hold another figure than before: what was known of the old one tells nothing, and
/// a row of it that was sent again would set the new one.
pub(super) fn recounted(ledger: &mut Ledger, channel: &ChannelId) {
    let (number, at) = (channel_number(ledger, channel), ledger.at);
    ledger.calls.retain(|_, call| call.channel != number);
    let channel = ledger.channel_mut(number);
    for item in 0..channel.items.len() {
        for (place, slot) in &mut channel.items.at_mut(item).slots {
            forget(slot, at);
            channel.to_read.insert((item, *place));
        }
    }
}

/// Nothing is known of what a slot holds until it is read; a person's matter stays one.
fn forget(slot: &mut PushState, at: Timestamp) {
    if !matches!(slot.state, SlotState::Parked(_)) {
        slot.state = SlotState::Free;
    }
    (slot.expected, slot.recheck, slot.unsure) = (None, None, false);
    slot.maybe = 0;
    must_read(slot, at);
}

/// Nothing is known of the channels since the last entry: what each slot holds is for readings to
/// tell, whatever became of calls. A row of then that was sent again would bring back units sold since.
pub(super) fn restored(ledger: &mut Ledger, at: Timestamp, touched: &mut Touched) {
    touched.all = true;
    ledger.calls.clear();
    for channel in &mut ledger.channels {
        let mut unread = BTreeSet::new();
        for item in 0..channel.items.len() {
            for (place, slot) in &mut channel.items.at_mut(item).slots {
                forget(slot, at);
                unread.insert((item, *place));
            }
        }
        channel.to_read.extend(&unread);
        channel.restored = Some(Restored { at, unread });
    }
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

/// Changes a slot, marks its item, and keeps the list of slots to be read.
pub(super) fn change<T>(
    ledger: &mut Ledger,
    number: u16,
    key: &SlotKey,
    touched: &mut Touched,
    change: impl FnOnce(&mut PushState) -> T,
) -> T {
    let channel = ledger.channel_mut(number);
    let item = channel.items.entry(&key.item, Item::default);
    touched.items.push((number, item));
    let place = key
        .location
        .as_ref()
        .map(|location| channel.place_entry(location));
    let slot = channel.items.at_mut(item).slot_mut(place);
    let result = change(slot);
    let until = slot.peaks.iter().filter_map(|peak| peak.until);
    let until = until.chain(slot.falls.iter().map(|fall| fall.at)).max();
    channel.peaked = channel.peaked.max(until.unwrap_or_default());
    if slot.to_be_read() {
        channel.to_read.insert((item, place));
    } else {
        channel.to_read.remove(&(item, place));
        if let Some(restored) = &mut channel.restored {
            restored.unread.remove(&(item, place));
        }
    }
    result
}

/// What waits for word of orders and is no longer for sale is read at once: the next reading ends the wait,
/// and the slot can be written.
pub(super) fn read_waiting(ledger: &mut Ledger) {
    for number in (0_u16..).take(ledger.channels.len()) {
        let known = ledger.channel(number);
        let waiting = known.to_read.iter().copied();
        let waiting: Vec<_> = waiting
            .filter(|(item, _)| ledger.is_frozen(number, *item))
            .collect();
        for (item, place) in waiting {
            let slot = ledger
                .channel_mut(number)
                .items
                .at_mut(item)
                .slot_mut(place);
            slot.reread |= slot.recheck.is_some();
        }
    }
}

/// As [`change`], by the channel's name.
pub(super) fn change_named(
    ledger: &mut Ledger,
    channel: &ChannelId,
    key: &SlotKey,
    touched: &mut Touched,
    with: impl FnOnce(&mut PushState),
) {
    let number = channel_number(ledger, channel);
    change(ledger, number, key, touched, with);
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
        let waits = change(ledger, under_way.channel, &row.slot, touched, |slot| {
            let (flight, doubt) = (SlotState::InFlight(call), SlotState::InDoubt(call));
            if slot.state != flight && slot.state != doubt {
                return false;
            }
            settle(
                slot,
                row,
                outcome,
                &under_way,
                Confirmed {
                    quantity: row.quantity,
                    seq,
                    at,
                },
            );
            if *outcome == RowOutcome::InDoubt {
                slot.state = doubt;
                slot.changed_at = at;
            }
            *outcome == RowOutcome::InDoubt
        });
        if waits {
            unsettled.push(row.clone());
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

fn settle(
    slot: &mut PushState,
    row: &Row,
    outcome: &RowOutcome,
    call: &Call,
    confirmed: Confirmed,
) {
    slot.state = SlotState::Free;
    slot.corrected = true;
    if call.in_doubt {
        must_read(slot, confirmed.at);
    }
    if !matches!(outcome, RowOutcome::Accepted(_) | RowOutcome::InDoubt) {
        slot.settled(last_arrival(call.in_doubt, confirmed.at));
    }
    match outcome {
        RowOutcome::Applied => {
            slot.expected = Some(slot.if_written(row));
            slot.changed_at = confirmed.at;
            slot.confirmed = Some(confirmed);
            slot.stale = 0;
            // Whether a correction lasted is seen by reading once more.
            if slot.corrections > 0 {
                must_read(slot, confirmed.at);
            }
        }
        // A reading tells whether it came to that; one that differs is drift, so that it ends.
        RowOutcome::Accepted(_) => {
            slot.expected = Some(slot.if_written(row));
            must_read(slot, confirmed.at);
        }
        RowOutcome::Stale => {
            slot.stale = slot.stale.saturating_add(1);
            must_read(slot, confirmed.at);
            if slot.stale >= STALE_ROUNDS_MAX {
                wait_for_orders(slot, confirmed.at);
            }
        }
        RowOutcome::Refused(why) => slot.state = SlotState::Parked(why.clone()),
        RowOutcome::NotApplied | RowOutcome::InDoubt => {}
    }
}

/// Until when a call that has ended may have its effect.
fn last_arrival(was_in_doubt: bool, at: Timestamp) -> Timestamp {
    match was_in_doubt {
        true => at.plus(CALL_MAY_ARRIVE),
        false => at,
    }
}

/// It sells faster than it can be followed: read again once orders are complete past now, not at once.
fn wait_for_orders(slot: &mut PushState, at: Timestamp) {
    let (began, difference) = (at, 0);
    slot.recheck = Some(Recheck { began, difference });
    (slot.reread, slot.stale) = (false, 0);
}

fn read(
    ledger: &mut Ledger,
    channel: u16,
    (began, at): (Timestamp, Timestamp),
    reading: &Reading,
    touched: &mut Touched,
) {
    let (seq, now) = (ledger.seq, now(ledger, channel));
    let in_doubt = |call: &CallId| {
        let rows = ledger.calls.get(call).map(|call| &call.rows);
        let mut rows = rows.into_iter().flatten();
        rows.find(|row| row.slot == reading.slot)
            .map(|row| row.quantity)
    };
    let state = ledger.channel(channel).slot(&reading.slot);
    let written = state.and_then(|slot| match &slot.state {
        SlotState::InDoubt(call) => in_doubt(call),
        SlotState::Free | SlotState::InFlight(_) | SlotState::Parked(_) | SlotState::Absent => None,
    });
    let settled = change(ledger, channel, &reading.slot, touched, |slot| {
        let call = match &slot.state {
            SlotState::InDoubt(call) => Some(*call),
            SlotState::Free | SlotState::InFlight(_) | SlotState::Parked(_) | SlotState::Absent => {
                None
            }
        };
        if slot.state == SlotState::Absent || call.is_some() {
            slot.state = SlotState::Free;
        }
        let before = slot.level_if_done();
        take_in(slot, reading, began, (seq, at));
        if slot.expected == reading.written {
            match before {
                Some(before) => {
                    let fall = before.saturating_sub(slot.expected.unwrap_or(0));
                    if fall > 0 {
                        slot.fell(fall, now);
                    }
                }
                None => slot.may_hold(None, Some(at), now),
            }
            if let Some(written) = written {
                slot.may_come(written);
            }
            slot.settled(last_arrival(call.is_some(), at));
        }
        call
    });
    if let Some(call) = settled {
        drop_settled(ledger, call);
    }
}

fn take_in(slot: &mut PushState, reading: &Reading, began: Timestamp, now: (u64, Timestamp)) {
    slot.reread = false;
    slot.recheck = reading.recheck;
    slot.unsellable = reading.unsellable;
    if reading.drift.is_some() {
        slot.corrections = slot
            .corrections
            .saturating_add(u32::from(slot.has_corrected()));
        slot.corrected = false;
    } else if reading.recheck.is_none() && !slot.unsure {
        slot.corrections = 0;
    }
    match reading.written {
        Some(written) => {
            let (sellable, seq) = (reading.sellable, now.0);
            slot.shown = Some(LastShown {
                written,
                sellable,
                seq,
                began,
            });
            if reading.adopt {
                slot.unsure = false;
                slot.expected = Some(written);
                slot.adopted_at = Some(began);
                slot.changed_at = now.1;
                slot.maybe = 0;
            }
        }
        None => {
            slot.state = SlotState::Absent;
            (slot.expected, slot.unsure) = (None, false);
        }
    }
    if let Some(why) = &reading.park {
        slot.state = SlotState::Parked(why.clone());
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
