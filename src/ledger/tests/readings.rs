//! What a channel shows, and what that means.

use insta::assert_snapshot;

use super::language::replay;

#[test]
fn the_first_reading_is_taken_for_true_and_an_equal_one_says_nothing_new() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 5
        shown MUG 5 sellable=4
        shown MUG 5 sellable=4 unsellable=1
        shown MUG 5 sellable=4 unsellable=1
    "), @r"
    line 2 books nothing
    line 5 books nothing
    slot MUG@L1  free  expected 5
    ");
}

#[test]
fn a_rise_is_drift_at_once() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 8
    "), @"slot MUG@L1  free  expected 8  corrections 1");
}

#[test]
fn a_fall_is_drift_only_when_orders_are_known_past_it() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 3
        shown MUG 3
        shown MUG 3 complete=-120
        slots
        shown MUG 3 complete=-1
        slots
        shown MUG 2 complete=0
        shown MUG 1 complete=0
    "), @r"
    line 3 books nothing
    line 4 books nothing
        slot MUG@L1  free  expected 5  recheck -2
        slot MUG@L1  free  expected 3  corrections 1
    slot MUG@L1  free  expected 3  recheck -2  corrections 1
    ");
}

#[test]
fn a_fall_that_an_order_explains_is_no_drift() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 2
        shown MUG 5
        shown MUG 3
        fulfill A1 MUG 2 place=L1
        shown MUG 3 complete=0
    "), @r"
    MUG  main  available 3
    A1 MUG  fulfilled 2
    slot MUG@L1  free  expected 3
    ");
}

#[test]
fn a_slot_is_read_at_once_when_an_order_may_explain_its_fall() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 2
        shown MUG 5
        shown MUG 3
        slots
        fulfill A1 MUG 2 place=L1
        slots
        shown MUG 3
    "), @r"
        slot MUG@L1  free  expected 5  recheck -2
        slot MUG@L1  free  expected 3  to be read  recheck -2
    MUG  main  available 3
    A1 MUG  fulfilled 2
    slot MUG@L1  free  expected 3
    ");
}

/// R44: a slot that waits for word of an order is not written; what is frozen is not sold that long.
#[test]
fn what_is_not_for_sale_waits_for_no_order() {
    let script = |ends: &str| {
        replay(&format!(
            "
            receive MUG 5
            order A1 MUG 2
            shown MUG 5
            shown MUG 3
            {ends}
            slots
            shown MUG 3
            slots
            shown MUG 1
            "
        ))
    };
    let frozen = script("freeze MUG");
    assert_snapshot!(frozen, @r"
        slot MUG@L1  free  expected 5  to be read  recheck -2
        slot MUG@L1  free  expected 3
    MUG  main  available 3  committed 2
    A1 MUG  open 2  held main 2
    slot MUG@L1  free  expected 1
    ");
    assert_eq!(script("retire us keep"), frozen);
}

#[test]
fn a_reading_begun_before_the_last_change_says_nothing() {
    assert_snapshot!(replay("
        shown MUG 5
        push c1 MUG 7 expect=5
        pushed c1 applied
        shown MUG 5 began=-90
        reread MUG
        reread MUG
        shown MUG 7 began=-150
        shown MUG 7
        reread CUP
    "), @r"
    line 4 books nothing
    line 6 books nothing
    line 7 books nothing
    line 9 books nothing
    slot MUG@L1  free  expected 7  confirmed 7
    ");
}

/// R41
#[test]
fn corrections_end_parked_and_a_person_lets_go() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 6
        push c1 MUG 5 expect=6
        pushed c1 applied
        shown MUG 6
        push c2 MUG 5 expect=6
        pushed c2 applied
        slots
        shown MUG 6
        slots
        push c3 MUG 5 expect=6
        release CUP
        release MUG
        push c3 MUG 5 expect=6
        shown MUG 6
        push c3 MUG 5 expect=6
        pushed c3 applied
        shown MUG 5
    "), @r"
        slot MUG@L1  free  expected 5  confirmed 5  to be read  corrections 2
        slot MUG@L1  parked: drifted by 1 after 2 corrections in a row  expected 6  confirmed 5  corrections 3
    line 11 refused: slot MUG@L1 is not free to be pushed
    line 12 refused: nothing is parked as CUP@L1
    line 14 refused: slot MUG@L1 is not free to be pushed
    slot MUG@L1  free  expected 5  confirmed 5
    ");
}

/// R41: nothing was written between these drifts, so none of them is a correction that did not hold.
#[test]
fn drifts_that_nothing_was_written_against_are_no_corrections() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 6
        shown MUG 7
        shown MUG 8
        shown MUG 9
        slots
        push c1 MUG 5 expect=9
        pushed c1 applied
        shown MUG 6
        shown MUG 7
        push c2 MUG 5 expect=7
        pushed c2 applied
        shown MUG 6
    "), @r"
        slot MUG@L1  free  expected 9  corrections 1
    slot MUG@L1  parked: drifted by 1 after 2 corrections in a row  expected 6  confirmed 5  corrections 3
    ");
}

#[test]
fn a_reading_that_agrees_by_chance_holds_the_acts_before_it() {
    assert_snapshot!(replay("
        receive MUG 8
        shown MUG 6
        push c1 MUG 8 expect=6
        doubt
        pushed c1 not_applied
        order A1 MUG 2 place=L1 quiet
        fulfill A1 MUG 2 place=L1 quiet
        shown MUG 6
        tell A1
    "), @r"
    MUG  main  available 6
    A1 MUG  fulfilled 2
    slot MUG@L1  free  expected 6
    ");
}

/// R41
#[test]
fn an_agreeing_reading_starts_the_count_of_corrections_anew() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG 6
        shown MUG 7
        shown MUG 7
        shown MUG 8
    "), @"slot MUG@L1  free  expected 8  corrections 1");
}

#[test]
fn a_slot_that_is_gone_waits_until_it_is_back() {
    assert_snapshot!(replay("
        shown MUG 5
        shown MUG none
        shown MUG none
        push c1 MUG 7 expect=5
        shown MUG 5
        push c1 MUG 7 expect=5
        doubt
        slots
        shown MUG none
        slots
        shown MUG 2
    "), @r"
    line 3 books nothing
    line 4 refused: slot MUG@L1 is not free to be pushed
        slot MUG@L1  in doubt  expected 5
        slot MUG@L1  absent
    slot MUG@L1  free  expected 2
    ");
}

#[test]
fn a_parcel_or_return_at_an_unknown_place_makes_all_slots_of_the_item_be_read() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        shown MUG 5
        shown MUG 0 place=L2
        order A1 MUG 3 place=L1
        fulfill A1 MUG 2
        slots
        shown MUG 3
        shown MUG 0 place=L2
        slots
        return A1 MUG 1
        slots
        shown MUG 4
        shown MUG 0 place=L2
        undo A1 MUG 1
    "), @r"
        slot MUG@L1  free  expected 5  to be read
        slot MUG@L2  free  expected 0  to be read
        slot MUG@L1  free  expected 5  recheck -2
        slot MUG@L2  free  expected 0
    line 11 notes: order A1 line MUG: 1 came back elsewhere
        slot MUG@L1  free  expected 5  to be read  recheck -2
        slot MUG@L2  free  expected 0  to be read
    MUG  main  available 2  committed 2
    A1 MUG  open 2  held main 2  fulfilled 1  restocked 1  awaited 1
    slot MUG@L1  free  expected 5  to be read  recheck -1
    slot MUG@L2  free  expected 0  to be read
    ");
}
