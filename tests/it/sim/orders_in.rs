//! Orders in: by polls alone, across page breaks, through crashes, under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channelsync::ledger::{Fact, Ledger};
use channelsync_contract::{ChannelId, Clock, Timestamp};
use channelsync_sandbox::{Action, LineTruth, LineUnits, OrderTruth, Timings, Traffic};

use super::plan::Plan;
use super::scene::{Scene, scene};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Orders with their lines and commitments, and all balances, by name.
fn view(ledger: &Ledger) -> Vec<String> {
    let mut out = Vec::new();
    for (_, sku, row) in ledger.skus.iter() {
        for stock in &row.stocks {
            let location = ledger.location_id(stock.location);
            out.push(format!("{sku} {location} {:?}", stock.balance));
        }
        out.push(format!("{sku} {:?}", row.outside));
    }
    for channel in &ledger.channels {
        for (_, _, order) in channel.orders.iter() {
            let of_order = format!("{} {} {}", channel.id, order.name, order.cancelled);
            out.push(of_order.clone());
            for line in &order.lines {
                let held = line.held.iter().map(|held| {
                    let location = ledger.location_id(held.location);
                    format!("{} {location} {}", ledger.sku_id(held.sku), held.units)
                });
                let mut held: Vec<String> = held.collect();
                held.sort();
                let figures = [line.ordered, line.open, line.fulfilled, line.restocked()];
                out.push(format!(
                    "{of_order} {:?} {figures:?} {held:?}",
                    line.listing
                ));
            }
        }
    }
    out.sort();
    out
}

fn committed(ledger: &Ledger) -> u32 {
    let stocks = ledger.skus.iter().flat_map(|(_, _, row)| &row.stocks);
    stocks.map(|stock| stock.balance.committed.0).sum()
}

/// What happened in the shops, without the numbers that they gave it.
fn story(orders: &[OrderTruth]) -> Vec<String> {
    let line = |line: &LineTruth| {
        let figures = [line.ordered, line.open, line.fulfilled, line.returned];
        format!("{} {figures:?} {:?}", line.sku, line.open_at)
    };
    let order = |order: &OrderTruth| {
        let lines: Vec<String> = order.lines.iter().map(line).collect();
        let (name, placed_at) = (&order.name, order.placed_at);
        format!("{name} {placed_at} {} {lines:?}", order.cancelled)
    };
    orders.iter().map(order).collect()
}

/// Five minutes of shoppers, then a wait of so long, or until all is at rest.
fn shoppers(webhooks_lost: &str, wait: Option<Duration>) -> (Vec<String>, Vec<String>, usize) {
    let mut plan = Plan::calm();
    plan.poll_secs = 60;
    plan.opening_units = 10_000;
    plan.shops
        .add(&format!("webhooks-lost={webhooks_lost}"))
        .unwrap();
    scene(plan, async |scene| {
        scene.begin().await;
        // In both runs the shops open in the same moment.
        scene.sleep_until(ms(600_000)).await;
        let shops = scene.machine.sandbox.clone();
        let traffic = Arc::new(Traffic::new(shops.clone(), scene.machine.plan.buyer_gap));
        let acting = traffic.clone();
        scene.spawn(async move { acting.run().await });
        scene.sleep_until(ms(900_000)).await;
        traffic.stop();
        // The last orders find their places.
        scene.sleep_until(ms(906_000)).await;
        let ledger = match wait {
            Some(wait) => {
                let last = shops.last_event_at().unwrap();
                scene
                    .sleep(wait - scene.machine.clock.now().since(last))
                    .await;
                scene.ledger().await
            }
            None => {
                scene.rest().await;
                scene.audited().await
            }
        };
        let stories = ["north", "south"].map(|shop| story(&scene.truth(shop).orders));
        let taken = scene.machine.accepted.lock().unwrap().len();
        (stories.concat(), view(&ledger), taken)
    })
}

