//! The account that `explain` gives: each figure with the entry that set it.

use std::fmt::Write as _;

use serde_json::Value;

use super::table::{cell, elements};

/// An explanation, as the daemon gives it, for people.
pub(super) fn account(explained: &Value) -> String {
    let mut text = format!(
        "listing {} on {}, as of entry {}\n\n",
        cell(&explained["listing"]),
        cell(&explained["channel"]),
        cell(&explained["seq"]),
    );
    let parts = elements(&explained["parts"]);
    write(&mut text, 0, "stands for", mapped(parts, explained));
    for part in parts {
        stock(&mut text, part);
    }
    stopped(&mut text, explained);
    if let Some(why) = explained["no_number"].as_str() {
        write(
            &mut text,
            0,
            "no number, so nothing is pushed",
            cell(&why.into()),
        );
        return text.trim_end().to_owned();
    }
    let held = &explained["interlock"];
    if held.is_object() {
        let (why, by) = (cell(&held["why"]), entry(&held["entry"]));
        let value = format!("{why}, {by}; `channelsync release` lets the channel go on");
        write(&mut text, 0, "held back", value);
        let allowed = cell(&held["allowed"]);
        write(
            &mut text,
            1,
            "whole listings it may show until then",
            allowed,
        );
    }
    write(&mut text, 0, "rules", entry(&explained["rules_by_entry"]));
    for part in parts {
        write(&mut text, 1, &cell(&part["sku"]), rules(&part["rules"]));
    }
    write(
        &mut text,
        0,
        "whole listings beyond what is withheld",
        String::new(),
    );
    for pool in elements(&explained["pools"]) {
        write(&mut text, 1, &cell(&pool[0]), cell(&pool[1]));
    }
    write(&mut text, 1, "together", cell(&explained["pool"]));
    steps(&mut text, explained);
    guard(&mut text, explained);
    let unplaced = explained["own_unplaced"].as_u64().unwrap_or(0);
    if unplaced > 0 {
        let what = "own open units that the channel has not routed yet";
        write(&mut text, 1, what, unplaced.to_string());
    }
    write(&mut text, 0, "slots", String::new());
    for slot in elements(&explained["slots"]) {
        self::slot(&mut text, slot);
    }
    text.trim_end().to_owned()
}

/// What the rules make of what is there.
fn steps(text: &mut String, explained: &Value) {
    let steps = &explained["steps"];
    if steps["is_low"] == true {
        write(text, 1, "that is low stock", "its rules hold".to_owned());
    }
    let shared = match &steps["split"] {
        Value::Null => "after the share",
        _ => "guarded, so each unit on one channel only; its share",
    };
    for (step, what) in [
        ("shared", shared),
        ("capped", "after the cap"),
        ("cased", "in whole cases"),
        ("shown", "after the minimum"),
    ] {
        write(text, 1, what, cell(&steps[step]));
    }
    write(text, 1, "target", cell(&explained["target"]));
}

/// Who may still sell what is not raised for it.
fn guard(text: &mut String, explained: &Value) {
    let sellers = elements(&explained["guard"]);
    if sellers.is_empty() {
        return;
    }
    let why = "until orders of the time when more was shown are known";
    write(text, 0, "not raised to its number", why.to_owned());
    for seller in sellers {
        let (sku, channel) = (cell(&seller["sku"]), cell(&seller["channel"]));
        let units = match &seller["units"] {
            Value::Null => "nobody knows how many".to_owned(),
            units => cell(units),
        };
        let known = seller["orders_known_to"].as_str().unwrap_or("-");
        let figures = format!(
            "{units} of {} free; orders known to {known}",
            cell(&seller["free"])
        );
        write(text, 1, &format!("{channel} may sell of {sku}"), figures);
    }
}

/// What a person stopped.
fn stopped(text: &mut String, explained: &Value) {
    let frozen = &explained["frozen"];
    if frozen.is_object() {
        let (reason, by) = (cell(&frozen["reason"]), entry(&frozen["entry"]));
        let help = "`channelsync freeze` says how to undo it";
        write(
            text,
            0,
            "frozen, so none is shown",
            format!("{reason}, {by}; {help}"),
        );
    }
    if let Some(at) = explained["retired_at"].as_str() {
        write(
            text,
            0,
            "the channel is retired, so none is shown",
            format!("since {at}"),
        );
    }
}

