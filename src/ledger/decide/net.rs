//! What orders do to the figures of a net channel.
//!
//! A net channel shows what may still be sold. A sale lowers the slot it is sold from and a
//! cancellation raises it again, while a parcel of units sold before changes nothing. What the last
//! report and this one say of a line gives the difference; units put back after shipping raise the
//! slot as on any channel and are none of this.

use std::collections::BTreeMap;

use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::entry::Fact;
use super::super::order::{Line, Order, PlaceIx};
use super::super::reported::OrderReport;
use super::desk::{Desk, LineAt};
use super::shipments::{READING_MARGIN, moved_between, unsure};

/// Listing units that a line took off what the channel shows.
#[derive(Default)]
struct Taken {
    /// By the channel's location, as far as it said where.
    places: BTreeMap<Option<PlaceIx>, i64>,
    /// Open units that were not routed yet.
    unrouted: i64,
    /// All of them, and those that were cancelled without coming back.
    total: i64,
}

impl Taken {
    fn add(&mut self, place: Option<PlaceIx>, units: Units) {
        let sum = self.places.entry(place).or_default();
        *sum = sum.saturating_add(units.signed());
    }
}

/// An order before its report changes it: its lines, and since when its changes are not known.
pub(super) struct Before {
    lines: Vec<Line>,
    since: Timestamp,
}

/// The order as it was; of a new one, nothing since it was placed.
pub(super) fn before(desk: &Desk<'_>, channel: u16, report: &OrderReport) -> Before {
    let known = desk.known_order(channel, &report.order);
    Before {
        lines: known.map(|order| order.lines.clone()).unwrap_or_default(),
        since: known.map_or(report.placed_at, |order| order.began),
    }
}

/// Moves the slots of a line by what was sold, given up or sent elsewhere since the last report; when
/// in between, no report tells.
pub(super) fn sold(desk: &mut Desk<'_>, at: LineAt, before: &Before, began: Timestamp) {
    let channel = desk.channel_of(at.work);
    if !channel.is_net() {
        return;
    }
    let line = desk.line(at);
    let known = before.lines.iter().find(|known| known.id == line.id);
    let was = known.map(|known| taken(channel, known)).unwrap_or_default();
    let is = taken(channel, line);
    let mut changes = is.places;
    for (place, units) in &was.places {
        let change = changes.entry(*place).or_default();
        *change = change.saturating_sub(*units);
    }
    let unrouted = is.unrouted.saturating_sub(was.unrouted);
    let sum = changes
        .values()
        .fold(unrouted, |sum, by| sum.saturating_add(*by));
    let all = is.total.saturating_sub(was.total);
    if !even_out(&mut changes, all.saturating_sub(sum)) {
        unsure(desk, at, None, 0);
    }
    // Units whose place was not told for a while may have been there all the time.
    let is_told_late = unrouted != 0 && known.is_some();
    let when = Some((before.since, began));
    for (place, by) in changes.into_iter().filter(|(_, by)| *by != 0) {
        if is_told_late {
            unsure(desk, at, place, 0_i64.saturating_sub(by));
        } else {
            moved_between(desk, at, place, 0_i64.saturating_sub(by), when);
        }
    }
}

/// Where an order is shipped from may have changed, once or there and back: slots of it that were read
/// since the last report before are read again.
///
/// Reports tell what is, so of two such changes between them there is no trace.
pub(super) fn rerouted(desk: &mut Desk<'_>, channel: &Channel, order: &Order, changed: Timestamp) {
    if !channel.is_net() || channel.places_served().nth(1).is_none() {
        return;
    }
    let listings = order.lines.iter().filter_map(|line| line.listing.as_ref());
    let listings = listings.filter_map(|listing| channel.listings.get(listing.as_str()));
    for item in listings.map(|listing| listing.item) {
        for (place, slot) in &channel.items.at(item).slots {
            // Of a report of after the change it is not known when the one before it was.
            let read_between = slot.adopted_at.is_some_and(|adopted| {
                adopted <= changed.plus(READING_MARGIN)
                    && (order.began >= changed || order.began < adopted.plus(READING_MARGIN))
            });
            if read_between && slot.expected.is_some() && !slot.unsure {
                let slot = channel.slot_key(item, *place);
                desk.facts.push(Fact::Unsure(channel.id.clone(), slot));
            }
        }
    }
}

/// A test order takes nothing from stock, and yet a net channel shows less for it: its slots are read.
pub(super) fn tested(desk: &mut Desk<'_>, channel: &Channel, report: &OrderReport) {
    if !channel.is_net() {
        return;
    }
    let lines = report.lines.iter().flatten();
    for listing in lines.filter_map(|line| line.listing.as_ref()) {
        let Some(listing) = channel.listings.get(listing.as_str()) else {
            continue;
        };
        for (place, slot) in &channel.items.at(listing.item).slots {
            if slot.expected.is_some() {
                let slot = channel.slot_key(listing.item, *place);
                desk.facts.push(Fact::Unsure(channel.id.clone(), slot));
            }
        }
    }
}

fn taken(channel: &Channel, line: &Line) -> Taken {
    let since_opened = line.fulfilled.minus_or_zero(line.history);
    let sum = [line.open, since_opened, line.withheld];
    let mut taken = Taken {
        total: sum
            .iter()
            .fold(0, |sum, units| sum.saturating_add(units.signed())),
        ..Taken::default()
    };
    let mut served = channel.places_served();
    if let (Some((_, only)), None) = (served.next(), served.next()) {
        taken.add(only, line.open);
        taken.add(only, since_opened);
        return taken;
    }
    let mut left = line.open;
    for (place, units) in line.routes.iter().flatten() {
        let here = left.min(*units);
        taken.add(Some(*place), here);
        left = left.minus(here);
    }
    taken.unrouted = left.signed();
    for (place, units) in &line.left {
        taken.add(Some(*place), *units);
    }
    taken
}

/// Brings the changes to their true sum where units went without word of their place: what was
/// cancelled without coming back raised nothing. Whether that could be told.
fn even_out(changes: &mut BTreeMap<Option<PlaceIx>, i64>, by: i64) -> bool {
    let mut left = by;
    for change in changes.values_mut() {
        let undone = 0_i64.saturating_sub(*change);
        let part = if by > 0 {
            left.min(undone).max(0)
        } else {
            left.max(undone).min(0)
        };
        *change = change.saturating_add(part);
        left = left.saturating_sub(part);
    }
    left == 0
}
