//! The tests of the contract, as Shopify spells them.

use std::sync::Arc;

use channelsync_contract::suite::{Case, answer, check};
use channelsync_contract::transport::{Response, Transport};
use channelsync_contract::{Connector, ItemId, OrderId, SlotKey};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::shop::{connection, settings};
use crate::connect;

struct Shopify;

impl Case for Shopify {
    fn connect(&self, transport: Arc<dyn Transport>) -> Connector {
        connect(settings(), transport)
    }

    fn order(&self, number: u32) -> OrderId {
        OrderId::new(format!("{}", 6_120_334_561_000_u64 + u64::from(number)))
    }

    fn slot(&self, number: u32) -> SlotKey {
        SlotKey {
            item: ItemId::new((4_500 + number).to_string()),
            location: Some("101".into()),
        }
    }

    fn changed_page(&self, orders: &[OrderId], next: Option<&str>) -> Response {
        let node = |order: &OrderId| json!({ "id": format!("gid://shopify/Order/{order}"), "updatedAt": "2026-11-20T14:05:02Z" });
        let nodes: Vec<_> = orders.iter().map(node).collect();
        let body = json!({ "data": { "orders": connection(&nodes, next) } });
        answer(StatusCode::OK, body.to_string())
    }

    fn throttled(&self) -> Response {
        answer(
            StatusCode::OK,
            r#"{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":
            {"cost":{"requestedQueryCost":752,"actualQueryCost":null,"throttleStatus":
            {"maximumAvailable":2000.0,"currentlyAvailable":52,"restoreRate":100.0}}}}"#,
        )
    }

    fn unauthorized(&self) -> Response {
        answer(
            StatusCode::UNAUTHORIZED,
            r#"{"errors":"[API] Invalid API key or access token"}"#,
        )
    }

    fn partly_refused(&self, _: usize, bad: usize) -> Response {
        let error = json!({
            "code": "INVALID_INVENTORY_ITEM",
            "field": ["input", "quantities", bad.to_string(), "inventoryItemId"],
            "message": "The specified inventory item could not be found.",
        });
        let result = json!({ "inventoryAdjustmentGroup": null, "userErrors": [error] });
        let body = json!({ "data": { "inventorySetQuantities": result } });
        answer(StatusCode::OK, body.to_string())
    }

    fn delivery(&self) -> Option<(HeaderMap, Vec<u8>)> {
        // The signature and body of the page's test vector (section 3.1).
        let body = br##"{"id":820982911946154508,"name":"#1001","test":true}"##.to_vec();
        let signature = HeaderValue::from_static("VKBde3Qygl6bj04l6FTPT6RL+gouSJBpg2DWwpoTiTc=");
        let mut headers = HeaderMap::new();
        headers.insert("x-shopify-hmac-sha256", signature);
        headers.insert("x-shopify-topic", "orders/create".parse().unwrap());
        Some((headers, body))
    }
}

#[tokio::test]
async fn the_connector_keeps_the_contract() {
    check(&Shopify).await;
}
