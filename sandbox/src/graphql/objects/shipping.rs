//! Fulfillment orders and fulfillments.

use serde_json::{Value, json};

use super::gids;
use crate::state::{Fulfillment, Gid, Shop};

pub(super) fn fulfillment_order(shop: &Shop, id: u64) -> Option<Value> {
    let found = shop.fulfillment_orders.get(&id)?;
    let order = shop.orders.get(&found.order)?;
    let lines: Vec<u64> = found.lines.iter().map(|line| line.id).collect();
    let actions: &[&str] = match found.status {
        "OPEN" => &["CREATE_FULFILLMENT", "MOVE", "HOLD", "SPLIT", "MERGE"],
        "IN_PROGRESS" => &["CREATE_FULFILLMENT", "MOVE", "HOLD", "SPLIT"],
        "ON_HOLD" => &["RELEASE_HOLD"],
        "SCHEDULED" => &["MARK_AS_OPEN"],
        _ => &[],
    };
    let hold = |id: u64| {
        json!({ "id": Gid::of("FulfillmentHold", id).to_string(),
        "reason": "OTHER" })
    };
    let holds: Vec<Value> = found.hold.map(hold).into_iter().collect();
    let mine = |one: &&Fulfillment| one.lines.iter().any(|part| part.fulfillment_order == id);
    let all = order
        .fulfillments
        .iter()
        .filter_map(|id| shop.fulfillments.get(id));
    let fulfillments: Vec<u64> = all.filter(mine).map(|one| one.id).collect();
    let name = shop
        .location(found.location)
        .map(|place| place.name.clone());
    Some(json!({
        "id": Gid::of("FulfillmentOrder", id).to_string(),
        "status": found.status,
        "requestStatus": "UNSUBMITTED",
        "createdAt": found.created_at.to_second_text(),
        "updatedAt": found.updated_at.to_second_text(),
        "fulfillAt": found.fulfill_at.to_second_text(),
        "fulfillBy": null,
        "orderId": Gid::of("Order", found.order).to_string(),
        "orderName": format!("#{}", order.number),
        "order": Gid::of("Order", found.order).to_string(),
        "assignedLocation": {
            "name": name,
            "countryCode": "CA",
            "location": Gid::of("Location", found.location).to_string(),
        },
        "fulfillmentHolds": holds,
        "supportedActions": actions.iter()
            .map(|action| json!({ "action": action })).collect::<Vec<_>>(),
        "lineItems": gids("FulfillmentOrderLineItem", &lines),
        "fulfillments": gids("Fulfillment", &fulfillments),
    }))
}

pub(super) fn fulfillment_order_line(shop: &Shop, id: u64) -> Option<Value> {
    let found = shop.fulfillment_orders.get(shop.owners.get(&id)?)?;
    let part = found.lines.iter().find(|part| part.id == id)?;
    let order = shop.orders.get(&found.order)?;
    let line = order.lines.iter().find(|line| line.id == part.line)?;
    let variant = line.variant.and_then(|id| shop.variants.get(&id));
    Some(json!({
        "id": Gid::of("FulfillmentOrderLineItem", id).to_string(),
        "totalQuantity": part.total,
        "remainingQuantity": part.remaining,
        "inventoryItemId": variant.map(|one| Gid::of("InventoryItem", one.item).to_string()),
        "lineItem": Gid::of("LineItem", part.line).to_string(),
        "sku": line.sku,
        "productTitle": line.title,
        "variantTitle": null,
        "requiresShipping": line.requires_shipping,
        "variant": variant.map(|one| Gid::of("ProductVariant", one.id).to_string()),
    }))
}

pub(super) fn fulfillment(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.fulfillments.get(&id)?;
    let order = shop.orders.get(&one.order)?;
    let lines: Vec<u64> = one.lines.iter().map(|part| part.id).collect();
    let tracking = &one.tracking;
    let rows = tracking.numbers.len().max(tracking.urls.len());
    let rows = rows.max(usize::from(tracking.company.is_some()));
    let tracking_info = (0..rows).map(|index| {
        json!({
            "company": tracking.company,
            "number": tracking.numbers.get(index),
            "url": tracking.urls.get(index),
        })
    });
    Some(json!({
        "id": Gid::of("Fulfillment", id).to_string(),
        "legacyResourceId": id.to_string(),
        "name": format!("#{}-F{}", order.number, one.number),
        "status": if one.cancelled { "CANCELLED" } else { "SUCCESS" },
        "createdAt": one.created_at.to_second_text(),
        "updatedAt": one.updated_at.to_second_text(),
        "totalQuantity": one.lines.iter().map(|part| part.units).sum::<i64>(),
        "requiresShipping": true,
        "order": Gid::of("Order", one.order).to_string(),
        "location": Gid::of("Location", one.location).to_string(),
        "trackingInfo": tracking_info.collect::<Vec<_>>(),
        "fulfillmentLineItems": gids("FulfillmentLineItem", &lines),
    }))
}

pub(super) fn fulfillment_line(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.fulfillments.get(shop.owners.get(&id)?)?;
    let part = one.lines.iter().find(|part| part.id == id)?;
    Some(json!({
        "id": Gid::of("FulfillmentLineItem", id).to_string(),
        "quantity": part.units,
        "lineItem": Gid::of("LineItem", part.line).to_string(),
    }))
}
