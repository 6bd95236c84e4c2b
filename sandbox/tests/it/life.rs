//! The life of an order: routing, cancelling, refunds, edits.

use channelsync_sandbox::{Action, Buying, LineUnits, NewUnits, Restock, Tracking, Wanted};
use serde_json::{Value, json};

use crate::world::World;

const DETAIL: &str = "query($id: ID!) { order(id: $id) {
    updatedAt cancelledAt displayFulfillmentStatus displayFinancialStatus
    lineItems(first: 10) { nodes { id quantity currentQuantity unfulfilledQuantity
        nonFulfillableQuantity refundableQuantity } }
    fulfillmentOrders(first: 10) { nodes { id status assignedLocation { location { id } }
        lineItems(first: 10) { nodes { id totalQuantity remainingQuantity lineItem { id } } } } }
    refunds(first: 10) { id return { id } refundLineItems(first: 10) { nodes {
        quantity restockType restocked location { id } lineItem { id } } } }
    returnStatus returns(first: 10) { nodes { id status } } } }";

pub(crate) async fn detail(world: &World, order: u64) -> Value {
    let id = format!("gid://shopify/Order/{order}");
    world.data(DETAIL, json!({ "id": id })).await["order"].take()
}

pub(crate) fn fulfillment_orders(detail: &Value) -> &Vec<Value> {
    detail["fulfillmentOrders"]["nodes"].as_array().unwrap()
}

