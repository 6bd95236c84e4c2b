//! Receipts, counts, adjustments, imports.

use channelsync_contract::units::Units;
use insta::assert_snapshot;

use super::super::entry::{Entry, Movement, Place};
use super::super::evolve::evolve;
use super::checks;
use super::language::{replay, run};

#[test]
fn stock_is_received_counted_and_adjusted() {
    assert_snapshot!(replay("
        receive MUG 5
        count MUG 7
        count MUG 7
        adjust MUG -2
        adjust MUG 1
        adjust MUG -7
        book
        adjust MUG 0
        adjust MUG -9999999999
        receive MUG 0
        receive MUG 1 at=moon
        count MUG 0
        adjust MUG -1
        count CUP 0
        adjust JUG -1
    "), @r"
    line 6 refused: MUG at main: 7 to be taken off, 6 there
        MUG  main  available 6
    line 8 refused: an adjustment by 0 units
    line 9 refused: -9999999999 units are too many
    line 10 refused: a receipt of 0 units
    line 11 refused: unknown location moon; the merchant's file lists the locations
    line 13 refused: MUG at main: 1 to be taken off, 0 there
    line 15 refused: JUG at main: 1 to be taken off, 0 there
    MUG  main  empty
    CUP  main  empty
    ");
}

#[test]
fn held_units_are_not_for_sale_until_they_are_freed_or_written_off() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 4
        hold MUG 3
        book
        unhold MUG 1
        write-off MUG 1
        write-off MUG 2
        hold MUG 9
        hold MUG 0
        unhold CUP 1
    "), @r"
    line 3 notes: 2 MUG at main taken from orders
        MUG  main  committed 2  unavailable 3
        A1 MUG  open 4  held main 2  owed MUG 2
    line 7 refused: MUG at main: 2 to be taken off, 1 there
    line 8 refused: MUG at main: 9 to be taken off, 3 there
    line 9 refused: a move of 0 units
    line 10 refused: CUP at main: 1 to be taken off, 0 there
    MUG  main  committed 3  unavailable 1
    A1 MUG  open 4  held main 3  owed MUG 1
    ");
}

#[test]
fn a_transfer_is_in_transit_until_it_arrives_or_is_lost() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 6
        order A1 MUG 2 place=L2
        send MUG 6 to=east
        book
        arrive MUG 3 at=east
        miss MUG 1 at=east
        arrive MUG 5 at=east
        send MUG 1 at=east to=east
        send MUG 1 at=east to=moon
    "), @r"
    line 4 notes: 2 MUG at main taken from orders
        MUG  main  empty
        MUG  east  empty  in transit 6
        A1 MUG  open 2  owed MUG 2
    line 8 refused: MUG at east: 5 to be taken off, 2 there
    line 9 refused: east is where they are
    line 10 refused: unknown location moon; the merchant's file lists the locations
    MUG  main  empty
    MUG  east  available 1  committed 2  in transit 2
    A1 MUG  open 2  held east 2
    ");
}

