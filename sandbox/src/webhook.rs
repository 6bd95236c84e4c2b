//! Webhooks: subscriptions, what is announced, and deliveries with their retries.
//!
//! At least once and unordered, as the channel page says in section 3.1: eight retries over four
//! hours, and the eighth failure in a row of a delivery deletes its subscription. This module
//! decides; `delivery` does the sending.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use channelsync_contract::{Rng, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::rest;
use crate::state::{Moved, Shop};

/// Deliveries waiting at most; more are lost and counted.
const WAITING_MAX: usize = 200_000;
/// Subscriptions a shop may hold.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 1000;
/// Attempts after which a delivery is given up: the first and eight retries.
const ATTEMPTS_MAX: u32 = 9;
/// Failed attempts after which the subscription goes.
const FAILURES_MAX: u32 = 8;
/// The first retry; each later one waits twice as long, eight of them take just under four hours.
const FIRST_RETRY: Duration = Duration::from_secs(56);
/// How long a reordered webhook is held back at most.
const HELD_BACK_MAX: Duration = Duration::from_secs(10);

macro_rules! topics {
    ($($name:ident $graphql:literal $rest:literal;)*) => {
        /// What the double announces.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Topic { $($name,)* }

        impl Topic {
            /// As in the GraphQL enum.
            pub(crate) fn graphql(self) -> &'static str {
                match self { $(Self::$name => $graphql,)* }
            }

            /// As in the header.
            pub(crate) fn rest(self) -> &'static str {
                match self { $(Self::$name => $rest,)* }
            }
        }
    };
}

topics! {
    OrdersCreate "ORDERS_CREATE" "orders/create";
    OrdersPaid "ORDERS_PAID" "orders/paid";
    OrdersUpdated "ORDERS_UPDATED" "orders/updated";
    OrdersCancelled "ORDERS_CANCELLED" "orders/cancelled";
    OrdersEdited "ORDERS_EDITED" "orders/edited";
    OrdersDelete "ORDERS_DELETE" "orders/delete";
    OrdersFulfilled "ORDERS_FULFILLED" "orders/fulfilled";
    OrdersPartiallyFulfilled "ORDERS_PARTIALLY_FULFILLED" "orders/partially_fulfilled";
    FulfillmentsCreate "FULFILLMENTS_CREATE" "fulfillments/create";
    FulfillmentsUpdate "FULFILLMENTS_UPDATE" "fulfillments/update";
    FulfillmentOrdersMoved "FULFILLMENT_ORDERS_MOVED" "fulfillment_orders/moved";
    FulfillmentOrdersCancelled "FULFILLMENT_ORDERS_CANCELLED" "fulfillment_orders/cancelled";
    FulfillmentOrdersSplit "FULFILLMENT_ORDERS_SPLIT" "fulfillment_orders/split";
    FulfillmentOrdersMerged "FULFILLMENT_ORDERS_MERGED" "fulfillment_orders/merged";
    FulfillmentOrdersPlacedOnHold "FULFILLMENT_ORDERS_PLACED_ON_HOLD"
        "fulfillment_orders/placed_on_hold";
    FulfillmentOrdersHoldReleased "FULFILLMENT_ORDERS_HOLD_RELEASED"
        "fulfillment_orders/hold_released";
    FulfillmentOrdersRescheduled "FULFILLMENT_ORDERS_RESCHEDULED"
        "fulfillment_orders/rescheduled";
    RefundsCreate "REFUNDS_CREATE" "refunds/create";
    ReturnsRequest "RETURNS_REQUEST" "returns/request";
    ReturnsApprove "RETURNS_APPROVE" "returns/approve";
    ReturnsDecline "RETURNS_DECLINE" "returns/decline";
    ReturnsCancel "RETURNS_CANCEL" "returns/cancel";
    ReturnsClose "RETURNS_CLOSE" "returns/close";
    ReturnsReopen "RETURNS_REOPEN" "returns/reopen";
    ReverseFulfillmentOrdersDispose "REVERSE_FULFILLMENT_ORDERS_DISPOSE"
        "reverse_fulfillment_orders/dispose";
    InventoryLevelsUpdate "INVENTORY_LEVELS_UPDATE" "inventory_levels/update";
    InventoryLevelsConnect "INVENTORY_LEVELS_CONNECT" "inventory_levels/connect";
    ProductsCreate "PRODUCTS_CREATE" "products/create";
    AppUninstalled "APP_UNINSTALLED" "app/uninstalled";
    BulkOperationsFinish "BULK_OPERATIONS_FINISH" "bulk_operations/finish";
}