pub(crate) fn ship(order: u64, lines: Vec<LineUnits>) -> Action {
    Action::Ship {
        order,
        fulfillment_order: None,
        lines,
        tracking: Tracking::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn fulfillment_orders_appear_late_and_do_not_move_the_order() {
    let world = World::new(1);
    let order = world.place(&[(0, 2)]);
    let early = detail(&world, order).await;
    assert!(fulfillment_orders(&early).is_empty());
    assert_eq!(world.level(0, 0), (10, 8, 2));
    world.pass(1).await;
    assert!(fulfillment_orders(&detail(&world, order).await).is_empty());
    world.pass(5).await;
    let late = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&late).len(), 1);
    assert_eq!(late["updatedAt"], early["updatedAt"]);
    let line = &late["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0];
    assert_eq!(line["remainingQuantity"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_location_that_has_all_ships_otherwise_the_order_is_split() {
    let world = World::new(1);
    let count = |on_hand| Action::Count {
        item: world.shop.variants[0].item,
        location: world.location(0),
        on_hand,
    };
    world.act(count(3));
    // Only the second location has 9 of it.
    let whole = world.place(&[(0, 9), (1, 1)]);
    assert_eq!(
        world.order(whole).lines[1].open_at,
        [(world.location(1), 1)]
    );
    // Now 3 and 1 are left: split by priority.
    let split = world.place(&[(0, 4)]);
    let open_at = [(world.location(0), 3), (world.location(1), 1)];
    assert_eq!(world.order(split).lines[0].open_at, open_at);
    // A buyer who wants more than there is gets nothing.
    assert_eq!(world.try_place(&[(0, 1)]), None);
    assert_eq!(world.truth().counters.refused_to_buyers, 1);
    assert_eq!(world.truth().oversold_units, 0);
    world.pass(10).await;
    assert_eq!(fulfillment_orders(&detail(&world, split).await).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_variant_that_oversells_falls_below_zero_at_the_first_location() {
    let mut world = World::new(1);
    let setup = channelsync_sandbox::VariantSetup {
        sku: "ENDLESS".to_owned(),
        oversell: true,
        on_hand: vec![1, 1],
        ..Default::default()
    };
    world.act(Action::AddVariant(setup));
    world.shop = world.sandbox.shops().remove(0);
    world.place(&[(5, 5)]);
    assert_eq!(world.level(5, 0), (1, -3, 4));
    assert_eq!(world.level(5, 1), (1, 0, 1));
    assert_eq!(world.truth().oversold_units, 3);
}

#[tokio::test(start_paused = true)]
async fn cancelling_gives_back_what_was_not_shipped() {
    let world = World::new(1);
    let order = world.place(&[(0, 3), (1, 2)]);
    world.pass(10).await;
    let line = world.order(order).lines[0].id;
    world.act(ship(order, vec![LineUnits { line, units: 1 }]));
    assert_eq!(world.level(0, 0), (9, 7, 2));
    world.act(Action::Cancel {
        order,
        restock: true,
    });
    assert_eq!(world.level(0, 0), (9, 9, 0));
    assert_eq!(world.level(1, 0), (10, 10, 0));
    let after = detail(&world, order).await;
    assert_ne!(after["cancelledAt"], Value::Null);
    let refund = &after["refunds"][0]["refundLineItems"]["nodes"];
    assert_eq!(
        (&refund[0]["restockType"], &refund[0]["quantity"]),
        (&json!("CANCEL"), &json!(2))
    );
    assert_eq!(refund[0]["location"]["id"], world.location_gid(0));
    assert_eq!(after["lineItems"]["nodes"][0]["currentQuantity"], 1);
    assert_eq!(after["lineItems"]["nodes"][0]["unfulfilledQuantity"], 0);
    // Before any fulfillment order existed, and written off instead of restocked.
    let early = world.place(&[(2, 4)]);
    world.act(Action::Cancel {
        order: early,
        restock: false,
    });
    assert_eq!(world.level(2, 0), (6, 6, 0));
    world.pass(10).await;
    assert!(fulfillment_orders(&detail(&world, early).await).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refunds_move_stock_only_as_their_restock_type_says() {
    let world = World::new(1);
    let order = world.place(&[(0, 4)]);
    world.pass(10).await;
    let line = world.order(order).lines[0].id;
    world.act(ship(order, vec![LineUnits { line, units: 2 }]));
    assert_eq!(world.level(0, 0), (8, 6, 2));
    let refund = |units, restock, location| Action::Refund {
        order,
        lines: vec![LineUnits { line, units }],
        restock,
        location,
        amount_minor: None,
    };
    world.act(refund(1, Restock::Cancel, None));
    assert_eq!(world.level(0, 0), (8, 7, 1));
    world.act(refund(1, Restock::Return, Some(world.location(1))));
    assert_eq!(world.level(0, 0), (8, 7, 1));
    assert_eq!(world.level(0, 1), (11, 11, 0));
    world.act(refund(1, Restock::NoRestock, None));
    assert_eq!(world.level(0, 0), (7, 7, 0));
    let money = Action::Refund {
        order,
        lines: Vec::new(),
        restock: Restock::NoRestock,
        location: None,
        amount_minor: Some(100),
    };
    world.act(money);
    assert_eq!(world.level(0, 0), (7, 7, 0));
    let after = world.order(order);
    let line = &after.lines[0];
    let figures = (
        line.ordered,
        line.current,
        line.open,
        line.fulfilled,
        line.returned,
    );
    assert_eq!(figures, (4, 1, 0, 2, 1));
    let too_many = world
        .sandbox
        .act(&world.shop.name, refund(2, Restock::Cancel, None));
    assert!(too_many.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_edit_adds_and_removes_units_and_lines() {
    let world = World::new(1);
    let order = world.place(&[(0, 3), (1, 1)]);
    world.pass(10).await;
    let lines: Vec<u64> = world
        .order(order)
        .lines
        .iter()
        .map(|line| line.id)
        .collect();
    world.act(Action::Edit {
        order,
        set: vec![
            LineUnits {
                line: lines[0],
                units: 1,
            },
            LineUnits {
                line: lines[1],
                units: 2,
            },
        ],
        add: vec![NewUnits {
            variant: Some(world.variant(2)),
            units: 2,
        }],
    });
    assert_eq!(world.level(0, 0), (10, 9, 1));
    assert_eq!(world.level(1, 0), (10, 8, 2));
    assert_eq!(world.level(2, 0), (10, 8, 2));
    world.pass(10).await;
    let after = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&after).len(), 1);
    assert_eq!(after["lineItems"]["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(
        after["refunds"][0]["refundLineItems"]["nodes"][0]["restockType"],
        "CANCEL"
    );
    let remaining = after["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"]
        .as_array()
        .unwrap();
    let remaining: i64 = remaining
        .iter()
        .map(|line| line["remainingQuantity"].as_i64().unwrap())
        .sum();
    assert_eq!(remaining, 5);
}

#[tokio::test(start_paused = true)]
async fn lines_without_variant_or_parcel_take_no_stock() {
    let mut world = World::new(1);
    let card = channelsync_sandbox::VariantSetup {
        sku: "CARD".to_owned(),
        gift_card: true,
        ..Default::default()
    };
    world.act(Action::AddVariant(card));
    world.shop = world.sandbox.shops().remove(0);
    let variants = [None, Some(world.variant(5)), Some(world.variant(0))];
    let lines = variants
        .map(|variant| Wanted { variant, units: 2 })
        .to_vec();
    let buying = Buying {
        lines,
        test: true,
        on_terms: true,
    };
    let order = world.act(Action::Place(buying)).id.unwrap();
    world.pass(10).await;
    let after = detail(&world, order).await;
    assert_eq!(after["displayFinancialStatus"], "PENDING");
    let lines = after["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"]
        .as_array()
        .unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(after["lineItems"]["nodes"][1]["nonFulfillableQuantity"], 2);
    assert_eq!(world.level(5, 0), (0, 0, 0));
    assert_eq!(world.level(0, 0), (10, 8, 2));
    let counted: Vec<bool> = world
        .order(order)
        .lines
        .iter()
        .map(|line| line.counted)
        .collect();
    assert_eq!(counted, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_search_finds_a_change_only_after_its_lag() {
    let world = World::new(3);
    let search =
        "{ orders(first: 10, sortKey: UPDATED_AT, query: \"updated_at:>='2026-11-21T10:00:00Z'\")
        { nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }";
    let order = world.place(&[(0, 1)]);
    let found = world.data(search, json!({})).await;
    assert_eq!(found["orders"]["nodes"].as_array().unwrap().len(), 0);
    // By its id it is there at once.
    assert_eq!(
        detail(&world, order).await["updatedAt"],
        "2026-11-21T10:00:00Z"
    );
    world.pass(3).await;
    let found = world.data(search, json!({})).await;
    assert_eq!(
        found["orders"]["nodes"][0]["id"],
        format!("gid://shopify/Order/{order}")
    );
    let none = search.replace("10:00:00Z", "10:00:01Z");
    assert_eq!(
        world.data(&none, json!({})).await["orders"]["nodes"],
        json!([])
    );
    let unknown = search.replace("updated_at:", "weather:");
    let answer = world.query(&unknown, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_SIMULATED");
}
