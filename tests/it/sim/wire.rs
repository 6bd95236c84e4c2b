//! The way between the daemon and the shops, in process: requests out, webhooks in.
//!
//! A request lives outside the daemon's tree. When its caller is gone, by a time limit or a crash,
//! it may still arrive and have its effect, or be lost with its caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use channelsync::ports::SeededRng;
use channelsync_contract::ports::within;
use channelsync_contract::transport::{Effect, FilePart, Lane, Report};
use channelsync_contract::{CallError, Clock, Request, Response, Rng, Spawn, Timestamp, Transport};
use channelsync_sandbox::{Courier, Unanswered, Undelivered};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::plan::Network;
use super::tasks::Queue;
use super::trace::{Trace, digest};

/// When every run begins.
const START: &str = "2026-11-21T00:00:00Z";
const BODY_BYTES_MAX: usize = 16 << 20;
const LATE_MAX_MS: u64 = 90_000;
const SLOW_MAX_MS: u64 = 10_000;

/// Tokio's paused clock, as a port.
pub(crate) struct PausedClock(tokio::time::Instant);

impl PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn start() -> Arc<Self> {
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

/// What all requests share.
pub(super) struct Net {
    pub(super) clock: Arc<PausedClock>,
    pub(super) trace: Arc<Trace>,
    /// Tasks that survive the daemon.
    pub(super) outside: Arc<Queue>,
    pub(super) dice: SeededRng,
    pub(super) faults: Mutex<Network>,
    /// Requests so far, by operation.
    pub(super) sent: Mutex<BTreeMap<String, u64>>,
    /// Requests as they arrived: shop, operation, body; kept while somebody wants them.
    pub(super) arrived: Mutex<Option<Vec<(String, String, Bytes)>>>,
}

/// The way to one shop.
pub(super) struct Wire {
    pub(super) net: Arc<Net>,
    pub(super) shops: Router,
    /// An answer must have come by then.
    pub(super) timeout: Duration,
}

type Reply = oneshot::Sender<Result<Response, CallError>>;

/// What becomes of a request on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Fine,
    /// The connection breaks at once.
    Broken,
    /// Silence.
    Swallowed,
}

impl Net {
    fn draw(&self, shop: &str) -> (Way, Duration, Duration) {
        let faults = *self.faults.lock().unwrap();
        let (lost, late) = (self.dice.below(1_000), self.dice.below(1_000));
        let mut out = 2 + self.dice.below(60);
        let mut back = 1 + self.dice.below(40);
        let way = match lost {
            _ if faults.silent == Some(shop) => Way::Swallowed,
            lost if lost * 2 < faults.lost => Way::Broken,
            lost if lost < faults.lost => Way::Swallowed,
            _ => Way::Fine,
        };
        if late < faults.late {
            self.trace.count("request late");
            out += self.dice.below(LATE_MAX_MS);
        }
        if faults.slow > 0 && self.dice.below(1_000) < faults.slow {
            self.trace.count("answer late");
            back += self.dice.below(SLOW_MAX_MS);
        }
        (way, Duration::from_millis(out), Duration::from_millis(back))
    }

    /// An answer that comes in half, or is none of the shop's own.
    fn spoil(&self, mut answer: Response) -> Response {
        let spoiled = self.faults.lock().unwrap().spoiled;
        if spoiled > 0 && self.dice.below(1_000) < spoiled {
            answer.body = match self.dice.below(2) {
                0 => answer.body.slice(..answer.body.len() / 2),
                _ => Bytes::from_static(b"{\"data\":{\"sorry\":[]}}"),
            };
            self.trace.count("answer spoiled");
        }
        answer
    }

    fn note(&self, task: &'static str, what: &str) {
        self.trace.note(self.clock.now(), task, what);
    }
}

