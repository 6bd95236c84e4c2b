//! Returns and what became of their units.

use serde_json::{Value, json};

use super::gids;
use crate::state::{Gid, Return, ReturnLine, Shop};

pub(super) fn returned(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.returns.get(&id)?;
    let lines = one.lines.iter().map(|line| &line.id);
    let exchanges = one.exchanges.iter().map(|(id, _, _)| id);
    Some(json!({
        "id": Gid::of("Return", id).to_string(),
        "name": one.name,
        "status": one.status,
        "totalQuantity": one.lines.iter().map(|line| line.units).sum::<i64>(),
        "createdAt": one.created_at.to_second_text(),
        "closedAt": one.closed_at.map(|at| at.to_second_text()),
        "order": Gid::of("Order", one.order).to_string(),
        "refunds": gids("Refund", &one.refunds),
        "returnLineItems": gids("ReturnLineItem", lines),
        "exchangeLineItems": gids("ExchangeLineItem", exchanges),
        "reverseFulfillmentOrders": gids("ReverseFulfillmentOrder", &one.reverse),
    }))
}

fn find(
    shop: &Shop,
    id: u64,
    is_it: impl Fn(&ReturnLine) -> bool,
) -> Option<(&Return, &ReturnLine)> {
    let one = shop.returns.get(shop.owners.get(&id)?)?;
    let line = one.lines.iter().find(|line| is_it(line))?;
    Some((one, line))
}

fn fulfillment_line(line: &ReturnLine) -> String {
    Gid::of("FulfillmentLineItem", line.fulfillment_line).to_string()
}

pub(super) fn return_line(shop: &Shop, id: u64) -> Option<Value> {
    let (_, line) = find(shop, id, |line| line.id == id)?;
    Some(json!({
        "id": Gid::of("ReturnLineItem", id).to_string(),
        "quantity": line.units,
        "processedQuantity": line.disposed(),
        "refundedQuantity": line.refunded,
        "fulfillmentLineItem": fulfillment_line(line),
    }))
}

pub(super) fn exchange_line(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.returns.get(shop.owners.get(&id)?)?;
    let (_, line, units) = one.exchanges.iter().find(|(found, _, _)| *found == id)?;
    Some(json!({
        "id": Gid::of("ExchangeLineItem", id).to_string(),
        "quantity": units,
        "lineItems": gids("LineItem", [line]),
    }))
}

pub(super) fn reverse(shop: &Shop, id: u64) -> Option<Value> {
    let one = shop.returns.get(shop.owners.get(&id)?)?;
    let lines = one.lines.iter().map(|line| &line.reverse_line);
    (one.reverse == Some(id)).then(|| {
        json!({
            "id": Gid::of("ReverseFulfillmentOrder", id).to_string(),
            "status": one.reverse_status(),
            "order": Gid::of("Order", one.order).to_string(),
            "lineItems": gids("ReverseFulfillmentOrderLineItem", lines),
        })
    })
}

pub(super) fn reverse_line(shop: &Shop, id: u64) -> Option<Value> {
    let (_, line) = find(shop, id, |line| line.reverse_line == id)?;
    let dispositions = line.dispositions.iter().map(|part| &part.id);
    Some(json!({
        "id": Gid::of("ReverseFulfillmentOrderLineItem", id).to_string(),
        "totalQuantity": line.units,
        "dispositions": gids("ReverseFulfillmentOrderDisposition", dispositions),
        "fulfillmentLineItem": fulfillment_line(line),
    }))
}

pub(super) fn disposition(shop: &Shop, id: u64) -> Option<Value> {
    let is_it = |line: &ReturnLine| line.dispositions.iter().any(|part| part.id == id);
    let (_, line) = find(shop, id, is_it)?;
    let part = line.dispositions.iter().find(|part| part.id == id)?;
    Some(json!({
        "id": Gid::of("ReverseFulfillmentOrderDisposition", id).to_string(),
        "type": part.kind.graphql(),
        "quantity": part.units,
        "createdAt": part.at.to_second_text(),
        "location": part.location.map(|id| Gid::of("Location", id).to_string()),
    }))
}
