//! Bodies about returns: whole while one is agreed on, flat once it has ended.
//!
//! Rule: field lists of the topics, and correction 1 of section 10 of the channel page. What
//! `returns/process` carries is not known, so it is never sent.

use serde_json::{Value, json};

use crate::state::{Gid, Return};
use crate::webhook::Topic;

/// The body of a topic about a return.
pub(super) fn body(topic: Topic, one: &Return) -> Value {
    match topic {
        Topic::ReturnsClose | Topic::ReturnsCancel | Topic::ReturnsReopen => json!({
            "id": one.id,
            "admin_graphql_api_id": gid(one),
            "order_id": one.order,
            "status": one.status.to_lowercase(),
        }),
        Topic::ReturnsDecline => json!({
            "id": one.id,
            "admin_graphql_api_id": gid(one),
            "order": order(one),
            "status": "declined",
            "decline": { "reason": "other", "note": "" },
        }),
        _ => whole(one),
    }
}

/// A return with its lines.
pub(super) fn whole(one: &Return) -> Value {
    let lines = one.lines.iter().map(|line| {
        json!({
            "id": line.id,
            "admin_graphql_api_id": Gid::of("ReturnLineItem", line.id).to_string(),
            "quantity": line.units,
            "fulfillment_line_item": {
                "id": line.fulfillment_line,
                "admin_graphql_api_id":
                    Gid::of("FulfillmentLineItem", line.fulfillment_line).to_string(),
                "line_item": {
                    "id": line.line,
                    "admin_graphql_api_id": Gid::of("LineItem", line.line).to_string(),
                },
            },
        })
    });
    let exchanges = one.exchanges.iter().map(|(id, _, _)| {
        let gid = Gid::of("ExchangeLineItem", *id).to_string();
        json!({ "id": id, "admin_graphql_api_id": gid, "line_item": null })
    });
    json!({
        "id": one.id,
        "admin_graphql_api_id": gid(one),
        "name": one.name,
        "order": order(one),
        "status": one.status.to_lowercase(),
        "total_return_line_items": one.lines.len(),
        "return_line_items": lines.collect::<Vec<_>>(),
        "total_exchange_line_items": one.exchanges.len(),
        "exchange_line_items": exchanges.collect::<Vec<_>>(),
        "return_shipping_fees": [],
    })
}

/// The body of `reverse_fulfillment_orders/dispose` for new dispositions.
pub(super) fn disposed(one: &Return, new: &[u64]) -> Value {
    let id = one.reverse.unwrap_or_default();
    let all = one.lines.iter().flat_map(|line| {
        let of_line = line
            .dispositions
            .iter()
            .filter(|part| new.contains(&part.id));
        of_line.map(|part| {
            let place = |id| {
                json!({ "id": id,
                "admin_graphql_api_id": Gid::of("Location", id).to_string() })
            };
            json!({
                "id": part.id,
                "type": part.kind.graphql().to_lowercase(),
                "quantity": part.units,
                "location": part.location.map(place),
                "reverse_fulfillment_order_line_item": { "id": line.reverse_line },
            })
        })
    });
    json!({
        "id": id,
        "admin_graphql_api_id": Gid::of("ReverseFulfillmentOrder", id).to_string(),
        "status": one.reverse_status().to_lowercase(),
        "dispositions": all.collect::<Vec<_>>(),
    })
}

fn gid(one: &Return) -> String {
    Gid::of("Return", one.id).to_string()
}

fn order(one: &Return) -> Value {
    json!({ "id": one.order, "admin_graphql_api_id": Gid::of("Order", one.order).to_string() })
}
