//! Orders, their lines and refunds.

use serde_json::{Value, json};

use super::{gids, money_bag};
use crate::state::{Gid, Line, Order, Return, Shop};

pub(super) fn order(shop: &Shop, id: u64) -> Option<Value> {
    let order = shop.orders.get(&id)?;
    let mut object = head(shop, order);
    let parts = json!({
        "totalPriceSet": money_bag(shop.figures(order).total_minor),
        "subtotalPriceSet": money_bag(shop.figures(order).total_minor),
        "currentTotalPriceSet": money_bag(shop.figures(order).current_minor),
        "totalOutstandingSet": money_bag(shop.figures(order).outstanding_minor),
        "retailLocation": null,
        "email": "buyer@example.com",
        "phone": null,
        "shippingAddress": {
            "id": Gid::of("MailingAddress", 51).to_string(),
            "name": "A. Buyer", "company": null, "address1": "1 Example St", "address2": null,
            "city": "Toronto", "provinceCode": "ON", "zip": "M5V 1A1", "countryCodeV2": "CA",
            "phone": null,
        },
        "customer": customer(),
        "purchasingEntity": purchasing_entity(order),
        "paymentTerms": payment_terms(shop, order),
        "shippingLines": [{
            "id": Gid::of("ShippingLine", order.id).to_string(),
            "title": "Standard",
            "code": "standard",
            "isRemoved": false,
        }],
        "lineItems": order.lines.iter()
            .map(|line| Gid::of("LineItem", line.id).to_string()).collect::<Vec<_>>(),
        "fulfillmentOrders": gids("FulfillmentOrder", &order.fulfillment_orders),
        "fulfillments": gids("Fulfillment", &order.fulfillments),
        "refunds": gids("Refund", &order.refunds),
        "returns": gids("Return", &order.returns),
    });
    if let (Value::Object(object), Value::Object(parts)) = (&mut object, parts) {
        object.extend(parts);
    }
    Some(object)
}

fn head(shop: &Shop, order: &Order) -> Value {
    let figures = shop.figures(order);
    let units = |count: fn(&Line) -> i64| order.lines.iter().map(count).sum::<i64>();
    json!({
        "id": Gid::of("Order", order.id).to_string(),
        "legacyResourceId": order.id.to_string(),
        "name": format!("#{}", order.number),
        "number": order.number,
        "createdAt": order.created_at.to_second_text(),
        "processedAt": order.created_at.to_second_text(),
        "updatedAt": order.updated_at.to_second_text(),
        "closedAt": null,
        "closed": false,
        "cancelledAt": order.cancelled_at.map(|at| at.to_second_text()),
        "cancelReason": order.cancel_reason,
        "test": order.test,
        "confirmed": true,
        "edited": order.edited,
        "fulfillable": order.lines.iter().any(|line| line.open() > 0),
        "fullyPaid": !order.on_terms,
        "sourceName": "web",
        "sourceIdentifier": null,
        "tags": [],
        "note": null,
        "poNumber": order.on_terms.then_some("PO-7781"),
        "currencyCode": "USD",
        "presentmentCurrencyCode": "USD",
        "taxesIncluded": false,
        "subtotalLineItemsQuantity": units(|line| line.ordered),
        "currentSubtotalLineItemsQuantity": units(Line::current),
        "displayFinancialStatus": figures.financial,
        "displayFulfillmentStatus": figures.fulfillment,
        "returnStatus": return_status(shop, order),
    })
}

fn return_status(shop: &Shop, order: &Order) -> &'static str {
    let all: Vec<&Return> = order
        .returns
        .iter()
        .filter_map(|id| shop.returns.get(id))
        .collect();
    let has = |status| all.iter().any(|one| one.status == status);
    let mut open = all.iter().filter(|one| one.status == "OPEN");
    match (has("REQUESTED"), has("OPEN"), has("CLOSED")) {
        (true, _, _) => "RETURN_REQUESTED",
        (_, true, _) if open.all(|one| one.is_processed()) => "INSPECTION_COMPLETE",
        (_, true, _) => "IN_PROGRESS",
        (_, _, true) => "RETURNED",
        _ => "NO_RETURN",
    }
}

