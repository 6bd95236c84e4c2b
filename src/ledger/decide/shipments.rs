//! What a channel's records of parcels and returns change.
//!
//! In: the cumulative figures of a line. Out: units that left or came back since the last report, ours
//! told from others', and what that did to the slots.

use std::cmp::Reverse;
use std::time::Duration;

use channelsync_contract::ids::{LineId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::entry::{Bucket, Fact};
use super::super::order::{Line, PlaceIx, total};
use super::super::reported::{OrderReport, ReportLine, ReportShipment};
use super::super::state::LocIx;
use super::acknowledge;
use super::as_of;
use super::desk::{Desk, LineAt, Spot};
use super::returns;

/// Acts this close to an adopted reading may or may not be in it.
pub(super) const READING_MARGIN: Duration = Duration::from_secs(10);

/// Whether other units left than are known, and not when, though it may have been before the books
/// opened: such a report cannot be booked.
pub(super) fn is_history_unknown(
    desk: &Desk<'_>,
    channel: u16,
    lines: &[ReportLine],
    report: &OrderReport,
) -> bool {
    if report.shipments.is_some() || report.placed_at >= opened(desk.ledger.channel(channel)) {
        return false;
    }
    let known = desk.known_order(channel, &report.order);
    let known = |line: &ReportLine| {
        let lines = known
            .map(|order| order.lines.as_slice())
            .unwrap_or_default();
        let line = lines.iter().find(|known| known.id == line.line);
        line.map_or(Units::ZERO, |line| line.fulfilled)
    };
    lines.iter().any(|line| line.fulfilled != known(line))
}

/// When the channel's opening stock was counted.
fn opened(channel: &Channel) -> Timestamp {
    let opened = channel.setup.as_ref().and_then(|setup| setup.book_from);
    opened.unwrap_or(Timestamp(i64::MIN))
}

/// Whether something happened before the books opened; where the channel does not say when, an order
/// that changed since tells nothing.
pub(super) fn is_history(
    desk: &Desk<'_>,
    at: LineAt,
    report: &OrderReport,
    when: Option<Timestamp>,
) -> bool {
    let opened = opened(desk.channel_of(at.work));
    let changed = report.version.unwrap_or(report.placed_at);
    report.placed_at < opened && when.unwrap_or(changed) < opened
}

/// Books what left and what came back since the last report of a line.
///
/// A parcel undone at one place and sent from another since then is both a fall and a rise.
pub(super) fn book(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let before = returns::Before::of(desk.line(at));
    learn_history(desk, at, reported, report);
    let places = left_by_place(desk, at, report);
    let line = desk.line(at);
    let less = |(place, before): &(PlaceIx, Units)| {
        let now = places
            .as_ref()
            .map_or(*before, |places| at_place(places, *place));
        before.minus_or_zero(now)
    };
    let undone = total(line.left.iter().map(less)).max(acknowledge::undone(desk, at, report));
    let fall = undone.max(line.fulfilled.minus_or_zero(reported.fulfilled));
    let fall = fall.min(line.fulfilled.minus(line.history));
    if !fall.is_zero() {
        shipped_less(desk, at, fall, before.came_back, (places.as_ref(), report));
    }
    let before = before.after_fall(desk.line(at));
    let rise = reported.fulfilled.minus(desk.line(at).fulfilled);
    if !rise.is_zero() {
        shipped_more(desk, at, rise, places.as_ref(), report);
    }
    if let Some(places) = places {
        undone_between(desk, at, &places, report);
        desk.line_mut(at).left = places.into_iter().collect();
    }
    returns::book(desk, at, &before, report);
}

fn parcels<'a>(report: &'a OrderReport, line: &LineId) -> impl Iterator<Item = &'a ReportShipment> {
    let line = line.clone();
    let parcels = report.shipments.iter().flatten();
    parcels.filter(move |parcel| parcel.line == line)
}

/// Units of a line in all parcels of a report; none where it does not say.
pub(super) fn left_of(report: &OrderReport, line: &LineId) -> Option<Units> {
    report.shipments.as_ref()?;
    Some(total(parcels(report, line).map(|parcel| parcel.units)))
}

/// Takes note of what left before the books opened; it moves nothing, whenever it is heard of.
fn learn_history(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let is_old = |parcel: &&ReportShipment| is_history(desk, at, report, parcel.at);
    let old = parcels(report, &reported.line).filter(is_old);
    let old = total(old.map(|parcel| parcel.units));
    let is_untimed = |parcel: &ReportShipment| parcel.at.is_none();
    let is_sure = report.shipments.is_some() && !parcels(report, &reported.line).any(is_untimed);
    let line = desk.line_mut(at);
    let old = if is_sure { old } else { old.max(line.history) };
    let old = old.min(reported.fulfilled);
    line.fulfilled = total([line.fulfilled.minus(line.history), old].into_iter());
    line.history = old;
}

type Places = Vec<(PlaceIx, Units)>;

