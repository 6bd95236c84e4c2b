//! Decoding is total: whatever arrives gives a value or an error.

use channelsync_contract::suite::answer;
use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use serde_json::Value;

use super::shop::{fixture, shop};
use crate::bulk_order;
use crate::order::OrderNode;
use crate::report::report;

const TOPICS: [&str; 8] = [
    "orders/create",
    "orders/delete",
    "orders/edited",
    "refunds/create",
    "fulfillments/create",
    "fulfillment_orders/split",
    "inventory_levels/update",
    "products/update",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(Value::from("gid://shopify/Order/12")),
        Just(Value::from("2026-11-20T14:03:11Z")),
    ];
    let names = prop_oneof![
        Just("id"),
        Just("errors"),
        Just("extensions"),
        Just("cost"),
        Just("code"),
        Just("data"),
        Just("throttleStatus"),
        Just("line_items"),
        Just("order_edit"),
        Just("order_id"),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The places of a document, each as the steps of a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The document with one place replaced.
fn disturbed(document: &Value, pick: usize, with: Value) -> Value {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let mut document = document.clone();
    *document.pointer_mut(&all[pick % all.len()]).unwrap() = with;
    document
}

fn decode(topic: &str, body: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-topic", topic.parse().unwrap());
    shop([]).0.webhooks.unwrap().decode(&headers, body).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// R69
    #[test]
    fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for topic in TOPICS {
            decode(topic, &bytes);
        }
        report(&answer(StatusCode::OK, bytes));
    }

    /// R69
    #[test]
    fn any_bytes_of_a_file_are_decoded(
        lines in prop::collection::vec(json(), 0..6),
        cut in any::<usize>(),
        is_last in any::<bool>(),
    ) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let bytes = &text.as_bytes()[..cut % (text.len() + 1)];
        let (_, taken) = bulk_order::read(bytes, is_last);
        prop_assert!(taken <= bytes.len());
    }

    /// R69
    #[test]
    fn any_json_is_decoded(value in json()) {
        let text = value.to_string().into_bytes();
        for topic in TOPICS {
            decode(topic, &text);
        }
        report(&answer(StatusCode::OK, text));
    }

    #[test]
    fn a_disturbed_body_is_decoded(pick in any::<usize>(), with in json()) {
        let body = disturbed(&fixture("order_webhook.json"), pick, with);
        decode("orders/updated", body.to_string().as_bytes());
    }

    #[test]
    fn a_disturbed_answer_is_decoded(pick in any::<usize>(), with in json()) {
        let node = disturbed(&fixture("order_detail.json"), pick, with);
        if let Ok(mut node) = serde_json::from_value::<OrderNode>(node) {
            node.fulfillments_whole = true;
            node.refunds_whole = true;
            node.snapshot().ok();
        }
    }
}
