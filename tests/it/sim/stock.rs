//! What people do with stock, and what the shop shows of it.

use std::collections::VecDeque;
use std::time::Duration;

use channelsync::bookkeeper::{BookError, Origin};
use channelsync::ledger::{Command, Fact, PurchaseOrder, Refusal, StockLine, StockMove};
use channelsync_contract::{Clock, LocationId, Sku, Timestamp, Units};
use channelsync_sandbox::Action;

use super::plan::Plan;
use super::pushes::{count, one_shop};
use super::scene::{Scene, scene};

/// What the shop holds of a SKU, given by its place in the catalogue, at each of its locations.
pub(super) fn shown(scene: &Scene, sku: usize) -> Vec<i64> {
    let (shop, levels) = (&scene.machine.shops[0], scene.truth("north").levels);
    let at = |location: &u64| {
        let mut levels = levels.iter();
        let item = shop.variants[sku].item;
        let level = levels.find(|level| level.item == item && level.location == *location);
        level.map_or(0, |level| level.on_hand)
    };
    let locations = shop.locations.iter().map(|location| location.id);
    locations.map(|location| at(&location)).collect()
}

pub(super) fn sku(scene: &Scene, place: usize) -> Sku {
    Sku::new(&scene.machine.shops[0].variants[place].sku)
}

async fn act(scene: &Scene, what: StockMove, units: u32, at: &str) {
    let id = format!("after-{}", scene.ledger().await.seq);
    let (sku, location) = (sku(scene, 0), LocationId::new(at));
    let units = Units(units);
    let line = StockLine {
        id,
        sku,
        location,
        units,
    };
    scene.book(Command::Move(what, line)).await;
    scene.rest().await;
}

#[test]
fn numbers_follow_units_that_leave_arrive_get_lost_are_held_and_freed() {
    let mut plan = Plan::calm();
    plan.size.shops = 1;
    plan.size.skus = 1;
    plan.size.on_hand = 0;
    scene(plan, async |scene| {
        scene.begin().await;
        count(scene, "opening", 0..1, 10).await;
        scene.rest().await;
        assert_eq!(shown(scene, 0), [10, 0]);
        let there = || StockMove::Send(LocationId::new("place-2"));
        for (what, units, at, expected) in [
            (there(), 6, "place-1", [4, 0]),
            (StockMove::Arrive, 3, "place-2", [4, 3]),
            (StockMove::Lose, 1, "place-2", [4, 3]),
            (StockMove::Arrive, 2, "place-2", [4, 5]),
            (StockMove::Hold, 3, "place-1", [1, 5]),
            (StockMove::WriteOff, 1, "place-1", [1, 5]),
            (StockMove::Free, 2, "place-1", [3, 5]),
        ] {
            let told = format!("{what:?} {units} {at}");
            act(scene, what, units, at).await;
            assert_eq!(shown(scene, 0), expected, "{told}");
        }
        scene.buy("north", 0, 8);
        scene.rest().await;
        // The newest order gives what leaves, and takes it again once it is there.
        act(scene, there(), 2, "place-1").await;
        let owed = |ledger: &channelsync::ledger::Ledger| {
            ledger.backordered(channelsync::catalog::SkuIx(0))
        };
        assert_eq!(owed(&scene.ledger().await), Units(2));
        act(scene, StockMove::Arrive, 2, "place-2").await;
        assert_eq!(owed(&scene.ledger().await), Units::ZERO);
        scene.audited().await;
    });
}

#[test]
fn a_renamed_sku_writes_nothing_and_one_of_two_is_silent_until_counted() {
    scene(one_shop(2), async |scene| {
        scene.begin().await;
        count(scene, "all", 0..2, 5).await;
        scene.rest().await;
        let calls = || scene.facts(|fact| matches!(fact, Fact::Intent(..)));
        let before = calls();
        let rename = |old, new: &str, merge| Command::Rename {
            old,
            new: Sku::new(new),
            merge,
        };
        scene.book(rename(sku(scene, 0), "NEW", false)).await;
        scene.rest().await;
        assert_eq!((calls(), shown(scene, 0)), (before, vec![5]));
        scene.buy("north", 0, 1);
        scene.rest().await;
        scene.book(rename(sku(scene, 1), "NEW", true)).await;
        scene.rest().await;
        assert_eq!(calls(), before, "two SKUs in one are not pushed");
        let line = StockLine {
            id: "again".to_owned(),
            sku: Sku::new("NEW"),
            location: LocationId::new("place-1"),
            units: Units(7),
        };
        scene.book(Command::Count(line)).await;
        scene.rest().await;
        // One of the seven is committed: the first listing's own unit is in its gross number.
        assert_eq!((shown(scene, 0), shown(scene, 1)), (vec![7], vec![6]));
        scene.audited().await;
    });
}

