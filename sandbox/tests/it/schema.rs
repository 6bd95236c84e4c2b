//! The schema of the double against the specification, and every document against the double.

use std::collections::BTreeMap;
use std::io::Read;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition,
};
use serde_json::{Map, Value, json};

use crate::world::{World, spec};

/// What a schema says, one line per type, field, argument, enum value and input field.
fn facts(sdl: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let name = definition.node.name.node.to_string();
        let mut tell = |what: String, ty: String| facts.insert(format!("{name}{what}"), ty);
        let arguments =
            |all: &[Positioned<InputValueDefinition>], of: &str| -> Vec<(String, String)> {
                let one = |one: &Positioned<InputValueDefinition>| {
                    let one = &one.node;
                    let default = one.default_value.as_ref();
                    let default = default
                        .map(|value| format!(" = {}", value.node))
                        .unwrap_or_default();
                    (
                        format!("{of}({})", one.name.node),
                        format!("{}{default}", one.ty.node),
                    )
                };
                all.iter().map(one).collect()
            };
        let mut tell_fields = |fields: &[Positioned<FieldDefinition>]| {
            for field in fields {
                let field = &field.node;
                let what = format!(".{}", field.name.node);
                for (what, ty) in arguments(&field.arguments, &what) {
                    tell(what, ty);
                }
                tell(what, field.ty.node.to_string());
            }
        };
        match &definition.node.kind {
            TypeKind::Scalar => drop(tell(String::new(), "scalar".to_owned())),
            TypeKind::Object(object) => tell_fields(&object.fields),
            TypeKind::Interface(interface) => tell_fields(&interface.fields),
            TypeKind::Union(union) => {
                for member in &union.members {
                    tell(format!(" | {}", member.node), String::new());
                }
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    tell(format!(".{}", value.node.value.node), String::new());
                }
            }
            TypeKind::InputObject(input) => {
                for (what, ty) in arguments(&input.fields, "") {
                    tell(what, ty);
                }
            }
        }
    }
    facts
}

fn missing(wanted: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(what, ty): &(&String, &String)| there.get(*what) != Some(*ty);
    let tell = |(what, ty): (&String, &String)| format!("{what}: {ty} / {:?}", there.get(what));
    wanted.iter().filter(differs).map(tell).collect()
}

const OURS: &str = include_str!("../../src/graphql/admin.graphql");

#[test]
fn the_double_has_everything_of_the_pruned_schema() {
    let Some(pruned) = spec("shopify/admin_2026-10.pruned.graphql") else {
        return;
    };
    let pruned = facts(std::str::from_utf8(&pruned).unwrap());
    assert!(pruned.len() > 500);
    assert_eq!(missing(&pruned, &facts(OURS)), Vec::<String>::new());
}

#[test]
fn the_double_invents_nothing_beyond_the_full_schema() {
    let Some(packed) = spec("shopify/admin_2026-10.graphql.gz") else {
        return;
    };
    let mut full = String::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_string(&mut full)
        .unwrap();
    let full = facts(&full);
    assert!(full.len() > 10_000);
    assert_eq!(missing(&facts(OURS), &full), Vec::<String>::new());
}

/// Variables with which a document of the specification makes sense.
fn variables(world: &World, order: &Value, fulfillment: &Value) -> Map<String, Value> {
    let fulfillment_order = &order["fulfillmentOrders"]["nodes"][0]["id"];
    let all = json!({
        "first": 20, "after": null, "query": "updated_at:>='2026-11-20T10:00:00Z'",
        "ids": [world.item_gid(0), world.item_gid(1)],
        "locationId": world.location_gid(0),
        "inventoryItemId": world.item_gid(0),
        "available": null,
        "liAfter": null,
        "to": world.location_gid(1),
        "fulfillmentOrder": fulfillment_order,
        "fulfillment": { "lineItemsByFulfillmentOrder": [{ "fulfillmentOrderId": fulfillment_order }] },
        "fulfillmentId": fulfillment,
        "tracking": { "company": "Parcel Post", "number": "1" },
        "notify": false,
        "topic": "ORDERS_UPDATED",
        "sub": { "uri": "http://127.0.0.1:9/hook", "format": "JSON", "name": "orders" },
    });
    all.as_object().unwrap().clone()
}

/// Runs one operation of the document, with its own ids for `$id`.
async fn run(world: &World, text: &str, name: &str, variables: &Map<String, Value>) -> Value {
    let path = format!("{}/admin/api/2026-10/graphql.json", world.shop.base_path);
    let body = json!({ "query": text, "variables": variables, "operationName": name });
    let request = http::Request::post(path)
        .header("X-Shopify-Access-Token", &world.shop.access_token)
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    let (status, answer) = world.send(request).await;
    assert_eq!(status, 200, "{name}: {answer}");
    answer
}

