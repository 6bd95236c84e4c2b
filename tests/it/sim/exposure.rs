//! No SKU is oversold by more than the exposure that the daemon holds at that moment.

use std::collections::BTreeMap;

use channelsync::ats::exposure;
use channelsync::catalog::SkuIx;
use channelsync::ledger::Ledger;
use channelsync_sandbox::{Sandbox, ShopInfo, TruthPage, VariantInfo};

/// What was seen of all SKUs.
#[derive(Default)]
pub(super) struct Seen {
    /// Those that are oversold beyond their bound, or at all where none may be.
    pub(super) beyond: Vec<String>,
    /// How many have a bound.
    pub(super) bounded: u64,
    /// How many are oversold.
    pub(super) oversold: u64,
    /// How many are oversold by all of their bound.
    pub(super) to_the_full: u64,
}

/// Looks at every SKU. Where `none` holds, nothing may be oversold whatever the bound.
pub(super) fn look(sandbox: &Sandbox, shops: &[ShopInfo], ledger: &Ledger, none: bool) -> Seen {
    let mut seen = Seen::default();
    let mut placed: BTreeMap<String, i64> = BTreeMap::new();
    for shop in shops {
        let truth = sandbox.truth(&shop.name, TruthPage::default()).unwrap();
        for (sku, units) in truth.placed(shop) {
            *placed.entry(sku).or_default() += units;
        }
    }
    for (number, name, _) in ledger.skus.iter() {
        let sku = SkuIx(number);
        let held = exposure(ledger, sku);
        let mut known = shops.iter();
        let known = known.all(|shop| is_sold_as_known(ledger, shop, name.as_str()));
        let Some(units) = held.units().filter(|_| known) else {
            continue;
        };
        seen.bounded += 1;
        let (placed, owned) = (placed.get(name.as_str()).copied(), owned(ledger, sku));
        let oversold = (placed.unwrap_or(0) - owned).max(0);
        seen.oversold += u64::from(oversold > 0);
        seen.to_the_full += u64::from(oversold > 0 && oversold == units);
        if oversold > units || (none && oversold > 0) {
            seen.beyond.push(format!(
                "{name}: {placed:?} placed of {owned}, an exposure of {units}: {held:?}"
            ));
        }
    }
    seen
}

/// Whether all that takes from a SKU at a shop stands for what it is made of.
fn is_sold_as_known(ledger: &Ledger, shop: &ShopInfo, sku: &str) -> bool {
    let Some(known) = ledger.channel_named(&shop.name) else {
        return false;
    };
    let of_sku = |variant: &&VariantInfo| variant.pieces().iter().any(|(piece, _)| *piece == sku);
    shop.variants.iter().filter(of_sku).all(|variant| {
        let listing = known.listings.get(&variant.id.to_string());
        let parts = listing.and_then(|listing| listing.mapping.parts());
        let mut parts: Vec<(&str, u32)> = parts
            .into_iter()
            .flatten()
            .map(|part| (ledger.sku_id(part.sku).as_str(), part.per))
            .collect();
        let mut pieces = variant.pieces();
        parts.sort_unstable();
        pieces.sort_unstable();
        parts == pieces
    })
}

/// Units that were there for them.
fn owned(ledger: &Ledger, sku: SkuIx) -> i64 {
    let row = ledger.sku(sku);
    let there = row
        .stocks
        .iter()
        .map(|stock| stock.balance.available.signed() + stock.balance.committed.signed());
    there.sum::<i64>() + row.outside.customer
}
