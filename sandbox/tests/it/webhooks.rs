//! Webhooks: what is sent, when it is sent again, and when the subscription goes.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use channelsync_contract::{Clock, Timestamp};
use channelsync_sandbox::{Action, LineUnits, NewUnits, Restock, Tracking};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::world::{World, header};

const SUBSCRIBE: &str =
    "mutation($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
    webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) {
        webhookSubscription { id topic uri name format includeFields apiVersion { handle } }
        userErrors { field message } } }";

pub(crate) async fn subscribe(world: &World, topic: &str) -> Value {
    let sub = json!({ "uri": "http://127.0.0.1:9/hooks/a", "format": "JSON", "name": "hook-a" });
    let mut data = world
        .data(SUBSCRIBE, json!({ "topic": topic, "sub": sub }))
        .await;
    data["webhookSubscriptionCreate"].take()
}

#[tokio::test(start_paused = true)]
async fn a_sale_is_announced_signed_and_under_one_event() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    subscribe(&world, "INVENTORY_LEVELS_UPDATE").await;
    let order = world.place(&[(0, 2)]);
    world.pass(1).await;
    assert_eq!(
        world.mail.topics(),
        ["orders/create", "inventory_levels/update"]
    );
    let received = world.mail.received.lock().unwrap();
    let mut ids = BTreeSet::new();
    for one in received.iter() {
        let mut mac =
            Hmac::<sha2::Sha256>::new_from_slice(world.shop.webhook_secret.as_bytes()).unwrap();
        mac.update(one.body());
        let signature = header(one, "X-Shopify-Hmac-Sha256");
        let signature = base64::engine::general_purpose::STANDARD
            .decode(signature)
            .unwrap();
        mac.verify_slice(&signature).unwrap();
        assert_eq!(header(one, "X-Shopify-Shop-Domain"), "north.myshopify.com");
        assert_eq!(header(one, "X-Shopify-API-Version"), "2026-10");
        assert_eq!(header(one, "X-Shopify-Name"), "hook-a");
        assert!(Timestamp::parse(&header(one, "X-Shopify-Triggered-At")).is_some());
        ids.insert(header(one, "X-Shopify-Webhook-Id"));
        assert_eq!(
            header(one, "X-Shopify-Event-Id"),
            header(&received[0], "X-Shopify-Event-Id")
        );
    }
    assert_eq!(ids.len(), 2);
    let body: Value = serde_json::from_slice(received[0].body()).unwrap();
    assert_eq!(body["id"], order);
    assert_eq!(body["created_at"], "2026-11-21T05:00:00-05:00");
    assert_eq!(body["line_items"][0]["current_quantity"], 2);
    assert_eq!(
        body["line_items"][0]["price_set"]["shop_money"]["currency_code"],
        "USD"
    );
    let level: Value = serde_json::from_slice(received[1].body()).unwrap();
    assert_eq!(level["available"], 8);
}

#[tokio::test(start_paused = true)]
async fn the_same_topic_and_address_is_refused() {
    let world = World::new(1);
    let first = subscribe(&world, "ORDERS_CREATE").await;
    let id = &first["webhookSubscription"]["id"];
    let again = subscribe(&world, "ORDERS_CREATE").await;
    assert_eq!(again["webhookSubscription"], Value::Null);
    let message = &again["userErrors"][0]["message"];
    assert_eq!(message, "Address for this topic has already been taken");
    assert_eq!(world.truth().subscriptions.len(), 1);
    let delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) {
        deletedWebhookSubscriptionId userErrors { message } } }";
    let data = world.data(delete, json!({ "id": id })).await;
    assert_eq!(
        &data["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"],
        id
    );
    assert_eq!(world.truth().subscriptions.len(), 0);
    let sub = json!({ "uri": "http://127.0.0.1:9/a", "filter": "id:1" });
    let data = world
        .data(SUBSCRIBE, json!({ "topic": "ORDERS_CREATE", "sub": sub }))
        .await;
    let errors = &data["webhookSubscriptionCreate"]["userErrors"];
    assert_eq!(errors[0]["message"], "not simulated: filters");
}