/// Where the channel says units of the line left since the books opened, summed; none where it does
/// not say.
fn left_by_place(desk: &Desk<'_>, at: LineAt, report: &OrderReport) -> Option<Places> {
    report.shipments.as_ref()?;
    let channel = desk.channel_of(at.work);
    let mut places: Places = Vec::new();
    for parcel in parcels(report, &desk.line(at).id) {
        let place = parcel.location.as_ref().and_then(|id| channel.place(id));
        let Some(place) = place.filter(|_| !is_history(desk, at, report, parcel.at)) else {
            continue;
        };
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, units)) => *units = total([*units, parcel.units].into_iter()),
            None => places.push((place, parcel.units)),
        }
    }
    Some(places)
}

fn at_place(places: &[(PlaceIx, Units)], place: PlaceIx) -> Units {
    places
        .iter()
        .filter(|(known, _)| *known == place)
        .map(|(_, units)| *units)
        .sum()
}

/// The channel recorded more parcels: ours as far as a report of ours is awaited, else foreign.
fn shipped_more(
    desk: &mut Desk<'_>,
    at: LineAt,
    rise: Units,
    places: Option<&Places>,
    report: &OrderReport,
) {
    let ours = acknowledge::acknowledge(desk, at, rise, report);
    let line = desk.line_mut(at);
    line.acknowledged = line.acknowledged.plus(ours);
    line.fulfilled = line.fulfilled.plus(rise);
    let known = line.left.clone();
    let channel = desk.channel_of(at.work);
    // There a sale took the units off what is shown, and the parcel changes nothing more.
    let is_net = channel.is_net();
    let mut from: Vec<(LocIx, Units)> = Vec::new();
    let mut times: Vec<(LocIx, Units, Timestamp)> = Vec::new();
    let mut left = rise;
    for (place, now) in places.into_iter().flatten() {
        let more = now.minus_or_zero(at_place(&known, *place)).min(left);
        if more.is_zero() {
            continue;
        }
        left = left.minus(more);
        for (units, when) in newest(channel, desk.line(at), *place, more, report) {
            if !is_net {
                moved(desk, at, *place, 0_i64.saturating_sub(units.signed()), when);
            }
            times.extend(
                channel
                    .ours(*place)
                    .and_then(|ours| Some((ours, units, when?))),
            );
        }
        if let Some(location) = channel.ours(*place) {
            from.push((location, more));
        }
    }
    if !left.is_zero() && !is_net {
        unsure(desk, at, None, 0_i64.saturating_sub(left.signed()));
    }
    // Of parcels that are ours in part it is not known which: they pass when they are heard of.
    for (location, units, when) in times.into_iter().filter(|_| ours.is_zero()) {
        let here = (location, Bucket::Available);
        as_of::passed(desk, at, here, (units, false), when);
    }
    desk.ship_units(at, rise.minus(ours), &from);
}

/// The newest parcels of a line from a place, up to so many units, each with its time.
fn newest(
    channel: &Channel,
    line: &Line,
    place: PlaceIx,
    units: Units,
    report: &OrderReport,
) -> Vec<(Units, Option<Timestamp>)> {
    let location = Some(channel.place_id(place));
    let mut here: Vec<_> = parcels(report, &line.id)
        .filter(|parcel| parcel.location.as_ref() == location)
        .collect();
    here.sort_by_key(|parcel| Reverse(parcel.at));
    let mut left = units;
    let mut found = Vec::new();
    for parcel in here {
        let units = left.min(parcel.units);
        left = left.minus(units);
        found.push((units, parcel.at));
    }
    found
}

/// The channel undid parcels: foreign ones come back to stock, ours stay with the customer and wait
/// for a person.
///
/// What never left cannot have come back: of these units, those that are back stay where they are.
fn shipped_less(
    desk: &mut Desk<'_>,
    at: LineAt,
    fall: Units,
    came_back: Units,
    (places, report): (Option<&Places>, &OrderReport),
) {
    let named = acknowledge::undo_named(desk, at, fall, report);
    let line = desk.line_mut(at);
    // It is not known which of them were undone.
    line.passed = Box::default();
    line.acknowledged = line.acknowledged.minus(named);
    line.fulfilled = line.fulfilled.minus(named);
    let rest = fall.minus(named);
    let foreign = rest.min(line.foreign());
    let ours = rest.minus(foreign).min(line.acknowledged);
    line.fulfilled = line.fulfilled.minus(rest);
    line.acknowledged = line.acknowledged.minus(ours);
    acknowledge::undo_newest(desk, at, ours);
    let line = desk.line(at);
    let are_back = came_back.minus_or_zero(line.came_back());
    let known = line.left.clone();
    let mut back = foreign.minus_or_zero(are_back);
    let mut unplaced = fall;
    let is_net = desk.channel_of(at.work).is_net();
    for (place, before) in known {
        let now = places.map_or(before, |places| at_place(places, place));
        let less = before.minus_or_zero(now).min(unplaced);
        if less.is_zero() {
            continue;
        }
        unplaced = unplaced.minus(less);
        if !is_net {
            moved(desk, at, place, less.signed(), None);
        }
        if let Some(location) = desk.channel_of(at.work).ours(place) {
            desk.give_back(at, Spot::At(location, Bucket::Available), less.min(back));
            back = back.minus_or_zero(less);
        }
    }
    if !unplaced.is_zero() && !is_net {
        unsure(desk, at, None, unplaced.signed());
    }
    let first = desk.first_choice(at);
    desk.give_back(at, Spot::At(first, Bucket::Available), back);
}