/// What an announcement is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    Order(u64),
    /// Order, additions, removals.
    Edit(u64, Vec<(u64, i64)>, Vec<(u64, i64)>),
    Deleted(u64),
    Fulfillment(u64),
    FulfillmentOrder(u64),
    Moved {
        order: u64,
        moved: Moved,
        from: u64,
        to: u64,
    },
    /// Fulfillment order, the one with the rest, and (line, units) that stayed.
    Split {
        id: u64,
        remaining: u64,
        lines: Vec<(u64, i64)>,
    },
    /// The one that took all, and what each of them had.
    Merged {
        id: u64,
        parts: Vec<(u64, Vec<(u64, i64)>)>,
    },
    /// Fulfillment order, the one with what is not held, and (line, units) that are.
    Held {
        id: u64,
        remaining: Option<u64>,
        lines: Vec<(u64, i64)>,
    },
    Refund(u64),
    Return(u64),
    /// Return, and its new dispositions.
    Dispose(u64, Vec<u64>),
    Level(u64, u64),
    Product(u64),
    Bulk(u64),
    Uninstalled,
}

/// A subscription as `webhookSubscriptionCreate` made it.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: u64,
    /// As in the GraphQL enum.
    pub(crate) topic: String,
    pub(crate) uri: String,
    pub(crate) name: Option<String>,
    pub(crate) include_fields: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
}

/// One webhook on its way.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) seq: u64,
    pub(crate) subscription: u64,
    pub(crate) request: http::Request<Bytes>,
    /// Attempts that failed.
    failures: u32,
    first_failed_at: Option<Timestamp>,
}

/// Subscriptions and waiting deliveries of one shop.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) subscriptions: BTreeMap<u64, Subscription>,
    waiting: BTreeMap<(Timestamp, u64), Delivery>,
    in_flight: usize,
    seq: u64,
}

impl Outbox {
    /// When the next delivery is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Deliveries under way.
    pub(crate) fn under_way(&self) -> usize {
        self.in_flight
    }

    /// How many deliveries were ever queued.
    pub(crate) fn queued(&self) -> u64 {
        self.seq
    }

    /// Deliveries waiting or under way.
    pub(crate) fn unfinished(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    /// Takes the next delivery that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Delivery> {
        if self.next_due()? > now {
            return None;
        }
        let (_, delivery) = self.waiting.pop_first()?;
        self.in_flight += 1;
        Some(delivery)
    }

    /// Ends a subscription and forgets what waits for it.
    pub(crate) fn unsubscribe(&mut self, id: u64) -> bool {
        self.waiting
            .retain(|_, delivery| delivery.subscription != id);
        self.subscriptions.remove(&id).is_some()
    }

    /// Ends all subscriptions and forgets what waits for them, except what waits for one topic.
    pub(crate) fn end_all_but(&mut self, last: Topic) {
        let ended = std::mem::take(&mut self.subscriptions);
        let is_last = |id| {
            ended
                .get(&id)
                .is_some_and(|one| one.topic == last.graphql())
        };
        self.waiting
            .retain(|_, delivery| is_last(delivery.subscription));
    }

    /// Ends all subscriptions and forgets what waits for them; gives how many there were.
    pub(crate) fn end_all(&mut self) -> u64 {
        self.waiting.clear();
        let ended = std::mem::take(&mut self.subscriptions);
        u64::try_from(ended.len()).unwrap_or(u64::MAX)
    }

    /// Queues a delivery; false when the queue is full.
    fn push(&mut self, at: Timestamp, delivery: Delivery) -> bool {
        let fits = self.waiting.len() < WAITING_MAX;
        if fits {
            self.waiting.insert((at, delivery.seq), delivery);
        }
        fits
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}

/// base64(HMAC-SHA256(secret, body)), as in `X-Shopify-Hmac-Sha256`.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    STANDARD.encode(hmac(secret, body))
}

/// HMAC-SHA256(secret, body).
pub(crate) fn hmac(secret: &str, body: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let mac = mac.map(|mac| mac.chain_update(body).finalize().into_bytes());
    mac.map(|mac| mac.to_vec()).unwrap_or_default()
}

/// Queues one delivery per announcement and subscription, with one event id for all of them.
pub(crate) fn publish(shop: &mut Shop, news: Vec<(Topic, News)>) {
    let event = shop.dice.webhooks.uuid().to_string();
    for (topic, what) in news {
        let of_topic = |one: &&Subscription| one.topic == topic.graphql();
        let all = shop.outbox.subscriptions.values();
        let wanted: Vec<Subscription> = all.filter(of_topic).cloned().collect();
        if wanted.is_empty() {
            continue;
        }
        let Some(body) = rest::body(shop, topic, &what) else {
            continue;
        };
        for subscription in wanted {
            queue(shop, topic, &event, &body, &subscription);
        }
    }
}

