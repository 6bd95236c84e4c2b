//! Webhook bodies: the page's sample, captured test deliveries, and every way to be incomplete.

use channelsync_contract::order::{Changed, Hint};
use channelsync_contract::suite::Scripted;
use channelsync_contract::transport::Secret;
use channelsync_contract::webhook::{Content, Delivery, SigningSecret, Undecodable};
use channelsync_contract::{Connector, OrderSnapshot, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::shop::{fixture, settings, shop, specs};
use crate::{Settings, connect};

fn decode(topic: &str, body: &Value) -> Result<Delivery, Undecodable> {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-topic", topic.parse().unwrap());
    decode_with(&headers, body)
}

fn decode_with(headers: &HeaderMap, body: &Value) -> Result<Delivery, Undecodable> {
    let webhooks = shop([]).0.webhooks.unwrap();
    webhooks.decode(headers, body.to_string().as_bytes())
}

fn snapshot(body: &Value) -> OrderSnapshot {
    match decode("orders/updated", body).unwrap().content {
        Content::Order(Changed::Order(order)) => *order,
        other => panic!("no snapshot: {other:?}"),
    }
}

#[test]
fn without_a_secret_nothing_verifies() {
    // The signatures of an empty body under no key, and of the page's body under its key.
    let empty = "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=";
    let page = "VKBde3Qygl6bj04l6FTPT6RL+gouSJBpg2DWwpoTiTc=";
    let body = br##"{"id":820982911946154508,"name":"#1001","test":true}"##;
    for secrets in [vec![], vec![SigningSecret::new(Secret::new(""))]] {
        let webhooks = with_secrets(secrets).webhooks.unwrap();
        for (signature, body) in [(empty, b"".as_slice()), (page, body)] {
            let headers = signed(signature);
            assert!(webhooks.verify(&headers, body, Timestamp(0)).is_err());
        }
    }
}

#[test]
fn a_replaced_secret_counts_until_its_time_and_the_new_one_at_once() {
    let page = "VKBde3Qygl6bj04l6FTPT6RL+gouSJBpg2DWwpoTiTc=";
    let body = br##"{"id":820982911946154508,"name":"#1001","test":true}"##;
    let secret = |text, until| SigningSecret {
        secret: Secret::new(text),
        until,
    };
    let until = Timestamp(1_000);
    let old = secret("shpss_example_client_secret", Some(until));
    let webhooks = with_secrets(vec![secret("new", None), old])
        .webhooks
        .unwrap();
    for (at, counts) in [(0, true), (999, true), (1_000, false), (5_000, false)] {
        let verified = webhooks.verify(&signed(page), body, Timestamp(at));
        assert_eq!(verified.is_ok(), counts, "{at}");
    }
}

fn with_secrets(webhook_secrets: Vec<SigningSecret>) -> Connector {
    let settings = Settings {
        webhook_secrets,
        ..settings()
    };
    connect(settings, Scripted::new([]))
}

fn signed(signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-hmac-sha256", signature.parse().unwrap());
    headers
}

/// What a body means, in a word or two.
fn meaning(topic: &str, body: &Value) -> String {
    match decode(topic, body) {
        Ok(Delivery { content, .. }) => match content {
            Content::Order(Changed::Order(order)) => format!("order {}", order.id),
            Content::Order(Changed::Hint(Hint {
                order,
                version: None,
                ..
            })) => format!("hint {order}"),
            Content::Order(Changed::Hint(hint)) => format!("hint {} with version", hint.order),
            Content::Order(Changed::Unreadable { .. }) => "unreadable".to_owned(),
            Content::Poll(stream) => format!("poll {stream}"),
            Content::Quantity(told) => match told.available {
                Some(units) => format!("quantity {} {units}", told.slot),
                None => format!("quantity {} not counted", told.slot),
            },
            Content::Listings => "listings".to_owned(),
            Content::Permissions => "permissions".to_owned(),
            Content::Uninstalled => "uninstalled".to_owned(),
            Content::Erase(of) => format!("erase {}", of.join(" ")),
            Content::EraseAll => "erase all".to_owned(),
            Content::Disclose(of) => format!("disclose {}", of.join(" ")),
            Content::Nothing => "nothing".to_owned(),
        },
        Err(error) => error.why,
    }
}

#[test]
fn the_sample_of_the_page_is_read_whole_but_for_its_location() {
    insta::assert_json_snapshot!(snapshot(&fixture("order_webhook.json")));
}

/// R16
#[test]
fn captured_test_deliveries_decode_and_are_test_orders() {
    let Some(specs) = specs() else { return };
    for (file, expected) in [
        ("orders.create", "order 820982911946154508"),
        ("fulfillments.create", "hint 820982911946154500"),
        ("products.update", "listings"),
    ] {
        let path = specs.join("deliveries").join(format!("{file}.json"));
        let delivery: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in delivery["headers"].as_object().unwrap() {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.as_str().unwrap().parse().unwrap());
        }
        let decoded = decode_with(&headers, &delivery["body"]).unwrap();
        assert_eq!(
            meaning(delivery["topic"].as_str().unwrap(), &delivery["body"]),
            expected
        );
        assert_eq!(
            decoded.id,
            delivery["headers"]["x-shopify-webhook-id"]
                .as_str()
                .unwrap()
        );
        assert!(decoded.sent_at.is_some());
        if let Content::Order(Changed::Order(order)) = decoded.content {
            assert!(order.test);
            // The plain ids of these lines are rounded, the global ones are not.
            let lines = order.lines.complete().unwrap();
            assert_eq!(lines[0].id.as_str(), "866550311766439020");
        }
    }
}

