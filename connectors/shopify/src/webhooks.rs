//! Webhooks: the signature, the topics, the standing subscriptions.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channelsync_contract::connector::Webhooks;
use channelsync_contract::webhook::{BadSignature, Delivery, Subscription, Undecodable};
use channelsync_contract::{ConnectorError, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use crate::call::{Connection, Shop, unreadable};
use crate::delivery::decode;
use crate::documents::{SUBSCRIBE, SUBSCRIPTIONS};

/// What we need to be told (page section 3.2).
const TOPICS: &[&str] = &[
    "orders/create",
    "orders/updated",
    "orders/cancelled",
    "orders/delete",
    "orders/edited",
    "fulfillments/create",
    "fulfillments/update",
    "fulfillment_orders/moved",
    "fulfillment_orders/split",
    "fulfillment_orders/merged",
    "fulfillment_orders/cancelled",
    "fulfillment_orders/placed_on_hold",
    "fulfillment_orders/hold_released",
    "fulfillment_orders/rescheduled",
    "refunds/create",
    "returns/approve",
    "returns/update",
    "returns/process",
    "returns/cancel",
    "returns/close",
    "returns/reopen",
    "reverse_fulfillment_orders/dispose",
    "inventory_levels/update",
    "products/create",
    "products/update",
    "products/delete",
    "app/scopes_update",
    "app/uninstalled",
];

/// Pages of subscriptions; there is one subscription per topic and address.
const SUBSCRIPTION_PAGES_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscriptions {
    webhook_subscriptions: Connection<SubscriptionNode>,
}

#[derive(Deserialize)]
struct SubscriptionNode {
    id: String,
    topic: String,
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    webhook_subscription_create: Option<Created>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    message: String,
}

#[async_trait]
impl Webhooks for Shop {
    fn verify(&self, headers: &HeaderMap, body: &[u8], at: Timestamp) -> Result<(), BadSignature> {
        let header = headers.get("x-shopify-hmac-sha256").ok_or(BadSignature)?;
        let given = STANDARD
            .decode(header.as_bytes())
            .map_err(|_| BadSignature)?;
        let mut fits = false;
        // Every secret is tried, so that the time taken does not tell which one fits. An empty one
        // would let in whoever guesses that it is empty.
        let counting = self.webhook_secrets.iter().filter(|one| one.counts(at));
        for one in counting.filter(|one| !one.secret.expose().is_empty()) {
            let mac = Hmac::<Sha256>::new_from_slice(one.secret.expose().as_bytes());
            let mac = mac.map_err(|_| BadSignature)?.chain_update(body);
            fits |= mac.verify_slice(&given).is_ok();
        }
        if fits { Ok(()) } else { Err(BadSignature) }
    }

    fn decode(&self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Undecodable> {
        decode(&self.host, headers, body)
    }

    fn topics(&self) -> &'static [&'static str] {
        TOPICS
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, ConnectorError> {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..SUBSCRIPTION_PAGES_MAX {
            let variables = json!({ "after": after });
            let answer = self
                .ask::<Subscriptions>(&SUBSCRIPTIONS, &variables, 0)
                .await?;
            let page = answer.data.webhook_subscriptions;
            after = page.next(SUBSCRIPTIONS.name)?;
            found.extend(page.nodes.into_iter().map(|node| Subscription {
                id: node.id,
                topic: in_headers(node.topic),
                address: node.uri,
            }));
            if after.is_none() {
                return Ok(found);
            }
        }
        Err(unreadable(
            SUBSCRIPTIONS.name,
            "more pages than subscriptions could fill",
        ))
    }

    async fn subscribe(&self, topic: &str, address: &str) -> Result<(), ConnectorError> {
        let variables = json!({
            "topic": in_schema(topic),
            "sub": { "uri": address, "format": "JSON", "name": name(topic) },
        });
        let answer = self.ask::<Subscribed>(&SUBSCRIBE, &variables, 0).await?;
        let Some(created) = answer.data.webhook_subscription_create else {
            return Err(ConnectorError::Unanswered(
                "the mutation gave no result".to_owned(),
            ));
        };
        // The error has no code; its words were seen by users of other connectors (page 3.2).
        let exists = |error: &UserError| error.message.contains("already been taken");
        match created.user_errors.into_iter().find(|error| !exists(error)) {
            Some(error) => Err(ConnectorError::Refused {
                code: topic.to_owned(),
                message: error.message,
            }),
            None => Ok(()),
        }
    }
}

/// `orders/create` as the schema spells it: `ORDERS_CREATE`.
fn in_schema(topic: &str) -> String {
    topic.replace('/', "_").to_ascii_uppercase()
}

/// `ORDERS_CREATE` as headers spell it. Only a known topic tells which `_` is the `/`.
fn in_headers(topic: String) -> String {
    let known = TOPICS.iter().find(|known| in_schema(known) == topic);
    known.map_or(topic, |known| (*known).to_owned())
}

/// Our name for the subscription: letters, digits and `-`, at most 50.
fn name(topic: &str) -> String {
    format!("channelsync-{}", topic.replace(['/', '_'], "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_spellings() {
        for topic in TOPICS {
            assert_eq!(in_headers(in_schema(topic)), *topic);
            let name = name(topic);
            assert!(name.len() <= 50 && !name.contains(['/', '_']), "{name}");
        }
        assert_eq!(
            in_schema("fulfillment_orders/hold_released"),
            "FULFILLMENT_ORDERS_HOLD_RELEASED"
        );
        assert_eq!(in_headers("SHOP_UPDATE".to_owned()), "SHOP_UPDATE");
    }
}