#[test]
fn what_a_supplier_owes_is_for_sale_once_it_came_and_not_before() {
    scene(one_shop(1), async |scene| {
        scene.begin().await;
        count(scene, "opening", 0..1, 1).await;
        scene
            .book(Command::Purchase(PurchaseOrder {
                id: "P1".to_owned(),
                supplier: "mill".to_owned(),
                expected: Timestamp(0),
                location: LocationId::new("place-1"),
                lines: vec![(sku(scene, 0), Units(6))],
            }))
            .await;
        scene.rest().await;
        assert_eq!(shown(scene, 0), [1]);
        for (id, units, expected) in [("r1", 2, 3), ("r1", 2, 3), ("r2", 4, 7), ("r3", 1, 8)] {
            let arrived = Command::PurchaseArrived {
                id: id.to_owned(),
                purchase: "P1".to_owned(),
                lines: vec![(sku(scene, 0), Units(units))],
            };
            scene.book(arrived).await;
            scene.rest().await;
            assert_eq!(shown(scene, 0), [expected], "{id}");
        }
    });
}

pub(super) fn parcel(order: u64) -> Action {
    let (fulfillment_order, lines) = (None, Vec::new());
    let tracking = Default::default();
    Action::Ship {
        order,
        fulfillment_order,
        lines,
        tracking,
    }
}

/// The webhook of the first parcel is lost, so its order is heard of by a poll.
#[test]
fn a_count_of_an_earlier_time_waits_for_the_shop_and_leaves_what_left_since() {
    let mut plan = one_shop(1);
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.poll_secs = 30;
    scene(plan, async |scene| {
        scene.begin().await;
        count(scene, "opening", 0..1, 10).await;
        scene.rest().await;
        let (early, late) = (scene.buy("north", 0, 2), scene.buy("north", 0, 3));
        scene.sleep(Duration::from_secs(10)).await;
        scene.act("north", parcel(early));
        scene.sleep(Duration::from_secs(2)).await;
        let as_of = scene.machine.clock.now();
        let line = StockLine {
            id: String::new(),
            sku: sku(scene, 0),
            location: LocationId::new("place-1"),
            units: Units(7),
        };
        let (id, lines) = ("at-noon".to_owned(), vec![(line, as_of)]);
        let counted = Command::CountAsOf { id, lines };
        let book = scene.machine.book().unwrap();
        let origin = || Origin::new("scene", "scene");
        let refused = book.book(counted.clone(), origin()).await;
        let is_early = matches!(
            refused,
            Err(BookError::Refused(Refusal::NotYetKnown { .. }))
        );
        assert!(is_early, "{refused:?}");
        scene.sleep(Duration::from_secs(2)).await;
        scene.act("north", parcel(late));
        scene.sleep(Duration::from_secs(120)).await;
        scene.book(counted.clone()).await;
        scene.rest().await;
        // One of the eight that the book had at noon was missing, and three left since.
        assert_eq!(shown(scene, 0), [4]);
        scene.book(counted).await;
        scene.rest().await;
        assert_eq!(shown(scene, 0), [4]);
        scene.audited().await;
    });
}

/// Somebody buys each second and a clerk ships what was bought some seconds ago, so an order always waits
/// to be read. The count is of a time in the middle of that.
#[test]
fn a_shop_that_never_rests_lets_a_count_of_an_earlier_time_through() {
    let mut plan = one_shop(1);
    // Orders come by deliveries; a read of one takes longer than until the next.
    (plan.poll_secs, plan.answer_delay) = (10, Duration::from_millis(1_500));
    scene(plan, async |scene| {
        scene.begin().await;
        count(scene, "opening", 0..1, 500).await;
        scene.rest().await;
        let (mut placed, mut left, mut booked) = (VecDeque::new(), 0, None);
        let mut as_of = None;
        for second in 0..180 {
            placed.push_back(scene.buy("north", 0, 1));
            if placed.len() > 5 {
                scene.act("north", parcel(placed.pop_front().unwrap()));
                left += 1;
            }
            scene.sleep(Duration::from_secs(1)).await;
            if second == 40 {
                // Parcels have whole seconds: nothing leaves around the count.
                scene.sleep(Duration::from_secs(2)).await;
                as_of = Some((scene.machine.clock.now(), left));
                scene.sleep(Duration::from_secs(2)).await;
            }
            let Some((at, left)) = as_of.filter(|_| second > 60 && booked.is_none()) else {
                continue;
            };
            let line = StockLine {
                id: String::new(),
                sku: sku(scene, 0),
                location: LocationId::new("place-1"),
                units: Units(490 - left),
            };
            let (id, lines) = ("at-noon".to_owned(), vec![(line, at)]);
            let book = scene.machine.book().unwrap();
            let counted = Command::CountAsOf { id, lines };
            let tried = book.book(counted, Origin::new("scene", "scene")).await;
            booked = tried.is_ok().then_some(second);
        }
        assert!(booked.is_some(), "it never came through");
        scene.rest().await;
        // Ten were missing at noon; all that was bought is still in the shop's figure or left it.
        assert_eq!(shown(scene, 0), [490 - i64::from(left)]);
        scene.audited().await;
    });
}
