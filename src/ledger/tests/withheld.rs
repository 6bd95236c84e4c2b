//! Unshipped units that a channel cancelled without putting them back into stock.

use insta::assert_snapshot;

use super::language::replay;

#[test]
fn units_cancelled_unstocked_go_out_of_sale_where_they_lay() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 3
        receive MUG 9 at=east
        order A1 MUG 5 place=L2
        shown MUG 9 place=L2
        withhold A1 MUG 2
        tell A1
        withhold A1
    "), @r"
    line 6 notes: order A1: 2 MUG withheld at east
    line 8 notes: order A1: 3 MUG withheld at east
    MUG  main  available 3
    MUG  east  available 4  unavailable 5
    A1 MUG
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn what_was_put_back_or_had_left_is_not_withheld() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 6
        shown MUG 9
        free A1 MUG 2
        fulfill A1 MUG 3 place=L1
        lose A1 MUG 2
        withhold A1 MUG 1
    "), @r"
    line 7 notes: order A1: 1 MUG withheld at main
    MUG  main  available 5  unavailable 1
    A1 MUG  fulfilled 3
    slot MUG@L1  free  expected 5
    ");
}

#[test]
fn of_units_only_owed_none_is_withheld_that_is_not_there() {
    assert_snapshot!(replay("
        receive MUG 1
        order A1 MUG 5
        withhold A1
    "), @r"
    line 3 notes: order A1: 1 MUG withheld at main
    MUG  main  unavailable 1
    A1 MUG
    ");
}

#[test]
fn what_was_withheld_before_the_books_opened_stays_where_it_is() {
    assert_snapshot!(replay("
        channel us main=L1 from=270
        receive MUG 9
        order A1 MUG 4 quiet
        withhold A1 MUG 1 quiet
        wait 300
        tell A1
        withhold A1 MUG 1
    "), @r"
    line 7 notes: order A1: 1 MUG withheld at main
    MUG  main  available 6  committed 2  unavailable 1
    A1 MUG  open 2  held main 2
    ");
}

/// R50
#[test]
fn what_was_withheld_while_unmapped_goes_out_of_sale_with_the_mapping_and_once() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive RED 9
        order A1 MUG 5 quiet
        withhold A1 MUG 2
        map MUG RED=1
        tell A1
        free A1 MUG 1
    "), @r"
    line 5 notes: order A1: 2 RED withheld at main
    RED  main  available 5  committed 2  unavailable 2
    A1 MUG  open 2  held main 2
    wanted A1 +2 s
    ");
}

/// R50
#[test]
fn a_count_after_units_were_withheld_found_what_is_free() {
    assert_snapshot!(replay("
        order A1 MUG 5 quiet
        withhold A1 MUG 2
        wait 10
        count MUG 7
    "), @r"
    MUG  main  available 4  committed 3
    A1 MUG  open 3  held main 3
    ");
}

/// R69
#[test]
fn a_quantity_that_nobody_ever_had_is_withheld_as_far_as_it_is_there() {
    assert_snapshot!(replay("
        receive MUG 30
        list us PACK sku=
        map PACK MUG=12
        order A1 PACK 4294967295
        withhold A1 PACK 4294967295
    "), @r"
    line 5 notes: order A1: 30 MUG withheld at main
    MUG  main  unavailable 30
    A1 PACK
    ");
}
