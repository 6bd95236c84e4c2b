//! Which calls of an account may leave: all its limits together, as one value behind the gate's
//! lock.
//!
//! In: calls that want to leave, how they ended, uptime. Out: verdicts on tickets, and wake-ups for
//! those that must look again. A call leaves when the breaker lets it, a slot of `calls_max` is
//! free, its bucket is not paused, and both the [`Level`] and the [`Pace`] of the bucket can pay
//! its cost.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use channelsync_contract::Clock;
use channelsync_contract::transport::{Account, Lane, Report};
use tokio::sync::Notify;

use super::breaker::{Breaker, Change, Leave};
use super::lanes::Lanes;
use super::level::{BROKEN_LATE_MAX, Held, LATE_MAX, Level, Short};
use super::pace::Pace;

/// Why nothing leaves through a closed queue.
pub(super) const CLOSED: &str = "the channel is being stopped";

/// One waiting call.
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) bucket: usize,
    cost: u32,
    /// Set once, under the gate's lock.
    pub(super) verdict: OnceLock<Verdict>,
    pub(super) wake: Notify,
}

/// What became of a waiting call.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Go(Grant),
    No(String),
}

/// What a call that may leave has taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) held: Held,
    pub(super) leave: Leave,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was given up before it left.
    GivenUp,
    /// It was given up after it left.
    Abandoned,
    /// It could not be sent.
    NotSent,
    /// It was sent, without an answer.
    Unanswered,
    /// The server answered that it failed.
    Failed,
    /// The server answered.
    Answered,
    /// The server refused for its limit; it may have said for how long.
    Throttled(Option<Duration>),
}

pub(super) struct Bucket {
    pub(super) name: &'static str,
    pub(super) level: Level,
    pub(super) lanes: Lanes<Arc<Ticket>>,
    pub(super) paused_until: Duration,
    pace: Pace,
    /// Points that calls took of `pace` whose cost nobody told: the server's next figure counts them.
    unsure: u32,
    /// When the first ticket should look again, and which ticket is sleeping until then.
    retry_at: Option<Duration>,
    armed: Option<u64>,
    /// Refusals in a row, and when the last was met.
    throttles: u32,
    throttled_at: Option<Duration>,
}

pub(super) struct Queue {
    pub(super) buckets: Vec<Bucket>,
    pub(super) breaker: Breaker,
    pub(super) under_way: usize,
    calls_max: usize,
    /// A call that ended without an answer before this had its connection broken.
    timeout: Duration,
    waiting_max: usize,
    /// Nothing leaves any more.
    closed: bool,
    next: u64,
}

impl Queue {
    pub(super) fn new(account: &Account, waiting_max: usize, clock: &Arc<dyn Clock>) -> Self {
        let now = clock.uptime();
        let bucket = |bucket: &channelsync_contract::transport::Bucket| Bucket {
            name: bucket.name,
            level: Level::empty(bucket.capacity, bucket.restore_per_kilosecond, now),
            pace: Pace::new(
                Arc::clone(clock),
                bucket.capacity,
                bucket.restore_per_kilosecond,
            ),
            unsure: 0,
            lanes: Lanes::new(),
            paused_until: now,
            retry_at: None,
            armed: None,
            throttles: 0,
            throttled_at: None,
        };
        Self {
            buckets: account.buckets.iter().map(bucket).collect(),
            breaker: Breaker::new(account.patience),
            under_way: 0,
            calls_max: account.calls_max.max(1),
            timeout: account.timeout,
            waiting_max,
            closed: false,
            next: 0,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.lanes.len()).sum()
    }

    /// Puts a call at the end of its lane; the text says why that cannot be.
    pub(super) fn enqueue(
        &mut self,
        name: &str,
        cost: u32,
        lane: Lane,
        now: Duration,
    ) -> Result<Arc<Ticket>, String> {
        let at = self.buckets.iter().position(|bucket| bucket.name == name);
        let Some(bucket) = at else {
            return Err(format!("the account has no rate limit named {name}"));
        };
        if self.closed {
            return Err(CLOSED.to_owned());
        }
        if self.waiting() >= self.waiting_max {
            return Err(format!("{} calls are waiting already", self.waiting_max));
        }
        self.next += 1;
        let ticket = Arc::new(Ticket {
            number: self.next,
            bucket,
            cost,
            verdict: OnceLock::new(),
            wake: Notify::new(),
        });
        let lanes = &mut self.buckets[bucket].lanes;
        lanes.push(lane, ticket.number, Arc::clone(&ticket), now);
        Ok(ticket)
    }

