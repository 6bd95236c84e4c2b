//! Much at once: what was there before the daemon came, out of files that the shop writes.

use std::time::Duration;

use channelsync::ledger::{Channel, Fact};
use channelsync_sandbox::{Action, Faults, Timings};

use super::plan::Plan;
use super::scene::{Scene, scene};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Orders in the shop before the daemon comes: more than go by pages.
const ORDERS: usize = 1_400;
/// Of them so many go by pages before a file is asked for.
const BY_PAGES: usize = 1_000;
/// Orders of one reading.
const READ_MAX: usize = 7;

fn plan() -> Plan {
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.search_lag = Duration::ZERO;
    plan.crashes.down_max = ms(5_000);
    plan
}

/// Sells before the daemon comes, and ships every seventh order whole, every eleventh in part.
async fn sell(scene: &Scene) {
    for at in 0..ORDERS {
        let order = scene.buy("north", at % 12, 2);
        scene.sleep(ms(1_000)).await;
        if at % 7 == 0 || at % 11 == 0 {
            scene.sleep(ms(6_000)).await;
            let line = scene.machine.sandbox.order("north", order).unwrap().lines[0].id;
            let units = if at % 7 == 0 { 2 } else { 1 };
            scene.act(
                "north",
                Action::Ship {
                    order,
                    fulfillment_order: None,
                    lines: vec![channelsync_sandbox::LineUnits { line, units }],
                    tracking: Default::default(),
                },
            );
        }
    }
    scene.sleep(ms(60_000)).await;
}

fn sent(scene: &Scene, operation: &str) -> usize {
    let sent = scene.machine.net.sent.lock().unwrap();
    usize::try_from(sent.get(operation).copied().unwrap_or(0)).unwrap()
}

/// What the book says of the shop.
async fn north<T: Send + 'static>(
    scene: &Scene,
    look: impl FnOnce(&Channel) -> T + Send + 'static,
) -> Option<T> {
    let book = scene.machine.book()?;
    let read = book.read(|ledger| ledger.channel_named("north").map(look));
    read.await.ok()?
}

/// Waits until the book says so of the shop.
async fn until(scene: &Scene, is_so: fn(&Channel) -> bool) {
    for _ in 0..100_000 {
        scene.sleep(ms(20)).await;
        if north(scene, is_so).await == Some(true) {
            return;
        }
    }
    panic!("never: {:#?}", scene.trace.tail());
}

/// Whether the file of this has begun.
fn has_begun(known: &Channel, what: &str) -> bool {
    let file = known.bulks.get(what);
    file.is_some_and(|file| file.started.is_some())
}

async fn all_known(scene: &Scene, orders: usize) {
    scene.rest().await;
    let ledger = scene.audited().await;
    let known = ledger.channel_named("north").unwrap();
    assert_eq!(known.orders.iter().count(), orders);
    assert!(known.bulks.is_empty() && known.reached.is_empty());
    assert!(known.streams.contains_key("orders"));
}

/// R6 and R8
#[test]
fn a_long_first_load_goes_by_one_file_whoever_dies_meanwhile() {
    scene(plan(), async |scene| {
        let bulk_takes = ms(180_000);
        let search_lag = Duration::ZERO;
        let timings = Timings {
            bulk_takes,
            search_lag,
            ..Timings::default()
        };
        scene.act("north", Action::Timings(timings));
        sell(scene).await;
        scene.open();
        until(scene, |known| has_begun(known, "orders")).await;
        scene.machine.kill();
        scene.sleep(ms(30_000)).await;
        // While the file is written polls go on, and nothing is said to be complete.
        let late = scene.buy("north", 3, 1).to_string();
        scene.sleep(ms(30_000)).await;
        let seen = north(scene, move |known| {
            let is_known = known.orders.get(late.as_str()).is_some();
            (is_known, known.bulks.len(), known.streams.len())
        });
        assert_eq!(seen.await, Some((true, 1, 0)));
        // Again with rows of the file in the book.
        until(scene, |known| known.orders.iter().count() > BY_PAGES + 200).await;
        scene.machine.kill();
        all_known(scene, ORDERS + 1).await;
        assert_eq!(sent(scene, "mutation BulkStart"), 1);
        // Of those in the file only what left in part is read by itself.
        let in_part = (ORDERS - BY_PAGES) / 11;
        let by_itself = BY_PAGES + in_part + 60;
        let reads = sent(scene, "query OrdersById");
        assert!(reads <= by_itself.div_ceil(READ_MAX) + 60, "{reads} reads");
    });
}

#[test]
fn where_no_file_comes_pages_go_on() {
    let mut plan = plan();
    plan.shops.add("bulk-fails=1").unwrap();
    scene(plan, async |scene| {
        sell(scene).await;
        scene.open();
        all_known(scene, ORDERS).await;
        assert_eq!(sent(scene, "mutation BulkStart"), 1);
        assert_eq!(sent(scene, "download"), 0);
        let ended = scene.facts(|fact| matches!(fact, Fact::BulkEnded(..)));
        assert_eq!(ended, 1);
    });
}

#[test]
fn a_file_is_taken_although_answers_are_lost_and_downloads_break_off() {
    scene(plan(), async |scene| {
        sell(scene).await;
        let faults = [
            "webhooks-lost=1",
            "downloads-cut=0.6",
            "applied-then-timeout=0.3",
        ];
        scene
            .machine
            .sandbox
            .set_faults(&Faults::parse(&faults).unwrap());
        scene.open();
        until(scene, |known| has_begun(known, "orders")).await;
        all_known(scene, ORDERS).await;
        let began = scene.facts(|fact| matches!(fact, Fact::Bulk(_, _, file) if file.taken == 0));
        assert_eq!(began, 2, "wanted and begun once");
    });
}

#[test]
fn a_large_catalogue_comes_in_one_file_whoever_dies_meanwhile() {
    let mut plan = plan();
    plan.size.skus = 5_300;
    plan.size.shops = 1;
    scene(plan, async |scene| {
        let shops = scene.machine.sandbox.clone();
        let lives = scene.machine.clone();
        scene.spawn(async move { shops.run().await });
        scene.spawn(lives.lives());
        until(scene, |known| has_begun(known, "listings")).await;
        scene.machine.kill();
        until(scene, |known| {
            known.listings.len() == 5_300 && known.bulks.is_empty()
        })
        .await;
        assert_eq!(sent(scene, "mutation BulkStart"), 1);
    });
}