/// R3: the interval is a minute, a search shows changes after up to two seconds, and reading what
/// has changed takes its time.
#[test]
fn polls_alone_reach_the_same_ledger_within_their_interval() {
    let (lag, reading) = (ms(2_000), ms(4_000));
    let (story, all, taken) = shoppers("0", None);
    let (same_story, polled, none) = shoppers("1", Some(ms(60_000) + lag + reading));
    assert!(taken > 50 && none == 0, "{taken} and {none} deliveries");
    assert_eq!(story, same_story, "the shops go the same way");
    assert_eq!(polled, all);
}

/// A page of changed orders holds so many.
const PAGE: usize = 250;

/// R7
#[test]
fn orders_of_one_second_across_a_page_break_are_all_taken_once() {
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan.shops.add("webhooks-lost=1").unwrap();
    // Nothing but the cursor brings a poll back to where it was.
    plan.overlap_secs = 0;
    plan.poll_secs = 120;
    plan.answer_delay = ms(200);
    plan.search_lag = Duration::ZERO;
    scene(plan, async |scene| {
        scene.begin().await;
        // Orders stay without places, so that only the stream of orders tells of them.
        scene.act(
            "north",
            Action::Timings(Timings {
                routing_delay_min: ms(7_200_000),
                search_lag: Duration::ZERO,
                answer_delay: ms(200),
                ..Timings::default()
            }),
        );
        scene.sleep_until(ms(400_000)).await;
        let mut orders: Vec<u64> = (0..=PAGE).map(|_| scene.buy("north", 0, 1)).collect();
        let daemon = scene.machine.daemon().unwrap();
        let north = &daemon.merchants.values().next().unwrap().channels;
        let north = &north[&ChannelId::new("north")];
        north.poll_now.notify_one();
        // While pages are read orders on both sides of the break change, and one more comes.
        scene.sleep(ms(300)).await;
        for order in [PAGE - 1, PAGE] {
            more(scene, orders[order]);
        }
        scene.sleep(ms(650)).await;
        orders.push(scene.buy("north", 0, 1));
        let mut seconds: Vec<String> = scene.truth("north").orders.iter().map(second).collect();
        seconds.dedup();
        assert_eq!(seconds.len(), 1, "{seconds:?}");
        scene.sleep(ms(180_000)).await;
        let ledger = scene.ledger().await;
        let known = ledger.channel_named("north").unwrap();
        let expected: BTreeMap<String, u32> = orders
            .iter()
            .enumerate()
            .map(|(at, order)| {
                (
                    order.to_string(),
                    1 + u32::from(at == PAGE - 1 || at == PAGE),
                )
            })
            .collect();
        let taken: BTreeMap<String, u32> = known
            .orders
            .iter()
            .map(|(_, id, order)| (id.to_string(), order.lines[0].committed().0))
            .collect();
        assert_eq!(taken, expected);
        assert_eq!(committed(&ledger), expected.values().sum::<u32>());
    });
}

/// R11: a search hides an order for longer than it was believed to, and shows the ones before and after it.
#[test]
fn an_order_that_was_hidden_for_long_is_told_of_and_no_other() {
    for (lag, late) in [(ms(6_000), false), (ms(40_000), true)] {
        let mut plan = Plan::calm();
        plan.opening_units = 10_000;
        plan.overlap_secs = 15;
        plan.shops.add("webhooks-lost=1").unwrap();
        plan.search_lag = lag;
        scene(plan, async |scene| {
            scene.begin().await;
            for sku in 0..30 {
                scene.buy("north", sku % 12, 1);
                scene.sleep(ms(900)).await;
            }
            scene.sleep(ms(300_000)).await;
            scene.rest().await;
            let found = scene.facts(|fact| matches!(fact, Fact::Slow(..))) > 0;
            assert_eq!(found, late, "{lag:?}");
            let ledger = scene.ledger().await;
            if !late {
                assert_eq!(committed(&ledger), 30);
            }
        });
    }
}

