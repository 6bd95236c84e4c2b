//! Purchase orders: what is expected from suppliers. Expected units are nowhere yet.

use std::collections::BTreeMap;

use channelsync_contract::ids::{LocationId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};

use super::order::total;
use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// Goods ordered from a supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseOrder {
    /// What people call it.
    pub id: String,
    /// From whom.
    pub supplier: String,
    /// The beginning of the day by whose end they should be there.
    pub expected: Timestamp,
    /// Where to.
    pub location: LocationId,
    /// What.
    pub lines: Vec<(Sku, Units)>,
}

/// A purchase order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// From whom.
    pub supplier: String,
    /// The beginning of the day by whose end it should be there.
    pub expected: Timestamp,
    /// Where to.
    pub location: LocIx,
    /// What.
    pub lines: Vec<PurchaseLine>,
    /// Nothing more is expected of it, whatever is missing.
    pub cancelled: bool,
    /// Entry that changed it last.
    pub seq: u64,
}

/// One SKU of a purchase order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseLine {
    /// Which.
    pub sku: SkuIx,
    /// How many were ordered.
    pub ordered: Units,
    /// How many came.
    pub received: Units,
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

impl Purchase {
    /// Units of a line that are still expected.
    pub fn outstanding(&self, line: &PurchaseLine) -> Units {
        if self.cancelled {
            Units::ZERO
        } else {
            line.ordered.minus_or_zero(line.received)
        }
    }

    /// Whether anything is still expected.
    pub fn is_open(&self) -> bool {
        self.lines
            .iter()
            .any(|line| !self.outstanding(line).is_zero())
    }

    /// Whether something is expected that should be there already.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.is_open() && now >= self.expected.plus(DAY)
    }

    /// Expects one SKU where it expected another.
    pub(super) fn merge(&mut self, from: SkuIx, into: SkuIx) {
        for mut line in std::mem::take(&mut self.lines) {
            if line.sku == from {
                line.sku = into;
            }
            match self.lines.iter_mut().find(|known| known.sku == line.sku) {
                Some(known) => {
                    known.ordered = total([known.ordered, line.ordered].into_iter());
                    known.received = total([known.received, line.received].into_iter());
                }
                None => self.lines.push(line),
            }
        }
    }
}

impl Ledger {
    /// Units expected from suppliers, by SKU and location.
    pub fn incoming(&self) -> BTreeMap<(SkuIx, LocIx), Units> {
        let mut incoming = BTreeMap::new();
        for purchase in self.purchases.values() {
            for line in &purchase.lines {
                let units = purchase.outstanding(line);
                if !units.is_zero() {
                    let sum: &mut Units =
                        incoming.entry((line.sku, purchase.location)).or_default();
                    *sum = total([*sum, units].into_iter());
                }
            }
        }
        incoming
    }
}
