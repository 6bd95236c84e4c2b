//! Parcels of ours, told to a shop that may not answer, not have routed yet, or know of them already.

use std::time::Duration;

use channelsync::bookkeeper::Origin;
use channelsync::ledger::{
    Command, Ledger, ReportState, ShipLine, Shipment, ShipmentAct, ShipmentAt, Tracking, verify,
};
use channelsync_contract::{LineId, LocationId, OrderId, Units};
use channelsync_sandbox::{Action, Faults, LineUnits, OrderTruth, Timings};

use super::plan::Plan;
use super::scene::{Scene, scene};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const RECORD: &str = "mutation CreateFulfillment";

/// Two shops with more than anybody buys, all of it counted in.
fn stocked() -> Plan {
    let mut plan = Plan::calm();
    plan.opening_units = 10_000;
    plan
}

fn truth(scene: &Scene, order: u64) -> OrderTruth {
    scene.machine.sandbox.order("north", order).unwrap()
}

/// A parcel with units of the first line, booked until there is an answer.
async fn ship(scene: &Scene, order: u64, units: u32, from: Option<&str>) {
    let line = truth(scene, order).lines[0].id.to_string();
    let command = Command::Ship {
        id: format!("parcel-{order}"),
        channel: "north".into(),
        order: OrderId::new(order.to_string()),
        lines: vec![ShipLine {
            line: LineId::new(line),
            units: Units(units),
        }],
        from: from.map(LocationId::new),
        tracking: Some(Tracking {
            number: format!("1Z-{order}"),
            company: None,
        }),
    };
    let mut last = None;
    for _ in 0..200 {
        if let Some(book) = scene.machine.book() {
            let origin = Origin::new("scene", format!("parcel-{order}"));
            match book.book(command.clone(), origin).await {
                Ok(_) => return,
                // The order, or its listing, may not be known yet.
                Err(error) => last = Some(error),
            }
        }
        scene.sleep(ms(400)).await;
    }
    panic!("{last:?}");
}

/// Parcels of an order as the ledger has them; none while the daemon is down.
async fn parcels(scene: &Scene, order: u64) -> Option<Vec<Shipment>> {
    let shipments = move |ledger: &Ledger| {
        let north = ledger.channel_named("north")?;
        Some(north.orders.get(&order.to_string())?.shipments.clone())
    };
    scene.machine.book()?.read(shipments).await.ok()?
}

fn is_told(shipment: &Shipment) -> bool {
    shipment.is_settled() && shipment.fulfillment().is_some()
}

/// Waits for parcels of an order.
async fn until<T>(scene: &Scene, order: u64, found: impl Fn(Vec<Shipment>) -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = parcels(scene, order).await.and_then(&found) {
            return found;
        }
        scene.sleep(ms(500)).await;
    }
    panic!("{:?}", parcels(scene, order).await);
}

/// Waits until no parcel of the order is still to be told.
async fn told(scene: &Scene, order: u64) -> Vec<Shipment> {
    let all_told = |parcels: Vec<Shipment>| {
        let is_told = !parcels.is_empty() && parcels.iter().all(Shipment::is_settled);
        is_told.then_some(parcels)
    };
    until(scene, order, all_told).await
}

/// Waits until the only parcel of the order waits for a person; gives the reason.
async fn refused(scene: &Scene, order: u64) -> String {
    let why = |parcels: Vec<Shipment>| match parcels.as_slice() {
        [only] => match &only.state {
            ReportState::Refused(why) => Some(why.clone()),
            _ => None,
        },
        _ => None,
    };
    until(scene, order, why).await
}

async fn again(scene: &Scene, order: u64) {
    let at = ShipmentAt {
        channel: "north".into(),
        order: OrderId::new(order.to_string()),
        id: format!("parcel-{order}"),
    };
    scene.book(Command::Shipment(at, ShipmentAct::Again)).await;
}

