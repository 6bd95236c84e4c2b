//! Returns: what moves stock, what does not, and how each step is told.

use channelsync_sandbox::{
    Action, BackTruth, Disposal, Found, LineUnits, NewUnits, Restock, ReturnStep,
};
use serde_json::{Value, json};

use crate::life::{detail, fulfillment_orders, ship};
use crate::webhooks::{first, subscribed};
use crate::world::World;

const RETURN: &str =
    "query($id: ID!) { return(id: $id) { status totalQuantity closedAt order { id }
    returnLineItems(first: 5) { nodes { id quantity processedQuantity refundedQuantity
        ... on ReturnLineItem { fulfillmentLineItem { lineItem { id } } } } }
    exchangeLineItems(first: 5) { nodes { quantity lineItems { id } } }
    refunds(first: 5) { nodes { id } }
    reverseFulfillmentOrders(first: 5) { nodes { id status lineItems(first: 5) { nodes {
        totalQuantity dispositions { type quantity location { id } } } } } } } }";

async fn returned(world: &World, id: u64) -> Value {
    let gid = format!("gid://shopify/Return/{id}");
    world.data(RETURN, json!({ "id": gid })).await["return"].take()
}

/// An order of which `units` were bought and shipped, and its line.
async fn shipped(world: &World, units: u32) -> (u64, u64) {
    let order = world.place(&[(0, units)]);
    world.pass(10).await;
    world.act(ship(order, Vec::new()));
    (order, world.order(order).lines[0].id)
}

fn open(world: &World, order: u64, line: u64, units: u32, request: bool) -> u64 {
    let lines = vec![LineUnits { line, units }];
    let exchange = Vec::new();
    let action = Action::Return {
        order,
        lines,
        exchange,
        request,
    };
    world.act(action).id.unwrap()
}

fn found(line: u64, units: u32, disposal: Disposal, location: Option<u64>) -> Found {
    Found {
        line,
        units,
        disposal,
        location,
    }
}

fn refused(world: &World, action: Action) -> bool {
    world.sandbox.act(&world.shop.name, action).is_err()
}

#[tokio::test(start_paused = true)]
async fn only_a_restocked_disposition_moves_stock_and_the_refund_of_a_return_does_not() {
    let world = World::new(1);
    let (order, line) = shipped(&world, 5).await;
    assert_eq!(world.level(0, 0), (5, 5, 0));
    let id = open(&world, order, line, 5, false);
    let far = Some(world.location(1));
    let kinds = [
        (Disposal::ProcessingRequired, far, "PROCESSING_REQUIRED"),
        (Disposal::NotRestocked, None, "NOT_RESTOCKED"),
        (Disposal::Missing, None, "MISSING"),
        (Disposal::Restocked, far, "RESTOCKED"),
    ];
    for (disposal, location, _) in kinds {
        let found = vec![found(line, 1, disposal, location)];
        world.act(Action::Dispose { id, found });
        let moved = i64::from(disposal == Disposal::Restocked);
        assert_eq!(world.level(0, 0), (5, 5, 0), "{disposal:?}");
        assert_eq!(
            world.level(0, 1),
            (10 + moved, 10 + moved, 0),
            "{disposal:?}"
        );
    }
    let lines = vec![LineUnits { line, units: 4 }];
    let refund = world.act(Action::RefundReturn { id, lines }).id.unwrap();
    assert_eq!(
        (world.level(0, 0), world.level(0, 1)),
        ((5, 5, 0), (11, 11, 0))
    );
    the_return_tells_of_each(&world, id, (line, refund), &kinds).await;
    let after = detail(&world, order).await;
    assert_eq!(
        after["refunds"][0]["return"]["id"],
        format!("gid://shopify/Return/{id}")
    );
    let of_refund = &after["refunds"][0]["refundLineItems"]["nodes"][0];
    assert_eq!(of_refund["restockType"], "NO_RESTOCK");
}

async fn the_return_tells_of_each(
    world: &World,
    id: u64,
    (line, refund): (u64, u64),
    kinds: &[(Disposal, Option<u64>, &str)],
) {
    let seen = returned(world, id).await;
    let of_line = &seen["returnLineItems"]["nodes"][0];
    assert_eq!(of_line["processedQuantity"], 4);
    assert_eq!(of_line["refundedQuantity"], 4);
    let line_gid = format!("gid://shopify/LineItem/{line}");
    assert_eq!(of_line["fulfillmentLineItem"]["lineItem"]["id"], line_gid);
    let refund_gid = format!("gid://shopify/Refund/{refund}");
    assert_eq!(seen["refunds"]["nodes"][0]["id"], refund_gid);
    let reverse = &seen["reverseFulfillmentOrders"]["nodes"][0];
    assert_eq!(reverse["status"], "OPEN");
    for (index, (_, location, name)) in kinds.iter().enumerate() {
        let part = &reverse["lineItems"]["nodes"][0]["dispositions"][index];
        assert_eq!(
            (&part["type"], &part["quantity"]),
            (&json!(name), &json!(1))
        );
        let place = location.map(|id| json!({ "id": format!("gid://shopify/Location/{id}") }));
        assert_eq!(part["location"], place.unwrap_or_default());
    }
}

