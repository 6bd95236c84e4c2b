//! Fulfillment orders split, merged, held, released and put off.

use std::time::Duration;

use channelsync_contract::Clock;
use channelsync_sandbox::{Action, FulfillmentOrderTruth, LineUnits};
use serde_json::{Value, json};

use crate::life::{detail, fulfillment_orders, ship};
use crate::shapes;
use crate::webhooks::{first, subscribed};
use crate::world::World;

const TOPICS: [&str; 7] = [
    "FULFILLMENT_ORDERS_SPLIT",
    "FULFILLMENT_ORDERS_MERGED",
    "FULFILLMENT_ORDERS_PLACED_ON_HOLD",
    "FULFILLMENT_ORDERS_HOLD_RELEASED",
    "FULFILLMENT_ORDERS_RESCHEDULED",
    "FULFILLMENT_ORDERS_MOVED",
    "FULFILLMENT_ORDERS_CANCELLED",
];

/// An order of so many units that has its fulfillment order, and its line.
async fn routed(world: &World, units: u32) -> (u64, u64) {
    let order = world.place(&[(0, units)]);
    world.pass(10).await;
    (order, world.order(order).lines[0].id)
}

fn standing(world: &World, order: u64) -> Vec<FulfillmentOrderTruth> {
    let all = world.order(order).fulfillment_orders;
    let stands = |one: &FulfillmentOrderTruth| !one.remaining.is_empty();
    all.into_iter().filter(stands).collect()
}

fn refused(world: &World, action: Action) -> bool {
    world.sandbox.act(&world.shop.name, action).is_err()
}

async fn shaped(world: &World, topic: &str) -> Value {
    world.pass(5).await;
    let body = first(world, topic);
    shapes::check(topic, &body);
    body
}

#[tokio::test(start_paused = true)]
async fn split_and_merged_fulfillment_orders_keep_every_unit_where_it_is() {
    let world = subscribed(&TOPICS).await;
    let (order, line) = routed(&world, 3).await;
    let before = detail(&world, order).await;
    let kept = world.order(order).fulfillment_orders[0].id;
    let lines = |units| vec![LineUnits { line, units }];
    let split = |units| Action::Split {
        fulfillment_order: kept,
        lines: lines(units),
    };
    assert!(refused(&world, split(4)) && refused(&world, split(3)));
    let rest = world.act(split(1)).id.unwrap();
    let all = standing(&world, order);
    assert_eq!(all[0].remaining, [(line, 1)]);
    assert_eq!(
        (all[1].id, all[1].remaining.as_slice()),
        (rest, &[(line, 2)][..])
    );
    assert_eq!(world.level(0, 0), (10, 7, 3));
    assert_eq!(
        detail(&world, order).await["updatedAt"],
        before["updatedAt"]
    );
    let body = shaped(&world, "fulfillment_orders/split").await;
    assert_eq!(body["split_line_items"][0]["quantity"], 1);
    assert_eq!(body["remaining_fulfillment_order"]["id"], rest);
    let fulfillment_orders = vec![kept, rest];
    world.act(Action::Merge { fulfillment_orders });
    let all = standing(&world, order);
    assert_eq!(
        (all.len(), all[0].remaining.as_slice()),
        (1, &[(line, 3)][..])
    );
    let body = shaped(&world, "fulfillment_orders/merged").await;
    let gid = format!("gid://shopify/FulfillmentOrder/{kept}");
    assert_eq!(
        body["fulfillment_order_merges"]["fulfillment_order"]["id"],
        gid
    );
    assert_eq!(body["merge_intents"][1]["fulfillment_order_id"], rest);
    let again = vec![kept, rest];
    assert!(refused(
        &world,
        Action::Merge {
            fulfillment_orders: again
        }
    ));
    world.act(ship(order, Vec::new()));
    assert_eq!(world.level(0, 0), (7, 7, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_or_put_off_does_not_leave_until_it_is_open() {
    let world = subscribed(&TOPICS).await;
    let (order, line) = routed(&world, 3).await;
    let fulfillment_order = world.order(order).fulfillment_orders[0].id;
    let part = vec![LineUnits { line, units: 2 }];
    world.act(Action::Hold {
        fulfillment_order,
        lines: part,
    });
    assert_eq!(world.level(0, 0), (10, 7, 3));
    let seen = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&seen)[0]["status"], "ON_HOLD");
    let body = shaped(&world, "fulfillment_orders/placed_on_hold").await;
    assert_eq!(body["held_fulfillment_order_line_items"][0]["quantity"], 2);
    world.act(ship(order, Vec::new()));
    assert_eq!(world.level(0, 0), (9, 7, 2));
    assert!(refused(&world, ship(order, Vec::new())));
    // Cancelled all the same, and undone: held units go like any other.
    world.act(Action::Release { fulfillment_order });
    shaped(&world, "fulfillment_orders/hold_released").await;
    assert!(refused(&world, Action::Release { fulfillment_order }));
    let later = world.clock.now().plus(Duration::from_secs(3600));
    let at = |at| Action::Schedule {
        fulfillment_order,
        at,
    };
    world.act(at(later));
    assert!(refused(&world, ship(order, Vec::new())));
    let body = shaped(&world, "fulfillment_orders/rescheduled").await;
    assert_eq!(body["fulfillment_order"]["status"], "scheduled");
    world.act(at(world.clock.now()));
    world.act(ship(order, Vec::new()));
    assert_eq!(world.level(0, 0), (7, 7, 0));
}

#[tokio::test(start_paused = true)]
async fn an_order_of_which_all_is_held_says_so_and_can_be_cancelled() {
    let world = subscribed(&TOPICS).await;
    let (order, _) = routed(&world, 2).await;
    let fulfillment_order = world.order(order).fulfillment_orders[0].id;
    let lines = Vec::new();
    world.act(Action::Hold {
        fulfillment_order,
        lines,
    });
    let seen = detail(&world, order).await;
    assert_eq!(seen["displayFulfillmentStatus"], "ON_HOLD");
    let query = "query($id: ID!) { fulfillmentOrder(id: $id) { fulfillmentHolds { reason }
        supportedActions { action } } }";
    let id = format!("gid://shopify/FulfillmentOrder/{fulfillment_order}");
    let data = world.data(query, json!({ "id": id })).await;
    let holds = &data["fulfillmentOrder"]["fulfillmentHolds"];
    assert_eq!(holds, &json!([{ "reason": "OTHER" }]));
    world.act(Action::Cancel {
        order,
        restock: true,
    });
    assert_eq!(world.level(0, 0), (10, 10, 0));
    shaped(&world, "fulfillment_orders/cancelled").await;
}

#[tokio::test(start_paused = true)]
async fn a_moved_fulfillment_order_is_told_in_its_own_shape() {
    let world = subscribed(&TOPICS).await;
    let (order, _) = routed(&world, 2).await;
    let fulfillment_order = world.order(order).fulfillment_orders[0].id;
    let location = world.location(1);
    let lines = Vec::new();
    world.act(Action::Move {
        fulfillment_order,
        location,
        lines,
    });
    let body = shaped(&world, "fulfillment_orders/moved").await;
    let moved = &body["moved_fulfillment_order"]["assigned_location_id"];
    assert_eq!(moved, &world.location_gid(1));
}