fn write(text: &mut String, depth: usize, what: &str, value: String) {
    let indent = "  ".repeat(depth);
    let value = if value.is_empty() {
        value
    } else {
        format!(" {value}")
    };
    let written = writeln!(text, "{indent}{what}:{value}");
    written.expect("a text takes everything");
}

fn entry(number: &Value) -> String {
    format!("entry {}", cell(number))
}

fn mapped(parts: &[Value], explained: &Value) -> String {
    let part = |part: &Value| format!("{} × {}", cell(&part["units"]), cell(&part["sku"]));
    let all: Vec<String> = parts.iter().map(part).collect();
    let all = if all.is_empty() {
        "nothing".to_owned()
    } else {
        all.join(" + ")
    };
    format!("{all}, entry {}", cell(&explained["mapped_by_entry"]))
}

fn stock(text: &mut String, part: &Value) {
    write(
        text,
        1,
        &format!("stock of {}", cell(&part["sku"])),
        String::new(),
    );
    for here in elements(&part["stock"]) {
        let never = if here["counted"] == false {
            ", never counted"
        } else {
            ""
        };
        let master = here["master"].as_str();
        let master = master.map_or(String::new(), |who| format!(", master {who}"));
        let figures = format!(
            "available {}, committed {}, unavailable {}{never}, {}{master}",
            cell(&here["available"]),
            cell(&here["committed"]),
            cell(&here["unavailable"]),
            entry(&here["entry"]),
        );
        write(text, 2, &cell(&here["location"]), figures);
    }
    for held in elements(&part["committed"]) {
        let (name, order) = (cell(&held["name"]), cell(&held["order"]));
        let what = format!("order {name} ({order}) on {}", cell(&held["channel"]));
        let (units, location) = (cell(&held["units"]), cell(&held["location"]));
        let figures = format!("{units} committed at {location}, {}", entry(&held["entry"]));
        write(text, 2, &what, figures);
    }
    for rule in elements(&part["set_aside"]) {
        let [units, sold, left] = ["units", "sold", "left"].map(|key| cell(&rule[key]));
        let what = format!("set aside for {}", cell(&rule["channel"]));
        let figures = format!(
            "{units}, {sold} sold since, {left} kept for it, {}",
            entry(&rule["entry"])
        );
        write(text, 2, &what, figures);
    }
    if part["backordered"].as_u64().unwrap_or(0) > 0 {
        write(text, 2, "owed beyond that", cell(&part["backordered"]));
    }
}

/// Rules that hold: the usual ones always, the others where somebody set them.
fn rules(rules: &Value) -> String {
    let rule = |(key, name, is_usual): (&str, &str, bool)| {
        let won = &rules[key];
        if !is_usual && (won.is_null() || won["level"] == "default") {
            return None;
        }
        let value = match &won["value"] {
            Value::Null => "none".to_owned(),
            Value::Array(names) => names.iter().map(cell).collect::<Vec<_>>().join(" + "),
            value => cell(value),
        };
        let level = cell(&won["level"]).replace('_', " ");
        let by = won["entry"].as_u64();
        let by = by.map_or(String::new(), |entry| format!(", entry {entry}"));
        Some(format!("{name} {value} ({level}{by})"))
    };
    let all = [
        ("safety_stock_units", "safety stock", true),
        ("share_percent", "share %", true),
        ("cap_units", "cap", true),
        ("case_units", "cases of", false),
        ("min_units", "minimum", true),
        ("low_stock_units", "low stock up to", false),
        ("low_share_percent", "then share %", false),
        ("low_cap_units", "then cap", false),
        ("low_min_units", "then minimum", false),
        ("policy", "policy", false),
        ("guard_below_units", "guarded below", false),
        ("split_kits", "split kits", true),
        ("locations", "only at", false),
    ];
    all.into_iter()
        .filter_map(rule)
        .collect::<Vec<_>>()
        .join(", ")
}

