//! A shop that is master of a location: clerks change its figures while buyers buy at both shops.

use std::sync::Arc;
use std::time::Duration;

use channelsync::ledger::{Fact, Ledger};
use channelsync_contract::OrderId;
use channelsync_sandbox::{Action, SetRecord, Traffic};

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

const NORTH: &str = "[stock.place-1]\nmaster = \"channel\"\nchannel = \"north\"\n";

fn plan(skus: u32) -> Plan {
    let mut plan = Plan::calm();
    (plan.size.skus, plan.size.on_hand, plan.size.locations) = (skus, 0, 1);
    (plan.masters, plan.read_back_secs) = (NORTH, 10);
    // Its webhooks would tell of each change at once.
    plan.shops.add("webhooks-lost=1").unwrap();
    plan
}

/// On hand in the shop and in the book of a SKU, given by its place in the catalogue.
async fn on_hand(scene: &Scene, shop: &str, sku: usize) -> (i64, i64) {
    let name = &scene.machine.shops[0].variants[sku].sku;
    let levels = scene.truth(shop).levels;
    let there = levels.iter().find(|level| level.sku == *name).unwrap();
    (there.on_hand, booked(&scene.ledger().await, name))
}

fn booked(ledger: &Ledger, sku: &str) -> i64 {
    let place = ledger.location("place-1").unwrap();
    let sku = ledger.sku_ix(sku).unwrap();
    ledger.balance(sku, place).on_hand().signed()
}

/// A clerk counts what lies there, by hand.
fn clerk(scene: &Scene, sku: usize, by: i64) {
    let shop = &scene.machine.shops[0];
    let (item, location) = (shop.variants[sku].item, shop.locations[0].id);
    let levels = scene.truth("north").levels;
    let level = levels.iter().find(|level| level.item == item).unwrap();
    let on_hand = level.on_hand + by;
    scene.act(
        "north",
        Action::Count {
            item,
            location,
            on_hand,
        },
    );
}

fn written(scene: &Scene) -> Vec<SetRecord> {
    scene.truth("north").sets
}

/// R49: the daemon dies after the first reading, and again after the booking.
#[test]
fn what_a_clerk_changes_is_booked_once_and_never_written_back_whoever_dies_meanwhile() {
    scene(plan(3), async |scene| {
        scene.begin_uncounted().await;
        count(scene, "all", 0..3, 10).await;
        scene.rest().await;
        let before = written(scene).len();
        clerk(scene, 0, 5);
        clerk(scene, 1, -4);
        scene.sleep(Duration::from_secs(11)).await;
        scene.machine.kill();
        scene.sleep(Duration::from_secs(120)).await;
        scene.machine.kill();
        scene.rest().await;
        assert_eq!(on_hand(scene, "north", 0).await, (15, 15));
        assert_eq!(on_hand(scene, "south", 0).await, (15, 15));
        assert_eq!(on_hand(scene, "north", 1).await, (6, 6));
        assert_eq!(on_hand(scene, "south", 1).await, (6, 6));
        assert_eq!(written(scene).len(), before, "its own word is not written");
        let booked = scene.facts(|fact| matches!(fact, Fact::Mastered(..)));
        assert_eq!(booked, 2);
        // What the other shop sells is.
        scene.buy("south", 0, 2);
        scene.rest().await;
        assert_eq!(on_hand(scene, "north", 0).await, (13, 15));
        scene.audited().await;
    });
}

/// R49: the order's word comes late, and its parcel has left.
#[test]
fn what_an_order_took_whose_word_is_late_is_not_booked_twice() {
    let mut plan = plan(1);
    (plan.poll_secs, plan.overlap_secs) = (60, 120);
    scene(plan, async |scene| {
        scene.begin_uncounted().await;
        count(scene, "all", 0..1, 10).await;
        scene.sleep(Duration::from_secs(130)).await;
        let order = scene.buy("north", 0, 3);
        let ship = Action::Ship {
            order,
            fulfillment_order: None,
            lines: Vec::new(),
            tracking: Default::default(),
        };
        scene.sleep(Duration::from_secs(3)).await;
        scene.act("north", ship);
        scene.rest().await;
        scene.sleep(Duration::from_secs(300)).await;
        assert_eq!(on_hand(scene, "north", 0).await, (7, 7));
        let order = OrderId::new(order.to_string());
        let ledger = scene.audited().await;
        let known = ledger.channel_named("north").unwrap();
        assert!(known.orders.get(order.as_str()).is_some());
        let booked = scene.facts(|fact| matches!(fact, Fact::Mastered(..)));
        assert_eq!(booked, 0);
        let rereads = scene.facts(|fact| match fact {
            Fact::Shown(_, _, readings) => readings.iter().any(|one| one.recheck.is_some()),
            _ => false,
        });
        assert!(rereads > 0, "the fall was seen before the order");
    });
}

/// R49: what lies there at the end is what was counted, with all that clerks changed and without what
/// left, in the book and at both shops.
#[test]
fn in_the_midst_of_trade_every_change_by_hand_is_booked_once() {
    let (lost, put_off) = ("applied-then-timeout=0.2", "answer-429=0.05");
    for (seed, faults) in [
        (1, &[][..]),
        (2, &["answer-5xx=0.03"]),
        (3, &["applied-then-timeout=0.05"]),
        (2, &[lost, put_off]),
        (5, &[lost, put_off]),
        (10, &["applied-then-timeout=0.3"]),
    ] {
        let mut plan = plan(4);
        (plan.seed, plan.buyer_gap) = (seed, Duration::from_millis(4_000));
        for fault in faults {
            plan.shops.add(fault).unwrap();
        }
        scene(plan, async |scene| {
            scene.begin_uncounted().await;
            count(scene, "all", 0..4, 200).await;
            scene.rest().await;
            let gap = scene.machine.plan.buyer_gap;
            let traffic = Arc::new(Traffic::new(scene.machine.sandbox.clone(), gap));
            let acting = traffic.clone();
            scene.spawn(async move { acting.run().await });
            let mut by_hand = [0; 4];
            for (round, by) in [7, -5, 3, 11, -2, -6, 9, 1].into_iter().enumerate() {
                scene.sleep(Duration::from_secs(45)).await;
                clerk(scene, round % 4, by);
                by_hand[round % 4] += by;
                if round == 3 {
                    scene.machine.kill();
                }
            }
            scene.sleep(Duration::from_secs(60)).await;
            traffic.stop();
            scene.rest().await;
            scene.sleep(Duration::from_secs(300)).await;
            let ledger = scene.audited().await;
            for (sku, by_hand) in by_hand.into_iter().enumerate() {
                let name = &scene.machine.shops[0].variants[sku].sku;
                let row = ledger.sku(ledger.sku_ix(name).unwrap());
                let at_customers = row.outside.customer;
                let booked = booked(&ledger, name);
                assert_eq!(
                    booked + at_customers,
                    200 + by_hand,
                    "seed {seed}, {name}: {:#?}",
                    row.outside
                );
            }
        });
    }
}
