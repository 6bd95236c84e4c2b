//! Bodies about fulfillment orders: GIDs where other bodies have numbers, except in whole ones.
//!
//! Rule: field lists of the topics.

use serde_json::{Value, json};

use super::local;
use crate::state::{FulfillmentOrder, Gid, Shop};
use crate::webhook::{News, Topic};

/// The body of a topic about fulfillment orders; none when what it is about is gone.
pub(super) fn body(shop: &Shop, topic: Topic, news: &News) -> Option<Value> {
    let short = |id: u64| shop.fulfillment_orders.get(&id).map(short);
    let whole = |id: u64| whole(shop, shop.fulfillment_orders.get(&id)?);
    Some(match news {
        News::Moved {
            moved, from, to, ..
        } => json!({
            "original_fulfillment_order": placed(shop, moved.original)?,
            "moved_fulfillment_order": placed(shop, moved.moved)?,
            "source_location": { "id": place(*from) },
            "destination_location_id": place(*to),
            "fulfillment_order_line_items_requested": [],
        }),
        News::Split {
            id,
            remaining,
            lines,
        } => json!({
            "fulfillment_order": short(*id)?,
            "remaining_fulfillment_order": whole(*remaining)?,
            "replacement_fulfillment_order": null,
            "split_line_items": units(lines),
        }),
        News::Merged { id, parts } => {
            let intent = |(id, lines): &(u64, Vec<(u64, i64)>)| {
                let line = |(id, units): &(u64, i64)| json!({ "id": id, "quantity": units });
                json!({ "fulfillment_order_id": id,
                    "fulfillment_order_line_items": lines.iter().map(line).collect::<Vec<_>>() })
            };
            json!({
                "fulfillment_order_merges": { "fulfillment_order": short(*id)? },
                "merge_intents": parts.iter().map(intent).collect::<Vec<_>>(),
            })
        }
        News::Held {
            id,
            remaining,
            lines,
        } => {
            let found = shop.fulfillment_orders.get(id)?;
            let mut held = short(*id)?;
            held.as_object_mut()?
                .insert("fulfillment_holds".to_owned(), json!([hold(found)]));
            json!({
                "created_fulfillment_hold": hold(found),
                "fulfillment_order": held,
                "held_fulfillment_order_line_items": units(lines),
                "remaining_fulfillment_order": remaining.and_then(whole),
            })
        }
        News::FulfillmentOrder(id) => {
            let found = shop.fulfillment_orders.get(id)?;
            let mut body = json!({ "fulfillment_order": short(*id)? });
            match topic {
                Topic::FulfillmentOrdersCancelled => {
                    let none = ("replacement_fulfillment_order".to_owned(), Value::Null);
                    body.as_object_mut()?.extend([none]);
                }
                Topic::FulfillmentOrdersRescheduled => {
                    *body.get_mut("fulfillment_order")? = json!({
                        "id": gid(found.id),
                        "status": found.status.to_lowercase(),
                        "fulfill_at": found.fulfill_at.to_second_text(),
                    });
                }
                _ => {}
            }
            body
        }
        _ => return None,
    })
}

fn gid(id: u64) -> String {
    Gid::of("FulfillmentOrder", id).to_string()
}

fn place(id: u64) -> String {
    Gid::of("Location", id).to_string()
}

fn short(found: &FulfillmentOrder) -> Value {
    json!({ "id": gid(found.id), "status": found.status.to_lowercase() })
}

fn placed(shop: &Shop, id: u64) -> Option<Value> {
    let found = shop.fulfillment_orders.get(&id)?;
    let at = place(found.location);
    let status = found.status.to_lowercase();
    Some(json!({ "id": gid(id), "status": status, "assigned_location_id": at }))
}

fn units(lines: &[(u64, i64)]) -> Vec<Value> {
    let line = |(id, units): &(u64, i64)| {
        let gid = Gid::of("FulfillmentOrderLineItem", *id).to_string();
        json!({ "id": gid, "quantity": units })
    };
    lines.iter().map(line).collect()
}

fn hold(found: &FulfillmentOrder) -> Value {
    json!({
        "id": found.hold.map(|id| Gid::of("FulfillmentHold", id).to_string()),
        "handle": "",
        "reason": "other",
        "reason_notes": "",
        "held_by_app": { "id": Gid::of("App", 1).to_string() },
        "held_by_requesting_app": false,
    })
}

/// A fulfillment order with everything that the channel knows of it, ids as numbers.
fn whole(shop: &Shop, found: &FulfillmentOrder) -> Option<Value> {
    let order = shop.orders.get(&found.order)?;
    let lines = found.lines.iter().map(|part| {
        let line = order.lines.iter().find(|line| line.id == part.line);
        let variant = line.and_then(|line| shop.variants.get(&line.variant?));
        json!({
            "id": part.id,
            "shop_id": shop.id,
            "fulfillment_order_id": found.id,
            "line_item_id": part.line,
            "inventory_item_id": variant.map(|one| one.item),
            "variant_id": variant.map(|one| one.id),
            "quantity": part.total,
            "fulfillable_quantity": part.remaining,
        })
    });
    let name = shop.location(found.location).map(|place| &place.name);
    Some(json!({
        "id": found.id,
        "shop_id": shop.id,
        "order_id": found.order,
        "status": found.status.to_lowercase(),
        "request_status": "unsubmitted",
        "fulfill_at": local(found.fulfill_at),
        "fulfill_by": null,
        "fulfillment_holds": [],
        "international_duties": null,
        "delivery_method": null,
        "destination": null,
        "supported_actions": ["create_fulfillment", "move", "hold", "split", "merge"],
        "assigned_location_id": found.location,
        "assigned_location": { "location_id": found.location, "name": name,
            "country_code": "CA", "address1": null, "address2": null, "city": null,
            "phone": null, "province": null, "zip": null },
        "line_items": lines.collect::<Vec<_>>(),
    }))
}