/// R28: each parcel holds one of three units: a second record of it would find units left.
#[test]
fn a_parcel_whose_report_was_not_answered_is_looked_for_and_recorded_once() {
    for faults in [
        "applied-then-timeout=0",
        "applied-then-timeout=1",
        "applied-then-timeout=0.5",
        "answer-5xx=0.5",
        "answer-429=0.5",
    ] {
        scene(stocked(), async |scene| {
            scene.begin().await;
            let orders: Vec<u64> = (0..8).map(|sku| scene.buy("north", sku, 3)).collect();
            scene.rest().await;
            let sandbox = scene.machine.sandbox.clone();
            // No delivery tells of a record whose answer was lost.
            sandbox.set_faults(&Faults::parse(&[faults, "webhooks-lost=1"]).unwrap());
            for order in &orders {
                ship(scene, *order, 1, None).await;
            }
            scene.sleep(ms(600_000)).await;
            sandbox.set_faults(&Faults::default());
            for order in &orders {
                let parcels = told(scene, *order).await;
                assert!(parcels.iter().all(is_told), "{faults}: {parcels:?}");
                let truth = truth(scene, *order);
                assert_eq!(truth.fulfillments.len(), 1, "{faults}: {truth:?}");
                assert_eq!(truth.lines[0].fulfilled, 1, "{faults}: {truth:?}");
            }
            let sent = scene.machine.net.sent.lock().unwrap()[RECORD];
            if faults.starts_with("applied") {
                assert_eq!(sent, 8, "{faults}: what was recorded is not sent again");
            } else {
                assert!(sent > 8, "{faults}: what was not done is sent again");
            }
            scene.rest().await;
            scene.audited().await;
        });
    }
}

/// R28: the report is carried out when nobody waits for its answer any more, after a restart or without.
#[test]
fn a_parcel_whose_report_arrives_late_is_recorded_once() {
    let mut arrived = 0;
    for (seed, late, dies) in [
        (1, 45, false),
        (2, 88, false),
        (3, 60, true),
        (4, 88, true),
        (5, 88, false),
        (6, 88, true),
    ] {
        let mut plan = stocked();
        plan.seed = seed;
        plan.shops.add("webhooks-lost=1").unwrap();
        arrived += scene(plan, async |scene| {
            scene.begin().await;
            let order = scene.buy("north", 0, 3);
            scene.rest().await;
            let held_up = (RECORD, Duration::from_secs(late));
            scene.machine.net.held_up.lock().unwrap().extend([held_up]);
            ship(scene, order, 1, None).await;
            scene.sleep(ms(2_000)).await;
            if dies {
                scene.machine.kill();
            }
            scene.sleep(ms(110_000)).await;
            let parcels = told(scene, order).await;
            assert!(parcels.iter().all(is_told), "{parcels:?}");
            let truth = truth(scene, order);
            assert_eq!(truth.fulfillments.len(), 1, "late by {late} s, {dies}");
            scene.rest().await;
            scene.audited().await;
            let counts = scene.trace.counts();
            counts
                .get("request arrived after its caller was gone")
                .copied()
        })
        .unwrap_or(0);
    }
    assert!(arrived > 2, "only {arrived} were carried out late");
}

fn route_after(scene: &Scene, delay: Duration) {
    let timings = Timings {
        routing_delay_min: delay,
        routing_delay_spread: Duration::ZERO,
        ..Timings::default()
    };
    scene.act("north", Action::Timings(timings));
}

/// An order is packed before the shop has routed it.
#[test]
fn a_parcel_waits_for_late_fulfillment_orders() {
    for routed_after in [ms(30_000), ms(110_000), ms(400_000)] {
        scene(stocked(), async |scene| {
            scene.begin().await;
            route_after(scene, routed_after);
            let order = scene.buy("north", 0, 3);
            scene.sleep(ms(8_000)).await;
            ship(scene, order, 2, None).await;
            scene.sleep(ms(20_000)).await;
            assert_eq!(truth(scene, order).fulfillments, [0; 0]);
            let parcels = told(scene, order).await;
            assert!(parcels.iter().all(is_told), "{parcels:?}");
            let truth = truth(scene, order);
            assert_eq!((truth.fulfillments.len(), truth.lines[0].fulfilled), (1, 2));
            scene.rest().await;
            scene.audited().await;
        });
    }
}

