//! What came back and waits for a person to receive it.

use serde_json::{Value, json};

use super::views::{Cut, Page};
use crate::ledger::{BackAt, Channel, Line};

/// A row for each line; a page has so many orders at most.
pub(super) fn returns(channel: &Channel, cut: Cut) -> Page {
    let mut waiting = channel.awaiting.range(cut.from..).copied();
    let orders: Vec<u32> = waiting.by_ref().take(cut.most).collect();
    let rows = orders.into_iter().flat_map(|order| {
        let lines = channel.orders.at(order).lines.iter();
        let lines = lines.filter(|line| !line.awaited().is_zero());
        lines.map(move |line| row(channel, order, line))
    });
    Page {
        rows: rows.collect(),
        next: waiting.next(),
    }
}

fn row(channel: &Channel, order: u32, line: &Line) -> Value {
    let told = line.told().iter().filter(|back| !back.awaited.is_zero());
    let told = told.map(|back| {
        let place = match back.at {
            BackAt::Place(place) => Some(channel.place_id(place)),
            BackAt::Unsaid | BackAt::Elsewhere => None,
        };
        json!({ "channel_location": place, "to_inspect": back.inspect, "units": back.awaited })
    });
    json!({
        "channel": channel.id,
        "order": channel.orders.key(order),
        "name": channel.orders.at(order).name,
        "line": line.id,
        "listing": line.listing,
        "unmapped": line.is_parked(),
        "awaiting_receipt": line.awaited(),
        "told": told.collect::<Vec<_>>(),
        "entry": line.seq,
    })
}
