//! A channel's own open units at its own places: what a gross channel subtracts by itself.

use std::collections::BTreeSet;

use channelsync_contract::ids::ListingId;
use channelsync_contract::units::Units;

use crate::catalog::{Parts, SkuIx};
use crate::ledger::{Channel, Ledger, Line, OrderRef, PlaceIx};

/// Own open units of a listing at each place, in listing units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    placed: Vec<(Option<PlaceIx>, Units)>,
    /// Units whose place the channel has not told yet.
    pub unplaced: Units,
}

impl Own {
    /// Units known to be held at a place.
    pub fn at(&self, place: Option<PlaceIx>) -> Units {
        let here = |(known, _): &&(Option<PlaceIx>, Units)| *known == place;
        self.placed
            .iter()
            .filter(here)
            .map(|(_, units)| *units)
            .fold(Units::ZERO, Units::plus_or_max)
    }

    /// Units of several listings at a place.
    pub(super) fn all_at(owns: &[Self], place: Option<PlaceIx>) -> Units {
        let units = owns.iter().map(|own| own.at(place));
        units.fold(Units::ZERO, Units::plus_or_max)
    }

    fn add(&mut self, place: Option<PlaceIx>, units: Units) {
        match self.placed.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum = sum.plus_or_max(units),
            None => self.placed.push((place, units)),
        }
    }
}

/// Orders of this channel with open lines of the listing.
fn open_orders<'a>(
    ledger: &'a Ledger,
    channel: u16,
    parts: &'a Parts,
) -> impl Iterator<Item = OrderRef> + 'a {
    // A line takes from every part of its listing, so the first part finds it.
    let first = parts.first();
    let orders = first
        .map(|part| ledger.sku(part.sku).open.as_slice())
        .unwrap_or_default();
    orders
        .iter()
        .copied()
        .filter(move |at| at.channel == channel)
}

/// Own units as far as the ledger committed them, and those we shipped that were not reported.
pub(super) fn own(ledger: &Ledger, number: u16, listing: &ListingId, parts: &Parts) -> Own {
    let orders = open_orders(ledger, number, parts);
    of_lines(ledger, orders, listing, |line| {
        line.committed().plus_or_max(line.unreported_open())
    })
}

/// Open units of each listing of an item as its channel counts them.
pub(super) fn open_of(ledger: &Ledger, channel: u16, item: u32) -> Vec<Own> {
    let known = ledger.channel(channel);
    let listings = known.items.at(item).listings.iter();
    let open = listings.map(|listing| {
        let parts = known.listings.at(*listing).mapping.parts();
        let skus = parts.into_iter().flatten().map(|part| part.sku);
        open_there(ledger, channel, known.listings.key(*listing), skus)
    });
    open.collect()
}

/// All of them, wherever they are.
pub(super) fn open_on(ledger: &Ledger, channel: u16, item: u32) -> Units {
    let open = open_of(ledger, channel, item).into_iter().flat_map(|own| {
        let placed = own.placed.into_iter().map(|(_, units)| units);
        placed.chain([own.unplaced])
    });
    open.fold(Units::ZERO, Units::plus_or_max)
}

/// All open units as the channel counts them, whether the ledger has units for them or not; of lines
/// that take from any of `skus`.
pub(super) fn open_there(
    ledger: &Ledger,
    channel: u16,
    listing: &ListingId,
    skus: impl Iterator<Item = SkuIx>,
) -> Own {
    let orders = skus.flat_map(|sku| ledger.sku(sku).open.iter().copied());
    let orders: BTreeSet<OrderRef> = orders.filter(|at| at.channel == channel).collect();
    of_lines(ledger, orders.into_iter(), listing, |line| line.open)
}

/// Units of the lines of some orders of a channel with a listing, at each place.
pub(super) fn of_lines(
    ledger: &Ledger,
    orders: impl Iterator<Item = OrderRef>,
    listing: &ListingId,
    units: impl Fn(&Line) -> Units,
) -> Own {
    let mut own = Own::default();
    for at in orders {
        let lines = ledger.order(at).lines.iter();
        for line in lines.filter(|line| line.listing.as_ref() == Some(listing)) {
            add_line(ledger.channel(at.channel), line, units(line), &mut own);
        }
    }
    own
}

fn add_line(channel: &Channel, line: &Line, mut left: Units, own: &mut Own) {
    let mut places = channel.places_served();
    if let (Some((_, only)), None) = (places.next(), places.next()) {
        return own.add(only, left);
    }
    for (place, open) in line.routes.iter().flatten() {
        let here = left.min(*open);
        own.add(Some(*place), here);
        left = left.minus(here);
    }
    if line.routes.is_some() {
        return;
    }
    // The channel will say; until then they count where we committed them, so that the sum over the
    // places is right from the first moment.
    for part in line.parts.iter().flatten().take(1) {
        for held in line.held.iter().filter(|held| held.sku == part.sku) {
            let mut served = channel.places_served();
            let Some((_, place)) = served.find(|(ours, _)| *ours == held.location) else {
                continue;
            };
            let here = left.min(Units(held.units.0.checked_div(part.per).unwrap_or(0)));
            own.add(place, here);
            left = left.minus(here);
        }
    }
    own.unplaced = own.unplaced.plus_or_max(left);
}
