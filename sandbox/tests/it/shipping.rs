//! Fulfillments through the API: create, track, cancel, move.

use channelsync_sandbox::Action;
use serde_json::{Value, json};

use crate::life::{detail, fulfillment_orders};
use crate::world::World;

const CREATE: &str = "mutation($fulfillment: FulfillmentInput!) {
    fulfillmentCreate(fulfillment: $fulfillment) {
        fulfillment { id status location { id } trackingInfo(first: 5) { company number url }
            fulfillmentLineItems(first: 10) { nodes { quantity lineItem { id } } } }
        userErrors { field message } } }";

async fn create(world: &World, parts: Value) -> Value {
    let input = json!({ "lineItemsByFulfillmentOrder": parts, "notifyCustomer": false,
        "trackingInfo": { "company": "Parcel Post", "number": "PP1" } });
    let mut data = world.data(CREATE, json!({ "fulfillment": input })).await;
    data["fulfillmentCreate"].take()
}

#[tokio::test(start_paused = true)]
async fn a_fulfillment_takes_committed_units_at_its_location() {
    let world = World::new(1);
    let order = world.place(&[(0, 3), (1, 1)]);
    world.pass(10).await;
    let before = detail(&world, order).await;
    let found = &fulfillment_orders(&before)[0];
    let part = &found["lineItems"]["nodes"][0]["id"];
    let lines = json!([{ "id": part, "quantity": 2 }]);
    let parts = json!([{ "fulfillmentOrderId": found["id"], "fulfillmentOrderLineItems": lines }]);
    let made = create(&world, parts.clone()).await;
    assert_eq!(made["userErrors"], json!([]));
    assert_eq!(made["fulfillment"]["location"]["id"], world.location_gid(0));
    assert_eq!(made["fulfillment"]["trackingInfo"][0]["number"], "PP1");
    assert_eq!(world.level(0, 0), (8, 7, 1));
    let after = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&after)[0]["status"], "IN_PROGRESS");
    assert_eq!(after["displayFulfillmentStatus"], "PARTIALLY_FULFILLED");
    // Not idempotent, and refused where less remains.
    let again = create(&world, parts).await;
    assert_eq!(again["fulfillment"], Value::Null);
    assert_eq!(again["userErrors"].as_array().unwrap().len(), 1);
    // Without lines everything that remains leaves.
    create(&world, json!([{ "fulfillmentOrderId": found["id"] }])).await;
    assert_eq!(world.level(0, 0), (7, 7, 0));
    assert_eq!(world.level(1, 0), (9, 9, 0));
    let done = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&done)[0]["status"], "CLOSED");
    assert_eq!(done["displayFulfillmentStatus"], "FULFILLED");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_fulfillment_commits_its_units_again() {
    let world = World::new(1);
    let order = world.place(&[(0, 3)]);
    world.pass(10).await;
    let before = detail(&world, order).await;
    let parts = json!([{ "fulfillmentOrderId": fulfillment_orders(&before)[0]["id"] }]);
    let made = create(&world, parts).await;
    let id = &made["fulfillment"]["id"];
    let track = "mutation($id: ID!, $tracking: FulfillmentTrackingInput!) {
        fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking) {
            fulfillment { trackingInfo(first: 5) { number } } userErrors { message } } }";
    let tracking = json!({ "numbers": ["A", "B"] });
    let data = world
        .data(track, json!({ "id": id, "tracking": tracking }))
        .await;
    let info = &data["fulfillmentTrackingInfoUpdate"]["fulfillment"]["trackingInfo"];
    assert_eq!(info[1]["number"], "B");
    let cancel = "mutation($id: ID!) { fulfillmentCancel(id: $id) {
        fulfillment { status } userErrors { message } } }";
    let data = world.data(cancel, json!({ "id": id })).await;
    assert_eq!(
        data["fulfillmentCancel"]["fulfillment"]["status"],
        "CANCELLED"
    );
    assert_eq!(world.level(0, 0), (10, 7, 3));
    let after = detail(&world, order).await;
    assert_eq!(fulfillment_orders(&after)[0]["status"], "OPEN");
    let again = world.data(cancel, json!({ "id": id })).await;
    assert_eq!(again["fulfillmentCancel"]["fulfillment"], Value::Null);
}

const MOVE: &str = "mutation($id: ID!, $to: ID!, $lines: [FulfillmentOrderLineItemInput!]) {
    fulfillmentOrderMove(id: $id, newLocationId: $to, fulfillmentOrderLineItems: $lines) {
        movedFulfillmentOrder { id status assignedLocation { location { id } } }
        originalFulfillmentOrder { id status } remainingFulfillmentOrder { id }
        userErrors { message } } }";

#[tokio::test(start_paused = true)]
async fn a_whole_move_keeps_the_id_a_partial_one_makes_another() {
    let world = World::new(1);
    let order = world.place(&[(0, 3)]);
    world.pass(10).await;
    let before = detail(&world, order).await;
    let found = &fulfillment_orders(&before)[0];
    let variables = json!({ "id": found["id"], "to": world.location_gid(1) });
    let data = world.data(MOVE, variables).await;
    let moved = &data["fulfillmentOrderMove"]["movedFulfillmentOrder"];
    assert_eq!(moved["id"], found["id"]);
    assert_eq!(
        moved["assignedLocation"]["location"]["id"],
        world.location_gid(1)
    );
    assert_eq!(world.level(0, 0), (10, 10, 0));
    assert_eq!(world.level(0, 1), (10, 7, 3));
    // One unit back: a new fulfillment order, and the order itself did not change.
    let lines = json!([{ "id": found["lineItems"]["nodes"][0]["id"], "quantity": 1 }]);
    let variables = json!({ "id": found["id"], "to": world.location_gid(0), "lines": lines });
    let data = world.data(MOVE, variables).await;
    let moved = &data["fulfillmentOrderMove"];
    assert_ne!(moved["movedFulfillmentOrder"]["id"], found["id"]);
    assert_eq!(moved["remainingFulfillmentOrder"]["id"], found["id"]);
    assert_eq!(world.level(0, 0), (10, 9, 1));
    assert_eq!(world.level(0, 1), (10, 8, 2));
    let after = detail(&world, order).await;
    assert_eq!(after["updatedAt"], before["updatedAt"]);
    // All fulfillment orders of one parcel leave from one location.
    let all: Vec<Value> = fulfillment_orders(&after)
        .iter()
        .map(|one| json!({ "fulfillmentOrderId": one["id"] }))
        .collect();
    let refused = create(&world, json!(all)).await;
    let message = &refused["userErrors"][0]["message"];
    assert_eq!(
        message,
        "All fulfillment orders must be assigned to a single location."
    );
}

#[tokio::test(start_paused = true)]
async fn a_move_needs_the_item_stocked_at_the_new_location() {
    let world = World::new(1);
    let (item, location) = (world.shop.variants[0].item, world.location(1));
    world.act(Action::Stock {
        item,
        location,
        active: false,
    });
    let order = world.place(&[(0, 1)]);
    world.pass(10).await;
    let before = detail(&world, order).await;
    let id = &fulfillment_orders(&before)[0]["id"];
    let data = world
        .data(MOVE, json!({ "id": id, "to": world.location_gid(1) }))
        .await;
    assert_eq!(
        data["fulfillmentOrderMove"]["movedFulfillmentOrder"],
        Value::Null
    );
    assert_eq!(world.level(0, 0), (10, 9, 1));
}
