//! Lists: each page ends with the number from which the next goes on.

use std::collections::BTreeMap;

use channelsync_contract::{Sku, Timestamp, Units};
use serde_json::{Value, json};

use crate::ats::{number, would_change};
use crate::catalog::{Mapping, Parts, SkuIx};
use crate::ledger::{
    Channel, Frozen, Ledger, Line, LocIx, ParkedRow, PlaceIx, ReportState, Scope, SetAsideBeyond,
    SlotState,
};

/// A page of rows and where the next begins.
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    pub(super) next: Option<u32>,
}

impl Page {
    pub(super) fn json(self) -> Value {
        json!({ "rows": self.rows, "next": self.next })
    }
}

/// What part of a list is wanted.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) from: u32,
    pub(super) most: usize,
}

impl Cut {
    pub(super) fn page(self, end: u32, row: impl Fn(u32) -> Option<Value>) -> Page {
        let mut rows = Vec::new();
        let mut at = self.from;
        // Rows that are filtered out cost time too: a page looks at ten times its size at most.
        let looked_max = u32::try_from(self.most.saturating_mul(10)).unwrap_or(u32::MAX);
        let last = end.min(self.from.saturating_add(looked_max));
        while at < last && rows.len() < self.most {
            rows.extend(row(at));
            at += 1;
        }
        Page {
            rows,
            next: (at < end).then_some(at),
        }
    }
}

pub(super) fn stock(ledger: &Ledger, cut: Cut, sku: Option<&str>) -> Page {
    let incoming = ledger.incoming();
    let row = |at: u32| {
        let id = ledger.skus.key(at);
        // A row without a name went into another SKU.
        let wanted = sku.is_none_or(|sku| id.as_str() == sku) && !id.as_str().is_empty();
        wanted.then(|| stock_row(ledger, SkuIx(at), &incoming))
    };
    // Under a former name, what it is called now.
    let named = |sku| {
        ledger
            .sku_ix(sku)
            .or_else(|| ledger.renamed(&Sku::new(sku)))
    };
    if let Some(known) = sku.and_then(named) {
        return Page {
            rows: vec![stock_row(ledger, known, &incoming)],
            next: None,
        };
    }
    cut.page(if sku.is_some() { 0 } else { ledger.skus.len() }, row)
}

type Incoming = BTreeMap<(SkuIx, LocIx), Units>;

fn stock_row(ledger: &Ledger, sku: SkuIx, incoming: &Incoming) -> Value {
    let here = incoming.range((sku, LocIx(0))..=(sku, LocIx(u16::MAX)));
    let expected = here.map(|((_, location), units)| {
        json!({ "location": ledger.location_id(*location), "units": units })
    });
    let stocks = ledger.sku(sku).stocks.iter().map(|stock| {
        let balance = stock.balance;
        json!({
            "location": ledger.location_id(stock.location),
            "available": balance.available,
            "committed": balance.committed,
            "unavailable": balance.unavailable,
            "in_transit": balance.in_transit,
            "on_hand": balance.on_hand(),
            "counted": stock.counted.is_some(),
            "counted_at": stock.counted.map(|at| at.to_string()),
            "entry": stock.seq,
            "master": master_of(ledger, stock.location),
        })
    });
    let outside = ledger.sku(sku).outside;
    json!({
        "sku": ledger.sku_id(sku),
        "former": ledger.names_of(sku).skip(1).collect::<Vec<_>>(),
        "counted": ledger.is_counted(sku),
        "backordered": ledger.backordered(sku),
        "incoming": expected.collect::<Vec<_>>(),
        "received": outside.supplier.saturating_neg(),
        "at_customers": outside.customer,
        "adjusted": outside.adjustment.saturating_neg(),
        "locations": stocks.collect::<Vec<_>>(),
    })
}

/// Who says how much lies at a location.
fn master_of(ledger: &Ledger, location: LocIx) -> String {
    let other = ledger.master(location).map(ToString::to_string);
    other.unwrap_or_else(|| "ledger".to_owned())
}

pub(super) fn parts(ledger: &Ledger, parts: &Parts) -> Vec<Value> {
    let part = |part: &crate::catalog::Part| json!([ledger.sku_id(part.sku), part.per]);
    parts.iter().map(part).collect()
}

