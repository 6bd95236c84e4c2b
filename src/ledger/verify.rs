//! What must always be true of the ledger, recomputed from its parts.

use std::collections::BTreeMap;

use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// Something that must be true and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sku}: {what}")]
pub struct Broken {
    /// Which SKU.
    pub sku: String,
    /// What is wrong with it.
    pub what: String,
}

/// Recomputes commitments from order lines and sums every SKU over all places.
///
/// Out: everything that does not hold, empty when all is well.
pub fn verify(ledger: &Ledger) -> Vec<Broken> {
    let mut committed: BTreeMap<(SkuIx, LocIx), i64> = BTreeMap::new();
    let lines = ledger
        .channels
        .iter()
        .flat_map(|channel| channel.orders.iter());
    for held in lines
        .flat_map(|(_, _, order)| &order.lines)
        .flat_map(|line| &line.held)
    {
        let sum = committed.entry((held.sku, held.location)).or_default();
        *sum = sum.saturating_add(held.units.signed());
    }
    let mut broken = Vec::new();
    for (number, sku, row) in ledger.skus.iter() {
        let mut sum = row.outside.supplier;
        sum = sum
            .saturating_add(row.outside.customer)
            .saturating_add(row.outside.adjustment);
        for stock in &row.stocks {
            let balance = stock.balance;
            sum = sum.saturating_add(balance.on_hand().signed());
            sum = sum.saturating_add(balance.in_transit.signed());
            let lines = committed
                .remove(&(SkuIx(number), stock.location))
                .unwrap_or(0);
            if lines != balance.committed.signed() {
                let location = ledger.location_id(stock.location);
                broken.push(Broken {
                    sku: sku.to_string(),
                    what: format!(
                        "{} committed at {location}, its order lines hold {lines}",
                        balance.committed
                    ),
                });
            }
        }
        if sum != 0 {
            let what = format!("units over all places sum to {sum}, not zero");
            broken.push(Broken {
                sku: sku.to_string(),
                what,
            });
        }
    }
    for ((sku, location), lines) in committed.into_iter().filter(|(_, lines)| *lines != 0) {
        let location = ledger.location_id(location);
        let what = format!("order lines hold {lines} at {location}, nothing is committed there");
        broken.push(Broken {
            sku: ledger.sku_id(sku).to_string(),
            what,
        });
    }
    broken
}
