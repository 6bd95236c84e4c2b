//! Calls that write quantities, and what is read back.

use channelsync_contract::ids::{CallId, ChannelId, SlotKey};
use channelsync_contract::time::Timestamp;

use super::super::command::{RowOutcome, ShownReport};
use super::super::entry::{Fact, Reading, Recheck};
use super::super::push::{PushState, Row, SlotState};
use super::super::refusal::Refusal;
use super::desk::Desk;
use super::master;

/// When slots were read and how far orders are known.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) began: Timestamp,
    pub(super) complete_to: Option<Timestamp>,
}

/// One push in flight per slot: a busy one refuses the whole call.
pub(super) fn intend(
    desk: &mut Desk<'_>,
    call: CallId,
    channel: &ChannelId,
    rows: &[Row],
) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    if desk.ledger.calls.contains_key(&call) {
        return Ok(());
    }
    if known.restored.is_some() {
        return Err(Refusal::NotCaughtUp(channel.clone()));
    }
    let twice = |(place, row): (usize, &Row)| {
        let before = rows.iter().take(place);
        before.into_iter().any(|other| other.slot == row.slot)
    };
    if rows.is_empty() || rows.iter().enumerate().any(twice) {
        let why = "a call writes each of its slots once, and at least one".to_owned();
        return Err(Refusal::Senseless(why));
    }
    let busy = |row: &&Row| {
        known
            .slot(&row.slot)
            .is_some_and(|slot| slot.state != SlotState::Free || slot.reread)
    };
    if let Some(row) = rows.iter().find(busy) {
        return Err(Refusal::SlotBusy(row.slot.clone()));
    }
    desk.facts
        .push(Fact::Intent(call, channel.clone(), rows.to_vec()));
    Ok(())
}

pub(super) fn came_back(
    desk: &mut Desk<'_>,
    call: CallId,
    outcomes: &[RowOutcome],
) -> Result<(), Refusal> {
    let Some(under_way) = desk.ledger.calls.get(&call) else {
        return Err(Refusal::UnknownCall(call));
    };
    if outcomes.len() != under_way.rows.len() {
        let (rows, got) = (under_way.rows.len(), outcomes.len());
        return Err(Refusal::Senseless(format!(
            "call {call} has {rows} rows, {got} outcomes"
        )));
    }
    let channel = desk.ledger.channel(under_way.channel);
    let waits = |row: &Row| {
        let state = channel.slot(&row.slot).map(|slot| &slot.state);
        state == Some(&SlotState::InFlight(call)) || state == Some(&SlotState::InDoubt(call))
    };
    let mut rows = under_way.rows.iter().zip(outcomes);
    let nothing_new = rows.all(|(row, outcome)| *outcome == RowOutcome::InDoubt || !waits(row));
    if nothing_new && under_way.in_doubt {
        return Ok(());
    }
    desk.facts.push(if nothing_new {
        Fact::InDoubt(call)
    } else {
        Fact::Outcome(call, outcomes.to_vec())
    });
    Ok(())
}

pub(super) fn doubt(desk: &mut Desk<'_>) {
    let under_way = desk.ledger.calls.iter().filter(|(_, call)| !call.in_doubt);
    desk.facts
        .extend(under_way.map(|(id, _)| Fact::InDoubt(*id)));
}

pub(super) fn shown(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    seen: Seen,
    reports: &[ShownReport],
    corrections_max: u32,
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let unread = PushState::default();
    let mut readings: Vec<Reading> = Vec::new();
    for report in reports {
        let slot = known.slot(&report.slot).unwrap_or(&unread);
        if matches!(slot.state, SlotState::InFlight(_)) || seen.began <= slot.changed_at {
            continue;
        }
        let shelf = desk.ledger.shelf(known, &report.slot);
        readings.extend(match (shelf, report.written, slot.expected) {
            (Some(shelf), Some(written), Some(expected)) if !slot.unsure => {
                let figures = (written, expected);
                master::judge(desk, (known, shelf), slot, report, figures, seen)
            }
            _ => {
                let item = known.items.find(report.slot.item.as_str());
                let unsold = item.is_some_and(|item| desk.ledger.is_frozen(number, item));
                judge((slot, unsold), report, seen, corrections_max)
            }
        });
    }
    if !readings.is_empty() {
        desk.facts
            .push(Fact::Shown(channel.clone(), seen.began, readings));
    }
    Ok(())
}

