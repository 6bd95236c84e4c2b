//! Orders as channels report them: copies, order of arrival, unknown parts, cancellations, edits.

use channelsync_contract::time::Timestamp;
use insta::assert_snapshot;

use super::super::command::Command;
use super::super::reported::{Change, Happened, Polled, Source};
use super::language::{replay, run};
use super::shop::Without;

/// R1
#[test]
fn copies_of_one_delivery_make_one_order() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 3 by=webhook
        tell A1 by=webhook
        tell A1 by=webhook
        tell A1
        wait 3600
        tell A1
        tell A1
    "), @r"
    line 3 books nothing
    line 4 books nothing
    line 7 books nothing
    line 8 books nothing
    MUG  main  available 7  committed 3
    A1 MUG  open 3  held main 3
    ");
}

/// R2
#[test]
fn what_happened_to_an_order_may_arrive_in_any_order() {
    let script = |first: &str, second: &str, third: &str| {
        replay(&format!(
            "
            receive MUG 10
            order A1 MUG 5 quiet
            save A1 new
            edit A1 MUG 4 quiet
            fulfill A1 MUG 2 quiet
            save A1 shipped
            cancel A1 MUG 1 quiet
            return A1 MUG 1 quiet
            save A1 last
            deliver {first} by=webhook
            deliver {second} by=webhook
            deliver {third} by=webhook
        "
        ))
    };
    let book = |out: String| {
        let lines = out.lines().filter(|line| !line.starts_with("line"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let straight = book(script("new", "shipped", "last"));
    assert_snapshot!(straight, @r"
    MUG  main  available 8  committed 1
    A1 MUG  open 1  held main 1  fulfilled 2  restocked 1
    ");
    for (first, second, third) in [
        ("new", "last", "shipped"),
        ("shipped", "new", "last"),
        ("shipped", "last", "new"),
        ("last", "new", "shipped"),
        ("last", "shipped", "new"),
        ("last", "last", "last"),
    ] {
        let out = book(script(first, second, third));
        assert_eq!(out, straight, "{first}, {second}, {third}");
    }
}

/// R5
#[test]
fn an_older_copy_changes_nothing() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5
        save A1 old
        cancel A1 MUG 2
        deliver old
        deliver old by=webhook
    "), @r"
    line 5 books nothing
    line 6 books nothing
    MUG  main  available 7  committed 3
    A1 MUG  open 3  held main 3
    ");
}

/// R5
#[test]
fn a_page_that_holds_an_order_twice_ends_with_the_newer_copy() {
    for (first, second) in [("old", "new"), ("new", "old")] {
        let world = run(&format!(
            "
            receive MUG 10
            order A1 MUG 5 quiet
            save A1 old
            cancel A1 MUG 2 quiet
            save A1 new
            page {first} {second}
        "
        ));
        assert_eq!(
            super::print::ledger(&world.ledger),
            [
                "MUG  main  available 7  committed 3",
                "A1 MUG  open 3  held main 3"
            ],
            "{first}, {second}"
        );
    }
}

/// R12
#[test]
fn an_order_first_seen_as_cancelled_is_known_and_takes_nothing() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5 quiet
        cancel A1
        order A2 MUG 2 quiet
        fulfill A2 MUG 1 quiet
        cancel A2
    "), @r"
    MUG  main  available 9
    A1  cancelled
    A1 MUG
    A2  cancelled
    A2 MUG  fulfilled 1
    ");
}

/// R13
#[test]
fn an_order_first_seen_as_shipped_takes_its_stock() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5 quiet
        fulfill A1
    "), @r"
    MUG  main  available 5
    A1 MUG  fulfilled 5
    ");
}

/// R16
#[test]
fn a_test_order_is_known_and_never_booked() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5 test
        wait 600
        tell A1
        tell A1
        tell A1 by=webhook
        fulfill A1
    "), @r"
    line 5 books nothing
    line 6 books nothing
    MUG  main  available 10
    A1  test
    ");
}

