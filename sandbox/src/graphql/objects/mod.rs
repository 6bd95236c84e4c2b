//! Every object type once, flat: its scalars, and GIDs where other objects are.

mod bulk;
mod orders;
mod returns;
mod shipping;
mod stock;

use serde_json::{Map, Value, json};

use super::arguments::{flag, text, texts};
use super::resolve::Fault;
use crate::state::{Gid, STATES, Shop};

/// The object behind a GID; none where there is none.
pub(crate) fn lookup(shop: &Shop, gid: &str) -> Option<Map<String, Value>> {
    let gid = Gid::parse(gid)?;
    let value = match gid.kind {
        "Shop" if gid.id == shop.id => stock::shop(shop),
        "Location" => stock::location(shop, gid.id)?,
        "Product" => stock::product(shop, gid.id)?,
        "ProductVariant" => stock::variant(shop, gid.id)?,
        "InventoryItem" => stock::item(shop, gid.id)?,
        "InventoryLevel" => stock::level(shop, gid.item()?, gid.id)?,
        "InventoryAdjustmentGroup" => stock::adjustment(shop, gid.id)?,
        "WebhookSubscription" => stock::subscription(shop, gid.id)?,
        "BulkOperation" => bulk::operation(shop, gid.id)?,
        "Order" => orders::order(shop, gid.id)?,
        "LineItem" => orders::line(shop, gid.id)?,
        "Refund" => orders::refund(shop, gid.id)?,
        "Return" => returns::returned(shop, gid.id)?,
        "ReturnLineItem" => returns::return_line(shop, gid.id)?,
        "ExchangeLineItem" => returns::exchange_line(shop, gid.id)?,
        "ReverseFulfillmentOrder" => returns::reverse(shop, gid.id)?,
        "ReverseFulfillmentOrderLineItem" => returns::reverse_line(shop, gid.id)?,
        "ReverseFulfillmentOrderDisposition" => returns::disposition(shop, gid.id)?,
        "FulfillmentOrder" => shipping::fulfillment_order(shop, gid.id)?,
        "FulfillmentOrderLineItem" => shipping::fulfillment_order_line(shop, gid.id)?,
        "Fulfillment" => shipping::fulfillment(shop, gid.id)?,
        "FulfillmentLineItem" => shipping::fulfillment_line(shop, gid.id)?,
        _ => return None,
    };
    let Value::Object(mut object) = value else {
        return None;
    };
    object.insert("__typename".to_owned(), json!(gid.kind));
    Some(object)
}

/// The value of one field of an object, with its arguments applied except paging.
pub(crate) fn field(
    shop: &Shop,
    of: &str,
    object: &Map<String, Value>,
    name: &str,
    args: &Map<String, Value>,
) -> Result<Value, Fault> {
    for unknown in ["query", "processingStatus"] {
        if args.get(unknown).is_some_and(|value| !value.is_null()) {
            return Err(Fault::not_simulated(format!("{of}.{name}({unknown}:)")));
        }
    }
    let plain = || object.get(name).cloned().unwrap_or(Value::Null);
    Ok(match (of, name) {
        ("InventoryItem", "inventoryLevel") => one_level(shop, object, args),
        ("InventoryItem", "inventoryLevels") => {
            let levels = plain();
            let all = levels.as_array().cloned().unwrap_or_default();
            let active = |gid: &Value| flag(args, "includeInactive") || is_active(shop, gid);
            Value::Array(all.into_iter().filter(active).collect())
        }
        ("InventoryLevel", "quantities") => quantities(shop, object, args)?,
        ("InventoryAdjustmentGroup", "changes") => changes(plain(), args),
        ("Order", "refunds" | "fulfillments") | ("Fulfillment", "trackingInfo") => {
            let mut list = plain();
            if let (Some(list), Some(first)) = (
                list.as_array_mut(),
                args.get("first").and_then(Value::as_u64),
            ) {
                list.truncate(usize::try_from(first).unwrap_or(usize::MAX));
            }
            list
        }
        (connection, "nodes") if connection.ends_with("Connection") => {
            let edges = object.get("edges").and_then(Value::as_array);
            let nodes = edges
                .into_iter()
                .flatten()
                .filter_map(|edge| edge.get("node"));
            Value::Array(nodes.cloned().collect())
        }
        _ => plain(),
    })
}