/// R11: searches hide an order for longer than polls are apart, and show later ones meanwhile.
#[test]
fn an_order_that_was_hidden_while_later_ones_were_read_is_taken() {
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.search_lag = ms(6_000);
    scene(plan, async |scene| {
        scene.begin().await;
        for sku in 0..40 {
            scene.buy("north", sku % 12, 1);
            scene.sleep(ms(900)).await;
        }
        scene.rest().await;
        let ledger = scene.audited().await;
        assert_eq!(committed(&ledger), 40);
    });
}

fn second(order: &OrderTruth) -> String {
    order.updated_at.to_second_text()
}

/// One more unit of the first line.
fn more(scene: &Scene, order: u64) {
    let line = scene.machine.sandbox.order("north", order).unwrap().lines[0].id;
    let set = vec![LineUnits { line, units: 2 }];
    let add = Vec::new();
    scene.act("north", Action::Edit { order, set, add });
}

/// R8
#[test]
fn after_a_crash_at_any_step_of_a_poll_nothing_is_missing_or_doubled() {
    let mut steps = 0;
    while crash_at(steps) {
        steps += 1;
    }
    assert!(steps > 40, "a poll has {steps} steps");
}

/// The daemon dies at a step of its polls and of the reads they ask for; whether there was one.
fn crash_at(step: u64) -> bool {
    let mut plan = Plan::calm();
    plan.seed = 1 + step;
    plan.opening_units = 10_000;
    plan.crashes.down_max = ms(90_000);
    plan.shops.add("webhooks-lost=1").unwrap();
    scene(plan, async |scene| {
        scene.machine.aim(&["polls", "fetches"], step);
        let early: Vec<u64> = (0..12).map(|sku| scene.buy("north", sku, 2)).collect();
        scene.open();
        scene.sleep(ms(7_000)).await;
        scene.buy("north", 3, 1);
        more(scene, early[5]);
        let (order, restock) = (early[7], true);
        scene.act("north", Action::Cancel { order, restock });
        scene.sleep(ms(7_000)).await;
        let died = scene.trace.counts().contains_key("crash between two polls");
        scene.rest().await;
        let ledger = scene.audited().await;
        let known = ledger.channel_named("north").unwrap();
        assert_eq!(known.orders.iter().count(), 13, "step {step}");
        died
    })
}

/// The times from which the shop's changed orders were asked for.
fn asked_since(scene: &Scene) -> Vec<String> {
    let arrived = scene.machine.net.arrived.lock().unwrap();
    let polls = arrived.iter().flatten().filter(|(shop, operation, _)| {
        (shop.as_str(), operation.as_str()) == ("north", "query OrdersChanged")
    });
    let since = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let query = body["variables"]["query"].as_str().unwrap().to_owned();
        query.split('\'').nth(1).unwrap().to_owned()
    };
    polls.map(|(_, _, body)| since(body)).collect()
}

/// R8: the shop was open long before the daemon came, which dies after it booked a first page.
#[test]
fn a_first_load_goes_on_after_a_crash_where_it_was() {
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.overlap_secs = 0;
    plan.search_lag = Duration::ZERO;
    plan.crashes.down_max = ms(5_000);
    scene(plan, async |scene| {
        let orders = 2 * PAGE + 10;
        for at in 0..orders {
            scene.buy("north", at % 12, 1);
            scene.sleep(ms(2_000)).await;
        }
        *scene.machine.net.arrived.lock().unwrap() = Some(Vec::new());
        scene.open();
        let reached = reached(scene, "orders").await;
        let before = asked_since(scene).len();
        scene.machine.kill();
        scene.rest().await;
        let asked = asked_since(scene);
        assert!(before <= 2, "{before} of 3 pages were asked for");
        assert_eq!(asked[before], reached.to_second_text());
        let ledger = scene.audited().await;
        let known = ledger.channel_named("north").unwrap();
        assert_eq!(known.orders.iter().count(), orders);
        assert_eq!(known.reached.get("orders"), None, "it is complete");
    });
}