/// R16
#[test]
fn the_test_header_alone_makes_a_test_order() {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-topic", HeaderValue::from_static("orders/create"));
    headers.insert("x-shopify-test", HeaderValue::from_static("true"));
    let decoded = decode_with(&headers, &fixture("order_webhook.json")).unwrap();
    assert!(matches!(decoded.content, Content::Order(Changed::Order(order)) if order.test));
}

#[test]
fn a_delivery_for_another_shop_is_not_taken() {
    let mut headers = HeaderMap::new();
    headers.insert("x-shopify-topic", HeaderValue::from_static("orders/create"));
    headers.insert(
        "x-shopify-shop-domain",
        HeaderValue::from_static("other.myshopify.com"),
    );
    let error = decode_with(&headers, &fixture("order_webhook.json")).unwrap_err();
    assert_eq!(error.to_string(), "orders/create: it is about another shop");
}

#[test]
fn every_topic_says_where_to_look() {
    let moved = json!({"original_fulfillment_order": {"id": "gid://shopify/FulfillmentOrder/1"}});
    let split = json!({"remaining_fulfillment_order": {"id": 2, "order_id": 12}});
    let edited = json!({"order_edit": {"id": 1, "order_id": 12, "line_items": {"additions": []}}});
    for (topic, body, expected) in [
        ("orders/create", json!({"id": 12}), "hint 12"),
        ("orders/create", json!({"id": "12"}), "hint 12"),
        (
            "orders/create",
            json!({"admin_graphql_api_id": "gid://shopify/Order/12"}),
            "hint 12",
        ),
        ("orders/create", json!({"id": 1.5}), "no id in the body"),
        ("orders/create", json!({"name": "#1"}), "no id in the body"),
        ("orders/create", json!([12]), "the body is no object"),
        ("orders/delete", json!({"id": 12}), "hint 12"),
        ("orders/delete", json!({}), "no id in the body"),
        ("orders/edited", edited, "hint 12"),
        (
            "orders/edited",
            json!({"order_edit": {"id": 12}}),
            "no id in the body",
        ),
        (
            "refunds/create",
            json!({"id": 1, "order_id": 12}),
            "hint 12",
        ),
        ("refunds/create", json!({"id": 1}), "no id in the body"),
        (
            "fulfillments/update",
            json!({"id": 1, "order_id": 12}),
            "hint 12",
        ),
        ("fulfillment_orders/moved", moved, "poll fulfillment_orders"),
        ("fulfillment_orders/split", split, "hint 12"),
        ("products/delete", json!({"id": 1}), "listings"),
        ("app/uninstalled", json!({"id": 1}), "uninstalled"),
        ("app/scopes_update", json!({"current": []}), "permissions"),
        ("shop/redact", json!({"shop_id": 1}), "erase all"),
        (
            "customers/redact",
            json!({"customer": {"id": 7, "email": "a@b.c", "phone": null}, "orders_to_redact": [1, 2]}),
            "erase 7 1 2 a@b.c",
        ),
        (
            "customers/data_request",
            json!({"customer": {"id": 7}, "orders_requested": [1], "data_request": {"id": 9}}),
            "disclose 7 1",
        ),
        (
            "customers/redact",
            json!({"customer": {}}),
            "no id in the body",
        ),
    ] {
        assert_eq!(meaning(topic, &body), expected, "{topic} {body}");
    }
}