    /// Decides about all calls that can be decided; then `ticket` reads its verdict, or when to
    /// look again.
    pub(super) fn look(&mut self, ticket: &Ticket, now: Duration) -> Look {
        let moved = self.pump(now);
        let bucket = &mut self.buckets[ticket.bucket];
        let first = bucket.lanes.first(now).map(|(rank, _)| rank.number);
        let is_first = first == Some(ticket.number);
        if is_first && bucket.retry_at.is_some() {
            bucket.armed = first;
        }
        let again = bucket.retry_at.filter(|_| is_first);
        self.rouse(moved, now);
        match ticket.verdict.get() {
            Some(verdict) => Look::Decided(verdict.clone()),
            None => Look::Wait(again.map(|at| at.saturating_sub(now))),
        }
    }

    /// Takes out a ticket without a verdict.
    pub(super) fn withdraw(&mut self, ticket: &Ticket, now: Duration) {
        self.buckets[ticket.bucket].lanes.remove(ticket.number);
        self.pump(now);
        self.rouse(true, now);
    }

    /// Settles a call that had left: slot, points, breaker, pause of the bucket.
    ///
    /// `backoff` gives a pause for the n-th refusal in a row, where the server named none.
    pub(super) fn settle(
        &mut self,
        ticket: &Ticket,
        grant: Grant,
        ending: Ending,
        report: Report,
        now: Duration,
        backoff: impl Fn(u32) -> Duration,
    ) -> Settled {
        let Grant { held, leave } = grant;
        self.under_way = self.under_way.saturating_sub(1);
        let bucket = &mut self.buckets[ticket.bucket];
        match ending {
            Ending::GivenUp | Ending::NotSent => bucket.give_back(held, now),
            Ending::Unanswered if now.saturating_sub(held.began()) < self.timeout => {
                bucket.lose(held, BROKEN_LATE_MAX, now);
            }
            Ending::Abandoned | Ending::Unanswered => bucket.lose(held, LATE_MAX, now),
            Ending::Failed | Ending::Answered | Ending::Throttled(_) => {
                bucket.settle(held, report, now);
            }
        }
        let pause = match ending {
            Ending::Throttled(wait) => {
                if report.level.is_none() {
                    bucket.drain(now);
                }
                Some(bucket.throttle(held, wait, now, backoff))
            }
            Ending::Answered if bucket.throttled_at.is_none_or(|at| held.began() > at) => {
                bucket.throttles = 0;
                None
            }
            _ => None,
        };
        let change = match ending {
            Ending::GivenUp | Ending::Abandoned => {
                self.breaker.abandoned(leave, now);
                Change::None
            }
            Ending::NotSent | Ending::Unanswered | Ending::Failed => {
                self.breaker.failed(leave, now)
            }
            Ending::Answered | Ending::Throttled(_) => self.breaker.answered(),
        };
        self.pump(now);
        self.rouse(true, now);
        Settled { pause, change }
    }

    /// Lets out, best rank first, all calls that may leave now; whether any ticket got a verdict.
    fn pump(&mut self, now: Duration) -> bool {
        let mut moved = false;
        loop {
            for bucket in &mut self.buckets {
                bucket.retry_at = None;
            }
            if self.breaker.refuses(now) {
                let failures = self.breaker.failures();
                let why = format!("the channel failed {failures} times in a row, circuit is open");
                return self.refuse_all(&why) || moved;
            }
            if self.under_way >= self.calls_max || !self.decide_one(now) {
                return moved;
            }
            moved = true;
        }
    }

