//! What is sent for quantities, subscriptions and listings, and what is made of the answers.

use channelsync_contract::quantity::{Push, PushOutcome, PushRow, Shown};
use channelsync_contract::suite::Scripted;
use channelsync_contract::transport::Secret;
use channelsync_contract::{CallId, Counting, SlotKey, Units};
use serde_json::{Value, json};

use super::shop::{asked, body, connection, data, ok, settings, shop};
use crate::{Credentials, Figure, Settings, account, check_shop, connect};

fn slot(item: &str, location: &str) -> SlotKey {
    SlotKey {
        item: item.into(),
        location: Some(location.into()),
    }
}

fn push(rows: Vec<PushRow>) -> Push {
    let call = uuid::Uuid::parse_str("6f1d1a5e-6f0e-4b3a-9a86-0d3c6f1f2b11").unwrap();
    Push {
        call: CallId(call),
        rows,
    }
}

/// Sorted, for another crate of the build may make JSON keep the order of insertion.
fn snapshot(name: &str, sent: &Value) {
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(name, sent);
    });
}

fn row(item: &str, quantity: u32, expected: Option<i64>) -> PushRow {
    PushRow {
        slot: slot(item, "101"),
        quantity: Units(quantity),
        expected,
    }
}

/// A missing `changeFromQuantity` is an error to Shopify, null is "do not compare".
#[tokio::test]
async fn a_push_is_encoded_with_its_key_and_every_comparison() {
    let result = json!({ "inventoryAdjustmentGroup": { "id": "x" }, "userErrors": [] });
    let (connector, transport) = shop([data(&json!({ "inventorySetQuantities": result }))]);
    let rows = vec![row("4501", 37, Some(40)), row("4502", 0, None)];
    let outcomes = connector.quantities.push(&push(rows)).await.unwrap();
    assert_eq!(outcomes, [PushOutcome::Applied, PushOutcome::Applied]);
    let sent = transport.sent();
    assert_eq!(
        (sent[0].path.as_str(), sent[0].cost),
        ("/admin/api/2026-10/graphql.json", 12)
    );
    snapshot("push", &body(&sent[0]));
}

#[tokio::test]
async fn a_row_that_cannot_be_asked_for_stops_the_call_and_takes_the_blame() {
    for bad in [row("A1", 1, None), row("1", 1_000_000_001, None)] {
        let (connector, transport) = shop([]);
        let outcomes = connector
            .quantities
            .push(&push(vec![row("4501", 1, None), bad]))
            .await;
        let outcomes = outcomes.unwrap();
        assert_eq!(outcomes[0], PushOutcome::NotApplied);
        assert!(
            matches!(outcomes[1], PushOutcome::Refused { .. }),
            "{:?}",
            outcomes[1]
        );
        assert!(transport.sent().is_empty());
    }
}

/// Set as it is shown, a figure is written only in place of a known one, or units sold unseen come back.
#[tokio::test]
async fn what_may_be_sold_is_set_by_comparison_only_and_read_without_what_is_unsellable() {
    let figures = level(true, &[("on_hand", 10), ("available", 6), ("damaged", 4)]);
    let result = json!({ "inventoryAdjustmentGroup": { "id": "x" }, "userErrors": [] });
    let answers = [
        data(&json!({ "inventorySetQuantities": result })),
        data(&json!({ "nodes": [item("4501", &figures)] })),
    ];
    let transport = Scripted::new(answers);
    let settings = Settings {
        figure: Figure::Available,
        ..settings()
    };
    let connector = connect(settings, transport.clone());
    assert_eq!(connector.capabilities.counting, Counting::Net);
    assert!(connector.capabilities.compare_and_set);
    let blind = push(vec![row("4501", 7, Some(6)), row("4502", 1, None)]);
    let outcomes = connector.quantities.push(&blind).await.unwrap();
    assert_eq!(outcomes[0], PushOutcome::NotApplied);
    assert!(
        matches!(outcomes[1], PushOutcome::Refused { .. }),
        "{outcomes:?}"
    );
    assert!(transport.sent().is_empty());
    let compared = push(vec![row("4501", 7, Some(6))]);
    let outcomes = connector.quantities.push(&compared).await.unwrap();
    assert_eq!(outcomes, [PushOutcome::Applied]);
    let input = &body(&transport.sent()[0])["variables"]["input"];
    assert_eq!(input["name"], "available");
    assert_eq!(input["quantities"][0]["changeFromQuantity"], 6);
    let shown = connector.quantities.read_back(&[slot("4501", "101")]).await;
    let held = Shown::Held {
        written: 6,
        sellable: 6,
        unsellable: Units::ZERO,
    };
    assert_eq!(shown.unwrap()[0].shown, held);
}

