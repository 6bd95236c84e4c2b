//! What comes back: by the channel's word where it says, or as a person receives it.

use insta::assert_snapshot;

use super::language::replay;

/// R26
#[test]
fn what_came_back_while_unmapped_goes_where_the_channel_said() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        order A1 MUG 5 quiet
        fulfill A1 MUG 3 place=L1 quiet
        return A1 MUG 1 place=L2 quiet
        return A1 MUG 1 place=L2 as=inspect quiet
        tell A1
        receive MUG 9
    "), @r"
    line 7 notes: order A1: 1 MUG to be inspected at east
    MUG  main  available 4  committed 2
    MUG  east  available 1  unavailable 1
    A1 MUG  open 2  held main 2  fulfilled 3  restocked 1  to inspect 1
    wanted A1 +0 s
    ");
}

/// R26
#[test]
fn what_came_back_to_no_location_of_ours_waits_to_be_received() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        order A1 MUG 4 place=L1
        fulfill A1 MUG 4 place=L1
        return A1 MUG 1 place=L9
        return A1 MUG 1
        book
        take-back A1
        take-back A1 at=east
        take-back A1 MUG 1 at=east
    "), @r#"
    line 5 notes: order A1 line MUG: 1 came back elsewhere
    line 6 notes: order A1 line MUG: 1 came back elsewhere
        MUG  main  available 1
        A1 MUG  fulfilled 4  restocked 2  awaited 2
    line 8 refused: line MUG: nothing tells where its units are; name the location
    line 10 refused: line MUG: 1 asked, 0 wait for a receipt: what comes back is booked by the channel's word, unless the file says `returns = "manual"`
    MUG  main  available 1
    MUG  east  available 2
    A1 MUG  fulfilled 4  restocked 2  received 2
    "#);
}

#[test]
fn units_to_be_looked_at_are_out_of_sale_and_then_free_or_gone() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        order A1 MUG 4 place=L1
        shown MUG 5
        fulfill A1 MUG 4 place=L1
        return A1 MUG 3 place=L1 as=inspect
        book
        slots
        unhold MUG 2
        write-off MUG 1
    "), @r"
    line 6 notes: order A1: 3 MUG to be inspected at main
        MUG  main  available 1  unavailable 3
        A1 MUG  fulfilled 4  to inspect 3
        slot MUG@L1  free  expected 1  to be read
    MUG  main  available 3
    A1 MUG  fulfilled 4  to inspect 3
    slot MUG@L1  free  expected 1  to be read
    ");
}

/// R28
#[test]
fn where_a_person_receives_the_channel_and_the_desk_never_both_count() {
    for steps in [
        ["return A1 MUG 2 place=L1", "take-back A1 MUG 2 at=east"],
        ["take-back A1 MUG 2 at=east", "return A1 MUG 2 place=L1"],
    ] {
        let end = replay(&format!(
            "
            channel us main=L1 east=L2 manual
            receive MUG 9
            order A1 MUG 4 place=L1
            fulfill A1 MUG 3 place=L1
            {}
            {}
        ",
            steps[0], steps[1]
        ));
        assert_eq!(
            end,
            "MUG  main  available 5  committed 1\nMUG  east  available 2\n\
             A1 MUG  open 1  held main 1  fulfilled 3  restocked 2  received 2"
        );
    }
}

#[test]
fn a_person_receives_once_what_left_and_says_what_became_of_it() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 manual
        receive MUG 9
        order A1 MUG 6 JUG 1 place=L1
        take-back A1 MUG 1
        fulfill A1 place=L1
        take-back A1
        return A1 MUG 2 place=L2
        return A1 MUG 1 place=L2 as=inspect
        book
        take-back A1 id=b1
        take-back A1 id=b1
        take-back A1 MUG 1 as=hold at=main
        take-back A1 MUG 3 as=write-off
        take-back A1 MUG 1 as=write-off
        take-back A1 JUG 1
        take-back A1 CUP 1
        take-back A1 MUG 1 at=annex
        take-back A9
    "), @r"
    line 4 refused: line MUG: 1 asked, 0 can have come back
    line 6 refused: of order A1 nothing waits to be received; name lines and units
        MUG  main  available 3
        A1 MUG  fulfilled 6  restocked 2  to inspect 1  awaited 3
        A1 JUG  fulfilled 1  parked
    line 11 books nothing
    line 13 refused: line MUG: 3 asked, 2 can have come back
    line 15 refused: line JUG: 1 asked, 0 can have come back
    line 16 refused: order A1 has no line CUP
    line 17 refused: unknown location annex; the merchant's file lists the locations
    line 18 refused: unknown order A9 on us
    MUG  main  available 3  unavailable 1
    MUG  east  available 3
    A1 MUG  fulfilled 6  restocked 2  to inspect 1  received 5
    A1 JUG  fulfilled 1  parked
    ");
}

#[test]
fn where_the_channels_word_counts_only_what_waits_can_be_received() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 4
        fulfill A1
        return A1 MUG 1
        take-back A1
        take-back A1 MUG 1
    "), @r#"
    line 5 refused: of order A1 nothing waits to be received; name lines and units
    line 6 refused: line MUG: 1 asked, 0 wait for a receipt: what comes back is booked by the channel's word, unless the file says `returns = "manual"`
    MUG  main  available 2
    A1 MUG  fulfilled 4  restocked 1
    "#);
}

#[test]
fn what_a_channel_put_back_before_it_was_left_to_a_person_stays() {
    assert_snapshot!(replay("
        channel us main=L1
        receive MUG 5
        order A1 MUG 4
        fulfill A1 place=L1
        return A1 MUG 1 place=L1
        channel us main=L1 manual
        return A1 MUG 2 place=L1
        take-back A1 MUG 4
        take-back A1
        channel us main=L1
        return A1 MUG 1 place=L1
    "), @r"
    line 8 refused: line MUG: 4 asked, 3 can have come back
    MUG  main  available 5
    A1 MUG  fulfilled 4  restocked 4  received 2
    ");
}

/// R26
#[test]
fn an_exchange_brings_one_back_and_commits_another() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        receive CUP 5
        order A1 MUG 2 place=L1
        fulfill A1 place=L1
        return A1 MUG 1 place=L2 quiet
        edit A1 CUP 1
    "), @r"
    MUG  main  available 3
    MUG  east  available 1
    CUP  main  available 4  committed 1
    A1 MUG  fulfilled 2  restocked 1
    A1 CUP  open 1  held main 1
    wanted A1 +2 s
    ");
}

#[test]
fn a_set_comes_back_with_all_its_parts() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 5
        receive CUP 5
        list us SET sku=
        map SET MUG=2 CUP=1
        order A1 SET 2 place=L1
        fulfill A1 place=L1
        return A1 SET 1 place=L2 as=inspect
    "), @r"
    line 8 notes: order A1: 2 MUG to be inspected at east
    line 8 notes: order A1: 1 CUP to be inspected at east
    MUG  main  available 1
    MUG  east  unavailable 2
    CUP  main  available 3
    CUP  east  unavailable 1
    A1 SET  fulfilled 2  to inspect 1
    ");
}

#[test]
fn a_delivery_that_does_not_tell_what_came_back_has_the_order_read() {
    assert_snapshot!(replay("
        receive MUG 5
        order A1 MUG 1 quiet
        tell A1 by=webhook without=restocks
    "), @r"
    MUG  main  available 4  committed 1
    A1 MUG  open 1  held main 1
    wanted A1 +2 s
    ");
}