#[tokio::test(start_paused = true)]
async fn every_document_of_the_specification_executes() {
    let Some(text) = spec("shopify/operations.graphql") else {
        return;
    };
    let text = String::from_utf8(text).unwrap();
    let world = World::new(1);
    let order = world.place(&[(0, 2), (1, 1)]);
    world.place(&[(2, 1)]);
    world.pass(10).await;
    let detail =
        "query($id: ID!) { order(id: $id) { fulfillmentOrders(first: 1) { nodes { id } } } }";
    let gid = format!("gid://shopify/Order/{order}");
    let mut data = world.data(detail, json!({ "id": gid })).await;
    let mut variables = variables(&world, &data["order"].take(), &Value::Null);
    let parsed = async_graphql::parser::parse_query(&text).unwrap();
    let mut names: Vec<String> = parsed
        .operations
        .iter()
        .map(|(name, _)| name.unwrap().to_string())
        .collect();
    names.sort_by_key(|name| text.find(&format!(" {name}")));
    assert!(names.len() >= 20, "{names:?}");
    let mut subscription = Value::Null;
    let mut fulfillment = Value::Null;
    for name in names {
        let id = match name.as_str() {
            "OrderDetail" => json!(gid),
            "FulfillmentOrderById" | "MoveFulfillmentOrder" => {
                variables["fulfillmentOrder"].clone()
            }
            "UpdateTracking" | "CancelFulfillment" => fulfillment.clone(),
            "Resubscribe" | "Unsubscribe" => subscription.clone(),
            _ => json!("gid://shopify/Return/1"),
        };
        variables.insert("id".to_owned(), id);
        variables.insert("key".to_owned(), json!(name));
        let input = match name.as_str() {
            "SetQuantities" => json!({ "name": "on_hand", "reason": "correction", "quantities": [{
                "inventoryItemId": world.item_gid(0), "locationId": world.location_gid(0),
                "quantity": 7, "changeFromQuantity": null }] }),
            _ => json!({ "name": "available", "reason": "correction", "changes": [{
                "inventoryItemId": world.item_gid(0), "locationId": world.location_gid(0),
                "delta": 1, "changeFromQuantity": null }] }),
        };
        variables.insert("input".to_owned(), input);
        if name == "BulkStart" {
            let query = "{ products { edges { node { id } } } }";
            variables.insert("query".to_owned(), json!(query));
        }
        let answer = run(&world, &text, &name, &variables).await;
        assert_eq!(answer.get("errors"), None, "{name}: {answer}");
        let data = &answer["data"];
        if name == "CreateFulfillment" {
            fulfillment = data["fulfillmentCreate"]["fulfillment"]["id"].clone();
        }
        if name == "Subscribe" {
            subscription = data["webhookSubscriptionCreate"]["webhookSubscription"]["id"].clone();
        }
        let payload = data.as_object().unwrap().values().next();
        let errors = payload
            .and_then(|payload| payload.get("userErrors"))
            .cloned();
        let count = errors
            .and_then(|all| all.as_array().map(Vec::len))
            .unwrap_or(0);
        assert_eq!(count, 0, "{name}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_documents_cost_what_the_page_says() {
    let Some(text) = spec("shopify/operations.graphql") else {
        return;
    };
    let text = String::from_utf8(text).unwrap();
    let world = World::new(1);
    for (name, first, cost) in [
        ("OrdersChanged", 250, 252),
        ("OrderDetail", 0, 697),
        ("FulfillmentOrdersChanged", 20, 942),
        ("VariantsPage", 250, 752),
        ("ReturnDetail", 0, 713),
        ("CreateFulfillment", 0, 115),
        ("SetQuantities", 0, 15),
    ] {
        let mut variables = variables(&world, &Value::Null, &Value::Null);
        variables.insert("first".to_owned(), json!(first));
        variables.insert("id".to_owned(), json!("gid://shopify/Order/1"));
        variables.insert("key".to_owned(), json!("k"));
        variables.insert(
            "fulfillment".to_owned(),
            json!({ "lineItemsByFulfillmentOrder": [] }),
        );
        let input = json!({ "name": "on_hand", "reason": "correction", "quantities": [] });
        variables.insert("input".to_owned(), input);
        let answer = run(&world, &text, name, &variables).await;
        assert_eq!(
            answer["extensions"]["cost"]["requestedQueryCost"], cost,
            "{name}: {answer}"
        );
    }
}
