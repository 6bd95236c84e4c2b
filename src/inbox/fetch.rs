//! Reads orders that somebody said have changed: one read per order under way, several in a call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelsync_contract::connector::{ConnectorError, NextStep};
use channelsync_contract::order::Fetched;
use channelsync_contract::{OrderId, Timestamp};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::{Change, Command, Happened, Source};
use crate::normalize;
use crate::store::parked::ParkedError;

const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// Looks for due orders at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads under way at once: waits of one do not hold up the others.
const READS_MAX: usize = 4;
/// An order whose reads failed this often is asked for singly: it may be what fails.
const TOGETHER_MAX: u32 = 4;
/// After more failures in a row, of whatever orders, it is the channel: all reads pause, and no order
/// is blamed.
const IN_A_ROW_MAX: u32 = 2;

/// Orders that were read and are still wanted: not before, and how often.
type Again = BTreeMap<OrderId, (Timestamp, u32)>;

/// A read that came back.
struct Ended {
    orders: Vec<OrderId>,
    result: Result<(), ConnectorError>,
}

/// Reads wanted orders until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let mut under_way: FuturesUnordered<BoxFuture<'_, Result<Ended, BookError>>> =
        FuturesUnordered::new();
    let mut busy: BTreeSet<OrderId> = BTreeSet::new();
    let mut again = Again::new();
    let mut failures = 0_u32;
    let mut not_before = Duration::ZERO;
    let mut published = feed.book.watch();
    loop {
        published.mark_unchanged();
        let rested = feed.clock.uptime() >= not_before;
        if rested && under_way.len() < READS_MAX && !stop.is_cancelled() {
            let (due, left) = due(feed, std::mem::take(&mut again), busy.clone()).await?;
            again = left;
            if !due.is_empty() {
                busy.extend(due.iter().cloned());
                under_way.push(Box::pin(read(feed, due)));
                continue;
            }
        }
        if stop.is_cancelled() && under_way.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            Some(ended) = under_way.next(), if !under_way.is_empty() => {
                let Ended { orders, result } = ended?;
                busy.retain(|order| !orders.contains(order));
                let step = result.as_ref().err().map(ConnectorError::next_step);
                // Transport holds back the whole account by itself, and no order is at fault.
                if !matches!(step, Some(NextStep::RetryAfter(_))) {
                    failures = step.map_or(0, |_| failures.saturating_add(1));
                    if failures <= IN_A_ROW_MAX {
                        note(&mut again, &orders, feed.clock.now());
                    }
                }
                match result {
                    Ok(()) => feed.succeeded("fetch"),
                    Err(error) => {
                        // Always the first pause: a channel that is gone is left alone by its breaker.
                        let pause = feed.failed("fetch", &error, 0);
                        if failures > IN_A_ROW_MAX || step == Some(NextStep::PauseChannel) {
                            not_before = feed.clock.uptime() + pause;
                        }
                    }
                }
            }
            () = stop.cancelled(), if !stop.is_cancelled() => {}
            changed = published.changed(), if rested && under_way.len() < READS_MAX => {
                changed.map_err(|_| BookError::Stopped)?;
            }
            () = feed.clock.sleep(LOOK_EVERY) => {}
        }
    }
}

async fn read(feed: &Feed, orders: Vec<OrderId>) -> Result<Ended, BookError> {
    let began = feed.clock.now();
    let fetched = match feed.connector.orders.fetch(&orders).await {
        Ok(fetched) => fetched,
        Err(error) => {
            return Ok(Ended {
                orders,
                result: Err(error),
            });
        }
    };
    match changes(feed, fetched) {
        Ok(changes) => book(feed, began, changes).await?,
        Err(error) => {
            feed.board
                .ended("fetch", feed.clock.now(), Some(error.to_string()));
        }
    }
    Ok(Ended {
        orders,
        result: Ok(()),
    })
}

async fn due(
    feed: &Feed,
    again: Again,
    busy: BTreeSet<OrderId>,
) -> Result<(Vec<OrderId>, Again), BookError> {
    let (channel, now, rows_max) = (feed.channel.clone(), feed.clock.now(), feed.read_rows_max);
    let most = feed.connector.capabilities.fetch_max;
    let read = feed.book.wait_and_read(move |ledger| {
        let mut again = again;
        let Some(known) = ledger.channel_named(channel.as_str()) else {
            return (Vec::new(), again);
        };
        again.retain(|order, _| known.wanted.contains_key(order));
        let rested = |order: &OrderId| again.get(order).is_none_or(|(at, _)| *at <= now);
        let free = |order: &OrderId| !busy.contains(order) && rested(order);
        let wanted = known.wanted.iter().take(rows_max);
        let tries = |order: &OrderId| again.get(order).map_or(0, |(_, tries)| *tries);
        let due = wanted.filter(|(order, wanted)| wanted.since <= now && free(order));
        let mut due = due.map(|(order, _)| order).peekable();
        let alone = |order: &&OrderId| tries(order) >= TOGETHER_MAX;
        let due: Vec<OrderId> = match due.next_if(alone) {
            Some(order) => vec![order.clone()],
            None => due
                .filter(|order| !alone(order))
                .take(most)
                .cloned()
                .collect(),
        };
        (due, again)
    });
    read.await
}

/// An order that is still wanted after its read is asked for again, later each time.
fn note(again: &mut Again, due: &[OrderId], now: Timestamp) {
    for order in due {
        let tries = again.get(order).map_or(0, |(_, tries)| *tries);
        let pause = AGAIN_FIRST
            .saturating_mul(2_u32.saturating_pow(tries.min(10)))
            .min(AGAIN_MAX);
        again.insert(order.clone(), (now.plus(pause), tries.saturating_add(1)));
    }
}

fn changes(feed: &Feed, fetched: Vec<Fetched>) -> Result<Vec<Change>, ParkedError> {
    let mut changes = Vec::with_capacity(fetched.len());
    for fetched in fetched {
        match fetched {
            Fetched::Order(snapshot) => {
                changes.push(Change::Order(Box::new(normalize::order(*snapshot))));
            }
            Fetched::Absent(order) => changes.push(Change::Absent(order)),
            Fetched::Unreadable { order, why, record } => {
                let what = ("fetched order", format!("order {order}: {why}"));
                let kept = feed.park.keep(&feed.channel, what, &record)?;
                changes.push(Change::Parked(Box::new(kept)));
                changes.push(Change::Absent(order));
            }
        }
    }
    Ok(changes)
}

async fn book(feed: &Feed, began: Timestamp, changes: Vec<Change>) -> Result<(), BookError> {
    let (channel, source) = (feed.channel.clone(), Source::Fetch);
    let happened = Happened {
        channel,
        source,
        began,
        changes,
        polled: None,
    };
    let origin = feed.origin("fetch", began.to_string());
    feed.book.book(Command::Report(happened), origin).await?;
    Ok(())
}
