//! A clock that stands still and a channel that waits for its lines.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use channelsync_contract::transport::{
    Account, Auth, Bucket, Effect, Lane, Level, Report, Secret, TokenSource,
};
use channelsync_contract::{CallError, Clock, Request, Response, Timestamp, Transport};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio::sync::{oneshot, watch};

/// Time passes only when told.
pub(super) struct ManualClock {
    uptime: watch::Sender<Duration>,
}

impl ManualClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            uptime: watch::Sender::new(Duration::from_secs(1)),
        })
    }

    pub(super) fn advance(&self, by: Duration) {
        self.uptime.send_modify(|uptime| *uptime += by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000_000).plus(self.uptime())
    }

    fn uptime(&self) -> Duration {
        *self.uptime.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.uptime() + duration;
        let mut uptime = self.uptime.subscribe();
        let passed = uptime.wait_for(|uptime| *uptime >= until).await;
        drop(passed);
    }
}

/// Keeps every request until the test answers it.
#[derive(Default)]
pub(super) struct Channel {
    open: Mutex<Vec<Open>>,
}

/// A request at the channel.
pub(super) struct Open {
    pub(super) request: Request,
    reply: oneshot::Sender<Result<Response, CallError>>,
}

impl Channel {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(super) fn open(&self) -> usize {
        self.open.lock().unwrap().len()
    }

    /// Takes the oldest request.
    pub(super) fn next(&self) -> Open {
        let mut open = self.open.lock().unwrap();
        assert!(!open.is_empty(), "a request has arrived");
        open.remove(0)
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let open = self.open.lock().unwrap();
        open.iter().map(|open| open.request.path.clone()).collect()
    }

    /// What follows the base URL in the oldest request.
    pub(super) fn path(&self) -> String {
        let open = self.open.lock().unwrap();
        open[0].request.path.replace(BASE_URL, "")
    }
}

impl Open {
    pub(super) fn answer(self, result: Result<Response, CallError>) {
        // The caller may have gone.
        drop(self.reply.send(result));
    }

    pub(super) fn status(self, status: u16) {
        self.answer(Ok(response(status, "{}")));
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.request.headers[name].to_str().unwrap()
    }
}

#[async_trait]
impl Transport for Channel {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let (reply, answer) = oneshot::channel();
        self.open.lock().unwrap().push(Open { request, reply });
        let lost = |_| Err(CallError::Unanswered("reply dropped".into()));
        answer.await.unwrap_or_else(lost)
    }
}

pub(super) const BASE_URL: &str = "https://shop.example";

pub(super) fn response(status: u16, body: &str) -> Response {
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// An account with 1,000 points and 50 per second, and a wide second bucket.
pub(super) fn account(token: TokenSource) -> Account {
    Account {
        base_url: BASE_URL.into(),
        auth: Auth {
            header: HeaderName::from_static("x-token"),
            token,
        },
        buckets: vec![
            Bucket {
                name: "graphql",
                capacity: 1000,
                restore_per_kilosecond: 50_000,
            },
            Bucket {
                name: "other",
                capacity: 1_000_000,
                restore_per_kilosecond: 1_000_000_000,
            },
        ],
        calls_max: 4,
        timeout: Duration::from_secs(30),
        response_bytes_max: 1 << 20,
        patience: channelsync_contract::transport::Patience::default(),
    }
}

pub(super) fn fixed() -> TokenSource {
    TokenSource::Fixed(Secret::new("canary-secret"))
}

pub(super) fn request(path: &str, cost: u32, lane: Lane) -> Request {
    Request {
        method: Method::POST,
        path: path.into(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        bucket: "graphql",
        cost,
        lane,
        effect: Effect::Write,
        authorize: true,
        report,
    }
}

/// Reads `available/capacity/per second/cost`, or `throttled/seconds`, from the body.
fn report(answer: &Response) -> Report {
    let text = std::str::from_utf8(&answer.body).unwrap();
    if let Some(seconds) = text.strip_prefix("throttled/") {
        let wait = Duration::from_secs(seconds.parse().unwrap());
        return Report {
            throttled: Some(wait),
            ..Report::default()
        };
    }
    let figures: Vec<u32> = text
        .split('/')
        .filter_map(|part| part.parse().ok())
        .collect();
    match figures[..] {
        [available, capacity, per_second, cost] => Report {
            level: Some(Level {
                available,
                capacity,
                restore_per_kilosecond: per_second * 1000,
            }),
            cost: Some(cost),
            throttled: None,
        },
        _ => Report::default(),
    }
}

/// Polls once; what came of it.
pub(super) fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    future.now_or_never()
}