#[test]
fn a_quantity_is_told_of_an_item_at_a_location() {
    for (body, expected) in [
        (
            json!({"inventory_item_id": 4501, "location_id": 101, "available": -2}),
            "quantity 4501@101 -2",
        ),
        (
            json!({"inventory_item_id": 4501, "location_id": 101, "available": null}),
            "quantity 4501@101 not counted",
        ),
        (json!({"inventory_item_id": 4501}), "no id in the body"),
        (json!({"location_id": 101}), "no id in the body"),
    ] {
        let told = meaning("inventory_levels/update", &body);
        assert_eq!(told, expected, "{body}");
    }
}

/// Some name the order whole, some by its number, some not at all.
#[test]
fn deliveries_about_returns_say_where_to_look() {
    for (topic, body, expected) in [
        (
            "returns/approve",
            json!({"id": 1, "order": {"id": 12}, "status": "open"}),
            "hint 12",
        ),
        (
            "returns/close",
            json!({"id": 1, "order_id": 12, "status": "closed"}),
            "hint 12",
        ),
        ("returns/update", json!({"id": 1}), "poll orders"),
        ("returns/process", json!({}), "poll orders"),
        (
            "reverse_fulfillment_orders/dispose",
            json!({"id": 1, "dispositions": []}),
            "poll orders",
        ),
    ] {
        assert_eq!(meaning(topic, &body), expected, "{topic} {body}");
    }
}

#[test]
fn a_body_without_what_a_snapshot_needs_is_a_hint() {
    for (path, value) in [
        ("/created_at", Value::Null),
        ("/created_at", json!("yesterday")),
        ("/cancelled_at", json!(5)),
        ("/line_items", Value::Null),
        ("/line_items", json!({})),
        ("/line_items/0", json!("text")),
        ("/line_items/0/id", Value::Null),
        ("/line_items/0/quantity", json!("3")),
        ("/line_items/0/fulfillable_quantity", json!(-1)),
        (
            "/line_items/0/fulfillable_quantity",
            json!(4_294_967_296_u64),
        ),
        ("/line_items/0/requires_shipping", Value::Null),
        ("/line_items/0/variant_id", json!(true)),
        ("/fulfillments", Value::Null),
        (
            "/fulfillments",
            json!([{"id": 5, "status": "success", "line_items": null}]),
        ),
    ] {
        let mut body = fixture("order_webhook.json");
        *body.pointer_mut(path).unwrap() = value.clone();
        let expected = "hint 6120334561234 with version";
        assert_eq!(meaning("orders/updated", &body), expected, "{path} {value}");
    }
    let mut body = fixture("order_webhook.json");
    body["updated_at"] = Value::Null;
    assert_eq!(meaning("orders/updated", &body), "hint 6120334561234");
}

#[test]
fn only_what_cannot_be_read_is_unknown() {
    let mut body = fixture("order_webhook.json");
    for refunds in [
        Value::Null,
        json!([{"id": 1}]),
        json!([{"refund_line_items": [{"id": null}]}]),
    ] {
        body["refunds"] = refunds;
        let order = snapshot(&body);
        assert!(order.restocks.complete().is_none() && order.lines.complete().is_some());
    }
}