/// How far a stream was read once the book says so.
async fn reached(scene: &Scene, stream: &'static str) -> Timestamp {
    loop {
        scene.sleep(ms(10)).await;
        let Some(book) = scene.machine.book() else {
            continue;
        };
        let reached = book.read(|ledger| {
            let known = ledger.channel_named("north")?;
            known.reached.get(stream).copied()
        });
        if let Some(reached) = reached.await.unwrap() {
            return reached;
        }
    }
}

/// R8 and R11: an index that lags tells an order of today among those of yesterday.
#[test]
fn orders_behind_one_that_was_touched_a_moment_ago_are_taken() {
    for fault in ["bulk-fails=0", "bulk-fails=1"] {
        let mut plan = Plan::calm();
        plan.opening_units = 10_000;
        for fault in ["webhooks-lost=1", "pages-cut=1", fault] {
            plan.shops.add(fault).unwrap();
        }
        plan.search_lag = Duration::ZERO;
        plan.overlap_secs = 150;
        plan.crashes.down_max = ms(5_000);
        scene(plan, async |scene| {
            let mut orders = Vec::new();
            for at in 0..40 {
                orders.push(scene.buy("north", at % 12, 1));
                scene.sleep(ms(60_000)).await;
            }
            let timings = Timings {
                search_lag: ms(60_000),
                ..Timings::default()
            };
            scene.act("north", Action::Timings(timings));
            orders.iter().take(6).for_each(|order| more(scene, *order));
            scene.open();
            for stream in ["orders", "fulfillment_orders"] {
                reached(scene, stream).await;
                scene.machine.kill();
            }
            scene.rest().await;
            let ledger = scene.audited().await;
            assert_eq!(committed(&ledger), 46, "{fault}");
        });
    }
}

/// Orders evenly over time; the most deliveries that were ever in the daemon's hands.
async fn sell(scene: &Scene, per_sec: u64, secs: u64) -> usize {
    let mut most = 0;
    for number in 0..per_sec * secs {
        let shop = ["north", "south"][usize::try_from(number % 2).unwrap()];
        scene.buy(shop, usize::try_from(number % 12).unwrap(), 1);
        scene.sleep(ms(1_000 / per_sec)).await;
        most = most.max(scene.machine.answers.lock().unwrap().in_hand);
    }
    most
}

/// R17: a disk that takes a group of two entries in a tenth of a second sustains 4 orders a second.
/// Each delivery in hand is one command in the bookkeeper's queue or in the group it writes.
#[test]
fn ten_times_the_sustained_rate_is_put_off_and_not_lost() {
    const SUSTAINED: u64 = 4;
    const QUEUE_MAX: usize = 16;
    const GROUP_MAX: usize = 2;
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan.limits = "queue_commands_max = 16\ngroup_entries_max = 2\n";
    plan.append_takes = ms(100);
    // Until then what was lost would stay lost.
    plan.poll_secs = 3_600;
    scene(plan, async |scene| {
        scene.begin().await;
        sell(scene, SUSTAINED, 60).await;
        assert_eq!(scene.machine.answers.lock().unwrap().put_off, 0);
        let most = sell(scene, 10 * SUSTAINED, 60).await;
        assert!(most > QUEUE_MAX / 2, "the queue fills: {most}");
        assert!(most <= QUEUE_MAX + GROUP_MAX, "and is bounded: {most}");
        scene.sleep(ms(600_000)).await;
        scene.look().await;
        // The shops try again within hours.
        scene.sleep(ms(4 * 3_600_000)).await;
        scene.rest().await;
        let counters = ["north", "south"].map(|shop| scene.truth(shop).counters);
        assert_eq!(counters.map(|counted| counted.webhooks_given_up), [0, 0]);
        {
            let answers = scene.machine.answers.lock().unwrap();
            assert!(answers.put_off > 100, "{answers:?}");
            assert!(answers.slowest < ms(5_000), "{answers:?}");
        }
        let ledger = scene.audited().await;
        let placed = 60 * 11 * SUSTAINED;
        assert_eq!(u64::from(committed(&ledger)), placed);
        let known = ledger.channels.iter().map(|known| known.orders.iter());
        assert_eq!(u64::try_from(known.flatten().count()).unwrap(), placed);
    });
}
