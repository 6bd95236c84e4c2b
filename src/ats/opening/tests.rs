//! What shops show, and what is proposed for it.

use channelsync_contract::ids::ItemId;
use proptest::prelude::*;

use super::super::tests::World;
use super::*;
use crate::ledger::{Command, ListingReport, Rules, StockLine};

const LOCATIONS: &[&str] = &["main", "annex"];

fn world(counting: Counting) -> World {
    World::new(LOCATIONS, Rules::default(), counting)
}

/// A slot of the item of a listing: at a location, the figure, and unsellable units in it.
fn shown(listing: &str, location: &str, written: Option<i64>, unsellable: u32) -> ShownReport {
    ShownReport {
        slot: SlotKey {
            item: ItemId::new(format!("item-{listing}")),
            location: Some(format!("at-{location}").as_str().into()),
        },
        written,
        sellable: written.unwrap_or(0),
        unsellable: Units(unsellable),
    }
}

fn opened(world: &World, slots: &[ShownReport]) -> Vec<Opening> {
    let began = Timestamp(i64::MAX);
    openings(&world.ledger, 0, 0..u32::MAX, None, (began, slots))
}

/// One line for each opening.
fn told(openings: &[Opening]) -> Vec<String> {
    let line = |opening: &Opening| {
        let sku = opening.sku.as_ref().map_or("-", Sku::as_str);
        let at = opening.location.as_ref().map_or("-", LocationId::as_str);
        let count = match &opening.count {
            Ok(units) => units.to_string(),
            Err(why) => why.to_string(),
        };
        format!("{sku} {at}: {count}")
    };
    openings.iter().map(line).collect()
}

/// What it is about, the book, what the channel shows, and what is proposed.
type Case<'a> = (&'a str, fn(&mut World), Vec<ShownReport>, &'a [&'a str]);

