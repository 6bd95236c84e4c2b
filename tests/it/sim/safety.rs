//! What a person stops, and what stops by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync::ledger::{Command, Fact, Scope, StockLine};
use channelsync_contract::{ChannelId, LocationId, Sku, Units};
use channelsync_sandbox::SetRecord;

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

fn freeze(scope: &Scope) -> Command {
    Command::Freeze {
        scope: scope.clone(),
        reason: "recall".to_owned(),
    }
}

/// Units for sale at a shop by SKU, in the order of the catalogue.
fn for_sale(scene: &Scene, shop: &str) -> Vec<i64> {
    let mut units: BTreeMap<String, i64> = BTreeMap::new();
    for level in scene.truth(shop).levels {
        *units.entry(level.sku).or_default() += level.available;
    }
    let variants = scene.machine.shops[0].variants.iter();
    variants.map(|variant| units[&variant.sku]).collect()
}

/// Units of every SKU came in.
async fn receive(scene: &Scene, id: &str, skus: usize, units: u32) {
    let variants = &scene.machine.shops[0].variants[..skus];
    for (part, variants) in variants.chunks(500).enumerate() {
        let line = |sku: &str| StockLine {
            id: String::new(),
            sku: Sku::new(sku),
            location: LocationId::new("place-1"),
            units: Units(units),
        };
        let lines = variants.iter().map(|variant| line(&variant.sku)).collect();
        let (id, counts) = (format!("{id}-{part}"), false);
        scene.book(Command::Import { id, counts, lines }).await;
    }
}

/// R44: a catalogue of raises is under way at a slow shop, and the daemon dies meanwhile.
#[test]
fn what_is_frozen_is_not_sold_from_the_next_call_on_whatever_waits_and_whoever_dies() {
    let plan = || {
        let mut plan = Plan::calm();
        (plan.size.skus, plan.size.on_hand, plan.size.locations) = (2_000, 5, 1);
        plan.limits = "read_rows_max = 100\n";
        plan.answer_delay = Duration::from_millis(2_000);
        plan
    };
    scene(plan(), async |scene| {
        scene.begin().await;
        receive(scene, "some", 2_000, 6).await;
        scene.rest().await;
        receive(scene, "more", 2_000, 3).await;
        let last = &scene.machine.shops[0].variants[1_999];
        let before = scene.truth("north").sets.len();
        scene.book(freeze(&Scope::Sku(Sku::new(&last.sku)))).await;
        scene.sleep(Duration::from_millis(6_500)).await;
        let sets = &scene.truth("north").sets[before..];
        let zero = |set: &SetRecord| set.item == last.item && set.quantity == 0;
        let raised = sets.iter().position(zero).expect("zero was set");
        assert!(
            raised <= 300,
            "{raised} raises came first: two calls were under way, one may leave beside it"
        );
        assert!(sets.len() > 300, "and raises waited");
        scene.machine.kill();
        scene.rest().await;
        scene.audited().await;
        let north = Scope::Channel(ChannelId::new("north"));
        scene.book(freeze(&north)).await;
        scene.rest().await;
        assert!(for_sale(scene, "north").iter().all(|units| *units == 0));
        assert_eq!(for_sale(scene, "south")[..3], [9, 9, 9]);
        scene.book(Command::Unfreeze(north)).await;
        scene.rest().await;
        for shop in ["north", "south"] {
            let units = for_sale(scene, shop);
            assert_eq!((units[0], units[1_999]), (9, 0), "{shop}");
        }
        let freezes = scene.facts(|fact| matches!(fact, Fact::Frozen(..)));
        assert_eq!(freezes, 2);
    });
}

/// R47: a wrong count of a whole catalogue, an order, the daemon's death, and a person's word.
#[test]
fn a_mass_change_waits_for_a_person_and_orders_still_lower_what_is_shown() {
    let mut plan = Plan::calm();
    (
        plan.size.skus,
        plan.size.locations,
        plan.mass_change_percent,
    ) = (40, 1, 20);
    scene(plan, async |scene| {
        scene.begin().await;
        receive(scene, "stock", 40, 10).await;
        scene.rest().await;
        assert_eq!(for_sale(scene, "south"), [10; 40]);
        count(scene, "wrong", 0..40, 1).await;
        scene.rest().await;
        assert_eq!(for_sale(scene, "north"), [10; 40], "nothing leaves");
        scene.buy("north", 7, 4);
        scene.rest().await;
        for shop in ["north", "south"] {
            assert_eq!(
                for_sale(scene, shop)[6..9],
                [10, 6, 10],
                "{shop}: orders do"
            );
        }
        scene.machine.kill();
        scene.rest().await;
        receive(scene, "more", 40, 5).await;
        scene.rest().await;
        assert_eq!(
            for_sale(scene, "south")[6..9],
            [10, 6, 10],
            "held as before"
        );
        for shop in ["north", "south"] {
            scene.book(Command::GoOn(ChannelId::new(shop))).await;
        }
        scene.rest().await;
        scene.audited().await;
        assert_eq!(for_sale(scene, "south")[6..9], [6, 2, 6]);
        let held = scene.facts(|fact| matches!(fact, Fact::Interlocked(..)));
        assert_eq!(held, 2, "each shop once");
    });
}
