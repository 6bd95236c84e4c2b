//! A SKU takes another name, or goes into another SKU.

use insta::assert_snapshot;

use super::language::{replay, run};
use super::print;
use channelsync_contract::units::Units;

#[test]
fn open_orders_mappings_and_later_bookings_follow_a_renamed_sku() {
    assert_snapshot!(replay("
        receive MUG 5
        count MUG 4
        list us KIT sku=
        map KIT MUG=2
        list us NEW sku=MUG-2
        order W1 NEW 1
        order A1 MUG 2
        order A2 KIT 2
        rename MUG MUG-2
        rename MUG MUG-2
        receive MUG 1
        receive MUG-2 3
        cancel A1
        order A3 MUG 1
        rename MUG CUP
        rename BOX CUP
        rename MUG-2 MUG
        receive MUG 1
    "), @r"
    line 10 books nothing
    line 11 refused: SKU MUG is called MUG-2 now
    line 15 refused: SKU MUG is called MUG-2 now
    line 16 refused: no stock was ever booked under SKU BOX
    MUG  main  available 2  committed 6
    W1 NEW  open 1  held main 1
    A1  cancelled
    A1 MUG
    A2 KIT  open 2  held main 4
    A3 MUG  open 1  held main 1
    ");
}

#[test]
fn a_sku_that_goes_into_another_gives_its_units_to_those_who_wait_and_asks_for_a_count() {
    let script = "
        count RED 4
        receive MUG 1
        hold RED 1
        list us SET sku=
        map SET RED=1 MUG=2
        gtin RED 73513537
        buy P1 RED 5 MUG 3
        order A1 MUG 3
        order A2 RED 1
        order A3 SET 2
        book
        rename RED MUG
        rename RED MUG merge
        rename RED MUG merge
    ";
    assert_snapshot!(replay(script), @r"
        RED  main  committed 3  unavailable 1
        MUG  main  committed 1
        A1 MUG  open 3  held main 1  owed MUG 2
        A2 RED  open 1  held main 1
        A3 SET  open 2  held RED main 2  owed MUG 4
    line 12 refused: SKU MUG exists: `--merge` lets the one go into the other, to be counted again
    line 13 notes: MUG is to be counted again
    line 14 books nothing
    MUG  main  committed 4  unavailable 1
    A1 MUG  open 3  held main 1  owed MUG 2
    A2 RED  open 1  held main 1
    A3 SET  open 2  held main 2  owed MUG 4
    ");
    let world = run(script);
    let ledger = &world.ledger;
    let mug = ledger.sku_ix("MUG").unwrap();
    assert!(!ledger.is_counted(mug), "to be counted again");
    assert_eq!(ledger.sku_ix("RED"), None);
    assert_eq!(
        ledger.gtins.iter().map(|(_, sku)| *sku).collect::<Vec<_>>(),
        [mug]
    );
    assert_eq!(
        ledger.incoming().into_values().collect::<Vec<_>>(),
        [Units(8)]
    );
    let script = format!("{script}\ncount MUG 9\nfulfill A1\nreturn A1 MUG 1\nrename MUG CUP");
    let world = run(&script);
    let cup = world.ledger.sku_ix("CUP").unwrap();
    assert!(world.ledger.is_counted(cup));
    assert_snapshot!(print::stock(&world.ledger).join("\n"), @r"
    CUP  main  committed 6  unavailable 1
    ");
}

#[test]
fn a_rename_writes_nothing_to_a_slot_and_its_kits_follow() {
    assert_snapshot!(replay("
        count MUG 6
        count CUP 2
        list us SET sku=
        map SET MUG=2 CUP=1
        shown MUG 6
        push c1 MUG 5 expect=6
        rename MUG JUG
        slots
        pushed c1 applied
        order A1 SET 1
        fulfill A1
        return A1 SET 1
        order A2 SET 1
        receive JUG 1
    "), @r"
        slot MUG@L1  in flight  expected 6
    JUG  main  available 5  committed 2
    CUP  main  available 1  committed 1
    A1 SET  fulfilled 1  restocked 1
    A2 SET  open 1  held JUG main 2  held CUP main 1
    slot MUG@L1  free  expected 5  confirmed 5
    ");
}

#[test]
fn units_of_two_skus_in_one_are_never_more_than_people_may_book() {
    assert_snapshot!(replay("
        receive MUG 900000000
        receive CUP 900000000
        rename MUG CUP merge
        rename MUG MUG
        rename MUG CUP
    "), @r#"
    line 3 refused: CUP at main: 900000000 more make over 1000000000 units
    line 4 refused: "MUG" is no new SKU for MUG
    line 5 refused: SKU CUP exists: `--merge` lets the one go into the other, to be counted again
    MUG  main  available 900000000
    CUP  main  available 900000000
    "#);
}

#[test]
fn a_name_that_another_sku_had_is_refused_and_ones_own_comes_back() {
    assert_snapshot!(replay("
        receive RED 5
        receive BLUE 3
        rename RED R
        rename BLUE RED
        rename BLUE RED merge
        receive RED 1
        rename R RED
        rename BLUE R
        receive RED 1
    "), @r"
    line 4 refused: RED is a former name of R and would mean both: take a name that no SKU had
    line 5 refused: RED is a former name of R and would mean both: take a name that no SKU had
    line 6 refused: SKU RED is called R now
    line 8 refused: R is a former name of RED and would mean both: take a name that no SKU had
    RED  main  available 6
    BLUE  main  available 3
    ");
}
