//! What came back and waits for a person to receive it.

use serde_json::{Value, json};

use super::views::{Cut, Page, stands_for};
use crate::ledger::{BackAt, Channel, Ledger, Line};

/// A row for each line; a page has so many orders at most.
pub(super) fn returns(ledger: &Ledger, channel: &Channel, cut: Cut) -> Page {
    let mut waiting = channel.awaiting.range(cut.from..).copied();
    let orders: Vec<u32> = waiting.by_ref().take(cut.most).collect();
    let rows = orders.into_iter().flat_map(|order| {
        let lines = channel.orders.at(order).lines.iter();
        let lines = lines.filter(|line| !line.awaited().is_zero());
        lines.map(move |line| row(ledger, channel, order, line))
    });
    Page {
        rows: rows.collect(),
        next: waiting.next(),
    }
}

fn row(ledger: &Ledger, channel: &Channel, order: u32, line: &Line) -> Value {
    let listing = line.listing.as_ref();
    let listing = listing.and_then(|listing| channel.listings.find(listing.as_str()));
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
        "sku": listing.and_then(|listing| stands_for(ledger, channel, listing)),
        "unmapped": line.is_parked(),
        "awaiting_receipt": line.awaited(),
        "told": told.collect::<Vec<_>>(),
        "entry": line.seq,
    })
}