async fn exchange(
    net: Arc<Net>,
    shops: Router,
    request: Request,
    task: &'static str,
    reply: Reply,
) {
    let (shop, operation, name) = name(&request);
    *net.sent
        .lock()
        .unwrap()
        .entry(operation.clone())
        .or_default() += 1;
    net.note(task, &format!("sends {name}"));
    let (way, out, back) = net.draw(&shop);
    net.clock.sleep(out).await;
    match way {
        Way::Fine => {}
        Way::Broken => {
            net.trace.count("request lost");
            return net.note(task, &format!("lost {name}"));
        }
        Way::Swallowed => {
            net.trace.count("request lost");
            net.note(task, &format!("lost {name}"));
            net.clock.sleep(Duration::from_secs(600)).await;
            return;
        }
    }
    let is_zombie = reply.is_closed();
    if is_zombie && net.dice.below(2) == 0 {
        net.trace.count("request lost with its caller");
        return net.note(task, &format!("lost with its caller {name}"));
    }
    if is_zombie {
        net.trace.count("request arrived after its caller was gone");
    }
    if let Some(arrived) = &mut *net.arrived.lock().unwrap() {
        arrived.push((shop, operation.clone(), request.body.clone()));
    }
    let answer = shops.oneshot(to_http(request)).await.unwrap();
    let result = from_http(answer).await.map(|answer| net.spoil(answer));
    net.note(task, &format!("{name} -> {}", outcome(&result)));
    if result.is_err() {
        net.trace.count("effect without an answer");
        if operation.contains("CreateFulfillment") {
            net.trace.count("parcel recorded without an answer");
        }
    }
    net.clock.sleep(back).await;
    if reply.send(result).is_err() {
        net.trace.count("answer to nobody");
    }
}

fn to_http(request: Request) -> http::Request<Body> {
    let mut out = http::Request::new(Body::from(request.body));
    *out.method_mut() = request.method;
    *out.uri_mut() = request.path.parse().unwrap();
    *out.headers_mut() = request.headers;
    out
}

