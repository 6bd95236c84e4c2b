//! The way out of an account: every call passes here, or waits here until it may.
//!
//! In: a bucket, a cost, a lane. Out: a [`Pass`], which is a call under way. The [`Queue`] decides;
//! this is the lock around it and the waiting. A caller may vanish at any await: a pass that is
//! dropped returns its place, and its points too unless the request had left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channelsync_contract::transport::{Account, CallError, Lane, Report};
use channelsync_contract::{Clock, Rng};
use futures_util::future::select;
use futures_util::pin_mut;
use tracing::{info, warn};

use super::backoff::backoff;
use super::breaker::Change;
use super::queue::{Ending, Grant, Look, Queue, Ticket, Verdict};

/// Calls of one account that may wait at once.
pub(super) const WAITING_MAX: usize = 1024;

pub(super) struct Gate {
    channel: String,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    queue: Mutex<Queue>,
}

/// A call that waits or is under way.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    ticket: Arc<Ticket>,
    left: bool,
    settled: bool,
}

impl Gate {
    pub(super) fn new(
        account: &Account,
        channel: &str,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            channel: channel.to_owned(),
            queue: Mutex::new(Queue::new(account, WAITING_MAX, &clock)),
            clock,
            rng,
        }
    }

    /// The queue, for looking and changing, never across an await.
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a call of this cost may leave.
    pub(super) async fn enter(
        &self,
        bucket: &str,
        cost: u32,
        lane: Lane,
    ) -> Result<Pass<'_>, CallError> {
        let now = self.clock.uptime();
        let ticket = self.queue().enqueue(bucket, cost, lane, now);
        let pass = Pass {
            gate: self,
            ticket: ticket.map_err(CallError::NotSent)?,
            left: false,
            settled: false,
        };
        loop {
            let look = self.queue().look(&pass.ticket, self.clock.uptime());
            match look {
                Look::Decided(Verdict::Go(_)) => return Ok(pass),
                Look::Decided(Verdict::No(why)) => return Err(CallError::NotSent(why)),
                Look::Wait(None) => pass.ticket.wake.notified().await,
                Look::Wait(Some(wait)) => {
                    let sleep = self.clock.sleep(wait);
                    let woken = pass.ticket.wake.notified();
                    pin_mut!(woken);
                    select(woken, sleep).await;
                }
            }
        }
    }

    fn settle(&self, ticket: &Ticket, grant: Grant, ending: Ending, report: Report) -> Duration {
        let draw = |attempt| backoff(attempt, &*self.rng);
        let mut queue = self.queue();
        let now = self.clock.uptime();
        let settled = queue.settle(ticket, grant, ending, report, now, draw);
        let bucket = queue.buckets[ticket.bucket].name;
        drop(queue);
        let channel = self.channel.as_str();
        match settled.change {
            Change::None => {}
            Change::Opened { pause } => {
                warn!(
                    channel,
                    wait_ms = millis(pause),
                    "channel does not answer, circuit opened"
                );
            }
            Change::Closed => info!(channel, "channel answers again, circuit closed"),
        }
        if let Some(pause) = settled.pause {
            warn!(
                channel,
                bucket,
                wait_ms = millis(pause),
                "throttled by the channel"
            );
        }
        settled.pause.unwrap_or_default()
    }
}

impl Pass<'_> {
    /// From here on the request may reach the server.
    pub(super) fn leave(&mut self) {
        self.left = true;
    }

    /// The call ended; how long its bucket is paused, if it is.
    pub(super) fn settle(mut self, ending: Ending, report: Report) -> Duration {
        self.settled = true;
        match self.ticket.verdict.get() {
            Some(Verdict::Go(grant)) => self.gate.settle(&self.ticket, *grant, ending, report),
            Some(Verdict::No(_)) | None => unreachable!("only a call that may leave has a pass"),
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let mut queue = self.gate.queue();
        let verdict = self.ticket.verdict.get().cloned();
        match verdict {
            None => queue.withdraw(&self.ticket, self.gate.clock.uptime()),
            Some(Verdict::No(_)) => {}
            Some(Verdict::Go(grant)) => {
                drop(queue);
                let ending = if self.left {
                    Ending::Abandoned
                } else {
                    Ending::GivenUp
                };
                self.gate
                    .settle(&self.ticket, grant, ending, Report::default());
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
