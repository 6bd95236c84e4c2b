//! Parcels of ours and the reports of them: in every order of events they leave once.

use insta::assert_snapshot;

use super::language::{replay, run};
use super::{at_parcels, print};

/// What is told of a script: stock, lines, parcels.
fn end(script: &str) -> Vec<String> {
    let world = run(script);
    let mut out = print::stock(&world.ledger);
    out.extend(print::orders(&world.ledger));
    out.extend(at_parcels::print(&world));
    out
}

/// All orders of the numbers below `count` in which each list keeps its own order.
fn interleaved(lists: &[&[&str]]) -> Vec<Vec<String>> {
    if lists.iter().all(|list| list.is_empty()) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, list) in lists.iter().enumerate() {
        let Some((first, rest)) = list.split_first() else {
            continue;
        };
        let mut left = lists.to_vec();
        left[place] = rest;
        for mut tail in interleaved(&left) {
            tail.insert(0, (*first).to_owned());
            all.push(tail);
        }
    }
    all
}

/// R28: our report and the channel's own word of it, early copies of that word included.
#[test]
fn a_reported_parcel_leaves_once_in_every_order_of_events() {
    for answer in ["parcel A1 1 done=F1", "parcel A1 1 doubt"] {
        let ours = ["ship A1 MUG 2", "parcel A1 1 sending", answer];
        let theirs = [
            "save A1 before",
            "deliver before",
            "deliver before by=webhook",
        ];
        for steps in interleaved(&[&ours, &theirs]) {
            let sent = steps.iter().position(|step| step == ours[1]).unwrap();
            for at in sent + 1..=steps.len() {
                let mut steps = steps.clone();
                steps.insert(at, "fulfill A1 MUG 2 as=F1 quiet".to_owned());
                let script = format!(
                    "receive MUG 10\norder A1 MUG 5\n{}\ntell A1",
                    steps.join("\n")
                );
                let expected = [
                    "MUG  main  available 5  committed 3",
                    "A1 MUG  open 3  held main 3  fulfilled 2  shipped 2  acknowledged 2",
                    "A1 MUG 2/2 from main: told as F1",
                ];
                assert_eq!(end(&script), expected, "{script}");
            }
        }
    }
}

/// R28: a clerk enters the same parcel while ours is recorded, sent, answered, or in doubt.
#[test]
fn a_parcel_that_a_clerk_enters_too_leaves_once() {
    for (steps, told) in [
        (vec!["fulfill A1 MUG 2 as=F9"], "told as F9"),
        (
            vec![
                "parcel A1 1 sending",
                "fulfill A1 MUG 2 as=F9",
                "parcel A1 1 changed",
                "tell A1",
            ],
            "told as F9",
        ),
        (
            vec![
                "parcel A1 1 sending",
                "parcel A1 1 doubt",
                "fulfill A1 MUG 2 as=F9",
            ],
            "told as F9",
        ),
        (
            vec![
                "parcel A1 1 sending",
                "parcel A1 1 refused",
                "fulfill A1 MUG 2 as=F9",
            ],
            "told as F9",
        ),
        (
            vec![
                "parcel A1 1 sending",
                "doubt",
                "fulfill A1 MUG 2 as=F9",
                "tell A1",
            ],
            "told as F9",
        ),
    ] {
        let script = format!(
            "receive MUG 10\norder A1 MUG 2\nship A1\n{}",
            steps.join("\n")
        );
        let expected = [
            "MUG  main  available 8".to_owned(),
            "A1 MUG  fulfilled 2  shipped 2  acknowledged 2".to_owned(),
            format!("A1 MUG 2/2 from main: {told}"),
        ];
        assert_eq!(end(&script), expected, "{script}");
    }
}

/// R28: the channel's word of the second comes before its answer to us.
#[test]
fn a_record_counts_for_the_parcel_it_fits_though_an_older_one_waits() {
    for (older, newer) in [("2", "1"), ("1", "1")] {
        let script = format!(
            "
            receive MUG 10
            order A1 MUG 3
            ship A1 MUG {older}
            parcel A1 1 sending
            parcel A1 1 refused
            ship A1 MUG {newer}
            parcel A1 2 sending
            fulfill A1 MUG {newer} as=F2
            parcel A1 2 done=F2
            tell A1
            "
        );
        let expected = [
            format!("A1 MUG 0/{older} from main: parked: no"),
            format!("A1 MUG {newer}/{newer} from main: told as F2"),
        ];
        assert_eq!(end(&script)[2..], expected, "{script}");
    }
}