fn customer() -> Value {
    json!({ "__typename": "Customer", "id": Gid::of("Customer", 7001).to_string() })
}

fn purchasing_entity(order: &Order) -> Value {
    if !order.on_terms {
        return customer();
    }
    json!({
        "__typename": "PurchasingCompany",
        "company": { "id": Gid::of("Company", 31).to_string(), "name": "Northwind Ltd",
            "externalId": "C-100" },
        "location": { "id": Gid::of("CompanyLocation", 41).to_string(), "name": "Toronto",
            "externalId": null },
        "contact": { "id": Gid::of("CompanyContact", 51).to_string() },
    })
}

fn payment_terms(shop: &Shop, order: &Order) -> Value {
    if !order.on_terms {
        return Value::Null;
    }
    let due = order
        .created_at
        .plus(std::time::Duration::from_secs(30 * 86_400));
    json!({
        "id": Gid::of("PaymentTerms", order.id).to_string(),
        "paymentTermsName": "Net 30",
        "paymentTermsType": "NET",
        "dueInDays": 30,
        "due": shop.now >= due,
        "overdue": shop.now >= due,
        "paymentSchedules": [{
            "id": Gid::of("PaymentSchedule", order.id).to_string(),
            "dueAt": due.to_second_text(),
            "completedAt": null,
            "balanceDue": money_bag(shop.figures(order).outstanding_minor)["presentmentMoney"],
        }],
    })
}

pub(super) fn line(shop: &Shop, id: u64) -> Option<Value> {
    let order = shop.orders.get(shop.owners.get(&id)?)?;
    let line = order.lines.iter().find(|line| line.id == id)?;
    let variant = line.variant.and_then(|id| shop.variants.get(&id));
    Some(json!({
        "id": Gid::of("LineItem", id).to_string(),
        "sku": line.sku,
        "name": line.title,
        "title": line.title,
        "variantTitle": null,
        "quantity": line.ordered,
        "currentQuantity": line.current(),
        "unfulfilledQuantity": line.open(),
        "fulfillableQuantity": line.open(),
        "refundableQuantity": line.current(),
        "nonFulfillableQuantity": line.ordered - line.open() - line.fulfilled,
        "requiresShipping": line.requires_shipping,
        "isGiftCard": line.gift_card,
        "variant": variant.map(|one| Gid::of("ProductVariant", one.id).to_string()),
        "product": variant.map(|one| Gid::of("Product", one.product).to_string()),
        "originalUnitPriceSet": money_bag(line.price_minor),
        "discountedUnitPriceAfterAllDiscountsSet": money_bag(line.price_minor),
        "lineItemGroup": null,
    }))
}

pub(super) fn refund(shop: &Shop, id: u64) -> Option<Value> {
    let refund = shop.refunds.get(&id)?;
    let created = refund.created_at.to_second_text();
    let lines = refund.lines.iter().map(|part| {
        json!({
            "id": Gid::of("RefundLineItem", part.id).to_string(),
            "quantity": part.units,
            "restockType": part.restock.graphql(),
            "restocked": part.location.is_some(),
            "location": part.location.map(|id| Gid::of("Location", id).to_string()),
            "lineItem": Gid::of("LineItem", part.line).to_string(),
        })
    });
    Some(json!({
        "id": Gid::of("Refund", id).to_string(),
        "legacyResourceId": id.to_string(),
        "createdAt": created,
        "processedAt": created,
        "updatedAt": created,
        "note": null,
        "order": Gid::of("Order", refund.order).to_string(),
        "return": refund.of_return.map(|id| Gid::of("Return", id).to_string()),
        "refundLineItems": lines.collect::<Vec<_>>(),
    }))
}
