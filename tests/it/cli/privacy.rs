//! Privacy requests of a channel: parked bytes that mention a buyer go, and the book still proves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use channelsync::inbox::{Hook, Hooks, router};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tower::ServiceExt as _;

use super::Daemon;

const SECRET: &str = "shpss_privacy";

/// What the channel's door answers to a signed delivery.
async fn deliver(daemon: &Daemon, topic: &str, body: &str) -> StatusCode {
    let token = "token".to_owned();
    let feed = Arc::new(daemon.feed(SECRET));
    let place = ("acme".to_owned(), "shopify-us".to_owned());
    let hooks = Arc::new(Hooks {
        hooks: BTreeMap::from([(place, Hook { feed, token })]),
        body_bytes_max: 1 << 16,
        body_timeout: Duration::from_secs(5),
    });
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let signature = mac.chain_update(body).finalize().into_bytes();
    let request = Request::post("/hooks/acme/shopify-us/token")
        .header("x-shopify-topic", topic)
        .header("x-shopify-hmac-sha256", STANDARD.encode(signature))
        .body(Body::from(body.to_owned()))
        .unwrap();
    router(hooks).oneshot(request).await.unwrap().status()
}

/// R68
#[tokio::test]
async fn a_redacted_buyer_is_erased_from_parked_bytes_and_the_book_still_proves() {
    let daemon = Daemon::start().await;
    let theirs = br#"{"id":6120334561234,"email":"canary@example.com""#;
    daemon.park("theirs", theirs).await;
    daemon
        .park(
            "anothers",
            br#"{"id":61203345612345,"email":"other@example.com""#,
        )
        .await;
    let asked =
        r#"{"shop_id":1,"customer":{"id":7,"email":"canary@example.com"},"orders_requested":[]}"#;
    assert_eq!(
        deliver(&daemon, "customers/data_request", asked).await,
        StatusCode::OK
    );
    assert_eq!(
        daemon.ok("parked --json").await.matches("\"id\"").count(),
        2
    );
    let redact = r#"{"shop_id":1,"customer":{"id":7},"orders_to_redact":[6120334561234]}"#;
    for _ in 0..2 {
        assert_eq!(
            deliver(&daemon, "customers/redact", redact).await,
            StatusCode::OK
        );
    }
    let parked = daemon.ok("parked").await;
    assert!(
        !parked.contains("theirs  ") && parked.contains("release anothers"),
        "{parked}"
    );
    let files = |dir: &str| daemon.dir().join("state/acme").join(dir);
    for dir in ["parked", "parked-keys"] {
        assert!(!files(dir).join("theirs").exists() && files(dir).join("anothers").exists());
    }
    let proved = daemon.ok("verify").await;
    assert!(
        proved.contains("parked and erased, on a privacy request or by age: 1 delivery"),
        "{proved}"
    );
    let journal = daemon.ok("journal").await;
    assert!(journal.contains("theirs was erased"), "{journal}");
    let redact = r#"{"shop_id":1,"shop_domain":"acme-us.myshopify.com"}"#;
    assert_eq!(
        deliver(&daemon, "shop/redact", redact).await,
        StatusCode::OK
    );
    assert_eq!(daemon.ok("parked").await, "nothing is parked\n");
    assert!(daemon.ok("verify").await.contains("2 deliveries"));
    // The canary is in no file of the state directory and in no output.
    for dir in ["journal", "parked", "parked-keys"] {
        for file in std::fs::read_dir(files(dir)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(6).any(|part| part == b"canary"), "{dir}");
        }
    }
    for line in ["status --json", "journal --json", "parked exceptions"] {
        assert!(!daemon.ok(line).await.contains("canary"), "{line}");
    }
}
