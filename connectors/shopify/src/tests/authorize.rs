//! A merchant's consent: only what the shop signed for it gives a code.

use channelsync_contract::transport::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Authorization, BadRedirect};

const SHOP: &str = "shop.myshopify.com";

fn authorization() -> Authorization {
    let base_url = format!("https://{SHOP}");
    Authorization::new(SHOP, &base_url, "id 1", Secret::new("hush"))
}

/// The address that a browser ended at, signed as the page says.
fn ended_at(fields: &[(&str, &str)], secret: &str) -> String {
    let mut sorted: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    sorted.sort();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = mac.chain_update(sorted.join("&")).finalize().into_bytes();
    let mac: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .append_pair("hmac", &mac.concat())
        .finish();
    format!("https://hooks.example/authorized?{query}#top\n")
}

const FIELDS: [(&str, &str); 5] = [
    ("code", "c0de"),
    ("host", "c2hvcC9hZG1pbg=="),
    ("shop", SHOP),
    ("state", "17.ab"),
    ("timestamp", "1795219200"),
];

#[test]
fn the_address_to_agree_at_names_all_that_is_needed() {
    let address = |all| authorization().address("https://hooks.example/authorized", "17.ab", all);
    assert_eq!(
        address(true),
        address(false).replace("read_returns&", "read_returns%2Cread_all_orders&")
    );
    assert_eq!(
        address(false),
        "https://shop.myshopify.com/admin/oauth/authorize?client_id=id+1&scope=read_orders%2C\
         read_merchant_managed_fulfillment_orders%2Cread_third_party_fulfillment_orders%2C\
         read_fulfillments%2Cwrite_inventory%2Cread_locations%2Cread_products%2C\
         write_merchant_managed_fulfillment_orders%2Cread_returns&\
         redirect_uri=https%3A%2F%2Fhooks.example%2Fauthorized&state=17.ab"
    );
}

#[test]
fn a_code_comes_only_with_the_signature_the_shop_and_the_state_that_belong_to_it() {
    let code = |address: &str| authorization().code(address, |state| state == "17.ab");
    assert_eq!(code(&ended_at(&FIELDS, "hush")), Ok(Secret::new("c0de")));
    let with = |name: &str, value: &'static str| {
        FIELDS.map(|(key, before)| (key, if key == name { value } else { before }))
    };
    let missing =
        |name: &str| -> Vec<_> { FIELDS.into_iter().filter(|(key, _)| *key != name).collect() };
    let good = ended_at(&FIELDS, "hush");
    for (address, expected) in [
        (ended_at(&FIELDS, "other"), BadRedirect::Forged),
        (good.replace("c0de", "c0df"), BadRedirect::Forged),
        (good.replace("hmac=", "hmac=zz"), BadRedirect::Forged),
        (
            ended_at(&with("shop", "evil.myshopify.com"), "hush"),
            BadRedirect::OtherShop("evil.myshopify.com".to_owned()),
        ),
        (
            ended_at(&with("state", "18.ab"), "hush"),
            BadRedirect::OtherState,
        ),
        (
            ended_at(&missing("code"), "hush"),
            BadRedirect::Missing("code"),
        ),
        (
            ended_at(&missing("state"), "hush"),
            BadRedirect::Missing("state"),
        ),
        (
            "https://hooks.example/authorized".to_owned(),
            BadRedirect::Missing("code"),
        ),
        (
            format!("{good}&x={}", "y".repeat(9_000)),
            BadRedirect::Missing("code"),
        ),
    ] {
        assert_eq!(code(&address), Err(expected), "{address}");
    }
}