    /// Decides about the best call that can be decided; whether there was one.
    fn decide_one(&mut self, now: Duration) -> bool {
        let firsts = self.buckets.iter().enumerate();
        let mut order: Vec<_> = firsts
            .filter_map(|(index, bucket)| Some((bucket.lanes.first(now)?.0, index)))
            .collect();
        order.sort_unstable();
        for (_, index) in order {
            let bucket = &mut self.buckets[index];
            let verdict = match bucket.take(now) {
                Ok(held) => match self.breaker.leave(now) {
                    Some(leave) => {
                        self.under_way += 1;
                        Verdict::Go(Grant { held, leave })
                    }
                    None => unreachable!("asked before, under the same lock, at the same time"),
                },
                Err(Short::TooExpensive { capacity }) => Verdict::No(format!(
                    "costs more than the {capacity} points that {} holds",
                    bucket.name
                )),
                Err(Short::Wait(wait)) => {
                    bucket.retry_at = Some(now.saturating_add(wait));
                    continue;
                }
            };
            if let Some(ticket) = bucket.lanes.pop(now) {
                ticket.decide(verdict);
            }
            return true;
        }
        false
    }

    /// From now on nothing leaves: who waits has sent nothing and need not be waited for.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.refuse_all(CLOSED);
    }

    fn refuse_all(&mut self, why: &str) -> bool {
        let mut any = false;
        for bucket in &mut self.buckets {
            for ticket in bucket.lanes.drain() {
                ticket.decide(Verdict::No(why.to_owned()));
                any = true;
            }
        }
        any
    }

    /// Wakes the first ticket of each bucket: always when something `moved`, else only where it
    /// does not know yet that it is the first and has to keep the time.
    fn rouse(&self, moved: bool, now: Duration) {
        for bucket in &self.buckets {
            if let Some((rank, ticket)) = bucket.lanes.first(now)
                && (moved || (bucket.retry_at.is_some() && bucket.armed != Some(rank.number)))
            {
                ticket.wake.notify_one();
            }
        }
    }
}

/// What a waiting call sees.
pub(super) enum Look {
    Decided(Verdict),
    /// Wait to be woken, at most this long if one is given.
    Wait(Option<Duration>),
}

/// What the end of a call changed.
pub(super) struct Settled {
    /// The bucket is paused for this long.
    pub(super) pause: Option<Duration>,
    pub(super) change: Change,
}

impl Ticket {
    fn decide(&self, verdict: Verdict) {
        let decided = self.verdict.set(verdict);
        debug_assert!(decided.is_ok(), "a ticket is decided once");
        self.wake.notify_one();
    }
}

impl Bucket {
    /// Takes the cost of the first call from level and pace, or from neither.
    fn take(&mut self, now: Duration) -> Result<Held, Short> {
        let cost = self.lanes.first(now).map_or(0, |(_, ticket)| ticket.cost);
        self.level.check(cost, now)?;
        let paused = self.paused_until.saturating_sub(now);
        if !paused.is_zero() {
            return Err(Short::Wait(paused));
        }
        self.pace.take(cost).map_err(Short::Wait)?;
        self.level.take(cost, now)
    }

    fn give_back(&mut self, held: Held, now: Duration) {
        self.level.give_back(held, now);
        self.pace.give_back(held.cost());
    }

    fn lose(&mut self, held: Held, late_max: Duration, now: Duration) {
        self.level.lose(held, late_max, now);
        self.unsure = self.unsure.saturating_add(held.cost());
    }

    fn settle(&mut self, held: Held, report: Report, now: Duration) {
        self.level.settle(held, report.cost, report.level, now);
        match report.cost {
            Some(cost) => self.pace.give_back(held.cost().saturating_sub(cost)),
            None => self.unsure = self.unsure.saturating_add(held.cost()),
        }
        if report.level.is_some() {
            self.pace.give_back(std::mem::take(&mut self.unsure));
        }
        let capacity = self.level.capacity();
        self.pace
            .follow(capacity, self.level.restore_per_kilosecond());
    }

    /// The server refused for its limit and did not say what is left: nothing.
    fn drain(&mut self, now: Duration) {
        self.level.drain(now);
        self.pace.drain();
    }

    /// Pauses; how long.
    fn throttle(
        &mut self,
        held: Held,
        wait: Option<Duration>,
        now: Duration,
        backoff: impl Fn(u32) -> Duration,
    ) -> Duration {
        // Calls that left before the last refusal was known belong to the same one.
        if self.throttled_at.is_none_or(|at| held.began() >= at) {
            self.throttles = self.throttles.saturating_add(1);
        }
        self.throttled_at = Some(now);
        let pause = wait.unwrap_or_else(|| backoff(self.throttles));
        self.paused_until = self.paused_until.max(now.saturating_add(pause));
        pause
    }
}
