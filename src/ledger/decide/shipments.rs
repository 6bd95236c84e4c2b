//! What a channel's records of parcels and returns change.
//!
//! In: the cumulative figures of a line. Out: units that left or came back since the last report, ours
//! told from others', and what that did to the slots.

use std::time::Duration;

use channelsync_contract::ids::{ChannelLocationId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::command::{OrderReport, ReportLine, ReportRestock, ReportShipment};
use super::super::entry::{Bucket, Exception, Fact};
use super::super::order::{Line, PlaceIx};
use super::super::state::LocIx;
use super::desk::{Desk, LineAt, Spot};

/// Acts this close to an adopted reading may or may not be in it.
const READING_MARGIN: Duration = Duration::from_secs(10);

/// Books what left and what came back since the last report of a line.
pub(super) fn book(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let places = left_by_place(desk, at, report);
    let before = desk.line(at).fulfilled;
    match reported.fulfilled.checked_minus(before) {
        Some(rise) if !rise.is_zero() => shipped_more(desk, at, rise, places.as_ref(), report),
        Some(_) => {}
        None => {
            let fall = before.minus(reported.fulfilled);
            shipped_less(desk, at, fall, places.as_ref());
        }
    }
    if let Some(places) = places {
        desk.line_mut(at).left = places.into_iter().collect();
    }
    restock(desk, at, reported, report);
}

type Places = Vec<(PlaceIx, Units)>;

/// Where the channel says units of the line left, summed; none where it does not say.
fn left_by_place(desk: &Desk<'_>, at: LineAt, report: &OrderReport) -> Option<Places> {
    let channel = desk.channel_of(at.work);
    let line = desk.line(at).id.clone();
    let mut places: Places = Vec::new();
    for shipment in report
        .shipments
        .as_ref()?
        .iter()
        .filter(|shipment| shipment.line == line)
    {
        let Some(place) = shipment.location.as_ref().and_then(|id| channel.place(id)) else {
            continue;
        };
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, units)) => *units = units.plus(shipment.units),
            None => places.push((place, shipment.units)),
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
    let line = desk.line_mut(at);
    let ours = rise.min(line.unreported());
    line.acknowledged = line.acknowledged.plus(ours);
    line.fulfilled = line.fulfilled.plus(rise);
    let known = line.left.clone();
    let channel = desk.channel_of(at.work);
    let mut from: Vec<(LocIx, Units)> = Vec::new();
    let mut left = rise;
    for (place, now) in places.into_iter().flatten() {
        let more = now.minus_or_zero(at_place(&known, *place)).min(left);
        if more.is_zero() {
            continue;
        }
        left = left.minus(more);
        let last = last_left(channel, desk.line(at), *place, report);
        moved(desk, at, *place, 0_i64.saturating_sub(more.signed()), last);
        if let Some(location) = channel.ours(*place) {
            from.push((location, more));
        }
    }
    if !left.is_zero() {
        reread_all(desk, at);
    }
    desk.ship_units(at, rise.minus(ours), &from);
}

fn last_left(
    channel: &Channel,
    line: &Line,
    place: PlaceIx,
    report: &OrderReport,
) -> Option<Timestamp> {
    let here = |shipment: &&ReportShipment| {
        let location: Option<&ChannelLocationId> = shipment.location.as_ref();
        shipment.line == line.id && location == Some(channel.place_id(place))
    };
    report
        .shipments
        .iter()
        .flatten()
        .filter(here)
        .filter_map(|shipment| shipment.at)
        .max()
}

/// The channel undid parcels: foreign ones come back to stock, ours await their report again.
fn shipped_less(desk: &mut Desk<'_>, at: LineAt, fall: Units, places: Option<&Places>) {
    let line = desk.line_mut(at);
    let foreign = fall.min(line.foreign());
    let ours = fall.minus(foreign).min(line.acknowledged);
    line.fulfilled = line.fulfilled.minus(fall);
    line.acknowledged = line.acknowledged.minus(ours);
    line.history = line.history.min(line.fulfilled);
    let known = line.left.clone();
    let mut left = foreign;
    let mut unplaced = fall;
    for (place, before) in known {
        let now = places.map_or(before, |places| at_place(places, place));
        let less = before.minus_or_zero(now).min(unplaced);
        if less.is_zero() {
            continue;
        }
        unplaced = unplaced.minus(less);
        moved(desk, at, place, less.signed(), None);
        if let Some(location) = desk.channel_of(at.work).ours(place) {
            give_back(desk, at, location, less.min(left));
            left = left.minus_or_zero(less);
        }
    }
    if !unplaced.is_zero() {
        reread_all(desk, at);
    }
    if let Some((location, _)) = desk.channel_of(at.work).places_served().next() {
        give_back(desk, at, location, left);
    }
}

