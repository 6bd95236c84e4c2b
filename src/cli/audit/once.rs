//! Where every unit stands on one shop only: what all of them sell together.

use std::collections::BTreeMap;

use super::Audit;
use super::for_sale::{Available, Names};
use channelsync_sandbox::{ShopInfo, Truth};

/// No more may be for sale in all shops together than is there.
pub(super) fn sold_once(
    audit: &mut Audit,
    truths: &[(&ShopInfo, Truth)],
    (names, available): (&Names<'_>, &Available<'_>),
) {
    let mut for_sale: BTreeMap<&str, i64> = BTreeMap::new();
    for (shop, truth) in truths {
        for variant in &shop.variants {
            let levels = truth.levels.iter();
            let own = levels.filter(|level| level.variant == variant.id && level.active);
            let units: i64 = own.map(|level| level.available).sum();
            for (sku, per) in variant.pieces() {
                *for_sale.entry(names.now(sku)).or_default() += units.max(0) * i64::from(per);
            }
        }
    }
    for (sku, units) in for_sale {
        let left: i64 = available
            .get(sku)
            .into_iter()
            .flat_map(BTreeMap::values)
            .sum();
        if units > left {
            audit.summary.slots_wrong_at_rest += 1;
            audit.find(format!(
                "the shops sell {units} of {sku} together, {left} are left"
            ));
        }
    }
}