async fn from_http(answer: http::Response<Body>) -> Result<Response, CallError> {
    if answer.extensions().get::<Unanswered>().is_some() {
        return Err(CallError::Unanswered("connection reset".to_owned()));
    }
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
    Ok(Response {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// The shop and the operation of a request, and all of it in one line, ending in a hash.
fn name(request: &Request) -> (String, String, String) {
    let (_, path) = request.path.split_once("//").unwrap_or_default();
    let shop = path.split('/').nth(2).unwrap_or_default();
    if request.method == Method::GET {
        let operation = "download".to_owned();
        let range = request.headers[header::RANGE].to_str().unwrap();
        let line = format!("{shop} {operation} {range}");
        return (shop.to_owned(), operation, line);
    }
    let text = String::from_utf8_lossy(&request.body);
    let query: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let query = query.and_then(|body| body["query"].as_str().map(ToOwned::to_owned));
    let operation = query.unwrap_or_default();
    let operation = operation
        .split(['(', '{'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let line = format!("{shop} {operation} {}", digest(&request.body));
    (shop.to_owned(), operation, line)
}

fn outcome(result: &Result<Response, CallError>) -> String {
    match result {
        Ok(answer) => format!("{} {}", answer.status.as_u16(), digest(&answer.body)),
        Err(error) => error.to_string(),
    }
}

#[async_trait]
impl Transport for Wire {
    async fn download(&self, part: FilePart) -> Result<Response, CallError> {
        let range = HeaderValue::try_from(part.range()).unwrap();
        self.call(Request {
            method: Method::GET,
            path: part.url.expose().to_owned(),
            headers: HeaderMap::from_iter([(header::RANGE, range)]),
            body: Bytes::new(),
            bucket: "",
            cost: 0,
            lane: Lane::Backfill,
            effect: Effect::Read,
            authorize: false,
            report: Report::none,
        })
        .await
    }

    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let (reply, answer) = oneshot::channel();
        let task = self.net.trace.task();
        let (net, shops) = (self.net.clone(), self.shops.clone());
        let work = exchange(net, shops, request, task, reply);
        self.net.outside.spawn("request", Box::pin(work));
        match within(&*self.net.clock, self.timeout, answer).await {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(CallError::Unanswered("connection reset".to_owned())),
            None => {
                self.net.trace.count("request timed out");
                Err(CallError::Unanswered("no answer in time".to_owned()))
            }
        }
    }
}

/// Where deliveries arrive at the moment; none while the daemon is down.
#[derive(Default)]
pub(super) struct Door(Mutex<Option<Open>>);

#[derive(Clone)]
pub(super) struct Open {
    pub(super) routes: Router,
    /// The daemon's tasks: a delivery in hand dies with it.
    pub(super) tasks: Arc<Queue>,
}

impl Door {
    pub(super) fn set(&self, open: Option<Open>) {
        *self.0.lock().unwrap() = open;
    }
}

fn note_answer(answers: &mut Answers, answer: &axum::response::Response, took: Duration) {
    answers.in_hand -= 1;
    answers.slowest = answers.slowest.max(took);
    let is_put_off = answer.status() == StatusCode::SERVICE_UNAVAILABLE
        && answer.headers().contains_key(header::RETRY_AFTER);
    answers.put_off += u64::from(is_put_off);
}

/// Channel and id of orders.
pub(super) type Accepted = Arc<Mutex<Vec<(String, String)>>>;

/// How deliveries were answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Taken in and not answered yet.
    pub(super) in_hand: usize,
    /// The longest wait for an answer.
    pub(super) slowest: Duration,
    /// Told to come again later.
    pub(super) put_off: u64,
    /// Forged ones that were not refused.
    pub(super) forged_taken: u64,
}

/// Brings webhooks to the door.
pub(super) struct Postman {
    pub(super) door: Arc<Door>,
    pub(super) clock: Arc<PausedClock>,
    pub(super) trace: Arc<Trace>,
    /// New orders whose delivery was accepted.
    pub(super) accepted: Accepted,
    pub(super) answers: Arc<Mutex<Answers>>,
    pub(super) dice: SeededRng,
    /// Deliveries in a thousand that are misused.
    pub(super) mischief: u64,
    /// Some that were seen.
    pub(super) seen: Mutex<Vec<http::Request<Bytes>>>,
}

impl Postman {
    /// Somebody who read a delivery brings an older one again, alters it, or takes it to another door.
    fn misuse(&self, request: &http::Request<Bytes>) {
        let open = self.door.0.lock().unwrap().clone();
        let Some(open) = open.filter(|_| self.dice.below(1_000) < self.mischief) else {
            return;
        };
        let mut seen = self.seen.lock().unwrap();
        seen.push(request.clone());
        let bound = u64::try_from(seen.len()).unwrap();
        let mut older = seen[usize::try_from(self.dice.below(bound)).unwrap()].clone();
        let (what, is_forged) = match self.dice.below(3) {
            0 => ("webhook repeated later", false),
            1 => {
                *older.body_mut() = [older.body(), &b" "[..]].concat().into();
                ("webhook altered", true)
            }
            _ if older.uri() == request.uri() => return,
            _ => {
                *older.uri_mut() = request.uri().clone();
                ("webhook at another door", true)
            }
        };
        self.trace.count(what);
        let answers = self.answers.clone();
        let work = async move {
            let answered = open.routes.oneshot(older.map(Body::from)).await.unwrap();
            if is_forged && answered.status() != StatusCode::UNAUTHORIZED {
                answers.lock().unwrap().forged_taken += 1;
            }
        };
        open.tasks.spawn("webhook", Box::pin(work));
    }
}

#[async_trait]
impl Courier for Postman {
    async fn deliver(&self, request: http::Request<Bytes>) -> Result<StatusCode, Undelivered> {
        self.misuse(&request);
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        let (topic, domain) = (header("X-Shopify-Topic"), header("X-Shopify-Shop-Domain"));
        let body = request.body().clone();
        let open = self.door.0.lock().unwrap().clone();
        let status = match open {
            None => {
                self.trace.count("webhook while the daemon was down");
                None
            }
            Some(open) => {
                let (reply, answer) = oneshot::channel();
                let request = request.map(Body::from);
                let (clock, answers) = (self.clock.clone(), self.answers.clone());
                let work = async move {
                    let began = clock.uptime();
                    answers.lock().unwrap().in_hand += 1;
                    let answered = open.routes.oneshot(request).await.unwrap();
                    note_answer(
                        &mut answers.lock().unwrap(),
                        &answered,
                        clock.uptime() - began,
                    );
                    // Nobody waits for it when the daemon is gone.
                    let _gone: Result<(), http::StatusCode> = reply.send(answered.status());
                };
                open.tasks.spawn("webhook", Box::pin(work));
                answer.await.ok()
            }
        };
        let answered = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let line = format!("{domain} {topic} {} -> {answered}", digest(&body));
        self.trace.note(self.clock.now(), "webhook", &line);
        match status {
            Some(status) if status.is_success() => {
                self.trace.count("webhook accepted");
                if topic == "orders/create" {
                    let order: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    let shop = domain.split('.').next().unwrap_or_default().to_owned();
                    let order = (shop, order["id"].to_string());
                    self.accepted.lock().unwrap().push(order);
                }
                Ok(status)
            }
            Some(status) => {
                self.trace.count("webhook refused");
                Ok(status)
            }
            None => Err(Undelivered(None)),
        }
    }
}
