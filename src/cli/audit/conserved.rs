//! Every unit that came is on a shelf or outside.

use std::collections::BTreeMap;

use channelsync_sandbox::{ShopInfo, Truth};
use serde_json::Value;

use super::for_sale::Names;
use super::{Audit, pieces, sold, units};

/// Units by SKU that are on no shelf of ours: with buyers, or back and not yet received.
#[derive(Default)]
pub(super) struct Outside(BTreeMap<String, i64>);

impl Outside {
    /// Adds what a shop shipped by its own record, less what is on a shelf again: as it says, but for
    /// what waits to be received, and at least what a person received.
    pub(super) fn add(
        &mut self,
        (shop, truth): (&ShopInfo, &Truth),
        ledger: &[Value],
        names: &Names<'_>,
    ) {
        let lines = ledger.iter().filter_map(|order| order["lines"].as_array());
        let known: BTreeMap<&str, &Value> = lines
            .flatten()
            .map(|line| (line["line"].as_str().unwrap_or_default(), line))
            .collect();
        let pieces = pieces(shop);
        let orders = truth.orders.iter().filter(|order| !order.test);
        for line in orders.flat_map(|order| &order.lines) {
            let row = known.get(line.id.to_string().as_str());
            let booked = |what: &str| row.map_or(0, |row| units(&row[what]));
            let waits = booked("awaiting_receipt");
            let back = (line.came_back() - waits).max(booked("received"));
            for (sku, per) in sold(&pieces, line) {
                let outside = self.0.entry(names.now(sku).to_owned()).or_default();
                *outside += (line.fulfilled - back) * i64::from(*per);
            }
        }
    }

    /// Notes what is lost or came from nowhere.
    pub(super) fn conserve(&self, audit: &mut Audit, stock: &[Value]) {
        for row in stock {
            let sku = row["sku"].as_str().unwrap_or_default();
            let places = row["locations"].as_array().into_iter().flatten();
            let here = |place: &Value| units(&place["on_hand"]) + units(&place["in_transit"]);
            let on_hand: i64 = places.map(here).sum();
            let came = units(&row["received"]) + units(&row["adjusted"]);
            let left = self.0.get(sku).copied().unwrap_or(0);
            if came != on_hand + left {
                audit.summary.units_conserved = false;
                audit.find(format!(
                    "{sku}: {came} came, {on_hand} are there, {left} left"
                ));
            }
        }
    }
}