/// R19
#[test]
fn unknown_lines_change_nothing_and_are_asked_for() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5
        cancel A1 without=lines
        book
        tell A1 without=lines
        tell A1
    "), @r"
        MUG  main  available 5  committed 5
        A1 MUG  open 5  held main 5
    MUG  main  available 10
    A1  cancelled
    A1 MUG
    ");
}

/// R19
#[test]
fn unknown_routes_shipments_and_restocks_release_nothing() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 10
        receive MUG 10 at=east
        order A1 MUG 5 place=L2
        fulfill A1 MUG 1 place=L2
        return A1 MUG 1 place=L2
        book
        edit A1 MUG 3 without=routes,shipments,restocks
    "), @r"
        MUG  main  available 10
        MUG  east  available 6  committed 4
        A1 MUG  open 4  held east 4  fulfilled 1  restocked 1
    MUG  main  available 10
    MUG  east  available 7  committed 3
    A1 MUG  open 3  held east 3  fulfilled 1  restocked 1
    ");
}

/// R19
#[test]
fn equal_versions_with_other_content_are_read_again() {
    for (first, second) in [("one", "two"), ("two", "one")] {
        let mut world = run("
            receive MUG 10
            order A1 MUG 5 quiet
            save A1 one
        ");
        let version = world.orders["A1"].version;
        let order = world.orders.get_mut("A1").unwrap();
        order.set_open("MUG", 2);
        order.version = version;
        let two = order.report(Without::default());
        world.copies.insert("two".to_owned(), two);
        for copy in [first, second] {
            super::language::obey(&mut world, 0, &format!("deliver {copy} by=webhook"));
        }
        assert!(world.ledger.channels[0].wanted.contains_key("A1"));
        super::language::obey(&mut world, 0, "wait 10");
        super::language::obey(&mut world, 0, "tell A1");
        assert_eq!(
            super::print::ledger(&world.ledger),
            [
                "MUG  main  available 8  committed 2",
                "A1 MUG  open 2  held main 2"
            ]
        );
    }
}

#[test]
fn an_order_may_grow_shrink_and_lose_lines() {
    assert_snapshot!(replay("
        receive MUG 10
        receive CUP 10
        order A1 MUG 3
        edit A1 MUG 5
        edit A1 CUP 2
        book
        edit A1 MUG 1
        drop A1 CUP
        book
        edit A1 CUP 4
        cancel A1
    "), @r"
        MUG  main  available 5  committed 5
        CUP  main  available 8  committed 2
        A1 MUG  open 5  held main 5
        A1 CUP  open 2  held main 2
        MUG  main  available 9  committed 1
        CUP  main  available 10
        A1 MUG  open 1  held main 1
        A1 CUP
    MUG  main  available 10
    CUP  main  available 10
    A1  cancelled
    A1 MUG
    A1 CUP
    ");
}

#[test]
fn cancelling_before_and_after_a_part_was_shipped_frees_what_is_open() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5
        cancel A1 MUG 1
        ship A1 MUG 2
        book
        cancel A1 MUG 1
        fulfill A1 MUG 2
        book
        cancel A1
    "), @r"
        MUG  main  available 6  committed 2
        A1 MUG  open 4  held main 2  shipped 2
        MUG  main  available 7  committed 1
        A1 MUG  open 1  held main 1  fulfilled 2  shipped 2  acknowledged 2
    MUG  main  available 8
    A1  cancelled
    A1 MUG  fulfilled 2  shipped 2  acknowledged 2
    ");
}

#[test]
fn an_unchanged_order_writes_nothing_once_its_copy_is_final() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 5 by=webhook
        tell A1
        tell A1
        tell A1 by=webhook
        hint A1 same
        wait 3600
        hint A1 version=0
        tell A1
        hint A1 beside=0
        hint A1 beside=0
        tell A1
    "), @r"
    line 4 books nothing
    line 5 books nothing
    line 6 books nothing
    MUG  main  available 5  committed 5
    A1 MUG  open 5  held main 5
    ");
}

#[test]
fn a_hint_wants_a_read_unless_a_late_enough_copy_is_there() {
    assert_snapshot!(replay("
        receive MUG 10
        hint A1 version=-600
        hint A1 version=-600
        absent A1
        order A2 MUG 1 by=webhook
        hint A2 same
        tell A2
        hint A2 same
        hint A2 same beside=0
        tell A2
        hint A2 beside=-3600 version=600
    "), @r"
    line 3 books nothing
    line 8 books nothing
    MUG  main  available 9  committed 1
    A2 MUG  open 1  held main 1
    wanted A2 +0 s
    ");
}

/// R6
#[test]
fn a_poll_is_written_down_beside_news_or_when_told_to() {
    let mut world = run("
        receive MUG 10
        order A1 MUG 1
        order A2 MUG 1
        tell A1
        tell A2
        order A3 MUG 1 quiet
        order A4 MUG 1 quiet
    ");
    let mut told = Vec::new();
    for (orders, to, came_to, book) in [
        (["A1", "A2"].as_slice(), Some(100), Some(50), false),
        (&["A1", "A3"], Some(110), Some(60), false),
        (&[], Some(120), None, false),
        (&[], Some(130), None, true),
        (&[], Some(125), Some(90), true),
        (&[], Some(140), Some(40), true),
        // Pages of a window that goes on.
        (&[], None, Some(50), true),
        (&[], None, Some(70), false),
        (&["A4"], None, Some(70), false),
        (&[], None, Some(80), true),
        (&[], None, Some(80), true),
        (&[], Some(150), Some(85), true),
    ] {
        let copy =
            |id: &&str| Change::Order(Box::new(world.orders[*id].report(Without::default())));
        let command = Command::Report(Happened {
            channel: "us".into(),
            source: Source::Fetch,
            began: world.now,
            changes: orders.iter().map(copy).collect(),
            polled: Some(Polled {
                stream: "orders".to_owned(),
                to: to.map(Timestamp),
                came_to: came_to.map(Timestamp),
                book,
            }),
        });
        let draft = world.book(&command).unwrap();
        let known = &world.ledger.channels[0];
        let at = known.streams.get("orders");
        let at = at.map(|stream| (stream.watermark.0, stream.cursor.0));
        let reached = known.reached.get("orders").map(|reached| reached.0);
        let (facts, to) = (draft.facts.len(), to.unwrap_or_default());
        told.push(format!("{to}: {facts} facts, {at:?}, {reached:?}"));
    }
    assert_snapshot!(told.join("\n"), @r"
    100: 0 facts, None, None
    110: 3 facts, Some((110, 60)), None
    120: 0 facts, Some((110, 60)), None
    130: 1 facts, Some((130, 60)), None
    125: 0 facts, Some((130, 60)), None
    140: 1 facts, Some((140, 60)), None
    0: 0 facts, Some((140, 60)), None
    0: 0 facts, Some((140, 60)), None
    0: 3 facts, Some((140, 60)), Some(70)
    0: 1 facts, Some((140, 60)), Some(80)
    0: 0 facts, Some((140, 60)), Some(80)
    150: 1 facts, Some((150, 85)), None
    ");
    let complete = world.ledger.channels[0].complete_to();
    assert_eq!(complete, Some(Timestamp(150)));
}

/// R11: orders are believed to hide for a minute; one that hid for longer is told of, and so long is
/// waited for others until none hid for a week.
#[test]
fn an_order_that_polls_had_passed_is_told_of_and_waited_for_from_then_on() {
    assert_snapshot!(replay("
        receive MUG 10
        polled us
        order A1 MUG 1 placed=-30
        order A2 MUG 1 placed=-170
        order A3 MUG 1 placed=-400
        order A4 MUG 1 placed=-440
        wait 604800
        polled us
        order A5 MUG 1 placed=-260
    "), @r"
    line 5 notes: order A3 found late by 220s
    line 9 notes: order A5 found late by 200s
    MUG  main  available 5  committed 5
    A1 MUG  open 1  held main 1
    A2 MUG  open 1  held main 1
    A3 MUG  open 1  held main 1
    A4 MUG  open 1  held main 1
    A5 MUG  open 1  held main 1
    ");
}
