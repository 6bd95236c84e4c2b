//! Listings, kits and case packs, and orders that wait for a mapping.

use insta::assert_snapshot;

use super::super::command::Command;
use super::language::{obey, replay, run};
use super::print;
use crate::catalog::Mapping;

/// R50
#[test]
fn an_unmapped_order_is_parked_and_books_itself_once_stock_has_its_name() {
    assert_snapshot!(replay("
        order A1 MUG 3
        order A2 MUG 4
        book
        receive MUG 5
    "), @r"
        A1 MUG  open 3  parked
        A2 MUG  open 4  parked
    MUG  main  committed 5
    A1 MUG  open 3  held main 3
    A2 MUG  open 4  held main 2  owed MUG 2
    ");
}

/// R50
#[test]
fn an_unmapped_order_books_itself_once_a_person_maps_it() {
    assert_snapshot!(replay("
        receive RED 5
        order A1 MUG 2 MUG#2 1
        map MUG GREEN=1
        map MUG RED=0
        map CUP RED=1
        map MUG RED=2
        map MUG RED=2
        book
        map MUG
        receive MUG 9
        map MUG
        order A2 MUG 1
    "), @r"
    line 3 refused: no stock was ever booked under SKU GREEN
    line 4 refused: a listing takes each SKU once, at least one unit of it
    line 5 refused: unknown listing CUP on us
    line 7 books nothing
        RED  main  committed 5
        A1 MUG  open 2  held main 4
        A1 MUG#2  open 1  held main 1  owed RED 1
    line 11 books nothing
    RED  main  committed 5
    MUG  main  available 8  committed 1
    A1 MUG  open 2  held main 4
    A1 MUG#2  open 1  held main 1  owed RED 1
    A2 MUG  open 1  held main 1
    ");
}

/// R50
#[test]
fn what_was_shipped_and_put_back_while_unmapped_is_booked_with_the_mapping() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        order A1 MUG 5 quiet
        fulfill A1 MUG 2 place=L2 quiet
        fulfill A1 MUG 1 place=L2 quiet
        return A1 MUG 1 place=L2 quiet
        cancel A1 MUG 1
        ship A1
        ship A1 MUG 1
        book
        receive MUG 1
        receive MUG 5 at=east
    "), @r"
    line 7 refused: order A1 has nothing left to ship
    line 8 refused: line MUG: 1 asked, 0 left to ship
        A1 MUG  open 1  fulfilled 3  restocked 1  parked
    line 10 notes: 3 MUG missing at east
    MUG  main  committed 1
    MUG  east  available 6
    A1 MUG  open 1  held main 1  fulfilled 3  restocked 1
    wanted A1 -298 s
    ");
}

/// R50
#[test]
fn of_orders_that_waited_for_a_mapping_the_oldest_is_served_first() {
    assert_snapshot!(replay("
        channel us main=L1
        channel eu main=L9 priority=1
        order A1 MUG 2
        order A2 MUG 2 placed=-86400
        order B1 MUG 1 on=eu
        receive MUG 3
    "), @r"
    MUG  main  committed 3
    A1 MUG  open 2  owed MUG 2
    A2 MUG  open 2  held main 2
    B1 MUG  open 1  held main 1
    ");
}

/// R50
#[test]
fn an_order_for_a_listing_nobody_has_seen_yet_waits_for_it() {
    let mut world = run("receive MUG 5");
    let order = {
        let mut order = super::shop::ShopOrder::new("A1", "us", world.now);
        order.add("MUG", 2);
        order
    };
    world.orders.insert("A1".to_owned(), order);
    for line in ["tell A1", "book", "list us MUG"] {
        world.step();
        super::language::obey(&mut world, 1, line);
    }
    let mut out = world.out.clone();
    out.extend(print::ledger(&world.ledger));
    assert_snapshot!(out.join("\n"), @r"
        MUG  main  available 5
        A1 MUG  open 2  parked
    MUG  main  available 3  committed 2
    A1 MUG  open 2  held main 2
    ");
}

/// R20
#[test]
fn demand_is_summed_per_sku_over_lines_and_kits() {
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 6
        receive MUG 9 at=east
        receive CUP 9
        receive CUP 9 at=east
        list us SET sku=
        map SET MUG=2 CUP=1
        order A1 MUG 3 SET 2
    "), @r"
    MUG  main  available 6
    MUG  east  available 2  committed 7
    CUP  main  available 9
    CUP  east  available 7  committed 2
    A1 MUG  open 3  held east 3
    A1 SET  open 2  held MUG east 4  held CUP east 2
    wanted A1 +2 s
    ");
}

/// R23
#[test]
fn packs_of_five_ten_and_twenty_move_as_one() {
    let world = run("
        receive MUG 40
        list us P5 sku=
        list us P10 sku=
        list us P20 sku=
        map P5 MUG=5
        map P10 MUG=10
        map P20 MUG=20
        order A1 P5 1 P10 1 P20 1
        ship A1
    ");
    let entries = world.entries();
    let units = |seq: usize| {
        let movements = entries[entries.len() - seq].movements.iter();
        movements
            .map(|movement| movement.units.0)
            .collect::<Vec<_>>()
    };
    assert_eq!((units(2), units(1)), (vec![35], vec![35]));
    assert_eq!(print::stock(&world.ledger), ["MUG  main  available 5"]);
}

/// R23
#[test]
fn kits_are_committed_whole_where_a_location_can_and_split_only_beyond() {
    // Five kits fit no location: main makes one, east four. The sixth takes its parts from both.
    assert_snapshot!(replay("
        channel us main=L1 east=L2
        receive MUG 4
        receive CUP 1
        receive MUG 9 at=east
        receive CUP 5 at=east
        list us SET sku=
        map SET MUG=2 CUP=1
        order A1 SET 5
        order A2 SET 1
    "), @r"
    MUG  main  committed 4
    MUG  east  available 1  committed 8
    CUP  main  committed 1
    CUP  east  committed 5
    A1 SET  open 5  held MUG main 2  held CUP main 1  held MUG east 8  held CUP east 4
    A2 SET  open 1  held MUG main 2  held CUP east 1
    wanted A1 -58 s
    wanted A2 +2 s
    ");
}

/// R23
#[test]
fn a_kit_and_its_parts_sold_by_turns_keep_the_book() {
    assert_snapshot!(replay("
        receive MUG 5
        receive CUP 3
        list us SET sku=
        map SET MUG=2 CUP=1
        order A1 SET 1
        order A2 MUG 2
        order A3 SET 2
        order A4 CUP 1
        book
        cancel A2
        fulfill A3 SET 1
        return A3 SET 1
        count CUP 2
    "), @r"
        MUG  main  committed 5
        CUP  main  committed 3
        A1 SET  open 1  held MUG main 2  held CUP main 1
        A2 MUG  open 2  held main 2
        A3 SET  open 2  held MUG main 1  held CUP main 2  owed MUG 3
        A4 CUP  open 1  owed CUP 1
    line 13 notes: 1 CUP at main taken from orders
    MUG  main  available 1  committed 4
    CUP  main  committed 2
    A1 SET  open 1  held MUG main 2  held CUP main 1
    A2  cancelled
    A2 MUG
    A3 SET  open 1  held MUG main 2  held CUP main 1  fulfilled 1  restocked 1
    A4 CUP  open 1  owed CUP 1
    ");
}

#[test]
fn a_booked_line_keeps_what_it_was_booked_as() {
    assert_snapshot!(replay("
        receive MUG 5
        receive RED 5
        order A1 MUG 2
        map MUG RED=1
        edit A1 MUG 3
        order A2 MUG 1
    "), @r"
    MUG  main  available 2  committed 3
    RED  main  available 4  committed 1
    A1 MUG  open 3  held main 3
    A2 MUG  open 1  held main 1
    ");
}

fn mappings(world: &super::world::World) -> String {
    let ledger = &world.ledger;
    let listings = ledger.channels[0].listings.iter();
    let lines = listings.map(|(_, id, listing)| {
        let (parts, by) = match &listing.mapping {
            Mapping::Unmapped(why) => return format!("{id}: {why}"),
            Mapping::Automatic(parts) => (parts, "SKU"),
            Mapping::Barcode(parts) => (parts, "barcode"),
            Mapping::Manual(parts) => (parts, "person"),
        };
        let parts = parts.iter();
        let parts = parts.map(|part| format!("{} × {}", part.per, ledger.sku_id(part.sku)));
        format!("{id}: {} by {by}", parts.collect::<Vec<_>>().join(" + "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// R52
#[test]
fn two_listings_of_one_sku_text_map_neither() {
    let mut world = run("
        receive MUG 5
        list us M1 sku=MUG
        list us M2 sku=MUG
        list us M3 sku=mug
        list us M4 sku=
        list us M5 sku=CUP
    ");
    assert_snapshot!(mappings(&world), @r"
    M1: 2 listings of the channel carry SKU MUG
    M2: 2 listings of the channel carry SKU MUG
    M3: no stock was ever booked under SKU mug, MUG differs in case
    M4: the listing has no SKU on the channel
    M5: no stock was ever booked under SKU CUP
    ");
    // One scan in which the first takes another text leaves the second alone with it.
    let report = |listing, sku| {
        let Command::Listings { listings, .. } = world.listing("us", listing, (sku, None)) else {
            panic!("no listings");
        };
        listings[0].clone()
    };
    let scan = Command::Listings {
        channel: "us".into(),
        listings: vec![report("M1", "RED"), report("M2", "MUG")],
        complete: None,
    };
    world.book(&scan).unwrap();
    assert_snapshot!(mappings(&world), @r"
    M1: no stock was ever booked under SKU RED
    M2: 1 × MUG by SKU
    M3: no stock was ever booked under SKU mug, MUG differs in case
    M4: the listing has no SKU on the channel
    M5: no stock was ever booked under SKU CUP
    ");
}

#[test]
fn a_listing_that_takes_another_text_follows_it_where_that_is_a_sku() {
    let mut world = run("
        receive MUG 5
        receive RED 5
        list us M1 sku=MUG
        list us M2 sku=RED
        list us M3 sku=CUP
        map M3 MUG=2
        order A1 M1 2
    ");
    let report = |world: &super::world::World, listing, sku| {
        let Command::Listings { listings, .. } = world.listing("us", listing, (sku, None)) else {
            panic!("no listings");
        };
        listings[0].clone()
    };
    // Two swap their texts, one that a person mapped takes another; then one that nobody has.
    for texts in [
        &[("M1", "RED"), ("M2", "MUG"), ("M3", "GREEN")][..],
        &[("M2", "BLUE")],
    ] {
        let listings = texts
            .iter()
            .map(|(listing, sku)| report(&world, listing, sku));
        let scan = Command::Listings {
            channel: "us".into(),
            listings: listings.collect(),
            complete: None,
        };
        world.book(&scan).unwrap();
    }
    assert_snapshot!(mappings(&world), @r"
    M1: 1 × RED by SKU
    M2: 1 × MUG by SKU
    M3: 2 × MUG by person
    ");
    let relabelled = |world: &super::world::World| {
        let listings = world.ledger.channels[0].listings.iter();
        let found = listings.filter(|(_, _, row)| world.ledger.is_relabelled(row));
        found.map(|(_, id, _)| id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(relabelled(&world), ["M2"]);
    let text = print::ledger(&world.ledger).join("\n");
    assert!(
        text.contains("MUG  main  available 3  committed 2"),
        "{text}"
    );
    obey(&mut world, 99, "receive BLUE 1");
    assert_snapshot!(mappings(&world), @r"
    M1: 1 × RED by SKU
    M2: 1 × BLUE by SKU
    M3: 2 × MUG by person
    ");
    assert_eq!(relabelled(&world), [""; 0]);
    // A second listing of the text that it gave up is no rival of it.
    let scan = world.listing("us", "M4", ("MUG", None));
    world.book(&scan).unwrap();
    assert!(mappings(&world).contains("M4: 1 × MUG by SKU"));
}

/// R50
#[test]
fn a_listing_without_a_known_sku_maps_by_its_barcode_when_one_sku_has_it() {
    let world = run("
        receive MUG 5
        receive CUP 5
        list us A sku= barcode=73513537
        list us B sku=mug barcode=4006381333931
        list us C sku=CUP barcode=4006381333931
        list us D sku=OTHER barcode=036000291452
        order O1 A 2
        gtin MUG 73513537
        gtin CUP 036000291452
        list us E sku= barcode=0036000291452
    ");
    assert_snapshot!(mappings(&world), @r"
    A: 1 × MUG by barcode
    B: no stock was ever booked under SKU mug, MUG differs in case; no SKU has barcode 04006381333931
    C: 1 × CUP by SKU
    D: 2 listings of the channel carry barcode 00036000291452
    E: the listing has no SKU on the channel; 2 listings of the channel carry barcode 00036000291452
    ");
    let text = print::ledger(&world.ledger).join("\n");
    assert!(
        text.contains("O1 A  open 2  held main 2"),
        "the waiting order booked itself: {text}"
    );
}

/// R52
#[test]
fn a_barcode_of_two_skus_maps_nothing_until_one_gives_it_up() {
    let mut world = run("
        receive MUG 5
        receive CUP 5
        gtin MUG 73513537
        list us A sku= barcode=73513537
        gtin CUP 73513537
        gtin CUP 73513537
        gtin BOX 73513537
    ");
    assert_snapshot!(world.out.join("\n"), @r"
    line 6 books nothing
    line 7 refused: no stock was ever booked under SKU BOX
    ");
    assert_snapshot!(
        mappings(&world),
        @"A: the listing has no SKU on the channel; 2 SKUs have barcode 00000073513537"
    );
    super::language::obey(&mut world, 8, "ungtin MUG 73513537");
    assert_snapshot!(mappings(&world), @"A: 1 × CUP by barcode");
}

#[test]
fn open_lines_move_to_the_present_mapping_in_one_entry_when_told_to() {
    assert_snapshot!(replay("
        receive MUG 6
        receive RED 5
        receive BOX 9
        order A1 MUG 2
        order A3 MUG 3
        fulfill A3 MUG 1
        order A2 MUG 4
        map MUG RED=1 BOX=2
        reapply CUP
        reapply MUG
        reapply
    "), @r"
    line 9 refused: unknown listing CUP on us
    line 11 books nothing
    MUG  main  available 3  committed 2
    RED  main  committed 5
    BOX  main  committed 9
    A1 MUG  open 2  held RED main 2  held BOX main 4
    A3 MUG  open 2  held main 2  fulfilled 1
    A2 MUG  open 4  held RED main 3  held BOX main 5  owed RED 1  owed BOX 3
    ");
}