fn level(active: bool, quantities: &[(&str, i64)]) -> Value {
    let one = |(name, quantity): &(&str, i64)| json!({ "name": name, "quantity": quantity });
    let quantities: Vec<_> = quantities.iter().map(one).collect();
    json!({ "isActive": active, "quantities": quantities })
}

fn item(number: &str, level: &Value) -> Value {
    json!({ "id": format!("gid://shopify/InventoryItem/{number}"), "inventoryLevel": level })
}

#[tokio::test]
async fn read_back_keeps_the_order_asked_for_across_locations() {
    let all = [
        ("on_hand", 10),
        ("available", -2),
        ("damaged", 1),
        ("reserved", 2),
        ("safety_stock", 3),
        ("quality_control", 4),
    ];
    let (connector, transport) = shop([
        data(&json!({ "nodes": [item("1", &level(true, &all)), null, {}] })),
        data(&json!({ "nodes": [item("1", &level(false, &all)), item("2", &Value::Null)] })),
    ]);
    let slots = [
        slot("1", "102"),
        slot("1", "101"),
        SlotKey {
            item: "1".into(),
            location: None,
        },
        slot("3", "101"),
        slot("4", "101"),
        slot("2", "102"),
        slot("A1", "101"),
    ];
    let shown = connector.quantities.read_back(&slots).await.unwrap();
    assert_eq!(
        shown.iter().map(|one| one.slot.clone()).collect::<Vec<_>>(),
        slots
    );
    let held = Shown::Held {
        written: 10,
        sellable: -2,
        unsellable: Units(10),
    };
    let expected = [
        Shown::NotStocked,
        held,
        Shown::Missing,
        Shown::Missing,
        Shown::Missing,
        Shown::NotStocked,
        Shown::Missing,
    ];
    assert_eq!(
        shown.iter().map(|one| one.shown).collect::<Vec<_>>(),
        expected
    );
    snapshot("read_back", &json!(asked(&transport)));
}

#[tokio::test]
async fn read_back_goes_in_calls_of_fifty() {
    let slots: Vec<_> = (1..=51)
        .map(|number| slot(&format!("{number}"), "101"))
        .collect();
    let (connector, transport) = shop([
        data(&json!({ "nodes": vec![Value::Null; 50] })),
        data(&json!({ "nodes": [null] })),
    ]);
    assert_eq!(
        connector.quantities.read_back(&slots).await.unwrap().len(),
        51
    );
    let costs: Vec<_> = transport
        .sent()
        .iter()
        .map(|request| request.cost)
        .collect();
    assert_eq!(costs, [400, 8]);
}

