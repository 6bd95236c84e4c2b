//! Random scripts: whatever people and channels do, what `checks` names holds after every entry.
//!
//! Stock is short, so that orders wait, lose units and get them back. A repeated command books
//! nothing, no entry of `decide` makes `evolve` panic, and the journal replays to the same ledger:
//! all that is part of running a script.

use proptest::prelude::*;

use super::language::run;

const SETUP: &str = "
    channel us main=L1 east=L2
    channel eu east=E1 priority=1 from=600
    receive MUG 4
    receive CUP 2 at=east
    list us SET sku=
    map SET MUG=2 CUP=1
    list us JUG
";

fn word(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

fn listing() -> impl Strategy<Value = &'static str> {
    word(&["MUG", "CUP", "SET", "MUG#2", "JUG", "SET#2"])
}

fn order() -> impl Strategy<Value = &'static str> {
    word(&["A0", "A1", "A2", "B0", "B1"])
}

fn place() -> impl Strategy<Value = &'static str> {
    word(&["", "place=L1", "place=L2", "place=E1", "place=L9"])
}

/// How the channel tells of it, if it does.
fn telling() -> impl Strategy<Value = &'static str> {
    word(&[
        "",
        "",
        "by=webhook",
        "quiet",
        "quiet",
        "without=routes",
        "without=shipments",
        "without=restocks",
        "without=lines",
    ])
}

fn stock_line() -> impl Strategy<Value = String> {
    let sku = word(&["MUG", "CUP", "JUG", "RED"]);
    let location = word(&["main", "east"]);
    (0..9, sku, 0..5_i32, location).prop_map(|(verb, sku, units, location)| match verb {
        0 => format!("receive {sku} {units} at={location}"),
        1 => format!("count {sku} {units} at={location}"),
        2 => format!("adjust {sku} {} at={location}", units - 3),
        3 => format!("import counts {sku} {units} MUG {units} at={location}"),
        4 => format!("hold {sku} {units} at={location}"),
        5 => format!("unhold {sku} {units} at={location}"),
        6 => format!("send {sku} {units} at={location} to=main"),
        7 => format!("arrive {sku} {units} at={location}"),
        _ => format!("miss {sku} {units} at={location}"),
    })
}

fn order_line() -> impl Strategy<Value = String> {
    let verb = word(&[
        "edit",
        "cancel",
        "fulfill",
        "undo",
        "return",
        "inspect",
        "take-back",
        "ship",
        "fulfill",
    ]);
    (verb, order(), listing(), 0..4_u32, place(), telling()).prop_map(
        |(verb, order, line, units, place, telling)| match (verb, units) {
            ("ship" | "take-back", 0) => format!("{verb} {order}"),
            ("take-back", units) => format!("take-back {order} {line} {units} at=east"),
            ("ship", units) => format!("ship {order} {line} {units}"),
            ("inspect", units) => {
                format!("return {order} {line} {units} as=inspect {place} {telling}")
            }
            ("cancel" | "fulfill" | "undo", 0) => format!("{verb} {order} {place} {telling}"),
            (verb, units) => format!("{verb} {order} {line} {units} {place} {telling}"),
        },
    )
}

fn told_line() -> impl Strategy<Value = String> {
    let place = word(&["L1", "L2", "L9", "L1:1 L2:1"]);
    (0..9, order(), place, telling()).prop_map(|(verb, order, place, telling)| match verb {
        0 => format!("tell {order} {telling}"),
        1 => format!("save {order} copy"),
        2 => format!("deliver copy {telling}"),
        3 => format!("hint {order} same"),
        4 => format!("absent {order}"),
        5 => "page A2 A0 A1 A0".to_owned(),
        6 => "page B1 B0 without=routes".to_owned(),
        _ => format!("route {order} MUG {place} {telling}"),
    })
}

