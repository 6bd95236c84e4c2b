//! Orders and their lines.

use channelsync_contract::ids::{ListingId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use smallvec::SmallVec;

use super::super::channel::{Channel, Wanted};
use super::super::entry::{LineFact, OrderFact};
use super::super::order::{Held, Line, Order, OrderRef, Passing};
use super::super::reported::Source;
use super::super::shipment::Shipment;
use super::super::state::Ledger;
use super::{Named, Touched, known_location};
use crate::catalog::{Part, SkuIx};

pub(super) fn head(channel: &mut Channel, fact: &OrderFact, seq: u64) {
    let number = channel.orders.entry(&fact.order, || Order {
        name: fact.name.as_str().into(),
        placed_at: fact.placed_at,
        version: None,
        began: fact.began,
        source: fact.source,
        fetched: Timestamp::default(),
        test: fact.test,
        cancelled: false,
        ship_by: None,
        acknowledge_by: None,
        hold: None,
        lines: Default::default(),
        shipments: Vec::new(),
        seq,
    });
    let order = channel.orders.at_mut(number);
    order.name = fact.name.as_str().into();
    order.placed_at = fact.placed_at;
    order.version = fact.version;
    order.began = fact.began;
    order.source = fact.source;
    if fact.source == Source::Fetch {
        order.fetched = order.fetched.max(fact.began);
    }
    order.test = fact.test;
    order.cancelled = fact.cancelled;
    order.ship_by = fact.ship_by;
    order.acknowledge_by = fact.acknowledge_by;
    order.seq = seq;
    let satisfied = |wanted: &Wanted| fact.source == Source::Fetch && fact.began >= wanted.since;
    if channel.wanted.get(&fact.order).is_some_and(satisfied) {
        channel.no_longer_wanted(&fact.order);
    }
}

/// A parcel of ours changed, or word of it: what its items may show changes with that.
pub(super) fn set_shipment(
    ledger: &mut Ledger,
    place: OrderRef,
    shipment: &Shipment,
    touched: &mut Touched,
) {
    let seq = ledger.seq;
    let channel = ledger.channel_mut(place.channel);
    let order = channel.orders.at_mut(place.order);
    order.seq = seq;
    match order
        .shipments
        .iter_mut()
        .find(|known| known.id == shipment.id)
    {
        Some(known) => *known = shipment.clone(),
        None => order.shipments.push(shipment.clone()),
    }
    let is_unsettled = order.shipments.iter().any(|one| !one.is_settled());
    let is_refused = order.shipments.iter().any(Shipment::is_refused);
    for (set, belongs) in [
        (&mut channel.reports, is_unsettled),
        (&mut channel.refused_reports, is_refused),
    ] {
        if belongs {
            set.insert(place.order);
        } else {
            set.remove(&place.order);
        }
    }
    let order = channel.orders.at(place.order);
    let listings = order.lines.iter().filter_map(|line| line.listing.as_ref());
    let listings = listings.filter_map(|listing| channel.listings.get(listing.as_str()));
    touched
        .items
        .extend(listings.map(|listing| (place.channel, listing.item)));
}

pub(super) fn set_line(
    ledger: &mut Ledger,
    fact: &LineFact,
    named: &mut Named,
    touched: &mut Touched,
) {
    let place = named.order(ledger, &fact.channel, &fact.order);
    let OrderRef {
        channel: at,
        order: number,
    } = place;
    let line = line_of(ledger, at, fact, named);
    let known = ledger
        .order(place)
        .lines
        .iter()
        .find(|known| known.id == fact.line);
    let mut skus: SmallVec<[(SkuIx, bool); 4]> = [Some(&line), known]
        .into_iter()
        .flatten()
        .flat_map(|line| line.parts.iter().flatten().map(|part| part.sku))
        .map(|sku| (sku, is_open_for(ledger.order(place), sku)))
        .collect();
    skus.sort_unstable();
    skus.dedup();
    if let Some(listing) = line.listing.as_ref() {
        let channel = ledger.channel(at);
        if let Some(listing) = channel.listings.get(listing.as_str()) {
            touched.items.push((at, listing.item));
        }
    }
    let order = ledger.channel_mut(at).orders.at_mut(number);
    order.seq = line.seq;
    match order.lines.iter_mut().find(|known| known.id == line.id) {
        Some(known) => *known = line,
        None => {
            // Orders are many and rarely grow later: no room to spare.
            order.lines.reserve_exact(1);
            order.lines.push(line);
        }
    }
    for (sku, was_open) in skus {
        let is_open = is_open_for(ledger.order(place), sku);
        let open = &mut ledger.skus.at_mut(sku.0).open;
        if is_open && !was_open {
            open.push(place);
        } else if was_open
            && !is_open
            && let Some(found) = open.iter().rposition(|known| *known == place)
        {
            open.remove(found);
        }
    }
    let channel = ledger.channel_mut(at);
    let lines = &channel.orders.at(number).lines;
    if lines.iter().any(|line| !line.awaited().is_zero()) {
        channel.awaiting.insert(number);
    } else {
        channel.awaiting.remove(&number);
    }
    index_parked(channel, number, fact.listing.as_ref());
}

fn is_open_for(order: &Order, sku: SkuIx) -> bool {
    order
        .lines
        .iter()
        .any(|line| line.is_open() && line.parts.iter().flatten().any(|part| part.sku == sku))
}

fn index_parked(channel: &mut Channel, order: u32, listing: Option<&ListingId>) {
    let Some(listing) = listing else { return };
    let lines = &channel.orders.at(order).lines;
    let parked = |line: &Line| line.is_parked() && line.listing.as_ref() == Some(listing);
    if lines.iter().any(parked) {
        channel
            .parked
            .entry(listing.clone())
            .or_default()
            .insert(order);
    } else if let Some(orders) = channel.parked.get_mut(listing) {
        orders.remove(&order);
        if orders.is_empty() {
            channel.parked.remove(listing);
        }
    }
}

fn line_of(ledger: &mut Ledger, at: u16, fact: &LineFact, named: &mut Named) -> Line {
    let spread = |ledger: &mut Ledger, units: &[(_, Units)]| {
        let channel = ledger.channel_mut(at);
        units
            .iter()
            .map(|(place, units)| (channel.place_entry(place), *units))
            .collect()
    };
    Line {
        id: fact.line.clone(),
        listing: fact.listing.clone(),
        parts: fact.parts.as_ref().map(|parts| {
            let part = |(sku, per): &(Sku, u32)| Part {
                sku: named.sku(ledger, sku),
                per: *per,
            };
            parts.iter().map(part).collect()
        }),
        ordered: fact.ordered,
        open: fact.open,
        fulfilled: fact.fulfilled,
        history: fact.history,
        shipped: fact.shipped,
        acknowledged: fact.acknowledged,
        back: fact.back.as_deref().map(|back| {
            let channel = ledger.channel_mut(at);
            back.renamed(|place| channel.place_entry(place))
        }),
        withheld: fact.withheld,
        on_hold: fact.on_hold,
        held: fact
            .held
            .iter()
            .map(|(sku, location, units)| Held {
                sku: named.sku(ledger, sku),
                location: known_location(ledger, location),
                units: *units,
            })
            .collect(),
        routes: fact.routes.as_ref().map(|routes| spread(ledger, routes)),
        left: spread(ledger, &fact.left),
        passed: fact
            .passed
            .iter()
            .map(|one| Passing {
                location: known_location(ledger, &one.location),
                bucket: one.bucket,
                units: one.units,
                came: one.came,
                at: one.at,
            })
            .collect(),
        price: fact.price.clone(),
        seq: ledger.seq,
    }
}
