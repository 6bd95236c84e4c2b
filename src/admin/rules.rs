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
        // A rule under a former name goes on.
        RuleAt::Sku(_, sku) => {
            ledger.sku_ix(sku.as_str()).is_none() && ledger.renamed(sku).is_none()
        }
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

#[cfg(test)]
mod tests {
    use channelsync_contract::{ListingId, LocationId, Sku, Timestamp, Units};

    use super::*;
    use crate::ledger::{Bucket, Entry, Fact, Movement, Place, Setup, evolve};

    #[test]
    fn a_rule_names_nothing_where_no_sku_is_or_was_called_so() {
        let main = LocationId::new("main");
        let setup = Setup {
            locations: vec![main.clone()],
            ..Setup::default()
        };
        let came = Movement {
            sku: Sku::new("MUG-RED"),
            units: Units(1),
            from: Place::Supplier,
            to: Place::At(main, Bucket::Available),
        };
        let renamed = Fact::Renamed(Sku::new("MUG-RED"), Sku::new("MUG"));
        let mut ledger = Ledger::default();
        for (movements, facts) in [
            (vec![], vec![Fact::Configured(Box::new(setup))]),
            (vec![came], vec![]),
            (vec![], vec![renamed]),
        ] {
            let entry = Entry {
                seq: ledger.seq + 1,
                at: Timestamp(0),
                actor: "test".to_owned(),
                cause: "test".to_owned(),
                movements,
                facts,
            };
            evolve(&mut ledger, &entry);
        }
        let of_sku = |sku| RuleAt::Sku("us".into(), Sku::new(sku));
        for (at, expected) in [
            (RuleAt::Merchant, false),
            (of_sku("MUG"), false),
            (of_sku("MUG-RED"), false),
            (of_sku("mug"), true),
            (RuleAt::Listing("us".into(), ListingId::new("101")), true),
        ] {
            assert_eq!(names_nothing(&ledger, &at), expected, "{at}");
        }
    }
}
