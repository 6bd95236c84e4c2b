//! Signed deliveries of about 6 kB in the shape of a channel's order webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use channelsync::ports::SeededRng;
use channelsync_contract::Rng as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world;

/// Signs and checks every delivery.
pub(crate) const SECRET: &str = "a secret of the bench";
/// The shop that sends them.
pub(crate) const SHOP: &str = "bench.myshopify.com";

/// A whole request with the order of this number.
pub(crate) fn request(path: &str, number: u32, skus: u32, dice: &SeededRng) -> Vec<u8> {
    let body = order(number, skus, dice).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key does");
    mac.update(body.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X-Shopify-Topic: orders/create\r\nX-Shopify-Shop-Domain: {SHOP}\r\n\
         X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-{number:012}\r\n\
         X-Shopify-Triggered-At: 2026-11-05T12:00:02Z\r\n\
         X-Shopify-Hmac-Sha256: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn money(amount: &str) -> Value {
    let money = json!({"amount": amount, "currency_code": "USD"});
    json!({"shop_money": money, "presentment_money": money})
}

fn address() -> Value {
    json!({
        "first_name": "Ada", "last_name": "Example", "name": "Ada Example", "company": null,
        "address1": "12 Analytical Road", "address2": "Floor 3", "city": "Springfield",
        "zip": "62701", "province": "Illinois", "province_code": "IL", "country": "United States",
        "country_code": "US", "phone": "+15555550123", "latitude": 39.78, "longitude": -89.65,
    })
}

fn line(number: u32, place: u32, skus: u32, dice: &SeededRng) -> Value {
    let below = |bound: u32| u32::try_from(dice.below(u64::from(bound))).unwrap_or_default();
    let sku = below(skus);
    let units = 1 + below(3);
    let id: u64 = world::long_number(14, 0, number * 3 + place)
        .parse()
        .expect("digits");
    let variant: u64 = world::listing(0, sku).as_str().parse().expect("digits");
    json!({
        "id": id, "admin_graphql_api_id": format!("gid://shopify/LineItem/{id}"),
        "variant_id": variant, "product_id": variant, "product_exists": true,
        "sku": world::sku(sku).as_str(), "name": format!("Mug number {sku} - Large"),
        "title": format!("Mug number {sku}"), "variant_title": "Large", "vendor": null,
        "variant_inventory_management": "shopify", "fulfillment_service": "manual",
        "fulfillment_status": null, "quantity": units, "current_quantity": units,
        "fulfillable_quantity": units, "requires_shipping": true, "gift_card": false,
        "taxable": true, "grams": 340, "price": "19.99", "price_set": money("19.99"),
        "total_discount": "0.00", "total_discount_set": money("0.00"), "properties": [],
        "tax_lines": [{"title": "State tax", "rate": 0.08, "price": "1.60",
            "price_set": money("1.60"), "channel_liable": false}],
        "duties": [], "discount_allocations": [],
    })
}

fn order(number: u32, skus: u32, dice: &SeededRng) -> Value {
    let id: u64 = world::long_number(55, 0, number).parse().expect("digits");
    let mut order = json!({
        "subtotal_price": "59.97", "current_subtotal_price": "59.97",
        "current_subtotal_price_set": money("59.97"), "total_price": "64.77",
        "current_total_price": "64.77", "total_price_set": money("64.77"),
        "current_total_price_set": money("64.77"), "total_tax": "4.80",
        "current_total_tax": "4.80", "token": "8e1c5f6f6d1a4b0c",
        "order_status_url": "https://shop.example.com/1/orders/8e1c5f6f6d1a4b0c/authenticate",
    });
    let lines: Vec<Value> = (0..3)
        .map(|place| line(number, place, skus, dice))
        .collect();
    let rest = json!({
        "id": id, "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
        "name": format!("#{}", 1_000 + number), "number": number, "order_number": 1_000 + number,
        "created_at": "2026-11-05T12:00:00Z", "updated_at": "2026-11-05T12:00:01Z",
        "processed_at": "2026-11-05T12:00:00Z", "cancelled_at": null, "cancel_reason": null,
        "closed_at": null, "test": false, "confirmed": true, "currency": "USD",
        "presentment_currency": "USD", "financial_status": "paid", "fulfillment_status": null,
        "email": "ada@example.com", "contact_email": "ada@example.com", "phone": null,
        "browser_ip": "203.0.113.7", "landing_site": null, "note": null, "note_attributes": [],
        "gateway": "", "payment_gateway_names": ["visa", "bogus"], "source_name": "web",
        "tags": "one, two", "taxes_included": false, "total_weight": 1_020, "user_id": null,
        "billing_address": address(), "shipping_address": address(),
        "customer": {"id": 115_310_627, "email": "ada@example.com", "first_name": "Ada",
            "last_name": "Example", "state": "disabled", "note": null, "verified_email": true,
            "tags": "", "currency": "USD", "default_address": address()},
        "shipping_lines": [{"id": 27_170, "title": "Standard", "price": "0.00", "code": "standard",
            "price_set": money("0.00"), "source": "shopify", "tax_lines": []}],
        "discount_applications": [], "fulfillments": [], "line_items": lines, "refunds": [],
    });
    if let (Some(order), Value::Object(rest)) = (order.as_object_mut(), rest) {
        order.extend(rest);
    }
    order
}