/// R28: which record is ours is known by its id, whoever's the channel tells first.
#[test]
fn an_undone_record_is_told_from_a_foreign_one_by_its_id() {
    let known = "
        receive MUG 10
        order A1 MUG 4
        ship A1 MUG 2
        parcel A1 1 sending
        parcel A1 1 done=F1
        fulfill A1 MUG 2 as=F1
        fulfill A1 MUG 2 as=F2
    ";
    for (undone, expected) in [
        (
            "undo A1 as=F2",
            [
                "MUG  main  available 6  committed 2",
                "A1 MUG  open 2  held main 2  fulfilled 2  shipped 2  acknowledged 2",
                "A1 MUG 2/2 from main: told as F1",
            ],
        ),
        (
            "undo A1 as=F1",
            [
                "MUG  main  available 6",
                "A1 MUG  open 2  fulfilled 2  shipped 2",
                "A1 MUG 0/2 from main: parked: undone on the channel: it is reported again only \
                 when you say so",
            ],
        ),
        // A clerk enters it anew between two reads.
        (
            "undo A1 as=F1 quiet\nfulfill A1 MUG 2 as=F3",
            [
                "MUG  main  available 6",
                "A1 MUG  fulfilled 4  shipped 2  acknowledged 2",
                "A1 MUG 2/2 from main: told as F3",
            ],
        ),
    ] {
        assert_eq!(end(&format!("{known}\n{undone}")), expected, "{undone}");
    }
}

/// R28
#[test]
fn a_person_decides_about_an_undone_parcel_of_ours() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 4
        ship A1 MUG 2
        parcel A1 1 sending
        parcel A1 1 done=F1
        fulfill A1 MUG 2 as=F1
        undo A1 as=F1
        parcels
        parcel A1 1 again
        parcels
        parcel A1 1 sending
        parcel A1 1 take-back
        parcel A1 1 refused
        parcel A1 1 take-back
        parcels
    "), @r"
        A1 MUG 0/2 from main: parked: undone on the channel: it is reported again only when you say so
        A1 MUG 0/2 from main: unsent
    line 12 refused: shipment line 3: the channel knows of it or may: undo it there
        A1 MUG 0/0 from main: told as nobody's
    MUG  main  available 6  committed 4
    A1 MUG  open 4  held main 4
    ");
}

/// A clerk recorded a part before our report, which records the rest: both records are the one parcel.
#[test]
fn a_parcel_of_which_a_part_was_recorded_before_is_whole_once_the_rest_is() {
    let script = "receive MUG 10
        order A1 MUG 5
        ship A1 MUG 3
        fulfill A1 MUG 1 as=C1
        parcel A1 1 sending
        fulfill A1 MUG 2 as=F1 quiet
        parcel A1 1 done=F1
        tell A1";
    let expected = [
        "MUG  main  available 5  committed 2",
        "A1 MUG  open 2  held main 2  fulfilled 3  shipped 3  acknowledged 3",
        "A1 MUG 3/3 from main: told as F1",
    ];
    for more in ["", "tell A1", "tell A1 by=webhook"] {
        assert_eq!(end(&format!("{script}\n{more}")), expected, "{more}");
    }
    assert_eq!(
        end(&format!("{script}\nundo A1 MUG 2 as=F1"))[2],
        "A1 MUG 1/3 from main: parked: undone on the channel: it is reported again only when you say so"
    );
}

