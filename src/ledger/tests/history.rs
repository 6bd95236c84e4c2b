//! Cut-over: what happened before the opening stock was counted.
//!
//! Scripts begin at second 0 of `from`; every line takes 60 s, the channel line included.

use insta::assert_snapshot;

use super::language::{replay, run};
use super::print;

/// R18
#[test]
fn what_was_shipped_cancelled_and_returned_before_the_books_opened_moves_nothing() {
    assert_snapshot!(replay("
        channel us main=L1 from=600
        receive MUG 10
        order A1 MUG 6 quiet
        fulfill A1 MUG 3 quiet
        return A1 MUG 1 quiet
        cancel A1 MUG 1 quiet
        wait 600
        tell A1
    "), @r"
    MUG  main  available 8  committed 2
    A1 MUG  open 2  held main 2  fulfilled 3  history 3  restocked 1
    ");
}

/// R18
#[test]
fn later_events_of_an_old_order_count() {
    assert_snapshot!(replay("
        channel us main=L1 from=600
        receive MUG 10
        order A1 MUG 6 quiet
        fulfill A1 MUG 3 quiet
        return A1 MUG 1 quiet
        wait 600
        tell A1
        book
        fulfill A1 MUG 2
        return A1 MUG 1
        book
        undo A1 MUG 1
        cancel A1
    "), @r"
        MUG  main  available 7  committed 3
        A1 MUG  open 3  held main 3  fulfilled 3  history 3  restocked 1
        MUG  main  available 8  committed 1
        A1 MUG  open 1  held main 1  fulfilled 5  history 3  restocked 2
    MUG  main  available 10
    A1  cancelled
    A1 MUG  fulfilled 4  history 3  restocked 2
    ");
}

/// R18
#[test]
fn an_old_order_first_heard_of_late_holds_both_kinds_of_parcels() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2 from=600
        receive MUG 10
        receive MUG 10 at=east
        order A1 MUG 6 quiet
        fulfill A1 MUG 2 place=L1 quiet
        wait 600
        fulfill A1 MUG 3 place=L2 quiet
        tell A1
        tell A1
    "), @r"
    line 9 books nothing
    MUG  main  available 9  committed 1
    MUG  east  available 7
    A1 MUG  open 1  held main 1  fulfilled 5  history 2
    ");
}

/// R18
#[test]
fn an_old_copy_heard_of_first_does_not_turn_history_into_movements() {
    let later = "
        fulfill A1 MUG 3 quiet
        return A1 MUG 1 quiet
        wait 600
        fulfill A1 MUG 1 quiet";
    let end = |first: &str| {
        let world = run(&format!(
            "
            channel us main=L1 from=600
            receive MUG 10
            order A1 MUG 6 quiet
            {first}
            {later}
            tell A1
        "
        ));
        print::ledger(&world.ledger)
    };
    assert_eq!(end("tell A1"), end("wait 60"));
    assert_snapshot!(end("tell A1").join("\n"), @r"
    MUG  main  available 7  committed 2
    A1 MUG  open 2  held main 2  fulfilled 4  history 3  restocked 1
    ");
}

/// R18
#[test]
fn parcels_of_an_old_order_that_do_not_say_when_are_asked_for() {
    assert_snapshot!(replay("
        channel us main=L1 from=600
        receive MUG 10
        order A1 MUG 6 quiet
        fulfill A1 MUG 3 quiet
        wait 600
        tell A1 by=webhook without=shipments
        tell A1
        fulfill A1 MUG 1 by=webhook without=shipments
        book
        tell A1
    "), @r"
        MUG  main  available 7  committed 3
        A1 MUG  open 3  held main 3  fulfilled 3  history 3
    MUG  main  available 7  committed 2
    A1 MUG  open 2  held main 2  fulfilled 4  history 3
    ");
}

/// R18
#[test]
fn history_of_an_unmapped_listing_stays_history_when_it_is_mapped() {
    assert_snapshot!(replay("
        channel us main=L1 from=600
        order A1 MUG 6 quiet
        fulfill A1 MUG 3 quiet
        wait 600
        fulfill A1 MUG 1 quiet
        tell A1
        receive MUG 10
    "), @r"
    MUG  main  available 7  committed 2
    A1 MUG  open 2  held main 2  fulfilled 4  history 3
    ");
}
