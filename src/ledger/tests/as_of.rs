//! Counts of an earlier time: what moved since counts on top, in whatever order it is heard of.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::language::{replay, run};
use super::print;

#[test]
fn a_count_of_an_earlier_time_waits_for_the_channels_and_keeps_what_moved_since() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5
        fulfill A1 MUG 2 place=L1
        wait 1
        fulfill A1 MUG 1 place=L1
        receive MUG 4
        countat MUG 7 since=300
        polled us
        countat MUG 7 since=300
        countat MUG 7 since=299
        countat MUG 9 since=300
        count MUG 12
        countat MUG 3 since=300
        countat MUG 3 since=99999
    "), @r"
    line 7 refused: orders of us that the count as of 1970-01-12T13:51:40Z may hold are still being read; all are known up to 1970-01-01T00:00:00Z
    line 10 refused: SKU MUG at main was counted as of 1970-01-12T13:51:40Z: the newer count stands
    line 13 refused: SKU MUG at main was counted as of 1970-01-12T13:58:41Z: the newer count stands
    line 14 refused: 1970-01-13T17:33:19Z is not over yet: nobody can have counted then
    MUG  main  available 10  committed 2
    A1 MUG  open 2  held main 2  fulfilled 3
    ");
}

#[test]
fn a_count_that_less_is_left_of_than_moved_since_is_reported() {
    assert_snapshot!(replay("
        receive MUG 10
        wait 1
        adjust MUG -6
        polled us
        countat MUG 4 since=150
    "), @r"
    line 5 notes: 2 MUG missing at main
    MUG  main  empty
    ");
}

/// A1 left before the count and A2 after it; both are booked with the count that gives MUG its name.
#[test]
fn what_left_before_a_first_count_was_in_it_and_what_left_since_was_not() {
    for (count, expected) in [
        ("count MUG 7", "MUG  main  available 6  committed 1"),
        (
            "countat MUG 7 since=150",
            "MUG  main  available 4  committed 1",
        ),
    ] {
        let out = replay(&format!(
            "
            order A1 MUG 4
            fulfill A1 MUG 3 place=L1
            order A2 MUG 2
            fulfill A2 MUG 2 place=L1
            polled us
            {count}
        "
        ));
        assert_eq!(out.lines().next(), Some(expected), "{count}: {out}");
    }
}

/// Orders that must be read again all the time hold nothing back once they were read after the time.
#[test]
fn a_count_waits_for_orders_that_may_have_moved_before_its_time_and_for_no_others() {
    for (unread, booked) in [
        ("order A1 MUG 5\nwait 1\nhint A1", false),
        ("order A1 MUG 5\nwait 1\nhint A9", false),
        ("order A1 MUG 5\nwait 600\ntell A1\nhint A1", true),
        ("wait 600\norder A1 MUG 5\nhint A1", true),
    ] {
        let world = run(&format!(
            "channel us main=L1\nreceive MUG 10\n{unread}\npolled us\ncountat MUG 7 since=300"
        ));
        let refused = world
            .out
            .iter()
            .any(|line| line.contains("still being read"));
        assert_eq!(!refused, booked, "{unread}: {:?}", world.out);
    }
}

/// R18: what a channel shipped before its books began is no movement, so nothing brings such a count up to now.
#[test]
fn a_count_of_a_time_before_the_books_of_a_channel_is_refused() {
    let script = |since| {
        format!(
            "channel us main=L1 from=300\nreceive MUG 10\nwait 300\npolled us\ncountat MUG 7 since={since}"
        )
    };
    let refused = run(&script(299)).out;
    let told = "a count as of 1970-01-12T13:51:39Z cannot be brought up to now: what us shipped before \
                1970-01-12T13:51:40Z (its `book_from`) is not in the book";
    assert!(
        refused.iter().any(|line| line.contains(told)),
        "{refused:?}"
    );
    assert_eq!(run(&script(300)).out, [""; 0]);
}

/// R18: the order left in part before the count, and moved on after it: each parcel counts by its own time,
/// and so does what came back.
#[test]
fn of_an_order_that_went_on_a_first_count_had_what_left_before_it() {
    assert_snapshot!(replay("
        order A1 MUG 6
        fulfill A1 MUG 3 place=L1
        order A2 MUG 1
        fulfill A1 MUG 1 place=L1
        return A1 MUG 1 place=L1
        polled us
        countat MUG 7 since=150
    "), @r"
    MUG  main  available 4  committed 3
    A1 MUG  open 2  held main 2  fulfilled 4  restocked 1
    A2 MUG  open 1  held main 1
    ");
}

/// What happens on the channel, a minute each, told to nobody yet.
fn act() -> impl Strategy<Value = String> {
    let order = prop::sample::select(&["A1", "A2"][..]);
    (0..3, order, 1..4_u32).prop_map(|(verb, order, units)| match verb {
        0 => format!("return {order} MUG {units} place=L1 quiet"),
        _ => format!("fulfill {order} MUG {units} place=L1 quiet"),
    })
}

proptest! {
    /// R2: the channels' word of parcels and returns before or after a time, and a count as of that
    /// time, of at least as much as is ever shipped: in any order they end in the same stock.
    #[test]
    fn a_count_of_an_earlier_time_and_late_orders_may_be_heard_of_in_any_order(
        acts in prop::collection::vec(act(), 1..7),
        cut in 0..8_u64,
        (there, counted) in (1..30_u32, 11..30_u32),
    ) {
        let since = 60 * (4 + cut) + 30;
        let pad = "wait 1\n".repeat(9 - acts.len());
        let begin = format!(
            "receive MUG {there}\norder A1 MUG 6 quiet\norder A2 MUG 5 quiet\n{}\n{pad}",
            acts.join("\n")
        );
        let count = format!("polled us\ncountat MUG {counted} since={since}");
        let ends = [
            format!("tell A1\ntell A2\n{count}"),
            format!("tell A2\n{count}\ntell A1"),
            format!("{count}\ntell A1\ntell A2"),
            format!("{count}\ntell A2\ntell A1"),
        ];
        let stocks = ends.map(|end| {
            let world = run(&format!("channel us main=L1\n{begin}\n{end}"));
            prop_assert!(world.out.iter().all(|line| !line.contains("refused")), "{:?}", world.out);
            let mug = world.ledger.sku_ix("MUG").unwrap();
            Ok((print::stock(&world.ledger), world.ledger.sku(mug).outside))
        });
        let [first, others @ ..] = stocks;
        let first = first?;
        for other in others {
            prop_assert_eq!(&first, &other?);
        }
    }
}
