//! Reads a webhook's body: an order as far as it tells, or a hint where to look.
//!
//! Bodies have the shape of the old REST API, and any field but the id may be absent, null or of
//! another type. So nothing here is typed: what a part needs and does not find makes that part
//! unknown, and an order whose lines cannot be told completely becomes a hint to fetch it.

use channelsync_contract::order::{Changed, Hint, Restock, Route, SnapshotLine, SnapshotShipment};
use channelsync_contract::webhook::{Content, Delivery, Quantity, Undecodable};
use channelsync_contract::{Facet, Money, OrderId, OrderSnapshot, SlotKey, Timestamp, Units};
use http::HeaderMap;
use serde_json::Value;

use crate::ids;
use crate::order::{restock_kind, shipped, stands};
use crate::orders::{FULFILLMENT_ORDERS, ORDERS};

/// Reads a verified delivery meant for the shop at `host`.
pub(crate) fn decode(
    host: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Delivery, Undecodable> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let topic = header("x-shopify-topic").unwrap_or_default();
    let fault = |why: &str| Undecodable {
        topic: topic.to_owned(),
        why: why.to_owned(),
    };
    if topic.is_empty() {
        return Err(fault("no X-Shopify-Topic header"));
    }
    // One app in several shops signs for all of them with one secret.
    if header("x-shopify-shop-domain").is_some_and(|domain| !domain.eq_ignore_ascii_case(host)) {
        return Err(fault("it is about another shop"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| fault(&error.to_string()))?;
    if !body.is_object() {
        return Err(fault("the body is no object"));
    }
    let test = header("x-shopify-test") == Some("true");
    let content = content(topic, &body, test).ok_or_else(|| fault("no id in the body"))?;
    Ok(Delivery {
        id: header("x-shopify-webhook-id")
            .unwrap_or_default()
            .to_owned(),
        topic: topic.to_owned(),
        sent_at: header("x-shopify-triggered-at").and_then(Timestamp::parse),
        content,
    })
}

/// What the body means; none when the id it must have is missing.
fn content(topic: &str, body: &Value, test: bool) -> Option<Content> {
    let hint = |id: String| Content::Order(Changed::Hint(fetch(id, None)));
    Some(match topic {
        "orders/create" | "orders/updated" | "orders/cancelled" => {
            let id = ids::of_object(body, "Order")?;
            Content::Order(order(id, body, test))
        }
        "orders/delete" => hint(ids::of_object(body, "Order")?),
        "orders/edited" => hint(ids::of_value(
            body.get("order_edit")?.get("order_id")?,
            "Order",
        )?),
        "refunds/create" | "fulfillments/create" | "fulfillments/update" => {
            hint(ids::of_value(body.get("order_id")?, "Order")?)
        }
        "inventory_levels/update" => Content::Quantity(quantity(body)?),
        "products/create" | "products/update" | "products/delete" => Content::Listings,
        "app/scopes_update" => Content::Permissions,
        "app/uninstalled" => Content::Uninstalled,
        "customers/redact" => Content::Erase(buyer(body, "orders_to_redact")?),
        "customers/data_request" => Content::Disclose(buyer(body, "orders_requested")?),
        "shop/redact" => Content::EraseAll,
        _ if topic.starts_with("fulfillment_orders/") => {
            // Only a split names the order, in the part that remains; most name just themselves.
            let order = &body["remaining_fulfillment_order"]["order_id"];
            ids::of_value(order, "Order").map_or(Content::Poll(FULFILLMENT_ORDERS), hint)
        }
        // Some name the order, some only its number, `returns/update` and a disposition neither.
        _ if topic.starts_with("returns/") || topic == "reverse_fulfillment_orders/dispose" => {
            let whole = body
                .get("order")
                .and_then(|order| ids::of_object(order, "Order"));
            let order = whole.or_else(|| ids::of_value(body.get("order_id")?, "Order"));
            order.map_or(Content::Poll(ORDERS), hint)
        }
        _ => Content::Nothing,
    })
}

fn quantity(body: &Value) -> Option<Quantity> {
    let item = ids::of_value(body.get("inventory_item_id")?, "InventoryItem")?;
    let location = ids::of_value(body.get("location_id")?, "Location")?;
    Some(Quantity {
        slot: SlotKey {
            item: item.as_str().into(),
            location: Some(location.as_str().into()),
        },
        available: body.get("available").and_then(Value::as_i64),
    })
}

/// What a buyer's data can be found by: ids of customer and orders, address, number. None where the
/// body names nobody.
fn buyer(body: &Value, orders: &str) -> Option<Vec<String>> {
    let customer = body.get("customer")?;
    let ids = [customer.get("id")].into_iter().flatten();
    let orders = body.get(orders).and_then(Value::as_array);
    let ids = ids.chain(orders.into_iter().flatten());
    let mut found: Vec<String> = ids
        .filter_map(Value::as_u64)
        .map(|id| id.to_string())
        .collect();
    for name in ["email", "phone"] {
        let text = customer.get(name).and_then(Value::as_str);
        found.extend(text.filter(|text| !text.is_empty()).map(str::to_owned));
    }
    (!found.is_empty()).then_some(found)
}

fn fetch(id: String, version: Option<Timestamp>) -> Hint {
    Hint {
        order: OrderId::new(id),
        version,
        beside: None,
    }
}

fn order(id: String, body: &Value, test: bool) -> Changed {
    match snapshot(&id, body, test) {
        Some(snapshot) => Changed::Order(Box::new(snapshot)),
        None => Changed::Hint(fetch(id, time(body, "updated_at"))),
    }
}

/// The order as the body tells it; none when its times or lines are not all there.
fn snapshot(id: &str, body: &Value, test: bool) -> Option<OrderSnapshot> {
    let cancelled_at = match body.get("cancelled_at")? {
        Value::Null => None,
        at => Some(Timestamp::parse(at.as_str()?)?),
    };
    let shipments = each(body, "fulfillments", shipment)?;
    let shipments: Vec<SnapshotShipment> = shipments.into_iter().flatten().collect();
    let shipped = shipped(&shipments).ok()?;
    let currency = body.get("currency").and_then(Value::as_str);
    let line = |node: &Value| {
        let id = ids::of_object(node, "LineItem")?;
        let fulfilled = shipped.get(id.as_str()).copied().unwrap_or_default();
        line(&id, node, fulfilled, cancelled_at.is_some(), currency)
    };
    let lines = each(body, "line_items", line)?;
    Some(OrderSnapshot {
        id: OrderId::new(id),
        name: body
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or(id)
            .to_owned(),
        version: Some(time(body, "updated_at")?),
        placed_at: time(body, "created_at")?,
        test: test || body.get("test").and_then(Value::as_bool).unwrap_or(false),
        cancelled_at,
        acknowledge_by: None,
        lines: Facet::Complete(lines),
        // The body does not tell where the order ships from (page section 3.3).
        routes: Facet::<Vec<Route>>::Unknown,
        shipments: Facet::Complete(shipments),
        restocks: restocks(body).map_or(Facet::Unknown, Facet::Complete),
    })
}

/// What refunds put back or not; none where they or the list of returns cannot be read, and where
/// there are returns, because the body does not tell what became of their units.
fn restocks(body: &Value) -> Option<Vec<Restock>> {
    let lists = each(body, "refunds", |refund| {
        let at = time(refund, "created_at");
        each(refund, "refund_line_items", |node| restock(node, at))
    })?;
    let restocks = lists.concat();
    match body.get("returns").and_then(Value::as_array) {
        Some(returns) => returns.is_empty().then_some(restocks),
        None => restocks.is_empty().then_some(restocks),
    }
}

/// All elements of a list as read; none when it is no list or one of them cannot be read.
fn each<T>(of: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    of.get(name)?.as_array()?.iter().map(read).collect()
}

fn line(
    id: &str,
    node: &Value,
    fulfilled: Units,
    cancelled: bool,
    currency: Option<&str>,
) -> Option<SnapshotLine> {
    let flag = |name: &str| node.get(name).and_then(Value::as_bool);
    let listing = optional_id(node, "variant_id", "ProductVariant")?;
    let open = if cancelled {
        Units::ZERO
    } else {
        units(node, "fulfillable_quantity")?
    };
    Some(SnapshotLine {
        id: id.into(),
        stocked: flag("requires_shipping")? && !flag("gift_card")? && listing.is_some(),
        listing: listing.map(|id| id.as_str().into()),
        ordered: units(node, "quantity")?,
        open,
        fulfilled,
        price: price(node, currency),
    })
}

fn price(node: &Value, currency: Option<&str>) -> Option<Money> {
    let money = &node["price_set"]["shop_money"];
    let amount = money["amount"]
        .as_str()
        .or_else(|| node["price"].as_str())?;
    Money::parse(amount, money["currency_code"].as_str().or(currency)?)
}

/// A parcel; `Some(None)` for one that was undone.
fn shipment(node: &Value) -> Option<Option<SnapshotShipment>> {
    if !stands(
        node.get("status")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    ) {
        return Some(None);
    }
    let lines = each(node, "line_items", |line| {
        Some((
            ids::of_object(line, "LineItem")?.as_str().into(),
            units(line, "quantity")?,
        ))
    })?;
    let location = optional_id(node, "location_id", "Location")?;
    let id = ids::of_object(node, "Fulfillment")?;
    Some(Some(SnapshotShipment {
        id,
        location: location.map(|id| id.as_str().into()),
        lines,
        at: time(node, "created_at"),
    }))
}

fn restock(node: &Value, at: Option<Timestamp>) -> Option<Restock> {
    Some(Restock {
        id: ids::of_object(node, "RefundLineItem")?,
        line: ids::of_value(node.get("line_item_id")?, "LineItem")?
            .as_str()
            .into(),
        units: units(node, "quantity")?,
        location: optional_id(node, "location_id", "Location")?.map(|id| id.as_str().into()),
        kind: restock_kind(node.get("restock_type")?.as_str()?),
        at,
    })
}

/// An id that may be null: `Some(None)`. Absent or of another type gives none.
fn optional_id(node: &Value, name: &str, kind: &str) -> Option<Option<String>> {
    match node.get(name)? {
        Value::Null => Some(None),
        id => ids::of_value(id, kind).map(Some),
    }
}

fn units(node: &Value, name: &str) -> Option<Units> {
    Units::from_signed(node.get(name)?.as_i64()?)
}

fn time(node: &Value, name: &str) -> Option<Timestamp> {
    Timestamp::parse(node.get(name)?.as_str()?)
}
