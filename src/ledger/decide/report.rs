//! What a channel's word about its orders changes.
//!
//! Quantities in reports are cumulative, so the difference to what is known is what happened. Any
//! permutation, repetition or loss-then-poll of the same history ends in the same ledger.

use std::time::Duration;

use channelsync_contract::ids::{ChannelLocationId, OrderId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::command::{
    Change, Happened, Hint, OrderReport, Polled, Refusal, ReportLine, ReportRestock,
    ReportShipment, Source,
};
use super::super::entry::{Bucket, Exception, Fact};
use super::super::order::{Line, Order, PlaceIx};
use super::super::state::LocIx;
use super::desk::{Desk, LineAt, Spot};

/// Versions have whole seconds and searches lag: a copy read this long after its version is final.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Acts this close to an adopted reading may or may not be in it.
const READING_MARGIN: Duration = Duration::from_secs(10);
/// Word of one order that comes in a burst causes one read after this.
const COALESCE: Duration = Duration::from_secs(2);

pub(super) fn report(desk: &mut Desk<'_>, happened: &Happened) -> Result<(), Refusal> {
    let (number, channel) = desk.channel(&happened.channel)?;
    for change in &happened.changes {
        match change {
            Change::Order(report) => order(desk, number, happened, report),
            Change::Hint(hint) => note_hint(desk, channel, hint),
            Change::Absent(id) => {
                if channel.wanted.contains_key(id) {
                    desk.facts
                        .push(Fact::Absent(channel.id.clone(), id.clone()));
                }
            }
            Change::Parked(bytes) => {
                if !desk.ledger.parked.contains_key(&bytes.id) {
                    desk.facts.push(Fact::Parked(bytes.clone()));
                }
            }
        }
    }
    if let Some(polled) = &happened.polled {
        note_poll(desk, channel, polled);
    }
    Ok(())
}

fn note_poll(desk: &mut Desk<'_>, channel: &Channel, polled: &Polled) {
    let known = channel.streams.get(&polled.stream);
    let ahead = known.is_none_or(|known| known.watermark < polled.to);
    let news = polled.book || !desk.facts.is_empty() || !desk.works.is_empty();
    if ahead && news {
        let setup = channel
            .setup
            .as_ref()
            .map_or(polled.to, |setup| setup.book_from);
        let before = known.map_or(setup, |known| known.cursor);
        let cursor = polled.newest.map_or(before, |newest| newest.max(before));
        let stream = polled.stream.clone();
        desk.facts
            .push(Fact::Polled(channel.id.clone(), stream, polled.to, cursor));
    }
}

/// Wants the order read unless a copy at least as new is known or asked for already.
fn note_hint(desk: &mut Desk<'_>, channel: &Channel, hint: &Hint) {
    let wanted = channel.wanted.get(&hint.order);
    if let Some(known) = channel.orders.get(hint.order.as_str()) {
        let settled = |at: Timestamp| known.began > at.plus(SETTLED_AFTER);
        let newer_known = match (known.version, hint.version) {
            (Some(known_version), Some(version)) => {
                let fetched = known.source == Source::Fetch && settled(version);
                version < known_version || (version == known_version && fetched)
            }
            (Some(_) | None, None) | (None, Some(_)) => false,
        };
        let beside_known = hint
            .beside
            .is_some_and(|beside| known.source == Source::Fetch && settled(beside));
        if newer_known || beside_known {
            return;
        }
    }
    let changed = hint.version.or(hint.beside);
    let covered = |since: Timestamp| changed.is_some_and(|at| since > at.plus(SETTLED_AFTER));
    if wanted.is_some_and(|wanted| covered(wanted.since)) {
        return;
    }
    want(desk, channel, &hint.order, desk.at);
}

fn want(desk: &mut Desk<'_>, channel: &Channel, order: &OrderId, since: Timestamp) {
    let (channel_id, order) = (channel.id.clone(), order.clone());
    let already = channel
        .wanted
        .get(&order)
        .is_some_and(|wanted| wanted.since >= since);
    if !already {
        desk.facts.push(Fact::Wanted(channel_id, order, since));
    }
}

fn order(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) {
    let channel = desk.ledger.channel(number);
    let Some(lines) = report.lines.as_ref().filter(|_| !report.test) else {
        if report.test {
            header(desk, number, happened, report);
        } else {
            want(desk, channel, &report.order, desk.at.plus(COALESCE));
        }
        return;
    };
    let known = channel.orders.find(report.order.as_str());
    let fresh_work = desk
        .works
        .iter()
        .any(|work| work.at.channel == number && work.id == report.order && work.reported);
    if let Some(known) = known
        && !fresh_work
        && !channel
            .orders
            .at(known)
            .is_older_than(report.version, happened.source, happened.began)
    {
        refuse_old(desk, channel, channel.orders.at(known), happened, report);
        return;
    }
    let work = header(desk, number, happened, report);
    let opened = channel
        .setup
        .as_ref()
        .map_or(Timestamp(i64::MIN), |setup| setup.book_from);
    for line in lines {
        let at = find_line(desk, work, line, report, opened);
        set_line(desk, at, line, report);
    }
    for at in desk.lines(work).collect::<Vec<_>>() {
        let line = desk.line_mut(at);
        if !lines.iter().any(|reported| reported.line == line.id) {
            line.open = Units::ZERO;
        }
    }
    desk.allocate(work);
    if happened.source == Source::Webhook || report.routes.is_none() {
        want_routes(desk, channel, work, happened, report);
    }
}

/// An equal version with other content must be looked at; anything else old is forgotten.
fn refuse_old(
    desk: &mut Desk<'_>,
    channel: &Channel,
    known: &Order,
    happened: &Happened,
    report: &OrderReport,
) {
    let same_version = known.version == report.version && happened.source == Source::Webhook;
    let differs = report.lines.iter().flatten().any(|line| {
        let known = known.lines.iter().find(|known| known.id == line.line);
        known.is_none_or(|known| {
            known.open != line.open
                || known.fulfilled != line.fulfilled
                || known.ordered != line.ordered
        })
    });
    if same_version && differs {
        want(desk, channel, &report.order, desk.at.plus(COALESCE));
    }
}

fn header(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) -> usize {
    let work = desk.work(number, &report.order, || Order {
        name: report.name.as_str().into(),
        placed_at: report.placed_at,
        version: report.version,
        began: happened.began,
        source: happened.source,
        test: report.test,
        cancelled: report.cancelled,
        lines: Default::default(),
        seq: 0,
    });
    let row = desk.order_mut(work);
    let order = &mut row.order;
    row.reported = true;
    order.name = report.name.as_str().into();
    order.placed_at = report.placed_at;
    order.version = report.version;
    order.began = happened.began;
    order.source = happened.source;
    order.test = report.test;
    order.cancelled = report.cancelled;
    work
}

fn find_line(
    desk: &mut Desk<'_>,
    work: usize,
    reported: &ReportLine,
    report: &OrderReport,
    opened: Timestamp,
) -> LineAt {
    let found = desk
        .order(work)
        .lines
        .iter()
        .position(|line| line.id == reported.line);
    if let Some(line) = found {
        return LineAt { work, line };
    }
    let before = |at: Option<Timestamp>| match at {
        Some(at) => at < opened,
        None => report.placed_at < opened && report.version.is_none_or(|version| version < opened),
    };
    let shipped = report.shipments.iter().flatten();
    let history: Units = shipped
        .filter(|shipment| shipment.line == reported.line && before(shipment.at))
        .map(|shipment| shipment.units)
        .sum();
    let restocked: Units = returned(report, reported)
        .filter(|restock| before(restock.at))
        .map(|restock| restock.units)
        .sum();
    let history = history.min(reported.fulfilled);
    let line = Line {
        id: reported.line.clone(),
        listing: reported.listing.clone(),
        parts: parts_of(desk.channel_of(work), reported),
        ordered: reported.ordered,
        open: Units::ZERO,
        fulfilled: history,
        history,
        shipped: Units::ZERO,
        acknowledged: Units::ZERO,
        restocked,
        held: Default::default(),
        routes: None,
        left: Default::default(),
        price: reported.price.clone(),
        seq: 0,
    };
    let lines = &mut desk.order_mut(work).order.lines;
    lines.push(line);
    LineAt {
        work,
        line: lines.len().saturating_sub(1),
    }
}

fn parts_of(channel: &Channel, line: &ReportLine) -> Option<crate::catalog::Parts> {
    let listing = channel.listings.get(line.listing.as_ref()?.as_str())?;
    listing.mapping.parts().cloned()
}

fn returned<'a>(
    report: &'a OrderReport,
    line: &'a ReportLine,
) -> impl Iterator<Item = &'a ReportRestock> {
    report
        .restocks
        .iter()
        .flatten()
        .filter(|restock| restock.line == line.line)
}

