//! R2, R3, R18, R19: whatever arrives of a history, in whatever order, ends with the last read.
//!
//! A channel of its own lives through a random history. Copies of its orders are taken on the way,
//! as webhooks and as reads, some with unknown facets; they arrive permuted, doubled and with losses,
//! then every order is read once. A second ledger sees only those last reads.
//!
//! What the two must have in common: every line's quantities, units on hand and committed per SKU,
//! and per location too where every copy told where its parcels left. Where a copy said that units
//! left and not from where, the ledger took them where they were committed, and that stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use channelsync_contract::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::command::Command;
use super::super::reported::{Change, Happened, OrderReport, PutBack, Source};
use super::super::state::Ledger;
use super::language::run;
use super::shop::{ShopOrder, Without, parcel};
use super::world::World;

const LINES: [&str; 4] = ["MUG", "MUG#2", "CUP", "SET"];
const PLACES: [Option<&str>; 3] = [Some("L1"), Some("L2"), None];

/// What happens to an order.
#[derive(Clone, Copy, Debug)]
enum Act {
    Edit,
    Cancel,
    Drop,
    Fulfill,
    Undo,
    Return,
    Inspect,
    Lose,
    Route,
}

/// One step of a history, and which copies are taken after it.
#[derive(Clone)]
struct Step {
    secs: i64,
    order: usize,
    act: Act,
    line: usize,
    units: u32,
    place: usize,
    copies: Vec<(bool, [bool; 4])>,
}

impl fmt::Debug for Step {
    /// One line a step, so that a failing history can be read.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, place) = (LINES[self.line], PLACES[self.place]);
        write!(
            out,
            "+{} s A{} {:?} {} {line} at {place:?}, copies (is fetch, unknown) {:?}",
            self.secs, self.order, self.act, self.units, self.copies
        )
    }
}

struct Copy {
    source: Source,
    began: Timestamp,
    report: OrderReport,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Edit),
        2 => Just(Act::Cancel),
        1 => Just(Act::Drop),
        4 => Just(Act::Fulfill),
        2 => Just(Act::Undo),
        2 => Just(Act::Return),
        1 => Just(Act::Inspect),
        1 => Just(Act::Lose),
        2 => Just(Act::Route),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let copies = prop::collection::vec((any::<bool>(), any::<[bool; 4]>()), 0..3);
    let step = (
        0..3_i64,
        0..2_usize,
        acts(),
        0..4_usize,
        1..4_u32,
        0..3_usize,
        copies,
    );
    let step = step.prop_map(|(secs, order, act, line, units, place, copies)| Step {
        secs,
        order,
        act,
        line,
        units,
        place,
        copies,
    });
    prop::collection::vec(step, 1..14)
}

fn happen(order: &mut ShopOrder, step: &Step, place: Option<&str>, now: Timestamp) {
    let line = LINES[step.line];
    let back = parcel(line, step.units, place, now);
    match step.act {
        Act::Edit => order.set_open(line, order.open(line) + step.units),
        Act::Cancel => order.set_open(line, order.open(line).saturating_sub(step.units)),
        Act::Drop => {
            order.parcels.retain(|parcel| parcel.line != line);
            order.lines.retain(|known| known.id != line);
        }
        Act::Fulfill => order.fulfill(line, step.units, place, (None, now)),
        Act::Undo => order.undo(line, step.units, None),
        Act::Return => order.take_back(PutBack::Returned, back),
        Act::Inspect => order.take_back(PutBack::Inspect, back),
        Act::Lose => order.take_back(PutBack::Lost, back),
        Act::Route => {
            let place = place.unwrap_or("L2").to_owned();
            for line in &mut order.lines {
                line.routes = Some(vec![(place.clone(), u32::MAX)]);
            }
            return;
        }
    }
    // Versions have whole seconds, and routing does not move them.
    order.version = now;
}

/// Lives through a history; gives the copies taken, the orders and the time at its end.
fn live(
    world: &World,
    steps: &[Step],
    all_known: bool,
) -> (Vec<Copy>, BTreeMap<usize, ShopOrder>, Timestamp) {
    let mut now = world.now;
    let mut orders = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    let mut copies = Vec::new();
    for step in steps {
        now = super::at_slots::later(now, step.secs);
        let fresh = || {
            let mut order = ShopOrder::new(&format!("A{}", step.order), "us", now);
            order.add("MUG", 3);
            order.add("SET", 2);
            order
        };
        let order = orders.entry(step.order).or_insert_with(fresh);
        let place = PLACES[step.place];
        let place = if all_known {
            place.or(Some("L1"))
        } else {
            place
        };
        // A line that was taken out does not come back, and one whose units came back stays.
        let has_returns = order
            .returns
            .iter()
            .any(|(_, back)| back.line == LINES[step.line]);
        let is_drop = matches!(step.act, Act::Drop);
        let is_there = !dropped.contains(&(step.order, step.line));
        if is_there && !(is_drop && has_returns) {
            happen(order, step, place, now);
            if is_drop {
                dropped.insert((step.order, step.line));
            }
        }
        for (is_fetch, unknown) in &step.copies {
            let [lines, shipments, restocks, routes] = unknown.map(|unknown| unknown && !all_known);
            let without = Without {
                lines,
                shipments,
                restocks,
                routes: routes || !is_fetch,
            };
            copies.push(Copy {
                source: if *is_fetch {
                    Source::Fetch
                } else {
                    Source::Webhook
                },
                began: now,
                report: order.report(without),
            });
        }
    }
    (copies, orders, now)
}

