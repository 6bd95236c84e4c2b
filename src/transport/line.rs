//! One attempt over the wire, through the gate and without authorization.
//!
//! In: a request with a path. Out: an answer, or what is known of its absence. Tells the gate how
//! each attempt ended, so that levels, pauses and the breaker follow. Tokens are asked for through
//! here, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use channelsync_contract::transport::{Account, FilePart, Report};
use channelsync_contract::{CallError, Clock, Request, Response, Rng, Transport};
use tracing::debug;

use super::backoff::retry_after;
use super::gate::Gate;
use super::queue::{CLOSED, Ending};
use super::stats::{BucketStats, LastError, Outcomes, Stats};

pub(super) struct Line {
    channel: String,
    base_url: String,
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    gate: Gate,
    figures: Mutex<Figures>,
}

#[derive(Default)]
struct Figures {
    requests: u64,
    outcomes: Outcomes,
    last_error: Option<LastError>,
}

impl Line {
    pub(super) fn new(
        account: &Account,
        channel: &str,
        inner: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            channel: channel.to_owned(),
            base_url: account.base_url.clone(),
            inner,
            gate: Gate::new(account, channel, Arc::clone(&clock), rng),
            clock,
            figures: Mutex::default(),
        }
    }

    /// Lets nothing leave any more; what is under way goes on.
    pub(super) fn close(&self) {
        self.gate.queue().close();
    }

    /// Counts how a connector's call ended.
    pub(super) fn count(&self, result: &Result<Response, CallError>) {
        self.figures().outcomes.count(result);
        if let Err(error @ CallError::Unauthorized(_)) = result {
            self.note(error.to_string());
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let queue = self.gate.queue();
        let now = self.clock.uptime();
        let buckets = queue.buckets.iter().map(|bucket| BucketStats {
            name: bucket.name,
            points: bucket.level.points(now),
            capacity: bucket.level.capacity(),
            restore_per_kilosecond: bucket.level.restore_per_kilosecond(),
            waiting: bucket.lanes.len(),
            paused: bucket.paused_until > now,
        });
        let figures = self.figures();
        Stats {
            channel: self.channel.clone(),
            requests: figures.requests,
            outcomes: figures.outcomes,
            under_way: queue.under_way,
            waiting: queue.waiting(),
            breaker: queue.breaker.state(),
            buckets: buckets.collect(),
            token_expires_in: None,
            last_error: figures.last_error.clone(),
        }
    }

    /// How an answer counts, and what it says about limits.
    fn judge(&self, answer: &Response, report: fn(&Response) -> Report) -> (Ending, Report) {
        let report = report(answer);
        let limited = matches!(answer.status.as_u16(), 429 | 430);
        let ending = if report.throttled.is_some() || limited {
            let asked = retry_after(&answer.headers, self.clock.now());
            Ending::Throttled(report.throttled.or(asked).filter(|wait| !wait.is_zero()))
        } else if answer.status.is_server_error() {
            Ending::Failed
        } else {
            Ending::Answered
        };
        (ending, report)
    }

    fn note(&self, text: String) {
        let at = self.clock.now();
        self.figures().last_error = Some(LastError { at, text });
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Line {
    async fn call(&self, mut request: Request) -> Result<Response, CallError> {
        // Without the slash a path such as `@elsewhere/` would name another host.
        if !request.path.starts_with('/') {
            return Err(CallError::NotSent("the path does not start with /".into()));
        }
        request.path.insert_str(0, &self.base_url);
        let report = request.report;
        let entered = self.gate.enter(request.bucket, request.cost, request.lane);
        let mut pass = entered.await?;
        pass.leave();
        self.figures().requests += 1;
        let result = self.inner.call(request).await;
        let (ending, report) = match &result {
            Ok(answer) => self.judge(answer, report),
            Err(CallError::NotSent(_)) => (Ending::NotSent, Report::default()),
            Err(CallError::Unanswered(_)) => (Ending::Unanswered, Report::default()),
            Err(CallError::Throttled { retry_after }) => {
                (Ending::Throttled(Some(*retry_after)), Report::default())
            }
            Err(CallError::Unauthorized(_)) => (Ending::Answered, Report::default()),
        };
        match &result {
            Ok(answer) if answer.status.as_u16() >= 400 => {
                self.note(format!("HTTP {}", answer.status.as_u16()));
            }
            Ok(_) => {}
            Err(error) => self.note(error.to_string()),
        }
        let pause: Duration = pass.settle(ending, report);
        debug!(channel = self.channel, ?ending, "request ended");
        match ending {
            Ending::Throttled(_) => Err(CallError::Throttled { retry_after: pause }),
            _ => result,
        }
    }

    /// No limit of the account counts it, and no failure of another host speaks against the channel.
    async fn download(&self, part: FilePart) -> Result<Response, CallError> {
        if self.gate.queue().is_closed() {
            return Err(CallError::NotSent(CLOSED.into()));
        }
        let result = self.inner.download(part).await;
        match &result {
            Ok(answer) if answer.status.as_u16() >= 400 => {
                self.note(format!("HTTP {} for a file", answer.status.as_u16()));
            }
            Ok(_) => {}
            Err(error) => self.note(error.to_string()),
        }
        result
    }
}