fn set_line(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let line = desk.line_mut(at);
    line.ordered = reported.ordered;
    line.open = reported.open;
    line.price.clone_from(&reported.price);
    if let Some(routes) = &report.routes {
        let channel = desk.channel_of(at.work);
        let mine = routes.iter().filter(|route| route.line == reported.line);
        let known = mine.filter_map(|route| Some((channel.place(&route.location)?, route.open)));
        let routes = known.filter(|(_, units)| !units.is_zero()).collect();
        desk.line_mut(at).routes = Some(routes);
    }
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

/// Asks again for the order while the channel has not said where its open units ship from.
///
/// Routing runs after the order was placed: look after 2, 10 and 60 s, then leave it to the poll.
fn want_routes(
    desk: &mut Desk<'_>,
    channel: &Channel,
    work: usize,
    happened: &Happened,
    report: &OrderReport,
) {
    let unrouted = |line: &Line| !line.wanted().is_zero() && line.routes.is_none();
    let served = channel.places_served().count();
    if served < 2 || !desk.order(work).lines.iter().any(unrouted) {
        return;
    }
    let pause = match (happened.source, desk.at.since(report.placed_at).as_secs()) {
        (Source::Webhook, _) => COALESCE,
        (Source::Fetch, 0..=4) => COALESCE,
        (Source::Fetch, 5..=29) => Duration::from_secs(10),
        (Source::Fetch, 30..=299) => Duration::from_secs(60),
        (Source::Fetch, _) => return,
    };
    want(desk, channel, &report.order, desk.at.plus(pause));
}
