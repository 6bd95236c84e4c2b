//! Rules as they were set, in the files and by command.

use serde_json::{Value, json};

use super::views::{Cut, Page};
use crate::ledger::{Ledger, RuleAt, RuleKey, Ruled, Rules};

/// All rules, at each level what the files say first.
pub(super) fn rules(ledger: &Ledger, merchant: &str, cut: Cut) -> Page {
    let filed = filed(ledger);
    let filed = filed.iter().flat_map(|(at, rules)| {
        let keys = RuleKey::ALL.iter();
        keys.filter_map(|key| {
            let mut row = of_file(at, *key, &rules.value(*key)?);
            row["names_nothing"] = json!(names_nothing(ledger, at));
            Some(row)
        })
    });
    let ordered = ledger.ruled.iter().flat_map(|(at, ruled)| {
        let keys = RuleKey::ALL.iter();
        keys.filter_map(move |key| of_command(ledger, merchant, (at, ruled), *key))
    });
    let rows: Vec<Value> = filed.chain(ordered).collect();
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    cut.page(count, |at| {
        rows.get(usize::try_from(at).unwrap_or(usize::MAX)).cloned()
    })
}

/// Whether a rule is of a SKU or listing that the book does not know (yet): it has no effect. A command
/// of such is refused.
fn names_nothing(ledger: &Ledger, at: &RuleAt) -> bool {
    match at {
        RuleAt::Merchant | RuleAt::Channel(_) => false,
        RuleAt::Sku(_, sku) => ledger.sku_ix(sku.as_str()).is_none(),
        RuleAt::Listing(channel, listing) => {
            let known = ledger.channel_named(channel.as_str());
            known.is_none_or(|known| known.listings.find(listing.as_str()).is_none())
        }
    }
}

/// What the files say, by level.
fn filed(ledger: &Ledger) -> Vec<(RuleAt, &Rules)> {
    let setup = &ledger.setup;
    let mut all = vec![(RuleAt::Merchant, &setup.rules)];
    for channel in &setup.channels {
        let id = || channel.id.clone();
        all.push((RuleAt::Channel(id()), &channel.rules));
        let skus = channel.sku_rules.iter();
        all.extend(skus.map(|(sku, rules)| (RuleAt::Sku(id(), sku.clone()), rules)));
        let listings = channel.listing_rules.iter();
        all.extend(listings.map(|(own, rules)| (RuleAt::Listing(id(), own.clone()), rules)));
    }
    all
}

fn of_file(at: &RuleAt, key: RuleKey, value: &str) -> Value {
    json!({
        "at": at, "where": at.to_string(), "rule": key.name(), "value": value, "by": "file",
        "entry": null, "overridden": false, "undo": null,
    })
}

fn of_command(
    ledger: &Ledger,
    merchant: &str,
    (at, ruled): (&RuleAt, &Ruled),
    key: RuleKey,
) -> Option<Value> {
    let value = ruled.rules.value(key)?;
    let filed = ledger.setup.rules_at(at);
    let level = match at {
        RuleAt::Merchant => String::new(),
        RuleAt::Channel(channel) => format!("--channel {channel} "),
        RuleAt::Sku(channel, sku) => format!("--channel {channel} --sku {sku} "),
        RuleAt::Listing(channel, listing) => format!("--channel {channel} --listing {listing} "),
    };
    let key_name = key.name();
    Some(json!({
        "at": at, "where": at.to_string(), "rule": key_name, "value": value, "by": "command",
        "names_nothing": false, "entry": ruled.seqs.get(&key),
        "overridden": filed.is_some_and(|rules| rules.value(key).is_some()),
        "undo": format!("channelsync rules --merchant {merchant} unset {level}{key_name}"),
    }))
}