/// R28: a clerk enters the parcel on the shop at any moment around our own report of it.
#[test]
fn a_parcel_that_a_clerk_enters_too_leaves_once() {
    let mut by = [0, 0];
    for wait in (0..1_600).step_by(100) {
        for loss in ["webhooks-lost=0", "webhooks-lost=1"] {
            let mut plan = stocked();
            plan.answer_delay = ms(200);
            plan.shops.add(loss).unwrap();
            let told_to_us = scene(plan, async |scene| {
                scene.begin().await;
                let order = scene.buy("north", 0, 1);
                scene.rest().await;
                let line = truth(scene, order).lines[0].id;
                let clerk = Action::Ship {
                    order,
                    fulfillment_order: None,
                    lines: vec![LineUnits { line, units: 1 }],
                    tracking: channelsync_sandbox::Tracking::default(),
                };
                if wait == 0 {
                    scene.act("north", clerk.clone());
                }
                ship(scene, order, 1, None).await;
                scene.sleep(ms(wait)).await;
                // The shop has nothing left to ship where our report was first.
                let was_late = scene.machine.sandbox.act("north", clerk).is_err();
                told(scene, order).await;
                scene.rest().await;
                let ledger = scene.audited().await;
                let truth = truth(scene, order);
                assert_eq!((truth.fulfillments.len(), truth.lines[0].fulfilled), (1, 1));
                let sku = ledger
                    .sku_ix(scene.machine.shops[0].variants[0].sku.as_str())
                    .unwrap();
                assert_eq!(ledger.skus.at(sku.0).outside.customer, 1, "after {wait} ms");
                assert_eq!(verify(&ledger), []);
                wait > 0 && was_late
            });
            by[usize::from(told_to_us)] += 1;
        }
    }
    assert!(
        by.iter().all(|times| *times > 3),
        "first by a clerk, by us: {by:?}"
    );
}

/// An undone record waits for a person, who sends it again: the parcel left once.
#[test]
fn a_parcel_undone_on_the_shop_is_told_again_when_a_person_says_so() {
    scene(stocked(), async |scene| {
        scene.begin().await;
        let order = scene.buy("north", 0, 3);
        scene.rest().await;
        ship(scene, order, 2, None).await;
        told(scene, order).await;
        scene.rest().await;
        let first = truth(scene, order).fulfillments[0];
        scene.act("north", Action::Unship { fulfillment: first });
        let why = refused(scene, order).await;
        assert!(why.contains("undone"), "{why}");
        scene.rest().await;
        scene.audited().await;
        assert_eq!(truth(scene, order).lines[0].fulfilled, 0);
        again(scene, order).await;
        told(scene, order).await;
        scene.rest().await;
        scene.audited().await;
        let truth = truth(scene, order);
        assert_eq!((truth.fulfillments.len(), truth.lines[0].fulfilled), (1, 2));
        assert_ne!(truth.fulfillments[0], first);
    });
}

fn places(scene: &Scene, order: u64) -> Vec<(u64, u64, String)> {
    let orders = truth(scene, order).fulfillment_orders;
    let row = |one: &channelsync_sandbox::FulfillmentOrderTruth| {
        (one.id, one.location, one.status.clone())
    };
    orders.iter().map(row).collect()
}

/// What a clerk does to the fulfillment order before the parcel of two of four units is told.
type Rearrange = fn(&Scene, u64, u64, [u64; 2]);

const REARRANGED: [(&str, Rearrange); 4] = [
    ("as it was", |_, _, _, _| {}),
    ("moved", |scene, fulfillment_order, _, [_, second]| {
        let (location, lines) = (second, Vec::new());
        scene.act(
            "north",
            Action::Move {
                fulfillment_order,
                location,
                lines,
            },
        );
    }),
    (
        "partly moved",
        |scene, fulfillment_order, line, [_, second]| {
            let (location, lines) = (second, vec![LineUnits { line, units: 3 }]);
            scene.act(
                "north",
                Action::Move {
                    fulfillment_order,
                    location,
                    lines,
                },
            );
        },
    ),
    ("split", |scene, fulfillment_order, line, _| {
        let lines = vec![LineUnits { line, units: 1 }];
        scene.act(
            "north",
            Action::Split {
                fulfillment_order,
                lines,
            },
        );
    }),
];

