//! The ledger in memory: how many orders one thread decides and applies.
//!
//! 1 M SKUs with text keys on four channels, orders of three lines. Orders are made between the
//! measured stretches, as the inbox would have made them; what is measured is `decide` and `evolve`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::float_arithmetic, reason = "figures are for people")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "common/core.rs"]
mod core_time;
#[path = "common/memory.rs"]
mod memory;
#[path = "common/orders.rs"]
mod orders;
#[path = "common/sheet.rs"]
mod sheet;
#[path = "common/world.rs"]
mod world;

use std::time::{Duration, Instant};

use channelsync::ledger::{Command, Entry, Happened, Ledger, decide, evolve, verify};
use core_time::on_core;
use memory::memory;
use orders::{Shoppers, shipped};
use sheet::{Sheet, full_size, per_second};
use world::{START, Size};

/// Orders made and then measured in one go.
const STRETCH: u64 = 10_000;

fn main() {
    let (skus, stretches) = if full_size() {
        (1_000_000, 100)
    } else {
        (1_000, 3)
    };
    let size = Size { skus, channels: 4 };
    let mut sheet = Sheet::new("ledger");
    let before = memory().now;
    let began = Instant::now();
    let mut ledger = world::ledger(size, drop);
    sheet.figure("built_seconds", began.elapsed().as_secs_f64());
    let built = memory().now;
    sheet.figure("skus_and_listings_mib", built - before);

    let mut shoppers = Shoppers::new(size, 7);
    let (mut placing, mut shipping) = (Vec::new(), Vec::new());
    for _ in 0..stretches {
        let placed: Vec<Happened> = (0..STRETCH).map(|_| shoppers.order()).collect();
        // One in ten ships, so that most orders stay open.
        let gone: Vec<Happened> = placed.iter().step_by(10).map(shipped).collect();
        placing.push(stretch(&mut ledger, placed));
        shipping.push(stretch(&mut ledger, gone));
    }
    sheet.figure(
        "orders",
        per_second(stretches * STRETCH, Duration::from_secs(1)),
    );
    rates(&mut sheet, "orders", STRETCH, placing);
    rates(&mut sheet, "shipments", STRETCH / 10, shipping);
    let after = memory();
    sheet.figure("orders_mib", after.now - built);
    sheet.figure("most_mib", after.most);
    assert!(verify(&ledger).is_empty(), "the books are right");
    sheet.finish();
}

/// How long a stretch took by the clock, and on a core.
type Took = (Duration, Duration);

/// Books all of them.
fn stretch(ledger: &mut Ledger, reports: Vec<Happened>) -> Took {
    let commands: Vec<Command> = reports.into_iter().map(Command::Report).collect();
    let (began, core) = (Instant::now(), on_core());
    for command in &commands {
        book(ledger, command);
    }
    (began.elapsed(), on_core().saturating_sub(core))
}

/// Over all stretches, of the median stretch, and without what others took of the core.
fn rates(sheet: &mut Sheet, name: &str, each: u64, mut took: Vec<Took>) {
    took.sort_unstable();
    let all = each * u64::try_from(took.len()).unwrap_or_default();
    let (median, _) = took[took.len() / 2];
    let clock = took.iter().map(|(clock, _)| *clock).sum();
    let core = took.iter().map(|(_, core)| *core).sum();
    sheet.figure(&format!("{name}_per_second"), per_second(all, clock));
    sheet.figure(
        &format!("{name}_per_second_median"),
        per_second(each, median),
    );
    sheet.figure(&format!("{name}_per_core_second"), per_second(all, core));
}

fn book(ledger: &mut Ledger, command: &Command) {
    let draft = decide(ledger, command, START).expect("an order is never refused");
    let entry = Entry {
        seq: ledger.seq + 1,
        at: START,
        actor: String::new(),
        cause: String::new(),
        movements: draft.movements,
        facts: draft.facts,
    };
    std::hint::black_box(evolve(ledger, &entry));
}
