//! Reads orders that somebody said have changed: one read per order under way, several in a call.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::order::Fetched;
use channelsync_contract::{OrderId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::{Change, Command, Happened, Source};
use crate::normalize;
use crate::store::parked::ParkedError;

const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// Looks for due orders at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Orders that were read and are still wanted: not before, and how often.
type Again = BTreeMap<OrderId, (Timestamp, u32)>;

/// Reads wanted orders until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let mut again = Again::new();
    let mut failures = 0_u32;
    let mut published = feed.book.watch();
    loop {
        published.mark_unchanged();
        // After failures orders are asked for singly: one of them may be what fails.
        let most = if failures > 1 {
            1
        } else {
            feed.connector.capabilities.fetch_max
        };
        let (due, left) = due(feed, std::mem::take(&mut again), most).await?;
        again = left;
        if due.is_empty() {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = feed.clock.sleep(LOOK_EVERY) => {}
                changed = published.changed() => changed.map_err(|_| BookError::Stopped)?,
            }
            continue;
        }
        let began = feed.clock.now();
        match feed.connector.orders.fetch(&due).await {
            Ok(fetched) => {
                failures = 0;
                feed.succeeded("fetch");
                note(&mut again, &due, feed.clock.now());
                match changes(feed, fetched) {
                    Ok(changes) => book(feed, began, changes).await?,
                    Err(error) => {
                        feed.board
                            .ended("fetch", feed.clock.now(), Some(error.to_string()));
                    }
                }
            }
            Err(error) => {
                let pause = feed.failed("fetch", &error, failures);
                failures = failures.saturating_add(1);
                note(&mut again, &due, feed.clock.now());
                if !feed.rest(pause, None, &stop).await {
                    return Ok(());
                }
            }
        }
        if stop.is_cancelled() {
            return Ok(());
        }
    }
}

async fn due(feed: &Feed, again: Again, most: usize) -> Result<(Vec<OrderId>, Again), BookError> {
    let (channel, now, rows_max) = (feed.channel.clone(), feed.clock.now(), feed.read_rows_max);
    let read = feed.book.wait_and_read(move |ledger| {
        let mut again = again;
        let Some(known) = ledger.channel_named(channel.as_str()) else {
            return (Vec::new(), again);
        };
        again.retain(|order, _| known.wanted.contains_key(order));
        let rested = |order: &OrderId| again.get(order).is_none_or(|(at, _)| *at <= now);
        let wanted = known.wanted.iter().take(rows_max);
        let due = wanted.filter(|(order, wanted)| wanted.since <= now && rested(order));
        let due: Vec<OrderId> = due.map(|(order, _)| order.clone()).take(most).collect();
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
                let kept = feed
                    .park
                    .keep(feed.rng.as_ref(), &feed.channel, what, &record)?;
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
