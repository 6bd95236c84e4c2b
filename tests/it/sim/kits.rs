//! Kits on a shop that knows nothing of kits.

use channelsync::ledger::{Command, MapRow};
use channelsync_contract::{ListingId, Sku};

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
