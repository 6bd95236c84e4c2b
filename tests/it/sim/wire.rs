//! The way from the daemon to the shops, in process.
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
use channelsync_sandbox::Unanswered;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::mishaps::Limits;
use super::plan::Network;
use super::tasks::Queue;
use super::trace::{Trace, digest};

/// When every run begins.
pub(super) const START: &str = "2026-11-21T00:00:00Z";
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
    /// What may be refused for a limit.
    pub(super) limits: Limits,
    /// How much later the next request of an operation arrives.
    pub(super) held_up: Mutex<BTreeMap<&'static str, Duration>>,
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

    /// Counts what answers tell of the shop.
    fn count(&self, answer: &Response) {
        if answer.status == StatusCode::UNAUTHORIZED {
            self.trace.count("token refused");
        }
        if holds(answer, br#""hasNextPage":true"#) {
            self.trace.count("page with more behind it");
        }
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
    let sent = net.clock.uptime();
    *net.sent
        .lock()
        .unwrap()
        .entry(operation.clone())
        .or_default() += 1;
    net.note(task, &format!("sends {name}"));
    let (way, out, back) = net.draw(&shop);
    let held_up = net.held_up.lock().unwrap().remove(operation.as_str());
    net.clock.sleep(out + held_up.unwrap_or_default()).await;
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
        arrived.push((shop.clone(), operation.clone(), request.body.clone()));
    }
    let answer = shops.oneshot(to_http(request)).await.unwrap();
    let result = from_http(answer).await.map(|answer| net.spoil(answer));
    net.note(task, &format!("{name} -> {}", outcome(&result)));
    if let Ok(answer) = &result {
        net.count(answer);
    }
    if result.is_err() {
        net.trace.count("effect without an answer");
        if operation.contains("CreateFulfillment") {
            net.trace.count("parcel recorded without an answer");
        }
    }
    net.clock.sleep(back).await;
    let is_told = result
        .as_ref()
        .is_ok_and(|answer| holds(answer, b"throttleStatus"));
    match reply.send(result) {
        Ok(()) if is_told => net.limits.told(&shop, sent, net.clock.uptime()),
        Ok(()) => {}
        Err(_) => net.trace.count("answer to nobody"),
    }
}

fn holds(answer: &Response, what: &[u8]) -> bool {
    answer.body.windows(what.len()).any(|part| part == what)
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
