//! Shop, locations, products, inventory and subscriptions.

use serde_json::{Value, json};

use super::gids;
use crate::setup::Plan;
use crate::state::{Gid, Shop};

/// What the merchant's plan is called.
fn plan_name(plan: Plan) -> &'static str {
    match plan.restore_per_sec {
        0..=199 => "Basic",
        200..=999 => "Advanced",
        _ => "Shopify Plus",
    }
}

pub(super) fn shop(shop: &Shop) -> Value {
    let plan = shop.bucket.plan();
    json!({
        "id": Gid::of("Shop", shop.id).to_string(),
        "name": shop.name,
        "myshopifyDomain": shop.domain,
        "currencyCode": "USD",
        "ianaTimezone": "America/Panama",
        "plan": {
            "publicDisplayName": plan_name(plan),
            "shopifyPlus": plan.restore_per_sec >= 1000,
        },
    })
}

pub(super) fn location(shop: &Shop, id: u64) -> Option<Value> {
    let place = shop.location(id)?;
    let stocks = |((_, location), level): (&(u64, u64), &crate::state::Level)| {
        *location == id && level.active
    };
    let created = place.created_at.to_second_text();
    Some(json!({
        "id": Gid::of("Location", id).to_string(),
        "legacyResourceId": id.to_string(),
        "name": place.name,
        "isActive": true,
        "fulfillsOnlineOrders": true,
        "isFulfillmentService": false,
        "hasActiveInventory": shop.levels.iter().any(stocks),
        "shipsInventory": true,
        "createdAt": created,
        "updatedAt": created,
    }))
}

pub(super) fn product(shop: &Shop, id: u64) -> Option<Value> {
    let product = shop.products.get(&id)?;
    let variants = product
        .variants
        .iter()
        .filter_map(|id| shop.variants.get(id));
    let tracked = variants.filter(|one| one.tracked);
    let created = product.created_at.to_second_text();
    Some(json!({
        "id": Gid::of("Product", id).to_string(),
        "legacyResourceId": id.to_string(),
        "title": product.title,
        "handle": product.title.to_lowercase().replace(' ', "-"),
        "status": "ACTIVE",
        "isGiftCard": product.gift_card,
        "totalInventory": tracked.map(|one| shop.available(one.item)).sum::<i64>(),
        "createdAt": created,
        "updatedAt": created,
        "variants": gids("ProductVariant", &product.variants),
    }))
}

pub(super) fn variant(shop: &Shop, id: u64) -> Option<Value> {
    let variant = shop.variants.get(&id)?;
    let product = shop.products.get(&variant.product)?;
    let created = variant.created_at.to_second_text();
    Some(json!({
        "id": Gid::of("ProductVariant", id).to_string(),
        "legacyResourceId": id.to_string(),
        "sku": variant.sku,
        "barcode": Some(&variant.barcode).filter(|code| !code.is_empty()),
        "title": variant.title,
        "displayName": format!("{} - {}", product.title, variant.title),
        "position": 1,
        "price": super::decimal(variant.price_minor),
        "inventoryPolicy": if variant.oversell { "CONTINUE" } else { "DENY" },
        "inventoryQuantity": shop.available(variant.item),
        "requiresComponents": variant.bundle_parent,
        "createdAt": created,
        "updatedAt": created,
        "inventoryItem": Gid::of("InventoryItem", variant.item).to_string(),
        "product": Gid::of("Product", variant.product).to_string(),
    }))
}

pub(super) fn item(shop: &Shop, id: u64) -> Option<Value> {
    let variant = shop.variant_of(id)?;
    let same_sku = shop.skus.get(&variant.sku).copied().unwrap_or(0);
    let levels = shop.levels.range((id, 0)..=(id, u64::MAX));
    let levels: Vec<String> = levels
        .map(|((_, place), _)| Gid::level(id, *place))
        .collect();
    let created = variant.created_at.to_second_text();
    Some(json!({
        "id": Gid::of("InventoryItem", id).to_string(),
        "legacyResourceId": id.to_string(),
        "sku": variant.sku,
        "tracked": variant.tracked,
        "requiresShipping": variant.requires_shipping,
        "duplicateSkuCount": if variant.sku.is_empty() { 0 } else { same_sku.saturating_sub(1) },
        "createdAt": created,
        "updatedAt": created,
        "variant": Gid::of("ProductVariant", variant.id).to_string(),
        "inventoryLevels": levels,
    }))
}

pub(super) fn level(shop: &Shop, item: u64, location: u64) -> Option<Value> {
    let level = shop.levels.get(&(item, location))?;
    let updated = level.updated_at.to_second_text();
    Some(json!({
        "id": Gid::level(item, location),
        "isActive": level.active,
        "createdAt": updated,
        "updatedAt": updated,
        "item": Gid::of("InventoryItem", item).to_string(),
        "location": Gid::of("Location", location).to_string(),
    }))
}

pub(super) fn adjustment(shop: &Shop, id: u64) -> Option<Value> {
    let group = shop.adjustments.get(&id)?;
    let changes = group.changes.iter().map(|one| {
        json!({
            "name": one.name,
            "delta": one.delta,
            "quantityAfterChange": one.after,
            "item": Gid::of("InventoryItem", one.item).to_string(),
            "location": Gid::of("Location", one.location).to_string(),
        })
    });
    Some(json!({
        "id": Gid::of("InventoryAdjustmentGroup", group.id).to_string(),
        "createdAt": group.created_at.to_second_text(),
        "reason": group.reason,
        "referenceDocumentUri": group.reference,
        "changes": changes.collect::<Vec<_>>(),
    }))
}

pub(super) fn subscription(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.outbox.subscriptions.get(&id)?;
    Some(json!({
        "id": Gid::of("WebhookSubscription", id).to_string(),
        "legacyResourceId": id.to_string(),
        "topic": one.topic,
        "uri": one.uri,
        "format": "JSON",
        "name": one.name,
        "includeFields": one.include_fields,
        "filter": null,
        "apiVersion": { "handle": crate::VERSION },
        "createdAt": one.created_at.to_second_text(),
        "updatedAt": one.updated_at.to_second_text(),
    }))
}
