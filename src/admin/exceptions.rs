//! What happened that a person should look at, and what ends it.

use channelsync_contract::Sku;
use serde_json::{Value, json};

use crate::catalog::SkuIx;
use crate::ledger::{Exception, Ledger};

/// The newest first; as many at most as the book keeps.
pub(super) fn exceptions(ledger: &Ledger, merchant: &str) -> Vec<Value> {
    let row = |(entry, exception): &(u64, Exception)| {
        json!({
            "entry": entry, "what": exception, "open": is_open(ledger, exception),
            "do": remedy(exception, merchant),
            "seen": format!("channelsync parked --merchant {merchant} seen {entry}"),
        })
    };
    ledger.exceptions.iter().rev().map(row).collect()
}

/// Whether it still waits for somebody: as the book shows, or, where it cannot, until it was looked at.
fn is_open(ledger: &Ledger, exception: &Exception) -> bool {
    match exception {
        Exception::Withheld { sku, location, .. } | Exception::ToInspect { sku, location, .. } => {
            let at = known(ledger, sku).zip(ledger.location(location.as_str()));
            at.is_some_and(|(sku, at)| !ledger.balance(sku, at).unavailable.is_zero())
        }
        Exception::Displaced { sku, .. } => {
            known(ledger, sku).is_some_and(|sku| !ledger.backordered(sku).is_zero())
        }
        Exception::Recount { sku } => known(ledger, sku).is_some_and(|sku| !ledger.is_counted(sku)),
        Exception::BackElsewhere { order, line, .. } => ledger.channels.iter().any(|channel| {
            let order = channel.orders.get(order.as_str());
            let mut lines = order.into_iter().flat_map(|order| &order.lines);
            lines.any(|known| known.id == *line && !known.awaited().is_zero())
        }),
        Exception::Short { .. }
        | Exception::RestockExcess { .. }
        | Exception::LateDiscovery { .. }
        | Exception::Unordered { .. }
        | Exception::TrackingRefused { .. } => true,
    }
}

/// A SKU by the name that it has or had.
fn known(ledger: &Ledger, sku: &Sku) -> Option<SkuIx> {
    ledger.sku_ix(sku.as_str()).or_else(|| ledger.renamed(sku))
}

/// The command that mends it; none where it is only to be known.
fn remedy(exception: &Exception, merchant: &str) -> Option<String> {
    let stock = format!("channelsync stock --merchant {merchant}");
    Some(match exception {
        Exception::Withheld {
            sku,
            location,
            units,
            ..
        }
        | Exception::ToInspect {
            sku,
            location,
            units,
            ..
        } => format!("{stock} free {sku} {units} --at {location}, or write-off"),
        Exception::Displaced { sku, location, .. } => {
            format!(
                "{stock} receive {sku} UNITS --at {location}, or cancel orders that wait for it"
            )
        }
        Exception::Short { sku, location, .. } => {
            format!("{stock} count {sku} UNITS --at {location}")
        }
        Exception::Recount { sku } => format!("{stock} count {sku} UNITS --at LOCATION"),
        Exception::BackElsewhere { order, line, units } => {
            format!("{stock} returns receive {order} --line {line}={units} --at LOCATION")
        }
        Exception::TrackingRefused {
            order, shipment, ..
        } => format!(
            "channelsync orders --merchant {merchant} tracking {order} --shipment {shipment} --number N"
        ),
        Exception::RestockExcess { .. }
        | Exception::LateDiscovery { .. }
        | Exception::Unordered { .. } => return None,
    })
}