#[tokio::test]
async fn read_back_never_guesses_a_figure() {
    let wrong = [
        json!({ "nodes": [item("1", &level(true, &[("available", 3)]))] }),
        json!({ "nodes": [item("2", &level(true, &[("available", 3), ("on_hand", 3)]))] }),
        json!({ "nodes": [] }),
    ];
    for answer in wrong {
        let (connector, _) = shop([data(&answer)]);
        assert!(
            connector
                .quantities
                .read_back(&[slot("1", "101")])
                .await
                .is_err(),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_existing_subscription_is_as_good_as_a_new_one() {
    for (message, good) in [
        (None, true),
        (Some("Address for this topic has already been taken"), true),
        (Some("This app is not approved to subscribe"), false),
    ] {
        let errors: Vec<_> = message
            .iter()
            .map(|text| json!({ "field": ["uri"], "message": text }))
            .collect();
        let created = json!({ "webhookSubscription": null, "userErrors": errors });
        let (connector, transport) = shop([data(&json!({ "webhookSubscriptionCreate": created }))]);
        let webhooks = connector.webhooks.unwrap();
        let made = webhooks
            .subscribe("fulfillment_orders/moved", "https://a.example/hooks/x")
            .await;
        assert_eq!(made.is_ok(), good, "{message:?}");
        let sub = json!({ "uri": "https://a.example/hooks/x", "format": "JSON",
            "name": "channelsync-fulfillment-orders-moved" });
        let expected = json!({ "topic": "FULFILLMENT_ORDERS_MOVED", "sub": sub });
        assert_eq!(asked(&transport), [("Subscribe".to_owned(), expected)]);
    }
}

#[tokio::test]
async fn subscriptions_of_all_pages_are_listed_by_the_topics_we_use() {
    let node = |number: u32, topic: &str| {
        json!({ "id": format!("s{number}"), "topic": topic,
        "uri": "https://a.example/hooks/x" })
    };
    let (connector, _) = shop([
        data(
            &json!({ "webhookSubscriptions": connection(&[node(1, "ORDERS_CREATE")], Some("1")) }),
        ),
        data(&json!({ "webhookSubscriptions": connection(&[node(2, "SHOP_UPDATE")], None) })),
    ]);
    let found = connector.webhooks.unwrap().subscriptions().await.unwrap();
    let topics: Vec<_> = found.iter().map(|one| one.topic.as_str()).collect();
    assert_eq!(topics, ["orders/create", "SHOP_UPDATE"]);
}

#[tokio::test]
async fn listings_say_what_cannot_be_pushed() {
    let variant = |number: u32, sku: Value, tracked: bool, bundle: bool, policy: &str| {
        json!({ "id": format!("gid://shopify/ProductVariant/{number}"), "sku": sku, "barcode": " ",
            "title": "Default Title", "inventoryPolicy": policy, "requiresComponents": bundle,
            "inventoryItem": { "id": "gid://shopify/InventoryItem/4501", "tracked": tracked },
            "product": { "title": "Mug" } })
    };
    let variants = [
        variant(1, json!(" MUG-RED "), true, false, "DENY"),
        variant(2, Value::Null, false, false, "CONTINUE"),
        variant(3, json!(""), true, true, "A_NEW_POLICY"),
    ];
    let (connector, _) = shop([data(
        &json!({ "productVariants": connection(&variants, Some("next")) }),
    )]);
    let page = connector.listings.listings(None).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("next"));
    insta::assert_json_snapshot!(page.listings);
}

#[tokio::test]
async fn locations_of_fulfillment_services_are_not_ours() {
    let node = |number: u32, active: bool, service: bool| {
        json!({ "name": "A",
        "id": format!("gid://shopify/Location/{number}"), "isActive": active,
        "isFulfillmentService": service })
    };
    let (connector, _) = shop([
        data(&json!({ "locations": connection(&[node(1, true, false)], Some("1")) })),
        data(
            &json!({ "locations": connection(&[node(2, false, false), node(3, true, true)], None) }),
        ),
    ]);
    let found = connector.listings.locations().await.unwrap();
    let active: Vec<_> = found
        .iter()
        .map(|one| (one.id.as_str(), one.active))
        .collect();
    assert_eq!(active, [("1", true), ("2", false), ("3", false)]);
}

#[tokio::test]
async fn the_probe_names_missing_scopes_and_a_version_that_was_not_asked_for() {
    let scopes = ["write_orders", "write_inventory", "read_products"];
    let scopes: Vec<_> = scopes
        .iter()
        .map(|handle| json!({ "handle": handle }))
        .collect();
    let answer = json!({ "data": {
        "currentAppInstallation": { "accessScopes": scopes },
        "shop": { "name": "Acme", "myshopifyDomain": "shop.myshopify.com" } } });
    let mut response = ok(&answer).unwrap();
    response
        .headers
        .insert("x-shopify-api-version", "2026-01".parse().unwrap());
    let (connector, _) = shop([Ok(response)]);
    insta::assert_debug_snapshot!(connector.probe.probe().await.unwrap());
}

#[test]
fn a_shop_is_named_by_its_permanent_host_only() {
    for good in ["acme.myshopify.com", "1-a.myshopify.com"] {
        assert_eq!(check_shop(good), Ok(()));
    }
    for bad in [
        "",
        ".myshopify.com",
        "-a.myshopify.com",
        "A.myshopify.com",
        "a.example.com",
        "a.myshopify.com.evil.example",
        "a/b.myshopify.com",
        "a.b.myshopify.com",
        "acme",
    ] {
        assert!(check_shop(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_account_has_its_host_and_prints_no_secret() {
    let mut settings = settings();
    assert_eq!(account(&settings).base_url, "https://shop.myshopify.com");
    settings.base_url = Some("http://127.0.0.1:4010".to_owned());
    settings.credentials = Credentials::ClientCredentials {
        client_id: "id".to_owned(),
        client_secret: Secret::new("canary"),
    };
    assert_eq!(account(&settings).base_url, "http://127.0.0.1:4010");
    let printed = format!("{settings:?}");
    assert!(
        !printed.contains("canary") && !printed.contains("shpss"),
        "{printed}"
    );
}