fn queue(shop: &mut Shop, topic: Topic, event: &str, body: &Value, to: &Subscription) {
    let webhook = shop.dice.webhooks.uuid().to_string();
    let body = pick_fields(body, &to.include_fields);
    let body = Bytes::from(body.to_string());
    let triggered = shop.now.to_string();
    let mut request = http::Request::post(to.uri.as_str())
        .header("Content-Type", "application/json")
        .header("User-Agent", "Shopify-Captain-Hook")
        .header("X-Shopify-Topic", topic.rest())
        .header(
            "X-Shopify-Hmac-Sha256",
            signature(&shop.tokens.client_secret, &body),
        )
        .header("X-Shopify-Webhook-Id", webhook)
        .header("X-Shopify-Event-Id", event)
        .header("X-Shopify-Triggered-At", triggered)
        .header("X-Shopify-Shop-Domain", shop.domain.as_str())
        .header("X-Shopify-API-Version", crate::VERSION);
    if let Some(name) = &to.name {
        request = request.header("X-Shopify-Name", name.as_str());
    }
    let Ok(request) = request.body(body) else {
        return;
    };
    let faults = shop.faults.clone();
    let dice = &shop.dice.webhooks;
    let lost = dice.chance(faults.webhooks_lost);
    let doubled = dice.chance(faults.webhooks_doubled);
    let held_back = dice.chance(faults.webhooks_reordered);
    let hold = dice.up_to(HELD_BACK_MAX);
    let at = match held_back {
        true => shop.now.plus(hold),
        false => shop.now,
    };
    if lost {
        shop.counters.webhooks_lost += 1;
        return;
    }
    let copies = match doubled {
        true => 2,
        false => 1,
    };
    shop.counters.webhooks_doubled += copies - 1;
    for _ in 0..copies {
        let delivery = Delivery {
            seq: shop.outbox.next_seq(),
            subscription: to.id,
            request: request.clone(),
            failures: 0,
            first_failed_at: None,
        };
        if !shop.outbox.push(at, delivery) {
            shop.counters.webhooks_lost += 1;
        }
    }
}

fn pick_fields(body: &Value, fields: &[String]) -> Value {
    match body {
        Value::Object(map) if !fields.is_empty() => {
            let wanted = map.iter().filter(|(name, _)| fields.contains(name));
            Value::Object(
                wanted
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            )
        }
        _ => body.clone(),
    }
}

/// Books the outcome of an attempt: done, tried again later, or the end of the subscription.
pub(crate) fn settle(shop: &mut Shop, mut delivery: Delivery, accepted: bool) {
    let now = shop.now;
    shop.outbox.in_flight = shop.outbox.in_flight.saturating_sub(1);
    let Some(subscription) = shop.outbox.subscriptions.get_mut(&delivery.subscription) else {
        return;
    };
    if accepted {
        subscription.answered_at = Some(now);
        shop.counters.webhooks_acked += 1;
        return;
    }
    shop.counters.webhooks_failed += 1;
    delivery.failures += 1;
    let first_failed_at = *delivery.first_failed_at.get_or_insert(now);
    let answered_since = subscription
        .answered_at
        .is_some_and(|at| at >= first_failed_at);
    if delivery.failures >= FAILURES_MAX && !answered_since {
        shop.outbox.unsubscribe(delivery.subscription);
        shop.counters.subscriptions_deleted += 1;
        return;
    }
    if delivery.failures >= ATTEMPTS_MAX {
        shop.counters.webhooks_given_up += 1;
        return;
    }
    let at = now.plus(retry_delay(delivery.failures));
    if !shop.outbox.push(at, delivery) {
        shop.counters.webhooks_lost += 1;
    }
}

/// How long after the failure number `failures` the next attempt comes.
fn retry_delay(failures: u32) -> Duration {
    FIRST_RETRY * 2_u32.pow(failures.clamp(1, 8) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_channel_page() {
        let body = br##"{"id":820982911946154508,"name":"#1001","test":true}"##;
        assert_eq!(
            signature("shpss_example_client_secret", body),
            "VKBde3Qygl6bj04l6FTPT6RL+gouSJBpg2DWwpoTiTc="
        );
    }

    #[test]
    fn eight_retries_take_just_under_four_hours() {
        let total: Duration = (1..=8).map(retry_delay).sum();
        assert!(total <= Duration::from_secs(4 * 3600), "{total:?}");
        assert!(total > Duration::from_secs(4 * 3600 - 300), "{total:?}");
    }
}
