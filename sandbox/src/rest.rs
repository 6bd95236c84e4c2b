//! Webhook bodies in the REST shape: snake case, integer ids, amounts as text, local time.
//!
//! Rule: channel page, sections 3.2, 3.3 and 9, and correction 1 of section 10.

mod desk;
mod returns;

use std::time::Duration;

use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use crate::state::{Fulfillment, Gid, Line, Operation, Order, Refund, Shop};
use crate::webhook::{News, Topic};

/// The body of an announcement; none when what it is about is gone.
pub(crate) fn body(shop: &Shop, topic: Topic, news: &News) -> Option<Value> {
    Some(match news {
        News::Order(id) => order(shop, shop.orders.get(id)?),
        News::Edit(id, additions, removals) => edit(*id, additions, removals),
        News::Deleted(id) => json!({ "id": id }),
        News::Fulfillment(id) => fulfillment(shop, shop.fulfillments.get(id)?)?,
        News::FulfillmentOrder(_)
        | News::Moved { .. }
        | News::Split { .. }
        | News::Merged { .. }
        | News::Held { .. } => desk::body(shop, topic, news)?,
        News::Refund(id) => refund(shop, shop.refunds.get(id)?)?,
        News::Return(id) => returns::body(topic, shop.returns.get(id)?),
        News::Dispose(id, new) => returns::disposed(shop.returns.get(id)?, new),
        News::Level(item, location) => level(shop, *item, *location)?,
        News::Product(id) => product(shop, *id)?,
        News::Bulk(id) => bulk(shop.bulk.get(id)?),
        News::Uninstalled => json!({ "name": shop.name, "myshopify_domain": shop.domain }),
    })
}

fn bulk(operation: &Operation) -> Value {
    json!({
        "admin_graphql_api_id": Gid::of("BulkOperation", operation.id).to_string(),
        "completed_at": operation.completed_at.map(local),
        "created_at": local(operation.created_at),
        "error_code": operation.error_code.map(str::to_lowercase),
        "status": operation.status.to_lowercase(),
        "type": "query",
    })
}

/// Shop time, five hours behind UTC, in whole seconds.
fn local(at: Timestamp) -> String {
    let shifted = at.minus(Duration::from_secs(5 * 3600));
    shifted.to_second_text().replace('Z', "-05:00")
}

/// An amount with two decimals.
fn amount(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100)
}

fn price_set(minor: i64) -> Value {
    let money = json!({ "amount": amount(minor), "currency_code": "USD" });
    json!({ "shop_money": money, "presentment_money": money })
}

fn order(shop: &Shop, order: &Order) -> Value {
    let lines: Vec<Value> = order.lines.iter().map(|one| line(shop, one)).collect();
    let fulfillments = order
        .fulfillments
        .iter()
        .filter_map(|id| shop.fulfillments.get(id));
    let fulfillments: Vec<Value> = fulfillments
        .filter_map(|one| fulfillment(shop, one))
        .collect();
    let refunds = order.refunds.iter().filter_map(|id| shop.refunds.get(id));
    let refunds: Vec<Value> = refunds.filter_map(|one| refund(shop, one)).collect();
    let returns = order.returns.iter().filter_map(|id| shop.returns.get(id));
    let returns: Vec<Value> = returns.map(returns::whole).collect();
    let figures = shop.figures(order);
    let mut body = json!({
        "id": order.id,
        "admin_graphql_api_id": Gid::of("Order", order.id).to_string(),
        "name": format!("#{}", order.number),
        "order_number": order.number,
        "number": order.number.saturating_sub(1000),
        "created_at": local(order.created_at),
        "processed_at": local(order.created_at),
        "updated_at": local(order.updated_at),
        "closed_at": null,
        "cancelled_at": order.cancelled_at.map(local),
        "cancel_reason": order.cancel_reason.as_deref().map(str::to_lowercase),
        "test": order.test,
        "confirmed": true,
        "financial_status": figures.financial.to_lowercase(),
        "fulfillment_status": match figures.fulfillment {
            "FULFILLED" => json!("fulfilled"),
            "PARTIALLY_FULFILLED" => json!("partial"),
            _ => Value::Null,
        },
        "currency": "USD",
        "presentment_currency": "USD",
        "taxes_included": false,
        "total_price": amount(figures.total_minor),
        "total_price_set": price_set(figures.total_minor),
        "current_total_price": amount(figures.current_minor),
        "current_total_price_set": price_set(figures.current_minor),
        "tags": "",
        "note": null,
        "note_attributes": [],
        "source_name": "web",
        "source_identifier": null,
        "location_id": null,
        "line_item_groups": [],
        "shipping_lines": [{ "id": order.id, "code": "standard", "title": "Standard",
            "price": "0.00" }],
        "discount_applications": [],
    });
    let rest = json!({
        "line_items": lines,
        "fulfillments": fulfillments,
        "refunds": refunds,
        "returns": returns,
    });
    for part in [rest, buyer(order)] {
        if let (Value::Object(body), Value::Object(part)) = (&mut body, part) {
            body.extend(part);
        }
    }
    body
}

