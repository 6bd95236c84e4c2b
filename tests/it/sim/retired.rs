//! A shop that ends.

use std::time::Duration;

use channelsync::ledger::{Command, Fact, OpenOrders};
use channelsync_contract::{ChannelId, OrderId, Units};

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

const SKUS: usize = 150;

fn retire(orders: OpenOrders) -> Command {
    Command::Retire(ChannelId::new("north"), Some(orders))
}

/// Units for sale at a shop, all SKUs together and of the first.
fn for_sale(scene: &Scene, shop: &str) -> (i64, i64) {
    let levels = scene.truth(shop).levels;
    let first = &scene.machine.shops[0].variants[0].sku;
    let of_first = levels.iter().filter(|level| level.sku == *first);
    (
        levels.iter().map(|level| level.available.max(0)).sum(),
        of_first.map(|level| level.available).sum(),
    )
}

/// Calls to a shop in this life of the daemon.
fn requests(scene: &Scene, shop: &str) -> u64 {
    let daemon = scene.machine.daemon().unwrap();
    let merchant = daemon.merchants.values().next().unwrap();
    let connected = &merchant.channels[&ChannelId::new(shop)];
    connected.transport.stats().requests
}

/// R72: the daemon dies again and again while the slots are zeroed, and no webhook arrives.
#[test]
fn a_retired_shop_is_emptied_whoever_dies_meanwhile_and_then_left_alone() {
    for (orders, left) in [(OpenOrders::Keep, 4), (OpenOrders::Release, 6)] {
        let mut plan = Plan::calm();
        (plan.size.skus, plan.size.on_hand, plan.size.locations) = (150, 0, 1);
        // It is no mass change that asks.
        plan.mass_change_percent = 20;
        plan.answer_delay = Duration::from_millis(700);
        plan.shops.add("webhooks-lost=1").unwrap();
        scene(plan, async |scene| {
            scene.begin_uncounted().await;
            count(scene, "all", 0..SKUS, 6).await;
            scene.rest().await;
            let order = scene.buy("north", 0, 2);
            scene.rest().await;
            scene.book(retire(orders)).await;
            for _ in 0..4 {
                scene.sleep(Duration::from_millis(600)).await;
                scene.machine.kill();
            }
            scene.sleep(Duration::from_secs(180)).await;
            assert_eq!(for_sale(scene, "north").0, 0, "{orders:?}");
            assert_eq!(for_sale(scene, "south").1, left, "{orders:?}");
            let before = scene.ledger().await.seq;
            scene.book(retire(orders)).await;
            assert_eq!(
                scene.ledger().await.seq,
                before,
                "said twice, it is done once"
            );
            if orders == OpenOrders::Keep {
                let ship = Command::Ship {
                    id: "s-1".to_owned(),
                    channel: "north".into(),
                    order: OrderId::new(order.to_string()),
                    lines: Vec::new(),
                    from: None,
                    tracking: None,
                };
                scene.book(ship).await;
                scene.sleep(Duration::from_secs(120)).await;
                let parcels = scene.truth("north").orders[0].fulfillments.len();
                assert_eq!(parcels, 1, "the shop was told of the parcel");
            }
            let before = ["north", "south"].map(|shop| requests(scene, shop));
            scene.sleep(Duration::from_secs(600)).await;
            let after = ["north", "south"].map(|shop| requests(scene, shop));
            assert!(
                before[0] == after[0] && before[1] < after[1],
                "{before:?} {after:?}"
            );
            let ledger = scene.ledger().await;
            assert_eq!(channelsync::ledger::verify(&ledger), []);
            assert_eq!(
                ledger.channel_named("north").unwrap().open_orders().count(),
                0
            );
            let first = ledger
                .sku_ix(&scene.machine.shops[0].variants[0].sku)
                .unwrap();
            assert_eq!(ledger.backordered(first), Units::ZERO);
            let retirements = scene.facts(|fact| matches!(fact, Fact::Retired(..)));
            assert_eq!(retirements, 1);
        });
    }
}