#[test]
fn units_beyond_all_measure_are_a_slip_of_the_pen() {
    assert_snapshot!(replay("
        receive MUG 4000000000
        receive MUG 1000000000
        receive MUG 1
        adjust MUG 1
        count MUG 1000000001
        receive CUP 10
        list us CRATE sku=
        map CRATE CUP=1000
        order A1 CRATE 4000000000
        order A2 CRATE 4000000000
        fulfill A2
        undo A2
        cancel A1
        cancel A2
    "), @r"
    line 1 refused: MUG at main: 4000000000 more make over 1000000000 units
    line 3 refused: MUG at main: 1 more make over 1000000000 units
    line 4 refused: MUG at main: 1 more make over 1000000000 units
    line 5 refused: MUG at main: 1 more make over 1000000000 units
    line 11 notes: 10 CUP at main taken from orders
    line 11 notes: 999999990 CUP missing at main
    MUG  main  available 1000000000
    CUP  main  available 1000000000
    A1  cancelled
    A1 CRATE
    A2  cancelled
    A2 CRATE
    ");
}

/// R69
#[test]
fn more_units_than_can_be_counted_leave_at_once_and_come_back() {
    let lines: String = (1..=9).map(|n| format!(" MUG#{n} 4000000000")).collect();
    let script = format!(
        "
        receive MUG 7
        order A1{lines} quiet
        fulfill A1
        book
        undo A1
        book
        cancel A1
    "
    );
    assert_snapshot!(replay(&script), @r"
    line 3 notes: 999999993 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
    line 3 notes: 1000000000 MUG missing at main
        MUG  main  empty
        A1 MUG#1  fulfilled 4000000000
        A1 MUG#2  fulfilled 4000000000
        A1 MUG#3  fulfilled 4000000000
        A1 MUG#4  fulfilled 4000000000
        A1 MUG#5  fulfilled 4000000000
        A1 MUG#6  fulfilled 4000000000
        A1 MUG#7  fulfilled 4000000000
        A1 MUG#8  fulfilled 4000000000
        A1 MUG#9  fulfilled 4000000000
        MUG  main  committed 4294967295
        A1 MUG#1  open 4000000000  held main 1000000000
        A1 MUG#2  open 4000000000  held main 1000000000
        A1 MUG#3  open 4000000000  held main 1000000000
        A1 MUG#4  open 4000000000  held main 1000000000
        A1 MUG#5  open 4000000000  held main 294967295  owed MUG 705032705
        A1 MUG#6  open 4000000000  owed MUG 1000000000
        A1 MUG#7  open 4000000000  owed MUG 1000000000
        A1 MUG#8  open 4000000000  owed MUG 1000000000
        A1 MUG#9  open 4000000000  owed MUG 1000000000
    MUG  main  available 4294967295
    A1  cancelled
    A1 MUG#1
    A1 MUG#2
    A1 MUG#3
    A1 MUG#4
    A1 MUG#5
    A1 MUG#6
    A1 MUG#7
    A1 MUG#8
    A1 MUG#9
    ");
}

/// R69
#[test]
fn transfers_and_merged_skus_fill_no_location_beyond_measure() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 1000000000
        send MUG 1000000000 to=east
        receive MUG 1000000000
        send MUG 1 to=east
        receive CUP 1 at=east
        rename CUP MUG merge
    "), @r"
    line 5 refused: MUG at east: 1 more make over 1000000000 units
    line 7 refused: MUG at east: 1 more make over 1000000000 units
    MUG  main  available 1000000000
    MUG  east  empty  in transit 1000000000
    CUP  east  available 1
    ");
}

#[test]
fn an_import_books_all_rows_or_none() {
    assert_snapshot!(replay("
        import MUG 5 CUP 3 MUG 2
        import MUG 5 CUP 0
        import counts MUG 4 CUP 0
        import counts MUG 4 JUG 2 at=moon
        order A1 MUG 4
        import counts MUG 1 CUP 2
    "), @r"
    line 2 refused: a receipt of 0 units
    line 4 refused: unknown location moon; the merchant's file lists the locations
    line 6 notes: 3 MUG at main taken from orders
    MUG  main  committed 1
    CUP  main  available 2
    A1 MUG  open 4  held main 1  owed MUG 3
    ");
}

/// R29
#[test]
fn a_count_finds_unsellable_units_missing_last() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 3
        hold MUG 3
        book
        count MUG 11
        book
        count MUG 5
        book
        count MUG 2
    "), @r"
        MUG  main  available 4  committed 3  unavailable 3
        A1 MUG  open 3  held main 3
        MUG  main  available 5  committed 3  unavailable 3
        A1 MUG  open 3  held main 3
    line 7 notes: 1 MUG at main taken from orders
        MUG  main  committed 2  unavailable 3
        A1 MUG  open 3  held main 2  owed MUG 1
    line 9 notes: 2 MUG at main taken from orders
    MUG  main  unavailable 2
    A1 MUG  open 3  owed MUG 3
    ");
}

/// R22
#[test]
fn verify_finds_commitments_that_no_line_holds_and_units_from_nowhere() {
    let world = run("
        receive MUG 5
        order A1 MUG 2
    ");
    let broken = |harm: &dyn Fn(&mut super::super::state::Ledger)| {
        let mut ledger = world.ledger.clone();
        harm(&mut ledger);
        let broken = super::super::verify::verify(&ledger);
        broken
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let sku = world.ledger.sku_ix("MUG").unwrap().0;
    assert_snapshot!(broken(&|_| {}), @"");
    assert_snapshot!(broken(&|ledger| {
        ledger.skus.at_mut(sku).stocks[0].balance.committed = Units(3);
    }), @"MUG: 3 committed at main, its order lines hold 2; MUG: units over all places sum to 1, not zero");
    assert_snapshot!(broken(&|ledger| ledger.skus.at_mut(sku).stocks.clear()), @"MUG: units over all places sum to -5, not zero; MUG: order lines hold 2 at main, nothing is committed there");
    assert_snapshot!(broken(&|ledger| ledger.skus.at_mut(sku).outside.customer = 1), @"MUG: units over all places sum to 1, not zero");
}

/// R27
#[test]
fn every_movement_has_actor_cause_before_and_after() {
    let world = run("
        receive MUG 10
        order A1 MUG 3
        ship A1 MUG 1
        cancel A1
        count MUG 7
    ");
    let mut ledger = super::super::state::Ledger::default();
    let mut out = Vec::new();
    for entry in world.entries() {
        assert!(!entry.actor.is_empty() && !entry.cause.is_empty());
        let before = ledger.clone();
        evolve(&mut ledger, &entry);
        for movement in &entry.movements {
            out.push(told(&before, &ledger, &entry, movement));
        }
    }
    checks::equal(&ledger, &world.ledger);
    assert_snapshot!(out.join("\n"), @r"
    2 script, line 1: 10 MUG: supplier - to -, main/available 0 to 10
    4 script, line 2: 3 MUG: main/available 10 to 7, main/committed 0 to 3
    5 script, line 3: 1 MUG: main/committed 3 to 2, customer - to -
    6 script, line 4: 2 MUG: main/committed 2 to 0, main/available 7 to 9
    7 script, line 5: 2 MUG: main/available 9 to 7, adjustment - to -
    ");
}

fn told(
    before: &super::super::state::Ledger,
    after: &super::super::state::Ledger,
    entry: &Entry,
    movement: &Movement,
) -> String {
    let there = |ledger: &super::super::state::Ledger, place: &Place| match place {
        Place::At(location, bucket) => {
            let location = ledger.location(location.as_str()).unwrap();
            let sku = ledger.sku_ix(movement.sku.as_str());
            let balance = sku.map(|sku| ledger.balance(sku, location));
            balance.unwrap_or_default().bucket(*bucket).to_string()
        }
        Place::Supplier | Place::Customer | Place::Adjustment => "-".to_owned(),
    };
    let change = |place| {
        format!(
            "{place} {} to {}",
            there(before, place),
            there(after, place)
        )
    };
    format!(
        "{} {}, {}: {} {}: {}, {}",
        entry.seq,
        entry.actor,
        entry.cause,
        movement.units,
        movement.sku,
        change(&movement.from),
        change(&movement.to)
    )
}
