//! Quantities out: a changed mind, a row at fault, whole catalogues, a channel that is dead.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync::ledger::{Command, Ledger, PushState, StockLine};
use channelsync_contract::{
    ChannelId, ChannelLocationId, Clock as _, ItemId, LocationId, Sku, SlotKey, Units,
};
use channelsync_sandbox::{Action, Demo, FulfillmentOrderTruth};

use super::plan::Plan;
use super::scene::{Scene, scene};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Counts of SKUs by their place in the catalogue, all the same.
pub(super) async fn count(scene: &Scene, id: &str, skus: std::ops::Range<usize>, units: u32) {
    let variants = &scene.machine.shops[0].variants;
    let line = |sku: usize| StockLine {
        id: String::new(),
        sku: Sku::new(&variants[sku].sku),
        location: LocationId::new("place-1"),
        units: Units(units),
    };
    let (id, counts) = (format!("count-{id}"), true);
    let lines = skus.map(line).collect();
    scene.book(Command::Import { id, counts, lines }).await;
}

/// One shop with one location.
pub(super) fn one_shop(skus: u32) -> Plan {
    let mut plan = Plan::calm();
    plan.size = Demo {
        shops: 1,
        skus,
        locations: 1,
        ..Demo::default()
    };
    plan
}

/// R31
#[test]
fn five_four_five_ends_with_five_whatever_is_under_way() {
    let mut four_was_sent = BTreeMap::new();
    for faults in ["applied-then-timeout=0", "applied-then-timeout=0.5"] {
        for (to_four, to_five) in [(0, 0), (0, 700), (700, 700), (700, 3_000), (3_000, 700)] {
            let mut plan = one_shop(1);
            plan.answer_delay = ms(2_000);
            plan.shops.add(faults).unwrap();
            let sent = scene(plan, async |scene| {
                scene.begin().await;
                count(scene, "first", 0..1, 5).await;
                scene.sleep(ms(to_four)).await;
                count(scene, "second", 0..1, 4).await;
                scene.sleep(ms(to_five)).await;
                count(scene, "third", 0..1, 5).await;
                scene.rest().await;
                scene.audited().await;
                let truth = scene.truth("north");
                assert_eq!(truth.levels[0].on_hand, 5, "{faults} {to_four} {to_five}");
                truth.sets.iter().any(|set| set.quantity == 4)
            });
            four_was_sent.insert((faults, to_four, to_five), sent);
        }
    }
    let sent: Vec<bool> = four_was_sent.into_values().collect();
    assert!(sent.contains(&true) && sent.contains(&false), "{sent:?}");
}

/// Slots of a shop with one location.
fn slots(ledger: &Ledger) -> Vec<PushState> {
    let items = &ledger.channel_named("north").unwrap().items;
    let slots = items.iter().flat_map(|(_, _, item)| &item.slots);
    slots.map(|(_, slot)| slot.clone()).collect()
}

/// R33
#[test]
fn a_row_at_fault_is_seen_and_sent_again_while_its_neighbours_are_through() {
    let mut plan = one_shop(12);
    plan.answer_delay = ms(500);
    scene(plan, async |scene| {
        scene.begin().await;
        let (variant, place) = (
            &scene.machine.shops[0].variants[5],
            scene.machine.shops[0].locations[0].id,
        );
        let action = Action::Count {
            item: variant.item,
            location: place,
            on_hand: 3,
        };
        scene.act("north", action);
        count(scene, "all", 0..12, 7).await;
        let mut alone = None;
        for _ in 0..200 {
            scene.sleep(ms(50)).await;
            let slots = slots(&scene.ledger().await);
            let is_through = |slot: &&PushState| {
                slot.confirmed
                    .is_some_and(|confirmed| confirmed.quantity == Units(7))
            };
            if slots.iter().filter(is_through).count() == 11 {
                alone = slots.into_iter().find(|slot| !is_through(&slot));
                break;
            }
        }
        let alone = alone.expect("eleven are through before the twelfth");
        assert!(alone.to_be_read() || alone.expected == Some(3), "{alone:?}");
        scene.rest().await;
        scene.audited().await;
        let levels = scene.truth("north").levels;
        assert!(levels.iter().all(|level| level.on_hand == 7), "{levels:?}");
    });
}

