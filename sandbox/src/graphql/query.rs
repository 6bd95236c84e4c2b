//! Fields of the query root.

use channelsync_contract::Timestamp;
use serde_json::{Map, Value, json};

use super::arguments::{flag, text, texts};
use super::page::{self, Key};
use super::resolve::Fault;
use crate::state::{Gid, Order, Shop, Term, parse_terms};

/// The largest number of ids, and of any input list.
pub(crate) const INPUT_MAX: usize = 250;
/// The most rows of a page that is cut by a fault.
const ROWS_CUT_MAX: u32 = 3;
const SCOPES: [&str; 9] = [
    "read_orders",
    "read_all_orders",
    "read_returns",
    "read_products",
    "read_locations",
    "read_fulfillments",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
    "read_third_party_fulfillment_orders",
];

/// The value of a field of the query root: a GID, a page, or an object.
pub(crate) fn root(shop: &Shop, name: &str, args: &Map<String, Value>) -> Result<Value, Fault> {
    let id = |kind: &str| {
        let gid =
            text(args, "id").filter(|gid| Gid::parse(gid).is_some_and(|one| one.kind == kind));
        Ok(gid.map_or(Value::Null, |gid| json!(gid)))
    };
    match name {
        "shop" => Ok(json!(Gid::of("Shop", shop.id).to_string())),
        "currentAppInstallation" => Ok(json!({
            "id": Gid::of("AppInstallation", shop.id).to_string(),
            "accessScopes": SCOPES.map(|scope| json!({ "handle": scope })),
        })),
        "inventoryProperties" => Ok(inventory_properties()),
        "node" => Ok(text(args, "id").map_or(Value::Null, |gid| json!(gid))),
        "nodes" => nodes(args),
        "order" => id("Order"),
        "fulfillmentOrder" => id("FulfillmentOrder"),
        "fulfillment" => id("Fulfillment"),
        "refund" => id("Refund"),
        "return" => id("Return"),
        "reverseFulfillmentOrder" => id("ReverseFulfillmentOrder"),
        "product" => id("Product"),
        "productVariant" => id("ProductVariant"),
        "inventoryItem" => id("InventoryItem"),
        "inventoryLevel" => id("InventoryLevel"),
        "webhookSubscription" => id("WebhookSubscription"),
        "location" => match text(args, "id") {
            Some(_) => id("Location"),
            None => Ok(shop.locations.first().map_or(Value::Null, |place| {
                json!(Gid::of("Location", place.id).to_string())
            })),
        },
        "bulkOperation" => id("BulkOperation"),
        "bulkOperations" => bulk_operations(shop, args),
        "locations" => locations(shop, args),
        "products" => products(shop, args),
        "productVariants" => variants(shop, args),
        "inventoryItems" => items(shop, args),
        "orders" => orders(shop, args),
        "fulfillmentOrders" => fulfillment_orders(shop, args),
        "webhookSubscriptions" => subscriptions(shop, args),
        other => Err(Fault::not_simulated(other)),
    }
}

fn nodes(args: &Map<String, Value>) -> Result<Value, Fault> {
    let ids = texts(args, "ids").unwrap_or_default();
    if ids.len() > INPUT_MAX {
        let message = format!(
            "The input array size of {} is greater than the maximum allowed of {INPUT_MAX}.",
            ids.len()
        );
        return Err(Fault {
            message,
            code: "MAX_INPUT_SIZE_EXCEEDED",
        });
    }
    Ok(json!(ids))
}

fn inventory_properties() -> Value {
    let name = |name: &str, belongs_to: &[&str], comprises: &[&str]| json!({ "name": name, "belongsTo": belongs_to, "comprises": comprises, "isInUse": true });
    let parts = [
        "available",
        "committed",
        "damaged",
        "quality_control",
        "reserved",
        "safety_stock",
    ];
    let mut names: Vec<Value> = parts.map(|part| name(part, &["on_hand"], &[])).to_vec();
    names.push(name("incoming", &[], &[]));
    names.push(name("on_hand", &[], &parts));
    json!({ "quantityNames": names })
}

