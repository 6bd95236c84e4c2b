//! More wanted than there is: who gets what, who loses what, and who waits.

use insta::assert_snapshot;

use super::language::{obey, replay, run};
use super::print;
use super::world::World;

/// R21
#[test]
fn a_thousand_orders_for_one_unit_commit_one() {
    let mut world = run("receive MUG 1");
    for number in 1..=1000 {
        obey(&mut world, number, &format!("order A{number} MUG 1"));
    }
    let sku = world.ledger.sku_ix("MUG").unwrap();
    assert_eq!(print::stock(&world.ledger), ["MUG  main  committed 1"]);
    assert_eq!(world.ledger.backordered(sku).0, 999);
    assert_eq!(
        print::orders(&world.ledger)[0],
        "A1 MUG  open 1  held main 1"
    );
    world.finish();
}

/// R25
#[test]
fn editing_a_later_order_never_flips_an_earlier_one() {
    assert_snapshot!(replay("
        receive MUG 3
        order A1 MUG 3
        order A2 MUG 2
        edit A2 MUG 5
        edit A2 MUG 1
        book
        edit A1 MUG 2
        order A3 MUG 1
        edit A3 MUG 2
        edit A3 MUG 1
    "), @r"
        MUG  main  committed 3
        A1 MUG  open 3  held main 3
        A2 MUG  open 1  owed MUG 1
    MUG  main  committed 3
    A1 MUG  open 2  held main 2
    A2 MUG  open 1  held main 1
    A3 MUG  open 1  owed MUG 1
    ");
}

/// R25
#[test]
fn backorders_are_filled_oldest_first_whatever_frees_the_units() {
    assert_snapshot!(replay("
        receive MUG 2
        order A1 MUG 2
        order A2 MUG 2
        order A3 MUG 2
        order A0 MUG 1 placed=-86400
        receive MUG 2
        book
        cancel A1
        book
        count MUG 5
    "), @r"
        MUG  main  committed 4
        A1 MUG  open 2  held main 2
        A2 MUG  open 2  held main 1  owed MUG 1
        A3 MUG  open 2  owed MUG 2
        A0 MUG  open 1  held main 1
        MUG  main  committed 4
        A1  cancelled
        A1 MUG
        A2 MUG  open 2  held main 2
        A3 MUG  open 2  held main 1  owed MUG 1
        A0 MUG  open 1  held main 1
    MUG  main  committed 5
    A1  cancelled
    A1 MUG
    A2 MUG  open 2  held main 2
    A3 MUG  open 2  held main 2
    A0 MUG  open 1  held main 1
    ");
}

/// R25
#[test]
fn a_channel_of_higher_priority_is_filled_first() {
    assert_snapshot!(replay("
        channel us main=L1
        channel eu main=L9 priority=1
        receive MUG 1
        order A1 MUG 1
        order A2 MUG 1
        order B1 MUG 1 on=eu
        adjust MUG 1
        book
        receive MUG 1
    "), @r"
        MUG  main  committed 2
        A1 MUG  open 1  held main 1
        A2 MUG  open 1  owed MUG 1
        B1 MUG  open 1  held main 1
    MUG  main  committed 3
    A1 MUG  open 1  held main 1
    A2 MUG  open 1  held main 1
    B1 MUG  open 1  held main 1
    ");
}

/// R25
#[test]
fn what_one_order_of_a_page_frees_goes_to_those_who_wait_not_to_the_next_on_the_page() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 5
        order A2 MUG 5
        cancel A1 quiet
        order A3 MUG 5 quiet
        page A1 A3
    "), @r"
    MUG  main  committed 5
    A1  cancelled
    A1 MUG
    A2 MUG  open 5  held main 5
    A3 MUG  open 5  owed MUG 5
    ");
}

#[test]
fn a_page_of_orders_for_one_sku_is_booked_as_if_each_came_alone() {
    let orders = "
        receive MUG 5
        order A1 MUG 2 quiet
        order A2 MUG 2 quiet
        fulfill A2 MUG 1 quiet
        order A3 MUG 3 quiet
        cancel A3 MUG 1 quiet";
    let page = run(&format!(
        "{orders}
        page A1 A2 A3"
    ));
    let alone = run(&format!(
        "{orders}
        tell A1
        tell A2
        tell A3"
    ));
    let [page, alone] = [page, alone].map(|world| print::ledger(&world.ledger).join("\n"));
    assert_eq!(page, alone);
    assert_snapshot!(page, @r"
    MUG  main  committed 4
    A1 MUG  open 2  held main 2
    A2 MUG  open 1  held main 1  fulfilled 1
    A3 MUG  open 2  held main 1  owed MUG 1
    ");
}

/// R29
#[test]
fn a_count_below_committed_takes_from_the_newest_orders_and_is_reported() {
    assert_snapshot!(replay("
        receive MUG 6
        order A1 MUG 2
        order A2 MUG 2
        order A3 MUG 2
        count MUG 3
    "), @r"
    line 5 notes: 3 MUG at main taken from orders
    MUG  main  committed 3
    A1 MUG  open 2  held main 2
    A2 MUG  open 2  held main 1  owed MUG 1
    A3 MUG  open 2  owed MUG 2
    ");
}

#[test]
fn an_exception_stays_until_a_person_looked_at_it_and_is_kept_in_the_journal() {
    let mut world = run("
        receive MUG 5
        order A1 MUG 5
        count MUG 3
        count MUG 2
    ");
    let entries = |world: &World| {
        let kept = world.ledger.exceptions.iter();
        kept.map(|(entry, _)| *entry).collect::<Vec<_>>()
    };
    let [first, second] = entries(&world)[..] else {
        panic!("two counts took units: {:?}", world.ledger.exceptions)
    };
    obey(&mut world, 5, &format!("seen {first} {first}"));
    assert_eq!(entries(&world), [second]);
    obey(&mut world, 6, &format!("seen {first} {first}"));
    assert_eq!(world.out.last().unwrap(), "line 6 books nothing");
    obey(&mut world, 7, &format!("seen 0 {second}"));
    assert!(world.ledger.exceptions.is_empty());
}

/// R29
#[test]
fn what_a_count_takes_from_an_order_is_refilled_from_another_location() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 4
        receive MUG 1 at=east
        order A1 MUG 2
        order A2 MUG 2
        count MUG 1
    "), @r"
    line 6 notes: 3 MUG at main taken from orders
    MUG  main  committed 1
    MUG  east  committed 1
    A1 MUG  open 2  held main 1  owed MUG 1
    A2 MUG  open 2  held east 1  owed MUG 1
    wanted A1 -118 s
    wanted A2 -58 s
    ");
}

/// R29
#[test]
fn of_orders_placed_in_one_instant_the_later_arrival_loses() {
    assert_snapshot!(replay("
        receive MUG 3
        order A1 MUG 1 placed=0
        order A2 MUG 1 placed=-60
        order A3 MUG 1 placed=-120
        adjust MUG -1
    "), @r"
    line 5 notes: 1 MUG at main taken from orders
    MUG  main  committed 2
    A1 MUG  open 1  held main 1
    A2 MUG  open 1  held main 1
    A3 MUG  open 1  owed MUG 1
    ");
}

/// R29
#[test]
fn a_shipment_from_a_place_without_units_takes_them_from_others_there() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 2
        receive MUG 2 at=east
        order A1 MUG 2
        order A2 MUG 2 place=L2
        fulfill A1 MUG 2 place=L2
    "), @r"
    line 6 notes: 2 MUG at east taken from orders
    MUG  main  committed 2
    MUG  east  empty
    A1 MUG  fulfilled 2
    A2 MUG  open 2  held main 2
    ");
}

#[test]
fn one_order_may_displace_its_own_other_line() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 2
        receive MUG 2 at=east
        order A1 MUG 2 MUG#2 2
        fulfill A1 MUG 2 place=L2
        ship A1
    "), @r"
    line 5 notes: 2 MUG at east taken from orders
    MUG  main  empty
    MUG  east  empty
    A1 MUG  fulfilled 2
    A1 MUG#2  open 2  shipped 2
    wanted A1 -58 s
    ");
}

#[test]
fn a_location_that_begins_to_serve_a_channel_fills_its_backorders() {
    assert_snapshot!(replay("
        channel us main=L1
        receive MUG 1
        channel eu east=L2
        receive MUG 5 at=east
        order A1 MUG 3
        book
        channel us main=L1 east=L3
        book
        channel us main=L1
        cancel A1
    "), @r"
        MUG  main  committed 1
        MUG  east  available 5
        A1 MUG  open 3  held main 1  owed MUG 2
        MUG  main  committed 1
        MUG  east  available 3  committed 2
        A1 MUG  open 3  held main 1  held east 2
    MUG  main  available 1
    MUG  east  available 5
    A1  cancelled
    A1 MUG
    ");
}
