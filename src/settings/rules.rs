//! Rules: what may be set on four levels, each held against the levels above it.

use std::collections::BTreeMap;

use channelsync_contract::{ListingId, LocationId, Sku};

use super::check::Checking;
use super::config::{RuleSet, RuleValues};
use super::fault::meant;
use super::path::KeyPath;
use super::shopify;

/// What a rule set is held against.
#[derive(Clone)]
pub(super) struct Above<'a> {
    /// The rules of the levels above.
    pub(super) values: RuleValues,
    /// The merchant's locations; none where they are at fault themselves.
    pub(super) locations: Option<&'a [LocationId]>,
}

impl Above<'_> {
    /// For the level below one that says this.
    pub(super) fn below(&self, values: &RuleValues) -> Self {
        Self {
            values: or(values, &self.values),
            ..self.clone()
        }
    }
}

/// One rule set, held against the levels above it.
pub(super) fn rule_set(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    values: &RuleValues,
    above: &Above<'_>,
) -> RuleSet {
    let all = or(values, &above.values);
    let limits = [
        (
            ("min_units", "cap_units"),
            values.min_units,
            values.cap_units,
        ),
        (
            ("low_min_units", "low_cap_units"),
            values.low_min_units,
            values.low_cap_units,
        ),
    ];
    let in_force = [
        (all.min_units, all.cap_units),
        (all.low_min_units, all.low_cap_units),
    ];
    for (((min_key, cap_key), min_here, cap_here), in_force) in limits.into_iter().zip(in_force) {
        if let (Some(min), Some(cap)) = in_force
            && min > cap
            && (min_here.is_some() || cap_here.is_some())
        {
            let key = if min_here.is_some() { min_key } else { cap_key };
            checking.fault(
                &path.key(key),
                format!(
                    "{min_key} = {min} is more than {cap_key} = {cap}, so nothing would ever be shown"
                ),
                "lower the one or raise the other, here or on a level above",
            );
        }
    }
    check_locations(checking, &path.key("locations"), values, above.locations);
    let set = is_set(values);
    RuleSet {
        values: values.clone(),
        origin: set.map(|key| checking.origin(&path.key(key))),
    }
}

fn check_locations(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    values: &RuleValues,
    known: Option<&[LocationId]>,
) {
    let Some(known) = known else {
        return;
    };
    let names = known.iter().map(LocationId::as_str);
    for name in &values.locations {
        if !names.clone().any(|known| known == name) {
            let what = format!("the merchant has no location `{name}`");
            checking.fault(path, what, meant(name, names.clone()));
        }
    }
}

/// The first key that is set.
fn is_set(values: &RuleValues) -> Option<&'static str> {
    let keys = [
        ("safety_stock_units", values.safety_stock_units.is_some()),
        ("set_aside_units", values.set_aside_units.is_some()),
        ("share_percent", values.share_percent.is_some()),
        ("cap_units", values.cap_units.is_some()),
        ("min_units", values.min_units.is_some()),
        ("case_units", values.case_units.is_some()),
        ("low_stock_units", values.low_stock_units.is_some()),
        ("low_share_percent", values.low_share_percent.is_some()),
        ("low_cap_units", values.low_cap_units.is_some()),
        ("low_min_units", values.low_min_units.is_some()),
        ("policy", values.policy.is_some()),
        ("guard_below_units", values.guard_below_units.is_some()),
        ("split_kits", values.split_kits.is_some()),
        ("locations", !values.locations.is_empty()),
    ];
    let first = keys.iter().find(|(_, is_set)| *is_set);
    first.map(|(key, _)| *key)
}

/// The rules in force where `above` holds below.
fn or(values: &RuleValues, above: &RuleValues) -> RuleValues {
    RuleValues {
        safety_stock_units: values.safety_stock_units.or(above.safety_stock_units),
        set_aside_units: values.set_aside_units.or(above.set_aside_units),
        share_percent: values.share_percent.or(above.share_percent),
        cap_units: values.cap_units.or(above.cap_units),
        min_units: values.min_units.or(above.min_units),
        case_units: values.case_units.or(above.case_units),
        low_stock_units: values.low_stock_units.or(above.low_stock_units),
        low_share_percent: values.low_share_percent.or(above.low_share_percent),
        low_cap_units: values.low_cap_units.or(above.low_cap_units),
        low_min_units: values.low_min_units.or(above.low_min_units),
        policy: values.policy.or(above.policy),
        guard_below_units: values.guard_below_units.or(above.guard_below_units),
        split_kits: values.split_kits.or(above.split_kits),
        locations: match values.locations.is_empty() {
            true => above.locations.clone(),
            false => values.locations.clone(),
        },
    }
}

/// The rule sets of SKUs.
pub(super) fn of_skus(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: &BTreeMap<String, RuleValues>,
    above: &Above<'_>,
) -> BTreeMap<Sku, RuleSet> {
    let sets = raw.iter().map(|(sku, raw)| {
        (
            Sku::new(sku),
            rule_set(checking, &path.key(sku), raw, above),
        )
    });
    sets.collect()
}

/// The rule sets of listings, by the short form of their ids.
pub(super) fn of_listings(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: &BTreeMap<String, RuleValues>,
    above: &Above<'_>,
) -> BTreeMap<ListingId, RuleSet> {
    let mut listings = BTreeMap::new();
    for (text, raw) in raw {
        let path = path.key(text);
        let Some(id) = checking.take(&path, shopify::id(text, "ProductVariant")) else {
            continue;
        };
        let rules = rule_set(checking, &path, raw, above);
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
