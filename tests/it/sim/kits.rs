//! Kits on a shop that knows nothing of kits.

use channelsync::ledger::{Command, MapRow, StockLine};
use channelsync_contract::{ListingId, LocationId, Sku, Units};

use super::plan::Plan;
use super::pushes::{count, one_shop};
use super::scene::{Scene, scene};

/// What buyers may still buy, by place in the catalogue.
fn for_sale(scene: &Scene) -> Vec<i64> {
    let levels = scene.truth("north").levels;
    let variants = scene.machine.shops[0].variants.iter();
    let level = |sku: &str| levels.iter().find(|level| level.sku == sku).unwrap();
    variants
        .map(|variant| level(&variant.sku).available)
        .collect()
}

/// R20, R23: the third listing is a set of three of the first and one of the second.
#[test]
fn a_kit_shows_the_least_of_its_parts_while_both_are_sold_by_turns() {
    scene(one_shop(3), async |scene| {
        scene.begin().await;
        count(scene, "mugs", 0..1, 10).await;
        count(scene, "cups", 1..2, 7).await;
        let variants = &scene.machine.shops[0].variants;
        let part = |place: usize, per| (Sku::new(&variants[place].sku), per);
        let row = MapRow {
            channel: "north".into(),
            listing: ListingId::new(variants[2].id.to_string()),
            parts: vec![part(0, 3), part(1, 1)],
        };
        scene.book(Command::Map(vec![row])).await;
        scene.rest().await;
        assert_eq!(for_sale(scene), [10, 7, 3], "3 sets of 10 and 7");
        for (bought, units, expected) in [
            (2, 1, [7, 6, 2]),
            (1, 5, [7, 1, 1]),
            (0, 5, [2, 1, 0]),
            (0, 2, [0, 1, 0]),
        ] {
            scene.buy("north", bought, units);
            scene.rest().await;
            assert_eq!(for_sale(scene), expected, "after {units} of {bought}");
        }
        assert_eq!(channelsync::ledger::verify(&scene.ledger().await), []);
    });
}

/// R23: the second listing is a set of two of the first, which lies at one place, and one of itself,
/// which lies at the other.
#[test]
fn a_kit_whose_parts_lie_apart_is_sold_where_it_may_be_split() {
    for (rules, first, then) in [("", 0, 0), ("split_kits = true\n", 2, 1)] {
        let mut plan = Plan::calm();
        (plan.size.shops, plan.size.skus, plan.size.on_hand) = (1, 2, 0);
        plan.rules = rules;
        scene(plan, async |scene| {
            scene.begin().await;
            let variants = &scene.machine.shops[0].variants;
            let line = |sku: usize, at: &str, units| StockLine {
                id: String::new(),
                sku: Sku::new(&variants[sku].sku),
                location: LocationId::new(at),
                units: Units(units),
            };
            let lines = vec![line(0, "place-1", 4), line(1, "place-2", 2)];
            let (id, counts) = ("parts".to_owned(), true);
            scene.book(Command::Import { id, counts, lines }).await;
            let part = |place: usize, per| (Sku::new(&variants[place].sku), per);
            let row = MapRow {
                channel: "north".into(),
                listing: ListingId::new(variants[1].id.to_string()),
                parts: vec![part(0, 2), part(1, 1)],
            };
            scene.book(Command::Map(vec![row])).await;
            scene.rest().await;
            let sets = || {
                let levels = scene.truth("north").levels.into_iter();
                let own = levels.filter(|level| level.sku == variants[1].sku);
                own.map(|level| level.available).sum::<i64>()
            };
            assert_eq!(sets(), first, "{rules}");
            if first > 0 {
                scene.buy("north", 1, 1);
                scene.rest().await;
            }
            assert_eq!(sets(), then, "{rules}");
            assert_eq!(channelsync::ledger::verify(&scene.ledger().await), []);
        });
    }
}
