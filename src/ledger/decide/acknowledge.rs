//! Parcels of ours in what a channel reports.
//!
//! What the channel's figure of a line gains while units of ours are missing in it is ours: first for
//! parcels whose record it names, then for one that a record fits whose report was sent, then for the
//! oldest. So a parcel that a clerk enters on the channel, too, leaves once, in any order of events.

use channelsync_contract::ids::LineId;
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use smol_str::SmolStr;

use super::super::order::{Order, SETTLED_AFTER, total};
use super::super::reported::{Happened, OrderReport, Source};
use super::super::shipment::{Packed, ReportState, Shipment};
use super::desk::{Desk, LineAt};
use super::parcels::shipment_mut;

const UNDONE: &str = "undone on the channel: it is reported again only when you say so";

/// Units of a line in the channel's record of a parcel; none where the report does not say.
fn recorded(report: &OrderReport, line: &LineId, fulfillment: &str) -> Option<Units> {
    let parcels = report.shipments.as_ref()?.iter();
    let here = parcels.filter(|parcel| parcel.id == fulfillment && parcel.line == *line);
    Some(total(here.map(|parcel| parcel.units)))
}

/// Whether a report holds a record; none where it does not tell of records.
fn shows(report: &OrderReport, fulfillment: &str) -> Option<bool> {
    let parcels = report.shipments.as_ref()?;
    Some(parcels.iter().any(|parcel| parcel.id == fulfillment))
}

/// Shares a rise of the channel's figure of a line out to parcels of ours; gives how much was ours.
pub(super) fn acknowledge(
    desk: &mut Desk<'_>,
    at: LineAt,
    rise: Units,
    report: &OrderReport,
) -> Units {
    let line = desk.line(at).id.clone();
    let known = named(desk.order(at.work));
    let shipments = &mut desk.order_mut(at.work).order.shipments;
    let mut left = rise;
    for shipment in shipments.iter_mut() {
        let id = shipment.fulfillment();
        if id.is_some_and(|id| shows(report, id) != Some(false)) {
            left = left.minus(take(shipment, &line, left));
        }
    }
    for (fits, is_sent) in [(true, true), (true, false), (false, true), (false, false)] {
        let likely = |one: &&mut Shipment| {
            one.fulfillment().is_none()
                && one.is_under_way() == is_sent
                && matching(one, report, &known).is_some() == fits
        };
        for shipment in shipments.iter_mut().filter(likely) {
            left = left.minus(take(shipment, &line, left));
        }
    }
    rise.minus(left)
}

/// Records that are known to be parcels of ours.
fn named(order: &Order) -> Vec<SmolStr> {
    let shipments = order.shipments.iter();
    shipments
        .filter_map(|one| one.fulfillment().cloned())
        .collect()
}

/// Acknowledges units of a line in a parcel; gives how many were missing.
fn take(shipment: &mut Shipment, line: &LineId, units: Units) -> Units {
    let mut left = units;
    for packed in shipment
        .lines
        .iter_mut()
        .filter(|packed| packed.line == *line)
    {
        let here = left.min(packed.units.minus_or_zero(packed.acknowledged));
        packed.acknowledged = packed.acknowledged.plus(here);
        left = left.minus(here);
    }
    units.minus(left)
}

/// Takes acknowledged units of a line off a parcel again; gives how many it had.
fn untake(shipment: &mut Shipment, line: &LineId, units: Units) -> Units {
    let mut left = units;
    for packed in shipment
        .lines
        .iter_mut()
        .filter(|packed| packed.line == *line)
    {
        let here = left.min(packed.acknowledged);
        packed.acknowledged = packed.acknowledged.minus(here);
        left = left.minus(here);
    }
    let undone = units.minus(left);
    if !undone.is_zero() {
        shipment.state = ReportState::Refused(UNDONE.to_owned());
    }
    undone
}

