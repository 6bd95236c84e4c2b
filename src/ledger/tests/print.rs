//! A ledger as text, for snapshots.

use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::entry::Exception;
use super::super::order::Line;
use super::super::push::{PushState, SlotState};
use super::super::state::Ledger;

/// Balances, order lines, wanted orders and slots; zeros are left out.
pub(super) fn ledger(ledger: &Ledger) -> Vec<String> {
    let mut out = stock(ledger);
    out.extend(orders(ledger));
    for channel in &ledger.channels {
        out.extend(wanted(ledger, channel));
        out.extend(channel.too_old.iter().map(|(id, row)| {
            let done = if row.dismissed { ", dealt with" } else { "" };
            format!("{id}  too old{done}")
        }));
        out.extend(slots(channel));
    }
    out
}

pub(super) fn stock(ledger: &Ledger) -> Vec<String> {
    let mut out = Vec::new();
    for (_, sku, row) in ledger.skus.iter() {
        for stock in &row.stocks {
            let mut text = format!("{sku}  {}", ledger.location_id(stock.location));
            let balance = stock.balance;
            some(&mut text, "available", balance.available);
            some(&mut text, "committed", balance.committed);
            some(&mut text, "unavailable", balance.unavailable);
            if balance.on_hand().is_zero() {
                text.push_str("  empty");
            }
            some(&mut text, "in transit", balance.in_transit);
            out.push(text);
        }
    }
    out
}

pub(super) fn orders(ledger: &Ledger) -> Vec<String> {
    let mut out = Vec::new();
    for channel in &ledger.channels {
        for (_, id, order) in channel.orders.iter() {
            let header = if order.test {
                Some("test")
            } else if order.cancelled {
                Some("cancelled")
            } else {
                None
            };
            out.extend(header.map(|what| format!("{id}  {what}")));
            out.extend(order.lines.iter().map(|row| line(ledger, id.as_str(), row)));
        }
    }
    out
}

fn line(ledger: &Ledger, order: &str, line: &Line) -> String {
    let mut text = format!("{order} {}", line.id);
    some(&mut text, "open", line.open);
    for held in &line.held {
        let location = ledger.location_id(held.location);
        let sku = ledger.sku_id(held.sku);
        let own = line.parts.iter().flatten().count() == 1;
        let sku = if own {
            String::new()
        } else {
            format!("{sku} ")
        };
        text.push_str(&format!("  held {sku}{location} {}", held.units));
    }
    for part in line.parts.iter().flatten() {
        let sku = ledger.sku_id(part.sku);
        some(
            &mut text,
            &format!("owed {sku}"),
            line.backordered(part.sku),
        );
    }
    some(&mut text, "fulfilled", line.fulfilled);
    some(&mut text, "history", line.history);
    some(&mut text, "shipped", line.shipped);
    some(&mut text, "acknowledged", line.acknowledged);
    some(&mut text, "restocked", line.restocked());
    let inspected = line.told().iter().filter(|back| back.inspect);
    some(
        &mut text,
        "to inspect",
        inspected.map(|back| back.units).sum(),
    );
    some(&mut text, "received", line.received());
    some(&mut text, "awaited", line.awaited());
    if line.is_parked() {
        text.push_str("  parked");
    }
    text
}

fn wanted(ledger: &Ledger, channel: &Channel) -> Vec<String> {
    let wanted = channel.wanted.iter();
    wanted
        .map(|(order, wanted)| {
            let secs = (wanted.since.0 - ledger.at.0) / 1_000_000;
            format!("wanted {order} {secs:+} s")
        })
        .collect()
}

pub(super) fn slots(channel: &Channel) -> Vec<String> {
    let mut out = Vec::new();
    for (item, _, row) in channel.items.iter() {
        for (place, slot) in &row.slots {
            if *slot != PushState::default() {
                let key = channel.slot_key(item, *place);
                out.push(format!("slot {key}  {}", slot_text(slot)));
            }
        }
    }
    out
}

fn slot_text(slot: &PushState) -> String {
    let mut text = match &slot.state {
        SlotState::Free => "free".to_owned(),
        SlotState::InFlight(_) => "in flight".to_owned(),
        SlotState::InDoubt(_) => "in doubt".to_owned(),
        SlotState::Parked(why) => format!("parked: {why}"),
        SlotState::Absent => "absent".to_owned(),
    };
    if let Some(expected) = slot.expected {
        text.push_str(&format!("  expected {expected}"));
    }
    if let Some(confirmed) = slot.confirmed {
        text.push_str(&format!("  confirmed {}", confirmed.quantity));
    }
    if slot.reread {
        text.push_str("  to be read");
    }
    if let Some(recheck) = slot.recheck {
        text.push_str(&format!("  recheck {:+}", recheck.difference));
    }
    if slot.corrections > 0 {
        text.push_str(&format!("  corrections {}", slot.corrections));
    }
    text
}

fn some(text: &mut String, what: &str, units: Units) {
    if !units.is_zero() {
        text.push_str(&format!("  {what} {units}"));
    }
}

pub(super) fn exception(exception: &Exception) -> String {
    match exception {
        Exception::Short {
            sku,
            location,
            units,
        } => format!("{units} {sku} missing at {location}"),
        Exception::Displaced {
            sku,
            location,
            units,
        } => format!("{units} {sku} at {location} taken from orders"),
        Exception::Withheld {
            order,
            sku,
            location,
            units,
        } => format!("order {order}: {units} {sku} withheld at {location}"),
        Exception::ToInspect {
            order,
            sku,
            location,
            units,
        } => format!("order {order}: {units} {sku} to be inspected at {location}"),
        Exception::BackElsewhere { order, line, units } => {
            format!("order {order} line {line}: {units} came back elsewhere")
        }
        Exception::RestockExcess { order, line, units } => {
            format!("order {order} line {line}: {units} more put back than shipped")
        }
        Exception::Unordered {
            purchase,
            sku,
            units,
        } => format!("{units} {sku} beyond purchase order {purchase}"),
        Exception::Recount { sku } => format!("{sku} is to be counted again"),
        Exception::LateDiscovery { order, by } => format!("order {order} found late by {by:?}"),
        Exception::TrackingRefused {
            order,
            shipment,
            why,
        } => {
            format!("order {order} parcel {shipment}: number refused: {why}")
        }
    }
}
