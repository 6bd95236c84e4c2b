//! A channel that ends: what becomes of its orders, and of those who waited for their units.

use insta::assert_snapshot;

use super::language::replay;

/// R72
#[test]
fn open_orders_are_let_go_once_and_nothing_is_owed_to_the_channel_again() {
    assert_snapshot!(replay("
        channel us main=L1
        channel eu main=L9
        receive MUG 5
        order A1 MUG 3
        order B1 MUG 4 on=eu
        retire us
        retire us release
        retire us keep
        book
        order A2 MUG 1
        edit A1 MUG 5
        fulfill A1 MUG 1 place=L1
        tell A1
    "), @r"
    line 6 refused: us has open orders (1): `--keep-orders` lets them be shipped, `--release-orders` frees their units
    line 8 books nothing
        MUG  main  available 1  committed 4
        A1 MUG
        B1 MUG  open 4  held main 4
    MUG  main  committed 4
    A1 MUG  fulfilled 1
    A2 MUG
    B1 MUG  open 4  held main 4
    ");
}

/// R72
#[test]
fn kept_orders_are_shipped_and_cancelled_as_ever_and_may_be_let_go_later() {
    assert_snapshot!(replay("
        receive MUG 9
        order A1 MUG 3
        order A2 MUG 2
        order A3 MUG 1
        retire us keep
        retire us
        ship A1 MUG 3
        cancel A2
        book
        retire us release
        revive us
        revive us
        tell A3
    "), @r"
    line 6 books nothing
        MUG  main  available 5  committed 1
        A1 MUG  open 3  shipped 3
        A2  cancelled
        A2 MUG
        A3 MUG  open 1  held main 1
    line 12 books nothing
    MUG  main  available 5  committed 1
    A1 MUG  shipped 3
    A2  cancelled
    A2 MUG
    A3 MUG  open 1  held main 1
    wanted A1 -120 s
    ");
}

/// R72
#[test]
fn a_channel_with_orders_or_stock_to_show_is_missed_in_the_files_until_it_is_retired_and_over() {
    assert_snapshot!(replay("
        channel us main=L1
        channel eu main=L9
        forget eu
        channel eu main=L9
        receive MUG 2
        list us MUG
        order B1 MUG 1 on=eu
        shown MUG 7
        forget us
        forget eu
        retire us
        retire eu keep
        forget us
        forget eu
        revive us
        retire us
        push c1 MUG 0 expect=7
        pushed c1 applied
        forget us
        revive us
        book
    "), @r#"
    line 9 refused: channel us is no longer in the files and not retired: open orders 0, slots that show stock 1; put it back, and end it by `channelsync channels retire us`
    line 10 refused: channel eu is no longer in the files and not retired: open orders 1, slots that show stock 0; put it back, and end it by `channelsync channels retire eu`
    line 13 refused: channel us is retired and not at its end: open orders 0, slots that still show stock 1; leave it in the files until both are none (`channelsync channels`), or set its mode to "shadow" there first to leave the channel as it is
    line 14 refused: channel eu is retired and not at its end: open orders 1, slots that still show stock 0; leave it in the files until both are none (`channelsync channels`), or set its mode to "shadow" there first to leave the channel as it is
    line 20 refused: channel us is in no file: put it back there, `channelsync reload`, then revive it
        MUG  main  available 1  committed 1
        B1 MUG  open 1  held main 1
    MUG  main  available 1  committed 1
    B1 MUG  open 1  held main 1
    slot MUG@L1  free  expected 0  confirmed 0
    "#);
}