/// Units of a line in records of ours that a reading showed and this report no longer holds.
pub(super) fn undone(desk: &Desk<'_>, at: LineAt, report: &OrderReport) -> Units {
    let line = &desk.line(at).id;
    let shipments = desk.order(at.work).shipments.iter();
    total(shipments.map(|shipment| gone(shipment, line, report)))
}

fn gone(shipment: &Shipment, line: &LineId, report: &OrderReport) -> Units {
    let ReportState::Told {
        fulfillment: Some(id),
        since: None,
    } = &shipment.state
    else {
        return Units::ZERO;
    };
    match shows(report, id) {
        // It holds what was sent. What was there before our report is in another record.
        None | Some(true) => Units::ZERO,
        Some(false) => shipment.acknowledged(line),
    }
}

/// Takes undone units off parcels of ours: records that are gone, gives how many.
pub(super) fn undo_named(
    desk: &mut Desk<'_>,
    at: LineAt,
    fall: Units,
    report: &OrderReport,
) -> Units {
    let line = desk.line(at).id.clone();
    let mut left = fall;
    for shipment in &mut desk.order_mut(at.work).order.shipments {
        let gone = gone(shipment, &line, report).min(left);
        left = left.minus(untake(shipment, &line, gone));
    }
    fall.minus(left)
}

/// As [`undo_named`], where the report does not tell which: the newest first.
pub(super) fn undo_newest(desk: &mut Desk<'_>, at: LineAt, fall: Units) {
    let line = desk.line(at).id.clone();
    let mut left = fall;
    for shipment in desk.order_mut(at.work).order.shipments.iter_mut().rev() {
        left = left.minus(untake(shipment, &line, left));
    }
}

/// What a report of the whole order means for reports of ours: seen, or to be sent again.
pub(super) fn settle(desk: &mut Desk<'_>, work: usize, happened: &Happened, report: &OrderReport) {
    let read_after = |since: Timestamp| happened.source == Source::Fetch && happened.began >= since;
    for place in 0..desk.order(work).shipments.len() {
        let known = named(desk.order(work));
        let shipment = shipment_mut(desk, work, place);
        let is_acknowledged = shipment.is_acknowledged();
        match &mut shipment.state {
            ReportState::Told { fulfillment, since } => {
                let id = fulfillment.as_deref().unwrap_or_default();
                match (shows(report, id), *since) {
                    (Some(true), Some(_)) => *since = None,
                    (Some(false), Some(told)) if read_after(told.plus(SETTLED_AFTER)) => {
                        shipment.state = ReportState::Refused(UNDONE.to_owned());
                    }
                    _ => {}
                }
            }
            // An answer is awaited, and will tell the record.
            ReportState::InFlight => {}
            _ if is_acknowledged => {
                let fulfillment = matching(shipment, report, &known);
                shipment.told.clone_from(&shipment.tracking);
                shipment.state = ReportState::Told {
                    fulfillment,
                    since: None,
                };
                shipment.tries = 0;
            }
            ReportState::InDoubt(since) | ReportState::Waiting(since) if read_after(*since) => {
                shipment.state = ReportState::Unsent;
            }
            ReportState::Unsent
            | ReportState::InDoubt(_)
            | ReportState::Waiting(_)
            | ReportState::Refused(_) => {}
        }
    }
}

/// The newest record with exactly the units of a parcel that is no other parcel's.
fn matching(shipment: &Shipment, report: &OrderReport, named: &[SmolStr]) -> Option<SmolStr> {
    let parcels = report.shipments.as_ref()?;
    let is_free = |id: &str| named.iter().all(|known| known != id);
    let has_all = |id: &str| {
        let mine = |packed: &Packed| recorded(report, &packed.line, id) == Some(packed.units);
        let here = parcels.iter().filter(|parcel| parcel.id == id);
        here.count() == shipment.lines.len() && shipment.lines.iter().all(mine)
    };
    let fitting = parcels
        .iter()
        .filter(|parcel| is_free(&parcel.id) && has_all(&parcel.id));
    let newest = fitting.max_by_key(|parcel| parcel.at);
    newest.map(|parcel| SmolStr::new(&parcel.id))
}
