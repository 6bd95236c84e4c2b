//! Faults: each does what its name says, and nothing to `/control`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use channelsync_contract::Spawn;
use channelsync_sandbox::{
    Action, Courier, Demo, Faults, LoopbackCourier, Options, Sandbox, Unanswered,
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::inventory::set;
use crate::webhooks::subscribe;
use crate::world::{World, header};

fn faults(world: &World, texts: &[&str]) {
    world.sandbox.set_faults(&Faults::parse(texts).unwrap());
}

#[tokio::test(start_paused = true)]
async fn webhooks_are_lost_doubled_and_reordered() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    faults(&world, &["webhooks-lost=1"]);
    world.place(&[(0, 1)]);
    world.pass(20).await;
    assert!(world.mail.topics().is_empty());
    assert_eq!(world.truth().counters.webhooks_lost, 1);
    faults(&world, &["webhooks-doubled=1"]);
    world.place(&[(0, 1)]);
    world.pass(20).await;
    let id = |index: usize| {
        header(
            &world.mail.received.lock().unwrap()[index],
            "X-Shopify-Webhook-Id",
        )
    };
    assert_eq!(world.mail.topics().len(), 2);
    assert_eq!(id(0), id(1));
    world.mail.received.lock().unwrap().clear();
    faults(&world, &["webhooks-reordered=0.5"]);
    let placed: Vec<u64> = (0..10)
        .map(|index| world.place(&[(index % 4 + 1, 1)]))
        .collect();
    world.pass(20).await;
    let arrived = world.mail.bodies("orders/create");
    let arrived: Vec<u64> = arrived
        .iter()
        .map(|body| body["id"].as_u64().unwrap())
        .collect();
    assert_ne!(arrived, placed);
    let mut sorted = arrived.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, placed);
}

/// How often each status came, `200 CODE` for errors in a good answer.
async fn outcomes(world: &World, count: usize) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for _ in 0..count {
        let (status, answer) = world
            .send(world.request("{ shop { id } }", json!({})))
            .await;
        let code = answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("");
        *seen
            .entry(format!("{} {code}", status.as_u16()))
            .or_default() += 1;
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn throttling_comes_in_three_forms() {
    let world = World::new(1);
    faults(&world, &["answer-429=1"]);
    let seen = outcomes(&world, 60).await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["200 THROTTLED", "429 "]);
    let counters = world.truth().counters;
    assert_eq!(
        (counters.throttled_injected, counters.throttled_by_limit),
        (60, 0)
    );
    let mut with_hint = 0;
    for _ in 0..60 {
        let request = world.request("{ shop { id } }", json!({}));
        let response = world.sandbox.router().oneshot(request).await.unwrap();
        with_hint += usize::from(response.headers().contains_key("Retry-After"));
    }
    assert!((10..35).contains(&with_hint), "{with_hint}");
}