/// A known act changed what the channel holds for the line's item at a place.
///
/// A slot whose present figure was taken from a reading about that time is read again instead. Where the
/// channel is master that was long ago.
pub(super) fn moved(
    desk: &mut Desk<'_>,
    at: LineAt,
    place: PlaceIx,
    by: i64,
    when: Option<Timestamp>,
) {
    moved_between(desk, at, Some(place), by, when.map(|when| (when, when)));
}

/// The same of an act that happened between two times.
pub(super) fn moved_between(
    desk: &mut Desk<'_>,
    at: LineAt,
    place: Option<PlaceIx>,
    by: i64,
    when: Option<(Timestamp, Timestamp)>,
) {
    let channel = desk.channel_of(at.work);
    let Some(slot) = slot_of(desk, at, place) else {
        return;
    };
    let Some(state) = channel.slot(&slot).filter(|state| state.expected.is_some()) else {
        return;
    };
    let id = channel.id.clone();
    if by == 0 {
        return;
    }
    let is_mastered = desk.ledger.shelf(channel, &slot).is_some();
    desk.facts.push(match (state.adopted_at, when) {
        (None, _) => Fact::Moved(id, slot, by),
        (Some(_), None) if is_mastered => Fact::Moved(id, slot, by),
        (Some(adopted), Some((from, _))) if from > adopted.plus(READING_MARGIN) => {
            Fact::Moved(id, slot, by)
        }
        (Some(adopted), Some((_, to))) if to < adopted.minus(READING_MARGIN) => return,
        (Some(_), Some(_) | None) if is_mastered => Fact::MovedMaybe(id, slot, by),
        (Some(_), Some(_) | None) => Fact::Unsure(id, slot),
    });
}

/// Parcels of after the order's last word that make no more units left than before: as many were undone
/// meanwhile, nobody knows when. What both did to a slot is nothing, unless its figure was taken from a
/// reading between them.
fn undone_between(desk: &mut Desk<'_>, at: LineAt, places: &Places, report: &OrderReport) {
    let channel = desk.channel_of(at.work);
    let known = channel.orders.get(desk.order_id(at.work).as_str());
    let Some(told) = known.and_then(|order| order.version) else {
        return;
    };
    if channel.is_net() {
        return;
    }
    let line = desk.line(at);
    let since = |parcel: &&ReportShipment| parcel.at.is_some_and(|at| at > told);
    let mut doubted = Vec::new();
    for (place, now) in places {
        let here = Some(channel.place_id(*place));
        let fresh = parcels(report, &line.id).filter(since);
        let fresh = fresh.filter(|parcel| parcel.location.as_ref() == here);
        let fresh: Vec<&ReportShipment> = fresh.collect();
        let newest = fresh.iter().filter_map(|parcel| parcel.at).max();
        let more = now.minus_or_zero(at_place(&line.left, *place));
        let undone = total(fresh.iter().map(|parcel| parcel.units)).minus_or_zero(more);
        let slot = slot_of(desk, at, Some(*place)).and_then(|slot| channel.slot(&slot));
        let adopted = slot.and_then(|slot| slot.adopted_at);
        if let (false, Some(adopted), Some(newest)) = (undone.is_zero(), adopted, newest)
            && told <= adopted.plus(READING_MARGIN)
            && newest >= adopted.minus(READING_MARGIN)
        {
            doubted.push((*place, undone));
        }
    }
    for (place, undone) in doubted {
        unsure(desk, at, Some(place), undone.signed());
    }
}

fn slot_of(desk: &Desk<'_>, at: LineAt, place: Option<PlaceIx>) -> Option<SlotKey> {
    let channel = desk.channel_of(at.work);
    let listing = desk.line(at).listing.as_ref()?;
    let listing = channel.listings.get(listing.as_str())?;
    Some(channel.slot_key(listing.item, place))
}

/// An act may have changed what the channel holds at a place, by so many units, or it is not known where:
/// its slot is read, or all slots of the item.
pub(super) fn unsure(desk: &mut Desk<'_>, at: LineAt, place: Option<PlaceIx>, by: i64) {
    let channel = desk.channel_of(at.work);
    let served = channel.places_served().map(|(_, served)| served);
    for served in served.filter(|served| place.is_none() || *served == place) {
        if let Some(slot) = slot_of(desk, at, served)
            && channel
                .slot(&slot)
                .is_some_and(|state| state.expected.is_some())
        {
            let id = channel.id.clone();
            let is_mastered = desk.ledger.shelf(channel, &slot).is_some();
            desk.facts.push(if is_mastered {
                Fact::MovedMaybe(id, slot, by)
            } else {
                Fact::Unsure(id, slot)
            });
        }
    }
}
