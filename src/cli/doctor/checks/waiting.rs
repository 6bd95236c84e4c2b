//! What waits: things set aside, and slots that are not at rest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::table::{cell, count, elements};
use super::super::time;
use super::{Finding, Seen, TOLD_MAX};

pub(super) fn parked(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    let finding = |row: &Value| {
        let what = match row["kind"].as_str() {
            Some("bytes") => format!("{} set aside", cell(&row["what"])),
            Some("unmapped") => {
                let orders = count(row["orders"].as_u64().unwrap_or(0), "order", "orders");
                format!(
                    "listing {} stands for nothing, {orders} waiting",
                    cell(&row["listing"])
                )
            }
            Some("shipment") => {
                let (order, parcel) = (cell(&row["order"]), cell(&row["shipment"]));
                format!("parcel {parcel} of order {order} is not on the channel")
            }
            Some("order") => format!("order {} is too old to be booked", cell(&row["order"])),
            _ => format!("slot {} is not pushed", cell(&row["slot"])),
        };
        Finding {
            of: format!("{id}/{}", cell(&row["channel"])),
            what: format!("{what}: {}", cell(&row["why"])),
            remedy: cell(&row["release"]),
        }
    };
    let is_told = |row: &&Value| row["kind"] != "unmapped" || !seen.is_unread(&row["channel"]);
    let all = format!("channelsync parked --merchant {id}");
    let kinds = seen
        .parked
        .chunk_by(|one, other| one["kind"] == other["kind"]);
    kinds
        .flat_map(|rows| few(rows.iter().filter(is_told).map(finding).collect(), &all))
        .collect()
}

/// A screen of findings is read, hundreds are not: many of a channel are told as one.
fn few(found: Vec<Finding>, all: &str) -> Vec<Finding> {
    let mut channels: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in found {
        channels
            .entry(finding.of.clone())
            .or_default()
            .push(finding);
    }
    let told = channels.into_values().flat_map(|mut found| {
        let more = found.len().saturating_sub(1);
        if more >= TOLD_MAX {
            found.truncate(1);
            for first in &mut found {
                first.what = format!("{}, and {more} more like it", first.what);
                first.remedy = format!("{}; all: {all}", first.remedy);
            }
        }
        found
    });
    told.collect()
}

/// The slots of a row of `slots` that wait for a reading, for an answer, or to be pushed.
pub(in super::super) fn unsettled(row: &Value) -> Vec<Value> {
    let is_unsettled = |slot: &&Value| {
        let state = slot["state"].as_str().unwrap_or_default();
        let (low, high) = (
            slot["number"].as_i64(),
            slot["number_if_unrouted_here"].as_i64(),
        );
        let (Some(low), Some(high)) = (low, high) else {
            return false;
        };
        let expected = slot["expected"].as_i64();
        let differs = expected.is_none_or(|expected| !(low..=high).contains(&expected));
        let is_apart = state.starts_with("parked") || state.starts_with("not stocked");
        !is_apart && (differs || slot["to_read"] == true || state != "free")
    };
    let slots = elements(&row["slots"]).iter().filter(is_unsettled);
    let told = slots.map(|slot| {
        json!({ "channel": row["channel"], "item": row["item"], "location": slot["location"],
                "listings": row["listings"], "state": slot["state"], "number": slot["number"],
                "expected": slot["expected"], "changed_at": slot["changed_at"] })
    });
    told.collect()
}

pub(super) fn unacknowledged(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    let is_late = |slot: &&Value| match time(&slot["changed_at"]) {
        Some(at) => seen.is_late(at),
        None => seen.is_settled(),
    };
    let finding = |slot: &Value| {
        let (channel, item) = (cell(&slot["channel"]), cell(&slot["item"]));
        let listing = elements(&slot["listings"])
            .first()
            .map(cell)
            .unwrap_or_default();
        let since = match slot["changed_at"].as_str() {
            Some(at) => format!(" since {at}"),
            None => String::new(),
        };
        Finding {
            of: format!("{id}/{channel}"),
            what: format!(
                "item {item} at {}: {} should be shown, {} is believed, no acknowledged push\
                 {since} ({})",
                cell(&slot["location"]),
                cell(&slot["number"]),
                cell(&slot["expected"]),
                cell(&slot["state"]),
            ),
            remedy: format!("channelsync explain --merchant {id} {channel} {listing}"),
        }
    };
    let found = seen.slots.iter().filter(is_late).map(finding);
    few(
        found.collect(),
        &format!("channelsync shadow --merchant {id} CHANNEL"),
    )
}
