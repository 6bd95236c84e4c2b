//! Inventory writes: compare-and-set, all or nothing, idempotency.

use std::time::Duration;

use channelsync_contract::Clock;
use channelsync_sandbox::{Action, Timings, VariantSetup};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) const SET: &str = "mutation($input: InventorySetQuantitiesInput!, $key: String!) {
    inventorySetQuantities(input: $input) @idempotent(key: $key) {
        inventoryAdjustmentGroup { id reason referenceDocumentUri
            changes { name delta quantityAfterChange item { id } location { id } } }
        userErrors { code field message } } }";

/// Sets on hand of (item index, location index, quantity, expected).
pub(crate) async fn set(world: &World, key: &str, rows: &[(usize, usize, i64, Value)]) -> Value {
    let rows = rows.iter().map(|(item, location, quantity, from)| {
        json!({ "inventoryItemId": world.item_gid(*item),
            "locationId": world.location_gid(*location),
            "quantity": quantity, "changeFromQuantity": from })
    });
    let rows: Vec<Value> = rows.collect();
    let input = json!({ "name": "on_hand", "reason": "correction", "quantities": rows });
    let mut data = world.data(SET, json!({ "input": input, "key": key })).await;
    data["inventorySetQuantities"].take()
}

fn codes(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["userErrors"].as_array().unwrap().iter();
    let text = |error: &Value| {
        let field = error["field"].as_array();
        let field = field.map(|parts| parts.iter().map(|part| part.as_str().unwrap()));
        let field: Vec<&str> = field.into_iter().flatten().collect();
        (
            error["code"].as_str().unwrap_or("").to_owned(),
            field.join("."),
        )
    };
    errors.map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn setting_on_hand_moves_available_and_leaves_committed() {
    let world = World::new(1);
    world.place(&[(0, 4)]);
    assert_eq!(world.level(0, 0), (10, 6, 4));
    let payload = set(&world, "a", &[(0, 0, 12, json!(10))]).await;
    assert_eq!(codes(&payload), []);
    assert_eq!(world.level(0, 0), (12, 8, 4));
    let changes = &payload["inventoryAdjustmentGroup"]["changes"];
    assert_eq!(changes[0]["name"], "available");
    assert_eq!(changes[0]["quantityAfterChange"], 8);
    assert_eq!(changes[1]["name"], "on_hand");
    assert_eq!(
        (&changes[1]["delta"], &changes[1]["quantityAfterChange"]),
        (&json!(2), &json!(12))
    );
    // Fewer than are promised to buyers: available falls below zero, and that is remembered.
    set(&world, "b", &[(0, 0, 1, Value::Null)]).await;
    assert_eq!(world.level(0, 0), (1, -3, 4));
    assert_eq!(world.truth().oversold_units, 3);
    assert_eq!(world.truth().sets.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_bad_row_fails_the_whole_batch_and_names_its_index() {
    let world = World::new(1);
    let payload = set(
        &world,
        "a",
        &[
            (0, 0, 5, json!(10)),
            (1, 0, 5, json!(9)),
            (0, 0, 6, Value::Null),
            (2, 0, -1, Value::Null),
        ],
    )
    .await;
    let expected = [
        (
            "CHANGE_FROM_QUANTITY_STALE",
            "input.quantities.1.changeFromQuantity",
        ),
        (
            "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
            "input.quantities.2.locationId",
        ),
        ("INVALID_QUANTITY_NEGATIVE", "input.quantities.3.quantity"),
    ];
    let expected = expected.map(|(code, field)| (code.to_owned(), field.to_owned()));
    assert_eq!(codes(&payload), expected);
    assert_eq!(world.level(0, 0), (10, 10, 0));
    world.act(Action::HideRowIndex { hide: true });
    let payload = set(&world, "b", &[(0, 0, 5, json!(9))]).await;
    assert_eq!(
        codes(&payload),
        [("CHANGE_FROM_QUANTITY_STALE".to_owned(), String::new())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bundle_parent_cannot_be_set() {
    let mut world = World::new(1);
    let bundle = VariantSetup {
        sku: "KIT".to_owned(),
        bundle_parent: true,
        ..VariantSetup::default()
    };
    world.act(Action::AddVariant(bundle));
    world.shop = world.sandbox.shops().remove(0);
    let payload = set(&world, "a", &[(5, 0, 5, Value::Null)]).await;
    assert_eq!(codes(&payload)[0].0, "NON_MUTABLE_INVENTORY_ITEM");
}

#[tokio::test(start_paused = true)]
async fn a_key_runs_once_and_belongs_to_its_variables() {
    let world = World::new(1);
    let first = set(&world, "a", &[(0, 0, 5, json!(10))]).await;
    set(&world, "b", &[(0, 0, 7, json!(5))]).await;
    // The stored result again, not the effect.
    assert_eq!(set(&world, "a", &[(0, 0, 5, json!(10))]).await, first);
    assert_eq!(world.level(0, 0).0, 7);
    let other = set(&world, "a", &[(0, 0, 6, json!(10))]).await;
    assert_eq!(codes(&other)[0].0, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH");
}

#[tokio::test(start_paused = true)]
async fn a_key_in_use_is_refused_until_its_request_ends() {
    let world = World::new(1);
    let answer_delay = Duration::from_secs(2);
    world.act(Action::Timings(Timings {
        answer_delay,
        ..Timings::default()
    }));
    let rows = [(0, 0, 5, Value::Null)];
    let first = set(&world, "a", &rows);
    let second = async {
        world.clock.sleep(Duration::from_secs(1)).await;
        set(&world, "a", &rows).await
    };
    let (first, second) = futures_util::future::join(first, second).await;
    assert_eq!(codes(&first), []);
    assert_eq!(codes(&second)[0].0, "IDEMPOTENCY_CONCURRENT_REQUEST");
    assert_eq!(set(&world, "a", &rows).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_or_expectation_is_an_error_of_the_request() {
    let world = World::new(1);
    let row = json!({ "inventoryItemId": world.item_gid(0), "locationId": world.location_gid(0),
        "quantity": 1 });
    let input = json!({ "name": "on_hand", "reason": "correction", "quantities": [row] });
    let answer = world
        .query(SET, json!({ "input": input, "key": "a" }))
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "INVALID_FIELD_ARGUMENTS"
    );
    let plain = SET
        .replace(" @idempotent(key: $key)", "")
        .replace(", $key: String!", "");
    let answer = world.query(&plain, json!({ "input": input })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("The @idempotent directive is required"),
        "{message}"
    );
    let many: Vec<Value> = (0..251).map(|_| row_with_null(&row)).collect();
    let input = json!({ "name": "on_hand", "reason": "correction", "quantities": many });
    let answer = world
        .query(SET, json!({ "input": input, "key": "b" }))
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "MAX_INPUT_SIZE_EXCEEDED"
    );
    assert_eq!(world.level(0, 0).0, 10);
}

fn row_with_null(row: &Value) -> Value {
    let mut row = row.clone();
    row["changeFromQuantity"] = Value::Null;
    row
}

#[tokio::test(start_paused = true)]
async fn setting_an_unstocked_level_succeeds_without_stocking_it() {
    let world = World::new(1);
    let (item, location) = (world.shop.variants[0].item, world.location(1));
    world.act(Action::Stock {
        item,
        location,
        active: false,
    });
    let payload = set(&world, "a", &[(0, 1, 3, Value::Null)]).await;
    assert_eq!(codes(&payload), []);
    let read = "query($id: ID!, $at: ID!, $all: Boolean) { inventoryItem(id: $id) {
        inventoryLevel(locationId: $at, includeInactive: $all) {
            isActive quantities(names: [\"on_hand\"]) { quantity } } } }";
    let variables =
        |all| json!({ "id": world.item_gid(0), "at": world.location_gid(1), "all": all });
    let hidden = world.data(read, variables(false)).await;
    assert_eq!(hidden["inventoryItem"]["inventoryLevel"], Value::Null);
    let shown = world.data(read, variables(true)).await;
    let level = &shown["inventoryItem"]["inventoryLevel"];
    assert_eq!(
        (&level["isActive"], &level["quantities"][0]["quantity"]),
        (&json!(false), &json!(3))
    );
    // Activation keeps the quantity, and only then can buyers have it.
    let activate = "mutation($id: ID!, $at: ID!, $key: String!) {
        inventoryActivate(inventoryItemId: $id, locationId: $at) @idempotent(key: $key) {
            inventoryLevel { isActive quantities(names: [\"available\"]) { quantity } }
            userErrors { field message } } }";
    let variables = json!({ "id": world.item_gid(0), "at": world.location_gid(1), "key": "c" });
    let data = world.data(activate, variables).await;
    let level = &data["inventoryActivate"]["inventoryLevel"];
    assert_eq!(level["quantities"][0]["quantity"], 3);
    assert!(world.try_place(&[(0, 13)]).is_some());
}