#[tokio::test(start_paused = true)]
async fn a_server_error_leaves_no_effect_but_may_burn_the_key() {
    let world = World::new(1);
    faults(&world, &["answer-5xx=1"]);
    let input = json!({ "name": "on_hand", "reason": "correction", "quantities": [{
        "inventoryItemId": world.item_gid(0), "locationId": world.location_gid(0),
        "quantity": 3, "changeFromQuantity": null }] });
    let mut burnt = Vec::new();
    for index in 0..20 {
        let key = format!("k{index}");
        let variables = json!({ "input": input, "key": key });
        let (status, answer) = world
            .send(world.request(crate::inventory::SET, variables))
            .await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        match code {
            Some(code) => {
                assert_eq!((status.as_u16(), code), (200, "INTERNAL_SERVER_ERROR"));
                burnt.push(key);
            }
            None => assert!(status.is_server_error()),
        }
    }
    assert_eq!(world.level(0, 0).0, 10);
    assert!(!burnt.is_empty() && burnt.len() < 20, "{burnt:?}");
    faults(&world, &[]);
    let again = set(&world, &burnt[0], &[(0, 0, 3, Value::Null)]).await;
    assert_eq!(
        again["userErrors"][0]["code"],
        "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_comes_after_its_effect() {
    let world = World::new(1);
    faults(&world, &["applied-then-timeout=1"]);
    let mut lost = 0;
    for quantity in 0..12 {
        let input = json!({ "name": "on_hand", "reason": "correction", "quantities": [{
            "inventoryItemId": world.item_gid(0), "locationId": world.location_gid(0),
            "quantity": quantity, "changeFromQuantity": null }] });
        let variables = json!({ "input": input, "key": quantity.to_string() });
        let request = world.request(crate::inventory::SET, variables);
        let response = world.sandbox.router().oneshot(request).await.unwrap();
        if response.extensions().get::<Unanswered>().is_some() {
            assert_eq!(response.status(), 599);
            lost += 1;
        } else {
            assert!(response.status().is_server_error());
        }
        assert_eq!(world.level(0, 0).0, quantity);
    }
    assert!((3..12).contains(&lost), "{lost}");
    faults(&world, &[]);
    // The key still knows the result.
    let again = set(&world, "11", &[(0, 0, 11, Value::Null)]).await;
    assert_eq!(again["userErrors"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_shop_goes_away_once_and_comes_back() {
    let world = World::new(1);
    subscribe(&world, "ORDERS_CREATE").await;
    faults(&world, &["away=60"]);
    world.pass(6).await;
    assert_eq!(
        outcomes(&world, 3).await.keys().collect::<Vec<_>>(),
        ["503 "]
    );
    world.place(&[(0, 1)]);
    world.pass(30).await;
    assert!(world.mail.topics().is_empty());
    world.pass(60).await;
    assert_eq!(world.mail.topics().len(), 1);
    assert_eq!(
        outcomes(&world, 3).await.keys().collect::<Vec<_>>(),
        ["200 "]
    );
    world.pass(600).await;
    assert_eq!(
        outcomes(&world, 3).await.keys().collect::<Vec<_>>(),
        ["200 "]
    );
}

/// Runs tasks on the test's own runtime.
struct Local;

impl Spawn for Local {
    #[expect(clippy::disallowed_methods, reason = "this is the port")]
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        drop(tokio::spawn(task));
    }
}

/// Serves the router on a free port of this machine while `work` runs.
async fn served<T>(sandbox: &Arc<Sandbox>, work: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = axum::serve(listener, sandbox.router());
    let serve = std::pin::pin!(serve.into_future());
    let work = std::pin::pin!(work(address));
    match futures_util::future::select(work, serve).await {
        futures_util::future::Either::Left((value, _)) => value,
        futures_util::future::Either::Right(_) => panic!("the server ended"),
    }
}

#[tokio::test]
async fn over_a_socket_a_lost_answer_breaks_the_connection() {
    let world = World::new(1);
    faults(&world, &["applied-then-timeout=1"]);
    let courier = LoopbackCourier::new(Arc::new(Local));
    let (broken, answered) = served(&world.sandbox, async |address| {
        let (mut broken, mut answered) = (0, 0);
        for _ in 0..12 {
            let (mut parts, _) = world.request("{ shop { id } }", json!({})).into_parts();
            parts.uri = format!("http://{address}{}", parts.uri).parse().unwrap();
            let body = json!({ "query": "{ shop { id } }" }).to_string();
            let request = http::Request::from_parts(parts, body.into());
            match courier.deliver(request).await {
                Ok(status) => {
                    assert!(status.is_server_error() && status != 599, "{status}");
                    answered += 1;
                }
                Err(_) => broken += 1,
            }
        }
        (broken, answered)
    })
    .await;
    assert!(broken >= 3 && answered >= 1, "{broken} {answered}");
}

#[tokio::test]
async fn the_loopback_courier_delivers_and_reads_the_answer() {
    let world = World::new(1);
    let courier = LoopbackCourier::new(Arc::new(Local));
    let statuses = served(&world.sandbox, async |address| {
        let mut statuses = Vec::new();
        for path in ["/control/faults", "/nothing"] {
            let request = http::Request::post(format!("http://{address}{path}"));
            let request = request.body("{\"faults\":[]}".into()).unwrap();
            statuses.push(courier.deliver(request).await.unwrap().as_u16());
        }
        statuses
    })
    .await;
    assert_eq!(statuses, [200, 404]);
    let nobody = http::Request::post("http://127.0.0.1:1/")
        .body(Default::default())
        .unwrap();
    assert!(courier.deliver(nobody).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn faults_given_at_the_start_hold_for_all_shops() {
    let options = Options {
        seed: 1,
        shops: Demo::default().shops(1),
        faults: Faults::parse(&["answer-5xx=1"]).unwrap(),
        ..Options::default()
    };
    let world = World::with(options);
    for (index, info) in world.sandbox.shops().into_iter().enumerate() {
        let path = format!("{}/admin/oauth/access_token", info.base_path);
        let request = http::Request::post(path).body(Body::empty()).unwrap();
        assert!(world.send(request).await.0.is_server_error(), "{index}");
    }
    // They never reach what the test does by hand, and they end when told.
    world.act(Action::Faults { faults: Vec::new() });
    assert_eq!(
        outcomes(&world, 3).await.keys().collect::<Vec<_>>(),
        ["200 "]
    );
}