/// Requests by operation since the last look.
fn sent_since(scene: &Scene) -> BTreeMap<String, u64> {
    std::mem::take(&mut *scene.machine.net.sent.lock().unwrap())
}

const SET: &str = "mutation SetQuantities";

/// R36: an hour at rest. Rounds through the catalogue, which come at intervals that a person sets
/// and say what they cost, are told apart: the scan, and the reading back of all slots.
#[test]
fn a_whole_catalogue_takes_the_fewest_calls_and_rest_takes_none_of_it() {
    let (small, large) = (catalogue(100), catalogue(10_000));
    assert_eq!(small, large);
    assert!(small.values().sum::<u64>() > 0);
}

fn catalogue(skus: u32) -> BTreeMap<String, u64> {
    let mut plan = one_shop(skus);
    plan.poll_secs = 60;
    scene(plan, async |scene| {
        let all = usize::try_from(skus).unwrap();
        scene.begin().await;
        let mut first = sent_since(scene);
        for from in (0..all).step_by(500) {
            let until = all.min(from + 500);
            count(scene, &from.to_string(), from..until, 7).await;
        }
        scene.rest().await;
        assert_eq!(sent_since(scene)[SET], u64::from(skus.div_ceil(100)));
        // All but one were counted as they are.
        count(scene, "again", 0..all.min(500), 7).await;
        count(scene, "one", 1..2, 8).await;
        scene.rest().await;
        assert_eq!(sent_since(scene)[SET], 1);
        scene.sleep(ms(3_600_000)).await;
        scene.rest().await;
        let mut hour = sent_since(scene);
        assert_eq!(hour.get(SET), None);
        let reading = ("query InventoryAtLocation", skus.div_ceil(50) / 24 + 1);
        let mut rounds = vec![reading];
        // A large catalogue is scanned by file, whose calls do not depend on its size.
        match skus {
            ..=5_000 => rounds.push(("query VariantsPage", skus.div_ceil(250))),
            _ => rounds.extend([
                ("mutation BulkStart", 1),
                ("query BulkRecent", 1),
                ("query BulkStatus", 2),
                ("download", 1),
            ]),
        }
        for (operation, calls_max) in rounds {
            let calls = hour.remove(operation).unwrap_or_default();
            assert!(calls <= u64::from(calls_max), "{operation}: {calls} calls");
            assert!(
                first.remove(operation).is_some(),
                "{operation} has its name"
            );
        }
        hour
    })
}

/// From orders at one shop to the new figures at another, while a third is alive or dead.
fn slowest_push(silent: Option<&'static str>) -> Duration {
    let mut plan = Plan::calm();
    plan.size.shops = 3;
    plan.opening_units = 10_000;
    scene(plan, async |scene| {
        scene.begin().await;
        scene.machine.net.faults.lock().unwrap().silent = silent;
        let mut slowest = Duration::ZERO;
        for number in 0..60 {
            let placed = scene.truth("shop-3");
            scene.buy("south", number % 12, 1);
            scene.sleep(ms(10_100)).await;
            let sets = scene.truth("shop-3").sets;
            let set = sets.get(placed.sets.len()).expect("pushed within 10 s");
            slowest = slowest.max(set.at.since(placed.now));
        }
        slowest
    })
}

/// R42: ways on the network take up to a tenth of a second each way.
#[test]
fn a_dead_channel_delays_no_other() {
    let (alive, dead) = (slowest_push(None), slowest_push(Some("north")));
    assert!(alive < ms(1_000), "{alive:?}");
    assert!(
        dead <= alive + ms(200),
        "{dead:?}, {alive:?} while it lived"
    );
}

