//! What each check finds, in words.

use super::*;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

const NOW: &str = "2026-11-20T09:00:00Z";

/// What all checks find in one state of things.
fn found(change: impl FnOnce(&mut Value, &mut Seen<'_>)) -> String {
    let mut merchant = json!({
        "merchant": "acme", "unwritable": null, "parked_bytes": 0,
        "channels": [{
            "channel": "shopify-us", "mode": "live", "paused": null, "errors": [],
            "orders_complete_to": "2026-11-20T08:59:00Z", "last_error": null,
            "restored_at": null, "scanned_at": "2026-11-20T08:50:00Z", "to_read": 0, "fetch_wanted": 0,
            "missing_permissions": [], "warnings": [], "token_expires_secs": 8_640, "token_life_secs": 86_400,
            "counts": { "webhooks_taken": 7 },
        }],
    });
    let nothing = json!({});
    let mut seen = Seen {
        now: Timestamp::parse(NOW).unwrap(),
        minutes: 15,
        settings: &nothing,
        merchant: &nothing,
        parked: &[],
        slots: &[],
        listings: &[],
        set_asides: &[],
        rules: &[],
        exceptions: &[],
        space: Some(Space {
            free: 50 << 30,
            all: 100 << 30,
        }),
        parked_bytes_max: 1_000,
    };
    change(&mut merchant, &mut seen);
    let seen = Seen {
        merchant: &merchant,
        ..seen
    };
    let all = CHECKS.iter().flat_map(|(name, look)| {
        let told = look(&seen).into_iter();
        told.map(move |one| format!("{name} | {} | {} | {}", one.of, one.what, one.remedy))
    });
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_quiet_day_has_no_finding() {
    assert_eq!(found(|_, _| {}), "");
}

#[test]
fn what_the_daemon_tells_of_itself_is_found() {
    assert_snapshot!(found(|merchant, seen| {
        merchant["unwritable"] = json!("disk is full");
        merchant["parked_bytes"] = json!(900);
        merchant["frozen"] = json!(9);
        merchant["freezes"] = json!([{
            "what": "SKU MUG", "reason": "recall", "since": "2026-11-20T08:00:00Z",
            "undo": "channelsync unfreeze MUG",
        }]);
        let channel = &mut merchant["channels"][0];
        channel["mode"] = json!("shadow");
        channel["paused"] = json!("the app was uninstalled");
        channel["orders_complete_to"] = json!("2026-11-20T08:00:00Z");
        channel["last_error"] = json!("status 503");
        channel["restored_at"] = json!("2026-11-20T08:00:00Z");
        channel["to_read"] = json!(12);
        channel["missing_permissions"] = json!(["write_inventory (quantities)"]);
        channel["warnings"] = json!(["answered by 2026-07"]);
        channel["token_expires_secs"] = json!(8_639);
        channel["counts"] = json!({ "subscriptions_recreated": 2 });
        channel["errors"] =
            json!([{ "activity": "poll", "at": "2026-11-20T08:59:00Z", "error": "503" }]);
        seen.space = Some(Space { free: 1 << 20, all: 100 << 20 });
    }), @r#"
    journal | acme | the journal cannot be written: disk is full | make space or mend the disk; the daemon goes on by itself
    space | state directory | 1 of 100 MiB are free | make space: on a full disk nothing more is booked
    paused | acme/shopify-us | paused: the app was uninstalled | mend it, then: channelsync reconcile --merchant acme shopify-us --resume
    coverage | acme/shopify-us | orders are known to 2026-11-20T08:00:00Z only (status 503) | channelsync reconcile --merchant acme shopify-us
    restored | acme/shopify-us | held since the restore at 2026-11-20T08:00:00Z: slots to read 12, orders to fetch 0 | it ends by itself once orders and slots were read; mend what stops that
    frozen | acme | SKU MUG is frozen since 2026-11-20T08:00:00Z: recall | channelsync unfreeze MUG
    frozen | acme | 8 more are frozen | channelsync freeze --merchant acme
    permissions | acme/shopify-us | write_inventory (quantities); answered by 2026-07 | mend it on shopify-us, then: channelsync check --online --merchant acme
    token | acme/shopify-us | the token ends in 8639 s and was not renewed; then nothing is pushed | channelsync credentials test acme/shopify-us
    subscriptions | acme/shopify-us | 2 subscriptions were gone and made anew since the start; the time between was polled | see why shopify-us could not deliver: proxy, certificate, or answers that took too long
    errors | acme/shopify-us | poll failed: 503 | channelsync check --online --merchant acme; see whether shopify-us is up
    parked-bytes | acme | 900 of at most 1000 bytes are parked; above it webhooks get 503 | channelsync parked --merchant acme
    shadow | acme/shopify-us | shadow mode: all is computed, nothing is written | channelsync shadow --merchant acme shopify-us; then `mode = "live"` and channelsync reload
    "#);
}

#[test]
fn what_is_parked_is_told_with_what_releases_it() {
    let row = |kind: &str, more: Value| {
        let mut row = json!({
            "kind": kind, "channel": "us", "why": "because", "release": "channelsync ..",
        });
        let more = more.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(more);
        row
    };
    let rows = [
        row("bytes", json!({ "what": "orders/create" })),
        row("unmapped", json!({ "listing": "101", "orders": 2 })),
        row("shipment", json!({ "order": "91", "shipment": "s-1" })),
        row("slot", json!({ "slot": "77@101" })),
    ];
    assert_snapshot!(found(|_, seen| seen.parked = Box::leak(Box::new(rows))), @"
    parked | acme/us | orders/create set aside: because | channelsync ..
    parked | acme/us | listing 101 stands for nothing, 2 orders waiting: because | channelsync ..
    parked | acme/us | parcel s-1 of order 91 is not on the channel: because | channelsync ..
    parked | acme/us | slot 77@101 is not pushed: because | channelsync ..
    ");
}

#[test]
fn exceptions_are_told_with_what_mends_them_and_no_more_than_can_be_read() {
    let row = |entry: u64| {
        json!({
            "entry": entry, "what": { "late_discovery": { "order": entry.to_string(), "by": Duration::from_secs(240) } },
            "do": (entry == 22).then_some("channelsync mend"), "seen": format!("channelsync .. seen {entry}"),
        })
    };
    let rows: Vec<Value> = (1..=22).rev().map(row).collect();
    let text = found(|_, seen| seen.exceptions = Box::leak(rows.into_boxed_slice()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 21, "{text}");
    assert_snapshot!([lines[0], lines[1], lines[20]].join("\n"), @"
    exceptions | acme | entry 22: order 22 was found late: its channel hid it for 240 s or more | channelsync mend; looked at: channelsync .. seen 22
    exceptions | acme | entry 21: order 21 was found late: its channel hid it for 240 s or more | looked at: channelsync .. seen 21
    exceptions | acme | 2 more happened that somebody should look at | channelsync parked --merchant acme exceptions
    ");
}

#[test]
fn more_set_aside_than_there_is_is_told_with_whom_it_is_for() {
    let rows = [json!({
        "sku": "MUG", "set_aside": 50, "available": 12, "channels": ["us", "eu"],
    })];
    assert_snapshot!(found(|_, seen| seen.set_asides = Box::leak(Box::new(rows))), @"set-aside | acme | 50 of MUG are set aside for us, eu, 12 are available: no other channel shows any | channelsync stock --merchant acme MUG; count or receive it, or lower `set_aside_units` where `channelsync rules` says it is set");
}

#[test]
fn what_a_listing_is_called_and_may_sell_is_found() {
    let rows = vec![
        json!({ "channel": "shopify-us", "listing": "101", "sku_on_channel": "RED",
            "parts": [["MUG", 1]], "sells_without_limit": false, "relabelled": true }),
        json!({ "channel": "shopify-us", "listing": "102", "sku_on_channel": "CUP",
            "parts": [["CUP", 1]], "sells_without_limit": true, "relabelled": false }),
        json!({ "channel": "shopify-us", "listing": "103", "sku_on_channel": "",
            "parts": [["POT", 1]], "sells_without_limit": false, "relabelled": true }),
    ];
    assert_snapshot!(found(|_, seen| seen.listings = Box::leak(Box::new(rows))), @r"
    unlimited | acme/shopify-us | listing 102 (CUP) sells below zero: nothing keeps it from being oversold | switch off selling when out of stock on the channel, if that is not meant
    relabelled | acme/shopify-us | listing 101 is called RED on the channel now and still sells MUG | channelsync stock --merchant acme rename MUG RED, where it is the same thing; or receive RED: the listing then sells that
    relabelled | acme/shopify-us | listing 103 has no SKU on the channel now and still sells POT | give it one there, or `channelsync map --merchant acme set` it to POT
    ");
}

#[test]
fn a_rule_of_a_sku_that_nobody_has_is_found() {
    let rows = vec![
        json!({ "where": "SKU MUG on shopify-us", "rule": "cap_units", "names_nothing": false }),
        json!({ "where": "SKU mug on shopify-us", "rule": "cap_units", "names_nothing": true }),
    ];
    assert_snapshot!(found(|_, seen| seen.rules = Box::leak(Box::new(rows))), @"rules | acme | cap_units of SKU mug on shopify-us has no effect: the book knows no such | correct the name in the file, then `channelsync reload`; names count letter by letter, as `channelsync stock` and `channelsync listings` show them");
}

#[test]
fn what_comes_by_itself_after_a_start_is_found_once_it_had_time() {
    let rows = [
        json!({ "kind": "unmapped", "channel": "shopify-us", "listing": "101", "orders": 2,
                "why": "the channel has not listed it", "release": "channelsync map .." }),
        json!({ "kind": "bytes", "channel": "shopify-us", "what": "orders/create",
                "why": "no JSON", "release": "channelsync .." }),
    ];
    let slot = json!({ "channel": "shopify-us", "item": "77", "location": "main",
        "listings": ["101"], "state": "free", "number": 40, "expected": null, "changed_at": null });
    let started = |at: &str| {
        let settings = json!({ "loaded_at": at });
        found(|merchant, seen| {
            merchant["channels"][0]["orders_complete_to"] = json!(null);
            merchant["channels"][0]["scanned_at"] = json!(null);
            seen.settings = Box::leak(Box::new(settings));
            seen.parked = Box::leak(Box::new(rows.clone()));
            seen.slots = Box::leak(Box::new([slot.clone()]));
        })
    };
    assert_snapshot!(started("2026-11-20T08:46:00Z"), @"parked | acme/shopify-us | orders/create set aside: no JSON | channelsync ..");
    assert_snapshot!(started("2026-11-20T08:44:00Z"), @"
    coverage | acme/shopify-us | orders are known to - only | channelsync reconcile --merchant acme shopify-us
    listings | acme/shopify-us | its listings were not read since the start; orders of new ones wait | channelsync check --online --merchant acme; see whether shopify-us is up
    parked | acme/shopify-us | orders/create set aside: no JSON | channelsync ..
    unacknowledged | acme/shopify-us | item 77 at main: 40 should be shown, - is believed, no acknowledged push (free) | channelsync explain --merchant acme shopify-us 101
    ");
}

#[test]
fn many_findings_of_a_kind_and_channel_are_told_as_one() {
    let row = |listing: u32| {
        json!({ "kind": "unmapped", "channel": if listing == 9 { "eu" } else { "us" }, "orders": 1,
                "listing": listing.to_string(), "why": "no SKU", "release": "channelsync map .." })
    };
    let told = |count: u32| {
        let rows: Vec<Value> = (1..=count).map(row).collect();
        found(|_, seen| seen.parked = Box::leak(rows.into_boxed_slice()))
    };
    assert_eq!(told(21).lines().count(), 21);
    assert_snapshot!(told(22), @"
    parked | acme/eu | listing 9 stands for nothing, 1 order waiting: no SKU | channelsync map ..
    parked | acme/us | listing 1 stands for nothing, 1 order waiting: no SKU, and 20 more like it | channelsync map ..; all: channelsync parked --merchant acme
    ");
}

/// R62
#[test]
fn a_slot_without_an_acknowledged_push_is_found_once_it_is_late() {
    let row = |changed_at: &str, expected: Value, state: &str, to_read: bool| {
        json!({ "channel": "shopify-us", "item": "77", "listings": ["101"], "slots": [{
            "location": "main", "number": 7, "number_if_unrouted_here": 8,
            "expected": expected, "state": state, "to_read": to_read,
            "changed_at": changed_at,
        }]})
    };
    let (late, fresh) = ("2026-11-20T08:44:00Z", "2026-11-20T08:46:00Z");
    for (changed_at, expected, state, to_read, is_found) in [
        (late, json!(3), "free", false, true),
        (fresh, json!(3), "free", false, false),
        (late, json!(7), "free", false, false),
        (late, json!(8), "free", false, false),
        (late, json!(9), "free", false, true),
        (late, json!(null), "free", true, true),
        (late, json!(7), "in flight, call 1", false, true),
        (late, json!(7), "in doubt, call 1", false, true),
        (late, json!(3), "parked: refused", false, false),
        (
            late,
            json!(null),
            "not stocked on the channel",
            false,
            false,
        ),
    ] {
        let slots = unsettled(&row(changed_at, expected.clone(), state, to_read));
        let text = found(|_, seen| {
            seen.slots = Box::leak(slots.into_boxed_slice());
        });
        assert_eq!(
            !text.is_empty(),
            is_found,
            "{changed_at} {expected} {state}: {text}"
        );
    }
}

#[test]
fn a_stock_file_that_is_not_taken_for_long_is_found() {
    let failing = |since: &str| {
        found(|merchant, _| {
            let since = Timestamp::parse(since).unwrap();
            merchant["stock_files"] = json!([{
                "location": "annex", "path": "/srv/annex.csv",
                "failing_since": since.to_string(), "failing_since_us": since.0,
                "why": "cannot read /srv/annex.csv: No such file or directory (os error 2)",
            }, { "location": "main", "path": "/srv/main.csv", "failing_since_us": null }]);
        })
    };
    assert_eq!(failing("2026-11-20T08:50:00Z"), "");
    assert_snapshot!(failing("2026-11-20T08:40:00Z"), @"stock-files | acme/annex | since 2026-11-20T08:40:00Z: cannot read /srv/annex.csv: No such file or directory (os error 2) | see what writes /srv/annex.csv; `stock.annex` in the merchant's file");
}