fn desk_line() -> impl Strategy<Value = String> {
    word(&[
        "map SET MUG=1 CUP=2",
        "map SET MUG=2",
        "map SET",
        "map JUG MUG=1",
        "map JUG RED=3",
        "list us RED sku=JUG",
        "channel us main=L1",
        "channel us main=L1 east=L2 manual",
        "channel us main=L1 east=L2",
        "channel us east=L2 main=L1",
        "channel eu east=E1 main=E2",
        "rename RED JUG merge",
        "rename JUG MUG merge",
        "rename MUG CUP merge",
        "rename CUP RED",
        "rename RED CUP",
        "buy P1 MUG 3 RED 1",
        "came P1",
        "came P1 CUP 2",
        "drop-po P1",
        "let-go 0",
        "let-go 240",
        "dismiss A0",
        "channel us main=L1 east=L2 net",
        "wait 7",
    ])
    .prop_map(str::to_owned)
}

fn slot_line() -> impl Strategy<Value = String> {
    let verb = word(&["push", "pushed", "shown", "doubt", "reread", "release"]);
    let slot = (word(&["MUG", "CUP"]), word(&["place=L1", "place=L2"]));
    let outcomes = word(&[
        "applied",
        "stale",
        "refused",
        "not_applied",
        "in_doubt",
        "accepted",
    ]);
    (verb, slot, outcomes, 1..4_u32, -200..1_i32).prop_map(
        |(verb, (item, place), outcome, number, began)| match verb {
            "push" => format!("push c{number} {item} {number} {place} expect={number}"),
            "pushed" => format!("pushed c{number} {outcome}"),
            "shown" => format!("shown {item} {number} {place} began={began} complete={began}"),
            verb => format!("{verb} {item} {place}"),
        },
    )
}

fn parcel_line() -> impl Strategy<Value = String> {
    let word = word(&[
        "sending",
        "sending",
        "doubt",
        "changed",
        "refused",
        "unsent",
        "again",
        "take-back",
        "done=P1",
        "done=P2",
        "done=P3",
        "track=T2",
    ]);
    (order(), 1..4_u32, word).prop_map(|(order, parcel, word)| match (parcel, word) {
        (3, "again") => format!("keep {order} why=fraud"),
        (3, "take-back") => format!("let {order}"),
        _ => format!("parcel {order} {parcel} {word}"),
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => parcel_line(),
        4 => stock_line(),
        8 => order_line(),
        3 => told_line(),
        1 => desk_line(),
        2 => slot_line(),
    ]
}

/// Orders that every script has, so that lines about orders find them.
fn orders() -> impl Strategy<Value = Vec<String>> {
    let order = |name: &'static str, channel: &'static str| {
        let lines = (listing(), 1..4_u32, listing(), 1..4_u32);
        (lines, -900..1_i32, telling()).prop_map(
            move |((one, units, two, more), placed, telling)| {
                let two = if one == two { "TEA" } else { two };
                format!(
                    "order {name} {one} {units} {two} {more} on={channel} placed={placed} {telling}"
                )
            },
        )
    };
    let names = ["A0", "A1", "A2"].map(|name| order(name, "us").boxed());
    let others = ["B0", "B1"].map(|name| order(name, "eu").boxed());
    names.into_iter().chain(others).collect::<Vec<_>>()
}

/// A copy to deliver that nobody saved is left out; the language would not know it.
fn script(orders: &[String], lines: &[String]) -> String {
    let mut has_copy = false;
    let mut kept = vec![SETUP.to_owned()];
    kept.extend(orders.iter().cloned());
    for line in lines {
        has_copy |= line.starts_with("save");
        if has_copy || !line.starts_with("deliver") {
            kept.push(line.clone());
        }
    }
    kept.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// R22
    #[test]
    fn any_script_keeps_the_book(
        orders in orders(), lines in prop::collection::vec(line(), 1..40)
    ) {
        run(&script(&orders, &lines));
    }
}
