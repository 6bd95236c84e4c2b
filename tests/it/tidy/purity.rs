//! What decides touches nothing: no runtime, no network, no file, no environment, no clock, no map
//! whose order differs from run to run.

use super::source::Source;

/// Folders and files that decide or translate.
const PURE: &[&str] = &[
    "src/normalize",
    "src/catalog",
    "src/ledger",
    "src/ats",
    "src/outbox/plan",
    "src/reconcile/plan",
    "connectors/shopify/src",
];

const CRATES: &[&str] = &[
    "tokio", "reqwest", "sled", "axum", "hyper", "governor", "rand",
];
const STD: &[&str] = &["fs", "env", "process", "thread"];
const UNORDERED: &[&str] = &["HashMap", "HashSet", "RandomState"];
const TIME: &[&str] = &["SystemTime", "Instant", "Clock", "Rng", "Spawn"];

pub(super) fn impure(source: &Source) -> Vec<String> {
    if !PURE.iter().any(|at| source.is_in(at)) {
        return Vec::new();
    }
    let is_impure = |path: &[String]| {
        let is = |at: usize, names: &[&str]| {
            path.get(at)
                .is_some_and(|name| names.contains(&name.as_str()))
        };
        let reads_clock = path.len() > 1 && path.last().is_some_and(|name| name == "now");
        is(0, CRATES)
            || (is(0, &["std"]) && is(1, STD))
            || (0..path.len()).any(|at| is(at, TIME) || is(at, UNORDERED))
            || reads_clock
    };
    let found = source
        .mentions
        .iter()
        .filter(|mention| !mention.in_test && is_impure(&mention.path));
    found
        .map(|mention| mention.fault(source, "has no place where things are decided"))
        .collect()
}

#[test]
fn impure_samples_are_caught() {
    for text in [
        "use tokio::sync::mpsc;",
        "use std::{collections::BTreeMap, fs::File};",
        "fn a() { std::env::var(\"A\"); }",
        "use std::time::{Duration, SystemTime};",
        "fn a(clock: &dyn Clock) {}",
        "fn a() { jiff::Timestamp::now(); }",
        "fn a() -> sled::Result<()> { b() }",
        "use {reqwest, bytes};",
        "use std::collections::{BTreeMap, HashMap};",
    ] {
        for path in [
            "src/ats/a.rs",
            "src/outbox/plan.rs",
            "connectors/shopify/src/a.rs",
        ] {
            assert!(
                !impure(&Source::read(path, text)).is_empty(),
                "{path}: {text}"
            );
        }
        assert!(
            impure(&Source::read("src/inbox/a.rs", text)).is_empty(),
            "{text}"
        );
    }
    for text in [
        "use std::time::Duration;",
        "#[cfg(test)]\nmod tests { use std::fs; }",
        "// tokio::spawn",
    ] {
        assert!(
            impure(&Source::read("src/ats/a.rs", text)).is_empty(),
            "{text}"
        );
    }
}
