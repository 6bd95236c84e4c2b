//! Orders leave the book, and do not come back as new ones. Every line of a script takes 60 s.

use insta::assert_snapshot;

use super::language::{replay, run};

/// R18
#[test]
fn what_was_long_over_leaves_and_what_is_left_to_do_stays() {
    assert_snapshot!(replay("
        channel us main=L1
        receive MUG 20
        order A1 MUG 1
        order A2 MUG 2
        order A3 MUG 3
        fulfill A1
        cancel A3
        order A4 OTHER 1
        wait 7200
        order A5 MUG 4
        ship A5 MUG 1 track=T
        let-go 3600
        fulfill A2 MUG 1
        receive OTHER 1
        fulfill A5 MUG 1
    "), @r"
    MUG  main  available 13  committed 4
    OTHER  main  committed 1
    A2 MUG  open 1  held main 1  fulfilled 1
    A4 OTHER  open 1  held main 1
    A5 MUG  open 3  held main 3  fulfilled 1  shipped 1  acknowledged 1
    ");
}

/// R18
#[test]
fn an_order_of_before_that_is_not_known_is_set_aside_and_never_booked() {
    assert_snapshot!(replay("
        channel us main=L1
        receive MUG 10
        order A1 MUG 1
        fulfill A1
        order A2 MUG 2 quiet
        wait 7200
        order A3 MUG 3
        let-go 3600
        return A1 MUG 1
        hint A1
        hint A2
        tell A2
        tell A2
        dismiss A1
        dismiss A1
        dismiss A3
        return A1 MUG 0
    "), @r"
    line 10 books nothing
    line 13 books nothing
    line 15 books nothing
    line 16 refused: unknown order A3 on us
    line 17 books nothing
    MUG  main  available 6  committed 3
    A3 MUG  open 3  held main 3
    A1  too old, dealt with
    A2  too old
    ");
}

/// R18
#[test]
fn a_book_that_let_nothing_go_books_orders_of_any_age() {
    let world = run("
        channel us main=L1
        receive MUG 10
        order A1 MUG 1 quiet
        wait 7200
        let-go 3600
        tell A1
    ");
    let order = world.ledger.channels[0].orders.get("A1").unwrap();
    assert_eq!(order.lines[0].committed().0, 1);
}
