//! What a person stops, and what stops by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelsync::ats::differences;
use channelsync::ledger::{Command, Fact, Scope, StockLine};
use channelsync_contract::{ChannelId, LocationId, OrderId, Sku, Units};
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

/// R47: a wrong count of all but one of a catalogue, an order, the daemon's death, and a person's word.
#[test]
fn a_mass_change_waits_for_a_person_and_orders_still_lower_what_is_shown() {
    let mut plan = Plan::calm();
    (
        plan.size.skus,
        plan.size.locations,
        plan.mass_change_percent,
    ) = (41, 1, 20);
    scene(plan, async |scene| {
        scene.begin().await;
        receive(scene, "stock", 41, 10).await;
        scene.rest().await;
        assert_eq!(for_sale(scene, "south"), [10; 41]);
        count(scene, "wrong", 0..40, 1).await;
        scene.rest().await;
        assert_eq!(for_sale(scene, "north"), [10; 41], "nothing leaves");
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
        receive(scene, "more", 41, 5).await;
        scene.rest().await;
        assert_eq!(
            for_sale(scene, "south")[6..9],
            [10, 6, 10],
            "held as before"
        );
        assert_eq!(for_sale(scene, "south")[40], 10, "and nothing is raised");
        for shop in ["north", "south"] {
            scene.book(Command::GoOn(ChannelId::new(shop))).await;
        }
        scene.rest().await;
        scene.audited().await;
        assert_eq!(for_sale(scene, "south")[6..9], [6, 2, 6]);
        assert_eq!(for_sale(scene, "south")[40], 15);
        let held = scene.facts(|fact| matches!(fact, Fact::Interlocked(..)));
        assert_eq!(held, 2, "each shop once");
    });
}

type Slots = BTreeSet<(String, String)>;

/// Slots that do not show their number, by item and location.
async fn differ(scene: &Scene) -> Slots {
    let ledger = scene.ledger().await;
    let known = ledger.channel(0);
    let items = known.items.iter();
    let found = items.flat_map(|(item, id, _)| {
        let slots = differences(&ledger, 0, item).into_iter();
        slots.map(move |slot| {
            let place = known.place_id(slot.place.expect("a shop has locations"));
            (id.to_string(), place.to_string())
        })
    });
    found.collect()
}

/// R43: one day twice. What is written when the shop is live is what differs when it is in shadow.
#[test]
fn a_shop_in_shadow_is_written_nothing_and_what_it_would_be_is_told() {
    let day = |mode| {
        let mut plan = Plan::calm();
        (plan.size.shops, plan.size.skus, plan.size.on_hand) = (1, 6, 5);
        (plan.mode, plan.rules) = (mode, "safety_stock_units = 2\n");
        scene(plan, async |scene| {
            scene.begin_uncounted().await;
            count(scene, "some", 0..4, 9).await;
            scene.rest().await;
            let order = scene.buy("north", 0, 2);
            scene.buy("north", 1, 1);
            count(scene, "fewer", 2..4, 3).await;
            scene.rest().await;
            let differ = differ(scene).await;
            let ship = Command::Ship {
                id: "s-1".to_owned(),
                channel: "north".into(),
                order: OrderId::new(order.to_string()),
                lines: Vec::new(),
                from: None,
                tracking: None,
            };
            scene.book(ship).await;
            scene.sleep(Duration::from_secs(60)).await;
            let truth = scene.truth("north");
            let sets = truth.sets.iter();
            let written = sets.map(|set| (set.item.to_string(), set.location.to_string()));
            let parcels: usize = truth
                .orders
                .iter()
                .map(|order| order.fulfillments.len())
                .sum();
            (written.collect::<Slots>(), parcels, differ)
        })
    };
    let (written, parcels, differ) = day("shadow");
    assert_eq!((written, parcels), (Slots::new(), 0));
    let (written, parcels, left) = day("live");
    assert_eq!((&written, parcels), (&differ, 1));
    assert_eq!((differ.len(), left), (8, Slots::new()));
}

#[test]
fn a_shop_shows_none_of_what_is_set_aside_for_another_until_that_one_sold_it() {
    let mut plan = Plan::calm();
    (plan.size.skus, plan.size.locations) = (3, 1);
    scene(plan, async |scene| {
        scene.begin().await;
        receive(scene, "stock", 3, 10).await;
        scene.rest().await;
        let sku = Sku::new(&scene.machine.shops[0].variants[1].sku);
        let mut setup = scene.ledger().await.setup;
        let mut channels = setup.channels.iter_mut();
        let south = channels.find(|channel| channel.id.as_str() == "south");
        let rules = south.unwrap().sku_rules.entry(sku).or_default();
        rules.set_aside_units = Some(6);
        scene.book(Command::Configure(Box::new(setup))).await;
        for (shop, units, [north, south]) in [
            ("south", 0, [4, 10]),
            ("south", 4, [4, 6]),
            ("north", 3, [1, 3]),
            ("south", 2, [1, 1]),
        ] {
            if units > 0 {
                scene.buy(shop, 1, units);
            }
            scene.rest().await;
            assert_eq!(
                for_sale(scene, "north"),
                [10, north, 10],
                "{shop} sold {units}"
            );
            assert_eq!(
                for_sale(scene, "south"),
                [10, south, 10],
                "{shop} sold {units}"
            );
        }
        scene.audited().await;
    });
}