/// What a listing stands for, in words: `MUG-RED`, or `12 × MUG-RED + BOX`; none while that is nothing.
pub(super) fn stands_for(ledger: &Ledger, channel: &Channel, listing: u32) -> Option<String> {
    let parts = channel.listings.at(listing).mapping.parts()?.iter();
    let words = parts.map(|part| match part.per {
        1 => ledger.sku_id(part.sku).to_string(),
        per => format!("{per} × {}", ledger.sku_id(part.sku)),
    });
    Some(words.collect::<Vec<_>>().join(" + "))
}

pub(super) fn listings(ledger: &Ledger, channel: &Channel, cut: Cut, unmapped: bool) -> Page {
    cut.page(channel.listings.len(), |at| {
        let listing = channel.listings.at(at);
        if unmapped && listing.mapping.parts().is_some() {
            return None;
        }
        let (mapped_by, why) = match &listing.mapping {
            Mapping::Unmapped(why) => (None, Some(why)),
            Mapping::Automatic(_) => (Some("sku"), None),
            Mapping::Barcode(_) => (Some("barcode"), None),
            Mapping::Manual(_) => (Some("person"), None),
        };
        Some(json!({
            "channel": channel.id,
            "listing": channel.listings.key(at),
            "item": channel.items.key(listing.item),
            "sku_on_channel": listing.sku,
            "barcode": listing.gtin.map(|gtin| gtin.to_string()),
            "mapped_by": mapped_by,
            "parts": listing.mapping.parts().map(|found| parts(ledger, found)),
            "unmapped": why,
            "relabelled": ledger.is_relabelled(listing),
            "unpushable": listing.flags.unpushable,
            "sells_without_limit": listing.flags.sells_without_limit,
            "gone": listing.flags.gone,
            "entry": listing.mapped_seq,
        }))
    })
}

/// Locations and channels, and of a channel that ended what is still left of it.
pub(super) fn names(ledger: &Ledger) -> Value {
    let channels = ledger.channels.iter().map(|channel| {
        let left = channel.retired.map(|_| {
            let orders = channel.open_orders().count();
            json!({ "open_orders": orders, "stocked_slots": channel.stocked_slots() })
        });
        json!({ "channel": channel.id, "left": left })
    });
    json!({ "locations": ledger.setup.locations, "channels": channels.collect::<Vec<_>>() })
}

pub(super) fn orders(ledger: &Ledger, channel: &Channel, cut: Cut, open: bool) -> Page {
    cut.page(channel.orders.len(), |at| {
        let order = channel.orders.at(at);
        if open && !order.is_open() {
            return None;
        }
        Some(super::order::order(ledger, channel, at))
    })
}

/// Lines that can leave now, with where and by when; one row for each location.
pub(super) fn to_ship(ledger: &Ledger, channel: &Channel, cut: Cut) -> Page {
    let page = cut.page(channel.orders.len(), |at| {
        let order = channel.orders.at(at);
        let rows: Vec<Value> = order
            .lines
            .iter()
            .flat_map(|line| to_ship_of(ledger, channel, at, line))
            .collect();
        (!rows.is_empty()).then_some(Value::Array(rows))
    });
    let rows = page.rows.into_iter().flat_map(|rows| match rows {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    });
    Page {
        rows: rows.collect(),
        next: page.next,
    }
}

fn to_ship_of(ledger: &Ledger, channel: &Channel, at: u32, line: &Line) -> Vec<Value> {
    let order = channel.orders.at(at);
    let mut left = order.to_ship(line);
    let known = line.listing.as_ref();
    let known = known.and_then(|listing| channel.listings.get(listing.as_str()));
    let mut rows = Vec::new();
    // The listing units of a kit lie where its first part does.
    let Some(part) = line.parts.iter().flatten().next() else {
        return rows;
    };
    for held in line.held.iter().filter(|held| held.sku == part.sku) {
        let units = left.min(Units(held.units.0.checked_div(part.per).unwrap_or(0)));
        left = left.minus(units);
        if !units.is_zero() {
            rows.push(json!({
                "ship_by": order.ship_by.map(|by| by.to_string()),
                "acknowledge_by": order.acknowledge_by.map(|by| by.to_string()),
                "placed_at": order.placed_at.to_string(),
                "channel": channel.id,
                "order": channel.orders.key(at),
                "name": order.name,
                "line": line.id,
                "listing": line.listing,
                "sku": known.map(|known| &known.sku),
                "location": ledger.location_id(held.location),
                "units": units,
            }));
        }
    }
    rows
}

