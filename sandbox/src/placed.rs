//! What buyers have of each SKU.

use std::collections::BTreeMap;

use crate::sandbox::ShopInfo;
use crate::truth::Truth;

impl Truth {
    /// Units of each SKU that buyers have ordered and not given back, test orders aside.
    pub fn placed(&self, shop: &ShopInfo) -> BTreeMap<String, i64> {
        let pieces: BTreeMap<u64, Vec<(&str, u32)>> = shop
            .variants
            .iter()
            .map(|variant| (variant.id, variant.pieces()))
            .collect();
        let mut placed = BTreeMap::new();
        let orders = self.orders.iter().filter(|order| !order.test);
        for line in orders.flat_map(|order| &order.lines) {
            let counted = line.variant.filter(|_| line.counted);
            for (sku, per) in counted.and_then(|id| pieces.get(&id)).into_iter().flatten() {
                let units = line.open + line.fulfilled - line.came_back();
                *placed.entry((*sku).to_owned()).or_default() += units * i64::from(*per);
            }
        }
        placed
    }
}
