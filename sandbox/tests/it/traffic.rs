//! Shoppers and clerks: the same seed gives the same world, and stock is conserved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelsync_contract::Clock;
use channelsync_sandbox::{Demo, Faults, Options, Traffic, Truth, TruthPage};

use crate::webhooks::subscribe;
use crate::world::World;

/// Half a minute of shopping at 20 orders per second, then rest.
async fn shopping(seed: u64) -> (Vec<Truth>, Vec<String>) {
    let demo = Demo {
        on_hand: 60,
        ..Demo::default()
    };
    let world = World::with(Options {
        seed,
        shops: demo.shops(seed),
        faults: Faults::parse(&["webhooks-lost", "webhooks-doubled", "webhooks-reordered"])
            .unwrap(),
        ..Options::default()
    });
    for topic in ["ORDERS_CREATE", "ORDERS_UPDATED", "INVENTORY_LEVELS_UPDATE"] {
        subscribe(&world, topic).await;
    }
    let traffic = Traffic::new(world.sandbox.clone(), Duration::from_millis(50)).with_returns();
    let shop = async {
        let run = std::pin::pin!(traffic.run());
        let time = world.clock.sleep(Duration::from_secs(40));
        futures_util::future::select(run, time).await;
        traffic.stop();
        world.clock.sleep(Duration::from_secs(30)).await;
        world.sandbox.stop();
    };
    futures_util::future::join(shop, world.sandbox.run()).await;
    let truth = |name: &str| world.sandbox.truth(name, TruthPage::default()).unwrap();
    (vec![truth("north"), truth("south")], world.mail.topics())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_world() {
    let (first, topics) = shopping(11).await;
    let (second, again) = shopping(11).await;
    assert_eq!(first, second);
    assert_eq!(topics, again);
    let (other, _) = shopping(12).await;
    assert_ne!(first[0].orders, other[0].orders);
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_what_open_orders_hold() {
    let (shops, topics) = shopping(5).await;
    assert!(topics.len() > 500, "{}", topics.len());
    for shop in shops {
        assert!(shop.orders.len() > 200, "{}", shop.orders.len());
        let counters = &shop.counters;
        assert!(
            counters.orders_cancelled > 0 && counters.orders_edited > 0,
            "{counters:?}"
        );
        assert!(counters.fulfillments > 0 && counters.fulfillment_orders_moved > 0);
        assert!(counters.fulfillment_orders_split > 0 && counters.fulfillment_orders_held > 0);
        let lines = shop.orders.iter().flat_map(|order| &order.lines);
        let seen: BTreeSet<_> = lines
            .flat_map(|line| &line.back)
            .map(|one| one.disposal)
            .collect();
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert_eq!(shop.oversold_units, 0);
        assert_eq!(shop.webhooks_unfinished, 0);
        let mut open: BTreeMap<(u64, u64), i64> = BTreeMap::new();
        for line in shop.orders.iter().flat_map(|order| &order.lines) {
            let there: i64 = line.open_at.iter().map(|(_, units)| units).sum();
            assert_eq!(there, line.open);
            for (place, units) in &line.open_at {
                *open.entry((line.item.unwrap(), *place)).or_default() += units;
            }
        }
        for level in &shop.levels {
            let committed = open
                .get(&(level.item, level.location))
                .copied()
                .unwrap_or(0);
            assert_eq!(level.committed, committed, "{level:?}");
            assert!(level.available >= 0 && level.on_hand == level.available + level.committed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_pauses_nothing_happens_and_then_it_goes_on() {
    let world = World::new(2);
    let traffic = Traffic::new(world.sandbox.clone(), Duration::from_millis(100));
    let placed = || world.truth().counters.orders_placed;
    let pause = async {
        world.clock.sleep(Duration::from_secs(3)).await;
        world.sandbox.set_quiet(true);
        let before = placed();
        world.clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(placed(), before);
        world.sandbox.set_quiet(false);
        world.clock.sleep(Duration::from_secs(3)).await;
        let gap = placed() - before;
        assert!(
            (5..100).contains(&gap),
            "no buyer of the pause comes: {gap}"
        );
        traffic.stop();
    };
    futures_util::future::join(pause, traffic.run()).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_nothing_happens() {
    let world = World::new(2);
    let traffic = Traffic::new(world.sandbox.clone(), Duration::from_millis(100));
    let stop = async {
        world.clock.sleep(Duration::from_secs(3)).await;
        traffic.stop();
    };
    futures_util::future::join(stop, traffic.run()).await;
    let placed = world.truth().counters.orders_placed;
    assert!(placed > 0);
    world.pass(60).await;
    assert_eq!(world.truth().counters.orders_placed, placed);
}