#[tokio::test(start_paused = true)]
async fn the_truth_says_what_became_of_each_unit_and_no_unit_is_disposed_of_twice() {
    let world = World::new(1);
    let (order, line) = shipped(&world, 3).await;
    let id = open(&world, order, line, 3, false);
    let far = Some(world.location(1));
    let parts = vec![
        found(line, 1, Disposal::NotRestocked, None),
        found(line, 1, Disposal::Restocked, far),
    ];
    world.act(Action::Dispose { id, found: parts });
    let row = &world.order(order).lines[0];
    let back = |disposal, location| BackTruth {
        disposal,
        units: 1,
        location,
    };
    let all = [
        back(Disposal::NotRestocked, None),
        back(Disposal::Restocked, far),
    ];
    assert_eq!((row.back.as_slice(), row.returned), (all.as_slice(), 1));
    assert_eq!(detail(&world, order).await["returnStatus"], "IN_PROGRESS");
    let too_many = vec![found(line, 2, Disposal::Missing, None)];
    assert!(refused(
        &world,
        Action::Dispose {
            id,
            found: too_many
        }
    ));
    let nowhere = vec![found(line, 1, Disposal::Restocked, None)];
    assert!(refused(&world, Action::Dispose { id, found: nowhere }));
    let last = vec![found(line, 1, Disposal::Restocked, Some(world.location(0)))];
    world.act(Action::Dispose { id, found: last });
    let status = &detail(&world, order).await["returnStatus"];
    assert_eq!(status, "INSPECTION_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_return_is_asked_for_approved_declined_called_off_closed_and_opened_again() {
    let world = World::new(1);
    let (order, line) = shipped(&world, 4).await;
    let step = |id, step| Action::StepReturn { id, step };
    let asked = open(&world, order, line, 3, true);
    assert_eq!(returned(&world, asked).await["status"], "REQUESTED");
    let none = &returned(&world, asked).await["reverseFulfillmentOrders"]["nodes"];
    assert_eq!(none, &json!([]));
    let one = vec![found(line, 1, Disposal::Missing, None)];
    assert!(refused(
        &world,
        Action::Dispose {
            id: asked,
            found: one
        }
    ));
    // Three of four are spoken for until the shop declines.
    let lines = vec![LineUnits { line, units: 2 }];
    let more = Action::Return {
        order,
        lines,
        exchange: Vec::new(),
        request: false,
    };
    assert!(refused(&world, more.clone()));
    assert_eq!(
        detail(&world, order).await["returnStatus"],
        "RETURN_REQUESTED"
    );
    world.act(step(asked, ReturnStep::Decline));
    assert_eq!(detail(&world, order).await["returnStatus"], "NO_RETURN");
    assert!(refused(&world, step(asked, ReturnStep::Approve)));
    let id = world.act(more).id.unwrap();
    world.act(step(id, ReturnStep::Cancel));
    let status = &returned(&world, id).await["reverseFulfillmentOrders"]["nodes"][0]["status"];
    assert_eq!(status, "CANCELED");
    let third = open(&world, order, line, 4, true);
    world.act(step(third, ReturnStep::Approve));
    let some = vec![found(line, 3, Disposal::Restocked, Some(world.location(0)))];
    world.act(Action::Dispose {
        id: third,
        found: some,
    });
    assert!(refused(&world, step(third, ReturnStep::Cancel)));
    world.act(step(third, ReturnStep::Close));
    let closed = returned(&world, third).await;
    assert_eq!(closed["status"], "CLOSED");
    assert_ne!(closed["closedAt"], Value::Null);
    assert_eq!(
        closed["reverseFulfillmentOrders"]["nodes"][0]["status"],
        "CLOSED"
    );
    world.act(step(third, ReturnStep::Reopen));
    let last = vec![found(line, 1, Disposal::Restocked, Some(world.location(0)))];
    world.act(Action::Dispose {
        id: third,
        found: last,
    });
    assert_eq!(world.level(0, 0), (10, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_adds_a_line_that_is_committed_and_shipped_like_any_other() {
    let world = World::new(1);
    let (order, line) = shipped(&world, 2).await;
    let exchange = |units| Action::Return {
        order,
        lines: vec![LineUnits { line, units: 1 }],
        exchange: vec![NewUnits {
            variant: Some(world.variant(1)),
            units,
        }],
        request: false,
    };
    let id = world.act(exchange(1)).id.unwrap();
    assert_eq!(world.level(1, 0), (10, 9, 1));
    world.pass(10).await;
    let seen = returned(&world, id).await;
    let added = &seen["exchangeLineItems"]["nodes"][0];
    let line_gid = format!("gid://shopify/LineItem/{}", world.order(order).lines[1].id);
    assert_eq!(added["quantity"], 1);
    assert_eq!(added["lineItems"][0]["id"], line_gid);
    assert_eq!(fulfillment_orders(&detail(&world, order).await).len(), 2);
    world.act(ship(order, Vec::new()));
    assert_eq!(world.level(1, 0), (9, 9, 0));
    // What an exchange that is called off would have sent is free again.
    let id = world.act(exchange(2)).id.unwrap();
    assert_eq!(world.level(1, 0), (9, 7, 2));
    world.act(Action::StepReturn {
        id,
        step: ReturnStep::Cancel,
    });
    assert_eq!(world.level(1, 0), (9, 9, 0));
}

#[tokio::test(start_paused = true)]
async fn units_that_are_in_a_return_are_neither_refunded_with_restock_nor_unshipped() {
    let world = World::new(1);
    let order = world.place(&[(0, 2)]);
    world.pass(10).await;
    let fulfillment = world.act(ship(order, Vec::new())).fulfillments[0];
    let line = world.order(order).lines[0].id;
    open(&world, order, line, 1, false);
    let refund = |units| Action::Refund {
        order,
        lines: vec![LineUnits { line, units }],
        restock: Restock::Return,
        location: None,
        amount_minor: None,
    };
    assert!(refused(&world, refund(2)));
    assert!(refused(&world, Action::Unship { fulfillment }));
    world.act(refund(1));
    assert_eq!(world.level(0, 0), (9, 9, 0));
}

#[tokio::test(start_paused = true)]
async fn each_step_of_a_return_is_told_in_its_own_shape() {
    let topics = [
        "RETURNS_REQUEST",
        "RETURNS_APPROVE",
        "RETURNS_DECLINE",
        "RETURNS_CANCEL",
        "RETURNS_CLOSE",
        "RETURNS_REOPEN",
        "REVERSE_FULFILLMENT_ORDERS_DISPOSE",
    ];
    let world = subscribed(&topics).await;
    let (order, line) = shipped(&world, 3).await;
    let step = |id, step| world.act(Action::StepReturn { id, step });
    let asked = open(&world, order, line, 1, true);
    step(asked, ReturnStep::Decline);
    let id = open(&world, order, line, 1, false);
    step(id, ReturnStep::Cancel);
    let id = open(&world, order, line, 2, true);
    step(id, ReturnStep::Approve);
    let places = [Some(world.location(1)), None];
    let kinds = [Disposal::Restocked, Disposal::NotRestocked];
    let parts = kinds.iter().zip(places);
    let found = parts
        .map(|(kind, place)| found(line, 1, *kind, place))
        .collect();
    world.act(Action::Dispose { id, found });
    step(id, ReturnStep::Close);
    step(id, ReturnStep::Reopen);
    world.pass(5).await;
    for topic in ["returns/request", "returns/approve", "returns/decline"] {
        let body = first(&world, topic);
        assert_eq!(body["order"]["id"], order, "{topic}");
        crate::shapes::check(topic, &body);
    }
    for topic in ["returns/cancel", "returns/close", "returns/reopen"] {
        let body = first(&world, topic);
        assert_eq!(
            (&body["order_id"], &body["order"]),
            (&json!(order), &Value::Null)
        );
        crate::shapes::check(topic, &body);
    }
    let disposed = first(&world, "reverse_fulfillment_orders/dispose");
    let gid = disposed["admin_graphql_api_id"].as_str().unwrap();
    assert!(gid.starts_with("gid://shopify/ReverseFulfillmentOrder/"));
    let parts = &disposed["dispositions"];
    assert_eq!(parts[0]["type"], "restocked");
    assert_eq!(parts[0]["location"]["id"], world.location(1));
    assert_eq!(parts[1]["location"], Value::Null);
    let query = "query($id: ID!) { reverseFulfillmentOrder(id: $id) { status order { id } } }";
    let data = world.data(query, json!({ "id": gid })).await;
    assert_eq!(data["reverseFulfillmentOrder"]["status"], "CLOSED");
}
