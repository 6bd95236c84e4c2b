//! A sandbox in a paused world: time moves only when everybody sleeps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use channelsync_contract::{Clock, Timestamp};
use channelsync_sandbox::{
    Action, Buying, Courier, Demo, Done, Faults, Options, OrderTruth, Sandbox, ShopInfo, Truth,
    TruthPage, Undelivered, Wanted,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const START: &str = "2026-11-21T10:00:00Z";

/// Tokio's paused clock, as a port.
pub(crate) struct PausedClock(tokio::time::Instant);

impl PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn start() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse(START).unwrap().plus(self.uptime())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn uptime(&self) -> Duration {
        tokio::time::Instant::now() - self.0
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Keeps every webhook, and answers as it is told.
#[derive(Default)]
pub(crate) struct Mailbag {
    pub(crate) received: Mutex<Vec<http::Request<Bytes>>>,
    /// 200 if none, no answer if 0.
    pub(crate) status: Mutex<Option<u16>>,
    /// How long each answer takes.
    pub(crate) slow: Mutex<Option<(Arc<PausedClock>, Duration)>>,
}

#[async_trait]
impl Courier for Mailbag {
    async fn deliver(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::StatusCode, Undelivered> {
        self.received.lock().unwrap().push(request);
        let slow = self.slow.lock().unwrap().clone();
        if let Some((clock, duration)) = slow {
            clock.sleep(duration).await;
        }
        match *self.status.lock().unwrap() {
            Some(0) => Err(Undelivered(None)),
            Some(status) => Ok(http::StatusCode::from_u16(status).unwrap()),
            None => Ok(http::StatusCode::OK),
        }
    }
}

impl Mailbag {
    pub(crate) fn topics(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .map(|one| header(one, "X-Shopify-Topic"))
            .collect()
    }

    pub(crate) fn bodies(&self, topic: &str) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        let of_topic = received
            .iter()
            .filter(|one| header(one, "X-Shopify-Topic") == topic);
        of_topic
            .map(|one| serde_json::from_slice(one.body()).unwrap())
            .collect()
    }
}

pub(crate) fn header(request: &http::Request<Bytes>, name: &str) -> String {
    request.headers()[name].to_str().unwrap().to_owned()
}

/// A sandbox with its clock and its mail.
pub(crate) struct World {
    pub(crate) clock: Arc<PausedClock>,
    pub(crate) mail: Arc<Mailbag>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) shop: ShopInfo,
}

impl World {
    /// Two shops with 5 SKUs, 10 units at each of two locations, and no faults.
    pub(crate) fn new(seed: u64) -> Self {
        let demo = Demo {
            skus: 5,
            on_hand: 10,
            ..Demo::default()
        };
        Self::with(Options {
            seed,
            shops: demo.shops(seed),
            faults: Faults::default(),
            ..Options::default()
        })
    }

    pub(crate) fn with(options: Options) -> Self {
        let clock = PausedClock::start();
        let mail = Arc::new(Mailbag::default());
        let sandbox = Sandbox::new(&options, clock.clone(), mail.clone());
        let shop = sandbox.shops().remove(0);
        Self {
            clock,
            mail,
            sandbox,
            shop,
        }
    }

    /// Lets everything that is timed happen for so long.
    pub(crate) async fn pass(&self, secs: u64) {
        let run = std::pin::pin!(self.sandbox.run());
        let sleep = self.clock.sleep(Duration::from_secs(secs));
        futures_util::future::select(run, sleep).await;
    }

    pub(crate) async fn send(&self, request: http::Request<Body>) -> (http::StatusCode, Value) {
        let response = self.sandbox.router().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    pub(crate) fn request(&self, query: &str, variables: Value) -> http::Request<Body> {
        let path = format!("{}/admin/api/2026-10/graphql.json", self.shop.base_path);
        let body = json!({ "query": query, "variables": variables });
        http::Request::post(path)
            .header("X-Shopify-Access-Token", &self.shop.access_token)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    }

    pub(crate) async fn query(&self, query: &str, variables: Value) -> Value {
        let (status, answer) = self.send(self.request(query, variables)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// `data` of an answer that must have no errors.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.query(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].take()
    }

    pub(crate) fn act(&self, action: Action) -> Done {
        self.sandbox.act(&self.shop.name, action).unwrap()
    }

    pub(crate) fn variant(&self, index: usize) -> u64 {
        self.shop.variants[index].id
    }

    pub(crate) fn location(&self, index: usize) -> u64 {
        self.shop.locations[index].id
    }

    /// Places an order of (variant index, units).
    pub(crate) fn place(&self, lines: &[(usize, u32)]) -> u64 {
        self.try_place(lines).unwrap()
    }

    pub(crate) fn try_place(&self, lines: &[(usize, u32)]) -> Option<u64> {
        let wanted = |(index, units): &(usize, u32)| Wanted {
            variant: Some(self.variant(*index)),
            units: *units,
        };
        let lines = lines.iter().map(wanted).collect();
        let buying = Buying {
            lines,
            ..Buying::default()
        };
        self.sandbox
            .act(&self.shop.name, Action::Place(buying))
            .ok()?
            .id
    }

    pub(crate) fn truth(&self) -> Truth {
        self.sandbox
            .truth(&self.shop.name, TruthPage::default())
            .unwrap()
    }

    pub(crate) fn order(&self, id: u64) -> OrderTruth {
        self.sandbox.order(&self.shop.name, id).unwrap()
    }

    /// (on hand, available, committed) of an item at a location, by index.
    pub(crate) fn level(&self, item: usize, location: usize) -> (i64, i64, i64) {
        let (item, location) = (self.shop.variants[item].item, self.location(location));
        let truth = self.truth();
        let mut levels = truth.levels.iter();
        let found = levels
            .find(|one| one.item == item && one.location == location)
            .unwrap();
        (found.on_hand, found.available, found.committed)
    }

    pub(crate) fn item_gid(&self, index: usize) -> String {
        format!(
            "gid://shopify/InventoryItem/{}",
            self.shop.variants[index].item
        )
    }

    pub(crate) fn location_gid(&self, index: usize) -> String {
        format!("gid://shopify/Location/{}", self.location(index))
    }
}

/// A specification file; prints why and gives none where the specifications are absent.
pub(crate) fn spec(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var("CHANNELSYNC_SPECS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs").to_owned());
    let file = format!("{root}/{path}");
    match std::fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            skipped(&format!("{file}: {error}"));
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
