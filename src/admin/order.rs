//! One order as people look at it.

use serde_json::{Value, json};

use crate::ledger::{Channel, Line};

/// An order with its lines.
pub(super) fn order(channel: &Channel, number: u32) -> Value {
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
        "lines": order.lines.iter().map(|known| line(channel, known)).collect::<Vec<_>>(),
        "entry": order.seq,
    })
}

fn line(channel: &Channel, line: &Line) -> Value {
    let routes = line.routes.as_ref().map(|routes| {
        let route = |(place, units): &(_, _)| json!([channel.place_id(*place), units]);
        routes.iter().map(route).collect::<Vec<_>>()
    });
    let backordered = line
        .parts
        .iter()
        .flatten()
        .map(|part| line.backordered(part.sku).0);
    json!({
        "line": line.id,
        "listing": line.listing,
        "unmapped": line.is_parked(),
        "ordered": line.ordered,
        "open": line.open,
        "fulfilled": line.fulfilled,
        "shipped_by_us": line.shipped,
        "acknowledged": line.acknowledged,
        "restocked": line.restocked,
        "committed": line.committed(),
        "backordered_units": backordered.sum::<u32>(),
        "routes": routes,
        "price": line.price,
        "entry": line.seq,
    })
}
