//! Unshipped units that a channel cancelled without putting them back into stock.
//!
//! The channel took them off what it holds; here they go out of sale until a person looks.

use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::entry::{Bucket, Exception};
use super::super::order::{PlaceIx, stock_units, total};
use super::super::reported::{OrderReport, PutBack};
use super::super::state::LocIx;
use super::as_of::is_counted;
use super::desk::{Desk, LineAt, Spot};
use super::shipments::{is_history, moved, unsure};
use crate::catalog::SkuIx;

/// Moves units of a line that were cancelled without restock since the last report.
///
/// Channels give one kind of record for shipped and unshipped units: of the units that were removed
/// before shipping, those that no record released are withheld.
pub(super) fn withhold(desk: &mut Desk<'_>, at: LineAt, report: &OrderReport) {
    let Some(restocks) = &report.restocks else {
        return;
    };
    let line = desk.line(at);
    let mine = |kind: PutBack| {
        let of_kind = restocks.iter().filter(move |restock| restock.kind == kind);
        of_kind.filter(|restock| restock.line == line.id)
    };
    let since_opened = mine(PutBack::Withheld).filter(|one| !is_history(desk, at, report, one.at));
    let named = total(since_opened.map(|restock| restock.units));
    let released = total(mine(PutBack::Released).map(|restock| restock.units));
    let removed = line
        .ordered
        .minus_or_zero(line.open)
        .minus_or_zero(line.fulfilled);
    let withheld = named.min(removed.minus_or_zero(released));
    let more = withheld.minus_or_zero(line.withheld);
    if more.is_zero() {
        return;
    }
    let when = mine(PutBack::Withheld)
        .filter_map(|restock| restock.at)
        .max();
    // On a net channel they were not shown since they were sold.
    if !desk.channel_of(at.work).is_net() {
        match only_place(desk, at) {
            Some(place) => moved(desk, at, place, 0_i64.saturating_sub(more.signed()), when),
            None => unsure(desk, at, None, 0_i64.saturating_sub(more.signed())),
        }
    }
    desk.line_mut(at).withheld = withheld;
    for part in desk.parts(at) {
        put_away(desk, at, part.sku, stock_units(more, part.per), None);
    }
}

/// Puts away what was withheld of a line before it was mapped, but where a count was made after the
/// order changed last: what it found is free.
pub(super) fn book_waiting(desk: &mut Desk<'_>, at: LineAt) {
    let (units, order) = (desk.line(at).withheld, desk.order(at.work));
    let changed = order.version.unwrap_or(order.began);
    for part in desk.parts(at) {
        put_away(
            desk,
            at,
            part.sku,
            stock_units(units, part.per),
            Some(changed),
        );
    }
}

/// The only place of the channel where the units can have been.
fn only_place(desk: &Desk<'_>, at: LineAt) -> Option<PlaceIx> {
    let channel = desk.channel_of(at.work);
    let mut served = channel.places_served();
    if let (Some((_, place)), None) = (served.next(), served.next()) {
        return place;
    }
    // As routed before this report, which no longer names them.
    let before = desk.works.get(at.work)?.id.as_str();
    let known = channel.orders.get(before)?;
    let line = known
        .lines
        .iter()
        .find(|line| line.id == desk.line(at).id)?;
    match line.routes.as_ref()?.as_slice() {
        [(place, _)] => Some(*place),
        _ => None,
    }
}

/// Takes units out of sale: those the line had, then what is free at the channel's locations that were
/// not counted since. What was only owed was never there.
fn put_away(
    desk: &mut Desk<'_>,
    at: LineAt,
    sku: SkuIx,
    units: Units,
    uncounted_since: Option<Timestamp>,
) {
    let mut left = units;
    let held: Vec<_> = desk.line(at).held.iter().copied().collect();
    let is_free =
        |ours: &LocIx| uncounted_since.is_none_or(|since| !is_counted(desk, sku, *ours, since));
    let served = desk.channel_of(at.work).places_served();
    let served: Vec<LocIx> = served.map(|(ours, _)| ours).filter(is_free).collect();
    for held in held.into_iter().filter(|held| held.sku == sku) {
        let here = left.min(held.units);
        let away = Spot::At(held.location, Bucket::Unavailable);
        desk.unhold(at, sku, held.location, here, away);
        note(desk, at, sku, held.location, here);
        left = left.minus(here);
    }
    for location in served {
        let here = left.min(desk.available(sku, location));
        let (free, away) = (Bucket::Available, Bucket::Unavailable);
        desk.shift(
            sku,
            Spot::At(location, free),
            Spot::At(location, away),
            here,
        );
        note(desk, at, sku, location, here);
        left = left.minus(here);
    }
}

fn note(desk: &mut Desk<'_>, at: LineAt, sku: SkuIx, location: LocIx, units: Units) {
    if units.is_zero() {
        return;
    }
    let location = desk.ledger.location_id(location).clone();
    let (order, sku) = (desk.order_id(at.work).clone(), desk.sku_id(sku).clone());
    desk.note(Exception::Withheld {
        order,
        sku,
        location,
        units,
    });
}
