//! Somebody changes a figure in a shop: its word of that is enough to have it set right.

use std::time::Duration;

use channelsync::ledger::{Fact, Ledger};
use channelsync_sandbox::Action;

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};
use super::stock::parcel;

/// Nothing is ever read back without a reason.
fn plan(quantity_name: &'static str) -> Plan {
    let mut plan = Plan::calm();
    (plan.size.skus, plan.size.on_hand, plan.size.locations) = (3, 0, 1);
    plan.quantity_name = quantity_name;
    plan
}

/// Somebody counts what lies in the north, and finds so many more.
fn finds(scene: &Scene, sku: usize, more: i64) {
    let shop = &scene.machine.shops[0];
    let (item, location) = (shop.variants[sku].item, shop.locations[0].id);
    let levels = scene.truth("north").levels;
    let level = levels.iter().find(|level| level.item == item).unwrap();
    let on_hand = level.on_hand + more;
    let count = Action::Count {
        item,
        location,
        on_hand,
    };
    scene.act("north", count);
}

fn rereads(scene: &Scene) -> usize {
    scene.facts(|fact| matches!(fact, Fact::Reread(..)))
}

fn is_to_be_read(ledger: &Ledger) -> bool {
    let north = ledger.channel_named("north").unwrap();
    !north.to_read.is_empty()
}

#[test]
fn what_somebody_changes_in_a_shop_is_set_right_without_a_round_through_all_slots() {
    for quantity_name in ["on_hand", "available"] {
        scene(plan(quantity_name), async |scene| {
            scene.begin_uncounted().await;
            count(scene, "all", 0..3, 10).await;
            scene.rest().await;
            scene.buy("north", 0, 2);
            scene.rest().await;
            scene.audited().await;
            finds(scene, 0, 5);
            finds(scene, 1, -4);
            scene.sleep(Duration::from_secs(20)).await;
            assert!(rereads(scene) >= 2, "{quantity_name}");
            scene.rest().await;
            let ledger = scene.audited().await;
            assert!(!is_to_be_read(&ledger), "{quantity_name}");
        });
    }
}

#[test]
fn sales_parcels_and_our_own_writes_are_no_reason_to_read() {
    for quantity_name in ["on_hand", "available"] {
        scene(plan(quantity_name), async |scene| {
            scene.begin_uncounted().await;
            count(scene, "all", 0..3, 50).await;
            scene.rest().await;
            for round in 0..20 {
                let shop = ["north", "south"][round % 2];
                let order = scene.buy(shop, round % 3, 2);
                scene
                    .sleep(Duration::from_secs(if round % 4 == 0 { 30 } else { 3 }))
                    .await;
                if round % 4 == 0 {
                    scene.act(shop, parcel(order));
                }
            }
            scene.rest().await;
            scene.sleep(Duration::from_secs(60)).await;
            assert_eq!(rereads(scene), 0, "{quantity_name}");
            scene.audited().await;
        });
    }
}
