//! What must be true of the ledger after every entry.

use std::collections::{BTreeMap, BTreeSet};

use super::super::order::{Line, Order, OrderRef};
use super::super::push::SlotState;
use super::super::state::Ledger;
use super::super::verify::verify;
use crate::catalog::SkuIx;

/// Panics unless both ledgers are the same to the last byte.
pub(super) fn equal(one: &Ledger, other: &Ledger) {
    if postcard::to_stdvec(one).unwrap() != postcard::to_stdvec(other).unwrap() {
        let text = |ledger| serde_json::to_string_pretty(ledger).unwrap();
        assert_eq!(text(one), text(other), "two ledgers of one history differ");
    }
}

/// Panics at the first thing that does not hold.
pub(super) fn check(ledger: &Ledger) {
    assert_eq!(verify(ledger), [], "verify");
    let mut open: BTreeMap<SkuIx, BTreeSet<OrderRef>> = BTreeMap::new();
    for (number, channel) in (0_u16..).zip(&ledger.channels) {
        let mut parked = BTreeMap::new();
        let mut awaiting = BTreeSet::new();
        for (order_number, id, order) in channel.orders.iter() {
            let at = OrderRef {
                channel: number,
                order: order_number,
            };
            let unsettled = order.shipments.iter().any(|parcel| !parcel.is_settled());
            let listed = channel.reports.contains(&order_number);
            assert_eq!(listed, unsettled, "order {id}: index of reports");
            let refused = order.shipments.iter().any(|parcel| parcel.is_refused());
            let listed = channel.refused_reports.contains(&order_number);
            assert_eq!(listed, refused, "order {id}: index of refused reports");
            for line in &order.lines {
                check_parcels(order, line, id.as_str());
                check_line(line, &format!("order {id} line {}", line.id));
                if !line.awaited().is_zero() {
                    awaiting.insert(order_number);
                }
                nobody_waits_beside_stock(ledger, number, line, id.as_str());
                for part in line.parts.iter().flatten().filter(|_| line.is_open()) {
                    open.entry(part.sku).or_default().insert(at);
                }
                if let Some(listing) = line.listing.clone().filter(|_| line.is_parked()) {
                    let orders: &mut BTreeSet<u32> = parked.entry(listing).or_default();
                    orders.insert(order_number);
                }
            }
        }
        assert_eq!(channel.parked, parked, "index of parked orders");
        assert_eq!(channel.awaiting, awaiting, "index of awaited returns");
    }
    for (number, sku, row) in ledger.skus.iter() {
        let known: BTreeSet<OrderRef> = row.open.iter().copied().collect();
        assert_eq!(known.len(), row.open.len(), "{sku}: an open order twice");
        let found = open.remove(&SkuIx(number)).unwrap_or_default();
        assert_eq!(known, found, "{sku}: index of open orders");
    }
    check_calls(ledger);
}

/// What a line says of our parcels is what they hold of it.
fn check_parcels(order: &Order, line: &Line, id: &str) {
    let packed = order.shipments.iter().flat_map(|parcel| &parcel.lines);
    let mine = packed.filter(|packed| packed.line == line.id);
    let sums = mine.fold((0, 0), |(units, acknowledged), packed| {
        (units + packed.units.0, acknowledged + packed.acknowledged.0)
    });
    let known = (line.shipped.0, line.acknowledged.0);
    assert_eq!(sums, known, "order {id} line {}: parcels", line.id);
}

fn check_line(line: &Line, name: &str) {
    assert!(line.acknowledged <= line.shipped, "{name}: acknowledged");
    let others = line.fulfilled.checked_minus(line.acknowledged);
    let others = others.unwrap_or_else(|| panic!("{name}: more ours than fulfilled"));
    assert!(
        line.history <= others,
        "{name}: more history than fulfilled"
    );
    for back in line.told() {
        let apart = back.history.0 + back.awaited.0;
        assert!(
            apart <= back.units.0,
            "{name}: more set apart than came back"
        );
    }
    assert!(
        line.came_back() <= line.gone(),
        "{name}: more back than left"
    );
    let parts = line.parts.iter().flatten();
    let skus: BTreeSet<SkuIx> = parts.clone().map(|part| part.sku).collect();
    for part in parts {
        let (held, needed) = (line.held_of(part.sku), line.needed(part));
        assert!(held <= needed, "{name}: holds {held}, needs {needed}");
    }
    for held in &line.held {
        assert!(skus.contains(&held.sku), "{name}: holds a stranger");
        assert!(!held.units.is_zero(), "{name}: holds nothing somewhere");
    }
}

/// No backorder beside available units at a location that serves its channel.
fn nobody_waits_beside_stock(ledger: &Ledger, channel: u16, line: &Line, order: &str) {
    for part in line.parts.iter().flatten() {
        let owed = line.backordered(part.sku);
        if owed.is_zero() {
            continue;
        }
        for (location, _) in ledger.channel(channel).places_served() {
            let there = ledger.balance(part.sku, location).available;
            let place = ledger.location_id(location);
            assert!(
                there.is_zero(),
                "order {order} waits for {owed} of {}, {there} are available at {place}",
                ledger.sku_id(part.sku)
            );
        }
    }
}

fn check_calls(ledger: &Ledger) {
    for channel in &ledger.channels {
        for (_, item, row) in channel.items.iter() {
            for (_, slot) in &row.slots {
                let call = match &slot.state {
                    SlotState::InFlight(call) => (call, false),
                    SlotState::InDoubt(call) => (call, true),
                    SlotState::Free | SlotState::Parked(_) | SlotState::Absent => continue,
                };
                let under_way = ledger.calls.get(call.0);
                let under_way = under_way.unwrap_or_else(|| panic!("{item}: call is forgotten"));
                assert_eq!(under_way.in_doubt, call.1, "{item}: doubt");
                let mine = under_way.rows.iter().any(|row| row.slot.item == *item);
                assert!(mine, "{item}: waits for a call that does not write it");
            }
        }
    }
}
