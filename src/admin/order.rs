//! One order as people look at it.

use serde_json::{Value, json};

use crate::ledger::{Channel, Ledger, Line, ReportState, Shipment};

/// An order with its lines.
pub(super) fn order(ledger: &Ledger, channel: &Channel, number: u32) -> Value {
    let order = channel.orders.at(number);
    let id = channel.orders.key(number);
    json!({
        "channel": channel.id,
        "order": id,
        "name": order.name,
        "placed_at": order.placed_at.to_string(),
        "version": order.version.map(|version| version.to_string()),
        "test": order.test,
        "cancelled": order.cancelled,
        "open": order.is_open(),
        "fetch_wanted": channel.wanted.contains_key(id),
        "lines": order.lines.iter().map(|known| line(ledger, channel, known)).collect::<Vec<_>>(),
        "ship_by": order.ship_by.map(|by| by.to_string()),
        "acknowledge_by": order.acknowledge_by.map(|by| by.to_string()),
        "hold": order.hold,
        "shipments": order.shipments.iter().map(shipment).collect::<Vec<_>>(),
        "entry": order.seq,
    })
}

/// A parcel of ours.
pub(super) fn shipment(shipment: &Shipment) -> Value {
    let lines = shipment.lines.iter().map(|packed| {
        json!({
            "line": packed.line,
            "units": packed.units,
            "acknowledged": packed.acknowledged,
        })
    });
    let is_empty = shipment.lines.iter().all(|packed| packed.units.is_zero());
    let (state, why) = match &shipment.state {
        // Its units came back and nothing was ever told of it.
        ReportState::Told { .. } if is_empty => ("taken back", None),
        ReportState::Unsent => ("to be reported", None),
        ReportState::InFlight => ("being reported", None),
        ReportState::InDoubt(_) => ("in doubt", None),
        ReportState::Waiting(_) => ("waits for the channel", None),
        ReportState::Told { since: Some(_), .. } => ("reported, not yet seen", None),
        ReportState::Told { .. } => ("reported", None),
        ReportState::Refused(why) => ("parked", Some(why)),
    };
    json!({
        "shipment": shipment.id,
        "from": shipment.from,
        "lines": lines.collect::<Vec<_>>(),
        "tracking": shipment.tracking.as_ref().map(|tracking| &tracking.number),
        "company": shipment.tracking.as_ref().and_then(|tracking| tracking.company.as_ref()),
        "tracking_to_be_told": shipment.owes_tracking(),
        "fulfillment": shipment.fulfillment(),
        "state": state,
        "why": why,
        "at": shipment.at.to_string(),
    })
}

fn line(ledger: &Ledger, channel: &Channel, line: &Line) -> Value {
    let routes = line.routes.as_ref().map(|routes| {
        let route = |(place, units): &(_, _)| json!([channel.place_id(*place), units]);
        routes.iter().map(route).collect::<Vec<_>>()
    });
    let backordered = line
        .parts
        .iter()
        .flatten()
        .map(|part| u64::from(line.backordered(part.sku).0));
    let listing = line.listing.as_ref();
    let listing = listing.and_then(|listing| channel.listings.get(listing.as_str()));
    let parts = line.parts.iter().flatten();
    let parts: Vec<_> = parts.map(|part| ledger.sku_id(part.sku)).collect();
    json!({
        "line": line.id,
        "listing": line.listing,
        "sku": listing.map(|listing| &listing.sku),
        "parts": parts,
        "unmapped": line.is_parked(),
        "ordered": line.ordered,
        "open": line.open,
        "fulfilled": line.fulfilled,
        "shipped_by_us": line.shipped,
        "acknowledged": line.acknowledged,
        "restocked": line.restocked(),
        "received": line.received(),
        "awaiting_receipt": line.awaited(),
        "on_hold": line.on_hold,
        "committed": line.committed(),
        "backordered_units": backordered.sum::<u64>(),
        "routes": routes,
        "price": line.price,
        "entry": line.seq,
    })
}
