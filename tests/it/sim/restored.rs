//! A machine is lost and an older copy of its disk takes its place.

use std::collections::BTreeSet;
use std::time::Duration;

use channelsync::ledger::Fact;
use channelsync_sandbox::Traffic;

use super::plan::Plan;
use super::scene::{Scene, scene};

const TRADE: Duration = Duration::from_secs(300);

/// Lets shoppers buy, cancel and edit for a while.
async fn trade(scene: &Scene) {
    let machine = &scene.machine;
    let traffic = std::sync::Arc::new(Traffic::new(
        machine.sandbox.clone(),
        machine.plan.buyer_gap,
    ));
    let acting = traffic.clone();
    scene.spawn(async move { acting.run().await });
    scene.sleep(TRADE).await;
    traffic.stop();
}

/// What a shop was asked before its first write since the restore, and whether there was one.
fn asked_before_a_write(
    scene: &Scene,
    shop: &str,
) -> (BTreeSet<String>, BTreeSet<(u64, u64)>, bool) {
    let arrived = scene.machine.net.arrived.lock().unwrap().clone().unwrap();
    let (mut asked, mut read) = (BTreeSet::new(), BTreeSet::new());
    for (_, operation, body) in arrived.iter().filter(|(of, _, _)| of == shop) {
        if operation.contains("SetQuantities") {
            return (asked, read, true);
        }
        asked.insert(operation.clone());
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let number = |gid: &serde_json::Value| {
            let digits = gid.as_str()?.rsplit('/').next()?;
            digits.parse::<u64>().ok()
        };
        if let Some(location) = number(&body["variables"]["locationId"]) {
            let ids = body["variables"]["ids"].as_array().into_iter().flatten();
            read.extend(ids.filter_map(number).map(|item| (item, location)));
        }
    }
    (asked, read, false)
}

/// R71
#[test]
fn after_a_restore_nothing_is_written_before_all_was_read_again() {
    let mut wrote = 0;
    for (seed, kill_after) in [(1, None), (2, Some(300)), (3, Some(2_500)), (4, None)] {
        let mut plan = Plan::calm();
        (plan.seed, plan.opening_units) = (seed, 60);
        scene(plan, async |scene| {
            scene.begin().await;
            trade(scene).await;
            let groups = scene.machine.groups().unwrap();
            let then = scene.ledger().await.seq;
            trade(scene).await;
            assert!(scene.ledger().await.seq > then, "trade went on");
            scene.machine.restore(groups);
            // The hold is in the journal: another crash does not end it.
            if let Some(ms) = kill_after {
                scene.sleep(Duration::from_millis(ms)).await;
                scene.machine.kill();
            }
            trade(scene).await;
            scene.rest().await;
            let ledger = scene.audited().await;
            for channel in &ledger.channels {
                let shop = channel.id.as_str();
                assert_eq!(channel.restored, None, "{shop} is held no longer");
                let (asked, read, has_written) = asked_before_a_write(scene, shop);
                wrote += u32::from(has_written);
                for query in ["query OrdersChanged", "query FulfillmentOrdersChanged"] {
                    assert!(asked.contains(query), "{shop}: {query} not in {asked:?}");
                }
                let levels = scene.truth(shop).levels;
                for level in levels.iter().filter(|level| level.active && level.tracked) {
                    let slot = (level.item, level.location);
                    assert!(read.contains(&slot), "{shop}: {slot:?} was not read");
                }
            }
            let marks = scene.facts(|fact| matches!(fact, Fact::Restored(_)));
            assert_eq!(marks, 1, "told once");
            let marks = scene.facts(|fact| matches!(fact, Fact::CaughtUp(_)));
            assert_eq!(marks, ledger.channels.len(), "each channel once");
        });
    }
    assert!(wrote >= 4, "{wrote} shops were written");
}