/// The parcel leaves the first location, wherever the shop wants the units to come from.
#[test]
fn a_parcel_is_told_whatever_became_of_its_fulfillment_order() {
    for (name, rearrange) in REARRANGED {
        for loss in ["webhooks-lost=0", "webhooks-lost=1"] {
            let mut plan = stocked();
            plan.shops.add(loss).unwrap();
            scene(plan, async |scene| {
                scene.begin().await;
                let order = scene.buy("north", 0, 4);
                scene.rest().await;
                let ours = scene.machine.shops[0]
                    .locations
                    .iter()
                    .map(|place| place.id);
                let ours: [u64; 2] = ours.collect::<Vec<_>>().try_into().unwrap();
                let (first, line) = (places(scene, order)[0].0, truth(scene, order).lines[0].id);
                rearrange(scene, first, line, ours);
                ship(scene, order, 2, Some("place-1")).await;
                told(scene, order).await;
                scene.rest().await;
                let ledger = scene.audited().await;
                let truth = truth(scene, order);
                let found = (
                    truth.fulfillments.len(),
                    truth.lines[0].fulfilled,
                    truth.lines[0].open,
                );
                assert_eq!(found, (1, 2, 2), "{name}: {truth:?}");
                let sku = ledger
                    .sku_ix(scene.machine.shops[0].variants[0].sku.as_str())
                    .unwrap();
                assert_eq!(ledger.skus.at(sku.0).outside.customer, 2, "{name}");
            });
        }
    }
}

/// A fulfillment order on hold: the parcel waits for a person and is told once it is released.
#[test]
fn a_parcel_of_a_held_fulfillment_order_waits_for_a_person() {
    scene(stocked(), async |scene| {
        scene.begin().await;
        let order = scene.buy("north", 0, 2);
        scene.rest().await;
        let (fulfillment_order, lines) = (places(scene, order)[0].0, Vec::new());
        scene.act(
            "north",
            Action::Hold {
                fulfillment_order,
                lines,
            },
        );
        ship(scene, order, 2, None).await;
        let why = refused(scene, order).await;
        assert!(why.starts_with("ON_HOLD"), "{why}");
        scene.act("north", Action::Release { fulfillment_order });
        scene.sleep(ms(120_000)).await;
        assert_eq!(truth(scene, order).fulfillments, [0; 0]);
        again(scene, order).await;
        told(scene, order).await;
        scene.rest().await;
        scene.audited().await;
        assert_eq!(truth(scene, order).lines[0].fulfilled, 2);
    });
}

/// R8, R28: two parcels of one line of three, and a daemon that dies at a step of its reports.
#[test]
fn after_a_crash_at_any_step_of_a_report_every_parcel_is_recorded_once() {
    let mut steps = 0;
    while crash_at(steps) {
        steps += 1;
    }
    assert!(steps > 12, "reports have {steps} steps");
}

fn crash_at(step: u64) -> bool {
    let mut plan = stocked();
    plan.seed = 1 + step;
    plan.answer_delay = ms(200);
    plan.shops.add("webhooks-lost=1").unwrap();
    plan.crashes.down_max = ms(5_000);
    scene(plan, async |scene| {
        scene.machine.aim(&["reports"], step);
        let orders = [0, 1].map(|sku| scene.buy("north", sku, 3));
        scene.open();
        scene.sleep(ms(9_000)).await;
        for order in orders {
            ship(scene, order, 1, None).await;
        }
        scene.sleep(ms(60_000)).await;
        let died = scene.trace.counts().contains_key("crash between two polls");
        for order in orders {
            let parcels = told(scene, order).await;
            assert!(parcels.iter().all(is_told), "step {step}: {parcels:?}");
            let truth = truth(scene, order);
            let found = (truth.fulfillments.len(), truth.lines[0].fulfilled);
            assert_eq!(found, (1, 1), "step {step}: {truth:?}");
        }
        scene.rest().await;
        scene.audited().await;
        died
    })
}
