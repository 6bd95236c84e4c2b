//! Calls that write quantities: intents, outcomes, doubt.

use insta::assert_snapshot;

use super::language::{replay, run};

/// R32
#[test]
fn a_call_is_under_way_until_it_comes_back() {
    assert_snapshot!(replay("
        shown MUG 5
        push c1 MUG 7 expect=5
        push c1 MUG 7 expect=5
        push c2 MUG 8 expect=5
        shown MUG 5
        pushed c1 applied
        pushed c1 applied
        pushed c1 applied applied
        push c3 MUG 8 MUG 9
        push c4
    "), @r"
    line 3 books nothing
    line 4 refused: slot MUG@L1 is not free to be pushed
    line 5 books nothing
    line 7 refused: no call 00000000-0000-0000-0000-000000000001 is under way
    line 8 refused: no call 00000000-0000-0000-0000-000000000001 is under way
    line 9 refused: a call writes each of its slots once, and at least one
    line 10 refused: a call writes each of its slots once, and at least one
    slot MUG@L1  free  expected 7  confirmed 7
    ");
}

#[test]
fn each_outcome_leaves_its_row_where_it_belongs() {
    assert_snapshot!(replay("
        shown A 1
        shown B 1
        shown C 1
        shown D 1
        shown E 1
        shown F 1
        push c1 A 7 B 7 C 7 D 7 E 7 F 7 expect=1
        pushed c1 applied accepted stale refused not_applied in_doubt
        slots
        push c2 B 7 expect=1
        push c3 D 7 expect=1
        push c4 F 7 expect=1
        push c5 E 7 expect=1
        release A
        release D
        shown F 7
    "), @r"
        slot A@L1  free  expected 7  confirmed 7
        slot B@L1  free  expected 7  to be read
        slot C@L1  free  expected 1  to be read
        slot D@L1  parked: a bundle has no quantity  expected 1
        slot E@L1  free  expected 1
        slot F@L1  in doubt  expected 1
    line 10 refused: slot B@L1 is not free to be pushed
    line 11 refused: slot D@L1 is not free to be pushed
    line 12 refused: slot F@L1 is not free to be pushed
    line 14 refused: nothing is parked as A@L1
    slot A@L1  free  expected 7  confirmed 7
    slot B@L1  free  expected 7  to be read
    slot C@L1  free  expected 1  to be read
    slot D@L1  free  expected 1  to be read
    slot E@L1  in flight  expected 1
    slot F@L1  free  expected 7
    ");
}

#[test]
fn doubt_is_settled_by_a_reading_begun_after_it() {
    assert_snapshot!(replay("
        shown MUG 5
        push c1 MUG 7 expect=5
        doubt
        doubt
        pushed c1 in_doubt
        shown MUG 5 began=-240
        shown MUG 7
        push c2 MUG 8 expect=7
    "), @r"
    line 4 books nothing
    line 5 books nothing
    line 6 books nothing
    slot MUG@L1  in flight  expected 7
    ");
}

#[test]
fn a_first_write_in_doubt_is_not_settled_by_a_reading_begun_before_it() {
    assert_snapshot!(replay("
        push c1 MUG 7
        doubt
        shown MUG 0 began=-240
        shown MUG 0 began=-90
    "), @r"
    line 3 books nothing
    slot MUG@L1  free  expected 0
    ");
}

#[test]
fn what_was_learned_to_be_unsure_during_a_call_outlives_it() {
    // The parcel's place is unknown, so what it did to the slots is too.
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 2
        shown MUG 9
        push c1 MUG 8 expect=9
        fulfill A1 MUG 1
        pushed c1 applied
        slots
        shown MUG 8
        push c2 MUG 8 expect=8
        fulfill A1 MUG 1
        pushed c2 not_applied
    "), @r"
        slot MUG@L1  free  expected 8  confirmed 8  to be read
    MUG  main  available 7
    A1 MUG  fulfilled 2
    slot MUG@L1  free  expected 8  confirmed 8  to be read
    ");
}

#[test]
fn an_answer_after_doubt_is_taken_and_read_again() {
    assert_snapshot!(replay("
        shown MUG 5
        push c1 MUG 7 expect=5
        doubt
        pushed c1 applied
    "), @"slot MUG@L1  free  expected 7  confirmed 7  to be read");
}

#[test]
fn known_acts_during_a_call_move_what_is_expected_after_it() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 5
        push c1 MUG 9
        pushed c1 applied
        push c2 MUG 7 expect=9
        fulfill A1 MUG 2 place=L1
        return A1 MUG 1 place=L1
        pushed c2 applied
        undo A1 MUG 1
    "), @r"
    MUG  main  available 5  committed 4
    A1 MUG  open 4  held main 4  fulfilled 1  restocked 1
    slot MUG@L1  free  expected 7  confirmed 7
    ");
}

#[test]
fn acts_about_the_time_of_an_adopted_reading_cause_another() {
    let mut out = Vec::new();
    for secs in [-30, -5, 5, 30] {
        let mut world = run("
            receive MUG 9
            order A1 MUG 5
            shown MUG 9
        ");
        let at = super::at_slots::from_now(&world, secs);
        world.step();
        let order = world.orders.get_mut("A1").unwrap();
        order.fulfill("MUG", 1, Some("L1"), (None, at));
        order.version = world.now;
        super::language::obey(&mut world, 0, "tell A1");
        let slots = super::print::slots(&world.ledger.channels[0]);
        out.push(format!("{secs:+} s: {}", slots.join("")));
    }
    assert_snapshot!(out.join("\n"), @r"
    -30 s: slot MUG@L1  free  expected 9
    -5 s: slot MUG@L1  free  expected 9  to be read
    +5 s: slot MUG@L1  free  expected 9  to be read
    +30 s: slot MUG@L1  free  expected 8
    ");
}

#[test]
fn parcels_before_and_after_an_adopted_reading_are_told_apart() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 5
        fulfill A1 MUG 2 place=L1 quiet
        shown MUG 7
        fulfill A1 MUG 1 place=L1
        return A1 MUG 2 place=L1
    "), @r"
    MUG  main  available 6  committed 2
    A1 MUG  open 2  held main 2  fulfilled 3  restocked 2
    slot MUG@L1  free  expected 8
    ");
}

/// R38
#[test]
fn accepted_is_not_applied_until_read_back_equal() {
    let accepted = "
        shown MUG 5
        push c1 MUG 7 expect=5
        pushed c1 accepted
    ";
    for (then, expected) in [
        ("push c2 MUG 8 expect=7", "expected 7  to be read"),
        ("shown MUG 7 began=-90", "expected 7  to be read"),
        ("shown MUG 7", "expected 7"),
        ("shown MUG 5", "expected 7  recheck -2"),
        ("shown MUG 8", "expected 8  corrections 1"),
    ] {
        let world = run(&format!("{accepted}{then}"));
        let slots = super::print::slots(&world.ledger.channels[0]);
        assert_eq!(slots, [format!("slot MUG@L1  free  {expected}")], "{then}");
    }
}

/// R38
#[test]
fn what_is_accepted_may_be_explained_by_a_newer_sale() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 2
        shown MUG 5
        push c1 MUG 7 expect=5
        pushed c1 accepted
        fulfill A1 MUG 1 place=L1 quiet
        shown MUG 6
        slots
        tell A1
        shown MUG 6
    "), @r"
        slot MUG@L1  free  expected 7  recheck -1
    MUG  main  available 7  committed 1
    A1 MUG  open 1  held main 1  fulfilled 1
    slot MUG@L1  free  expected 6
    ");
}

/// R38
#[test]
fn what_is_accepted_and_never_applied_ends_parked() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 5
        shown MUG 5
        push c1 MUG 7 expect=5
        pushed c1 accepted
        shown MUG 5 complete=-600
        slots
        shown MUG 5 complete=0
        push c2 MUG 7 expect=5
        pushed c2 accepted
        shown MUG 5 complete=-600
        shown MUG 5 complete=0
        push c3 MUG 7 expect=5
        pushed c3 accepted
        shown MUG 5 complete=-600
        shown MUG 5 complete=0
    "), @r"
        slot MUG@L1  free  expected 7  recheck -2
    MUG  main  available 4  committed 5
    A1 MUG  open 5  held main 5
    slot MUG@L1  parked: drifted by -2 after 2 corrections in a row  expected 5  corrections 3
    ");
}

/// R33
#[test]
fn what_failed_at_one_slot_stays_there_whatever_succeeds_beside_it() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        channel eu main=L1
        shown MUG 1
        shown MUG 1 place=L2
        shown MUG 1 on=eu
        shown CUP 1
        push c1 MUG 7 CUP 7 expect=1
        pushed c1 refused applied
        push c2 MUG 7 place=L2 expect=1
        pushed c2 in_doubt
        push c3 MUG 7 on=eu expect=1
        pushed c3 applied
        slots
        push c4 CUP 8 expect=7
        pushed c4 applied
        shown MUG 7 on=eu
        shown CUP 8
        slots
        release MUG
        shown MUG 1
        shown MUG 1 place=L2
        push c5 MUG 7 expect=1
        push c6 MUG 7 place=L2 expect=1
    "), @r"
        slot MUG@L1  parked: a bundle has no quantity  expected 1
        slot MUG@L2  in doubt  expected 1
        slot CUP@L1  free  expected 7  confirmed 7
        slot MUG@L1  free  expected 7  confirmed 7
        slot MUG@L1  parked: a bundle has no quantity  expected 1
        slot MUG@L2  in doubt  expected 1
        slot CUP@L1  free  expected 8  confirmed 8
        slot MUG@L1  free  expected 7  confirmed 7
    slot MUG@L1  in flight  expected 1
    slot MUG@L2  in flight  expected 1
    slot CUP@L1  free  expected 8  confirmed 8
    slot MUG@L1  free  expected 7  confirmed 7
    ");
}