fn buyer(order: &Order) -> Value {
    json!({
        "email": "buyer@example.com",
        "phone": null,
        "customer": { "id": 7001 },
        "billing_address": null,
        "shipping_address": { "name": "A. Buyer", "address1": "1 Example St", "city": "Toronto",
            "province_code": "ON", "zip": "M5V 1A1", "country_code": "CA" },
        "po_number": order.on_terms.then_some("PO-7781"),
        "company": order.on_terms.then(|| json!({ "id": 31, "location_id": 41 })),
        "payment_terms": order.on_terms.then(|| json!({ "payment_terms_name": "Net 30",
            "payment_terms_type": "net", "due_in_days": 30, "payment_schedules": [] })),
    })
}

fn line(shop: &Shop, line: &Line) -> Value {
    let variant = line.variant.and_then(|id| shop.variants.get(&id));
    let status = match (line.fulfilled, line.open()) {
        (0, _) => Value::Null,
        (_, 0) => json!("fulfilled"),
        _ => json!("partial"),
    };
    json!({
        "id": line.id,
        "admin_graphql_api_id": Gid::of("LineItem", line.id).to_string(),
        "variant_id": line.variant,
        "product_id": variant.map(|one| one.product),
        "product_exists": variant.is_some(),
        "sku": line.sku,
        "title": line.title,
        "name": line.title,
        "variant_title": null,
        "quantity": line.ordered,
        "current_quantity": line.current(),
        "fulfillable_quantity": line.open(),
        "fulfillment_status": status,
        "fulfillment_service": "manual",
        "requires_shipping": line.requires_shipping,
        "gift_card": line.gift_card,
        "taxable": true,
        "grams": 0,
        "variant_inventory_management": variant.filter(|one| one.tracked).map(|_| "shopify"),
        "price": amount(line.price_minor),
        "price_set": price_set(line.price_minor),
        "total_discount": "0.00",
        "total_discount_set": price_set(0),
        "discount_allocations": [],
        "tax_lines": [],
        "properties": [],
        "sales_line_item_group_id": null,
    })
}

fn edit(id: u64, additions: &[(u64, i64)], removals: &[(u64, i64)]) -> Value {
    let deltas = |parts: &[(u64, i64)]| -> Vec<Value> {
        let delta = |(id, units): &(u64, i64)| json!({ "id": id, "delta": units });
        parts.iter().map(delta).collect()
    };
    json!({ "order_edit": { "order_id": id, "notify_customer": false,
        "line_items": { "additions": deltas(additions), "removals": deltas(removals) } } })
}