pub(super) fn slots(ledger: &Ledger, number_of_channel: u16, cut: Cut) -> Page {
    let channel = ledger.channel(number_of_channel);
    cut.page(channel.items.len(), |item| {
        let found = number(ledger, number_of_channel, item);
        let why = found.as_ref().err().map(ToString::to_string);
        let numbers = found.map(|found| found.slots).unwrap_or_default();
        let known = channel.items.at(item);
        let slots = channel.places_served().map(|(location, place)| {
            let state = known.slot(place);
            let wanted = numbers.iter().find(|number| number.place == place);
            let changed = state.map(|state| state.changed_at);
            let changed = changed.filter(|at| *at != Timestamp::default());
            let sent = state.and_then(|state| sent(ledger, channel, (item, place), &state.state));
            let confirmed = state.and_then(|state| state.confirmed);
            let shown = state.and_then(|state| state.shown);
            json!({
                "location": ledger.location_id(location),
                "channel_location": place.map(|place| channel.place_id(place)),
                "number": wanted.map(|number| number.low),
                "number_if_unrouted_here": wanted.map(|number| number.high),
                "sellable": wanted.map(|number| number.part),
                "own": wanted.map_or(Units::ZERO, |number| number.own),
                "expected": state.and_then(|state| state.expected),
                "sent": sent.map(|(units, _)| units),
                "sent_at": sent.map(|(_, at)| at.to_string()),
                "confirmed": confirmed.map(|confirmed| confirmed.quantity),
                "confirmed_at": confirmed.map(|confirmed| confirmed.at.to_string()),
                "shown": shown.map(|shown| shown.written),
                "shown_at": shown.map(|shown| shown.began.to_string()),
                "state": state.map(|state| slot_state(&state.state)),
                "changed_at": changed.map(|at| at.to_string()),
                "to_read": state.is_some_and(crate::ledger::PushState::to_be_read),
            })
        });
        Some(json!({
            "channel": channel.id,
            "item": channel.items.key(item),
            "listings": known.listings.iter().map(|at| channel.listings.key(*at)).collect::<Vec<_>>(),
            "no_number": why,
            "slots": slots.collect::<Vec<_>>(),
        }))
    })
}

/// What a call under way, or in doubt, writes to a slot, and when it was sent.
fn sent(
    ledger: &Ledger,
    channel: &Channel,
    (item, place): (u32, Option<PlaceIx>),
    state: &SlotState,
) -> Option<(Units, Timestamp)> {
    let (SlotState::InFlight(call) | SlotState::InDoubt(call)) = state else {
        return None;
    };
    let call = ledger.calls.get(call)?;
    let key = channel.slot_key(item, place);
    let row = call.rows.iter().find(|row| row.slot == key)?;
    Some((row.quantity, call.at))
}

fn slot_state(state: &SlotState) -> String {
    match state {
        SlotState::Free => "free".to_owned(),
        SlotState::InFlight(call) => format!("in flight, call {call}"),
        SlotState::InDoubt(call) => format!("in doubt, call {call}"),
        SlotState::Parked(why) => format!("parked: {why}"),
        SlotState::Absent => "not stocked on the channel".to_owned(),
    }
}

