//! What is for sale in a shop against what is there.

use std::collections::BTreeMap;

use channelsync_sandbox::{ShopInfo, Truth};
use serde_json::Value;

use super::{Audit, units};
use crate::cli::probe::{Probe, ProbeError};

/// What SKUs are called in the ledger; a shop goes on with a name that was given up there.
pub(super) struct Names<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    pub(super) fn of(stock: &'a [Value]) -> Self {
        let rows = stock.iter().flat_map(|row| {
            let now = row["sku"].as_str().unwrap_or_default();
            let former = row["former"].as_array().into_iter().flatten();
            former.filter_map(move |name| Some((name.as_str()?, now)))
        });
        Self(rows.collect())
    }

    /// What the ledger calls a shop's SKU.
    pub(super) fn now<'b>(&self, sku: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.0.get(sku).copied().unwrap_or(sku)
    }
}

/// What people keep from being sold.
pub(super) struct Withheld {
    /// Rules do, at any level.
    pub(super) by_rules: bool,
    frozen: Vec<Value>,
}

impl Withheld {
    /// # Errors
    /// [`ProbeError`].
    pub(super) async fn ask(probe: &Probe) -> Result<Self, ProbeError> {
        let rules = probe.ledger("rules?").await?;
        let withholds = |row: &Value| row["rule"] != "policy" || row["value"] == "guarded";
        let by_rules = rules.iter().any(withholds);
        let frozen = probe.ledger("frozen?").await?;
        Ok(Self { by_rules, frozen })
    }

    fn is_frozen(&self, channel: &str, pieces: &[(&str, u32)]) -> bool {
        let mut scopes = self.frozen.iter().map(|row| &row["scope"]);
        scopes.any(|scope| {
            scope == "all"
                || scope["channel"] == channel
                || pieces.iter().any(|(sku, _)| scope["sku"] == *sku)
        })
    }
}

/// What buyers may still buy of a variant in all places of a shop is what the ledger has left to make it of,
/// less what this shop sold beyond; of what is frozen nothing is. So without rules that withhold more.
pub(super) fn compare_available(
    audit: &mut Audit,
    (shop, truth): (&ShopInfo, &Truth),
    (available, orders): (&Available<'_>, &[Value]),
    (names, withheld): (&Names<'_>, &Withheld),
) {
    let mut owed: BTreeMap<&str, i64> = BTreeMap::new();
    let lines = orders.iter().filter_map(|order| order["lines"].as_array());
    for line in lines.flatten() {
        let listing = line["listing"].as_str().unwrap_or_default();
        let unreported = units(&line["shipped_by_us"]) - units(&line["acknowledged"]);
        let beyond = units(&line["open"]) - unreported.max(0) - units(&line["committed"]);
        *owed.entry(listing).or_default() += beyond.max(0);
    }
    let mut shown: BTreeMap<u64, i64> = BTreeMap::new();
    let levels = truth.levels.iter();
    for level in levels.filter(|level| level.active && level.tracked) {
        *shown.entry(level.variant).or_default() += level.available;
    }
    // A shop holds stock for its test orders too; the ledger never books them.
    let tests = truth.orders.iter().filter(|order| order.test);
    for line in tests.flat_map(|order| &order.lines) {
        let shown = line.variant.and_then(|variant| shown.get_mut(&variant));
        if let Some(shown) = shown {
            *shown += line.open;
        }
    }
    for variant in &shop.variants {
        let Some(shown) = shown.get(&variant.id) else {
            continue;
        };
        let pieces: Vec<(&str, u32)> = variant
            .pieces()
            .into_iter()
            .map(|(sku, units)| (names.now(sku), units))
            .collect();
        let Some(mut left) = makeable(available, &pieces) else {
            continue;
        };
        if withheld.is_frozen(&shop.name, &pieces) {
            left = 0;
        }
        let id = variant.id.to_string();
        let expected = left - owed.get(id.as_str()).copied().unwrap_or(0);
        if *shown != expected {
            audit.summary.slots_wrong_at_rest += 1;
            audit.find(format!(
                "{} sells {shown} of {}, {expected} are left",
                shop.name, variant.sku
            ));
        }
    }
}

/// Available units by SKU and location.
pub(super) type Available<'a> = BTreeMap<&'a str, BTreeMap<&'a str, i64>>;

/// Those of the locations asked for.
pub(super) fn available(stock: &[Value], of: impl Fn(&str) -> bool) -> Available<'_> {
    let mut available = Available::new();
    for row in stock {
        let places = row["locations"].as_array().into_iter().flatten();
        let places = places.map(|place| {
            let name = place["location"].as_str().unwrap_or_default();
            (name, units(&place["available"]))
        });
        let places = places.filter(|(place, _)| of(place));
        let sku = row["sku"].as_str().unwrap_or_default();
        available.insert(sku, places.collect());
    }
    available
}

/// How many can be packed, each at one location; none where the ledger does not know a piece.
fn makeable(available: &Available<'_>, pieces: &[(&str, u32)]) -> Option<i64> {
    let known: Option<Vec<_>> = pieces
        .iter()
        .map(|(sku, units)| Some((available.get(sku)?, i64::from(*units))))
        .collect();
    let known = known?;
    let made = |place: &str| {
        let whole = known.iter().map(|(places, units)| {
            let here = places.get(place).copied().unwrap_or(0);
            here.checked_div(*units).unwrap_or(0)
        });
        whole.min().unwrap_or(0)
    };
    let (first, _) = known.first()?;
    Some(first.keys().map(|place| made(place)).sum())
}