fn fulfillment(shop: &Shop, one: &Fulfillment) -> Option<Value> {
    let order = shop.orders.get(&one.order)?;
    let parts = one.lines.iter().filter_map(|part| {
        let found = order.lines.iter().find(|line| line.id == part.line)?;
        let mut body = line(shop, found);
        *body.get_mut("quantity")? = json!(part.units);
        Some(body)
    });
    Some(json!({
        "id": one.id,
        "admin_graphql_api_id": Gid::of("Fulfillment", one.id).to_string(),
        "order_id": one.order,
        "name": format!("#{}.{}", order.number, one.number),
        "status": if one.cancelled { "cancelled" } else { "success" },
        "service": "manual",
        "shipment_status": null,
        "location_id": one.location,
        "created_at": local(one.created_at),
        "updated_at": local(one.updated_at),
        "tracking_company": one.tracking.company,
        "tracking_number": one.tracking.numbers.first(),
        "tracking_numbers": one.tracking.numbers,
        "tracking_url": one.tracking.urls.first(),
        "tracking_urls": one.tracking.urls,
        "receipt": {},
        "line_items": parts.collect::<Vec<_>>(),
    }))
}

fn refund(shop: &Shop, one: &Refund) -> Option<Value> {
    let order = shop.orders.get(&one.order)?;
    let parts = one.lines.iter().map(|part| {
        let found = order.lines.iter().find(|line| line.id == part.line);
        let minor = found.map_or(0, |line| line.price_minor) * part.units;
        let subtotal: Value = serde_json::from_str(&amount(minor)).unwrap_or(Value::Null);
        json!({
            "id": part.id,
            "line_item_id": part.line,
            "quantity": part.units,
            "restock_type": part.restock.graphql().to_lowercase(),
            "location_id": part.location,
            "subtotal": subtotal,
            "subtotal_set": price_set(minor),
            "total_tax": 0.0,
            "line_item": found.map(|found| line(shop, found)),
        })
    });
    Some(json!({
        "id": one.id,
        "admin_graphql_api_id": Gid::of("Refund", one.id).to_string(),
        "order_id": one.order,
        "created_at": local(one.created_at),
        "processed_at": local(one.created_at),
        "note": null,
        "refund_line_items": parts.collect::<Vec<_>>(),
        "transactions": [],
        "order_adjustments": [],
        "return": one.of_return.map(|id| json!({
            "id": id, "admin_graphql_api_id": Gid::of("Return", id).to_string() })),
    }))
}

fn level(shop: &Shop, item: u64, location: u64) -> Option<Value> {
    let level = shop.levels.get(&(item, location))?;
    Some(json!({
        "inventory_item_id": item,
        "location_id": location,
        "available": level.available,
        "updated_at": local(level.updated_at),
        "admin_graphql_api_id": Gid::level(item, location),
    }))
}

fn product(shop: &Shop, id: u64) -> Option<Value> {
    let product = shop.products.get(&id)?;
    let variants = product
        .variants
        .iter()
        .filter_map(|id| shop.variants.get(id));
    let bodies = variants.clone().map(|one| {
        json!({
            "id": one.id,
            "admin_graphql_api_id": Gid::of("ProductVariant", one.id).to_string(),
            "product_id": id,
            "inventory_item_id": one.item,
            "sku": one.sku,
            "barcode": one.barcode,
            "title": one.title,
            "price": amount(one.price_minor),
            "position": 1,
            "inventory_policy": if one.oversell { "continue" } else { "deny" },
            "inventory_quantity": shop.available(one.item),
            "created_at": local(one.created_at),
            "updated_at": local(one.created_at),
        })
    });
    let gids = variants.clone().map(|one| {
        json!({ "admin_graphql_api_id": Gid::of("ProductVariant", one.id).to_string(),
            "updated_at": one.created_at.to_second_text() })
    });
    Some(json!({
        "id": id,
        "admin_graphql_api_id": Gid::of("Product", id).to_string(),
        "title": product.title,
        "status": "active",
        "created_at": local(product.created_at),
        "updated_at": local(product.created_at),
        "variants": bodies.collect::<Vec<_>>(),
        "variant_gids": gids.collect::<Vec<_>>(),
        "has_variants_that_requires_components": variants.clone().any(|one| one.bundle_parent),
    }))
}