/// Brings shipped listing units of a line back to a location.
fn give_back(desk: &mut Desk<'_>, at: LineAt, location: LocIx, units: Units) {
    let here = Spot::At(location, Bucket::Available);
    for part in desk.parts(at) {
        desk.shift(part.sku, Spot::Customer, here, units.times(part.per));
    }
}

/// Books units that the channel put back since the last report, at the location named.
fn restock(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let mut known = desk.line(at).restocked;
    for restock in returned(report, reported) {
        let seen = known.min(restock.units);
        known = known.minus(seen);
        let line = desk.line(at);
        let gone = line.foreign().plus(line.history).plus(line.shipped);
        let units = restock.units.minus(seen);
        let booked = units.min(gone.minus_or_zero(line.restocked));
        let line = desk.line_mut(at);
        line.restocked = line.restocked.plus(units);
        let id = line.id.clone();
        if booked < units {
            let (order, units) = (report.order.clone(), units.minus(booked));
            desk.note(Exception::RestockExcess {
                order,
                line: id,
                units,
            });
        }
        let channel = desk.channel_of(at.work);
        let place = restock
            .location
            .as_ref()
            .and_then(|location| channel.place(location));
        match place {
            Some(place) => moved(desk, at, place, units.signed(), restock.at),
            None if !units.is_zero() => reread_all(desk, at),
            None => {}
        }
        let named = place.and_then(|place| channel.ours(place));
        let first = channel.places_served().next().map(|(ours, _)| ours);
        if let Some(location) = named.or(first) {
            give_back(desk, at, location, booked);
        }
    }
}

pub(super) fn returned<'a>(
    report: &'a OrderReport,
    line: &'a ReportLine,
) -> impl Iterator<Item = &'a ReportRestock> {
    report
        .restocks
        .iter()
        .flatten()
        .filter(|restock| restock.line == line.line)
}

/// A known act changed what the channel holds for the line's item at a place.
///
/// A slot whose present figure was taken from a reading about that time is read again instead.
fn moved(desk: &mut Desk<'_>, at: LineAt, place: PlaceIx, by: i64, when: Option<Timestamp>) {
    let channel = desk.channel_of(at.work);
    let Some(slot) = slot_of(desk, at, Some(place)) else {
        return;
    };
    let Some(state) = channel.slot(&slot).filter(|state| state.expected.is_some()) else {
        return;
    };
    let id = channel.id.clone();
    if by == 0 {
        return;
    }
    desk.facts.push(match (state.adopted_at, when) {
        (None, _) => Fact::Moved(id, slot, by),
        (Some(adopted), Some(when)) if when > adopted.plus(READING_MARGIN) => {
            Fact::Moved(id, slot, by)
        }
        (Some(adopted), Some(when)) if when < adopted.minus(READING_MARGIN) => return,
        (Some(_), Some(_) | None) => Fact::Reread(id, slot),
    });
}

fn slot_of(desk: &Desk<'_>, at: LineAt, place: Option<PlaceIx>) -> Option<SlotKey> {
    let channel = desk.channel_of(at.work);
    let listing = desk.line(at).listing.as_ref()?;
    let listing = channel.listings.get(listing.as_str())?;
    Some(channel.slot_key(listing.item, place))
}

/// Something changed at the channel and it is not known where: all slots of the item are read.
fn reread_all(desk: &mut Desk<'_>, at: LineAt) {
    let channel = desk.channel_of(at.work);
    for (_, place) in channel.places_served() {
        if let Some(slot) = slot_of(desk, at, place)
            && channel
                .slot(&slot)
                .is_some_and(|state| state.expected.is_some())
        {
            desk.facts.push(Fact::Reread(channel.id.clone(), slot));
        }
    }
}