fn judge(cases: &[Case<'_>]) {
    for (what, prepare, slots, expected) in cases {
        let mut world = world(Counting::Gross);
        prepare(&mut world);
        assert_eq!(told(&opened(&world, slots)), *expected, "{what}");
    }
}

#[test]
fn what_lies_at_a_location_is_proposed_where_nobody_counted_it() {
    judge(&[
        (
            "a SKU that nobody ever named, stocked at one place",
            |world| world.list("L", "MUG", &[]),
            vec![shown("L", "main", Some(7), 0), shown("L", "annex", None, 0)],
            &[
                "MUG main: 7",
                "MUG annex: the channel does not stock it there",
            ],
        ),
        (
            "units that the channel does not sell are not proposed",
            |world| world.list("L", "MUG", &[]),
            vec![
                shown("L", "main", Some(7), 2),
                shown("L", "annex", Some(0), 0),
            ],
            &["MUG main: 5", "MUG annex: 0"],
        ),
        (
            "what was counted is not proposed",
            |world| {
                world.count("MUG", "main", 3);
                world.list("L", "MUG", &[]);
            },
            vec![
                shown("L", "main", Some(7), 0),
                shown("L", "annex", Some(4), 0),
            ],
            &["MUG annex: 4"],
        ),
        (
            "less than nothing, and what was mapped while it was read",
            |world| world.list("L", "MUG", &[]),
            vec![shown("L", "main", Some(-1), 0)],
            &[
                "MUG main: -1 units: less than nothing lies nowhere",
                "MUG annex: it was listed or mapped while it was read: look again",
            ],
        ),
    ]);
}

#[test]
fn two_figures_for_a_shelf_and_listings_of_several_or_no_skus_are_told() {
    judge(&[
        (
            "two listings of one SKU agree at one place",
            |world| {
                world.receive("MUG", "main", 1);
                world.list("L", "MUG", &[]);
                world.list("M", "OTHER", &[("MUG", 1)]);
            },
            vec![
                shown("L", "main", Some(7), 0),
                shown("M", "main", Some(7), 0),
                shown("L", "annex", Some(2), 0),
                shown("M", "annex", Some(3), 0),
            ],
            &[
                "MUG main: 7",
                "MUG annex: its listings show different quantities: 2 by L; 3 by M",
            ],
        ),
        (
            "kits and packs",
            |world| {
                world.receive("MUG", "main", 1);
                world.list("L", "SET", &[("MUG", 2)]);
            },
            vec![],
            &["- -: a kit or pack does not tell what lies there of its parts"],
        ),
        (
            "a kit of which every part was counted is no news",
            |world| {
                world.count("MUG", "main", 1);
                world.list("L", "SET", &[("MUG", 2)]);
            },
            vec![],
            &[],
        ),
        (
            "one text on two listings, no text, and one that differs in case",
            |world| {
                world.receive("Cup", "main", 1);
                for (listing, sku) in [("L", "MUG"), ("M", "MUG"), ("N", ""), ("O", "CUP")] {
                    world.list(listing, sku, &[]);
                }
            },
            vec![],
            &[
                "- -: not mapped: 2 listings of the channel carry SKU MUG",
                "- -: not mapped: 2 listings of the channel carry SKU MUG",
                "- -: not mapped: the listing has no SKU on the channel",
                "- -: not mapped: no stock was ever booked under SKU CUP, Cup differs in case",
            ],
        ),
    ]);
}

#[test]
fn a_channel_without_a_quantity_tells_nothing() {
    let mut world = world(Counting::Gross);
    let report = ListingReport {
        listing: "L".into(),
        item: "item-L".into(),
        sku: "MUG".into(),
        gtin: None,
        unpushable: true,
        sells_without_limit: false,
    };
    world.book(&Command::Listings {
        channel: "shop".into(),
        listings: vec![report],
        complete: None,
    });
    let openings = opened(&world, &[]);
    assert_eq!(
        told(&openings),
        ["- -: the channel keeps no quantity of it"]
    );
}

#[test]
fn a_net_channel_hides_its_open_units_and_waits_for_those_that_move() {
    let mut world = world(Counting::Net);
    world.list("L", "MUG", &[]);
    world.order("L", 3, Some("annex"));
    let slots = [
        shown("L", "main", Some(7), 0),
        shown("L", "annex", Some(1), 0),
    ];
    assert_eq!(
        told(&opened(&world, &slots)),
        ["MUG main: 7", "MUG annex: 4"]
    );
    let early = openings(&world.ledger, 0, 0..1, None, (Timestamp(0), &slots));
    assert!(
        early
            .iter()
            .all(|opening| opening.count == Err(NoOpening::Moving))
    );
    let mut world = self::world(Counting::Net);
    world.list("L", "MUG", &[]);
    world.order("L", 3, None);
    let unplaced = opened(&world, &slots);
    assert_eq!(unplaced[0].count, Err(NoOpening::Unplaced));
}

#[test]
fn slots_are_asked_for_a_few_at_a_time_and_counted_ones_never() {
    let mut world = world(Counting::Gross);
    for sku in ["A", "B", "C"] {
        world.list(sku, sku, &[]);
    }
    world.count("B", "main", 1);
    let asked = |from, only| {
        let (slots, next) = slots_to_open(&world.ledger, 0, from, 2, only);
        let slots: Vec<String> = slots.iter().map(ToString::to_string).collect();
        (slots.join(" "), next)
    };
    let main = world.ledger.location("main");
    assert_eq!(
        asked(0, None),
        ("item-A@at-main item-A@at-annex".to_owned(), 1)
    );
    assert_eq!(
        asked(1, None),
        (
            "item-B@at-annex item-C@at-main item-C@at-annex".to_owned(),
            3
        )
    );
    assert_eq!(
        asked(0, main),
        ("item-A@at-main item-C@at-main".to_owned(), 3)
    );
}

proptest! {
    /// R18: once it is adopted, the number of every slot is what the channel shows.
    #[test]
    fn a_channel_is_not_written_for_what_was_adopted_from_it(
        gross in any::<bool>(),
        main in 0..20_i64,
        left in 0..20_i64,
        (open, to_annex) in (0..5_u32, any::<bool>()),
        listed_first in any::<bool>(),
    ) {
        let counting = if gross { Counting::Gross } else { Counting::Net };
        let mut world = world(counting);
        // Who owes what a place does not have shows it elsewhere.
        let annex = if gross { left.max(open.into()) } else { left };
        let main = if gross { main.max(open.into()) } else { main };
        if listed_first {
            world.list("L", "MUG", &[]);
        }
        world.order("L", open, Some(if to_annex { "annex" } else { "main" }));
        world.list("L", "MUG", &[]);
        let slots = [shown("L", "main", Some(main), 0), shown("L", "annex", Some(annex), 0)];
        let found = opened(&world, &slots);
        prop_assert_eq!(found.len(), 2);
        let line = |opening: Opening| StockLine {
            id: String::new(),
            sku: opening.sku.unwrap(),
            location: opening.location.unwrap(),
            units: opening.count.unwrap(),
        };
        let lines = found.into_iter().map(line).collect();
        world.book(&Command::Import { id: "adopted".to_owned(), counts: true, lines });
        let written: Vec<i64> = world.writes("L").into_iter().map(i64::from).collect();
        prop_assert_eq!(written, [main, annex]);
        prop_assert_eq!(opened(&world, &slots), []);
    }
}