fn terms(args: &Map<String, Value>) -> Result<Vec<Term>, Fault> {
    if args.get("savedSearchId").is_some_and(|id| !id.is_null()) {
        return Err(Fault::not_simulated("savedSearchId"));
    }
    match text(args, "query") {
        Some(query) => parse_terms(query)
            .ok_or_else(|| Fault::not_simulated(format!("search syntax in `{query}`"))),
        None => Ok(Vec::new()),
    }
}

/// Whether all terms are met; `meets` gives none for a field or value it does not know.
fn meets_all(terms: &[Term], meets: impl Fn(&Term) -> Option<bool>) -> Result<bool, Fault> {
    for term in terms {
        match meets(term) {
            Some(true) => {}
            Some(false) => return Ok(false),
            None => {
                let what = format!("search term {}:{}", term.field, term.value);
                return Err(Fault::not_simulated(what));
            }
        }
    }
    Ok(true)
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

/// The page of objects of a kind.
fn page_of(
    shop: &Shop,
    kind: &str,
    rows: Vec<Key>,
    (sort, args): (&str, &Map<String, Value>),
) -> Result<Value, Fault> {
    let node = |(_, id): Key| json!(Gid::of(kind, id).to_string());
    let dice = &shop.dice.pages;
    let (is_cut, rows_max) = (
        dice.chance(shop.faults.pages_cut),
        dice.between(1, ROWS_CUT_MAX),
    );
    let mut args = args.clone();
    if let (true, Some(first)) = (is_cut, args.get("first").and_then(Value::as_u64)) {
        args.insert("first".to_owned(), json!(first.min(rows_max.into())));
    }
    page::of_keys(rows, node, sort, &args)
}

fn sort_key<'a>(args: &'a Map<String, Value>, default: &'a str) -> &'a str {
    text(args, "sortKey").unwrap_or(default)
}

fn locations(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    if !terms(args)?.is_empty() {
        return Err(Fault::not_simulated("locations(query:)"));
    }
    let mut all: Vec<_> = shop.locations.iter().collect();
    if sort_key(args, "NAME") == "NAME" {
        all.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    }
    let nodes = all
        .into_iter()
        .map(|place| json!(Gid::of("Location", place.id).to_string()));
    page::of_list(nodes.collect(), args)
}

fn products(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let terms = terms(args)?;
    let sort = sort_key(args, "ID");
    let mut rows = Vec::new();
    for product in shop.products.values() {
        let meets = |term: &Term| match term.field.as_str() {
            "id" => term.meets_number(product.id),
            "updated_at" | "created_at" => term.meets_time(product.created_at),
            _ => None,
        };
        if meets_all(&terms, meets)? {
            let value = match sort {
                "ID" => 0,
                "UPDATED_AT" | "CREATED_AT" => seconds(product.created_at),
                other => return Err(Fault::not_simulated(other)),
            };
            rows.push((value, product.id));
        }
    }
    page_of(shop, "Product", rows, (sort, args))
}

fn variants(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let terms = terms(args)?;
    let sort = sort_key(args, "ID");
    if sort != "ID" {
        return Err(Fault::not_simulated(sort));
    }
    let mut rows = Vec::new();
    for variant in shop.variants.values() {
        let meets = |term: &Term| match term.field.as_str() {
            "id" => term.meets_number(variant.id),
            "product_id" => term.meets_number(variant.product),
            "sku" => Some(term.meets_text(&variant.sku)),
            "barcode" => Some(term.meets_text(&variant.barcode)),
            "updated_at" => term.meets_time(variant.created_at),
            _ => None,
        };
        if meets_all(&terms, meets)? {
            rows.push((0, variant.id));
        }
    }
    page_of(shop, "ProductVariant", rows, (sort, args))
}

fn items(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let terms = terms(args)?;
    let mut rows = Vec::new();
    for variant in shop.variants.values() {
        let meets = |term: &Term| match term.field.as_str() {
            "id" => term.meets_number(variant.item),
            "sku" => Some(term.meets_text(&variant.sku)),
            "updated_at" | "created_at" => term.meets_time(variant.created_at),
            _ => None,
        };
        if meets_all(&terms, meets)? {
            rows.push((0, variant.item));
        }
    }
    page_of(shop, "InventoryItem", rows, ("ID", args))
}

fn orders(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let terms = terms(args)?;
    let sort = sort_key(args, "PROCESSED_AT");
    let mut rows = Vec::new();
    for (id, changed_at) in shop.order_index.rows() {
        let Some(order) = shop.orders.get(&id) else {
            continue;
        };
        if meets_all(&terms, |term| meets_order(term, order, changed_at))? {
            let value = match sort {
                "UPDATED_AT" => seconds(changed_at),
                "PROCESSED_AT" | "CREATED_AT" => seconds(order.created_at),
                "ID" | "ORDER_NUMBER" => 0,
                other => return Err(Fault::not_simulated(other)),
            };
            rows.push((value, id));
        }
    }
    page_of(shop, "Order", rows, (sort, args))
}

fn meets_order(term: &Term, order: &Order, changed_at: Timestamp) -> Option<bool> {
    match term.field.as_str() {
        "id" => term.meets_number(order.id),
        "name" => Some(term.meets_text(&format!("#{}", order.number))),
        "updated_at" => term.meets_time(changed_at),
        "created_at" | "processed_at" => term.meets_time(order.created_at),
        "test" => Some(term.meets_text(&order.test.to_string())),
        "status" => match term.value.as_str() {
            "any" => Some(true),
            "cancelled" => Some(order.cancelled_at.is_some()),
            "open" => Some(order.cancelled_at.is_none()),
            _ => None,
        },
        _ => None,
    }
}

fn fulfillment_orders(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let terms = terms(args)?;
    let sort = sort_key(args, "ID");
    let mut rows = Vec::new();
    for (id, changed_at) in shop.fulfillment_order_index.rows() {
        let Some(found) = shop.fulfillment_orders.get(&id) else {
            continue;
        };
        let is_closed = matches!(found.status, "CLOSED" | "CANCELLED");
        if is_closed && !flag(args, "includeClosed") {
            continue;
        }
        let meets = |term: &Term| match term.field.as_str() {
            "id" => term.meets_number(id),
            "updated_at" => term.meets_time(changed_at),
            "status" => Some(term.meets_text(found.status)),
            _ => None,
        };
        if meets_all(&terms, meets)? {
            let value = match sort {
                "UPDATED_AT" => seconds(changed_at),
                _ => 0,
            };
            rows.push((value, id));
        }
    }
    page_of(shop, "FulfillmentOrder", rows, (sort, args))
}

/// Newest first.
fn bulk_operations(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let sort = sort_key(args, "CREATED_AT");
    if sort != "CREATED_AT" || !terms(args)?.is_empty() {
        return Err(Fault::not_simulated("bulkOperations(query:, sortKey:)"));
    }
    let rows = shop.bulk.values();
    let rows = rows.map(|one| (one.created_at.0.saturating_neg(), one.id));
    page_of(shop, "BulkOperation", rows.collect(), (sort, args))
}

fn subscriptions(shop: &Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    if !terms(args)?.is_empty() {
        return Err(Fault::not_simulated("webhookSubscriptions(query:)"));
    }
    let topics = texts(args, "topics");
    let uri = text(args, "uri").or_else(|| text(args, "callbackUrl"));
    let xml = text(args, "format") == Some("XML");
    let all = shop.outbox.subscriptions.values().filter(|one| {
        let by_topic = topics
            .as_ref()
            .is_none_or(|list| list.contains(&one.topic.as_str()));
        by_topic && uri.is_none_or(|uri| uri == one.uri) && !xml
    });
    let rows = all.map(|one| (0, one.id)).collect();
    page_of(shop, "WebhookSubscription", rows, ("CREATED_AT", args))
}
