//! Names that lead nowhere, or no longer where they did.

use serde_json::Value;

use super::super::super::table::cell;
use super::{Finding, Seen, TOLD_MAX};

pub(super) fn rules(seen: &Seen<'_>) -> Vec<Finding> {
    let idle = seen.rules.iter().filter(|row| row["names_nothing"] == true);
    let finding = |row: &Value| {
        let what = format!(
            "{} of {} has no effect: the book knows no such",
            cell(&row["rule"]),
            cell(&row["where"])
        );
        let remedy = "correct the name in the file, then `channelsync reload`; names count letter by \
                      letter, as `channelsync stock` and `channelsync listings` show them";
        seen.one(what, remedy)
    };
    let settled = if seen.is_settled() { TOLD_MAX } else { 0 };
    idle.take(settled).flat_map(finding).collect()
}

pub(super) fn relabelled(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    let finding = |row: &Value| {
        let [channel, listing, label] =
            ["channel", "listing", "sku_on_channel"].map(|key| cell(&row[key]));
        let sold = cell(&row["parts"][0][0]);
        let (called, remedy) = match label.as_str() {
            "" => (
                "has no SKU".to_owned(),
                format!("give it one there, or `channelsync map --merchant {id} set` it to {sold}"),
            ),
            label => (
                format!("is called {label}"),
                format!(
                    "channelsync stock --merchant {id} rename {sold} {label}, where it is the same \
                     thing; or receive {label}: the listing then sells that"
                ),
            ),
        };
        Finding {
            of: format!("{id}/{channel}"),
            what: format!("listing {listing} {called} on the channel now and still sells {sold}"),
            remedy,
        }
    };
    let relabelled = seen.listings.iter().filter(|row| row["relabelled"] == true);
    relabelled.take(TOLD_MAX).map(finding).collect()
}
