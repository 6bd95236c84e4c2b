//! A delivery: header lines, an empty line, the body.
//!
//! Only the right signature over the very bytes verifies. What is read does not depend on how the body
//! is laid out, and whatever it says can be booked, once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use channelsync::ledger::Source;
use channelsync_contract::suite::Scripted;
use channelsync_contract::transport::Secret;
use channelsync_contract::webhook::{Content, Delivery, SigningSecret};
use channelsync_contract::{Connector, Timestamp};
use channelsync_shopify::{Credentials, Figure, Settings, connect};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sha2::Sha256;

use super::book::{Book, told};

const SHOP: &str = "shop.myshopify.com";
const SECRET: &str = "the app's secret";
const SIGNATURE: &str = "x-shopify-hmac-sha256";
const NOW: Timestamp = Timestamp(1_796_000_000_000_000);

/// The shop; nothing is asked of it.
pub(super) fn shop(answers: impl IntoIterator<Item = super::answers::Answer>) -> Connector {
    let settings = Settings {
        shop: SHOP.to_owned(),
        base_url: None,
        figure: Figure::OnHand,
        credentials: Credentials::AccessToken(Secret::new("shpat_example")),
        webhook_secrets: vec![SigningSecret::new(Secret::new(SECRET))],
    };
    connect(settings, Scripted::new(answers))
}

pub(super) fn holds(bytes: &[u8]) {
    let between = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = between.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 2..]));
    let headers = headers(head);
    let shop = shop([]);
    let webhooks = shop.webhooks.as_deref().unwrap();
    let decoded = webhooks.decode(&headers, body);
    assert_eq!(decoded, webhooks.decode(&headers, body));
    let signed = verifies(&headers, body);
    assert_eq!(webhooks.verify(&headers, body, NOW).is_ok(), signed);
    only_the_right_signature(webhooks, &headers, body);
    let Ok(delivery) = decoded else { return };
    let header = |name: &str| headers.get(name)?.to_str().ok();
    assert_eq!(header("x-shopify-topic"), Some(delivery.topic.as_str()));
    let domain = header("x-shopify-shop-domain").unwrap_or(SHOP);
    assert!(domain.eq_ignore_ascii_case(SHOP), "it is of another shop");
    let value: Value = serde_json::from_slice(body).unwrap();
    let laid_out = serde_json::to_vec_pretty(&value).unwrap();
    assert_eq!(webhooks.decode(&headers, &laid_out).as_ref(), Ok(&delivery));
    booked(delivery);
}

/// As far as a listener would let them through.
fn headers(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(100) {
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..at]);
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn signature(body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
}

fn verifies(headers: &HeaderMap, body: &[u8]) -> bool {
    let given = headers.get(SIGNATURE);
    given.is_some_and(|given| given.as_bytes() == signature(body).as_bytes())
}

fn only_the_right_signature(
    webhooks: &dyn channelsync_contract::connector::Webhooks,
    headers: &HeaderMap,
    body: &[u8],
) {
    let mut headers = headers.clone();
    headers.remove(SIGNATURE);
    assert!(webhooks.verify(&headers, body, NOW).is_err());
    headers.insert(SIGNATURE, signature(body).parse().unwrap());
    assert!(webhooks.verify(&headers, body, NOW).is_ok());
    let longer = [body, b" "].concat();
    assert!(webhooks.verify(&headers, &longer, NOW).is_err());
    if let Some(shorter) = body.get(1..) {
        assert!(webhooks.verify(&headers, shorter, NOW).is_err());
    }
}

fn booked(delivery: Delivery) {
    match delivery.content {
        Content::Order(changed) => {
            let mut book = Book::new();
            book.report(Source::Webhook, told(changed).into_iter().collect());
        }
        Content::Erase(texts) | Content::Disclose(texts) => {
            assert!(!texts.is_empty(), "nobody is named");
            assert!(texts.iter().all(|text| !text.is_empty()), "everybody fits");
        }
        Content::Poll(stream) => assert!(!stream.is_empty()),
        Content::Quantity(_)
        | Content::Listings
        | Content::Permissions
        | Content::Uninstalled
        | Content::EraseAll
        | Content::Nothing => {}
    }
}