fn number(object: &Map<String, Value>, kind: &str) -> Option<u64> {
    Gid::number(object.get("id")?.as_str()?, kind)
}

fn one_level(shop: &Shop, object: &Map<String, Value>, args: &Map<String, Value>) -> Value {
    let find = || {
        let item = number(object, "InventoryItem")?;
        let location = Gid::number(text(args, "locationId")?, "Location")?;
        let level = shop.levels.get(&(item, location))?;
        let shown = level.active || flag(args, "includeInactive");
        shown.then(|| Gid::level(item, location))
    };
    find().map_or(Value::Null, Value::String)
}

fn is_active(shop: &Shop, gid: &Value) -> bool {
    let find = || {
        let gid = Gid::parse(gid.as_str()?)?;
        shop.levels.get(&(gid.item()?, gid.id))
    };
    find().is_some_and(|level| level.active)
}

fn quantities(
    shop: &Shop,
    object: &Map<String, Value>,
    args: &Map<String, Value>,
) -> Result<Value, Fault> {
    let find = || {
        let gid = Gid::parse(object.get("id")?.as_str()?)?;
        let item = gid.item()?;
        Some((gid.id, item, shop.levels.get(&(item, gid.id))?))
    };
    let Some((location, item, level)) = find() else {
        return Ok(Value::Null);
    };
    let mut rows = Vec::new();
    for name in texts(args, "names").unwrap_or_default() {
        let Some(quantity) = level.state(name) else {
            let all = STATES.join(", ");
            let message = format!("invalid quantity name `{name}`, expected one of {all}");
            return Err(Fault::bad_request(message));
        };
        rows.push(json!({
            "id": format!(
                "gid://shopify/InventoryQuantity/{location}?inventory_item_id={item}&name={name}"
            ),
            "name": name,
            "quantity": quantity,
            "updatedAt": level.updated_at.to_second_text(),
        }));
    }
    Ok(Value::Array(rows))
}

fn changes(all: Value, args: &Map<String, Value>) -> Value {
    let Value::Array(mut rows) = all else {
        return Value::Null;
    };
    for (argument, field) in [
        ("inventoryItemIds", "item"),
        ("locationIds", "location"),
        ("quantityNames", "name"),
    ] {
        if let Some(wanted) = texts(args, argument) {
            rows.retain(|row| {
                let value = row.get(field).and_then(Value::as_str);
                value.is_some_and(|value| wanted.contains(&value))
            });
        }
    }
    Value::Array(rows)
}

/// GIDs of a kind.
fn gids<'a>(kind: &'a str, ids: impl IntoIterator<Item = &'a u64>) -> Vec<String> {
    ids.into_iter()
        .map(|id| Gid::of(kind, *id).to_string())
        .collect()
}

/// An amount as the GraphQL API writes it: `30.0`, `30.25`.
fn decimal(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, cents) = (minor.abs() / 100, minor.abs() % 100);
    match cents % 10 {
        0 => format!("{sign}{whole}.{}", cents / 10),
        _ => format!("{sign}{whole}.{cents:02}"),
    }
}

/// A `MoneyBag` in the shop's currency, which is also the buyer's.
fn money_bag(minor: i64) -> Value {
    let money = json!({ "amount": decimal(minor), "currencyCode": "USD" });
    json!({ "shopMoney": money, "presentmentMoney": money })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_one_or_two_decimals() {
        let pairs = [(6000, "60.0"), (5, "0.05"), (1250, "12.5"), (-101, "-1.01")];
        for (minor, text) in pairs {
            assert_eq!(decimal(minor), text);
        }
    }
}
