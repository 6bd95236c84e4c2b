//! Drives what happens by itself: webhooks that are due, and fulfillment orders that appear late.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use channelsync_contract::ports::within;
use channelsync_contract::{Clock, Timestamp};
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::sandbox::Sandbox;
use crate::state::{Shop, ShopCell};
use crate::webhook::{self, Delivery};

/// Webhooks of one shop under way at the same time.
const UNDER_WAY_MAX: usize = 32;
/// How long a listener may take for its whole answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

impl Sandbox {
    /// Delivers webhooks and lets fulfillment orders appear, until [`Sandbox::stop`].
    ///
    /// What is under way when it is stopped or dropped counts as not answered; another run goes on.
    pub async fn run(&self) {
        let mut under_way = FuturesUnordered::new();
        while !self.stopped.load(Ordering::Acquire) {
            let mut next: Option<Timestamp> = None;
            for cell in &self.shops {
                let step = cell.enter(self.clock.now(), step);
                for delivery in step.deliveries {
                    under_way.push(self.attempt(UnderWay {
                        cell: Arc::clone(cell),
                        clock: Arc::clone(&self.clock),
                        delivery: Some(delivery),
                        accepted_after: None,
                    }));
                }
                next = [next, step.next].into_iter().flatten().min();
            }
            let rest = next.map(|at| at.since(self.clock.now()));
            let slept = pin!(sleep(&*self.clock, rest));
            let woken = pin!(self.wake.notified());
            let quiet = select(slept, woken);
            if under_way.is_empty() {
                quiet.await;
            } else {
                match select(under_way.next(), quiet).await {
                    Either::Left(_) | Either::Right(_) => {}
                }
            }
        }
    }

    async fn attempt(&self, mut under_way: UnderWay) {
        let Some(delivery) = &under_way.delivery else {
            return;
        };
        let started = self.clock.uptime();
        let sending = self.courier.deliver(delivery.request.clone());
        let answer = within(&*self.clock, ANSWER_MAX, sending).await;
        let took = self.clock.uptime().saturating_sub(started);
        under_way.accepted_after = match answer {
            Some(Ok(status)) if status.is_success() => Some(took),
            _ => None,
        };
    }
}

/// A delivery under way. Its outcome is booked when it is dropped, also when the run is dropped
/// with it: then it failed and is tried again.
struct UnderWay {
    cell: Arc<ShopCell>,
    clock: Arc<dyn Clock>,
    delivery: Option<Delivery>,
    accepted_after: Option<Duration>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(delivery) = self.delivery.take() else {
            return;
        };
        self.cell.enter(self.clock.now(), |shop| {
            if let Some(took) = self.accepted_after {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                shop.counters.acked_after(micros);
            }
            webhook::settle(shop, delivery, self.accepted_after.is_some());
        });
    }
}

struct Step {
    deliveries: Vec<Delivery>,
    /// When to look again; none when only new events or answers matter.
    next: Option<Timestamp>,
}

fn step(shop: &mut Shop) -> Step {
    let mut deliveries = Vec::new();
    let away_until = shop.away_until();
    if away_until.is_none() {
        while shop.outbox.under_way() < UNDER_WAY_MAX {
            let Some(delivery) = shop.outbox.take_due(shop.now) else {
                break;
            };
            shop.counters.webhooks_sent += 1;
            deliveries.push(delivery);
        }
    }
    let has_room = shop.outbox.under_way() < UNDER_WAY_MAX;
    let next_webhook = shop.outbox.next_due().filter(|_| has_room);
    let next_webhook = match (next_webhook, away_until) {
        (Some(at), Some(until)) => Some(at.max(until)),
        (next, _) => next,
    };
    let next = [shop.next_due(), next_webhook].into_iter().flatten().min();
    Step { deliveries, next }
}

async fn sleep(clock: &dyn Clock, rest: Option<Duration>) {
    match rest {
        Some(rest) => clock.sleep(rest).await,
        None => std::future::pending().await,
    }
}
