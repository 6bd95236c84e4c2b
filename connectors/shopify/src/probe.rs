//! Who the credentials belong to, which permissions are missing, which version answers.

use async_trait::async_trait;
use channelsync_contract::connector::Identity;
use channelsync_contract::{ConnectorError, Probe};
use serde::Deserialize;
use serde_json::json;

use crate::VERSION;
use crate::call::Shop;
use crate::documents::APP_AND_SHOP;

/// Scopes and what each is for (page section 2). To write implies to read.
const NEEDED: [(&str, &str); 7] = [
    ("read_orders", "orders and refunds"),
    (
        "read_merchant_managed_fulfillment_orders",
        "where orders ship from",
    ),
    (
        "read_third_party_fulfillment_orders",
        "where orders ship from",
    ),
    ("read_fulfillments", "deliveries about shipments"),
    ("write_inventory", "quantities"),
    ("read_locations", "quantities by location"),
    ("read_products", "listings"),
];

/// What orders older than 60 days need.
const ALL_ORDERS: &str = "read_all_orders";

/// Scopes to ask a merchant for: those, and what goes on without. All orders are asked for only where a
/// person says so: a shop refuses the whole request of an app that may not ask for them.
pub(crate) fn wanted(all_orders: bool) -> impl Iterator<Item = &'static str> {
    let more = ["write_merchant_managed_fulfillment_orders", "read_returns"];
    let needed = NEEDED.iter().map(|(scope, _)| *scope);
    needed.chain(more).chain(all_orders.then_some(ALL_ORDERS))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppAndShop {
    current_app_installation: Installation,
    shop: ShopNode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopNode {
    name: String,
    myshopify_domain: String,
}

#[async_trait]
impl Identity for Shop {
    async fn probe(&self) -> Result<Probe, ConnectorError> {
        let answer = self.ask::<AppAndShop>(&APP_AND_SHOP, &json!({}), 0).await?;
        let shop = answer.data.shop;
        let scopes: Vec<&str> = answer
            .data
            .current_app_installation
            .access_scopes
            .iter()
            .map(|scope| scope.handle.as_str())
            .collect();
        let mut warnings = Vec::new();
        // A retired version does not fail: the oldest supported one answers in its place.
        if let Some(served) = answer.version.filter(|served| served != VERSION) {
            warnings.push(format!(
                "asked for API version {VERSION}, answered by {served}"
            ));
        }
        if !granted(&scopes, ALL_ORDERS) {
            let text = format!("without {ALL_ORDERS}, orders older than 60 days are invisible");
            warnings.push(text);
        }
        // Warnings only: everything else goes on without them.
        for (scope, lost) in [
            (
                "write_merchant_managed_fulfillment_orders",
                "parcels are not reported",
            ),
            (
                "read_returns",
                "nothing is booked of what comes back to an order with returns",
            ),
        ] {
            if !granted(&scopes, scope) {
                warnings.push(format!("without {scope}, {lost}"));
            }
        }
        if *shop.myshopify_domain != *self.host {
            let domain = &shop.myshopify_domain;
            warnings.push(format!(
                "configured as {}, the shop calls itself {domain}",
                self.host
            ));
        }
        let missing = NEEDED.iter().filter(|(scope, _)| !granted(&scopes, scope));
        Ok(Probe {
            account: format!("{} ({})", shop.name, shop.myshopify_domain),
            missing: missing
                .map(|(scope, feature)| format!("{scope} ({feature})"))
                .collect(),
            warnings,
        })
    }
}

fn granted(scopes: &[&str], scope: &str) -> bool {
    let writing = scope
        .strip_prefix("read_")
        .map(|what| format!("write_{what}"));
    scopes.contains(&scope) || writing.is_some_and(|scope| scopes.contains(&scope.as_str()))
}