/// R19
#[test]
fn what_came_back_is_unknown_to_a_body_with_returns() {
    let with_refund = fixture("order_webhook.json");
    let mut without = with_refund.clone();
    without["refunds"] = json!([]);
    for (returns, body, known) in [
        (json!([]), &with_refund, true),
        (json!([{"id": 1}]), &with_refund, false),
        (json!([{"id": 1}]), &without, false),
        (Value::Null, &with_refund, false),
        (Value::Null, &without, true),
    ] {
        let mut body = body.clone();
        body["returns"] = returns;
        assert_eq!(snapshot(&body).restocks.complete().is_some(), known);
    }
}

#[test]
fn parcels_count_unless_they_are_undone() {
    let parcel = |id: u64, status: &str, quantity: u64| {
        json!({"id": id, "status": status, "location_id": 101,
            "line_items": [{"id": 111, "quantity": quantity}]})
    };
    let mut body = fixture("order_webhook.json");
    body["fulfillments"] = json!([
        parcel(1, "success", 1),
        parcel(2, "cancelled", 10),
        parcel(3, "pending", 2),
        parcel(4, "error", 20),
        parcel(5, "failure", 40),
        parcel(6, "open", 4),
        parcel(7, "a_new_state", 8),
    ]);
    let order = snapshot(&body);
    assert_eq!(order.lines.complete().unwrap()[0].fulfilled.0, 15);
    let ids: Vec<_> = order
        .shipments
        .complete()
        .unwrap()
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(ids, ["1", "3", "6", "7"]);
}

#[test]
fn a_parcel_or_restock_of_unreadable_time_is_still_told() {
    let text = "2026-11-20T09:04:00-05:00";
    for (created, expected) in [
        (json!(text), Timestamp::parse(text)),
        (Value::Null, None),
        (json!("yesterday"), None),
        (json!(5), None),
    ] {
        let mut body = fixture("order_webhook.json");
        body["fulfillments"] = json!([{"id": 1, "location_id": 101, "created_at": created,
            "line_items": [{"id": 111, "quantity": 1}]}]);
        body["refunds"][0]["created_at"] = created;
        let order = snapshot(&body);
        let (parcels, restocks) = (order.shipments.complete(), order.restocks.complete());
        assert_eq!(
            [parcels.unwrap()[0].at, restocks.unwrap()[0].at],
            [expected; 2]
        );
    }
    let mut body = fixture("order_webhook.json");
    body["fulfillments"] = json!([{"id": 1, "location_id": 101, "line_items": []}]);
    body["refunds"][0]
        .as_object_mut()
        .unwrap()
        .remove("created_at");
    let order = snapshot(&body);
    let (parcels, restocks) = (order.shipments.complete(), order.restocks.complete());
    assert_eq!([parcels.unwrap()[0].at, restocks.unwrap()[0].at], [None; 2]);
}

#[test]
fn sums_beyond_any_quantity_are_no_panic() {
    let mut body = fixture("order_webhook.json");
    let line = json!({"id": 111, "quantity": u32::MAX});
    body["fulfillments"] = json!([{"id": 1, "location_id": null, "line_items": [line, line]}]);
    assert_eq!(
        meaning("orders/updated", &body),
        "hint 6120334561234 with version"
    );
}

#[test]
fn a_cancelled_order_has_nothing_open() {
    let mut body = fixture("order_webhook.json");
    body["cancelled_at"] = json!("2026-11-20T09:06:00-05:00");
    let order = snapshot(&body);
    assert_eq!(order.cancelled_at, Timestamp::parse("2026-11-20T14:06:00Z"));
    assert!(order.lines.complete().unwrap()[0].open.is_zero());
}

#[test]
fn what_does_not_ship_or_is_no_variant_takes_no_stock() {
    for (field, value) in [
        ("gift_card", json!(true)),
        ("requires_shipping", json!(false)),
        ("variant_id", Value::Null),
    ] {
        let mut body = fixture("order_webhook.json");
        body["line_items"][0][field] = value;
        assert!(
            !snapshot(&body).lines.complete().unwrap()[0].stocked,
            "{field}"
        );
    }
}