/// Everything that waits for a person: bytes, unmapped orders, slots.
pub(super) fn parked(ledger: &Ledger, merchant: &str, most: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for ParkedRow { bytes, at } in ledger.parked.values().take(most) {
        rows.push(json!({
            "kind": "bytes", "id": bytes.id, "channel": bytes.channel, "what": bytes.what,
            "why": bytes.why, "length": bytes.length, "sha256": bytes.sha256,
            "since": at.to_string(),
            "release": format!("channelsync parked --merchant {merchant} release {}", bytes.id),
        }));
    }
    for channel in &ledger.channels {
        for (listing, orders) in channel.parked.iter().take(most) {
            let known = channel.listings.get(listing.as_str());
            let why = match known.map(|known| &known.mapping) {
                Some(Mapping::Unmapped(why)) => why.clone(),
                Some(_) | None => "the channel has not listed it".to_owned(),
            };
            rows.push(json!({
                "kind": "unmapped", "channel": channel.id, "listing": listing,
                "orders": orders.len(), "why": why,
                "release": format!(
                    "channelsync map --merchant {merchant} set {} {listing} SKU", channel.id
                ),
            }));
        }
        rows.extend(too_old(ledger, channel, merchant).take(most));
        for number in channel.refused_reports.iter().take(most) {
            let order = channel.orders.key(*number);
            for shipment in &channel.orders.at(*number).shipments {
                let ReportState::Refused(why) = &shipment.state else {
                    continue;
                };
                let id = &shipment.id;
                rows.push(json!({
                    "kind": "shipment", "channel": channel.id, "order": order, "shipment": id,
                    "why": why,
                    "release": format!(
                        "channelsync orders --merchant {merchant} report {order} --channel {} \
                         --shipment {id}",
                        channel.id
                    ),
                }));
            }
        }
        for (number, item, row) in channel.items.iter() {
            for (place, state) in &row.slots {
                if let SlotState::Parked(why) = &state.state {
                    let slot = channel.slot_key(number, *place);
                    rows.push(json!({
                        "kind": "slot", "channel": channel.id, "item": item,
                        "slot": slot.to_string(), "why": why,
                        "release": format!(
                            "channelsync parked --merchant {merchant} release {}/{slot}", channel.id
                        ),
                    }));
                }
            }
            if rows.len() >= most {
                break;
            }
        }
    }
    rows.truncate(most);
    rows
}

/// Orders that are too old to be booked and that nobody dealt with.
fn too_old<'a>(
    ledger: &'a Ledger,
    channel: &'a Channel,
    merchant: &'a str,
) -> impl Iterator<Item = Value> + 'a {
    let waiting = channel.too_old.iter().filter(|(_, row)| !row.dismissed);
    waiting.map(move |(order, row)| {
        json!({
            "kind": "order", "channel": channel.id, "order": order,
            "why": format!(
                "placed {}, is not known; orders from before {} have left the book",
                row.placed_at, ledger.forgot_before
            ),
            "release": format!(
                "channelsync orders --merchant {merchant} dismiss {} {order}", channel.id
            ),
        })
    })
}

/// SKUs of which more is set aside than is there; as many at most as the files have rules.
pub(super) fn set_asides(ledger: &Ledger) -> Vec<Value> {
    let row = |(sku, beyond): (Sku, SetAsideBeyond)| {
        json!({
            "sku": sku, "set_aside": beyond.set_aside, "available": beyond.available,
            "channels": beyond.channels,
        })
    };
    ledger.set_aside_beyond().into_iter().map(row).collect()
}

/// What is held back of a channel, and what it would show if it went on.
pub(super) fn held(ledger: &Ledger, number_of_channel: u16, cut: Cut) -> Page {
    let channel = ledger.channel(number_of_channel);
    cut.page(channel.items.len(), |item| {
        let left = would_change(ledger, number_of_channel, item)?;
        let listing = channel.items.at(item).listings.first()?;
        Some(json!({
            "channel": channel.id,
            "listing": channel.listings.key(*listing),
            "sku": stands_for(ledger, channel, *listing),
            "shows_at_most": left.allowed,
            "would_show": left.then,
            "by_much": left.swings(),
        }))
    })
}

pub(super) fn frozen(ledger: &Ledger, merchant: &str, cut: Cut) -> Page {
    let from = usize::try_from(cut.from).unwrap_or(usize::MAX);
    let here = ledger.frozen.iter().skip(from).take(cut.most);
    let rows: Vec<Value> = here
        .map(|(scope, row)| freeze(merchant, scope, row))
        .collect();
    let next = from.saturating_add(rows.len());
    Page {
        rows,
        next: (next < ledger.frozen.len()).then(|| u32::try_from(next).unwrap_or(u32::MAX)),
    }
}

/// A freeze with its reason and the command that undoes it.
pub(super) fn freeze(merchant: &str, scope: &Scope, frozen: &Frozen) -> Value {
    let what = match scope {
        Scope::All => "--all".to_owned(),
        Scope::Channel(channel) => format!("--channel {channel}"),
        Scope::Sku(sku) => sku.to_string(),
    };
    json!({
        "scope": scope, "what": scope.to_string(), "reason": frozen.reason, "entry": frozen.seq,
        "since": frozen.at.to_string(),
        "undo": format!("channelsync unfreeze --merchant {merchant} {what}"),
    })
}