/// A reading from which nothing follows yet.
pub(super) fn plain(report: &ShownReport) -> Reading {
    Reading {
        slot: report.slot.clone(),
        written: report.written,
        sellable: report.sellable,
        unsellable: report.unsellable,
        adopt: false,
        drift: None,
        recheck: None,
        park: None,
    }
}

/// Whether a reading that agrees is known already.
pub(super) fn is_told(slot: &PushState, report: &ShownReport) -> bool {
    let same = slot.shown.is_some_and(|shown| {
        Some(shown.written) == report.written && shown.sellable == report.sellable
    });
    let settled = slot.recheck.is_none()
        && !slot.reread
        && slot.corrections == 0
        && !matches!(slot.state, SlotState::Absent | SlotState::InDoubt(_));
    same && settled && slot.unsellable == report.unsellable
}

/// What a reading means; none where it says nothing new.
///
/// A rise is drift at once. A fall may be a shipment whose word has not arrived: it is drift only when
/// the same difference is there after orders are known complete past its first reading. Of what is not for
/// sale nothing is written that such an order would have to be known for.
fn judge(
    (slot, unsold): (&PushState, bool),
    report: &ShownReport,
    seen: Seen,
    corrections_max: u32,
) -> Option<Reading> {
    let mut reading = plain(report);
    let Some(written) = report.written else {
        return (slot.state != SlotState::Absent).then_some(reading);
    };
    let Some(expected) = slot
        .expected
        .filter(|_| !matches!(slot.state, SlotState::InDoubt(_)))
    else {
        return Some(Reading {
            adopt: true,
            ..reading
        });
    };
    let difference = written.saturating_sub(expected);
    if difference == 0 {
        // It agrees, and that may be by chance: acts before it, known or not, are in it.
        reading.adopt = true;
        return (!is_told(slot, report)).then_some(reading);
    }
    let waited = slot
        .recheck
        .filter(|recheck| recheck.difference == difference);
    let complete_past = |since: Timestamp| seen.complete_to.is_some_and(|to| to > since);
    let is_drift = difference > 0 || waited.is_some_and(|recheck| complete_past(recheck.began));
    if (is_drift && slot.unsure) || (unsold && difference < 0) {
        reading.adopt = true;
    } else if is_drift {
        reading.adopt = true;
        reading.drift = Some(difference);
        if slot.corrections >= corrections_max && slot.has_corrected() {
            let times = corrections_max;
            let why = format!("drifted by {difference} after {times} corrections in a row");
            reading.park = Some(why);
        }
    } else {
        reading.recheck = Some(waited.unwrap_or(Recheck {
            began: seen.began,
            difference,
        }));
        let told = slot.recheck == reading.recheck && !slot.reread;
        if told {
            return None;
        }
    }
    Some(reading)
}

pub(super) fn reread(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    slots: &[SlotKey],
) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    for slot in slots {
        if known
            .slot(slot)
            .is_some_and(|state| state.expected.is_some() && !state.reread)
        {
            desk.facts.push(Fact::Reread(channel.clone(), slot.clone()));
        }
    }
    Ok(())
}

/// A channel that was looked at whole since the book was restored.
pub(super) fn catch_up(desk: &mut Desk<'_>, channel: &ChannelId) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    if !known.has_caught_up() {
        return Err(Refusal::NotCaughtUp(channel.clone()));
    }
    if known.restored.is_some() {
        desk.facts.push(Fact::CaughtUp(channel.clone()));
    }
    Ok(())
}

pub(super) fn release(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    slot: &SlotKey,
) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    match known.slot(slot).map(|state| &state.state) {
        Some(SlotState::Parked(_)) => {
            desk.facts
                .push(Fact::Released(channel.clone(), slot.clone()));
            Ok(())
        }
        _ => Err(Refusal::NotParked(slot.to_string())),
    }
}
