//! A channel that joins later counts since what lies at its locations was counted.

use insta::assert_snapshot;

use super::language::{replay, run};

/// R18
#[test]
fn a_channel_that_does_not_say_since_when_counts_since_the_count() {
    assert_snapshot!(replay("
        channel us main=L1
        count MUG 10
        order A1 MUG 1 on=us
        order E1 MUG 2 on=eu quiet
        fulfill E1 MUG 2 quiet
        channel eu main=L7 silent
        list eu MUG
        tell E1
    "), @r"
    MUG  main  available 7  committed 1
    A1 MUG  open 1  held main 1
    E1 MUG  fulfilled 2
    ");
    assert_snapshot!(replay("
        channel us main=L1
        order E1 MUG 2 on=eu quiet
        fulfill E1 MUG 2 quiet
        count MUG 10
        channel eu main=L7 silent
        list eu MUG
        tell E1
    "), @r"
    MUG  main  available 10
    E1 MUG  fulfilled 2  history 2
    ");
}

#[test]
fn it_is_asked_for_where_the_counts_do_not_tell() {
    let join = |counts: &str, silent: &str| {
        let script = format!("channel us main=L1 east=L2\n{counts}\nchannel eu main=L7 {silent}");
        replay(&script)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_snapshot!(join("receive MUG 3\ncount MUG 9 at=east", "silent"), @"line 4 refused: channel eu says no `book_from`, and nothing was counted at its locations yet: count all that lies there at one time (`channelsync stock import FILE --counts`), or count what it sells and set `book_from` to then");
    assert_snapshot!(join("count MUG 9\nwait 1\ncount CUP 4", "silent"), @"line 5 refused: channel eu says no `book_from`, and SKUs at its locations were counted between 1970-01-12T13:48:40Z and 1970-01-12T13:50:41Z: count all that lies there at one time (`channelsync stock import FILE --counts`), or count what it sells and set `book_from` to then");
    assert_snapshot!(join("count MUG 9\nwait 2600000", "silent"), @"line 4 refused: channel eu says no `book_from`, and its locations were counted at 1970-01-12T13:48:40Z, too long ago: count all that lies there at one time (`channelsync stock import FILE --counts`), or count what it sells and set `book_from` to then");
    assert_snapshot!(join("count MUG 9\nwait 2600000", "from=60"), @"MUG  main  available 9");
    assert_snapshot!(join("count MUG 9\ncount CUP 4", "silent"), @"MUG  main  available 9");
}

#[test]
fn what_was_decided_stays_whatever_is_counted_later() {
    let world = run("
        channel us main=L1
        count MUG 10
        channel eu main=L7 silent
        count MUG 4
        channel eu main=L7 silent priority=2
    ");
    let eu = world.ledger.channel_named("eu").unwrap();
    let booked = eu.setup.as_ref().unwrap();
    assert_eq!(booked.backorder_priority, 2);
    assert_eq!(
        booked.book_from,
        Some(super::world::START.plus(super::world::STEP * 2))
    );
}
