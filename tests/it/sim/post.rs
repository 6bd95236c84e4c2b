//! The way from the shops to the daemon, in process: deliveries, and what becomes of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use channelsync::ports::SeededRng;
use channelsync_contract::{Clock, Rng, Spawn};
use channelsync_sandbox::{Courier, Undelivered};
use http::{StatusCode, header};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::plan::{Plan, dice};
use super::tasks::Queue;
use super::trace::{Trace, digest};
use super::wire::PausedClock;

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
    /// Brings a delivery; whether it was accepted.
    pub(super) async fn brings(&self, request: http::Request<Bytes>) -> bool {
        let open = self.0.lock().unwrap().clone();
        let Some(open) = open else { return false };
        let (reply, answer) = oneshot::channel();
        let work = async move {
            let answered = open.routes.oneshot(request.map(Body::from)).await.unwrap();
            // Nobody waits for it when the daemon is gone.
            let _gone: Result<(), bool> = reply.send(answered.status().is_success());
        };
        open.tasks.spawn("webhook", Box::pin(work));
        answer.await.unwrap_or(false)
    }

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

/// Deliveries that were taken from the shops and did not come yet.
pub(super) struct Kept {
    dice: SeededRng,
    /// Of a thousand.
    rate: u64,
    requests: Mutex<Vec<http::Request<Bytes>>>,
}

impl Kept {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            dice: dice(plan.seed, 15),
            rate: plan.mishaps.webhooks_kept,
            requests: Mutex::default(),
        }
    }

    /// Keeps some back; whether this one.
    fn keeps(&self, request: &http::Request<Bytes>) -> bool {
        let is_kept = self.dice.below(1_000) < self.rate;
        if is_kept {
            self.requests.lock().unwrap().push(request.clone());
        }
        is_kept
    }

    /// All of them, in any order.
    pub(super) fn take(&self) -> Vec<http::Request<Bytes>> {
        let mut requests = std::mem::take(&mut *self.requests.lock().unwrap());
        for last in (1..requests.len()).rev() {
            let bound = u64::try_from(last + 1).unwrap();
            requests.swap(last, usize::try_from(self.dice.below(bound)).unwrap());
        }
        requests
    }
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
    pub(super) kept: Arc<Kept>,
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
        if self.kept.keeps(&request) {
            return Ok(StatusCode::OK);
        }
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