/// R46: an order goes to another location and back between two reads of it, and the slots are read in
/// between.
#[test]
fn a_slot_read_while_an_order_was_elsewhere_for_a_moment_is_read_again() {
    for webhooks in ["webhooks-lost=1", "webhooks-lost=0"] {
        let mut plan = Plan::calm();
        (plan.quantity_name, plan.opening_units) = ("available", 10);
        (plan.poll_secs, plan.overlap_secs) = (30, 60);
        plan.shops.add(webhooks).unwrap();
        scene(plan, async |scene| {
            scene.begin().await;
            let order = scene.buy("north", 0, 2);
            scene.sleep(ms(60_000)).await;
            scene.rest().await;
            let there = scene.truth("north").orders[0].fulfillment_orders[0].clone();
            let mut places = scene.machine.shops[0].locations.iter();
            let other = places.find(|place| place.id != there.location).unwrap();
            let go = |location| {
                let orders = scene.truth("north").orders;
                let found = orders.iter().find(|found| found.id == order).unwrap();
                let open = |one: &&FulfillmentOrderTruth| !one.remaining.is_empty();
                let (fulfillment_order, lines) = {
                    let mut open = found.fulfillment_orders.iter().filter(open);
                    (open.next().unwrap().id, Vec::new())
                };
                scene.act(
                    "north",
                    Action::Move {
                        fulfillment_order,
                        location,
                        lines,
                    },
                );
            };
            go(other.id);
            let item = scene.machine.shops[0].variants[0].item.to_string();
            let slots = scene.machine.shops[0].locations.iter();
            let slots = slots.map(|place| SlotKey {
                item: ItemId::new(&item),
                location: Some(ChannelLocationId::new(place.id.to_string())),
            });
            let (channel, slots) = (ChannelId::new("north"), slots.collect());
            scene.book(Command::Reread { channel, slots }).await;
            scene.sleep(ms(400)).await;
            go(there.location);
            scene.rest().await;
            scene.audited().await;
        });
    }
}

/// R64
#[test]
fn an_order_is_confirmed_once_every_shop_shows_less() {
    let mut plan = Plan::calm();
    plan.size.skus = 3;
    plan.answer_delay = ms(2_000);
    scene(plan, async |scene| {
        scene.begin().await;
        count(scene, "all", 0..3, 7).await;
        scene.rest().await;
        for sku in [0, 1, 1] {
            scene.buy("north", sku, 1);
            scene.rest().await;
        }
        let confirmed = scene.machine.book().unwrap().confirmations();
        let now = scene.machine.clock.now();
        let [all, north, south] = [
            &confirmed.all,
            &confirmed.channels["north"],
            &confirmed.channels["south"],
        ]
        .map(|took| took.last_hour(now).unwrap());
        assert_eq!((all.count, north.count, south.count), (3, 3, 3));
        // The shop that sold it showed less by itself; the other took a call.
        assert!(north.p50 < ms(2_000), "{north:?}");
        assert!(
            south.p50 >= ms(2_000) && south.p99 < ms(10_000),
            "{south:?}"
        );
        assert_eq!((all.p50, all.p99), (south.p50, south.p99));
    });
}

/// R39
#[test]
fn what_may_not_be_sold_any_more_leaves_first_and_raises_are_not_forgotten() {
    let mut plan = one_shop(500);
    plan.answer_delay = ms(1_000);
    scene(plan, async |scene| {
        scene.begin().await;
        count(scene, "first", 0..500, 7).await;
        scene.rest().await;
        let before = scene.truth("north").sets.len();
        // Raised and lowered first, then none left of the last ones.
        count(scene, "raised", 0..250, 9).await;
        count(scene, "lowered", 250..450, 5).await;
        count(scene, "gone", 450..500, 0).await;
        scene.rest().await;
        scene.audited().await;
        let truth = scene.truth("north");
        let sets = &truth.sets[before..];
        let last = |quantity: i64| {
            sets.iter()
                .rposition(|set| set.quantity == quantity)
                .unwrap()
        };
        let calls = |place: usize| place / 100;
        // Two calls may have left before the zeros were known.
        assert!(calls(last(0)) <= 2, "{}", last(0));
        assert!(last(5) < last(9), "{} {}", last(5), last(9));
        let raised = sets[300..400].iter().filter(|set| set.quantity == 9);
        assert!(raised.count() >= 20, "a part of every call is the oldest");
    });
}
