//! Slots that show what may still be sold: sales and cancellations move them, parcels do not.

use insta::assert_snapshot;

use super::language::replay;

#[test]
fn sales_and_restores_move_a_net_slot_and_parcels_do_not() {
    assert_snapshot!(replay("
        channel us main=L1 net
        receive MUG 20
        order A0 MUG 1
        shown MUG 19
        order A1 MUG 5
        slots
        edit A1 MUG 7
        slots
        cancel A1 MUG 3
        slots
        fulfill A1 MUG 3 place=L1
        slots
        undo A1 MUG 1
        slots
        fulfill A1 MUG 1
        return A1 MUG 2 place=L1
    "), @r"
        slot MUG@L1  free  expected 14
        slot MUG@L1  free  expected 12
        slot MUG@L1  free  expected 15
        slot MUG@L1  free  expected 15
        slot MUG@L1  free  expected 15
    MUG  main  available 17  committed 2
    A0 MUG  open 1  held main 1
    A1 MUG  open 1  held main 1  fulfilled 3  restocked 2
    slot MUG@L1  free  expected 17
    ");
}

#[test]
fn a_gross_slot_moves_by_parcels_and_not_by_sales() {
    assert_snapshot!(replay("
        receive MUG 20
        order A0 MUG 1
        shown MUG 20
        order A1 MUG 5
        cancel A1 MUG 1
        slots
        fulfill A1 MUG 3 place=L1
    "), @r"
        slot MUG@L1  free  expected 20
    MUG  main  available 15  committed 2
    A0 MUG  open 1  held main 1
    A1 MUG  open 1  held main 1  fulfilled 3
    slot MUG@L1  free  expected 17
    ");
}

#[test]
fn a_net_sale_counts_where_it_is_routed_once_that_is_told() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 net
        receive MUG 9
        receive MUG 9 at=east
        order A0 MUG 1 place=L1
        shown MUG 8
        shown MUG 9 place=L2
        order A1 MUG 4
        slots
        route A1 MUG L1:1 L2:3
        slots
        shown MUG 7 complete=0
        shown MUG 6 place=L2 complete=0
        shown MUG 7 complete=0
        shown MUG 6 place=L2 complete=0
        slots
        route A1 MUG L1:4
        slots
        shown MUG 4 complete=0
        shown MUG 9 place=L2
        shown MUG 4 complete=0
        slots
    "), @r"
        slot MUG@L1  free  expected 8
        slot MUG@L2  free  expected 9
        slot MUG@L1  free  expected 8  to be read
        slot MUG@L2  free  expected 9  to be read
        slot MUG@L1  free  expected 7
        slot MUG@L2  free  expected 6
        slot MUG@L1  free  expected 7  to be read
        slot MUG@L2  free  expected 6  to be read
        slot MUG@L1  free  expected 4
        slot MUG@L2  free  expected 9
    MUG  main  available 4  committed 5
    MUG  east  available 9
    A0 MUG  open 1  held main 1
    A1 MUG  open 4  held main 4
    slot MUG@L1  free  expected 4
    slot MUG@L2  free  expected 9
    ");
}

#[test]
fn what_a_net_channel_cancels_without_restock_stays_unsold() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 net
        receive MUG 9
        receive MUG 9 at=east
        order A0 MUG 1 place=L1
        shown MUG 8
        shown MUG 9 place=L2
        order A1 MUG 5 place=L2
        withhold A1 MUG 2
        slots
        free A1 MUG 1
    "), @r"
    line 8 notes: order A1: 2 MUG withheld at east
        slot MUG@L1  free  expected 8
        slot MUG@L2  free  expected 4
    MUG  main  available 8  committed 1
    MUG  east  available 5  committed 2  unavailable 2
    A0 MUG  open 1  held main 1
    A1 MUG  open 2  held east 2
    slot MUG@L1  free  expected 8
    slot MUG@L2  free  expected 5
    ");
}

#[test]
fn a_sale_that_a_reading_has_already_shown_counts_once() {
    assert_snapshot!(replay("
        channel us main=L1 net
        receive MUG 9
        order A0 MUG 1
        order A1 MUG 2 quiet
        shown MUG 6
        tell A1
        order A2 MUG 1 quiet
        shown MUG 5 complete=-600
        slots
        tell A2
        shown MUG 5
    "), @r"
        slot MUG@L1  free  expected 6  recheck -1
    MUG  main  available 5  committed 4
    A0 MUG  open 1  held main 1
    A1 MUG  open 2  held main 2
    A2 MUG  open 1  held main 1
    slot MUG@L1  free  expected 5
    ");
}

#[test]
fn a_net_sale_during_a_call_is_known_to_have_come_after_it() {
    assert_snapshot!(replay("
        channel us main=L1 net
        receive MUG 9
        order A0 MUG 1
        shown MUG 3
        push c1 MUG 8 expect=3
        order A1 MUG 2
        pushed c1 applied
    "), @r"
    MUG  main  available 6  committed 3
    A0 MUG  open 1  held main 1
    A1 MUG  open 2  held main 2
    slot MUG@L1  free  expected 6  confirmed 8
    ");
}

#[test]
fn three_stale_writes_in_a_row_wait_for_word_of_orders() {
    assert_snapshot!(replay("
        channel us main=L1 net
        receive MUG 9
        order A0 MUG 1
        shown MUG 9
        push c1 MUG 8 expect=9
        pushed c1 stale
        push c2 MUG 8 expect=9
        shown MUG 9
        push c2 MUG 8 expect=9
        pushed c2 stale
        shown MUG 9
        push c3 MUG 8 expect=9
        pushed c3 stale
        slots
        shown MUG 9 complete=0
        push c4 MUG 8 expect=9
        pushed c4 applied
    "), @r"
    line 7 refused: slot MUG@L1 is not free to be pushed
        slot MUG@L1  free  expected 9  recheck +0
    MUG  main  available 8  committed 1
    A0 MUG  open 1  held main 1
    slot MUG@L1  free  expected 8  confirmed 8
    ");
}

#[test]
fn what_was_known_of_one_figure_tells_nothing_of_another() {
    assert_snapshot!(replay("
        receive MUG 9
        order A0 MUG 1
        shown MUG 9
        shown CUP 4
        push c1 MUG 8 expect=9
        doubt
        channel us main=L1 net
        slots
        pushed c1 applied
        channel us main=L1 net priority=1
        shown MUG 8
        push c2 MUG 7 expect=8
    "), @r"
        slot MUG@L1  free  to be read
        slot CUP@L1  free  to be read
    line 9 refused: no call 00000000-0000-0000-0000-000000000001 is under way
    MUG  main  available 8  committed 1
    A0 MUG  open 1  held main 1
    slot MUG@L1  in flight  expected 8
    slot CUP@L1  free  to be read
    ");
}

/// R46
#[test]
fn a_test_order_takes_no_stock_and_its_slots_are_read() {
    assert_snapshot!(replay("
        channel us main=L1 net
        receive MUG 9
        order A0 MUG 1
        shown MUG 8
        order T1 MUG 2 test
        slots
        shown MUG 6
        shown MUG 6 complete=0
    "), @r"
        slot MUG@L1  free  expected 8  to be read
    MUG  main  available 8  committed 1
    A0 MUG  open 1  held main 1
    T1  test
    slot MUG@L1  free  expected 6
    ");
}
