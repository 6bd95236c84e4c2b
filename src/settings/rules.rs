//! Rules: what may be set on four levels, each held against the levels above it.

use std::collections::BTreeMap;

use channelsync_contract::{ListingId, Sku, Units};

use super::check::Checking;
use super::config::RuleSet;
use super::path::KeyPath;
use super::raw::RawRules;
use super::shopify;

/// One rule set, held against the levels above it.
pub(super) fn rule_set(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: RawRules,
    above: RawRules,
) -> RuleSet {
    let all = or(raw, above);
    if let (Some(min), Some(cap)) = (all.min_units, all.cap_units)
        && min > cap
        && (raw.min_units.is_some() || raw.cap_units.is_some())
    {
        let key = if raw.min_units.is_some() {
            "min_units"
        } else {
            "cap_units"
        };
        checking.fault(
            &path.key(key),
            format!(
                "min_units = {min} is more than cap_units = {cap}, so nothing would ever be shown"
            ),
            "lower the one or raise the other, here or on a level above",
        );
    }
    let keys = [
        ("safety_stock_units", raw.safety_stock_units.is_some()),
        ("set_aside_units", raw.set_aside_units.is_some()),
        ("share_percent", raw.share_percent.is_some()),
        ("cap_units", raw.cap_units.is_some()),
        ("min_units", raw.min_units.is_some()),
        ("split_kits", raw.split_kits.is_some()),
    ];
    let first = keys.iter().find(|(_, is_set)| *is_set);
    RuleSet {
        safety_stock_units: raw.safety_stock_units.map(Units),
        set_aside_units: raw.set_aside_units.map(Units),
        share_percent: raw.share_percent,
        cap_units: raw.cap_units.map(Units),
        min_units: raw.min_units.map(Units),
        split_kits: raw.split_kits,
        origin: first.map(|(key, _)| checking.origin(&path.key(key))),
    }
}

/// The rules in force where `above` holds below.
pub(super) fn or(raw: RawRules, above: RawRules) -> RawRules {
    RawRules {
        safety_stock_units: raw.safety_stock_units.or(above.safety_stock_units),
        set_aside_units: raw.set_aside_units.or(above.set_aside_units),
        share_percent: raw.share_percent.or(above.share_percent),
        cap_units: raw.cap_units.or(above.cap_units),
        min_units: raw.min_units.or(above.min_units),
        split_kits: raw.split_kits.or(above.split_kits),
    }
}

/// The rule sets of SKUs.
pub(super) fn of_skus(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: &BTreeMap<String, RawRules>,
    above: RawRules,
) -> BTreeMap<Sku, RuleSet> {
    let sets = raw.iter().map(|(sku, raw)| {
        (
            Sku::new(sku),
            rule_set(checking, &path.key(sku), *raw, above),
        )
    });
    sets.collect()
}

/// The rule sets of listings, by the short form of their ids.
pub(super) fn of_listings(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: &BTreeMap<String, RawRules>,
    above: RawRules,
) -> BTreeMap<ListingId, RuleSet> {
    let mut listings = BTreeMap::new();
    for (text, raw) in raw {
        let path = path.key(text);
        let Some(id) = checking.take(&path, shopify::id(text, "ProductVariant")) else {
            continue;
        };
        let rules = rule_set(checking, &path, *raw, above);
        if listings.insert(ListingId::new(&id), rules).is_some() {
            checking.fault(
                &path,
                format!("listing {id} has rules twice"),
                "keep one of the two tables",
            );
        }
    }
    listings
}
