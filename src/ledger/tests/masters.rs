//! A location whose master is a channel: what changes there by hand came or is gone.

use insta::assert_snapshot;

use super::language::replay;

const SHOP: &str = "channel us main=L1 east=L2 master=main
    count MUG 10
    count MUG 4 at=east
    list us MUG
    shown MUG 10
    shown MUG 4 place=L2";

fn shop(script: &str) -> String {
    replay(&format!("{SHOP}\n{script}"))
}

/// R49
#[test]
fn what_changes_by_hand_came_or_is_gone_and_is_never_written_back() {
    assert_snapshot!(shop("
        shown MUG 15
        shown MUG 15 complete=-120
        slots
        shown MUG 15 complete=-1
        book
        shown MUG 12 complete=0
        shown MUG 12 complete=-1
    "), @r"
    line 8 books nothing
        slot MUG@L1  free  expected 10  recheck +5
        slot MUG@L2  free  expected 4
        MUG  main  available 15
        MUG  east  available 4
    MUG  main  available 12
    MUG  east  available 4
    slot MUG@L1  free  expected 12
    slot MUG@L2  free  expected 4
    ");
}

/// R49: only there.
#[test]
fn beside_it_drift_stays_drift() {
    assert_snapshot!(shop("
        shown MUG 9 place=L2
    "), @r"
    MUG  main  available 10
    MUG  east  available 4
    slot MUG@L1  free  expected 10
    slot MUG@L2  free  expected 9  corrections 1
    ");
}

/// R49: a fall may be a parcel whose order has not arrived, a rise what was undone.
#[test]
fn what_an_order_explains_late_is_booked_once() {
    assert_snapshot!(shop("
        order A1 MUG 3 place=L1 quiet
        fulfill A1 MUG 3 place=L1 quiet
        shown MUG 7
        shown MUG 7 complete=-120
        tell A1
        slots
        shown MUG 7 complete=-1
        slots
        wait 60
        undo A1 MUG 3 quiet
        shown MUG 10
        tell A1
        shown MUG 10 complete=-1
    "), @r"
    line 10 books nothing
        slot MUG@L1  free  expected 7  recheck -3
        slot MUG@L2  free  expected 4
        slot MUG@L1  free  expected 7
        slot MUG@L2  free  expected 4
    MUG  main  available 7  committed 3
    MUG  east  available 4
    A1 MUG  open 3  held main 3
    slot MUG@L1  free  expected 10
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn an_order_that_is_to_be_read_and_a_report_under_way_may_explain_it() {
    assert_snapshot!(shop("
        shown MUG 8
        hint A9
        shown MUG 8 complete=-1
        absent A9
        order A1 MUG 1 place=L1
        ship A1
        parcel A1 1 sending
        shown MUG 8 complete=-1
        slots
        parcel A1 1 refused
        shown MUG 8 complete=-1
    "), @r"
    line 9 books nothing
    line 14 books nothing
        slot MUG@L1  free  expected 10  recheck -2
        slot MUG@L2  free  expected 4
    MUG  main  available 7
    MUG  east  available 4
    A1 MUG  open 1  shipped 1
    slot MUG@L1  free  expected 8
    slot MUG@L2  free  expected 4
    ");
}

/// R49
#[test]
fn acts_by_hand_and_acts_of_orders_come_together() {
    assert_snapshot!(shop("
        order A1 MUG 3 place=L1 quiet
        fulfill A1 MUG 3 place=L1 quiet
        shown MUG 12
        tell A1
        shown MUG 12
        shown MUG 12 complete=-1
    "), @r"
    MUG  main  available 12
    MUG  east  available 4
    A1 MUG  fulfilled 3
    slot MUG@L1  free  expected 12
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn what_may_be_in_the_first_reading_already_explains_the_one_figure_and_the_other() {
    for first in [10, 7] {
        let text = replay(&format!(
            "
            channel us main=L1 master=main
            count MUG 10
            list us MUG
            order A1 MUG 3 place=L1 quiet
            fulfill A1 MUG 3 place=L1 quiet
            shown MUG {first} began=-58
            tell A1
            shown MUG 7
            shown MUG 7 complete=-1
            "
        ));
        assert!(text.contains("MUG  main  available 7\n"), "{text}");
        assert!(text.contains("expected 7"), "{text}");
    }
}

#[test]
fn what_the_channel_sets_apart_is_gone_and_back_with_it() {
    assert_snapshot!(shop("
        shown MUG 10 unsellable=2
        slots
        shown MUG 10 unsellable=2 complete=-1
        book
        shown MUG 9 unsellable=1
        shown MUG 9
        shown MUG 9 complete=-1
    "), @r"
        slot MUG@L1  free  expected 12  recheck -2
        slot MUG@L2  free  expected 4
        MUG  main  available 8
        MUG  east  available 4
    MUG  main  available 9
    MUG  east  available 4
    slot MUG@L1  free  expected 9
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn beside_a_call_in_doubt_the_least_is_taken() {
    assert_snapshot!(shop("
        push c1 MUG 8 expect=10
        doubt
        shown MUG 13
        slots
        shown MUG 13 complete=-1
        push c2 MUG 12 expect=13
        doubt
        shown MUG 12
    "), @r"
        slot MUG@L1  free  expected 10  recheck +3
        slot MUG@L2  free  expected 4
    MUG  main  available 13
    MUG  east  available 4
    slot MUG@L1  free  expected 12
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn what_is_gone_is_taken_from_orders_and_what_nobody_had_is_told() {
    assert_snapshot!(shop("
        order A1 MUG 4 place=L1
        shown MUG -2
        shown MUG -2 complete=-1
    "), @r"
    line 9 notes: 4 MUG at main taken from orders
    line 9 notes: 2 MUG missing at main
    MUG  main  empty
    MUG  east  committed 4
    A1 MUG  open 4  held east 4
    slot MUG@L1  free  expected -2
    slot MUG@L2  free  expected 4
    ");
}

#[test]
fn kits_and_what_was_never_counted_there_tell_nothing() {
    assert_snapshot!(shop("
        receive CUP 3
        list us KIT
        map KIT MUG=1 CUP=1
        shown KIT 3
        shown KIT 5
        list us CUP
        shown CUP 3
        shown CUP 6
    "), @r"
    MUG  main  available 10
    MUG  east  available 4
    CUP  main  available 3
    slot MUG@L1  free  expected 10
    slot MUG@L2  free  expected 4
    slot KIT@L1  free  expected 5  corrections 1
    slot CUP@L1  free  expected 6  corrections 1
    ");
}

#[test]
fn packs_tell_of_their_units() {
    assert_snapshot!(shop("
        list us SIX
        map SIX MUG=6
        shown SIX 1
        shown SIX 2
        shown SIX 2 complete=-1
    "), @r"
    MUG  main  available 16
    MUG  east  available 4
    slot MUG@L1  free  expected 10
    slot MUG@L2  free  expected 4
    slot SIX@L1  free  expected 2
    ");
}

#[test]
fn a_channel_that_shows_what_is_left_cannot_be_master() {
    assert_snapshot!(replay("
        channel us main=L1 net master=main
    "), @"line 1 refused: channel us cannot be master of main: it tells what is left for sale, not what lies there");
}
