//! The very same daemon against doubles in process, on a paused clock, from one seed.
//!
//! Requests and webhooks get lost, doubled, late; the disk fails; the daemon is dropped between any
//! two polls and after any commit, and lives again on what the disk kept. At rest the shops' own
//! truth is compared with the ledger. `SIM_FROM=7 SIM_SEEDS=1` plays one seed, `SIM_TRACE=1` tells
//! every step of it, and `SIM_SHRINK=1` the smallest plan that fails, where it does.

mod adopt;
mod audit;
mod backups;
mod bulk;
mod by_hand;
mod exposure;
mod fragile;
mod history;
mod kits;
mod machine;
mod masters;
mod merchant;
mod mishaps;
mod orders_in;
mod parcels;
mod plan;
mod post;
mod pushes;
mod restored;
mod retired;
mod returns;
mod run;
mod safety;
mod scene;
mod setup;
mod shrink;
mod stock;
mod stock_files;
mod tasks;
mod trace;
mod uninstalled;
mod wire;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Duration;

use plan::Plan;
use run::{Report, play};

pub(crate) use run::in_no_time;
pub(crate) use wire::PausedClock;

/// Played when nothing else is asked for.
const SEEDS: u64 = 40;

/// The same on channels that show what is written.
const NET_SEEDS: u64 = 12;

/// The same where all is guarded.
const GUARDED_SEEDS: u64 = 12;

/// Seeds that once found a bug there.
const NET_REGRESSIONS: &[u64] = &[27, 39, 51, 111, 232];

/// Seeds that once found a bug.
const REGRESSIONS: &[u64] = &[1, 3, 12, 26, 232, 347];

/// What must have happened somewhere in a batch of the usual size.
const SOMETIMES: &[&str] = &[
    "answer late",
    "answer spoiled",
    "answer to nobody",
    "backup restored",
    "buyer refused",
    "command entered again",
    "command refused",
    "command repeated after a crash",
    "command repeated without effect",
    "crash between two polls",
    "crash during a write",
    "disk full",
    "effect without an answer",
    "frozen",
    "fulfillment order moved",
    "kits mapped",
    "limit changed",
    "order cancelled",
    "order edited",
    "page with more behind it",
    "parcel recorded without an answer",
    "parcel told",
    "parcel waits for a person",
    "request arrived after its caller was gone",
    "request late",
    "request lost",
    "request lost with its caller",
    "request timed out",
    "server error by fault",
    "settings reloaded",
    "shipped by us",
    "snapshot taken",
    "subscription made again",
    "subscription deleted",
    "throttled by fault",
    "token refused",
    "units disposed of",
    "webhook altered",
    "webhook at another door",
    "webhook doubled",
    "webhook lost",
    "webhook refused",
    "webhook repeated later",
    "webhook when all was over",
    "webhook while the daemon was down",
    "write failed",
    "write in hand kept",
    "write in hand torn",
];

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Panics in this thread so far; a daemon catches those of its tasks.
fn panics() -> u32 {
    PANICS.get()
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.set(0);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a seed; a finding fails the test with all that is needed to repeat it.
fn judge(plan: &Plan) -> Result<Report, String> {
    count_panics();
    let seed = plan.seed;
    let report = play(plan.clone());
    if report.found.is_empty() {
        return Ok(report);
    }
    let (found, tail) = (report.found.join("\n  "), report.tail.join("\n  "));
    let mut plan = plan.clone();
    if std::env::var_os("SIM_SHRINK").is_some() {
        plan = shrink::shrink(&plan, |plan| !play(plan.clone()).found.is_empty());
    }
    Err(format!(
        "seed {seed} after {} s:\n  {found}\n{plan:#?}\n  {tail}\nrepeat it with SIM_FROM={seed} \
         SIM_SEEDS=1 SIM_TRACE=1 cargo test --test it sim::seeds -- --nocapture\n",
        report.simulated.as_secs()
    ))
}

#[test]
#[expect(clippy::print_stderr, reason = "a long batch says where it is")]
fn seeds_come_to_rest_with_a_clean_audit() {
    let (from, count) = (number("SIM_FROM").unwrap_or(1), number("SIM_SEEDS"));
    let aloud = std::env::var_os("SIM_COUNTS").is_some();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut failed, mut simulated) = (Vec::new(), Duration::ZERO);
    for seed in from..from + count.unwrap_or(SEEDS) {
        match judge(&Plan::of(seed)) {
            Ok(report) => {
                simulated += report.simulated;
                for (what, times) in report.counts {
                    *counts.entry(what).or_default() += times;
                }
            }
            Err(why) => {
                eprintln!("{why}");
                failed.push(seed);
            }
        }
    }
    if aloud {
        eprintln!("{} s simulated, {counts:#?}", simulated.as_secs());
    }
    assert!(failed.is_empty(), "seeds failed: {failed:?}");
    let is_absent = |what: &&&str| counts.get(**what).is_none_or(|times| *times == 0);
    let never: Vec<_> = SOMETIMES.iter().filter(is_absent).collect();
    assert!(
        count.is_some() || never.is_empty(),
        "never happened: {never:?} of {counts:#?}"
    );
}

/// R46: here a channel shows what is written, and its own sales lower that.
#[test]
fn seeds_come_to_rest_where_what_may_be_sold_is_set() {
    let (from, count) = (number("SIM_FROM").unwrap_or(1), number("SIM_SEEDS"));
    let plans = (from..from + count.unwrap_or(NET_SEEDS)).map(Plan::of);
    let known = NET_REGRESSIONS
        .iter()
        .map(|seed| Plan::without_mishaps(*seed));
    for plan in plans.chain(known.filter(|_| count.is_none())) {
        let plan = Plan {
            quantity_name: "available",
            ..plan
        };
        if let Err(why) = judge(&plan) {
            panic!("{why}");
        }
    }
}

/// R30: nothing is oversold where every unit stands on one shop only.
#[test]
fn seeds_are_not_oversold_where_all_is_guarded() {
    let (from, count) = (number("SIM_FROM").unwrap_or(1), number("SIM_SEEDS"));
    for seed in from..from + count.unwrap_or(GUARDED_SEEDS) {
        let mut plan = Plan::guarded(seed);
        if seed.is_multiple_of(3) {
            plan.quantity_name = "available";
        }
        if let Err(why) = judge(&plan) {
            panic!("{why}");
        }
    }
}

#[test]
fn seeds_that_once_failed_stay_mended() {
    for seed in REGRESSIONS {
        if let Err(why) = judge(&Plan::without_mishaps(*seed)) {
            panic!("{why}");
        }
    }
}

#[test]
fn one_seed_gives_one_trace() {
    for seed in [3, 4] {
        let (one, two) = (play(Plan::of(seed)), play(Plan::of(seed)));
        assert_eq!(one.hash, two.hash, "seed {seed}");
    }
}