#[tokio::test(start_paused = true)]
async fn eight_failures_in_a_row_end_the_subscription() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    *world.mail.status.lock().unwrap() = Some(302);
    world.place(&[(0, 1)]);
    let started = world.clock.now();
    // The eighth attempt comes after 56 s, doubled six times: 7112 s.
    world.pass(7100).await;
    assert_eq!(world.mail.topics().len(), 7);
    assert_eq!(world.truth().subscriptions.len(), 1);
    world.pass(30).await;
    assert_eq!(world.mail.topics().len(), 8);
    assert!(world.clock.now().since(started) < Duration::from_secs(4 * 3600));
    assert!(world.truth().subscriptions.is_empty());
    assert_eq!(world.truth().counters.subscriptions_deleted, 1);
    let received = world.mail.received.lock().unwrap();
    let id = |one| header(one, "X-Shopify-Webhook-Id");
    assert!(received.iter().all(|one| id(one) == id(&received[0])));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_recovers_keeps_its_subscription_and_gets_everything() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    *world.mail.status.lock().unwrap() = Some(0);
    world.place(&[(0, 1)]);
    world.pass(600).await;
    *world.mail.status.lock().unwrap() = None;
    world.place(&[(0, 1)]);
    world.pass(4 * 3600).await;
    let counters = world.truth().counters;
    assert_eq!(
        (counters.webhooks_acked, counters.subscriptions_deleted),
        (2, 0)
    );
    assert_eq!(world.truth().webhooks_unfinished, 0);
    assert_eq!(world.truth().webhook_ack.count, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_five_seconds_is_a_failure() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    let slow = |secs| Some((world.clock.clone(), Duration::from_secs(secs)));
    *world.mail.slow.lock().unwrap() = slow(6);
    world.place(&[(0, 1)]);
    world.pass(20).await;
    assert_eq!(world.truth().counters.webhooks_failed, 1);
    *world.mail.slow.lock().unwrap() = slow(4);
    world.pass(60).await;
    assert_eq!(world.truth().counters.webhooks_acked, 1);
    assert_eq!(world.truth().webhook_ack.p99_micros, 4_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_cut_off_with_the_run_is_sent_again() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    *world.mail.slow.lock().unwrap() = Some((world.clock.clone(), Duration::from_secs(4)));
    world.place(&[(0, 1)]);
    world.pass(1).await;
    assert_eq!(world.truth().counters.webhooks_failed, 1);
    world.pass(70).await;
    assert_eq!(world.truth().counters.webhooks_acked, 1);
}

pub(crate) async fn subscribed(topics: &[&str]) -> World {
    let world = World::new(1);
    for topic in topics {
        assert_eq!(
            subscribe(&world, topic).await["userErrors"],
            json!([]),
            "{topic}"
        );
    }
    world
}

pub(crate) fn first(world: &World, topic: &str) -> Value {
    world.mail.bodies(topic).remove(0)
}

#[tokio::test(start_paused = true)]
async fn moves_edits_and_shipments_are_announced_in_their_own_shape() {
    let topics = [
        "ORDERS_EDITED",
        "REFUNDS_CREATE",
        "FULFILLMENTS_CREATE",
        "FULFILLMENT_ORDERS_MOVED",
    ];
    let world = subscribed(&topics).await;
    let order = world.place(&[(0, 3)]);
    world.pass(10).await;
    let line = world.order(order).lines[0].id;
    let found = world.order(order).fulfillment_orders[0].id;
    let to = world.location(1);
    world.act(Action::Move {
        fulfillment_order: found,
        location: to,
        lines: Vec::new(),
    });
    let add = vec![NewUnits {
        variant: None,
        units: 1,
    }];
    world.act(Action::Edit {
        order,
        set: vec![LineUnits { line, units: 2 }],
        add,
    });
    let tracking = Tracking {
        numbers: vec!["PP1".to_owned()],
        ..Tracking::default()
    };
    let lines = vec![LineUnits { line, units: 2 }];
    let shipped = world.act(Action::Ship {
        order,
        fulfillment_order: None,
        lines,
        tracking,
    });
    world.pass(5).await;
    let moved = first(&world, "fulfillment_orders/moved");
    assert_eq!(moved["destination_location_id"], world.location_gid(1));
    let edit = first(&world, "orders/edited");
    assert_eq!(edit["order_edit"]["order_id"], order);
    assert_eq!(
        edit["order_edit"]["line_items"]["removals"][0],
        json!({ "id": line, "delta": 1 })
    );
    let refund = first(&world, "refunds/create");
    assert_eq!(refund["refund_line_items"][0]["restock_type"], "cancel");
    assert!(refund["refund_line_items"][0]["subtotal"].is_number());
    let fulfillment = first(&world, "fulfillments/create");
    assert_eq!(fulfillment["id"], shipped.fulfillments[0]);
    assert_eq!(
        (&fulfillment["order_id"], &fulfillment["location_id"]),
        (&json!(order), &json!(to))
    );
}

#[tokio::test(start_paused = true)]
async fn cancellations_and_deletions_are_announced_in_their_own_shape() {
    let topics = [
        "ORDERS_CANCELLED",
        "ORDERS_DELETE",
        "FULFILLMENTS_UPDATE",
        "PRODUCTS_CREATE",
    ];
    let world = subscribed(&topics).await;
    let order = world.place(&[(0, 3)]);
    world.pass(10).await;
    let line = world.order(order).lines[0].id;
    let ship = |units| Action::Ship {
        order,
        fulfillment_order: None,
        lines: vec![LineUnits { line, units }],
        tracking: Tracking::default(),
    };
    let undone = world.act(ship(1)).fulfillments[0];
    world.act(Action::Unship {
        fulfillment: undone,
    });
    world.act(ship(2));
    let lines = vec![LineUnits { line, units: 1 }];
    let restock = Restock::NoRestock;
    world.act(Action::Refund {
        order,
        lines,
        restock,
        location: None,
        amount_minor: None,
    });
    world.act(Action::Cancel {
        order,
        restock: true,
    });
    world.act(Action::Delete { order });
    world.act(Action::AddVariant(Default::default()));
    world.pass(5).await;
    assert_eq!(first(&world, "fulfillments/update")["status"], "cancelled");
    assert_eq!(first(&world, "orders/delete"), json!({ "id": order }));
    assert_eq!(
        first(&world, "products/create")["variants"][0]["price"],
        "10.00"
    );
}

#[tokio::test(start_paused = true)]
async fn only_wanted_fields_are_sent_and_updates_can_be_moved() {
    let world = World::new(1);
    let sub = json!({ "uri": "http://127.0.0.1:9/a", "includeFields": ["id", "updated_at"] });
    let data = world
        .data(SUBSCRIBE, json!({ "topic": "ORDERS_CREATE", "sub": sub }))
        .await;
    let id = &data["webhookSubscriptionCreate"]["webhookSubscription"]["id"];
    let update = "mutation($id: ID!, $sub: WebhookSubscriptionInput!) {
        webhookSubscriptionUpdate(id: $id, webhookSubscription: $sub) {
            webhookSubscription { uri } userErrors { message } } }";
    let sub = json!({ "uri": "http://127.0.0.1:9/b" });
    world.data(update, json!({ "id": id, "sub": sub })).await;
    world.place(&[(0, 1)]);
    world.pass(1).await;
    let received = world.mail.received.lock().unwrap();
    assert_eq!(received[0].uri().path(), "/b");
    let body: Value = serde_json::from_slice(received[0].body()).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 2);
}