fn deliver(world: &mut World, copy: &Copy) {
    let command = Command::Report(Happened {
        channel: "us".into(),
        source: copy.source,
        began: copy.began,
        changes: vec![Change::Order(Box::new(copy.report.clone()))],
        polled: None,
    });
    world.book(&command).unwrap();
}

fn read_last(world: &mut World, orders: &BTreeMap<usize, ShopOrder>, at: Timestamp) {
    world.now = at;
    for order in orders.values() {
        let report = order.report(Without::default());
        deliver(
            world,
            &Copy {
                source: Source::Fetch,
                began: at,
                report,
            },
        );
    }
    let waiting = world.ledger.channels[0].wanted.keys();
    assert_eq!(waiting.count(), 0, "a read that was made is still wanted");
    world.finish();
}

/// Quantities of every line that has any, and what it holds; by location only where asked.
fn lines(ledger: &Ledger, by_location: bool) -> Vec<String> {
    let mut out = Vec::new();
    for (_, id, order) in ledger.channels[0].orders.iter() {
        for line in &order.lines {
            let quantities = (
                line.open.0,
                line.fulfilled.0,
                line.history.0,
                line.restocked().0,
            );

            let mut held: Vec<_> = line
                .held
                .iter()
                .map(|held| (held.sku.0, held.location.0, held.units.0))
                .collect();
            held.sort_unstable();
            if !by_location {
                let sku = |sku: u32| line.held_of(crate::catalog::SkuIx(sku)).0;
                held = (0..2).map(|number| (number, 0, sku(number))).collect();
            }
            if quantities != (0, 0, 0, 0) {
                let back = line.told();
                out.push(format!("{id} {} {quantities:?} {held:?} {back:?}", line.id));
            }
        }
    }
    out.sort_unstable();
    out
}

fn on_hand(ledger: &Ledger, by_location: bool) -> BTreeMap<String, (u32, u32, u32)> {
    let mut sums: BTreeMap<String, (u32, u32, u32)> = BTreeMap::new();
    for (_, sku, row) in ledger.skus.iter() {
        for stock in &row.stocks {
            let location = ledger.location_id(stock.location);
            let key = if by_location {
                format!("{sku} {location}")
            } else {
                sku.to_string()
            };
            let sum = sums.entry(key).or_default();
            sum.0 += stock.balance.on_hand().0;
            sum.1 += stock.balance.committed.0;
            sum.2 += stock.balance.unavailable.0;
        }
    }
    sums
}

fn shop(from: i64) -> World {
    run(&format!(
        "channel us main=L1 east=L2 from={from}
        receive MUG 1000
        receive CUP 1000
        receive MUG 1000 at=east
        receive CUP 1000 at=east
        list us MUG
        list us CUP
        list us SET sku=
        map SET MUG=2 CUP=1"
    ))
}

/// One history: the steps, when the books opened, and which copies arrive in which order.
fn converges(steps: &[Step], from: i64, arrivals: &[Index], all_known: bool) {
    let mut world = shop(from);
    let (copies, orders, end) = live(&world, steps, all_known);
    let mut reference = shop(from);
    let last = super::at_slots::later(end, 1_000);
    read_last(&mut reference, &orders, last);
    world.now = end;
    for arrival in arrivals.iter().filter(|_| !copies.is_empty()) {
        world.now = super::at_slots::later(world.now, 1);
        deliver(&mut world, arrival.get(&copies));
    }
    read_last(&mut world, &orders, last);
    assert_eq!(
        lines(&world.ledger, all_known),
        lines(&reference.ledger, all_known)
    );
    assert_eq!(
        on_hand(&world.ledger, all_known),
        on_hand(&reference.ledger, all_known)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// R2
    #[test]
    fn any_arrival_of_complete_copies_ends_in_the_same_ledger(
        steps in steps(), arrivals in prop::collection::vec(any::<Index>(), 0..16)
    ) {
        converges(&steps, 0, &arrivals, true);
    }

    /// R19
    #[test]
    fn any_arrival_of_partial_copies_ends_in_the_same_sums(
        steps in steps(), arrivals in prop::collection::vec(any::<Index>(), 0..16)
    ) {
        converges(&steps, 0, &arrivals, false);
    }

    /// R18
    #[test]
    fn any_arrival_over_the_opening_of_the_books_ends_in_the_same_sums(
        steps in steps(), from in 535..555_i64, arrivals in prop::collection::vec(any::<Index>(), 0..16)
    ) {
        converges(&steps, from, &arrivals, false);
    }
}