#[test]
fn a_report_in_doubt_is_sent_again_only_after_a_later_reading_misses_it() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 4
        ship A1 MUG 2
        parcel A1 1 sending
        parcel A1 1 doubt
        parcel A1 1 sending
        tell A1 by=webhook
        parcels
        tell A1
        parcels
        parcel A1 1 sending
        doubt
        parcels
        fulfill A1 MUG 2
        parcels
    "), @r"
    line 6 refused: shipment line 3: it is not to be reported now
    line 7 books nothing
        A1 MUG 0/2 from main: in doubt
        A1 MUG 0/2 from main: unsent
        A1 MUG 0/2 from main: in doubt
        A1 MUG 2/2 from main: told as P1
    MUG  main  available 6  committed 2
    A1 MUG  open 2  held main 2  fulfilled 2  shipped 2  acknowledged 2
    ");
}

#[test]
fn a_channel_without_the_units_is_asked_a_few_times_then_a_person() {
    let mut script = "receive MUG 10\norder A1 MUG 4\nship A1".to_owned();
    for _ in 0..5 {
        script += "\nparcel A1 1 sending\nparcel A1 1 changed\nparcels\nwait 60\ntell A1";
    }
    assert_snapshot!(replay(&script), @r"
        A1 MUG 0/4 from main: waits
        A1 MUG 0/4 from main: waits
        A1 MUG 0/4 from main: waits
        A1 MUG 0/4 from main: waits
        A1 MUG 0/4 from main: parked: it has fewer
    line 28 books nothing
    MUG  main  available 6
    A1 MUG  open 4  shipped 4
    ");
}

#[test]
fn a_number_that_the_channel_refuses_is_not_sent_again_and_is_reported() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 4
        ship A1
        parcel A1 1 sending
        parcel A1 1 done=F1
        fulfill A1 as=F1
        parcel A1 1 track=T2
        parcel A1 1 told=T2 refused=invalid
        parcels
        parcel A1 1 track=T3
        parcels
    "), @r"
    line 8 notes: order A1 parcel line 3: number refused: invalid
        A1 MUG 4/4 from main: told as F1
        A1 MUG 4/4 from main: told as F1, owes its number
    MUG  main  available 6
    A1 MUG  fulfilled 4  shipped 4  acknowledged 4
    ");
}

#[test]
fn a_late_number_is_owed_until_it_is_told() {
    assert_snapshot!(replay("
        receive MUG 10
        order A1 MUG 4
        ship A1 track=T1
        parcel A1 1 sending
        parcel A1 1 done=F1
        parcels
        parcel A1 1 track=T2
        parcels
        fulfill A1 as=F1
        parcel A1 1 told=T2
        parcels
    "), @r"
        A1 MUG 0/4 from main: told as F1, unseen
        A1 MUG 0/4 from main: told as F1, unseen, owes its number
        A1 MUG 4/4 from main: told as F1
    MUG  main  available 6
    A1 MUG  fulfilled 4  shipped 4  acknowledged 4
    ");
}

#[test]
fn one_command_makes_a_parcel_for_each_location() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 2
        receive MUG 3 at=east
        receive CUP 5 at=east
        order A1 MUG 4 CUP 1
        ship A1
        parcels
        order A2 CUP 2
        ship A2 from=west
        ship A2 CUP 1 from=main
        parcels
    "), @r"
        A1 MUG 0/2 from main: unsent
        A1 MUG 0/2 CUP 0/1 from east: unsent
    line 9 refused: unknown location west; the merchant's file lists the locations
    line 10 notes: 1 CUP missing at main
        A1 MUG 0/2 from main: unsent
        A1 MUG 0/2 CUP 0/1 from east: unsent
        A2 CUP 0/1 from main: unsent
    MUG  main  empty
    MUG  east  available 1
    CUP  east  available 3  committed 1
    CUP  main  empty
    A1 MUG  open 4  shipped 4
    A1 CUP  open 1  shipped 1
    A2 CUP  open 2  held east 1  shipped 1
    wanted A1 -298 s
    wanted A2 -118 s
    ");
}

#[test]
fn a_held_order_keeps_its_units_and_does_not_leave() {
    assert_snapshot!(replay("
        receive MUG 4
        order A1 MUG 4
        keep A1 why=fraud
        ship A1
        book
        let A1
        ship A1
    "), @r"
    line 4 refused: order A1 is held: fraud
        MUG  main  committed 4
        A1 MUG  open 4  held main 4
    MUG  main  empty
    A1 MUG  open 4  shipped 4
    ");
}