fn slot(text: &mut String, slot: &Value) {
    let item = cell(&slot["slot"]["item"]);
    let name = match slot["slot"]["location"].as_str() {
        Some(location) => format!("{item}@{}", cell(&location.into())),
        None => item,
    };
    let (low, high) = (cell(&slot["low"]), cell(&slot["high"]));
    let number = if low == high {
        low
    } else {
        format!("{low} to {high}")
    };
    let terms = format!(
        "{number}; of the target {}, own open units here {}, unsellable here {}",
        cell(&slot["part"]),
        cell(&slot["own"]),
        cell(&slot["unsellable"]),
    );
    write(text, 1, &name, terms);
    write(text, 2, "believed to hold", cell(&slot["expected"]));
    write(
        text,
        2,
        "last confirmed write",
        with_entry(&slot["confirmed"]),
    );
    write(text, 2, "last reading", with_entry(&slot["shown"]));
    if let Some(what) = slot["waits"].as_str() {
        write(text, 2, "waits for", cell(&what.into()));
    }
}

fn with_entry(pair: &Value) -> String {
    match pair {
        Value::Null => "none yet".to_owned(),
        pair => format!("{}, {}", cell(&pair[0]), entry(&pair[1])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    fn explained() -> Value {
        let won = |value: Value, level| json!({ "value": value, "level": level });
        json!({
            "channel": "shopify-us", "listing": "101", "seq": 57, "mapped_by_entry": 3,
            "rules_by_entry": 1, "no_number": null, "pools": [["main", 5]], "pool": 5,
            "target": 5, "own_unplaced": 1,
            "steps": { "is_low": true, "shared": 5, "capped": 5, "cased": 5, "shown": 5 },
            "parts": [{
                "sku": "MUG-RED", "units": 1, "backordered": 2,
                "rules": {
                    "safety_stock_units": won(json!(2), "sku_on_channel"),
                    "share_percent": won(json!(100), "default"),
                    "cap_units": won(json!(null), "default"),
                    "case_units": won(json!(1), "default"),
                    "low_stock_units": json!({ "value": 9, "level": "channel", "entry": 31 }),
                    "locations": won(json!(["main", "annex"]), "merchant"),
                    "min_units": won(json!(0), "default"),
                    "split_kits": won(json!(false), "default"),
                },
                "stock": [
                    { "location": "main", "available": 7, "committed": 3, "unavailable": 0,
                      "counted": true, "entry": 55 },
                    { "location": "annex", "available": 0, "committed": 0, "unavailable": 0,
                      "counted": false, "entry": 20 },
                ],
                "committed": [{ "channel": "shopify-us", "order": "450", "name": "#1001",
                    "location": "main", "units": 3, "entry": 55 }],
            }],
            "slots": [{
                "slot": { "item": "77", "location": "101" }, "part": 5, "own": 3,
                "unsellable": 0, "low": 8, "high": 9, "expected": 8, "confirmed": [8, 40],
                "shown": null, "waits": "the channel to route open orders",
            }],
        })
    }

    #[test]
    fn every_figure_has_its_entry() {
        assert_snapshot!(account(&explained()), @r"
        listing 101 on shopify-us, as of entry 57

        stands for: 1 × MUG-RED, entry 3
          stock of MUG-RED:
            main: available 7, committed 3, unavailable 0, entry 55
            annex: available 0, committed 0, unavailable 0, never counted, entry 20
            order #1001 (450) on shopify-us: 3 committed at main, entry 55
            owed beyond that: 2
        rules: entry 1
          MUG-RED: safety stock 2 (sku on channel), share % 100 (default), cap none (default), minimum 0 (default), low stock up to 9 (channel, entry 31), split kits no (default), only at main + annex (merchant)
        whole listings beyond what is withheld:
          main: 5
          together: 5
          that is low stock: its rules hold
          after the share: 5
          after the cap: 5
          in whole cases: 5
          after the minimum: 5
          target: 5
          own open units that the channel has not routed yet: 1
        slots:
          77@101: 8 to 9; of the target 5, own open units here 3, unsellable here 0
            believed to hold: 8
            last confirmed write: 8, entry 40
            last reading: none yet
            waits for: the channel to route open orders
        ");
    }

    #[test]
    fn a_listing_without_number_says_why() {
        let mut unmapped = explained();
        unmapped["no_number"] = json!("not mapped: no SKU MUG-RED was ever booked");
        unmapped["parts"] = json!([]);
        assert_snapshot!(account(&unmapped), @r"
        listing 101 on shopify-us, as of entry 57

        stands for: nothing, entry 3
        no number, so nothing is pushed: not mapped: no SKU MUG-RED was ever booked
        ");
    }
}
